// SPDX-License-Identifier: GPL-2.0-only
/* After fork a write to one byte costs 4 KiB, on either side, and not 2 MiB. */
#include "harness.h"
#include <signal.h>

#define BLOCKS	32

FIXTURE(overlay) {
	struct arena a;
	int release;
};

FIXTURE_SETUP(overlay)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->release = gate_open();
}

FIXTURE_TEARDOWN(overlay)
{
	gate_post(self->release);
	arena_drop(&self->a);
}

/*
 * A quarter of what copying the blocks would take, which is far above the
 * noise.
 */
#define LIMIT_KB	((long long)(BLOCKS * BLOCK_LEN / 1024 / 4))

TEST_F(overlay, parent_writes_a_byte_in_every_block)
{
	long long before, after;
	pid_t pid = child_fork();
	size_t i;

	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->release);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
	before = memfree_read();
	for (i = 0; i < BLOCKS; i++)
		byte_write(self->a.base + i * BLOCK_LEN + 100, 1);
	after = memfree_read();
	EXPECT_GT(LIMIT_KB, before - after);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(overlay, child_writes_a_byte_in_every_block)
{
	long long before, after;
	pid_t pid = child_fork();
	size_t i;

	ASSERT_LE(0, pid);
	if (!pid) {
		before = memfree_read();
		for (i = 0; i < BLOCKS; i++)
			byte_write(self->a.base + i * BLOCK_LEN + 100, 1);
		after = memfree_read();
		if (before - after >= LIMIT_KB)
			_exit(1);
		_exit(pages_wrong(self->a.base, self->a.size, 1) ? 2 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(overlay, a_child_that_only_reads_costs_nothing)
{
	long long before, after;
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		before = memfree_read();
		if (pages_wrong(self->a.base, self->a.size, 1))
			_exit(1);
		after = memfree_read();
		_exit(before - after < LIMIT_KB ? 0 : 2);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(overlay, a_reading_child_keeps_the_pmds)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (pages_wrong(self->a.base, self->a.size, 1))
			_exit(1);
		_exit(arena_mapped(&self->a) == BLOCKS ? 0 : 2);
	}
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(overlay, an_overlay_shows_as_split)
{
	struct hugearena_block b;
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->release);
		_exit(0);
	}
	byte_write(self->a.base, 1);
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	EXPECT_EQ(HUGEARENA_BLOCK_SPLIT, b.state);
	ASSERT_EQ(0, arena_block(&self->a, 1, &b));
	EXPECT_EQ(HUGEARENA_BLOCK_WHOLE, b.state);
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(overlay, every_byte_of_an_overlay_is_right)
{
	static char want[BLOCK_LEN];
	unsigned int seed = 12345;
	pid_t pid;
	int i;

	for (size_t n = 0; n < BLOCK_LEN; n++)
		self->a.base[n] = (char)(n * 7 + (n >> 12));
	memcpy(want, self->a.base, BLOCK_LEN);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->release);
		_exit(memcmp(want, self->a.base, BLOCK_LEN) != 0);
	}
	/* write single bytes, and read between them */
	for (i = 0; i < 300; i++) {
		size_t at;

		seed = seed * 1103515245 + 12345;
		at = (seed >> 8) % BLOCK_LEN;
		want[at] ^= 0x55;
		self->a.base[at] ^= 0x55;
		at = (at + 12 * OS_PAGE) % BLOCK_LEN;
		ASSERT_EQ(want[at], byte_read(self->a.base + at));
	}
	EXPECT_EQ(0, memcmp(want, self->a.base, BLOCK_LEN));
	/* the child compares with what it inherited in want[] */
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, memcmp(want, self->a.base, BLOCK_LEN));
}

/*
 * A service that always has a child: the next one is forked before the last
 * one ends, and the same pages are written after each fork.
 */
TEST_F(overlay, old_versions_do_not_pile_up)
{
	enum { ROUNDS = 40, PAGES = 256 };
	long long before = stat_read("Resident"), after;
	pid_t last = -1, pid;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		pid = child_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			pause();
			_exit(0);
		}
		pages_fill(self->a.base, PAGES * OS_PAGE, 10 + i);
		if (last > 0) {
			kill(last, SIGKILL);
			child_wait(last);
		}
		last = pid;
	}
	after = stat_read("Resident");
	/* keeping all of them would take 40 MiB */
	EXPECT_GT(before + 16 * 1024, after);
	EXPECT_EQ(0, pages_wrong(self->a.base, PAGES * OS_PAGE,
				 10 + ROUNDS - 1));
	EXPECT_EQ(0, pages_wrong(self->a.base + PAGES * OS_PAGE,
				 BLOCK_LEN - PAGES * OS_PAGE, 1));
	kill(last, SIGKILL);
	child_wait(last);
}

TEST_HARNESS_MAIN
