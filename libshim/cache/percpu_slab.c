// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_slab: stacks of free objects, for a caller that owns the slab.
 *
 * Keeps true: the layout drawn in percpu_slab.h.  There is no lock here: the
 * caller has detached the slab or holds its lock.  Called by the other files of
 * the cache.
 */
#include <string.h>

#include "percpu_slab.h"

/*
 * So few slots are moved in one piece: they lie on two pages, and both have memory,
 * since the first and the last slot hold something.
 */
#define MOVE_SLOTS	512

void slab_close(struct percpu_slab *slab)
{
	unsigned int cls;

	for (cls = 0; cls < PERCPU_CLASSES; cls++) {
		slab->cur[cls] = &slab->zero;
		slab->end[cls] = &slab->zero;
	}
	memset(slab->large_cur, 0xff, sizeof(slab->large_cur));
}

void slab_init(struct percpu_slab *slab, size_t bytes)
{
	slab_close(slab);
	memcpy(slab->size_class, sizeclass_small, sizeof(slab->size_class));
	slab->used = PERCPU_FIRST_SLOT;
	slab->slots = (uint32_t)(bytes / sizeof(void *));
	slab->cpu = -1;
	shim_lock_init(&slab->lock, SHIM_RANK_PERCPU);
}

/* Where a slot of one slab is in another. */
static void **slot_in(struct percpu_slab *slab, const struct percpu_slab *old,
		      void **slot)
{
	return slab_slot(slab, (unsigned int)(slot - (void **)old));
}

void slab_copy(struct percpu_slab *slab, const struct percpu_slab *old,
	       size_t bytes)
{
	unsigned int cls, n;

	memcpy(slab, old, sizeof(*slab));
	slab->slots = (uint32_t)(bytes / sizeof(void *));
	for (cls = 0; cls < PERCPU_CLASSES; cls++) {
		slab->cur[cls] = slot_in(slab, old, old->cur[cls]);
		slab->end[cls] = slot_in(slab, old, old->end[cls]);
		n = slab_count(old, cls);
		/* the objects; the NULL below them is there */
		memcpy(slab->cur[cls] + 1 - n, old->cur[cls] + 1 - n,
		       n * sizeof(void *));
	}
}

unsigned int slab_pop(struct percpu_slab *slab, unsigned int cls, void **objs,
		      unsigned int n)
{
	unsigned int have = slab_count(slab, cls);
	unsigned int i;

	if (n > have)
		n = have;
	for (i = 0; i < n; i++)
		objs[i] = *slab->cur[cls]--;
	return n;
}

unsigned int slab_push(struct percpu_slab *slab, unsigned int cls, void **objs,
		       unsigned int n)
{
	unsigned int room = (unsigned int)(slab->end[cls] - slab->cur[cls]);

	if (n > room)
		n = room;
	if (!n)
		return 0;
	memcpy(slab->cur[cls] + 1, objs, n * sizeof(*objs));
	slab->cur[cls] += n;
	return n;
}

/* The classes above one, a bit each. */
static uint64_t classes_above(unsigned int cls)
{
	return ~(uint64_t)1 << cls;
}

/*
 * Where the stack of a class begins, or would begin: behind the one before it.
 */
static void **slab_bottom(struct percpu_slab *slab, unsigned int cls)
{
	uint64_t below = slab->stacks & (((uint64_t)1 << cls) - 1);

	if (below)
		return slab->end[63 - __builtin_clzll(below)] + 1;
	return slab_slot(slab, PERCPU_FIRST_SLOT);
}

/* Move the slots from one on, to the top of a class's stack. */
static void slots_move(const struct percpu_slab *slab, void **from,
		       unsigned int cls, int delta)
{
	memmove(from + delta, from,
		(size_t)((char *)(slab->cur[cls] + 1) - (char *)from));
}

static void **stack_bottom(const struct percpu_slab *slab, unsigned int cls)
{
	return slab->end[cls] - slab->cap[cls];
}

/*
 * Move these classes' stacks.  Where they are long, only the slots that hold
 * something: what no object was ever in has no memory.
 */
