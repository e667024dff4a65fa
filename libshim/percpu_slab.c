// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_slab: stacks of free objects, for one who has the slab alone.
 *
 * Keeps the layout drawn in percpu_slab.h.  No lock: the caller has detached
 * the slab or holds its lock.  Called by percpu.c and percpu_lock.c.
 */
#include <string.h>

#include "percpu_slab.h"

void slab_init(struct percpu_slab *slab)
{
	memcpy(slab->size_class, sizeclass_small, sizeof(slab->size_class));
	slab->used = PERCPU_FIRST_SLOT;
	slab->cpu = -1;
	shim_lock_init(&slab->lock, SHIM_RANK_PERCPU);
}

unsigned int slab_pop(struct percpu_slab *slab, unsigned int cls, void **objs,
		      unsigned int n)
{
	unsigned int have = slab_count(slab, cls);
	unsigned int cur = slab->stack[cls].cur;
	unsigned int i;

	if (n > have)
		n = have;
	for (i = 0; i < n; i++)
		objs[i] = *slab_slot(slab, cur - i);
	slab->stack[cls].cur = cur - n;
	return n;
}

unsigned int slab_push(struct percpu_slab *slab, unsigned int cls, void **objs,
		       unsigned int n)
{
	unsigned int cur = slab->stack[cls].cur;
	unsigned int room = slab->stack[cls].end - cur;

	if (n > room)
		n = room;
	if (!n)
		return 0;
	memcpy(slab_slot(slab, cur + 1), objs, n * sizeof(*objs));
	slab->stack[cls].cur = cur + n;
	return n;
}

/* Where the stack of a class begins, or would: after that of the one before. */
static unsigned int slab_bottom(const struct percpu_slab *slab,
				unsigned int cls)
{
	while (--cls)
		if (slab->cap[cls])
			return slab->stack[cls].end + 1u;
	return PERCPU_FIRST_SLOT;
}

bool slab_resize(struct percpu_slab *slab, unsigned int cls, unsigned int cap)
{
	unsigned int old = slab->cap[cls];
	/* The bottom's slot comes and goes with the stack. */
	int delta = (int)(cap + !!cap) - (int)(old + !!old);
	unsigned int bottom = slab_bottom(slab, cls);
	unsigned int tail = old ? slab->stack[cls].end + 1u : bottom;
	unsigned int i;

	if (slab_count(slab, cls) > cap)
		return false;
	if (slab->used + delta > (int)PERCPU_SLAB_SLOTS)
		return false;
	memmove(slab_slot(slab, tail + delta), slab_slot(slab, tail),
		(slab->used - tail) * sizeof(void *));
	for (i = cls + 1; i < PERCPU_CLASSES; i++) {
		if (!slab->cap[i])
			continue;
		slab->stack[i].cur += delta;
		slab->stack[i].end += delta;
	}
	slab->used += delta;
	slab->bytes += ((size_t)cap - old) * sizeclass_info[cls].size;
	slab->cap[cls] = cap;
	if (!cap) {
		slab->stack[cls].cur = 0;
		slab->stack[cls].end = 0;
		return true;
	}
	if (!old) {
		*slab_slot(slab, bottom) = NULL;
		slab->stack[cls].cur = bottom;
	}
	slab->stack[cls].end = bottom + cap;
	return true;
}

uint64_t slab_shape(const struct percpu_slab *slab)
{
	uint64_t hash = slab_misses(slab);
	unsigned int i;

	for (i = 1; i <= SIZECLASS_COUNT; i++)
		hash = hash * 31 + __atomic_load_n(&slab->stack[i].cur,
						   __ATOMIC_RELAXED);
	return hash;
}

bool slab_is_valid(const struct percpu_slab *slab)
{
	void *const *slots = (void *const *)slab;
	unsigned int at = PERCPU_FIRST_SLOT;
	size_t bytes = 0;
	unsigned int cls;
	unsigned int i;

	if (slab->zero || slab->large.cur || slab->large.end ||
	    slab->stack[0].cur || slab->stack[0].end)
		return false;
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		const struct percpu_stack *s = &slab->stack[cls];

		if (!slab->cap[cls]) {
			if (s->cur || s->end)
				return false;
			continue;
		}
		if (s->end != at + slab->cap[cls] || s->cur < at ||
		    s->cur > s->end || slots[at])
			return false;
		for (i = at + 1; i <= s->cur; i++)
			if (!slots[i])
				return false;
		at = s->end + 1u;
		bytes += (size_t)slab->cap[cls] * sizeclass_info[cls].size;
	}
	return at == slab->used && bytes == slab->bytes;
}
