/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * percpu_slab: one CPU's stacks of free objects, and the operations of a caller
 * that owns the slab exclusively.
 *
 * While a slab is attached to a CPU, it is changed only by the restartable
 * sequences of rseq_*.h running on that CPU.  Everything in this file requires
 * the slab to be detached, or its lock to be held, as in percpu_lock.c.
 *
 * A slab is an array of 8-byte slots whose first part is this header:
 *
 *   slot 0            always NULL: where an empty, never used stack points
 *   cur[class]        each class's stack: the slot on top
 *   end[class]        the last slot there is
 *   size_class[]      requests of up to 1 KiB, in steps of 16, to class
 *   ...               for the slow path
 *   large_cur         stacks of classes 227 to 255, always full: what the page map
 *                     has for a large object
 *   kept, kept_at     one large object or span of each length, see percpu_keep.c
 *   slots             the stacks, in order of class, without gaps
 *
 * A stack of capacity n is n + 1 slots: a NULL at the bottom, then its objects.
 * cur points to the top object, or to the NULL at the bottom when the stack is
 * empty, so that pop learns this from the value it loads.  A stack without room
 * has cur and end at slot 0, and every pop and push of it misses; all stacks of
 * percpu_none are of this kind.
 *
 * cur and end are pointers, in one array each, because of store forwarding.
 * What one free() writes, the next malloc() reads.  Recent x86 processors
 * forward a stored value to a load at once, but only a value of 4 or 8 bytes
 * whose address is one register and a constant.  With slot numbers of 2 bytes,
 * at a base and an index, a pair took twice as long on Golden Cove.
 *
 * Of a large object there is one at most: where it is, or a small number that says
 * that there is room for one.  Beside it is where the page map has its class, which
 * free() knows and malloc() would have to look up.
 */
#ifndef SHIM_PERCPU_SLAB_H
#define SHIM_PERCPU_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/pagemap.h"
#include "base/sizeclass.h"

#define PERCPU_CLASSES		64	/* room for classes, 0 is none */
#define PERCPU_SLAB_BYTES	((size_t)256 << 10)
#define PERCPU_SLAB_SLOTS	(PERCPU_SLAB_BYTES / sizeof(void *))
/* The slab of a lone thread that frees in bulk: 8 MiB of 64-byte objects. */
#define PERCPU_DEEP_BYTES	((size_t)1 << 20)
#define PERCPU_LARGE		PAGEMAP_LARGE
#define PERCPU_LARGES		(PAGEMAP_LENGTHS + 1)
/* Lengths of spans that a CPU keeps, in pages: 40 KiB to 1 MiB. */
#define PERCPU_KEPT_MIN		PAGEMAP_LENGTH_MIN
#define PERCPU_KEPT_MAX		128u
#define PERCPU_KEPT_LENGTHS	(PERCPU_KEPT_MAX - PERCPU_KEPT_MIN + 1)
/* Those up to 256 KiB have a stack each; beyond that, four lengths share one. */
#define PERCPU_KEPT_EXACT	PAGEMAP_LENGTHS
#define PERCPU_KEPT_STEP	4u
#define PERCPU_KEPT		52u
#define PERCPU_KEPT_CLASS	(PAGEMAP_LARGE + 1)	/* of the shortest */

_Static_assert(PERCPU_KEPT_EXACT % PERCPU_KEPT_STEP == 0 &&
	       PERCPU_KEPT_EXACT + (PERCPU_KEPT_LENGTHS - PERCPU_KEPT_EXACT) /
	       PERCPU_KEPT_STEP == PERCPU_KEPT, "a stack for each length");

_Static_assert(SIZECLASS_COUNT < PERCPU_CLASSES, "a stack for each class");

/* What was last missed in a class: a stack is too small if both happen. */
enum percpu_miss {
	PERCPU_NO_MISS,
	PERCPU_UNDERFLOW,
	PERCPU_OVERFLOW,
};

