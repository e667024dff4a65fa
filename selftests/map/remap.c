// SPDX-License-Identifier: GPL-2.0-only
/* mremap() never moves, doubles or grows an arena. */
#include "harness.h"
#include <signal.h>

#define BLOCKS	4

ARENA_FIXTURE(remap, BLOCKS)

TEST_F(remap, moving_is_refused)
{
	char *to = mmap(NULL, 8 * BLOCK_LEN, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, to);
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_MAP_ERRNO(EINVAL, mremap(self->a.base, self->a.size,
					self->a.size,
					MREMAP_MAYMOVE | MREMAP_FIXED, to));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	munmap(to, 8 * BLOCK_LEN);
}

TEST_F(remap, moving_a_part_is_refused)
{
	char *to = mmap(NULL, 8 * BLOCK_LEN, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, to);
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_MAP_ERRNO(EINVAL, mremap(self->a.base + BLOCK_LEN, OS_PAGE,
					OS_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
					to));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	munmap(to, 8 * BLOCK_LEN);
}

TEST_F(remap, doubling_is_refused)
{
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(MAP_FAILED, mremap(self->a.base, 0, self->a.size,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(self->a.base, self->a.size, self->a.size,
				     MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(remap, growing_is_refused)
{
	EXPECT_EQ(MAP_FAILED, mremap(self->a.base, self->a.size,
				     self->a.size + BLOCK_LEN, 0));
	EXPECT_TRUE(errno == EFAULT || errno == EINVAL);
	EXPECT_EQ(MAP_FAILED, mremap(self->a.base, self->a.size,
				     self->a.size + BLOCK_LEN,
				     MREMAP_MAYMOVE));
	EXPECT_TRUE(errno == EFAULT || errno == EINVAL);
}

TEST_F(remap, vma_says_dontexpand)
{
	EXPECT_TRUE(smaps_flag(self->a.base, "de"));
}

TEST_F(remap, shrinking_releases_the_tail)
{
	struct hugearena_stat st;

	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(self->a.base, mremap(self->a.base, self->a.size,
				       2 * BLOCK_LEN, 0));
	EXPECT_EQ(0, pages_wrong(self->a.base, 2 * BLOCK_LEN, 1));
	EXPECT_EQ(SIGSEGV, byte_read_signal(self->a.base + 2 * BLOCK_LEN));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(2 * BLOCK_LEN, st.resident);
}

TEST_HARNESS_MAIN
