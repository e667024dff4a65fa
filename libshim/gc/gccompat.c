// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gccompat: libgc's functions for objects, collections and roots, on top of
 * ours.
 *
 * What differs is in shim_gc(3).
 *
 * Called by the application.
 */
#include <errno.h>
#include <string.h>

#pragma GCC visibility push(default)
#include "compat/gc/gc.h"
#pragma GCC visibility pop

#include "gcstart.h"
#include "gcalloc.h"
#include "gclog.h"
#include "mark.h"
#include "roots.h"
#include "special.h"

static int disabled;		/* atomic */

static void *memory(void *p, size_t size)
{
	if (__builtin_expect(!p, 0))
		return GC_get_oom_fn()(size);
	return p;
}

static inline void start(void)
{
	if (__builtin_expect(!__atomic_load_n(&gc_started, __ATOMIC_ACQUIRE),
			     0))
		GC_init();
}

/* A thread that has an object at hand has started the collector. */
void *GC_malloc(size_t size)
{
	void *p = gcalloc_quick(size, GC_SCAN);

	if (__builtin_expect(!!p, 1))
		return p;
	start();
	return memory(gcalloc(size, GC_SCAN), size);
}

void *GC_malloc_atomic(size_t size)
{
	void *p = gcalloc_quick(size, GC_DATA);

	if (__builtin_expect(!!p, 1))
		return p;
	start();
	return memory(gcalloc(size, GC_DATA), size);
}

static void *pinned(void *p, size_t size)
{
	if (p && special_pin(p)) {
		gcalloc_free(p);
		p = NULL;
	}
	return memory(p, size);
}

void *GC_malloc_uncollectable(size_t size)
{
	start();
	return pinned(gcalloc(size, GC_SCAN), size);
}

void *GC_malloc_atomic_uncollectable(size_t size)
{
	start();
	return pinned(gcalloc(size, GC_DATA), size);
}

void *GC_malloc_ignore_off_page(size_t size)
{
	return GC_malloc(size);
}

void *GC_malloc_atomic_ignore_off_page(size_t size)
{
	return GC_malloc_atomic(size);
}

void *GC_malloc_stubborn(size_t size)
{
	return GC_malloc(size);
}

void *GC_realloc(void *p, size_t size)
{
	start();
	if (p && !size) {
		GC_free(p);
		return NULL;
	}
	return memory(shim_gc_realloc(p, size), size);
}

void GC_free(void *p)
{
	shim_gc_free(p);
}

char *GC_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = GC_malloc_atomic(len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = 0;
	} else {
		errno = ENOMEM;
	}
	return p;
}

char *GC_strdup(const char *s)
{
	return s ? GC_strndup(s, strlen(s)) : NULL;
}

/*
 * Objects whose size is a power of two are aligned to it, up to a page.  For a
 * larger alignment the object is made larger, and an address inside it is
 * returned.
 */
void *GC_memalign(size_t align, size_t size)
{
	size_t round = 16;
	uintptr_t p;

	if (size > PTRDIFF_MAX || align > PTRDIFF_MAX)
		return memory(NULL, size);
	while (round < size || round < align)
		round *= 2;
	if (align <= 16)
		return GC_malloc(size);
	if (align <= GC_PAGE && round <= SIZECLASS_MAX)
		return GC_malloc(round);
	p = (uintptr_t)GC_malloc(size + align);
	return p ? (void *)((p + align - 1) & ~(align - 1)) : NULL;
}

int GC_posix_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	p = GC_memalign(align, size);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *GC_base(void *p)
{
	return shim_gc_base(p);
}

size_t GC_size(const void *p)
{
	return shim_gc_size(p);
}

int GC_is_heap_ptr(const void *p)
{
	return shim_gc_base(p) ? 1 : 0;
}

void *GC_malloc_many(size_t size)
{
	void *head = NULL, *p;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		p = GC_malloc(size < sizeof(p) ? sizeof(p) : size);
		if (!p)
			break;
		GC_NEXT(p) = head;
		head = p;
	}
	return head;
}

