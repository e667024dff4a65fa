// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pagemap, the slow half: making maps, entering and removing spans.
 *
 * A map is zeroed before it is published, and is never removed.  An entry
 * belongs to the owner of its page: the page heap while the page is free (the
 * entry is then empty), the layer that holds the span otherwise.
 *
 * A large span fills the entry of its first page and no other: entering a
 * terabyte costs one write, and the areas it covers need no map.  To find the
 * span around an interior pointer, search backwards for the nearest entry.
 */
#include "meta.h"
#include "pagemap.h"
#include "sys.h"

/* How far pagemap_owner() looks back: 1 TiB, 128 KiB of the root and maps. */
#define OWNER_AREAS	((size_t)1 << (40 - AREA_SHIFT))

struct area_map *pagemap_root[PAGEMAP_AREAS] SHIM_BSS_LARGE;

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

void pagemap_set(struct span *s, unsigned int sizeclass)
{
	uintptr_t page = s->start >> PAGE_SHIFT;
	uint32_t i;

	s->sizeclass = (uint8_t)sizeclass;
	if (sizeclass == PAGEMAP_LARGE) {
		entry_store(page, s, sizeclass);
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
		entry_store(page, NULL, PAGEMAP_NONE);
		return;
	}
	for (i = 0; i < s->npages; i++)
		entry_store(page + i, NULL, PAGEMAP_NONE);
}

void pagemap_hide(struct span *s)
{
	entry_store(s->start >> PAGE_SHIFT, s, PAGEMAP_NONE);
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
	size_t area = (uintptr_t)p >> AREA_SHIFT, back;
	const struct area_map *map;
	struct span *s;

	if ((uintptr_t)p >> PAGEMAP_BITS)
		return NULL;
	for (back = 0; back < OWNER_AREAS; back++) {
		map = __atomic_load_n(&pagemap_root[area], __ATOMIC_RELAXED);
		s = map ? last_entry(map, page) : NULL;
		if (s)
			return span_covers(s, (uintptr_t)p) ? s : NULL;
		if (!area--)
			break;
		page = AREA_PAGES - 1;
	}
	return NULL;
}
