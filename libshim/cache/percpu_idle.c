// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_idle: emptying caches that are not in use.
 *
 * Keeps true: only the owner of a slab takes objects out of it.  Another CPU's
 * is taken, emptied, and given back or kept as a free one, all with the percpu
 * lock held; this CPU's is owned.  Called by percpu on misses, by entry where memory
 * is short, and by boot when the process ends.
 */
#include "base/clock.h"
#include "base/error.h"
#include "percpu_int.h"
#include "transfer.h"
#include "base/usage.h"

#define TICK_NS		500000000u	/* between two checks for idle CPUs */
#define QUIET_TICKS	2u		/* then a CPU is idle: after 1 s */

static void slab_empty(struct percpu_slab *slab)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		stack_drain(slab, cls, 0);
	kept_empty(slab);
}

void percpu_flush(void)
{
	struct percpu_slab *slab;
	unsigned int cpu;

	shim_lock_acquire(&percpu.lock);
	for (cpu = 0; percpu.rseq && cpu < percpu.ncpus; cpu++) {
		slab = own_take(cpu);
		if (!slab)
			continue;
		slab_empty(slab);
		own_give(slab, cpu);
	}
	shim_lock_release(&percpu.lock);
	locked_flush();
	transfer_flush();
}

void percpu_squeeze(void)
{
	percpu_flush();
	transfer_squeeze();
}

/* A stack that was not touched since the last check keeps a quarter. */
static void slab_trim_idle(struct percpu_slab *slab)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		unsigned int have = slab_count(slab, cls);

		if (slab->seen[cls] == slab_top(slab, cls) && have)
			stack_drain(slab, cls, have / 4);
	}
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		slab->seen[cls] = slab_top(slab, cls);
	kept_trim_idle(slab);
}

/*
 * free() compares an object with the last one only; one that was freed twice with
 * others in between, or a pointer into an object, is found in a look.  Of each
 * stack the objects that were freed last: 2 us for a full one.
 */
#define FREED_LAST	512u

struct misuse {
	void *p;
	unsigned int cls;
};

static bool slab_misuse(const struct percpu_slab *slab, struct misuse *m)
{
	m->p = NULL;
	for (m->cls = 1; m->cls <= SIZECLASS_COUNT; m->cls++) {
		m->p = slab_double(slab, m->cls, FREED_LAST);
		if (m->p)
			return true;
	}
	return false;
}

/* The first pointer that is no object. */
static bool slab_interior(const struct percpu_slab *slab, struct misuse *m)
{
	unsigned int n;

	for (m->cls = 1; m->cls <= SIZECLASS_COUNT; m->cls++)
		for (n = 0; n < slab_count(slab, m->cls) && n < FREED_LAST; n++) {
			m->p = slab->cur[m->cls][-(long)n];
			if (transfer_check(m->cls, m->p))
				return true;
		}
	return false;
}

/* Check one CPU. Lock held.  Return: true with what is wrong in *@m. */
static bool cpu_look(unsigned int cpu, struct misuse *m)
{
	struct percpu_slab *slab = percpu_hot.slab[cpu];
	uint64_t shape;
	bool found;

	if (percpu_is_closed(slab))
		return false;
	shape = slab_shape(slab);
	if (slab->shape != shape) {
		slab->shape = shape;
		slab->quiet = 0;
		return false;
	}
	if (++slab->quiet < QUIET_TICKS)
		return false;
	slab = own_take(cpu);
	if (!slab)
		return false;
	found = slab_misuse(slab, m);
	slab_empty(slab);
	__atomic_fetch_sub(&percpu.capacity, slab->bytes, __ATOMIC_RELAXED);
	slab->next = percpu.free;
	percpu.free = slab;
	percpu.drains++;
	return found;
}

/* With mid_max, which is not touched here, every request is seen in any case. */
static void asks_set(bool asks)
{
	if (percpu_asks() == asks || !shim_lock_try(&percpu.lock))
		return;
	__atomic_store_n(&percpu_hot.asks, asks, __ATOMIC_RELAXED);
	__atomic_store_n(&percpu_hot.small_max,
			 !asks && percpu_hot.mid_max ? SIZECLASS_SMALL_MAX : 0,
			 __ATOMIC_RELAXED);
	shim_lock_release(&percpu.lock);
}

