// SPDX-License-Identifier: GPL-2.0-only
/* Blocks come from the node that was asked for, or from the local one. */
#include "harness.h"
#include <sched.h>
#include <stdbool.h>

#define BLOCKS	8

FIXTURE(node) {
	int dev;
	struct arena a;
};

FIXTURE_VARIANT(node) {
	int node;
	int pool_mb;
	int reserve;
};

FIXTURE_VARIANT_ADD(node, demand_of_0) { 0, 0, 0 };
FIXTURE_VARIANT_ADD(node, demand_of_1) { 1, 0, 0 };
FIXTURE_VARIANT_ADD(node, pool_of_0) { 0, 64, 0 };
FIXTURE_VARIANT_ADD(node, pool_of_1) { 1, 64, 0 };
FIXTURE_VARIANT_ADD(node, reserve_of_0) { 0, 0, 4 };
FIXTURE_VARIANT_ADD(node, reserve_of_1) { 1, 0, 4 };

FIXTURE_SETUP(node)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("reserve_max", variant->reserve));
	ASSERT_EQ(0, pool_fill(variant->pool_mb));
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(node)
{
	arena_drop(&self->a);
	params_reset();
	close(self->dev);
}

static bool node_is_there(int node)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
	return !access(path, F_OK);
}

/* Run on a CPU of the node. */
static int run_on(int node)
{
	char path[64];
	cpu_set_t set;
	int cpu;

	for (cpu = 0; cpu < 64; cpu++) {
		snprintf(path, sizeof(path),
			 "/sys/devices/system/node/node%d/cpu%d", node, cpu);
		if (access(path, F_OK))
			continue;
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		return sched_setaffinity(0, sizeof(set), &set);
	}
	return -1;
}

/* Touch all blocks; how many are on @node, or -1. */
static int touch_all(struct arena *a, int node)
{
	struct hugearena_block b;
	int i, n = 0;

	for (i = 0; i < BLOCKS; i++) {
		byte_write(a->base + i * BLOCK_LEN, 1);
		if (arena_block(a, i, &b))
			return -1;
		n += b.node == node;
	}
	return n;
}

/* As touch_all(); some of them come from the reserve, or it is -1. */
static int touch_reserve(struct arena *a, int node)
{
	struct hugearena_stat st;
	int n;

	if (!reserve_grow(a, 0, 2) || arena_punch(a, 0, a->size))
		return -1;
	n = touch_all(a, node);
	return arena_stat(a, &st) || !st.fault_reserve ? -1 : n;
}

TEST_F(node, as_asked)
{
	ASSERT_EQ(0, run_on(!variant->node));
	ASSERT_EQ(0, arena_make_on(&self->a, self->dev, BLOCKS,
				   variant->node));
	EXPECT_EQ(BLOCKS, (variant->reserve ? touch_reserve : touch_all)
			  (&self->a, variant->node));
}

TEST_F(node, local)
{
	ASSERT_EQ(0, run_on(variant->node));
	ASSERT_EQ(0, arena_make_on(&self->a, self->dev, BLOCKS,
				   HUGEARENA_NODE_LOCAL));
	EXPECT_EQ(BLOCKS, (variant->reserve ? touch_reserve : touch_all)
			  (&self->a, variant->node));
}

TEST_F(node, the_pool_hands_out_of_its_node)
{
	struct pool_line line;

	ASSERT_EQ(0, arena_make_on(&self->a, self->dev, BLOCKS,
				   variant->node));
	EXPECT_EQ(BLOCKS, touch_all(&self->a, variant->node));
	ASSERT_EQ(0, pool_line_read(variant->node, &line));
	/* only the pool's own: the others get theirs from another node */
	EXPECT_EQ(variant->pool_mb ? BLOCKS : 0, line.out);
	ASSERT_EQ(0, pool_line_read(!variant->node, &line));
	EXPECT_EQ(0, line.out);
}

TEST_F(node, a_node_that_is_not_there)
{
	struct hugearena_create c = { .size = BLOCK_LEN, .node = 2 };

	/* the first block that is not */
	while (node_is_there(c.node))
		c.node++;
	EXPECT_ERRNO(EINVAL, arena_create_on(self->dev, &c));
}

/* A thread of another node does not get what was set aside on this one. */
TEST(another_nodes_reserve_is_left_alone)
{
	struct arena a;
	int dev;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("reserve_max", 4));
	dev = device_open();
	ASSERT_LE(0, dev);
	ASSERT_EQ(0, run_on(0));
	ASSERT_EQ(0, arena_make_on(&a, dev, BLOCKS, HUGEARENA_NODE_LOCAL));
	ASSERT_NE(0, reserve_grow(&a, 0, 2));
	ASSERT_EQ(0, arena_punch(&a, 0, a.size));
	ASSERT_EQ(0, run_on(1));
	EXPECT_EQ(BLOCKS, touch_all(&a, 1));
	arena_drop(&a);
	EXPECT_EQ(0, params_reset());
	close(dev);
}

static const char *why_not(void)
{
	return node_is_there(1) ? NULL : "one NUMA node only";
}

TEST_HARNESS_MAIN_UNLESS(why_not)
