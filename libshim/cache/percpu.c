// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu: each CPU's stacks of free objects: what happens on a miss.
 *
 * Keeps true: an object is in one place at a time, a stack, the layers below, or
 * the caller's hands; a thread without sequences goes to percpu_lock for all of
 * its calls.  No lock is held here.  Called by entry.
 */
#include <string.h>

#include "base/error.h"
#include "base/probe.h"
#include "percpu_int.h"
#include "span/large.h"
#include "transfer.h"

/*
 * Misses between two stamps; between two checks of what this CPU's slab keeps
 * without need; and between two checks of the transfer caches and other CPUs.
 */
#define STAMP_CHECK	16u
#define TIDY_CHECK	64u
#define IDLE_CHECK	256u

/*
 * So many objects of any class end with the cache line that they end in: 16 bytes
 * are a quarter of one, 48 three quarters.
 */
#define PERCPU_ALIKE	4u
#define CACHE_LINE	64u

/* Do the slots of a lone thread not suffice?  Then it gets more.  Ends @own. */
static __attribute__((noinline))
void here_deepen(struct percpu_own *own, unsigned int cls, unsigned int cap)
{
	struct percpu_slab *old = NULL;

	if (stack_needs_slots(own->slab, cls, cap)) {
		old = own_deepen(own);
		if (old)
			stack_grow(own->slab, cls, cap);
	}
	own_end(own);
	if (old)
		own_spare(old);
}

/* Enlarge this CPU's stack of a class, if the budget allows it. */
static void here_grow(unsigned int cls, unsigned int cap)
{
	struct percpu_own own;

	if (!own_begin(&own))
		return;
	if (stack_grow(own.slab, cls, cap))
		own_end(&own);
	else
		here_deepen(&own, cls, cap);
}

bool percpu_here_is_deep(void)
{
	const struct percpu_slab *slab;

	if (!percpu.rseq || rseq_cpu(percpu_hot.rseq_off) < 0)
		return false;
	slab = own_here();
	return slab && (stack_is_deep(slab) || kept_is_deep(slab));
}

/* Are large spans to go back, for an object of a class or, 0, a large one? */
static bool shed_kept(const struct percpu_slab *slab, unsigned int cls)
{
	return kept_is_deep(slab) && (cls || !large_unwritten());
}

/* The same, where objects of a class come from the heap that grows. */
static void shed(unsigned int not)
{
	struct percpu_slab *slab = own_here();
	struct span *span[PERCPU_KEPT];
	struct percpu_own own;
	unsigned int n = 0;

	if (!slab || !(stack_has_surplus(slab) || shed_kept(slab, not)) ||
	    !own_begin(&own))
		return;
	if (stack_has_surplus(own.slab))
		stack_shed(own.slab, not);
	if (shed_kept(own.slab, not))
		n = kept_take(own.slab, KEPT_ALL, span);
	own_end(&own);
	large_give(span, n);
}

void percpu_shed(void)
{
	shed(0);
}

/*
 * Note a miss. Return: the capacity that the stack has, roughly; *@batch: how many
 * objects should move.
 */
static unsigned int here_missed(unsigned int cls, enum percpu_miss miss,
				unsigned int *batch)
{
	struct percpu_slab *slab = own_here();
	unsigned int cap;
	bool turns;

	*batch = sizeclass_info[cls].batch;
	if (!slab)
		return 0;
	PROBE(cache_miss, cls, miss);
	turns = miss == PERCPU_UNDERFLOW && slab->way[cls] == PERCPU_OVERFLOW;
	cap = stack_missed(slab, cls, miss);
	if (cap > slab->cap[cls] && stack_may_grow(slab, cls, cap))
		here_grow(cls, cap);
	if (slab_misses(slab) % STAMP_CHECK == 0)
		own_stamp(slab);
	if (slab_misses(slab) % TIDY_CHECK == 0)
		percpu_tidy(slab_misses(slab) % IDLE_CHECK == 0);
	*batch = stack_batch(slab, cls);
	cap = slab->cap[cls];
	/* as many misses are to be expected in either direction: half full is best */
	if (turns && *batch > cap / 2 + 1)
		*batch = cap / 2 + 1;
	return cap;
}

static void reverse(void **objs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n / 2; i++) {
		void *p = objs[i];

		objs[i] = objs[n - 1 - i];
		objs[n - 1 - i] = p;
	}
}

/*
 * Put objects that come side by side in an order in which neighbours do not share a
 * cache line.  The first ones of a class are often given to several threads, each of
 * which gets its own again and again from the stack of its CPU.
 */
