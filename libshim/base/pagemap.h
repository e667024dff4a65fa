/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pagemap: from any address to its span and size class.
 *
 * The address space is cut into areas of 64 MiB, counted from its top, where
 * the kernel puts mappings.  The root has an entry for each area down to the
 * lowest that was ever part of the heap: 8 bytes for 64 MiB, which is 128 KiB
 * for a window of 1 TiB.  Entries for every possible area would take 16 MiB,
 * which would count against RLIMIT_DATA, mlockall() and strict overcommit.  An
 * entry leads to a map with a class byte and a span pointer for each page.  Any
 * pointer value may be looked up: an address outside the heap has class 0 and
 * no span.  Maps and roots are never freed, so readers need no lock.
 *
 * The writer (pagemap_set, pagemap_clear) is always the owner of the span.
 * Nobody else can hold a valid pointer into it, so writers need no lock either.
 * pagemap_add() is called by the page heap with its lock held.
 */
#ifndef SHIM_PAGEMAP_H
#define SHIM_PAGEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "sizeclass_count.h"	/* generated */

#undef PAGE_SIZE				/* musl's <limits.h> has one */
#define PAGE_SHIFT	13			/* 8 KiB page of the page heap */
#define PAGE_SIZE	((size_t)1 << PAGE_SHIFT)
#define BLOCK_SHIFT	21
#define BLOCK_SIZE	((size_t)1 << BLOCK_SHIFT)
#define BLOCK_PAGES	(BLOCK_SIZE / PAGE_SIZE)
#define AREA_SHIFT	26
#define AREA_SIZE	((size_t)1 << AREA_SHIFT)
#define AREA_PAGES	(AREA_SIZE / PAGE_SIZE)
#define AREA_BLOCKS	(AREA_SIZE / BLOCK_SIZE)

/*
 * Bits of the addresses that the kernel hands out unasked.  Where a processor
 * has more (x86-64: 57, AArch64: 52), mmap() returns such an address only to a
 * caller that asks for one.
 */
#if defined(__aarch64__)
#define PAGEMAP_BITS	48
#else
#define PAGEMAP_BITS	47
#endif
#define PAGEMAP_AREAS	((size_t)1 << (PAGEMAP_BITS - AREA_SHIFT))
#define PAGEMAP_NONE	0
#define PAGEMAP_COMPOUND	63	/* of several sizes: see compound.h */
#define PAGEMAP_LARGE	227			/* a span that is one object */
/*
 * What is stored for a large object whose pages are exactly as many as it needs,
 * PAGEMAP_LENGTH_MIN and up, and one of so many lengths: PAGEMAP_LARGE + 1 and up.
 */
#define PAGEMAP_LENGTHS		28u
#define PAGEMAP_LENGTH_MIN	((unsigned int)(SIZECLASS_MAX / PAGE_SIZE) + 1)

_Static_assert(PAGEMAP_LARGE + PAGEMAP_LENGTHS == 255, "in a byte");

_Static_assert(SIZECLASS_COUNT < PAGEMAP_COMPOUND, "no class of its own");

/* struct span.state */
enum span_state {
	SPAN_DEAD,		/* descriptor not in use */
	SPAN_INUSE,		/* handed out by pageheap_alloc() */
	SPAN_KEPT,		/* the same, freed by its user: see large.c */
};

/* struct span.flags */
#define SPAN_ZERO	(1 << 0)	/* memory reads as zero */
#define SPAN_SAMPLED	(1 << 1)	/* large: bitmap[0] is its prof_stack */
#define SPAN_OWNED	(1 << 2)	/* a layer above has it: see seam.c */
#define SPAN_ALIAS	(1 << 3)	/* small: has another one's memory: see span_mesh.h */
#define SPAN_GROWN	(1 << 3)	/* large: a place for one that grows: see pageheap.h */
#define SPAN_WIDE	(1 << 4)	/* all of bitmap[] is there, not only [0] */
#define SPAN_AGAIN	(1 << 5)	/* large: has been kept, and has served again */
#define SPAN_COMPOUND	(1 << 5)	/* small: of several sizes: see compound.h */
#define SPAN_NODE	6		/* from this bit on: the node of its memory */
_Static_assert(NODES == 4, "two bits");