void *GC_is_visible(void *p)
{
	return p;
}

void *GC_is_valid_displacement(void *p)
{
	return p;
}

void *GC_same_obj(void *p, void *q)
{
	void *base = shim_gc_base(p);

	if (base && base != shim_gc_base(q) &&
	    (uintptr_t)q - (uintptr_t)base != shim_gc_size(base))
		gclog_die("GC_same_obj: %p and %p are not in the same object", p, q);
	return p;
}

void GC_register_displacement(size_t n)
{
	mark_add_displacement(n);
}

void GC_gcollect(void)
{
	start();
	shim_gc_collect();
}

void GC_gcollect_and_unmap(void)
{
	GC_gcollect();
}

int GC_try_to_collect(GC_stop_func fn)
{
	if (fn && fn())
		return 0;
	start();
	return !shim_gc_collect();
}

int GC_collect_a_little(void)
{
	return 0;
}

void GC_disable(void)
{
	__atomic_add_fetch(&disabled, 1, __ATOMIC_RELAXED);
	shim_gc_disable();
}

void GC_enable(void)
{
	__atomic_sub_fetch(&disabled, 1, __ATOMIC_RELAXED);
	shim_gc_enable();
}

int GC_is_disabled(void)
{
	return __atomic_load_n(&disabled, __ATOMIC_RELAXED) > 0;
}

void GC_enable_incremental(void)
{
	start();
}

int GC_is_incremental_mode(void)
{
	return 0;
}

static struct shim_gc_stat numbers(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st;
}

void GC_dump(void)
{
	struct shim_gc_stat st = numbers();

	gclog("heap %lu, live %lu, since %lu, collections %lu", st.heap,
	      st.live, st.since, st.collections);
}

GC_word GC_get_gc_no(void)
{
	return numbers().collections;
}

size_t GC_get_heap_size(void)
{
	return numbers().heap;
}

size_t GC_get_free_bytes(void)
{
	struct shim_gc_stat st = numbers();
	size_t used = st.live + st.since;

	return used < st.heap ? st.heap - used : 0;
}

size_t GC_get_unmapped_bytes(void)
{
	return 0;
}

size_t GC_get_bytes_since_gc(void)
{
	return numbers().since;
}

size_t GC_get_total_bytes(void)
{
	return numbers().total;
}

size_t GC_get_memory_use(void)
{
	struct shim_gc_stat st = numbers();

	return st.live + st.since;
}

size_t GC_get_expl_freed_bytes_since_gc(void)
{
	return 0;
}

void GC_get_heap_usage_safe(GC_word *heap_size, GC_word *free_bytes,
			    GC_word *unmapped_bytes, GC_word *bytes_since_gc,
			    GC_word *total_bytes)
{
	struct shim_gc_stat st = numbers();

	if (heap_size)
		*heap_size = st.heap;
	if (free_bytes)
		*free_bytes = GC_get_free_bytes();
	if (unmapped_bytes)
		*unmapped_bytes = 0;
	if (bytes_since_gc)
		*bytes_since_gc = st.since;
	if (total_bytes)
		*total_bytes = st.total;
}

void GC_end_stubborn_change(const void *p)
{
	(void)p;
}

void GC_ptr_store_and_dirty(void *p, const void *q)
{
	*(const void **)p = q;
}

void GC_add_roots(void *low, void *high_plus_1)
{
	start();
	roots_add((uintptr_t)low, (uintptr_t)high_plus_1);
}

void GC_remove_roots(void *low, void *high_plus_1)
{
	roots_remove((uintptr_t)low, (uintptr_t)high_plus_1);
}

void GC_clear_roots(void)
{
	roots_remove(0, UINTPTR_MAX);
	roots_set_segments(false);
}

void GC_exclude_static_roots(void *low, void *high_plus_1)
{
	roots_skip((uintptr_t)low, (uintptr_t)high_plus_1);
}
