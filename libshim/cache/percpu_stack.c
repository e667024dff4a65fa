// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_stack: how large each stack of a slab may be.
 *
 * A stack begins with room for a few objects and doubles, miss by miss, up to
 * one batch.  Beyond that it grows, by half, only if the class missed in both
 * directions: a stack that only runs empty, or only runs full, merely passes
 * objects on, and a deeper one would not miss less often.
 *
 * What a lone thread frees in bulk it most often allocates again, and the way
 * through the spans costs it more than twice what the rest of malloc() and
 * free() does.  So the stack of a class that was seen to do so may be deep, but
 * only while the heap does not grow: before it would, the surplus over the
 * budget is shed, and the heap gets the pages of spans that became empty.  No
 * object is shed that was not freed into a deep stack before, so a program that
 * gains nothing pays once for each, as it would have paid at once.
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
#define CAP_FIRST_BYTES	256u	/* of small ones: some cache lines */
#define CAP_MAX		((unsigned int)(PERCPU_DEEP_BYTES / sizeof(void *)))
#define BUDGET_MAX	((size_t)4 << 20)
/*
 * What the stacks of a lone thread may hold until the heap would grow.  A cache
 * of more than a few MiB misses the processor's own; and this much stays in a
 * process that frees its memory and then sleeps.
 */
#define DEEP_BYTES	((size_t)8 << 20)
/*
 * Bulk is PERCPU_BULK_RUN misses in a row in one direction, then as many in the
 * other.  Where sizes come and go at random, rows are short; a deep stack would gain
 * nothing, and its objects would keep spans from becoming empty.
 */
#define BULK_SWINGS	2u
#define BULK_BYTES	16384u	/* of larger objects less is what the locks cost */
/*
 * Misses between two attempts to take room from other classes.  That moves the
 * stacks behind them: of many slots it is as much work as many misses.  Where all
 * classes miss by turns, each attempt takes room that will be missed.  The number is
 * odd, as a class that misses in both directions by turns asks every other time.
 */
#define SQUEEZE_MISSES	61u
#define SQUEEZE_SLOTS	64u	/* moved in the time of a miss, or less */
/*
 * No room is taken from stacks that hold no more than this part of the budget: some
 * small objects, whose room would be hardly one more object of the classes that want it.
 */
#define SQUEEZE_LEAST	128u
#define SQUEEZE_LEAST_BYTES	2048u
_Static_assert(SIZECLASS_COUNT * 2 < SQUEEZE_LEAST, "less than half of it in all");

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

/* Its part of the heap. */
static size_t budget_part(size_t usage)
{
	bool many = __atomic_load_n(&percpu.limit, __ATOMIC_RELAXED) > 1;
	size_t budget = usage / budgets[many].part;

	if (budget < budgets[many].min)
		return budgets[many].min;
	return budget < BUDGET_MAX ? budget : BUDGET_MAX;
}

/*
 * What all stacks of a slab may hold, if @more of that is new.  *@scarce is set
 * if this is its share of a total that is used up.
 */
static size_t budget_now(const struct percpu_slab *slab, unsigned int cls,
			 size_t more, bool *scarce)
{
	size_t budget = __atomic_load_n(&percpu.budget, __ATOMIC_RELAXED);
	bool many = __atomic_load_n(&percpu.limit, __ATOMIC_RELAXED) > 1;
	unsigned int shift = 2 * pageheap_pressure();
	size_t total, fair, all;

	*scarce = false;
	if (budget)	/* set by the option or by shim_ctl() */
		return budget >> shift;
	total = pageheap_usage();
	budget = budget_part(total);
	if (!many && percpu.rseq && slab->swings[cls] >= BULK_SWINGS)
		budget = DEEP_BYTES;
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

/* The room that a stack begins with. */
static unsigned int cap_first(unsigned int cls)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	unsigned int some = CAP_FIRST_BYTES / info->size;

	if (some < CAP_FIRST)
		some = CAP_FIRST;
	return info->batch < some ? info->batch : some;
}

/* What stack_batch() says in a long row of misses. */
unsigned int stack_bulk(const struct percpu_slab *slab, unsigned int cls)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	unsigned int n = slab->cap[cls] / 4;

	if (n > BULK_BYTES / info->size)
		n = BULK_BYTES / info->size;
	if (n > SIZECLASS_BULK_MAX)
		n = SIZECLASS_BULK_MAX;
	return n > info->batch ? n : info->batch;
}

/* Has a class had a row of misses that ends now, and how many before? */
static void stack_swings(struct percpu_slab *slab, unsigned int cls,
			 enum percpu_miss miss)
{
	if (slab->way[cls] == miss) {
		slab->run[cls] += slab->run[cls] < PERCPU_BULK_RUN;
		return;
	}
	if (slab->run[cls] < PERCPU_BULK_RUN)
		slab->swings[cls] = 0;
	else
		slab->swings[cls] += slab->swings[cls] < BULK_SWINGS;
	slab->way[cls] = (uint8_t)miss;
	slab->run[cls] = 1;
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
	stack_swings(slab, cls, miss);
	slab->miss[cls] = miss;
	if (miss == PERCPU_UNDERFLOW)
		slab->underflows++;
	else
		slab->overflows++;
	if (!cap)
		return cap_first(cls);
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
	void *objs[SIZECLASS_BULK_MAX];
	unsigned int have = slab_count(slab, cls);
	unsigned int n;

