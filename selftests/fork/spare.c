// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages for copies after fork are allocated ahead of the faults that need
 * them, for the group that pays, and are given back when they are not used.
 */
#include "harness.h"
#include <pthread.h>
#include "memcg.h"

#define BLOCKS	8
#define PAGES	(BLOCKS * BLOCK_PAGES)

FIXTURE(spare) {
	struct arena a;
	int release;
};

FIXTURE_SETUP(spare)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->release = gate_open();
}

FIXTURE_TEARDOWN(spare)
{
	gate_post(self->release);
	arena_drop(&self->a);
}

/* Copy a page every millisecond until the stock has served @want of them. */
static size_t copy_until(struct arena *a, long long want)
{
	long long before = stat_read("CowSpare");
	size_t i;

	for (i = 0; i < PAGES && stat_read("CowSpare") < before + want; i++) {
		pages_fill(a->base + i * OS_PAGE, OS_PAGE, 2);
		usleep(1000);
	}
	return i;
}

/* The last copy may have taken the last page, and the worker not have run yet. */
static bool stock_comes(void)
{
	return wait_for(stat_read("Spare") > 0, 1);
}

TEST_F(spare, serves_copies)
{
	pid_t pid = child_holds(self->release);
	long long copied;
	size_t n;

	ASSERT_LT(0, pid);
	copied = stat_read("CowPages");
	n = copy_until(&self->a, 100);
	EXPECT_GT(PAGES, n);
	EXPECT_EQ(copied + (long long)n, stat_read("CowPages"));
	EXPECT_TRUE(stock_comes());
	EXPECT_EQ(0, pages_wrong(self->a.base, n * OS_PAGE, 2));
	EXPECT_EQ(0, pages_wrong(self->a.base + n * OS_PAGE,
				 self->a.size - n * OS_PAGE, 1));
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

struct watch {
	long long most;
	unsigned long looks;
	unsigned int stop;
};

/* Track how large the stock ever is, until told to stop. */
static void *watches(void *arg)
{
	struct watch *w = arg;
	long long now;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		now = stat_read("Spare");
		if (now > w->most)
			w->most = now;
		w->looks++;
		usleep(1000);
	}
	return NULL;
}

/*
 * One copy is not a trend: a service that forks for system() pays for nothing.
 */
TEST_F(spare, is_not_there_for_a_single_copy)
{
	pid_t pid = child_holds(self->release);
	struct watch w = { 0 };
	pthread_t t;

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, wait_for(stat_read("Spare"), 0));
	ASSERT_EQ(0, pthread_create(&t, NULL, watches, &w));
	byte_write(self->a.base, 1);
	/* a stock is filled at once, and half of it is left a second later */
	EXPECT_EQ(0, upkeep_wait(1));
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_LT(0, w.looks);
	EXPECT_EQ(0, w.most);
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(spare, goes_back_when_idle)
{
	pid_t pid = child_holds(self->release);

	ASSERT_LT(0, pid);
	EXPECT_GT(PAGES, copy_until(&self->a, 100));
	EXPECT_TRUE(stock_comes());
	EXPECT_EQ(0, wait_for(stat_read("Spare"), 0));
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

static int copies_and_exits(void *arg)
{
	struct arena *a = arg;

	if (copy_until(a, 100) == PAGES)
		return 1;
	return stock_comes() ? 0 : 2;
}

TEST_F(spare, goes_with_the_process)
{
	int i;

	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, child_run(copies_and_exits, &self->a));
		EXPECT_EQ(0, wait_for(stat_read("Spare"), 0));
	}
	/*
	 * all charged pages came back, or the module reports it when it is
	 * unloaded
	 */
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

/* A hole in an overlay is written in part: the rest of the page is zero. */
TEST_F(spare, is_not_taken_for_zero_pages)
{
	pid_t pid = child_holds(self->release);
	char *hole = self->a.base + (PAGES - 64) * OS_PAGE;
	size_t i;

	ASSERT_LT(0, pid);
	pages_fill(hole - OS_PAGE, OS_PAGE, 2);
	EXPECT_GT(PAGES - 64, copy_until(&self->a, 100));
	ASSERT_EQ(0, arena_punch(&self->a, (PAGES - 64) * OS_PAGE,
				 64 * OS_PAGE));
	EXPECT_TRUE(stock_comes());
	for (i = 0; i < 64; i++) {
		byte_write(hole + i * OS_PAGE, 1);
		EXPECT_EQ(0, bytes_other(hole + i * OS_PAGE + 1, OS_PAGE - 1,
					 0));
	}
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

struct payer {
	struct arena *a;
	struct memcg cg;
};

/*
 * A child in another group: its copies are charged there, allocated ahead or
 * not.
 */
static int charged_here(void *arg)
{
	struct payer *p = arg;
	struct hugearena_stat st;
	long long before, rise;

	if (memcg_enter(&p->cg))
		return 1;
	before = memcg_read(&p->cg, "memory.current");
	if (copy_until(p->a, 400) == PAGES || arena_stat(p->a, &st))
		return 2;
	rise = memcg_read(&p->cg, "memory.current") - before;
	/* a batch for each CPU may have been charged before */
	return rise >= (long long)(st.cow_pages * OS_PAGE / 2) ? 0 : 3;
}

TEST_F(spare, is_charged_to_the_group_of_its_process)
{
	struct payer p = { .a = &self->a };

	ASSERT_EQ(0, memcg_make(&p.cg, "spare"));
	EXPECT_EQ(0, child_run(charged_here, &p));
	EXPECT_EQ(0, memcg_drop(&p.cg));
}

TEST_HARNESS_MAIN