/**
 * struct percpu_slab - the header, see above
 * @zero: slot 0
 * @cur: by class
 * @end: by class
 * @size_class: by (size - 1) / 16
 * @cap: capacity of each class's stack, in objects
 * @stacks: bit: a class has a stack
 * @miss: enum percpu_miss, the class's last; not exact: a hint, hence racy
 * @way: direction of the last miss: @miss, but for what a step used up
 * @run: misses in a row in that direction
 * @swings: such long rows, one in each direction by turns
 * @idle: the class missed nothing since the steal hand last passed
 * @cpu: CPU it is attached to, or -1
 * @hand: next class that gives up room
 * @used: slots taken by header and stacks
 * @slots: slots there are
 * @bytes: what the stacks hold when all are full
 * @stamp: when it last missed, in nanoseconds or cycles: only compared
 * @shape: hash over the stacks' cur when last looked at, to see idleness
 * @quiet: looks in a row that found @shape unchanged
 * @underflows: misses of allocation; racy, a statistic
 * @overflows: misses of free; the same
 * @lock: percpu_lock.c: guards the slab that is never attached
 * @next: list of detached slabs
 * @large_cur: cur of classes 227 to 255: above any end, so that a push misses
 *	whatever is where its end would be
 * @kept: by length, see slab_kept_index(): the object, or for longer ones the span;
 *	SLAB_KEPT_NONE if the place is empty, 0 if it is closed
 * @kept_at: where the object's class is; anything for others
 * @kept_idle: bit: the place was full when last looked at
 * @kept_pages: of the lengths whose places are open, granted by large
 * @seen: the slot each class's cur was at when last looked at, to see idle
 *	classes; 0 since it missed
 */
struct percpu_slab {
	union {
		struct {
			void *zero;
			void **cur[PERCPU_CLASSES];
			void **end[PERCPU_CLASSES];
			uint8_t size_class[SIZECLASS_SMALL_SLOTS];
			/* slow path from here */
			uint32_t cap[PERCPU_CLASSES];
			uint8_t miss[PERCPU_CLASSES];
			uint8_t way[PERCPU_CLASSES];
			uint8_t run[PERCPU_CLASSES];
			uint8_t swings[PERCPU_CLASSES];
			uint8_t idle[PERCPU_CLASSES];
			int32_t cpu;
			uint16_t hand;
			uint32_t used;
			uint32_t slots;
			size_t bytes;
			uint64_t stamp;
			uint64_t shape;
			uint32_t quiet;
			struct shim_lock lock;
			uint64_t underflows;
			uint64_t overflows;
			struct percpu_slab *next;
			uint64_t stacks;
		};
		struct {
			uint8_t to_large_cur[8 + 8 * PERCPU_LARGE];
			uintptr_t large_cur[PERCPU_LARGES];
			uintptr_t kept[PERCPU_KEPT];
			uint8_t *kept_at[PERCPU_KEPT];
			uint64_t kept_idle;
			uint32_t kept_pages;
			uint32_t seen[PERCPU_CLASSES];
		};
	};
};

_Static_assert(offsetof(struct percpu_slab, cur) == 8, "asm relies on it");
_Static_assert(offsetof(struct percpu_slab, end) == 8 + 512, "asm relies on it");
_Static_assert(offsetof(struct percpu_slab, size_class) == 1032,
	       "asm relies on it");
_Static_assert(PERCPU_LARGE + PERCPU_LARGES == 256,
	       "what the page map has for large objects");
_Static_assert(offsetof(struct percpu_slab, kept) == 8 * PERCPU_KEPT_CLASS + 232,
	       "asm relies on it");
_Static_assert(offsetof(struct percpu_slab, kept_at) ==
	       offsetof(struct percpu_slab, kept) + 416, "asm relies on it");
_Static_assert(PERCPU_KEPT < 64, "a bit of kept_idle for each");
_Static_assert(PERCPU_CLASSES <= 64, "a bit of stacks for each");
_Static_assert(offsetof(struct percpu_slab, stacks) + sizeof(uint64_t) <=
	       offsetof(struct percpu_slab, large_cur), "room before large_cur");

#define SLAB_KEPT_NONE	((uintptr_t)1)	/* in @kept: asm relies on it */

#define PERCPU_FIRST_SLOT \
	((sizeof(struct percpu_slab) + sizeof(void *) - 1) / sizeof(void *))

static inline void **slab_slot(struct percpu_slab *slab, unsigned int slot)
{
	return (void **)slab + slot;
}

/* The slot on top of a stack. */
static inline unsigned int slab_top(const struct percpu_slab *slab,
				    unsigned int cls)
{
	return (unsigned int)(slab->cur[cls] - (void **)slab);
}

/**
 * slab_close - leave no stack any room
 * @slab: a slab nobody uses
 */
void slab_close(struct percpu_slab *slab);

/**
 * slab_init - make a slab of memory that reads as zero
 * @slab: the memory, page aligned
 * @bytes: how much
 */
void slab_init(struct percpu_slab *slab, size_t bytes);

/**
 * slab_copy - make a slab of what another one holds
 * @slab: memory that reads as zero, page aligned
 * @old: the other one, which the caller owns exclusively; empty afterwards only
 *	in name: it must be made anew before it is used
 * @bytes: of @slab, not less than of @old
 */
