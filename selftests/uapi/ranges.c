// SPDX-License-Identifier: GPL-2.0-only
/* RELEASE, JOIN and BLOCKS refuse bad ranges, flags, counts and addresses. */
#include "harness.h"
#include <sys/ioctl.h>

#define BLOCKS	4

FIXTURE(ranges) {
	struct arena a;
	struct hugearena_release release;
	struct hugearena_join join;
	struct hugearena_blocks blocks;
	struct hugearena_range r[4];
	struct hugearena_block vec[BLOCKS + 1];
};

FIXTURE_SETUP(ranges)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->r[0].len = OS_PAGE;
	self->release.ranges = (uintptr_t)self->r;
	self->release.nr = 1;
	self->join.len = BLOCK_LEN;
	self->blocks.vec = (uintptr_t)self->vec;
	self->blocks.nr = 1;
}

FIXTURE_TEARDOWN(ranges)
{
	/* no test names more than three pages of a valid range */
	EXPECT_GE(3, pages_wrong(self->a.base, self->a.size, 1));
	arena_drop(&self->a);
}

#define RELEASE_ERRNO(_errno) \
	EXPECT_ERRNO(_errno, ioctl(self->a.fd, HUGEARENA_IOC_RELEASE, \
				   &self->release))
#define JOIN_ERRNO(_errno) \
do { \
	EXPECT_ERRNO(_errno, ioctl(self->a.fd, HUGEARENA_IOC_JOIN, \
				   &self->join)); \
	EXPECT_ERRNO(_errno, ioctl(self->a.fd, HUGEARENA_IOC_SPLIT, \
				   &self->join)); \
} while (0)
#define BLOCKS_ERRNO(_errno) \
	EXPECT_ERRNO(_errno, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, \
				   &self->blocks))

TEST_F(ranges, release_bad_address_is_efault)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_RELEASE, 16));
	self->release.ranges = 16;
	RELEASE_ERRNO(EFAULT);
	self->release.ranges = -1ULL;
	RELEASE_ERRNO(EFAULT);
}

TEST_F(ranges, release_every_flag_is_unknown)
{
	int bit;

	for (bit = 0; bit < 32; bit++) {
		self->release.flags = 1U << bit;
		RELEASE_ERRNO(EINVAL);
	}
}

TEST_F(ranges, release_count)
{
	self->release.nr = 0;
	RELEASE_ERRNO(EINVAL);
	self->release.nr = HUGEARENA_RELEASE_MAX + 1;
	RELEASE_ERRNO(EINVAL);
	self->release.nr = -1;
	RELEASE_ERRNO(EINVAL);
}

TEST_F(ranges, release_unaligned)
{
	self->r[0].offset = 1;
	RELEASE_ERRNO(EINVAL);
	self->r[0].offset = 512;
	RELEASE_ERRNO(EINVAL);
	self->r[0].offset = 0;
	self->r[0].len = OS_PAGE - 1;
	RELEASE_ERRNO(EINVAL);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(ranges, release_empty)
{
	self->r[0].len = 0;
	RELEASE_ERRNO(EINVAL);
}

TEST_F(ranges, release_past_the_end)
{
	self->r[0].offset = self->a.size;
	RELEASE_ERRNO(EINVAL);
	self->r[0].offset = self->a.size - OS_PAGE;
	self->r[0].len = 2 * OS_PAGE;
	RELEASE_ERRNO(EINVAL);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(ranges, release_that_wraps)
{
	self->r[0].offset = OS_PAGE;
	self->r[0].len = -OS_PAGE;
	RELEASE_ERRNO(EINVAL);
	self->r[0].offset = -OS_PAGE;
	self->r[0].len = 2 * OS_PAGE;
	RELEASE_ERRNO(EINVAL);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(ranges, release_descending)
{
	self->release.nr = 2;
	self->r[0].offset = BLOCK_LEN;
	self->r[0].len = OS_PAGE;
	self->r[1].offset = 0;
	self->r[1].len = OS_PAGE;
	RELEASE_ERRNO(EINVAL);
}

TEST_F(ranges, release_overlapping)
{
	self->release.nr = 2;
	self->r[0].len = 2 * OS_PAGE;
	self->r[1].offset = OS_PAGE;
	self->r[1].len = 2 * OS_PAGE;
	RELEASE_ERRNO(EINVAL);
}

TEST_F(ranges, release_twice_the_same)
{
	self->release.nr = 2;
	self->r[1] = self->r[0];
	RELEASE_ERRNO(EINVAL);
}

TEST_F(ranges, release_touching_is_disjoint)
{
	self->release.nr = 2;
	self->r[1].offset = OS_PAGE;
	self->r[1].len = OS_PAGE;
	EXPECT_EQ(0, ioctl(self->a.fd, HUGEARENA_IOC_RELEASE, &self->release));
	EXPECT_EQ(2 * OS_PAGE, self->release.released);
}

TEST_F(ranges, join_bad_address_is_efault)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_JOIN, 16));
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_SPLIT, 16));
}