/**
 * struct span - a run of pages with one purpose
 * @next: in the list of the layer that owns the span
 * @prev: the same
 * @start: first byte
 * @npages: length in pages
 * @sizeclass: 0 or PAGEMAP_LARGE for a large span
 * @state: enum span_state
 * @flags: SPAN_ZERO: all of it is known to read as zero, as handed out
 * @list: central: the list it is on
 * @nobjs: objects it holds
 * @nfree: how many of these are free
 * @least: central: the smallest @nfree, and
 * @most: the largest, with which it belongs on @list
 * @bytes: large: bytes asked for
 * @mesh: span: an alias's survivor, a survivor's first alias: see span_mesh.h
 * @seen: central: @nfree when it was last looked at for purging
 * @purged: span: OS pages whose memory was given back and not used since
 * @rot: span: the object with which taking begins
 * @shared: span, an alias: OS pages that are its survivor's
 * @wanted: page heap: OS pages that are in block.want
 * @bitmap: central: one bit for each object; only the first word is there
 *	unless @flags have SPAN_WIDE
 *
 * Made by pageheap_alloc(), freed by pageheap_free().  Descriptors are never
 * unmapped.  The fields from @list on belong to the layers above; they are zero
 * when a span is handed out.
 *
 * Most spans are one page, so a record of two cache lines would be 1.6 % of
 * memory.  64 objects, as many as a page has of 128 bytes, need one word: that
 * is one line, and what follows from the size class is not in it.
 */
struct span {
	struct span *next;
	struct span *prev;
	uintptr_t start;
	uint32_t npages;
	uint8_t sizeclass;
	uint8_t state;
	uint8_t flags;
	/* owned by the layers above the page heap from here on */
	uint8_t list;
	uint16_t nobjs;
	uint16_t nfree;
	uint16_t least;
	uint16_t most;
	union {
		size_t bytes;
		struct span *mesh;
	};
	uint16_t seen;
	uint16_t purged;
	union {
		uint16_t rot;
		uint16_t shared;
	};
	uint16_t wanted;
	uint64_t bitmap[8];
};

/* Of a record with one word of bitmap. */
#define SPAN_BYTES	(offsetof(struct span, bitmap) + sizeof(uint64_t))
_Static_assert(SPAN_BYTES == 64, "one cache line");

/* The NUMA node that a span's memory is most likely on. */
static inline unsigned int span_node(const struct span *s)
{
	return __atomic_load_n(&s->flags, __ATOMIC_RELAXED) >> SPAN_NODE;
}

struct block;

/**
 * struct area_map - what is known about 64 MiB
 * @class: size class of each page's span, 0 where no object can start; not of a near
 *	area
 * @span: span of each page
 * @block: page heap: each block's record
 * @tail: a bit for each 16 bytes, NULL until a compound object is made: compound.h
 */
struct area_map {
	uint8_t class[AREA_PAGES];
	struct span *span[AREA_PAGES];
	struct block *block[AREA_BLOCKS];
	uint64_t *tail;
};

/*
 * The areas from the first one of the heap on, 2 GiB, whose classes are in one array:
 * free() finds them there with one load.  What it stores to follows from the
 * class, and a malloc() that comes next cannot read before it is known where that is.
 * Of the array memory is used for areas that the heap is in, 8 KiB each.
 */
#define PAGEMAP_NEAR	((size_t)32)

/**
 * struct pagemap - where the maps are
 * @count: areas that @root has entries for, from the top; it only grows
 * @root: for each area 0, or its map's address less the number of the area's
 *	first page, so that adding the number of a page gives the address of its
 *	class
 * @near_end: the last 16 bytes of the near areas
 * @near_size: their bytes, divided by 16; 0 until the heap has an area
 * @near_class: address of the class of each of their pages, less the page's number
 *
 * The last three are written once, before there is an object.
 */
struct pagemap {
	size_t count;
	uintptr_t *root;
	uintptr_t near_end;
	size_t near_size;
	uintptr_t near_class;
};

extern struct pagemap pagemap __attribute__((visibility("hidden")));

/**
 * pagemap_index - the number of an address's area, from the top
 * @p: any address
 *
 * Return: less than PAGEMAP_AREAS for any address of user space.
 */
static inline size_t pagemap_index(uintptr_t p)
{
	return (((uintptr_t)1 << PAGEMAP_BITS) - 1 - p) >> AREA_SHIFT;
}

/**
 * pagemap_has - does the root have an entry for an area
 * @i: number of the area, from the top
 *
 * A reader that sees a count sees a root with as many entries: pairs with
 * root_grow().  x86 does not reorder loads, so there the count is compared in
 * memory, which compilers do not do with an atomic load; this makes free() one
 * instruction shorter.
 */
static inline bool pagemap_has(size_t i)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	asm goto("cmpq %1, %0\n\tjae %l[none]"
		 : : "r" (i), "m" (pagemap.count) : "cc", "memory" : none);
	return true;
