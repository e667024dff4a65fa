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
 * classes that have not missed since the clock hand last passed them.  All
 * slabs together have a total as well, since on a machine of 256 CPUs these
 * parts would be many times the heap.  A slab may use what others leave, but
 * each is guaranteed a fair share, so that at worst twice the total is in use.
 *
 * Keeps true: no stack that grows past its first few objects takes slab->bytes
 * over the budget; percpu.capacity is the sum of slab->bytes.  There is no lock
 * here: a function that changes a slab requires it to be detached or locked.
 */
#include "percpu_int.h"
#include "transfer.h"
#include "base/usage.h"

#define CAP_FIRST	4u
#define CAP_MAX		4096u
#define BUDGET_MAX	((size_t)4 << 20)
#define SQUEEZE_MISSES	16u	/* between two attempts to take room from other classes */

void percpu_set_budget(size_t bytes)
{
	__atomic_store_n(&percpu.budget, bytes, __ATOMIC_RELAXED);
}

/*
 * The part of the heap that one slab may hold.  Where threads run side by side,
 * a miss may wait for a lock and makes others wait in turn.  A lone thread
 * misses cheaply, and an object that it caches is often the last one of its
 * span.
 */
static const struct {
	size_t min;
	unsigned int part;	/* of the heap, for each CPU */
} budgets[] = {
	{ (size_t)256 << 10, 32 },
	{ (size_t)1 << 20, 8 },
};

/*
 * The total of all slabs: half of the heap, or 8 MiB for a small one.  Up to 4
 * slabs cannot exceed half of the heap by the parts above, and 8 MiB is enough
 * for 8 slabs of a small heap.
 */
#define TOTAL_PART	2u
#define TOTAL_MIN	((size_t)8 << 20)

/* The room for a class's first few objects, once the total is used up. */
#define FIRST_BYTES	1024u

/* How many slabs may be in use: those behind locks are made as threads come. */
static uint32_t slabs_max(void)
{
	uint32_t n = __atomic_load_n(&percpu.limit, __ATOMIC_RELAXED);

	if (!percpu.rseq && percpu.nallowed > n)
		n = percpu.nallowed;
	return n ? n : 1;
}

/*
 * What all stacks of a slab may hold, if @more of that is new.  *@scarce is set
 * if this is its share of a total that is used up.
 */
static size_t budget_now(size_t more, bool *scarce)
{
	size_t budget = __atomic_load_n(&percpu.budget, __ATOMIC_RELAXED);
	bool many = __atomic_load_n(&percpu.limit, __ATOMIC_RELAXED) > 1;
	unsigned int shift = 2 * pageheap_pressure();
	size_t total, fair, all;

	*scarce = false;
	if (budget)	/* set by the option or by shim_ctl() */
		return budget >> shift;
	total = pageheap_usage();
	budget = total / budgets[many].part;
	if (budget < budgets[many].min)
		budget = budgets[many].min;
	if (budget > BUDGET_MAX)
		budget = BUDGET_MAX;
	total /= TOTAL_PART;
	if (total < TOTAL_MIN)
		total = TOTAL_MIN;
	all = __atomic_load_n(&percpu.capacity, __ATOMIC_RELAXED);
	fair = total / slabs_max();
	if (all + more > total >> shift && budget > fair) {
		*scarce = true;
		budget = fair;
	}
	return budget >> shift;
}

/* May the room for a class's first few objects exceed the budget? */
static bool first_is_free(const struct percpu_slab *slab, unsigned int cls,
			  size_t more, bool scarce)
{
	return !slab->cap[cls] && (!scarce || more <= FIRST_BYTES);
}

/* slab_resize(), counted. */
static bool stack_resize(struct percpu_slab *slab, unsigned int cls,
			 unsigned int cap)
{
	size_t before = slab->bytes;
	bool ok = slab_resize(slab, cls, cap);

	__atomic_fetch_add(&percpu.capacity, slab->bytes - before,
			   __ATOMIC_RELAXED);
	return ok;
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
	slab->seen[cls] = 0;	/* in use, though as full as it was */
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
 * @slab: a slab that the caller owns exclusively
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
		transfer_put_at(percpu_domain(), cls, objs, n);
		have -= n;
	}
}

/* Take at least @bytes of capacity from classes that rarely miss. */
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
		stack_resize(slab, cls, cap);
	}
}

/**
 * stack_may_grow - is it worth taking the slab for stack_grow()
 * @slab: any slab; racy if it is attached, and only a hint
 * @cls: class
 * @cap: the capacity
 */
bool stack_may_grow(const struct percpu_slab *slab, unsigned int cls,
		    unsigned int cap)
{
	size_t more = (size_t)(cap - slab->cap[cls]) * sizeclass_info[cls].size;
	bool scarce;

	return slab->bytes + more <= budget_now(more, &scarce) ||
	       first_is_free(slab, cls, more, scarce) ||
	       slab_misses(slab) % SQUEEZE_MISSES == 0;
}

/**
 * stack_grow - give a stack the capacity it should have
 * @slab: a slab that the caller owns exclusively
 * @cls: class
 * @cap: the capacity
 *
 * Return: false if the budget, or the slab, has no room for it.
 */
bool stack_grow(struct percpu_slab *slab, unsigned int cls, unsigned int cap)
{
	size_t budget, more;
	bool scarce;

	if (cap <= slab->cap[cls])
		return true;
	more = (size_t)(cap - slab->cap[cls]) * sizeclass_info[cls].size;
	budget = budget_now(more, &scarce);
	/*
	 * Where all classes miss alike, moving room between them only costs
	 * time; and no amount of it helps a class whose objects are larger than
	 * that.
	 */
	if (slab->bytes + more > budget && more <= budget &&
	    slab_misses(slab) % SQUEEZE_MISSES == 0)
		stack_squeeze(slab, cls, slab->bytes + more - budget);
	if (slab->bytes + more > budget &&
	    !first_is_free(slab, cls, more, scarce))
		return false;
	__atomic_fetch_add(&percpu.resizes, 1, __ATOMIC_RELAXED);
	return stack_resize(slab, cls, cap);
}