TEST_F(ranges, join_every_flag_is_unknown)
{
	int bit;

	for (bit = 0; bit < 32; bit++) {
		self->join.flags = 1U << bit;
		JOIN_ERRNO(EINVAL);
	}
}

TEST_F(ranges, join_unaligned)
{
	self->join.offset = OS_PAGE;
	JOIN_ERRNO(EINVAL);
	self->join.offset = 0;
	self->join.len = BLOCK_LEN - OS_PAGE;
	JOIN_ERRNO(EINVAL);
}

TEST_F(ranges, join_empty)
{
	self->join.len = 0;
	JOIN_ERRNO(EINVAL);
}

TEST_F(ranges, join_past_the_end)
{
	self->join.offset = self->a.size;
	JOIN_ERRNO(EINVAL);
	self->join.offset = 0;
	self->join.len = self->a.size + BLOCK_LEN;
	JOIN_ERRNO(EINVAL);
}

TEST_F(ranges, join_that_wraps)
{
	self->join.offset = BLOCK_LEN;
	self->join.len = -BLOCK_LEN;
	JOIN_ERRNO(EINVAL);
	self->join.offset = -BLOCK_LEN;
	self->join.len = 2 * BLOCK_LEN;
	JOIN_ERRNO(EINVAL);
}

TEST_F(ranges, join_of_whole_blocks_does_nothing)
{
	struct hugearena_join j;

	ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, &j));
	EXPECT_EQ(0, j.joined);
	EXPECT_EQ(0, j.busy);
	EXPECT_EQ(0, j.failed);
}

TEST_F(ranges, blocks_bad_address_is_efault)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, 16));
	self->blocks.vec = 16;
	BLOCKS_ERRNO(EFAULT);
}

TEST_F(ranges, blocks_every_other_flag_is_unknown)
{
	int bit;

	for (bit = 1; bit < 32; bit++) {
		self->blocks.flags = 1U << bit;
		BLOCKS_ERRNO(EINVAL);
	}
}

TEST_F(ranges, blocks_count)
{
	self->blocks.nr = 0;
	BLOCKS_ERRNO(EINVAL);
	self->blocks.nr = HUGEARENA_BLOCKS_MAX + 1;
	BLOCKS_ERRNO(EINVAL);
	self->blocks.nr = -1;
	BLOCKS_ERRNO(EINVAL);
}

TEST_F(ranges, blocks_unaligned)
{
	self->blocks.offset = OS_PAGE;
	BLOCKS_ERRNO(EINVAL);
	self->blocks.offset = 1;
	BLOCKS_ERRNO(EINVAL);
}

TEST_F(ranges, blocks_are_cut_at_the_end)
{
	memset(self->vec, 0xff, sizeof(self->vec));
	self->blocks.nr = BLOCKS + 1;
	EXPECT_EQ(BLOCKS, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS,
				&self->blocks));
	EXPECT_EQ(HUGEARENA_BLOCK_WHOLE, self->vec[BLOCKS - 1].state);
	/* and nothing is written past the arena's end */
	EXPECT_EQ(0, bytes_other(&self->vec[BLOCKS],
				 sizeof(self->vec[BLOCKS]), 0xff));
}

TEST_F(ranges, blocks_from_the_middle)
{
	self->blocks.offset = 3 * BLOCK_LEN;
	self->blocks.nr = BLOCKS;
	EXPECT_EQ(1, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, &self->blocks));
}

TEST_HARNESS_MAIN
