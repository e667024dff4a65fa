// SPDX-License-Identifier: GPL-2.0-only
/* Released blocks are used again, and counted as such. */
#include "harness.h"

#define BLOCKS	8

FIXTURE(reuse) {
	struct arena a;
};

FIXTURE_SETUP(reuse)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
}

FIXTURE_TEARDOWN(reuse)
{
	arena_drop(&self->a);
	params_reset();
}

TEST_F(reuse, blocks_of_the_pool_go_back_to_it)
{
	struct pool_line sum;
	long long recycled;

	ASSERT_EQ(0, pool_fill(16));
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, pool_sum_read(&sum));
	EXPECT_EQ(8, sum.out);
	recycled = stat_read("Recycled");
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	EXPECT_EQ(8, wait_for((pool_sum_read(&sum), sum.clean), 8));
	EXPECT_EQ(0, sum.out);
	EXPECT_EQ(0, sum.dirty);
	EXPECT_EQ(recycled + 8, stat_read("Recycled"));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 0));
}

TEST_F(reuse, over_and_over)
{
	int i;

	ASSERT_EQ(0, param_write("pool_target_mb", 16));
	for (i = 0; i < 20; i++) {
		pages_fill(self->a.base, self->a.size, i);
		EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, i));
		ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
		EXPECT_EQ(0, byte_read(self->a.base + i * 99999));
	}
}

TEST_F(reuse, another_process_gets_zeroes)
{
	pid_t pid;

	ASSERT_EQ(0, param_write("pool_target_mb", 16));
	memset(self->a.base, 0x77, self->a.size);
	arena_drop(&self->a);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct arena b;

		if (arena_make(&b, 2 * BLOCKS))
			_exit(1);
		_exit(bytes_other(b.base, b.size, 0) ? 2 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
