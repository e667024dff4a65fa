// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcfree: free() and realloc() of another malloc() never get a collected object.
 *
 * Passed to the C library's free(), such an object would be taken for one of its
 * own, kept, and handed out by the next malloc() while the collector has it too.
 * libshim tells its own spans from others; any other malloc() does not, so these
 * two stand before it: they report the object and end the process, and pass
 * everything else on.
 *
 * They are weak: with libshim.a, or the C library's archive, in the program the
 * functions there are taken.  A malloc() that is preloaded comes before these,
 * and gets what it is given.
 *
 * Called by the application.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "gcalloc.h"
#include "gclog.h"
#include "gcspan.h"

typedef void (*free_fn)(void *p);
typedef void *(*realloc_fn)(void *p, size_t size);

#define REPLACEMENT	__attribute__((weak, visibility("default")))

/* atomic: found at the first call, by any thread, always the same */
static free_fn next_free;
static realloc_fn next_realloc;

static void *find_next(void **where, const char *name)
{
	void *fn = __atomic_load_n(where, __ATOMIC_RELAXED);

	if (__builtin_expect(!!fn, 1))
		return fn;
	fn = dlsym(RTLD_NEXT, name);
	if (!fn)
		gclog_die("%s(): there is no malloc() behind libshim-gc", name);
	__atomic_store_n(where, fn, __ATOMIC_RELAXED);
	return fn;
}

static void refuse(const char *who, const void *p)
{
	/* the map has an entry for each page of a span */
	if (__builtin_expect(gcmap_root && gcspan_of((uintptr_t)p), 0))
		gclog_die("%s(): %p is a collected object", who, p);
}

REPLACEMENT void free(void *p)
{
	free_fn fn = find_next((void **)&next_free, "free");

	refuse("free", p);
	fn(p);
}

REPLACEMENT void *realloc(void *p, size_t size)
{
	realloc_fn fn = find_next((void **)&next_realloc, "realloc");

	refuse("realloc", p);
	return fn(p, size);
}
