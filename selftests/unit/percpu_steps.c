// SPDX-License-Identifier: GPL-2.0-only
/*
 * percpu, step by step: before any sequence of one thread, others do what they
 * may do at that moment.  They take and give objects on this CPU, fill its
 * stacks or empty them, move the thread to another CPU, check what is idle,
 * take its slab away.  No object is lost, none is handed out twice, and no slab
 * is lost.
 *
 * The sequences are fake_rseq's; everything random follows from a seed.
 */
#include "fake_rseq.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "fake_transfer.h"
#include "cache/percpu_int.h"

#define CPUS	3
#define CLASSES	4
#define KEEP	120

struct keeper {
	unsigned int n[CLASSES + 1];
	void *objs[CLASSES + 1][KEEP];
};

static unsigned char owned[SIZECLASS_COUNT + 1][FAKE_OBJS];
static unsigned long twice;	/* objects that two threads had at once */
static struct keeper mine, others;
static uint64_t rng_state;
static unsigned int meddles;	/* before how many steps of 100 */

static unsigned int rng(unsigned int below)
{
	rng_state = rng_state * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned int)(rng_state >> 33) % below;
}

static void own(unsigned int cls, void *p)
{
	twice += owned[cls][fake_number(p)];
	owned[cls][fake_number(p)] = 1;
}

static void disown(unsigned int cls, void *p)
{
	owned[cls][fake_number(p)] = 0;
}

static void take(struct keeper *k, unsigned int cls)
{
	void *p = percpu_pop(cls);

	if (!p)
		p = percpu_get(cls);
	if (!p)
		return;
	own(cls, p);
	k->objs[cls][k->n[cls]++] = p;
}

static void give(struct keeper *k, unsigned int cls)
{
	void *p = k->objs[cls][--k->n[cls]];

	disown(cls, p);
	if (!percpu_push(cls, p))
		percpu_put(cls, p);
}

/* Only the fast paths of others: they run on this CPU and hold no lock. */
static void others_fill(unsigned int cls)
{
	while (others.n[cls]) {
		void *p = others.objs[cls][others.n[cls] - 1];

		if (!percpu_push(cls, p))
			return;
		disown(cls, p);
		others.n[cls]--;
	}
}

static void others_empty(unsigned int cls)
{
	void *p;

	while (others.n[cls] < KEEP) {
		p = percpu_pop(cls);
		if (!p)
			return;
		own(cls, p);
		others.objs[cls][others.n[cls]++] = p;
	}
}

/* What needs the lock, while nobody has it. */
static void others_locked(unsigned int what)
{
	unsigned int cls = 1 + rng(CLASSES);
	struct percpu_slab *slab;
	int was = fake_rseq.cpu;

	/* a thread that detaches holds a lock of the same rank */
	if (shim_lock_is_held(&percpu.lock) || fake_rseq.detaching)
		return;
	switch (what) {
	case 0:
		percpu_flush();
		break;
	case 1:
		percpu.tick = 1;	/* as if the time had come */
		percpu_idle();
		break;
	case 2:
		percpu_tidy(true);
		break;
	case 3:				/* another CPU takes the slab */
		fake_rseq.cpu = (was + 1) % CPUS;
		if (others.n[cls] < KEEP)
			take(&others, cls);
		fake_rseq.cpu = was;
		break;
	case 4:				/* another thread reads the numbers */
		shim_lock_acquire(&percpu.lock);
		slab = own_take((unsigned int)was);
		if (slab)
			own_give(slab, (unsigned int)was);
		shim_lock_release(&percpu.lock);
		break;
	}
}

static void meddle(void)
{
	unsigned int cls = 1 + rng(CLASSES);

	if (rng(100) >= meddles)
		return;
	switch (rng(8)) {
	case 0 ... 1:
		others_fill(cls);
		break;
	case 2 ... 3:
		others_empty(cls);
		break;
	case 4:
		/* a slab on its way back goes to where it came from */
		if (!shim_lock_is_held(&percpu.lock))
			fake_rseq.cpu = (int)rng(CPUS);
		break;
	default:
		others_locked(rng(5));
	}
}

