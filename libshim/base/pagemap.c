// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pagemap, the slow half: making maps, entering and removing spans.
 *
 * A map is zeroed before it is published, and is never removed.  The root is
 * copied when an area below its lowest is added, that is when the heap begins a
 * new window of addresses.  An entry belongs to the owner of its page: the page
 * heap while the page is free (the entry is then empty), the layer that holds
 * the span otherwise.
 *
 * A large span fills the entry of its first page and no other: entering a
 * terabyte costs one write, and the areas it covers need no map.  To find the
 * span around an interior pointer, search backwards for the nearest entry.
 */
#include <string.h>

#include "meta.h"
#include "pagemap.h"
#include "sys.h"

/*
 * How far pagemap_owner() searches back: 1 TiB, for which it reads 128 KiB of
 * the root, and maps.
 */
#define OWNER_AREAS	((size_t)1 << (40 - AREA_SHIFT))

struct pagemap pagemap;

/* A page of the root: entries for 32 GiB. */
#define ROOT_GRAIN	512u

_Static_assert(AREA_SIZE % BLOCK_SIZE == 0, "a block lies in one area");
_Static_assert(sizeof(struct span) <= 128, "two cache lines for a wide one");
_Static_assert(offsetof(struct area_map, class) == 0,
	       "an entry leads to a class by the number of its page");

/*
 * Make the root have entries for @count areas.  The old root stays: its readers
 * find in it what was there when they came.
 */
static bool root_grow(size_t count)
{
	size_t len, last = count - 1;
	long p;

	count = (count + ROOT_GRAIN - 1) & ~(size_t)(ROOT_GRAIN - 1);
	len = count * sizeof(pagemap.root[0]);
	p = sys_mmap(0, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (sys_failed(p))
		return false;
	/*
	 * where the kernel gives huge pages unasked, one would hold two entries
	 */
	sys_madvise((uintptr_t)p, len, MADV_NOHUGEPAGE);
	if (pagemap.count)
		memcpy((void *)p, pagemap.root,
		       pagemap.count * sizeof(pagemap.root[0]));
	/* about to be looked at and set: one page fault instead of two */
	((uintptr_t *)p)[last] = 0;
	__atomic_store_n(&pagemap.root, (uintptr_t *)p, __ATOMIC_RELEASE);
	/* pairs with pagemap_has() */
	__atomic_store_n(&pagemap.count, count, __ATOMIC_RELEASE);
	return true;
}

/* The near areas begin with this one. */
static void near_begin(uintptr_t area)
{
	static uint8_t class[PAGEMAP_NEAR * AREA_PAGES] SHIM_BSS_LARGE;

	pagemap.near_end = ((area + PAGEMAP_NEAR) << AREA_SHIFT) - 16;
	pagemap.near_class = (uintptr_t)class - area * AREA_PAGES;
	/* release: pairs with pagemap_is_near() */
	__atomic_store_n(&pagemap.near_size, PAGEMAP_NEAR * AREA_SIZE / 16,
			 __ATOMIC_RELEASE);
}

bool pagemap_add(uintptr_t start, size_t len)
{
	uintptr_t a, last = (start + len - 1) >> AREA_SHIFT;

	if (last >= PAGEMAP_AREAS)
		return false;
	if (pagemap_index(start) >= pagemap.count &&
	    !root_grow(pagemap_index(start) + 1))
		return false;
	if (!pagemap.near_size)
		near_begin(start >> AREA_SHIFT);
	for (a = start >> AREA_SHIFT; a <= last; a++) {
		struct area_map *map;

		if (pagemap_entry(a << AREA_SHIFT))
			continue;
		map = meta_alloc(sizeof(*map), 64);
		if (!map)
			return false;
		/* release: a reader that sees the map sees it zeroed */
		__atomic_store_n(&pagemap.root[pagemap_index(a << AREA_SHIFT)],
				 (uintptr_t)map - a * AREA_PAGES,
				 __ATOMIC_RELEASE);
	}
	return true;
}

static void entry_store(uintptr_t page, struct span *s, unsigned int class)
{
	uintptr_t p = page << PAGE_SHIFT;
	struct area_map *map = pagemap_area(p);
	size_t i = page % AREA_PAGES;
	uint8_t *at = pagemap_is_near(p) ? pagemap_near_at(p) : &map->class[i];

	/*
	 * release: a thread that finds the span, wherever it got the pointer,
	 * can read it
	 */
	__atomic_store_n(&map->span[i], s, __ATOMIC_RELEASE);
	__atomic_store_n(at, (uint8_t)class, __ATOMIC_RELEASE);
}

void pagemap_set(struct span *s, unsigned int sizeclass)
{
	uintptr_t page = s->start >> PAGE_SHIFT;
	uint32_t i;

	s->sizeclass = (uint8_t)sizeclass;
	if (sizeclass == PAGEMAP_LARGE) {
		entry_store(page, s, pagemap_large_class(s));
		return;
	}
	for (i = 0; i < s->npages; i++)
		entry_store(page + i, s, sizeclass);
}

void pagemap_mix(const struct span *s)
{
	uintptr_t page = s->start >> PAGE_SHIFT;
	uint32_t i;

	/* release: who frees an older object sees the map of tails */
	for (i = 0; i < s->npages; i++)
		__atomic_store_n(pagemap_class_at((page + i) << PAGE_SHIFT),
				 PAGEMAP_COMPOUND, __ATOMIC_RELEASE);
}

void pagemap_clear(struct span *s)
{
	uintptr_t page = s->start >> PAGE_SHIFT;
	uint32_t i;

	if (s->sizeclass == PAGEMAP_LARGE) {
		entry_store(page, NULL, PAGEMAP_NONE);
		return;
	}
	for (i = 0; i < s->npages; i++)
		entry_store(page + i, NULL, PAGEMAP_NONE);
}

static bool span_covers(const struct span *s, uintptr_t p)
{
	return s && s->state != SPAN_DEAD && p >= s->start &&
	       (p - s->start) >> PAGE_SHIFT < s->npages;
}

/* The last entry of a map that is not empty, of pages up to @page. */
static struct span *last_entry(const struct area_map *map, size_t page)
{
	struct span *s;

	do
		s = __atomic_load_n(&map->span[page], __ATOMIC_RELAXED);
	while (!s && page--);
	return s;
}

struct span *pagemap_owner(const void *p)
{
	size_t page = ((uintptr_t)p >> PAGE_SHIFT) % AREA_PAGES;
	uintptr_t at = (uintptr_t)p & ~(AREA_SIZE - 1);
	const struct area_map *map;
	struct span *s;
	size_t back;

	if ((uintptr_t)p >> PAGEMAP_BITS)
		return NULL;
	for (back = 0; back < OWNER_AREAS; back++) {
		map = pagemap_area(at);
		s = map ? last_entry(map, page) : NULL;
		if (s)
			return span_covers(s, (uintptr_t)p) ? s : NULL;
		if (!at)
			break;
		at -= AREA_SIZE;
		page = AREA_PAGES - 1;
	}
	return NULL;
}
