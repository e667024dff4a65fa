// SPDX-License-Identifier: GPL-2.0-only
/* mmap() of an arena: what is refused, and with which errno. */
#include "harness.h"

FIXTURE(mmap) {
	int fd;
};

FIXTURE_SETUP(mmap)
{
	ASSERT_EQ(0, params_reset());
	self->fd = arena_create(4 * BLOCK_LEN);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(mmap)
{
	close(self->fd);
}

#define RW	(PROT_READ | PROT_WRITE)

TEST_F(mmap, private_is_refused)
{
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, BLOCK_LEN, RW, MAP_PRIVATE,
				      self->fd, 0));
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, BLOCK_LEN, PROT_READ, MAP_PRIVATE,
				      self->fd, 0));
}

TEST_F(mmap, past_the_size_is_refused)
{
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, 5 * BLOCK_LEN, RW, MAP_SHARED,
				      self->fd, 0));
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, 2 * BLOCK_LEN, RW, MAP_SHARED,
				      self->fd, 3 * BLOCK_LEN));
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, OS_PAGE, RW, MAP_SHARED, self->fd,
				      4 * BLOCK_LEN));
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, 4 * BLOCK_LEN + OS_PAGE, RW,
				      MAP_SHARED, self->fd, 0));
}

/*
 * Otherwise offset 0 would be below address 0, and fork would not find the VMA.
 */
TEST_F(mmap, below_its_offset_is_refused)
{
	EXPECT_MAP_ERRNO(EINVAL, mmap((void *)BLOCK_LEN, BLOCK_LEN, RW,
				      MAP_SHARED | MAP_FIXED_NOREPLACE,
				      self->fd, 2 * BLOCK_LEN));
	EXPECT_EQ((void *)BLOCK_LEN,
		  mmap((void *)BLOCK_LEN, BLOCK_LEN, RW,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, self->fd, BLOCK_LEN));
	EXPECT_EQ(0, munmap((void *)BLOCK_LEN, BLOCK_LEN));
}

TEST_F(mmap, executable_is_refused)
{
	EXPECT_MAP_ERRNO(EPERM, mmap(NULL, BLOCK_LEN, PROT_READ | PROT_EXEC,
				     MAP_SHARED, self->fd, 0));
	EXPECT_MAP_ERRNO(EPERM, mmap(NULL, BLOCK_LEN, RW | PROT_EXEC,
				     MAP_SHARED, self->fd, 0));
}

TEST_F(mmap, refusals_leave_it_usable)
{
	char *p;

	EXPECT_MAP_ERRNO(EPERM, mmap(NULL, BLOCK_LEN, PROT_EXEC, MAP_SHARED,
				     self->fd, 0));
	EXPECT_MAP_ERRNO(EINVAL, mmap(NULL, BLOCK_LEN, RW, MAP_PRIVATE,
				      self->fd, 0));
	p = mmap(NULL, 4 * BLOCK_LEN, RW, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	pages_fill(p, 4 * BLOCK_LEN, 1);
	EXPECT_EQ(0, pages_wrong(p, 4 * BLOCK_LEN, 1));
	EXPECT_EQ(0, munmap(p, 4 * BLOCK_LEN));
}

TEST_F(mmap, second_mapping_elsewhere_is_busy)
{
	char *p = mmap(NULL, 4 * BLOCK_LEN, RW, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, p);
	EXPECT_MAP_ERRNO(EBUSY, mmap(NULL, 4 * BLOCK_LEN, RW, MAP_SHARED,
				     self->fd, 0));
	EXPECT_MAP_ERRNO(EBUSY, mmap(NULL, BLOCK_LEN, PROT_READ, MAP_SHARED,
				     self->fd, 2 * BLOCK_LEN));
	EXPECT_EQ(0, munmap(p, 4 * BLOCK_LEN));
}

TEST_F(mmap, a_hole_can_be_mapped_again_at_home)
{
	char *p = mmap(NULL, 4 * BLOCK_LEN, RW, MAP_SHARED, self->fd, 0);

	ASSERT_NE(MAP_FAILED, p);
	pages_fill(p, 4 * BLOCK_LEN, 1);
	ASSERT_EQ(0, munmap(p + BLOCK_LEN, BLOCK_LEN));
	ASSERT_EQ(p + BLOCK_LEN,
		  mmap(p + BLOCK_LEN, BLOCK_LEN, RW,
		       MAP_SHARED | MAP_FIXED_NOREPLACE, self->fd,
		       BLOCK_LEN));
	/* munmap() released what was there */
	EXPECT_EQ(0, bytes_other(p + BLOCK_LEN, BLOCK_LEN, 0));
	EXPECT_EQ(0, pages_wrong(p, BLOCK_LEN, 1));
	EXPECT_EQ(0, munmap(p, 4 * BLOCK_LEN));
}

TEST_F(mmap, refused_mappings_leave_no_vma)
{
	char *hint = mmap(NULL, 8 * BLOCK_LEN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, hint);
	ASSERT_EQ(0, munmap(hint, 8 * BLOCK_LEN));
	EXPECT_MAP_ERRNO(EINVAL, mmap(hint, BLOCK_LEN, RW,
				      MAP_PRIVATE | MAP_FIXED_NOREPLACE,
				      self->fd, 0));
	EXPECT_EQ(0, maps_count(hint, 8 * BLOCK_LEN));
}

TEST_HARNESS_MAIN
