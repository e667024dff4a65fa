// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork() changes only the write bits in the parent's page tables.  Its memory
 * stays mapped, so that it stays in the RSS, where the OOM killer looks for it,
 * and is read without a fault.
 */
#include "harness.h"
#include <sys/resource.h>

#define BLOCKS	16
#define KB	(BLOCKS * BLOCK_LEN / 1024)

ARENA_FIXTURE(rss, BLOCKS)

static long minor_faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

/*
 * How many faults it takes to read a byte of every OS page, but for the first
 * @skip of each block.
 */
static long faults_of_reading(struct arena *a, size_t skip)
{
	long before;
	size_t i;

	/*
	 * After a fork the first write to a page of the stack is a fault that
	 * does not count: make the same calls once before.
	 */
	minor_faults();
	before = minor_faults();
	for (i = 0; i < a->size; i += OS_PAGE)
		if (i % BLOCK_LEN >= skip * OS_PAGE)
			(void)byte_read(a->base + i);
	return minor_faults() - before;
}

TEST_F(rss, stays_while_there_is_a_child)
{
	int release = gate_open();
	pid_t pid;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_LE(KB, status_read("RssShmem"));
	pid = child_holds(release);
	ASSERT_LT(0, pid);
	EXPECT_LE(KB, status_read("RssShmem"));
	EXPECT_EQ(0, faults_of_reading(&self->a, 0));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
	gate_post(release);
	child_wait(pid);
}

TEST_F(rss, stays_when_the_child_has_gone)
{
	int release = gate_open();
	struct hugearena_stat st;
	pid_t pid;

	pages_fill(self->a.base, self->a.size, 1);
	pid = child_holds(release);
	ASSERT_LT(0, pid);
	gate_post(release);
	child_wait(pid);
	EXPECT_LE(KB, status_read("RssShmem"));
	/* upkeep sees that nothing is shared, and unmaps nothing either */
	EXPECT_EQ(0, wait_for((arena_stat(&self->a, &st), st.shared), 0));
	ASSERT_EQ(0, upkeep_wait(2));
	EXPECT_LE(KB, status_read("RssShmem"));
	EXPECT_EQ(0, faults_of_reading(&self->a, 0));
	/* and the parent can write to it as before, as its only user */
	pages_fill(self->a.base, self->a.size, 2);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
}

TEST_F(rss, split_blocks_stay_too)
{
	int release = gate_open();
	size_t i;
	pid_t pid;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < BLOCKS; i++)
		ASSERT_EQ(0, arena_punch(&self->a, i * BLOCK_LEN, OS_PAGE));
	for (i = 0; i < BLOCKS; i++)
		ASSERT_EQ(0, pages_wrong(self->a.base + i * BLOCK_LEN + OS_PAGE,
					 BLOCK_LEN - OS_PAGE, 1));
	pid = child_holds(release);
	ASSERT_LT(0, pid);
	/* the first page is still missing, or upkeep would join the blocks */
	EXPECT_EQ(0, faults_of_reading(&self->a, 1));
	gate_post(release);
	child_wait(pid);
}

TEST_HARNESS_MAIN
