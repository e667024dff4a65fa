// SPDX-License-Identifier: GPL-2.0-only
/* What a refused fault leaves behind: nothing. */
#include "harness.h"
#include <signal.h>

#define SOMEBODY	54321
#define LIMIT_MB	8
#define LIMIT_BLOCKS	(LIMIT_MB / 2)

FIXTURE(refused) {
	int dev;
};

FIXTURE_SETUP(refused)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("user_mb", LIMIT_MB));
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(refused)
{
	params_reset();
	close(self->dev);
}

/* An arena that is filled up to the limit. */
static int fill_to_limit(int dev, struct arena *a)
{
	size_t i;

	if (user_become(SOMEBODY) ||
	    arena_make_on(a, dev, 2 * LIMIT_BLOCKS, HUGEARENA_NODE_LOCAL))
		return -1;
	for (i = 0; i < LIMIT_BLOCKS; i++)
		byte_write(a->base + i * BLOCK_LEN, 1);
	return 0;
}

static int leaves_nothing(void *arg)
{
	struct hugearena_block b;
	struct hugearena_stat st;
	struct arena a;

	if (fill_to_limit(*(int *)arg, &a))
		return 1;
	if (byte_write_signal(a.base + LIMIT_BLOCKS * BLOCK_LEN, 1) != SIGBUS)
		return 2;
	if (arena_block(&a, LIMIT_BLOCKS, &b) || arena_stat(&a, &st))
		return 3;
	return b.state || st.split ? 4 : 0;
}

TEST_F(refused, leaves_nothing)
{
	EXPECT_EQ(0, child_run(leaves_nothing, &self->dev));
}

/* When there is room again, the same address gets a whole block. */
static int is_whole_later(void *arg)
{
	struct hugearena_block b;
	struct arena a;
	char *p;

	if (fill_to_limit(*(int *)arg, &a))
		return 1;
	p = a.base + LIMIT_BLOCKS * BLOCK_LEN;
	if (byte_write_signal(p, 1) != SIGBUS)
		return 2;
	if (arena_punch(&a, 0, BLOCK_LEN))
		return 3;
	if (byte_write_signal(p, 1))
		return 4;
	if (arena_block(&a, LIMIT_BLOCKS, &b))
		return 5;
	if (b.state != HUGEARENA_BLOCK_WHOLE)
		return 6;
	return bytes_other(p + 1, BLOCK_LEN - 1, 0) ? 7 : 0;
}

TEST_F(refused, is_a_whole_block_when_there_is_room)
{
	EXPECT_EQ(0, child_run(is_whole_later, &self->dev));
}

TEST_HARNESS_MAIN