none:
	return false;
#else
	return i < __atomic_load_n(&pagemap.count, __ATOMIC_ACQUIRE);
#endif
}

/* The entry of an area by its number, 0 if the root has none. */
static inline uintptr_t pagemap_root_entry(size_t i)
{
	if (__builtin_expect(!pagemap_has(i), 0))
		return 0;
	/* consume order is enough: the map was zeroed before it was published */
	return __atomic_load_n(__atomic_load_n(&pagemap.root,
					       __ATOMIC_RELAXED) + i,
			       __ATOMIC_RELAXED);
}

/**
 * pagemap_entry - the root's entry for an address
 * @p: any address
 *
 * Return: see struct pagemap; 0 where the heap has never been.
 */
static inline uintptr_t pagemap_entry(uintptr_t p)
{
	return pagemap_root_entry(pagemap_index(p));
}

/**
 * pagemap_is_near - may pagemap_class_near() be asked
 * @p: any address
 *
 * Return: false also if @p is not a multiple of 16: the low four bits are rotated
 * to the top, so that the offset is too large if one is set.
 */
static inline bool pagemap_is_near(uintptr_t p)
{
	uintptr_t x = __atomic_load_n(&pagemap.near_end, __ATOMIC_RELAXED) - p;

	x = x >> 4 | x << 60;
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
	/* as in pagemap_has() */
	asm goto("cmpq %1, %0\n\tjae %l[far]"
		 : : "r" (x), "m" (pagemap.near_size) : "cc", "memory" : far);
	return true;
far:
	return false;
#else
	return x < __atomic_load_n(&pagemap.near_size, __ATOMIC_ACQUIRE);
#endif
}

/**
 * pagemap_near_at - where the class of a page is
 * @p: any address in a near area
 *
 * Return: its address, which never changes.
 */
static inline uint8_t *pagemap_near_at(uintptr_t p)
{
	uintptr_t class = __atomic_load_n(&pagemap.near_class, __ATOMIC_RELAXED);

	return (uint8_t *)(class + (p >> PAGE_SHIFT));
}

/**
 * pagemap_class_near - what is stored as the class of an address in a near area
 * @p: any address in one
 *
 * Return: pagemap_class(), but for a large object perhaps more: its length.
 */
static inline unsigned int pagemap_class_near(uintptr_t p)
{
	return __atomic_load_n(pagemap_near_at(p), __ATOMIC_RELAXED);
}

/**
 * pagemap_entry_aligned - pagemap_entry() for what may be the first byte of an object
 * @p: any address
 *
 * The low four bits, which are zero in the address of an object, are rotated to
 * the top: if one is set, the number of the area becomes one that does not
 * exist.
 *
 * Return: as pagemap_entry(); 0 also if @p is not a multiple of 16.
 */
static inline uintptr_t pagemap_entry_aligned(uintptr_t p)
{
	uintptr_t x = ((uintptr_t)1 << PAGEMAP_BITS) - 16 - p;

	return pagemap_root_entry((x >> 4 | x << 60) >> (AREA_SHIFT - 4));
}

/**
 * pagemap_entry_area - the map that an entry leads to
 * @entry: not 0
 * @p: any address in its area
 */
static inline struct area_map *pagemap_entry_area(uintptr_t entry, uintptr_t p)
{
	return (struct area_map *)(entry + ((p >> AREA_SHIFT) * AREA_PAGES));
}

/**
 * pagemap_area - the map of an address
 * @p: any address
 *
 * Return: the map or NULL.
 */
static inline struct area_map *pagemap_area(uintptr_t p)
{
	uintptr_t entry = pagemap_entry(p);

	return entry ? pagemap_entry_area(entry, p) : NULL;
}

/**
 * pagemap_class_at - where the class of a page is
 * @p: any address
 *
 * Return: its address, which never changes; NULL where the heap has never been.
 */
static inline uint8_t *pagemap_class_at(uintptr_t p)
{
	uintptr_t entry;

	if (__builtin_expect(pagemap_is_near(p & ~(uintptr_t)15), 1))
		return pagemap_near_at(p);
	entry = pagemap_entry(p);
	if (__builtin_expect(!entry, 0))
		return NULL;
	return (uint8_t *)(entry + (p >> PAGE_SHIFT));
}

/**
 * pagemap_class - size class of the span an address is in
 * @p: any address
 *
 * Return: the size class, PAGEMAP_COMPOUND where compound.h has to be asked,
 * PAGEMAP_LARGE for the first page of a large span, PAGEMAP_NONE for anything else.
 */
