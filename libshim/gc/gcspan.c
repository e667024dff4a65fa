// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcspan: runs of pages that hold collected objects, found from any address.
 *
 * Unused descriptors are kept on a list for the next span, so that a marker
 * that still has a pointer to one never reads unmapped memory.
 */
#include <string.h>

#include "dirty.h"
#include "gcmeta.h"
#include "gcpages.h"
#include "gcspan.h"
#include "base/lock.h"

struct gcmap **gcmap_root;
uintptr_t gcmap_low;
uintptr_t gcmap_high;
/*
 * The same, for programs: gc/gc_mark.h.  Theirs are copies in the program itself
 * where it was compiled to have them, so that ours cannot be these.
 */
#pragma GCC visibility push(default)
void *GC_least_plausible_heap_addr;
void *GC_greatest_plausible_heap_addr;
#pragma GCC visibility pop

static struct shim_lock map_lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static struct gcspan *unused;		/* under map_lock */
static size_t nr_pages;			/* atomic */

bool gcspan_init(void)
{
	if (!gcmap_root)
		gcmap_root = gcmeta_map(GC_AREAS * sizeof(*gcmap_root));
	return gcmap_root;
}

struct gcspan *gcspan_get(size_t npages, size_t bytes, unsigned int nobjs,
			  enum gc_kind kind, unsigned int cls)
{
	struct gcspan *s;

	shim_lock_acquire(&map_lock);
	s = unused;
	if (s)
		unused = s->next;
	shim_lock_release(&map_lock);
	if (!s) {
		s = gcmeta_alloc(sizeof(*s));
		if (!s)
			return NULL;
	}
	s->start = (uintptr_t)gcpages_get(npages, gc_has_pointers(kind), s,
					  &s->seam, &s->is_zero);
	if (!s->start) {
		shim_lock_acquire(&map_lock);
		s->next = unused;
		unused = s;
		shim_lock_release(&map_lock);
		return NULL;
	}
	s->npages = npages;
	s->bytes = bytes;
	s->size = nobjs > 1 ? bytes : 0;
	s->recip = nobjs > 1 ? (((uint64_t)1 << 32) + bytes - 1) / bytes : 0;
	s->nobjs = nobjs;
	s->nfree = nobjs;
	s->kind = kind;
	s->cls = cls;
	s->asked = bytes;
	s->late = false;
	memset(s->alloc, 0, sizeof(s->alloc));
	memset(s->mark, 0, sizeof(s->mark));
	__atomic_add_fetch(&nr_pages, npages, __ATOMIC_RELAXED);
	return s;
}

/* Release order: a thread that finds the span finds it complete. */
static void set_pages(struct gcspan *s, struct gcspan *to)
{
	uintptr_t p = s->start;
	uint32_t i;

	for (i = 0; i < s->npages; i++, p += GC_PAGE)
		__atomic_store_n(&gcmap_root[p >> GC_AREA_SHIFT]->page
				 [(p >> GC_PAGE_SHIFT) % GC_AREA_PAGES], to,
				 __ATOMIC_RELEASE);
}

static void set_bounds(uintptr_t low, uintptr_t high)
{
	if (!gcmap_high || low < gcmap_low) {
		__atomic_store_n(&gcmap_low, low, __ATOMIC_RELAXED);
		__atomic_store_n(&GC_least_plausible_heap_addr, (void *)low,
				 __ATOMIC_RELAXED);
	}
	if (high > gcmap_high) {
		__atomic_store_n(&gcmap_high, high, __ATOMIC_RELAXED);
		__atomic_store_n(&GC_greatest_plausible_heap_addr, (void *)high,
				 __ATOMIC_RELAXED);
	}
}

bool gcspan_publish(struct gcspan *s)
{
	uintptr_t end = s->start + s->npages * GC_PAGE;
	uintptr_t p;
	/* the kernel gives such an address only to who asks for one */
	bool ok = !((end - 1) >> GC_ADDRESS_BITS);

	shim_lock_acquire(&map_lock);
	for (p = s->start >> GC_AREA_SHIFT;
	     ok && p <= (end - 1) >> GC_AREA_SHIFT; p++) {
		struct gcmap *map = gcmap_root[p];

		if (map)
			continue;
		map = gcmeta_map(sizeof(*map));
		ok = map;
		__atomic_store_n(&gcmap_root[p], map, __ATOMIC_RELEASE);
	}
	if (ok)
		set_bounds(s->start, end);
	shim_lock_release(&map_lock);
	if (!ok) {
		s->npages = (end - s->start) / GC_PAGE;
		gcspan_put(s);
		return false;
	}
	dirty_add(s->start, end);
	set_pages(s, s);
	return true;
}

void gcspan_put(struct gcspan *s)
{
	if (gcspan_of(s->start) == s) {
		dirty_remove(s->start, s->start + s->npages * GC_PAGE);
		set_pages(s, NULL);
	}
	__atomic_sub_fetch(&nr_pages, s->npages, __ATOMIC_RELAXED);
	gcpages_put(s->seam, (void *)s->start, s->npages);
	s->nobjs = 0;
	s->start = 0;
	shim_lock_acquire(&map_lock);
	s->next = unused;
	unused = s;
	shim_lock_release(&map_lock);
}

void gcspan_list_add(struct gcspan_list *list, struct gcspan *s)
{
	s->prev = NULL;
	s->next = list->head;
	if (list->head)
		list->head->prev = s;
	else
		list->tail = s;
	list->head = s;
	list->n++;
}

void gcspan_list_del(struct gcspan_list *list, struct gcspan *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		list->head = s->next;
	if (s->next)
		s->next->prev = s->prev;
	else
		list->tail = s->prev;
	s->next = NULL;
	s->prev = NULL;
	list->n--;
}

struct gcspan *gcspan_list_pop(struct gcspan_list *list)
{
	struct gcspan *s = list->head;

	if (s)
		gcspan_list_del(list, s);
	return s;
}

void gcspan_list_join(struct gcspan_list *to, struct gcspan_list *from)
{
	if (!from->head)
		return;
	from->head->prev = to->tail;
	if (to->tail)
		to->tail->next = from->head;
	else
		to->head = from->head;
	to->tail = from->tail;
	to->n += from->n;
	*from = (struct gcspan_list){ NULL, NULL, 0 };
}

size_t gcspan_pages(void)
{
	return __atomic_load_n(&nr_pages, __ATOMIC_RELAXED);
}

const size_t *gcspan_pages_where(void)
{
	return &nr_pages;
}

const char *gcspan_is_valid(const struct gcspan *s)
{
	uintptr_t last = s->start + s->npages * GC_PAGE - 1;
	unsigned int i;

	if (gcspan_of(s->start) != s || gcspan_of(last) != s)
		return "the map does not name the span";
	if (!s->nobjs || s->nobjs > GC_MAX_OBJS)
		return "number of objects";
	if (s->nobjs * s->bytes > s->npages * GC_PAGE)
		return "objects do not fit their pages";
	if (s->kind >= GC_KINDS)
		return "kind";
	for (i = s->nobjs; i < GC_MAX_OBJS; i++)
		if (gcspan_bit(s->alloc, i) || gcspan_bit(s->mark, i))
			return "a bit behind the last object";
	for (i = 0; i < GC_WORDS; i++)
		if (s->mark[i] & ~s->alloc[i])
			return "an object is marked that is not allocated";
	return NULL;
}

void gcspan_fork_prepare(void)
{
	shim_lock_acquire(&map_lock);
}

void gcspan_fork_done(void)
{
	shim_lock_release(&map_lock);
}
