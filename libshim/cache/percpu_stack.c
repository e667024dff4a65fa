// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_stack: how large each stack of a slab may be.
 *
 * A stack begins with room for a few objects and doubles, miss by miss, up to
 * one batch.  Beyond that it grows, by half, only if the class missed in both
 * directions: a stack that only runs empty, or only runs full, merely passes
 * objects on, and a deeper one would not miss less often.
 *
 * All stacks of a slab together hold no more than the budget, which is a part
 * of the heap.  Where the budget is used up, a stack that grows takes room from
 * classes that have not missed since the clock hand last passed them.
 *
 * Keeps true: no stack that grows past its first few objects takes slab->bytes
 * over the budget.  There is no lock here: a function that changes a slab
 * requires it to be detached or locked.
 */
#include "percpu_int.h"
#include "transfer.h"
#include "base/usage.h"

#define CAP_FIRST	4u
#define CAP_MAX		4096u
#define BUDGET_MAX	((size_t)4 << 20)
#define SQUEEZE_MISSES	16u	/* between two attempts to take room */

void percpu_set_budget(size_t bytes)
{
	__atomic_store_n(&percpu.budget, bytes, __ATOMIC_RELAXED);
}

/*
 * Of a heap: where threads run side by side, a miss may wait for another at a
 * lock, with all that its thread holds; a lone thread misses cheaply, and what it
 * caches is often the last of its span.
 */
static const struct {
	size_t min;
	unsigned int part;	/* of the heap, for each CPU */
} budgets[] = {
	{ (size_t)256 << 10, 32 },
	{ (size_t)1 << 20, 8 },
};

static size_t budget_now(void)
{
	size_t budget = __atomic_load_n(&percpu.budget, __ATOMIC_RELAXED);
	bool many = __atomic_load_n(&percpu.limit, __ATOMIC_RELAXED) > 1;

	if (!budget) {
		budget = pageheap_usage() / budgets[many].part;
		if (budget < budgets[many].min)
			budget = budgets[many].min;
		if (budget > BUDGET_MAX)
			budget = BUDGET_MAX;
	}
	return budget >> (2 * pageheap_pressure());
}

/**
 * stack_missed - note a miss
 * @slab: any slab; racy if it is attached, and only a hint
 * @cls: class
 * @miss: in which direction
 *
 * Return: capacity the stack should have now.
 */
unsigned int stack_missed(struct percpu_slab *slab, unsigned int cls,
			  enum percpu_miss miss)
{
	unsigned int batch = sizeclass_info[cls].batch;
	unsigned int cap = slab->cap[cls];
	unsigned int last = slab->miss[cls];
	unsigned int more = cap / 2 > batch ? cap / 2 : batch;

	slab->idle[cls] = 0;
	slab->miss[cls] = miss;
	if (miss == PERCPU_UNDERFLOW)
		slab->underflows++;
	else
		slab->overflows++;
	if (!cap)
		return batch < CAP_FIRST ? batch : CAP_FIRST;
	if (cap < batch)
		return cap * 2 < batch ? cap * 2 : batch;
	if (last == PERCPU_NO_MISS || last == miss || cap >= CAP_MAX)
		return cap;
	slab->miss[cls] = PERCPU_NO_MISS;
	return cap + more < CAP_MAX ? cap + more : CAP_MAX;
}

/**
 * stack_drain - take objects from a stack down to the transfer cache
 * @slab: a slab the caller has alone
 * @cls: class
 * @keep: objects that stay
 */
void stack_drain(struct percpu_slab *slab, unsigned int cls, unsigned int keep)
{
	void *objs[SIZECLASS_BATCH_MAX];
	unsigned int have = slab_count(slab, cls);
	unsigned int n;

	while (have > keep) {
		n = have - keep;
		if (n > sizeclass_info[cls].batch)
			n = sizeclass_info[cls].batch;
		n = slab_pop(slab, cls, objs, n);
		transfer_put(cls, objs, n);
		have -= n;
	}
}

/* Take at least @bytes of capacity from classes that miss seldom. */
static void stack_squeeze(struct percpu_slab *slab, unsigned int not,
			  size_t bytes)
{
	size_t target = slab->bytes > bytes ? slab->bytes - bytes : 0;
	unsigned int steps;

	for (steps = 0; steps < 2 * SIZECLASS_COUNT; steps++) {
		unsigned int cls = slab->hand % SIZECLASS_COUNT + 1;
		unsigned int cap = slab->cap[cls];

		if (slab->bytes <= target)
			return;
		slab->hand = cls;
		if (!cap || cls == not)
			continue;
		if (!slab->idle[cls]) {
			slab->idle[cls] = 1;
			continue;
		}
		cap = cap > CAP_FIRST ? cap / 2 : 0;
		stack_drain(slab, cls, cap);
		slab_resize(slab, cls, cap);
	}
}

/**
 * stack_may_grow - is it worth having the slab alone for stack_grow()
 * @slab: any slab; racy if it is attached, and only a hint
 * @cls: class
 * @cap: the capacity
 */
bool stack_may_grow(const struct percpu_slab *slab, unsigned int cls,
		    unsigned int cap)
{
	size_t more = (size_t)(cap - slab->cap[cls]) * sizeclass_info[cls].size;

	return !slab->cap[cls] || slab->bytes + more <= budget_now() ||
	       slab_misses(slab) % SQUEEZE_MISSES == 0;
}

/**
 * stack_grow - give a stack the capacity it should have
 * @slab: a slab the caller has alone
 * @cls: class
 * @cap: the capacity
 *
 * Return: false if the budget, or the slab, has no room for it.
 */
bool stack_grow(struct percpu_slab *slab, unsigned int cls, unsigned int cap)
{
	size_t budget = budget_now();
	size_t more;

	if (cap <= slab->cap[cls])
		return true;
	more = (size_t)(cap - slab->cap[cls]) * sizeclass_info[cls].size;
	/* Where all classes miss alike, moving room around only costs. */
	if (slab->bytes + more > budget &&
	    slab_misses(slab) % SQUEEZE_MISSES == 0)
		stack_squeeze(slab, cls, slab->bytes + more - budget);
	/* The first few of a class are always allowed. */
	if (slab->bytes + more > budget && slab->cap[cls])
		return false;
	percpu.resizes++;
	return slab_resize(slab, cls, cap);
}
