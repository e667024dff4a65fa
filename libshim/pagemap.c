// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pagemap: the slow half: making maps, entering and removing spans.
 *
 * A map is published once, zeroed, and stays.  An entry belongs to the owner of
 * its page: the page heap while the page is free (the entry is then empty), the
 * layer that holds the span otherwise.
 *
 * A large span fills the span pointers of the area it starts in and no other:
 * entering a terabyte costs 64 KiB of writes.  The areas it covers whole need
 * no map at all; pagemap_owner() finds the span from the last page of the area
 * before.
 */
#include "meta.h"
#include "pagemap.h"
#include "sys.h"

/* How far pagemap_owner() looks back: 1 TiB, 128 KiB of the root. */
#define OWNER_AREAS	((size_t)1 << (40 - AREA_SHIFT))

struct area_map *pagemap_root[PAGEMAP_AREAS];

_Static_assert(AREA_SIZE % BLOCK_SIZE == 0, "a block lies in one area");
_Static_assert(sizeof(struct span) <= 128, "two cache lines a span");

bool pagemap_add(uintptr_t start, size_t len)
{
	uintptr_t a, last = (start + len - 1) >> AREA_SHIFT;
	static bool declined;

	if (last >= PAGEMAP_AREAS)
		return false;
	if (!declined) {
		/* where huge pages come unasked, one would hold 2 entries */
		sys_madvise(((uintptr_t)pagemap_root + 4095) & ~4095ul,
			    (sizeof(pagemap_root) - 4095) & ~4095ul,
			    MADV_NOHUGEPAGE);
		declined = true;
	}
	for (a = start >> AREA_SHIFT; a <= last; a++) {
		struct area_map *map;

		if (pagemap_root[a])
			continue;
		map = meta_alloc(sizeof(*map), 64);
		if (!map)
			return false;
		/* release: a reader that sees the map sees it zeroed */
		__atomic_store_n(&pagemap_root[a], map, __ATOMIC_RELEASE);
	}
	return true;
}

static void entry_store(uintptr_t page, struct span *s, unsigned int class)
{
	struct area_map *map = pagemap_root[page >> (AREA_SHIFT - PAGE_SHIFT)];
	size_t i = page % AREA_PAGES;

	__atomic_store_n(&map->span[i], s, __ATOMIC_RELAXED);
	__atomic_store_n(&map->class[i], (uint8_t)class, __ATOMIC_RELAXED);
}

/* Every page of the first area; what lies beyond is found from there. */
static void large_store(struct span *s, struct span *value)
{
	uintptr_t page = s->start >> PAGE_SHIFT;
	uintptr_t end = page + s->npages;
	uintptr_t area_end = (page | (AREA_PAGES - 1)) + 1;
	uintptr_t i;

	entry_store(page, value, value ? PAGEMAP_LARGE : PAGEMAP_NONE);
	for (i = page + 1; i < end && i < area_end; i++)
		entry_store(i, value, PAGEMAP_NONE);
}

void pagemap_set(struct span *s, unsigned int sizeclass)
{
	uintptr_t page = s->start >> PAGE_SHIFT;
	uint32_t i;

	s->sizeclass = (uint8_t)sizeclass;
	if (sizeclass == PAGEMAP_LARGE) {
		large_store(s, s);
		return;
	}
	for (i = 0; i < s->npages; i++)
		entry_store(page + i, s, sizeclass);
}

void pagemap_clear(struct span *s)
{
	uintptr_t page = s->start >> PAGE_SHIFT;
	uint32_t i;

	if (s->sizeclass == PAGEMAP_LARGE) {
		large_store(s, NULL);
		return;
	}
	for (i = 0; i < s->npages; i++)
		entry_store(page + i, NULL, PAGEMAP_NONE);
}

static bool span_covers(const struct span *s, uintptr_t p)
{
	return s && s->state == SPAN_INUSE && p >= s->start &&
	       (p - s->start) >> PAGE_SHIFT < s->npages;
}

struct span *pagemap_owner(const void *p)
{
	uintptr_t a = (uintptr_t)p;
	struct span *s = pagemap_span(p);
	struct area_map *area;
	size_t back, i;

	if (a >> PAGEMAP_BITS)
		return NULL;
	if (span_covers(s, a))
		return s;
	/* a span that runs on from an earlier area has that one's last page */
	i = a >> AREA_SHIFT;
	for (back = 0; i && back < OWNER_AREAS; back++) {
		area = __atomic_load_n(&pagemap_root[--i], __ATOMIC_RELAXED);
		if (!area)
			continue;
		s = __atomic_load_n(&area->span[AREA_PAGES - 1],
				    __ATOMIC_RELAXED);
		return span_covers(s, a) ? s : NULL;
	}
	return NULL;
}