static inline unsigned int pagemap_class(const void *p)
{
	const uint8_t *at = pagemap_class_at((uintptr_t)p);
	unsigned int class;

	if (__builtin_expect(!at, 0))
		return PAGEMAP_NONE;
	class = __atomic_load_n(at, __ATOMIC_RELAXED);
	return class > PAGEMAP_LARGE ? PAGEMAP_LARGE : class;
}

/**
 * pagemap_see_mix - see what was done before pagemap_mix()
 * @p: an address for which pagemap_class() is PAGEMAP_COMPOUND
 *
 * An object may have been handed out before its span was mixed, and nothing else
 * orders its owner behind that.
 */
static inline void pagemap_see_mix(const void *p)
{
	(void)__atomic_load_n(pagemap_class_at((uintptr_t)p), __ATOMIC_ACQUIRE);
}

/**
 * pagemap_span - the span a page belongs to
 * @p: any address
 *
 * For pages of small spans and the first page of a large one; use
 * pagemap_owner() to find the large span around an interior pointer.
 *
 * Return: the span or NULL.
 */
static inline struct span *pagemap_span(const void *p)
{
	struct area_map *area = pagemap_area((uintptr_t)p);

	if (__builtin_expect(!area, 0))
		return NULL;
	return __atomic_load_n(&area->span[((uintptr_t)p >> PAGE_SHIFT) %
					   AREA_PAGES], __ATOMIC_RELAXED);
}

/**
 * pagemap_owner - the span around any pointer, interior ones included
 * @p: any address
 *
 * For reports and checks; not for the fast path.
 *
 * Return: the span or NULL.
 */
struct span *pagemap_owner(const void *p);

/**
 * pagemap_set - make a span known
 * @s: a span handed out by pageheap_alloc()
 * @sizeclass: 1 to PAGEMAP_LARGE - 1: every page gets the class and the span;
 *	PAGEMAP_LARGE: the first page gets both, the others have neither and
 *	are found by pagemap_owner(); @s->bytes and @s->flags say whether its length is
 *	stored as well;
 *	PAGEMAP_NONE: every page gets the span, and no object starts in it.
 *	Every page means one of a span that is not longer than an area
 *
 * Sets @s->sizeclass.  Cannot fail: the page heap made the maps.
 */
void pagemap_set(struct span *s, unsigned int sizeclass);

/**
 * pagemap_clear - make a span unknown again
 * @s: a span that pagemap_set() made known and whose length did not change
 */
void pagemap_clear(struct span *s);

/**
 * pagemap_large_class - what is stored as the class of a large object
 * @s: its span
 *
 * The length only if pages and bytes agree, and if nothing else has to be known when
 * the object is freed.
 */
static inline unsigned int pagemap_large_class(const struct span *s)
{
	size_t k = s->npages - PAGEMAP_LENGTH_MIN;

	if (k >= PAGEMAP_LENGTHS || s->flags & SPAN_SAMPLED ||
	    (s->bytes + PAGE_SIZE - 1) >> PAGE_SHIFT != s->npages)
		return PAGEMAP_LARGE;
	return PAGEMAP_LARGE + 1 + (unsigned int)k;
}

/**
 * pagemap_hide - no object starts here any more
 * @p: where a large one did
 *
 * Its span is still found by pagemap_span() and pagemap_owner().  pagemap_show(),
 * pagemap_set() and pagemap_clear() may follow.
 */
static inline void pagemap_hide(uintptr_t p)
{
	__atomic_store_n(pagemap_class_at(p), PAGEMAP_NONE, __ATOMIC_RELAXED);
}

/**
 * pagemap_show - undo pagemap_hide()
 * @p: the same
 * @class: pagemap_large_class()
 */
static inline void pagemap_show(uintptr_t p, unsigned int class)
{
	__atomic_store_n(pagemap_class_at(p), (uint8_t)class, __ATOMIC_RELAXED);
}

/**
 * pagemap_mix - objects of several sizes are in a span from now on
 * @s: a span of small objects that pagemap_set() made known
 *
 * pagemap_class() is PAGEMAP_COMPOUND for all of it; @s->sizeclass stays.
 */
void pagemap_mix(const struct span *s);

/**
 * pagemap_add - make maps for an address range
 * @start: first byte
 * @len: bytes
 *
 * Called by the page heap when it grows, with its lock held.
 *
 * Return: false if there is no memory for them; maps made so far stay.
 */
bool pagemap_add(uintptr_t start, size_t len);

#endif /* SHIM_PAGEMAP_H */
