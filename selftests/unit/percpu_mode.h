/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * percpu_mode: objects of percpu, with sequences and with locks.
 *
 * An object is in one place at a time: the thread that gets one marks it.
 */
#ifndef UNIT_PERCPU_MODE_H
#define UNIT_PERCPU_MODE_H

#include <sched.h>

#include "fake_transfer.h"
#include "cache/percpu_int.h"

#define KEEP	300

static unsigned char owned[SIZECLASS_COUNT + 1][FAKE_OBJS];
static unsigned long twice;	/* objects that two threads had at once */

FIXTURE(mode) {
	bool rseq;
};

FIXTURE_VARIANT(mode) {
	bool rseq;
};

FIXTURE_VARIANT_ADD(mode, sequences) { .rseq = true };
FIXTURE_VARIANT_ADD(mode, locks) { .rseq = false };

FIXTURE_SETUP(mode)
{
	percpu_boot(variant->rseq);
	percpu_open(true);
	if (variant->rseq && !percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	ASSERT_EQ(variant->rseq, percpu_has_rseq());
}

FIXTURE_TEARDOWN(mode)
{
}

static void *take(unsigned int cls)
{
	void *p = percpu_hot.mid_max ? percpu_pop(cls) : NULL;

	if (!p)
		p = percpu_get(cls);
	if (p && __atomic_exchange_n(&owned[cls][fake_number(p)], 1,
				     __ATOMIC_ACQ_REL))
		__atomic_fetch_add(&twice, 1, __ATOMIC_RELAXED);
	return p;
}

static void give(unsigned int cls, void *p)
{
	__atomic_store_n(&owned[cls][fake_number(p)], 0, __ATOMIC_RELEASE);
	if (!percpu_hot.mid_max || !percpu_push(cls, p))
		percpu_put(cls, p);
}

static inline size_t cached(void)
{
	struct percpu_stat st;

	percpu_get_stat(&st);
	return st.bytes;
}

static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

#endif
