// SPDX-License-Identifier: GPL-2.0-only
/*
 * Releasing a part of a block that a relative shares: no memory is copied for
 * it, and the memory goes when the relative has ended.
 */
#include "harness.h"

#define BLOCKS	8

FIXTURE(shared) {
	struct arena a;
	struct hugearena_stat st;
	int go;
	pid_t pid;
};

FIXTURE_SETUP(shared)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->go = gate_open();
	self->pid = child_fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		gate_wait(self->go);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
}

FIXTURE_TEARDOWN(shared)
{
	gate_post(self->go);
	arena_drop(&self->a);
}

/* Ten pages of each block. */
static int parts_release(const struct arena *a)
{
	struct hugearena_range r[BLOCKS];
	size_t i;

	for (i = 0; i < BLOCKS; i++) {
		r[i].offset = i * BLOCK_LEN + 100 * OS_PAGE;
		r[i].len = 10 * OS_PAGE;
	}
	return arena_release(a, r, BLOCKS, NULL);
}

static size_t content_wrong(const struct arena *a)
{
	size_t i, wrong = 0;

	for (i = 0; i < BLOCKS; i++) {
		char *p = a->base + i * BLOCK_LEN;

		wrong += pages_wrong(p, 100 * OS_PAGE, 1);
		wrong += bytes_other(p + 100 * OS_PAGE, 10 * OS_PAGE, 0);
		wrong += pages_wrong(p + 110 * OS_PAGE, 402 * OS_PAGE, 1);
	}
	return wrong;
}

TEST_F(shared, takes_no_memory)
{
	long long before = stat_read("Resident");

	ASSERT_EQ(0, parts_release(&self->a));
	EXPECT_EQ(before, stat_read("Resident"));
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(self->pid));
	EXPECT_EQ(0, content_wrong(&self->a));
}

TEST_F(shared, goes_when_the_relative_is_gone)
{
	size_t gone = BLOCKS * 10 * OS_PAGE;

	ASSERT_EQ(0, parts_release(&self->a));
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(self->pid));
	EXPECT_EQ(self->a.size - gone,
		  wait_for((arena_stat(&self->a, &self->st),
			    (size_t)self->st.resident),
			   (long long)(self->a.size - gone)));
	EXPECT_EQ(BLOCKS, self->st.split);
	EXPECT_EQ(0, content_wrong(&self->a));
}

TEST_F(shared, join_makes_blocks_of_it)
{
	ASSERT_EQ(0, parts_release(&self->a));
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(self->pid));
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, self->a.size));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(0, content_wrong(&self->a));
}

/* Memory that was released and written again is ordinary memory. */
TEST_F(shared, written_again)
{
	size_t i;

	ASSERT_EQ(0, parts_release(&self->a));
	for (i = 0; i < BLOCKS; i++)
		pages_fill(self->a.base + i * BLOCK_LEN + 100 * OS_PAGE,
			   10 * OS_PAGE, 1);
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(self->pid));
	EXPECT_EQ(BLOCKS, wait_for(arena_count(&self->a,
					       HUGEARENA_BLOCK_WHOLE),
				   BLOCKS));
	for (i = 0; i < BLOCKS; i++)
		EXPECT_EQ(0, pages_wrong(self->a.base + i * BLOCK_LEN +
					 100 * OS_PAGE, 10 * OS_PAGE, 1));
}

/*
 * Fork after fork, releasing a part each time: there are few layers, and memory
 * is bounded.
 */
TEST_F(shared, through_many_forks)
{
	long long before = stat_read("Resident");
	int round, i;
	pid_t pid[8];

	for (round = 0; round < 8; round++) {
		pid[round] = child_fork();
		ASSERT_LE(0, pid[round]);
		if (!pid[round]) {
			gate_wait(self->go);
			_exit(0);
		}
		for (i = 0; i < BLOCKS; i++)
			ASSERT_EQ(0, arena_punch(&self->a, i * BLOCK_LEN +
						 (100 + round) * OS_PAGE,
						 OS_PAGE));
	}
	/* one copy of the arena, and what later rounds had to copy again */
	EXPECT_GE(before + 3 * (long long)self->a.size / 1024,
		  stat_read("Resident"));
	for (i = 0; i < BLOCKS; i++)
		EXPECT_EQ(0, bytes_other(self->a.base + i * BLOCK_LEN +
					 100 * OS_PAGE, 8 * OS_PAGE, 0));
	gate_post(self->go);
	for (round = 0; round < 8; round++)
		gate_post(self->go);
	for (round = 0; round < 8; round++)
		EXPECT_EQ(0, child_wait(pid[round]));
	EXPECT_EQ(0, child_wait(self->pid));
}

TEST_HARNESS_MAIN
