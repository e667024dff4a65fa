// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_idle: emptying caches of which nobody makes use.
 *
 * Keeps true: only the owner of a slab takes objects out of it.  A slab is
 * detached from its CPU, emptied, and attached again or kept as a free one, all
 * with the percpu lock held.  Called by percpu on misses, and by entry where
 * memory is short.
 */
#include "base/clock.h"
#include "percpu_int.h"
#include "transfer.h"

#define TICK_NS		500000000u	/* between two looks at what is idle */
#define QUIET_TICKS	2u		/* then a CPU is idle: 1 s */

static void slab_empty(struct percpu_slab *slab)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		stack_drain(slab, cls, 0);
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

/* A stack that was not touched since the last look keeps a quarter. */
static void slab_trim_idle(struct percpu_slab *slab)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		unsigned int have = slab_count(slab, cls);

		if (slab->seen[cls] == slab_top(slab, cls) && have)
			stack_drain(slab, cls, have / 4);
	}
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		slab->seen[cls] = (uint16_t)slab_top(slab, cls);
}

/* Look at one CPU, the lock being held. */
static void cpu_look(unsigned int cpu)
{
	struct percpu_slab *slab = percpu_hot.slab[cpu];
	uint64_t shape;

	if (slab == &percpu_none)
		return;
	shape = slab_shape(slab);
	if (slab->shape != shape) {
		slab->shape = shape;
		slab->quiet = 0;
		return;
	}
	if (++slab->quiet < QUIET_TICKS)
		return;
	slab = own_take(cpu);
	if (!slab)
		return;
	slab_empty(slab);
	slab->next = percpu.free;
	percpu.free = slab;
	percpu.drains++;
}

/**
 * percpu_tidy - look at what this CPU's slab keeps without need
 * @all: and at the transfer caches, and at the clock
 *
 * Time here is counted in misses: a program that goes from one size to the next
 * leaves caches behind long before a clock would tell.
 */
void percpu_tidy(bool all)
{
	struct percpu_slab *slab;
	long here;

	shim_lock_acquire(&percpu.lock);
	slab = rseq_detach(percpu_hot.rseq_off, percpu_hot.slab, &percpu_none,
			   &here);
	if (slab) {
		slab_trim_idle(slab);
		own_give(slab, (unsigned int)here);
	}
	shim_lock_release(&percpu.lock);
	if (all) {
		transfer_plunder();
		percpu_idle();
	}
}

/* Is it time for a look, and nobody else's? */
static bool tick_is_due(void)
{
	uint64_t now = clock_coarse();
	uint64_t due = __atomic_load_n(&percpu.tick, __ATOMIC_RELAXED);

	return now >= due &&
	       __atomic_compare_exchange_n(&percpu.tick, &due, now + TICK_NS,
					   false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED) && due;
}

/* What any thread may do, one without sequences as well. */
static void look_around(void)
{
	struct percpu_slab *slab;
	unsigned int cpu;

	if (percpu.rseq) {
		shim_lock_acquire(&percpu.lock);
		for (cpu = 0; cpu < percpu.ncpus; cpu++)
			cpu_look(cpu);
		shim_lock_release(&percpu.lock);
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
	struct percpu_slab *slab;
	long here;

	if (!tick_is_due())
		return;
	if (percpu.rseq) {
		shim_lock_acquire(&percpu.lock);
		slab = rseq_detach(percpu_hot.rseq_off, percpu_hot.slab,
				   &percpu_none, &here);
		if (slab) {
			slab_trim_idle(slab);
			own_give(slab, (unsigned int)here);
		}
		shim_lock_release(&percpu.lock);
	}
	look_around();
}
