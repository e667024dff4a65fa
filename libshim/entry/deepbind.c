// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * deepbind: plugins that are opened with RTLD_DEEPBIND use our malloc(), too.
 *
 * The flag lets a plugin prefer the symbols of its own dependencies to those of
 * the program.  The C library is one of them: the plugin then calls the C
 * library's free() for memory that the program's malloc(), which is ours, has
 * returned.  No replacement allocator can work that way, so the flag is
 * dropped.  The option deepbind=1 keeps it, for plugins that need their own
 * symbols more than they need to exchange memory with the program.
 *
 * Keeps true: the C library's dlopen() sees the original caller.  It identifies
 * its caller by the return address and searches for libraries as that caller
 * would (RUNPATH, namespace); so we jump to it instead of calling it.  Not part
 * of the static archive.  Called by the application.
 */
#include <dlfcn.h>
#include <stddef.h>

#include "base/conf.h"
#include "base/error.h"
#include "entry.h"

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND	0	/* musl has no such thing */
#endif

typedef void *(*open_fn)(const char *file, int flags);

static open_fn real_open;

/* Not inlined: the frame must be gone when dlopen() goes on. */
static __attribute__((noinline)) open_fn real_find(void)
{
	open_fn fn = (open_fn)dlsym(RTLD_NEXT, "dlopen");

	if (!fn)
		shim_bug("the C library has no dlopen()", NULL);
	__atomic_store_n(&real_open, fn, __ATOMIC_RELAXED);
	return fn;
}

SHIM_EXPORT void *dlopen(const char *file, int flags)
{
	open_fn fn = __atomic_load_n(&real_open, __ATOMIC_RELAXED);

	if (!fn)
		fn = real_find();
	if (!shim_conf.deepbind)
		flags &= ~RTLD_DEEPBIND;
	return fn(file, flags);
}
