// SPDX-License-Identifier: GPL-2.0-only
/* pool_target_mb and pool_floor_mb: how many blocks the pool keeps. */
#include "harness.h"

FIXTURE(target) {
	struct pool_line sum;
};

FIXTURE_SETUP(target)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, wait_for((pool_sum_read(&self->sum), self->sum.clean),
			      0));
}

FIXTURE_TEARDOWN(target)
{
	params_reset();
}

/*
 * Wait until all nodes together have @want clean blocks; how many they have
 * then.
 */
static long long clean_become(long long want)
{
	struct pool_line sum;

	return wait_for((pool_sum_read(&sum), sum.clean), want);
}

TEST_F(target, starts_empty)
{
	EXPECT_EQ(0, self->sum.clean);
	EXPECT_EQ(0, self->sum.dirty);
	EXPECT_EQ(0, self->sum.target);
	EXPECT_EQ(0, self->sum.floor);
	EXPECT_EQ(0, self->sum.out);
}

TEST_F(target, raised)
{
	ASSERT_EQ(0, param_write("pool_target_mb", 32));
	EXPECT_EQ(16, clean_become(16));
	ASSERT_EQ(0, pool_sum_read(&self->sum));
	EXPECT_EQ(16, self->sum.target);
	ASSERT_EQ(0, param_write("pool_target_mb", 64));
	EXPECT_EQ(32, clean_become(32));
}

TEST_F(target, lowered)
{
	ASSERT_EQ(0, param_write("pool_target_mb", 64));
	ASSERT_EQ(32, clean_become(32));
	ASSERT_EQ(0, param_write("pool_target_mb", 16));
	EXPECT_EQ(8, clean_become(8));
	ASSERT_EQ(0, param_write("pool_target_mb", 0));
	EXPECT_EQ(0, clean_become(0));
}

TEST_F(target, takes_memory_and_gives_it_back)
{
	long long before = memfree_read(), noise = 16 * 1024;

	ASSERT_EQ(0, param_write("pool_target_mb", 256));
	ASSERT_EQ(128, clean_become(128));
	EXPECT_LT(256 * 1024 - noise, before - memfree_read());
	ASSERT_EQ(0, param_write("pool_target_mb", 0));
	ASSERT_EQ(0, clean_become(0));
	EXPECT_EQ(1, wait_for(memfree_read() > before - noise, 1));
}

TEST_F(target, half_a_block_is_refused)
{
	EXPECT_ERRNO(EINVAL, param_write("pool_target_mb", 7));
	EXPECT_ERRNO(EINVAL, param_write("pool_floor_mb", 1));
	EXPECT_EQ(0, param_read("pool_target_mb"));
}

TEST_F(target, more_than_there_is_is_refused)
{
	long long all_mb = meminfo_read("MemTotal") / 1024 & ~1LL;

	EXPECT_ERRNO(EINVAL, param_write("pool_target_mb", 2 * all_mb));
	EXPECT_EQ(0, param_read("pool_target_mb"));
}

TEST_F(target, floor_is_shown)
{
	ASSERT_EQ(0, param_write("pool_target_mb", 32));
	ASSERT_EQ(0, param_write("pool_floor_mb", 8));
	ASSERT_EQ(16, clean_become(16));
	ASSERT_EQ(0, pool_sum_read(&self->sum));
	EXPECT_EQ(4, self->sum.floor);
}

TEST_F(target, reads_back)
{
	ASSERT_EQ(0, param_write("pool_target_mb", 32));
	EXPECT_EQ(32, param_read("pool_target_mb"));
	ASSERT_EQ(0, param_write("pool_floor_mb", 8));
	EXPECT_EQ(8, param_read("pool_floor_mb"));
}

TEST_F(target, a_line_for_every_node_with_memory)
{
	struct pool_line line;
	char path[64];
	int node;

	for (node = 0; node < 64; node++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%d", node);
		EXPECT_EQ(access(path, F_OK) ? -1 : 0,
			  pool_line_read(node, &line));
	}
}

TEST_HARNESS_MAIN
