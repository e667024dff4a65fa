// SPDX-License-Identifier: GPL-2.0-only
/* After fork a written byte costs 4 KiB, on either side, and not 2 MiB. */
#include "harness.h"

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

/* A quarter of what copying the blocks would take is far more than noise. */
#define LIMIT_KB	(BLOCKS * BLOCK_LEN / 1024 / 4)

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
	before = meminfo_read("MemFree");
	for (i = 0; i < BLOCKS; i++)
		byte_write(self->a.base + i * BLOCK_LEN + 100, 1);
	after = meminfo_read("MemFree");
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
		before = meminfo_read("MemFree");
		for (i = 0; i < BLOCKS; i++)
			byte_write(self->a.base + i * BLOCK_LEN + 100, 1);
		after = meminfo_read("MemFree");
		if (before - after >= (long long)LIMIT_KB)
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
		before = meminfo_read("MemFree");
		if (pages_wrong(self->a.base, self->a.size, 1))
			_exit(1);
		after = meminfo_read("MemFree");
		_exit(before - after < (long long)LIMIT_KB ? 0 : 2);
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
	/* bytes here and there, reads between them */
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

TEST_HARNESS_MAIN
