// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/module/hugearena/nodeN/: the numbers of each node, which add up to those
 * in stat.
 */
#include "harness.h"

#define BLOCKS	8

FIXTURE(nodes) {
	struct arena a;
};

FIXTURE_SETUP(nodes)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
}

FIXTURE_TEARDOWN(nodes)
{
	arena_drop(&self->a);
	params_reset();
}

/* One number of every node, added up; -1 if there is no node. */
static long long sum(const char *name)
{
	long long n, all = -1;
	char path[128];
	int nid;

	for (nid = 0; nid < 64; nid++) {
		snprintf(path, sizeof(path), "/sys/module/hugearena/node%d/%s",
			 nid, name);
		n = file_number(path);
		if (n >= 0)
			all = all < 0 ? n : all + n;
	}
	return all;
}

TEST_F(nodes, blocks_and_pages_are_those_of_stat)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_punch(&self->a, OS_PAGE, 3 * OS_PAGE));
	EXPECT_EQ(BLOCKS - 1, sum("nr_blocks"));
	EXPECT_EQ(BLOCK_PAGES - 3, sum("nr_pages"));
	EXPECT_EQ(stat_read("Blocks"), sum("nr_blocks"));
	EXPECT_EQ(stat_read("Pages"), sum("nr_pages"));
	arena_drop(&self->a);
	EXPECT_EQ(0, sum("nr_blocks"));
	EXPECT_EQ(0, sum("nr_pages"));
}

TEST_F(nodes, the_pool_without_what_is_lent_out)
{
	ASSERT_EQ(0, pool_fill(32));
	EXPECT_EQ(16, sum("nr_pool"));
	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	EXPECT_EQ(16 - 3, sum("nr_pool"));
	EXPECT_EQ(3, sum("nr_blocks"));
}

TEST_F(nodes, reserves)
{
	EXPECT_EQ(0, sum("nr_reserve"));
	ASSERT_EQ(0, param_write("reserve_max", 8));
	ASSERT_LT(0, reserve_grow(&self->a, 0, 1));
	/* it may grow or shrink meanwhile: then read both again */
	EXPECT_EQ(0, wait_for(stat_read("Reserve") - sum("nr_reserve"), 0));
}

TEST_HARNESS_MAIN
