// SPDX-License-Identifier: GPL-2.0-only
/* O_DIRECT input and output straight from and into an arena. */
#include "harness.h"
#include <fcntl.h>
#include "disk.h"

#define BLOCKS	4

FIXTURE(disk) {
	struct arena a;
	int fd;
};

FIXTURE_SETUP(disk)
{
	self->fd = disk_open();
	if (self->fd < 0)
		SKIP(_exit(255), "no disk that takes O_DIRECT");
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
}

FIXTURE_TEARDOWN(disk)
{
	arena_drop(&self->a);
	close(self->fd);
}

TEST_F(disk, write_then_read_into_untouched)
{
	char *to = self->a.base + 2 * BLOCK_LEN;

	pages_fill(self->a.base, 2 * BLOCK_LEN, 1);
	ASSERT_EQ(2 * BLOCK_LEN,
		  pwrite(self->fd, self->a.base, 2 * BLOCK_LEN, 0));
	ASSERT_EQ(2 * BLOCK_LEN, pread(self->fd, to, 2 * BLOCK_LEN, 0));
	EXPECT_EQ(0, memcmp(self->a.base, to, 2 * BLOCK_LEN));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(disk, read_across_blocks)
{
	char *at = self->a.base + BLOCK_LEN - 16 * OS_PAGE;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(32 * OS_PAGE, pwrite(self->fd, at, 32 * OS_PAGE, 0));
	memset(at, 0, 32 * OS_PAGE);
	ASSERT_EQ(32 * OS_PAGE, pread(self->fd, at, 32 * OS_PAGE, 0));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(disk, into_a_split_block)
{
	pages_fill(self->a.base, BLOCK_LEN, 1);
	ASSERT_EQ(BLOCK_LEN, pwrite(self->fd, self->a.base, BLOCK_LEN, 0));
	ASSERT_EQ(0, arena_punch(&self->a, 64 * OS_PAGE, 128 * OS_PAGE));
	ASSERT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	memset(self->a.base, 0, 16 * OS_PAGE);
	ASSERT_EQ(BLOCK_LEN, pread(self->fd, self->a.base, BLOCK_LEN, 0));
	EXPECT_EQ(0, pages_wrong(self->a.base, BLOCK_LEN, 1));
}

TEST_HARNESS_MAIN