	while (have > keep) {
		n = have - keep;
		if (n > SIZECLASS_BULK_MAX)
			n = SIZECLASS_BULK_MAX;
		n = slab_pop(slab, cls, objs, n);
		transfer_put_at(percpu_domain(), cls, objs, n);
		have -= n;
	}
}

static size_t stack_held(const struct percpu_slab *slab)
{
	unsigned int cls;
	size_t held = 0;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		held += (size_t)slab_count(slab, cls) *
			sizeclass_info[cls].size;
	return held;
}

/**
 * stack_is_deep - may the stacks hold a surplus
 * @slab: any slab; racy if it is attached, and only a hint
 */
bool stack_is_deep(const struct percpu_slab *slab)
{
	return slab->bytes > budgets[0].min &&
	       !__atomic_load_n(&percpu.budget, __ATOMIC_RELAXED);
}

/**
 * stack_has_surplus - do they hold more than they should while the heap grows
 * @slab: any slab; racy if it is attached, and only a hint
 */
bool stack_has_surplus(const struct percpu_slab *slab)
{
	return stack_held(slab) > budget_part(pageheap_usage());
}

/**
 * stack_shed - take the surplus out of the stacks
 * @slab: a slab that the caller owns exclusively
 * @not: the class that objects are wanted of, 0 for none
 *
 * Leaves half of the budget, so that it takes as much again until the next
 * time.  Each class gives the same part.
 */
void stack_shed(struct percpu_slab *slab, unsigned int not)
{
	size_t held = stack_held(slab), keep = budget_part(pageheap_usage()) / 2;
	unsigned int cls;

	if (held <= keep)
		return;
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		if (cls != not)
			stack_drain(slab, cls,
				    (unsigned int)(slab_count(slab, cls) *
						   keep / held));
	__atomic_fetch_add(&percpu.sheds, 1, __ATOMIC_RELAXED);
}

static bool squeeze_is_due(const struct percpu_slab *slab)
{
	unsigned int misses = slab->used / SQUEEZE_SLOTS;

	return slab_misses(slab) %
	       (misses > SQUEEZE_MISSES ? misses | 1 : SQUEEZE_MISSES) == 0;
}

/*
 * Take capacity from classes that rarely miss, until @more bytes of it are within
 * the budget.
 */
static __attribute__((noinline))
void stack_squeeze(struct percpu_slab *slab, unsigned int not, size_t more,
		   size_t budget)
{
	size_t target = budget - more, least = budget / SQUEEZE_LEAST;
	unsigned int steps;

	if (least > SQUEEZE_LEAST_BYTES)
		least = SQUEEZE_LEAST_BYTES;
	for (steps = 0; steps < 2 * SIZECLASS_COUNT; steps++) {
		unsigned int cls = slab->hand % SIZECLASS_COUNT + 1;
		unsigned int cap = slab->cap[cls];

		if (slab->bytes <= target)
			return;
		slab->hand = cls;
		if (cls == not || (size_t)cap * sizeclass_info[cls].size <= least)
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

	return slab->bytes + more <= budget_now(slab, cls, more, &scarce) ||
	       first_is_free(slab, cls, more, scarce) ||
	       squeeze_is_due(slab);
}

/**
 * stack_needs_slots - would a stack grow if its slab had more slots
 * @slab: a slab that the caller owns exclusively
 * @cls: class
 * @cap: the capacity that stack_grow() refused
 */
bool stack_needs_slots(const struct percpu_slab *slab, unsigned int cls,
		       unsigned int cap)
{
	size_t more = (size_t)(cap - slab->cap[cls]) * sizeclass_info[cls].size;
	bool scarce;

	return slab->slots == PERCPU_SLAB_SLOTS && percpu.rseq &&
	       slab->swings[cls] >= BULK_SWINGS &&
	       !slab_has_room(slab, cls, cap) &&
	       slab->bytes + more <= budget_now(slab, cls, more, &scarce);
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
	budget = budget_now(slab, cls, more, &scarce);
	/*
	 * Where all classes miss alike, moving room between them only costs
	 * time; and no amount of it helps a class whose objects are larger than
	 * that.  What is not taken from others is less than half of it.
	 */
	if (slab->bytes + more > budget && more <= budget / 2 &&
	    squeeze_is_due(slab))
		stack_squeeze(slab, cls, more, budget);
	if (slab->bytes + more > budget &&
	    !first_is_free(slab, cls, more, scarce))
		return false;
	if (!stack_resize(slab, cls, cap))
		return false;
	__atomic_fetch_add(&percpu.resizes, 1, __ATOMIC_RELAXED);
	if (slab->bytes > budget_part(pageheap_usage()))
		__atomic_store_n(&percpu_hot.deep, true, __ATOMIC_RELAXED);
	return true;
}
