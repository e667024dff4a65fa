// SPDX-License-Identifier: GPL-2.0-only
/* Forks and the copies after them are counted, exactly. */
#include "harness.h"

#define BLOCKS	8

FIXTURE(count) {
	struct arena a;
	struct hugearena_stat st;
	int release;
};

FIXTURE_SETUP(count)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->release = gate_open();
}

FIXTURE_TEARDOWN(count)
{
	gate_post(self->release);
	arena_drop(&self->a);
}

TEST_F(count, forks)
{
	long long before = stat_read("Forks");
	int i;

	for (i = 0; i < 3; i++) {
		pid_t pid = child_fork();

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(0);
		EXPECT_EQ(0, child_wait(pid));
	}
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(3, self->st.forks);
	EXPECT_EQ(before + 3, stat_read("Forks"));
}

TEST_F(count, shared_blocks_while_the_child_lives)
{
	struct hugearena_block b;
	pid_t pid = child_holds(self->release);

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(BLOCKS, self->st.shared);
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	EXPECT_TRUE(b.flags & HUGEARENA_BLOCK_SHARED);
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, wait_for((arena_stat(&self->a, &self->st),
			       self->st.shared), 0));
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	EXPECT_FALSE(b.flags & HUGEARENA_BLOCK_SHARED);
}

TEST_F(count, a_written_page_is_one_copied_page)
{
	long long before = stat_read("CowPages");
	pid_t pid = child_holds(self->release);

	ASSERT_LT(0, pid);
	byte_write(self->a.base + 3 * OS_PAGE, 1);
	byte_write(self->a.base + 3 * OS_PAGE + 9, 1);
	byte_write(self->a.base + BLOCK_LEN + 7 * OS_PAGE, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(2, self->st.cow_pages);
	EXPECT_EQ(0, self->st.cow_blocks);
	EXPECT_EQ(before + 2, stat_read("CowPages"));
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(count, writes_to_what_nobody_shares_copy_nothing)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(0);
	EXPECT_EQ(0, child_wait(pid));
	pages_fill(self->a.base, self->a.size, 2);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(0, self->st.cow_pages);
	EXPECT_EQ(0, self->st.cow_blocks);
	EXPECT_EQ(BLOCKS, self->st.blocks);
}

TEST_F(count, reads_copy_nothing)
{
	pid_t pid = child_holds(self->release);

	ASSERT_LT(0, pid);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(0, self->st.cow_pages);
	EXPECT_EQ(0, self->st.cow_blocks);
	EXPECT_EQ(BLOCKS, self->st.blocks);
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(count, the_child_counts_for_itself)
{
	struct hugearena_stat mine, its;
	pid_t pid;

	ASSERT_EQ(0, arena_stat(&self->a, &mine));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		byte_write(self->a.base, 1);
		if (arena_stat(&self->a, &its))
			_exit(1);
		if (its.id == mine.id || its.size != mine.size)
			_exit(2);
		_exit(its.cow_pages == 1 ? 0 : 3);
	}
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(mine.id, self->st.id);
	EXPECT_EQ(0, self->st.cow_pages);
}

TEST_F(count, nothing_is_lost)
{
	long long failed = stat_read("ForkFailed"), lost = stat_read("Lost");
	pid_t pid = child_holds(self->release);

	ASSERT_LT(0, pid);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(0, self->st.lost);
	EXPECT_EQ(failed, stat_read("ForkFailed"));
	EXPECT_EQ(lost, stat_read("Lost"));
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
