/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcspan: runs of pages that hold collected objects, found from any address.
 *
 * Mark and alloc bits lie in the descriptor, not beside the objects: a marker
 * that meets a marked object does not touch its page, and a collection never
 * dirties pages of garbage.
 *
 * The map is written with the lock of the span's list held, and read without a
 * lock by markers, which see a span by the time they see a pointer into it.
 * Descriptors and maps are never unmapped.
 */
#ifndef SHIM_GCSPAN_H
#define SHIM_GCSPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GC_PAGE_SHIFT	13
#define GC_PAGE		((size_t)1 << GC_PAGE_SHIFT)
/* Bits of the addresses that the kernel hands out unasked, as PAGEMAP_BITS. */
#if defined(__aarch64__)
#define GC_ADDRESS_BITS	48
#else
#define GC_ADDRESS_BITS	47
#endif
/*
 * Areas of 1 GiB: the root of the map has 1 MiB of entries, or 2 for 48 bits, and
 * the part for an area has 1.  Areas of 64 MiB would need a root of 16 MiB, which
 * RLIMIT_DATA, mlockall() and strict overcommit count in the smallest process.
 */
#define GC_AREA_SHIFT	30
#define GC_AREA_PAGES	((size_t)1 << (GC_AREA_SHIFT - GC_PAGE_SHIFT))
#define GC_AREAS	((size_t)1 << (GC_ADDRESS_BITS - GC_AREA_SHIFT))
#define GC_MAX_OBJS	512	/* as in libshim: 16 bytes in 8 KiB */
#define GC_WORDS	(GC_MAX_OBJS / 64)

/* How a collector treats the objects of a span. */
enum gc_kind {
	GC_SCAN,		/* scans every word */
	GC_DATA,		/* scans nothing */
	/* scans the words that the type, in the last word, names */
	GC_TYPED,
	GC_TINY,		/* none; several objects of less than 16 bytes */
	GC_KINDS
};

static inline bool gc_has_pointers(enum gc_kind kind)
{
	return kind == GC_SCAN || kind == GC_TYPED;
}

/**
 * struct gcspan - a run of pages of objects of one size and kind
 * @start: first byte
 * @recip: (offset * @recip) >> 32 is the number of the object
 * @size: bytes of an object if there are many
 * @nobjs: objects
 * @kind: enum gc_kind
 * @cls: size class, 0 for a large object
 * @npages: pages
 * @bytes: bytes of an object, of a large one too
 * @next: on its list
 * @prev: the same
 * @seam: the page heap's handle
 * @sweepgen: cycle in which it was last swept
 * @nfree: objects whose alloc bit is clear, as of its place on a list
 * @is_zero: all of it reads as zero: nothing was handed out yet
 * @late: the end of this mark has to scan all of it again
 * @born: cycle in which it was made
 * @asked: large: bytes the caller asked for
 * @alloc: bit set: the object is in use, or in a thread's cache
 * @mark: bit set: reached in this cycle
 */
struct gcspan {
	uintptr_t start;
	uint32_t recip;
	uint32_t size;
	uint16_t nobjs;
	uint8_t kind;
	uint8_t cls;
	uint32_t npages;
	size_t bytes;
	struct gcspan *next;
	struct gcspan *prev;
	void *seam;
	uint32_t sweepgen;
	uint16_t nfree;
	bool is_zero;
	bool late;
	uint32_t born;
	size_t asked;
	uint64_t alloc[GC_WORDS] __attribute__((aligned(64)));
	uint64_t mark[GC_WORDS];
};

/**
 * struct gcspan_list - spans in a ring, with their number
 */
struct gcspan_list {
	struct gcspan *head;
	struct gcspan *tail;
	size_t n;
};

struct gcmap {
	struct gcspan *page[GC_AREA_PAGES];
};

extern struct gcmap **gcmap_root __attribute__((visibility("hidden")));
extern uintptr_t gcmap_low __attribute__((visibility("hidden")));
extern uintptr_t gcmap_high __attribute__((visibility("hidden")));

/**
 * gcspan_of - the span around an address
 * @p: any value
 *
 * Return: the span or NULL.
 */
static inline struct gcspan *gcspan_of(uintptr_t p)
{
	struct gcmap *map;

	/* low only ever falls and high only ever rises */
	if (p - __atomic_load_n(&gcmap_low, __ATOMIC_RELAXED) >=
	    __atomic_load_n(&gcmap_high, __ATOMIC_RELAXED) -
	    __atomic_load_n(&gcmap_low, __ATOMIC_RELAXED))
		return NULL;
	map = __atomic_load_n(&gcmap_root[p >> GC_AREA_SHIFT],
			      __ATOMIC_RELAXED);
	if (!map)
		return NULL;
	return __atomic_load_n(&map->page[(p >> GC_PAGE_SHIFT) %
					  GC_AREA_PAGES], __ATOMIC_RELAXED);
}

/**
 * gcspan_index - the number of the object around an address
 * @s: the span around @p
 * @p: the address
 *
 * Return: its number; @s->nobjs or more behind the last object.
 */
static inline unsigned int gcspan_index(const struct gcspan *s, uintptr_t p)
{
	return (unsigned int)(((p - s->start) * s->recip) >> 32);
}

static inline uintptr_t gcspan_object(const struct gcspan *s, unsigned int i)
{
	return s->start + (size_t)i * s->size;
}

static inline bool gcspan_bit(const uint64_t *map, unsigned int i)
{
	return __atomic_load_n(&map[i / 64], __ATOMIC_RELAXED) >> (i % 64) & 1;
}

/**
 * gcspan_init - make the map
 *
 * Return: false if there is no memory for it.
 */
bool gcspan_init(void);

/**
 * gcspan_get - pages for objects
 * @npages: how many
 * @bytes: of an object
 * @nobjs: objects
 * @kind: enum gc_kind
 * @cls: size class or 0
 *
 * It is not in the map yet: gcspan_publish().
 *
 * Return: the span with every bit clear, or NULL.
 */
struct gcspan *gcspan_get(size_t npages, size_t bytes, unsigned int nobjs,
			  enum gc_kind kind, unsigned int cls);

/**
 * gcspan_publish - enter a span into the map
 * @s: what gcspan_get() returned
 *
 * Return: false, with @s freed, if there is no memory for the map.
 */
bool gcspan_publish(struct gcspan *s);

/**
 * gcspan_put - give a span without objects back to the page heap
 * @s: a span that is on no list
 */
void gcspan_put(struct gcspan *s);

void gcspan_list_add(struct gcspan_list *list, struct gcspan *s);
void gcspan_list_del(struct gcspan_list *list, struct gcspan *s);
struct gcspan *gcspan_list_pop(struct gcspan_list *list);

/**
 * gcspan_list_join - append one list to another
 * @to: gets them
 * @from: the list to append, which is empty afterwards
 */
void gcspan_list_join(struct gcspan_list *to, struct gcspan_list *from);

/**
 * gcspan_pages - pages in all spans
 */
size_t gcspan_pages(void);

/* Where that is, for tools. */
const size_t *gcspan_pages_where(void);

/**
 * gcspan_is_valid - check a span's invariants
 * @s: a span in the map
 *
 * Return: NULL, or the invariant that is violated.
 */
const char *gcspan_is_valid(const struct gcspan *s);

void gcspan_fork_prepare(void);
void gcspan_fork_done(void);

#endif /* SHIM_GCSPAN_H */
