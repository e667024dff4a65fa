// SPDX-License-Identifier: GPL-2.0-only
/* Every fault is counted under the source that served it. */
#include "harness.h"

#define BLOCKS	8

FIXTURE(source) {
	struct arena a;
	struct hugearena_stat st;
};

FIXTURE_SETUP(source)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
}

FIXTURE_TEARDOWN(source)
{
	params_reset();
	arena_drop(&self->a);
}

static void touch(struct arena *a, size_t from, size_t to)
{
	for (; from < to; from++)
		byte_write(a->base + from * BLOCK_LEN, 1);
}

TEST_F(source, demand)
{
	long long before = stat_read("FaultDemand");

	touch(&self->a, 0, 5);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(5, self->st.fault_demand);
	EXPECT_EQ(0, self->st.fault_pool);
	EXPECT_EQ(0, self->st.fault_reserve);
	EXPECT_EQ(0, self->st.fault_small);
	EXPECT_EQ(before + 5, stat_read("FaultDemand"));
}

TEST_F(source, pool)
{
	long long before = stat_read("FaultPool");
	struct hugearena_block b;

	ASSERT_EQ(0, pool_fill(16));
	touch(&self->a, 0, 5);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(5, self->st.fault_pool);
	EXPECT_EQ(0, self->st.fault_demand);
	EXPECT_EQ(before + 5, stat_read("FaultPool"));
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	EXPECT_TRUE(b.flags & HUGEARENA_BLOCK_POOL);
}

/*
 * Touch the blocks, over and over, until the reserve has served one and has
 * more: a second fault within a second makes the worker fill it, whenever the
 * worker gets to run.  Return: how many touches that took, or -1 if it never
 * happens.
 */
static long touch_until_served(struct arena *a, struct hugearena_stat *st)
{
	long n;

	for (n = 0; n < 6000; n++) {
		if (n && n % BLOCKS == 0 && arena_punch(a, 0, a->size))
			break;
		touch(a, n % BLOCKS, n % BLOCKS + 1);
		if (arena_stat(a, st))
			break;
		if (st->fault_reserve && st->reserve)
			return n + 1;
		if (n % 2)
			usleep(10000);
	}
	return -1;
}

TEST_F(source, reserve)
{
	long long before = stat_read("FaultReserve");
	long n;

	ASSERT_EQ(0, param_write("reserve_max", 8));
	n = touch_until_served(&self->a, &self->st);
	ASSERT_LT(2, n);
	/* without a free huge page, a fault takes 4 KiB instead */
	EXPECT_EQ((n - 1) % BLOCKS + 1, self->st.blocks + self->st.split);
	EXPECT_EQ(n, self->st.fault_reserve + self->st.fault_demand +
		     self->st.fault_small);
	EXPECT_EQ(before + (long long)self->st.fault_reserve,
		  stat_read("FaultReserve"));
}

TEST_F(source, an_idle_reserve_is_given_back)
{
	ASSERT_EQ(0, param_write("reserve_max", 8));
	ASSERT_LT(0, touch_until_served(&self->a, &self->st));
	EXPECT_EQ(0, wait_for((arena_stat(&self->a, &self->st),
			       self->st.reserve), 0));
	EXPECT_EQ(0, stat_read("Reserve"));
}

TEST_F(source, small)
{
	long long before = stat_read("FaultSmall");

	touch(&self->a, 0, 1);
	ASSERT_EQ(0, arena_punch(&self->a, 16 * OS_PAGE, 16 * OS_PAGE));
	byte_write(self->a.base + 17 * OS_PAGE, 1);
	byte_write(self->a.base + 19 * OS_PAGE, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(2, self->st.fault_small);
	EXPECT_EQ(before + 2, stat_read("FaultSmall"));
}

TEST_F(source, map)
{
	long long before = stat_read("FaultMap");

	touch(&self->a, 0, 3);
	ASSERT_EQ(0, madvise(self->a.base, self->a.size, MADV_DONTNEED));
	touch(&self->a, 0, 3);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(3, self->st.fault_map);
	EXPECT_EQ(3, self->st.fault_demand);
	EXPECT_EQ(before + 3, stat_read("FaultMap"));
}

TEST_F(source, reads_count_as_writes_do)
{
	(void)byte_read(self->a.base);
	(void)byte_read(self->a.base + BLOCK_LEN);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(2, self->st.fault_demand);
}

TEST_F(source, a_second_touch_is_no_fault)
{
	touch(&self->a, 0, BLOCKS);
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(BLOCKS, self->st.fault_demand);
	EXPECT_EQ(0, self->st.fault_map);
}

TEST_HARNESS_MAIN
