// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * heap_span: where the memory of heaps comes from.
 *
 * Keeps true: with the seam, a span's data is its heap.  Without it, a hash
 * table has every 64 KiB of a mapping, by which an address finds its heap;
 * tab.lock guards the table, which is less than half full, and the handle is
 * not used.
 *
 * The last few spans of 64 KiB that heaps gave back are kept for the next heap
 * (that of the next request, or tenant), and go back when they have been unused
 * for a while.  They belong to no heap: their data is NULL.  kept.lock guards
 * them and is taken after a heap's.
 *
 * Called by heap_seg and heap_fit, with the heap's lock held.
 */
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "box.h"
#include "box_fork.h"
#include "heap_span.h"
#include "seam/seam.h"

static const struct seam_owner heap_owner = { "shim_heap", SEAM_BOX };

void __asan_unpoison_memory_region(const volatile void *p, size_t n)
	__attribute__((weak));

struct entry {
	uintptr_t granule;	/* address / HEAP_SPAN_ALIGN, 0 if free */
	struct shim_heap *heap;
};

static struct {
	struct box_lock lock;
	struct entry *entry;
	size_t size;		/* a power of two, or 0 */
	size_t n;		/* entries that are not free */
} tab;

static struct box_once tab_once = BOX_ONCE_INIT;

static void tab_init(void)
{
	box_lock_init(&tab.lock, BOX_LOCK_SPANS);
}

#define KEEP	8u	/* spans: half a megabyte */

static struct {
	struct box_lock lock;
	unsigned int n;
	bool idle;		/* none was used since the last idle call */
	struct seam_span *span[KEEP];
} kept;

static struct box_once kept_once = BOX_ONCE_INIT;

/* Runs in a thread that allocates or frees: see seam.h. */
static void kept_idle(void)
{
	struct seam_span *old[KEEP];
	unsigned int n = 0;

	shim_lock_acquire_nested(&kept.lock.lock);
	if (kept.idle)
		while (kept.n)
			old[n++] = kept.span[--kept.n];
	kept.idle = true;
	shim_lock_release(&kept.lock.lock);
	while (n)
		seam_span_put(old[--n]);
}

static void kept_init(void)
{
	box_lock_init(&kept.lock, BOX_LOCK_SPANS);
	seam_on_idle(SEAM_BOX, kept_idle);
}

static struct seam_span *kept_take_maybe_null(struct shim_heap *heap)
{
	struct seam_span *span = NULL;

	if (!__atomic_load_n(&kept.n, __ATOMIC_RELAXED))
		return NULL;
	shim_lock_acquire_nested(&kept.lock.lock);
	kept.idle = false;
	if (kept.n) {
		span = kept.span[--kept.n];
		span->data = heap;
	}
	shim_lock_release(&kept.lock.lock);
	return span;
}

static bool kept_put(struct seam_span *span)
{
	bool full;

	box_once(&kept_once, kept_init);
	shim_lock_acquire_nested(&kept.lock.lock);
	full = kept.n == KEEP;
	if (!full) {
		span->data = NULL;
		kept.span[kept.n++] = span;
	}
	shim_lock_release(&kept.lock.lock);
	return !full;
}

static size_t hash(uintptr_t granule)
{
	return (size_t)(granule * 0x9e3779b97f4a7c15ull >> 20) &
	       (tab.size - 1);
}

static struct entry *find(uintptr_t granule)
{
	size_t i = hash(granule);

	while (tab.entry[i].granule && tab.entry[i].granule != granule)
		i = (i + 1) & (tab.size - 1);
	return &tab.entry[i];
}

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Room for @more entries. */
static bool tab_grow(size_t more)
{
	struct entry *old = tab.entry, *e;
	size_t size = tab.size, i, was = tab.size;

	if (!size)
		size = 1024;
	while (2 * (tab.n + more) > size)
		size *= 2;
	if (size == was)
		return true;
	e = map(size * sizeof(*e));
	if (!e)
		return false;
	tab.entry = e;
	tab.size = size;
	for (i = 0; i < was; i++)
		if (old[i].granule)
			*find(old[i].granule) = old[i];
	if (was)
		munmap(old, was * sizeof(*old));
	return true;
}

