// SPDX-License-Identifier: GPL-2.0-only
/* Blocks of the pool are handed out, come back dirty, and are clean again. */
#include "harness.h"
#include <signal.h>

#define BLOCKS	8

FIXTURE(hand) {
	struct arena a;
	struct pool_line sum;
};

FIXTURE_SETUP(hand)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, pool_fill(2 * BLOCKS));
	ASSERT_EQ(0, arena_make(&self->a, 2 * BLOCKS));
}

FIXTURE_TEARDOWN(hand)
{
	arena_drop(&self->a);
	params_reset();
}

static void touch(struct arena *a, size_t from, size_t to)
{
	for (; from < to; from++)
		byte_write(a->base + from * BLOCK_LEN, 1);
}

TEST_F(hand, out)
{
	touch(&self->a, 0, 3);
	ASSERT_EQ(0, pool_sum_read(&self->sum));
	EXPECT_EQ(3, self->sum.out);
	EXPECT_LE(BLOCKS - 3, self->sum.clean);
}

TEST_F(hand, out_and_back)
{
	touch(&self->a, 0, BLOCKS);
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	EXPECT_EQ(BLOCKS, wait_for((pool_sum_read(&self->sum),
				    self->sum.clean), BLOCKS));
	EXPECT_EQ(0, self->sum.out);
	EXPECT_EQ(0, self->sum.dirty);
}

TEST_F(hand, a_split_block_goes_back)
{
	touch(&self->a, 0, BLOCKS);
	ASSERT_EQ(0, arena_punch(&self->a, OS_PAGE, OS_PAGE));
	EXPECT_EQ(BLOCKS - 1, wait_for((pool_sum_read(&self->sum),
					self->sum.out), BLOCKS - 1));
}

TEST_F(hand, closing_brings_all_back)
{
	touch(&self->a, 0, BLOCKS);
	arena_drop(&self->a);
	EXPECT_EQ(BLOCKS, wait_for((pool_sum_read(&self->sum),
				    self->sum.clean), BLOCKS));
	EXPECT_EQ(0, self->sum.out);
}

static int touch_and_die(void *arg)
{
	touch(arg, 0, BLOCKS);
	raise(SIGKILL);
	return 0;
}

TEST_F(hand, a_killed_process_brings_all_back)
{
	arena_drop(&self->a);
	ASSERT_EQ(0, arena_make(&self->a, 2 * BLOCKS));
	EXPECT_EQ(256 + SIGKILL, child_run(touch_and_die, &self->a));
	EXPECT_EQ(BLOCKS, wait_for((pool_sum_read(&self->sum),
				    self->sum.clean), BLOCKS));
	EXPECT_EQ(0, self->sum.out);
}

TEST_F(hand, an_empty_pool_counts_what_it_could_not_give)
{
	struct hugearena_stat st;
	unsigned long long failed;

	ASSERT_EQ(0, pool_sum_read(&self->sum));
	failed = self->sum.failed;
	/*
	 * all that the pool has, and some more if the refill is quicker than
	 * this
	 */
	ASSERT_EQ(0, pool_fill(4));
	touch(&self->a, 0, 2 * BLOCKS);
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(2 * BLOCKS, st.fault_pool + st.fault_demand);
	ASSERT_EQ(0, pool_sum_read(&self->sum));
	EXPECT_EQ(failed + st.fault_demand, self->sum.failed);
}

TEST_F(hand, more_than_the_target_is_not_kept)
{
	touch(&self->a, 0, BLOCKS);
	ASSERT_EQ(0, param_write("pool_target_mb", 4));
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	EXPECT_EQ(2, wait_for((pool_sum_read(&self->sum), self->sum.clean),
			      2));
	EXPECT_EQ(0, self->sum.out);
	EXPECT_EQ(0, wait_for((pool_sum_read(&self->sum), self->sum.dirty),
			      0));
}

TEST_HARNESS_MAIN