void percpu_ask(void)
{
	asks_set(scavenger_pass(true));
}

void percpu_tick(void)
{
	if (scavenger_pass(false))
		asks_set(true);
}

static void here_trim(void)
{
	struct percpu_own own;

	if (!own_begin(&own))
		return;
	slab_trim_idle(own.slab);
	own_end(&own);
}

/**
 * percpu_tidy - check what this CPU's slab keeps without need
 * @all: check the transfer caches and the clock as well
 *
 * Time here is counted in misses: a program that goes from one size to the next
 * leaves caches behind long before a clock would tell.
 */
void percpu_tidy(bool all)
{
	here_trim();
	percpu_tick();
	if (all) {
		transfer_plunder();
		percpu_idle();
	}
}

/**
 * percpu_recall - give back what is cached of a class, since it is wanted
 * @cls: the class
 *
 * Of this CPU and of the transfer caches; what other CPUs have goes when they are
 * idle.
 */
void percpu_recall(unsigned int cls)
{
	struct percpu_own own;

	if (own_begin(&own)) {
		stack_drain(own.slab, cls, 0);
		own_end(&own);
	}
	transfer_recall(cls);
}

static void here_look(void)
{
	struct percpu_own own;
	struct misuse m;
	bool found;

	if (!own_begin(&own))
		return;
	found = slab_misuse(own.slab, &m);
	own_end(&own);
	if (found)
		shim_die(SHIM_DIE_DOUBLE, m.p, m.cls);
}

void percpu_last_look(void)
{
	bool twice = false, inside = false;
	const struct percpu_slab *slab;
	unsigned int cpu;
	struct misuse m = { 0 };

	/*
	 * other threads go on, and are not to be interrupted now; nor does
	 * exit() in a signal handler wait for what it has interrupted
	 */
	if (!percpu.rseq || !own_is_single() || !shim_lock_try(&percpu.lock))
		return;
	/*
	 * with nobody to keep away, slabs are only read: a child of fork() that
	 * ends copies no page of them for this
	 */
	for (cpu = 0; cpu < percpu.ncpus && !twice && !inside; cpu++) {
		slab = __atomic_load_n(&percpu_hot.slab[cpu], __ATOMIC_RELAXED);
		if (percpu_is_closed(slab))
			continue;
		twice = slab_misuse(slab, &m);
		inside = !twice && slab_interior(slab, &m);
	}
	shim_lock_release(&percpu.lock);
	if (twice)
		shim_die(SHIM_DIE_DOUBLE, m.p, m.cls);
	if (inside)
		transfer_judge(m.cls, m.p);
}

/* Is a check due that no other thread has taken on? */
static bool tick_is_due(void)
{
	uint64_t now = clock_coarse();
	uint64_t due = __atomic_load_n(&percpu.tick, __ATOMIC_RELAXED);

	return now >= due &&
	       __atomic_compare_exchange_n(&percpu.tick, &due, now + TICK_NS,
					   false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED) && due;
}

/* The part that any thread may do, even one without sequences. */
static void look_around(void)
{
	struct percpu_slab *slab;
	bool found = false;
	struct misuse m;
	unsigned int cpu;

	if (percpu.rseq) {
		shim_lock_acquire(&percpu.lock);
		for (cpu = 0; cpu < percpu.ncpus && !found; cpu++)
			found = cpu_look(cpu, &m);
		shim_lock_release(&percpu.lock);
		if (found)
			shim_die(SHIM_DIE_DOUBLE, m.p, m.cls);
	}
	for (cpu = 0; cpu < PERCPU_MAX_LOCKED; cpu++) {
		slab = locked_slab(cpu);
		if (!slab || !shim_lock_try(&slab->lock))
			continue;
		slab_trim_idle(slab);
		shim_lock_release(&slab->lock);
	}
	transfer_plunder();
}

void percpu_idle(void)
{
	if (!tick_is_due())
		return;
	if (percpu.rseq) {
		here_look();
		here_trim();
	}
	look_around();
}