/* Counts every slab: those on a CPU and those on the list. */
static bool slabs_are_all_there(void)
{
	struct percpu_slab *slab;
	unsigned int n = 0;
	int cpu;

	for (cpu = 0; cpu < CPUS; cpu++)
		if (!percpu_is_closed(percpu_hot.slab[cpu])) {
			slab = percpu_hot.slab[cpu];
			if (slab->cpu != cpu || !slab_is_valid(slab))
				return false;
			n++;
		}
	for (slab = percpu.free; slab; slab = slab->next, n++)
		if (slab->cpu != -1 || !slab_is_valid(slab))
			return false;
	return n == percpu.nslabs;
}

FIXTURE(steps) {
	int unused;
};

FIXTURE_VARIANT(steps) {
	unsigned int meddles;
	unsigned int limit;	/* slabs there may be */
	size_t budget;
};

FIXTURE_VARIANT_ADD(steps, alone) {
	.meddles = 0, .limit = 1
};

FIXTURE_VARIANT_ADD(steps, seldom) {
	.meddles = 3, .limit = 1
};

FIXTURE_VARIANT_ADD(steps, often) {
	.meddles = 40, .limit = 2
};

FIXTURE_VARIANT_ADD(steps, always) {
	.meddles = 100, .limit = 3
};

FIXTURE_VARIANT_ADD(steps, little_room) {
	.meddles = 20, .limit = 2, .budget = 4096
};

FIXTURE_SETUP(steps)
{
	percpu_boot(true);
	/* whatever this system has, the sequences are our own */
	percpu.rseq = true;
	percpu.mm_cid = true;
	percpu.ncpus = CPUS;
	percpu.limit = variant->limit;
	percpu_set_budget(variant->budget);
	percpu_open(true);
	rng_state = 1;
	meddles = variant->meddles;
	fake_rseq.between = meddle;
}

FIXTURE_TEARDOWN(steps)
{
}

TEST_F(steps, nothing_is_lost)
{
	unsigned long i;
	unsigned int cls;

	for (i = 0; i < 400000; i++) {
		/* in waves, so that stacks run empty and full */
		bool more = i / 400 % 2 ? rng(10) < 3 : rng(10) < 7;

		cls = 1 + rng(CLASSES);
		if (more && mine.n[cls] < KEEP)
			take(&mine, cls);
		else if (mine.n[cls])
			give(&mine, cls);
		if (i % 256 == 0) {
			ASSERT_TRUE(slabs_are_all_there());
			ASSERT_EQ(0, twice);
			ASSERT_EQ(0, fake_transfer.bad);
		}
	}
	fake_rseq.between = NULL;
	for (cls = 1; cls <= CLASSES; cls++) {
		while (mine.n[cls])
			give(&mine, cls);
		while (others.n[cls])
			give(&others, cls);
	}
	percpu_flush();
	EXPECT_TRUE(slabs_are_all_there());
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
	EXPECT_EQ(0, twice);
}

/* The slab of an idle CPU goes to the next one that needs a slab. */
TEST_F(steps, a_slab_that_was_idle_is_used_again)
{
	unsigned int i;

	fake_rseq.between = NULL;
	take(&mine, 1);
	give(&mine, 1);
	for (i = 0; i < 10; i++) {
		percpu.tick = 1;
		percpu_idle();
	}
	EXPECT_EQ(1, percpu.nslabs);
	EXPECT_EQ(1, percpu.drains);
	EXPECT_TRUE(slabs_are_all_there());
	EXPECT_EQ(0, fake_transfer.out);
	fake_rseq.cpu = 2;
	take(&mine, 1);
	EXPECT_EQ(1, percpu.nslabs);
	EXPECT_NE(&percpu_none, percpu_hot.slab[2]);
	EXPECT_EQ(0, percpu.steals);
}

TEST_HARNESS_MAIN