/* Move entries that the hole would hide from find(). */
static void tab_remove(struct entry *hole)
{
	size_t i = (size_t)(hole - tab.entry), j = i;

	for (;;) {
		size_t home;

		j = (j + 1) & (tab.size - 1);
		if (!tab.entry[j].granule)
			break;
		home = hash(tab.entry[j].granule);
		if (((j - home) & (tab.size - 1)) <
		    ((j - i) & (tab.size - 1)))
			continue;
		tab.entry[i] = tab.entry[j];
		i = j;
	}
	tab.entry[i].granule = 0;
	tab.n--;
}

static void *mapping_get(struct shim_heap *heap, size_t bytes)
{
	size_t n = (bytes + HEAP_SPAN_ALIGN - 1) / HEAP_SPAN_ALIGN, i, skip;
	char *p;

	bytes = n * HEAP_SPAN_ALIGN;
	p = map(bytes + HEAP_SPAN_ALIGN);
	if (!p)
		return NULL;
	skip = -(uintptr_t)p & (HEAP_SPAN_ALIGN - 1);
	if (skip)
		munmap(p, skip);
	p += skip;
	munmap(p + bytes, HEAP_SPAN_ALIGN - skip);
	shim_lock_acquire_nested(&tab.lock.lock);
	if (!tab_grow(n)) {
		shim_lock_release(&tab.lock.lock);
		munmap(p, bytes);
		return NULL;
	}
	for (i = 0; i < n; i++) {
		uintptr_t granule = (uintptr_t)p / HEAP_SPAN_ALIGN + i;
		struct entry *e = find(granule);

		e->granule = granule;
		e->heap = heap;
	}
	tab.n += n;
	shim_lock_release(&tab.lock.lock);
	return p;
}

void *heap_span_get(struct shim_heap *heap, size_t bytes, void **handle)
{
	struct seam_span *span;

	*handle = NULL;
	if (!box_has_seam()) {
		box_once(&tab_once, tab_init);
		return mapping_get(heap, bytes);
	}
	span = bytes == HEAP_SPAN_ALIGN ? kept_take_maybe_null(heap) : NULL;
	if (!span)
		span = seam_span_get(bytes / SEAM_PAGE_SIZE,
				     HEAP_SPAN_ALIGN / SEAM_PAGE_SIZE,
				     &heap_owner, heap, NULL);
	*handle = span;
	return span ? (void *)span->start : NULL;
}

void heap_span_set(void *mem, void *handle, struct shim_heap *heap)
{
	struct seam_span *span = handle;

	if (span) {
		span->data = heap;
		return;
	}
	shim_lock_acquire_nested(&tab.lock.lock);
	find((uintptr_t)mem / HEAP_SPAN_ALIGN)->heap = heap;
	shim_lock_release(&tab.lock.lock);
}

void heap_span_put(void *mem, size_t bytes, void *handle)
{
	size_t n = (bytes + HEAP_SPAN_ALIGN - 1) / HEAP_SPAN_ALIGN, i;

	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(mem, bytes);
	if (handle) {
		if (bytes != HEAP_SPAN_ALIGN || !kept_put(handle))
			seam_span_put(handle);
		return;
	}
	shim_lock_acquire_nested(&tab.lock.lock);
	for (i = 0; i < n; i++)
		tab_remove(find((uintptr_t)mem / HEAP_SPAN_ALIGN + i));
	shim_lock_release(&tab.lock.lock);
	munmap(mem, n * HEAP_SPAN_ALIGN);
}

struct shim_heap *heap_span_owner(const void *p)
{
	struct shim_heap *heap = NULL;

	if (box_has_seam()) {
		const struct seam_span *span = seam_span_of(p);

		return span && span->owner == &heap_owner ? span->data : NULL;
	}
	shim_lock_acquire_nested(&tab.lock.lock);
	if (tab.size) {
		struct entry *e = find((uintptr_t)p / HEAP_SPAN_ALIGN);

		if (e->granule)
			heap = e->heap;
	}
	shim_lock_release(&tab.lock.lock);
	return heap;
}