void slab_copy(struct percpu_slab *slab, const struct percpu_slab *old,
	       size_t bytes);

/**
 * slab_has_room - are there slots for a stack of that capacity
 * @slab: any slab
 * @cls: class
 * @cap: the capacity, not 0
 */
static inline bool slab_has_room(const struct percpu_slab *slab,
				 unsigned int cls, unsigned int cap)
{
	unsigned int old = slab->cap[cls];

	return slab->used - (old ? old + 1 : 0) + cap + 1 <= slab->slots;
}

/**
 * slab_count - objects in a stack
 * @slab: any slab; of an attached one the answer is a snapshot
 * @cls: class
 */
static inline unsigned int slab_count(const struct percpu_slab *slab,
				      unsigned int cls)
{
	void **cur = __atomic_load_n(&slab->cur[cls], __ATOMIC_RELAXED);

	return (unsigned int)(cur - (slab->end[cls] - slab->cap[cls]));
}

/**
 * slab_kept_index - the place for spans of a length
 * @k: pages above PERCPU_KEPT_MIN, less than PERCPU_KEPT_LENGTHS
 */
static inline size_t slab_kept_index(size_t k)
{
	if (__builtin_expect(k < PERCPU_KEPT_EXACT, 1))
		return k;
	return PERCPU_KEPT_EXACT - PERCPU_KEPT_EXACT / PERCPU_KEPT_STEP +
	       k / PERCPU_KEPT_STEP;
}

/* Pages of the longest span in the @k-th place. */
static inline unsigned int slab_kept_pages(unsigned int k)
{
	if (k < PERCPU_KEPT_EXACT)
		return PERCPU_KEPT_MIN + k;
	return PERCPU_KEPT_MIN + PERCPU_KEPT_EXACT - 1 +
	       (k - PERCPU_KEPT_EXACT + 1) * PERCPU_KEPT_STEP;
}

/* What is in the @k-th place; of an attached slab, a snapshot. */
static inline uintptr_t slab_kept(const struct percpu_slab *slab, unsigned int k)
{
	return __atomic_load_n(&slab->kept[k], __ATOMIC_RELAXED);
}

/* Is there a span; the same. */
static inline bool slab_keeps(const struct percpu_slab *slab, unsigned int k)
{
	return slab_kept(slab, k) > SLAB_KEPT_NONE;
}

/**
 * slab_misses - misses of a slab so far
 * @slab: any slab
 */
static inline uint64_t slab_misses(const struct percpu_slab *slab)
{
	return slab->underflows + slab->overflows;
}

/**
 * slab_pop - take objects off a stack
 * @slab: a slab that the caller owns exclusively
 * @cls: class
 * @objs: filled in, the top first
 * @n: how many at most
 *
 * Return: how many.
 */
unsigned int slab_pop(struct percpu_slab *slab, unsigned int cls, void **objs,
		      unsigned int n);

/**
 * slab_push - put objects on a stack
 * @slab: a slab that the caller owns exclusively
 * @cls: class
 * @objs: the objects
 * @n: how many
 *
 * Return: how many fitted; the first ones of @objs.
 */
unsigned int slab_push(struct percpu_slab *slab, unsigned int cls, void **objs,
		       unsigned int n);

/**
 * slab_resize - change the capacity of a stack
 * @slab: a slab that the caller owns exclusively
 * @cls: class
 * @cap: new capacity, not less than what the stack holds
 *
 * Moves the stacks of higher classes.
 *
 * Return: false, with nothing changed, if the slab has no room.
 */
bool slab_resize(struct percpu_slab *slab, unsigned int cls, unsigned int cap);

/**
 * slab_shape - a number that changes when a stack does
 * @slab: any slab
 */
uint64_t slab_shape(const struct percpu_slab *slab);

/**
 * slab_double - find an object that is in a stack twice
 * @slab: a slab the caller has alone
 * @cls: class
 * @max: of so many objects, from the top
 *
 * Return: the object, or NULL.
 */
void *slab_double(const struct percpu_slab *slab, unsigned int cls,
		  unsigned int max);

/**
 * slab_is_valid - check a slab's invariants
 * @slab: a slab that the caller owns exclusively
 *
 * Stacks lie in order without gaps or overlap, each has a NULL at the bottom
 * and none above it, sums agree.
 *
 * Return: false if one does not hold.
 */
bool slab_is_valid(const struct percpu_slab *slab);

#endif /* SHIM_PERCPU_SLAB_H */