static void spread(void **objs, unsigned int n, unsigned int cls)
{
	unsigned int alike = (CACHE_LINE - 1) / sizeclass_info[cls].size + 1;
	void *row[SIZECLASS_BATCH_MAX];
	unsigned int from, i, to = 0;

	memcpy(row, objs, n * sizeof(*row));
	for (from = 0; from < alike; from++)
		for (i = from; i < n; i += alike)
			objs[to++] = row[i];
}

/* What the stack has no room for. */
static __attribute__((noinline))
void here_spill(unsigned int cls, void **objs, unsigned int n)
{
	transfer_put_at(percpu_domain(), cls, objs, n);
}

void *percpu_get(unsigned int cls)
{
	unsigned int n, cap, pushed, batch;
	void *objs[SIZECLASS_BULK_MAX];
	bool begins, due = false;
	void *p;

	if (!percpu.rseq || rseq_cpu(percpu_hot.rseq_off) < 0) {
		p = locked_get(cls, &due);
		if (due) {
			percpu_idle();
			percpu_tick();
		}
		return p;
	}
	p = percpu_pop(cls);
	if (p)
		return p;
	cap = here_missed(cls, PERCPU_UNDERFLOW, &batch);
	if (percpu_is_deep() && transfer_is_dry(percpu_domain(), cls))
		shed(cls);
	n = batch < cap + 1 ? batch : cap + 1;
	/* whole cache lines, where nobody has had a part of one before */
	if (n > PERCPU_ALIKE)
		n -= n % PERCPU_ALIKE;
	/* later ones are used together: then a line for several is better */
	begins = n < sizeclass_info[cls].batch;
	n = transfer_get_at(percpu_domain(), cls, objs, n);
	if (!n)
		return NULL;
	if (begins)
		spread(objs, n, cls);
	/*
	 * Return the first object; the others go on the stack so that they come
	 * from its top in that order.
	 */
	reverse(objs, n);
	if (--n) {
		pushed = rseq_push_batch(percpu_hot.rseq_off, percpu_hot.slab,
					 cls, objs, n);
		if (pushed < n)
			here_spill(cls, objs + pushed, n - pushed);
	}
	return objs[n];
}

void percpu_put(unsigned int cls, void *p)
{
	void *objs[SIZECLASS_BULK_MAX];
	unsigned int n, cap;

	if (!percpu.rseq || rseq_cpu(percpu_hot.rseq_off) < 0) {
		locked_put(cls, p);
		return;
	}
	/* A push also fails if the object is already on top. */
	objs[0] = percpu_pop(cls);
	if (objs[0] == p)
		shim_die(SHIM_DIE_DOUBLE, p, cls);
	if (objs[0] && !percpu_push(cls, objs[0]))
		here_spill(cls, objs, 1);
	if (percpu_push(cls, p))
		return;
	cap = here_missed(cls, PERCPU_OVERFLOW, &n);
	if (percpu_push(cls, p))
		return;
	if (n > (cap + 1) / 2)
		n = (cap + 1) / 2;
	if (n)
		n = rseq_pop_batch(percpu_hot.rseq_off, percpu_hot.slab, cls,
				   objs, n);
	if (n)
		here_spill(cls, objs, n);
	if (!percpu_push(cls, p))
		here_spill(cls, &p, 1);
	if (transfer_wants(cls))
		percpu_recall(cls);
}

void *percpu_get_uncached(unsigned int cls)
{
	void *p;

	return transfer_get_at(percpu_domain(), cls, &p, 1) ? p : NULL;
}

void percpu_put_uncached(unsigned int cls, void *p)
{
	transfer_put_home(cls, &p, 1);
}

bool percpu_put_mixed(void *p)
{
	unsigned int cls = transfer_put_mixed(p);

	/* without sequences the next miss does this, which has a stack to empty */
	if (cls && percpu.rseq && rseq_cpu(percpu_hot.rseq_off) >= 0 &&
	    transfer_wants(cls))
		percpu_recall(cls);
	return cls;
}

void percpu_open(bool open)
{
	bool fast = open && percpu.rseq;

	percpu_hot.mid_max = fast ?
			     SIZECLASS_MAX - SIZECLASS_SMALL_MAX : 0;
	percpu_hot.kept_max = fast ? PERCPU_KEPT_EXACT : 0;
	percpu_hot.long_max = fast ? PERCPU_KEPT_LENGTHS : 0;
	/* last, since it says that the rest has been written */
	__atomic_store_n(&percpu_hot.small_max, fast ? SIZECLASS_SMALL_MAX : 0,
			 __ATOMIC_RELEASE);
}
