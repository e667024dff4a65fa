// SPDX-License-Identifier: GPL-2.0-only
/*
 * percpu_time: what becomes of caches that nobody uses, and who asks whether time has
 * passed.
 */
#include <sched.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "percpu_mode.h"

/* A CPU that is not used any more loses its objects after some looks. */
TEST(idle_cpus_are_drained)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct percpu_stat st;
	cpu_set_t set;
	void *p[100];
	int i;

	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq() || cpus < 2)
		SKIP(return, "no sequences, or one CPU only");
	percpu.limit = 2;
	for (i = 0; i < 2; i++) {
		int k;

		CPU_ZERO(&set);
		CPU_SET(i, &set);
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(set), &set));
		for (k = 0; k < 100; k++)
			p[k] = take(1);
		for (k = 0; k < 100; k++)
			give(1, p[k]);
	}
	percpu_get_stat(&st);
	ASSERT_EQ(2, st.attached);
	for (i = 0; i < 10; i++) {
		percpu.tick = 1;	/* as if the time had come */
		give(2, take(2));	/* this CPU is busy */
		percpu_idle();
	}
	percpu_get_stat(&st);
	EXPECT_EQ(1, st.attached);
	EXPECT_LE(1, st.drains);
	/* and when all threads sleep, another one looks */
	for (i = 0; i < 10; i++) {
		percpu.tick = 1;
		percpu_idle();
	}
	percpu_get_stat(&st);
	EXPECT_EQ(0, st.attached);
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, fake_transfer.out);
	give(2, take(2));
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/* A class that nobody uses any more loses its objects: each look leaves a quarter. */
TEST_F(mode, idle_stacks_are_trimmed)
{
	size_t had;
	void *p[100];
	int i;

	pin(sched_getcpu());
	for (i = 0; i < 100; i++)
		p[i] = take(1);
	for (i = 0; i < 100; i++)
		give(1, p[i]);
	had = percpu_class_bytes(1);
	ASSERT_LT(32 * sizeclass_info[1].size, had);
	/* the first look only sees what there is */
	for (i = 0; i < 4; i++) {
		percpu.tick = 1;	/* as if the time had come */
		percpu_idle();
	}
	EXPECT_GE(had / 16, percpu_class_bytes(1));
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/* A stack that is full whenever somebody looks is not idle for that. */
TEST(a_stack_that_misses_is_no_idle_one)
{
	struct percpu_slab *slab;
	void *p[2 * KEEP];
	unsigned int i;

	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	pin(sched_getcpu());
	for (i = 0; i < 2 * KEEP; i++)
		p[i] = take(3);
	for (i = 0; i < 2 * KEEP; i++)
		give(3, p[i]);
	slab = own_here();
	ASSERT_NE(NULL, slab);
	/* a look, a miss, a look: it keeps what it has; another one: it is idle */
	percpu_tidy(false);
	stack_missed(slab, 3, PERCPU_OVERFLOW);
	i = slab_count(slab, 3);
	ASSERT_LT(8, i);
	percpu_tidy(false);
	EXPECT_EQ(i, slab_count(slab, 3));
	percpu_tidy(false);
	EXPECT_EQ(i / 4, slab_count(slab, 3));
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

/* Misses until percpu_tidy() has been called. */
static void miss_often(void)
{
	static void *p[64 * KEEP];
	unsigned int i;

	for (i = 0; i < 64 * KEEP; i++)
		p[i] = take(4);
	for (i = 0; i < 64 * KEEP; i++)
		give(4, p[i]);
}

/*
 * While something stirs, misses have requests ask; these no longer do when it is
 * over, or what opens the fast path is not there.
 */
TEST_F(mode, requests_ask_while_something_stirs)
{
	size_t open = percpu_hot.small_max;

	EXPECT_EQ(variant->rseq, !!open);
	miss_often();
	EXPECT_LT(0, fake_transfer.passed);
	EXPECT_FALSE(percpu_asks());
	fake_transfer.stirs = true;
	miss_often();
	EXPECT_TRUE(percpu_asks());
	EXPECT_EQ(0, percpu_hot.small_max);
	percpu_ask();
	EXPECT_EQ(1, fake_transfer.asked);
	EXPECT_TRUE(percpu_asks());
	fake_transfer.stirs = false;
	percpu_ask();
	EXPECT_FALSE(percpu_asks());
	EXPECT_EQ(open, percpu_hot.small_max);
	/* a tool has begun to profile meanwhile */
	fake_transfer.stirs = true;
	miss_often();
	EXPECT_TRUE(percpu_asks());
	percpu_open(false);
	fake_transfer.stirs = false;
	percpu_ask();
	EXPECT_FALSE(percpu_asks());
	EXPECT_EQ(0, percpu_hot.small_max);
	percpu_flush();
	EXPECT_EQ(0, fake_transfer.out);
}

TEST_HARNESS_MAIN