static void slab_move(struct percpu_slab *slab, uint64_t classes, int delta)
{
	uint64_t left = classes;
	unsigned int cls;
	void **from;

	if (!classes)
		return;
	cls = 63 - (unsigned int)__builtin_clzll(classes);
	from = stack_bottom(slab, (unsigned int)__builtin_ctzll(classes));
	if (slab->cur[cls] - from < MOVE_SLOTS) {
		slots_move(slab, from, cls, delta);
		left = 0;
	}
	while (left) {
		/* the one that others would be moved over goes first */
		cls = (unsigned int)(delta < 0 ? __builtin_ctzll(left) :
						 63 - __builtin_clzll(left));
		left &= ~((uint64_t)1 << cls);
		slots_move(slab, stack_bottom(slab, cls), cls, delta);
	}
	for (; classes; classes &= classes - 1) {
		cls = (unsigned int)__builtin_ctzll(classes);
		slab->cur[cls] += delta;
		slab->end[cls] += delta;
	}
}

bool slab_resize(struct percpu_slab *slab, unsigned int cls, unsigned int cap)
{
	unsigned int old = slab->cap[cls];
	/* The bottom's slot comes and goes with the stack. */
	int delta = (int)(cap + !!cap) - (int)(old + !!old);
	void **bottom = slab_bottom(slab, cls);

	if (slab_count(slab, cls) > cap)
		return false;
	if (cap && !slab_has_room(slab, cls, cap))
		return false;
	slab_move(slab, slab->stacks & classes_above(cls), delta);
	slab->used += delta;
	slab->bytes += ((size_t)cap - old) * sizeclass_info[cls].size;
	slab->cap[cls] = cap;
	if (!cap) {
		slab->stacks &= ~((uint64_t)1 << cls);
		slab->cur[cls] = &slab->zero;
		slab->end[cls] = &slab->zero;
		return true;
	}
	if (!old) {
		slab->stacks |= (uint64_t)1 << cls;
		*bottom = NULL;
		slab->cur[cls] = bottom;
	}
	slab->end[cls] = bottom + cap;
	return true;
}

uint64_t slab_shape(const struct percpu_slab *slab)
{
	uint64_t hash = slab_misses(slab);
	unsigned int i;

	for (i = 1; i <= SIZECLASS_COUNT; i++)
		hash = hash * 31 + (uintptr_t)__atomic_load_n(&slab->cur[i],
							      __ATOMIC_RELAXED);
	for (i = 0; i < PERCPU_KEPT; i++)
		hash = hash * 31 + slab_keeps(slab, i);
	return hash;
}

/* A bit for each of 4096 hashes: few objects of some hundred share one. */
#define SEEN_WORDS	64u

void *slab_double(const struct percpu_slab *slab, unsigned int cls,
		  unsigned int max)
{
	unsigned int n = slab_count(slab, cls), i, k;
	void *const *top = slab->cur[cls];
	uint64_t seen[SEEN_WORDS] = { 0 };

	for (i = 0; i < n && i < max; i++) {
		/* Fibonacci hashing: the highest bits are the best ones */
		uint64_t h = ((uintptr_t)top[-(long)i] >> 4) *
			     0x9e3779b97f4a7c15u >> 52;
		uint64_t bit = 1ull << h % 64;

		for (k = 0; seen[h / 64] & bit && k < i; k++)
			if (top[-(long)k] == top[-(long)i])
				return top[-(long)i];
		seen[h / 64] |= bit;
	}
	return NULL;
}

bool slab_is_valid(const struct percpu_slab *slab)
{
	void *const *zero = &slab->zero;
	void *const *at = zero + PERCPU_FIRST_SLOT;
	size_t bytes = 0;
	unsigned int cls, k;

	for (k = 0; k < PERCPU_KEPT; k++)
		if (slab_keeps(slab, k) && slab->kept[k] % 16)
			return false;
	for (k = 0; k < PERCPU_LARGES; k++)
		if (slab->large_cur[k] != UINTPTR_MAX)
			return false;
	if (*zero)
		return false;
	for (cls = 0; cls < PERCPU_CLASSES; cls++) {
		void *const *cur = slab->cur[cls], *const *end = slab->end[cls];

		if (!!slab->cap[cls] != (slab->stacks >> cls & 1))
			return false;
		if (!slab->cap[cls]) {
			if (cur != zero || end != zero)
				return false;
			continue;
		}
		if (end != at + slab->cap[cls] || cur < at || cur > end || *at)
			return false;
		for (; cur > at; cur--)
			if (!*cur)
				return false;
		at = end + 1;
		bytes += (size_t)slab->cap[cls] * sizeclass_info[cls].size;
	}
	return at == zero + slab->used && bytes == slab->bytes;
}
