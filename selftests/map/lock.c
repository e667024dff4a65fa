// SPDX-License-Identifier: GPL-2.0-only
/*
 * mlock() of an arena populates it.  The memory cannot be swapped anyway, and
 * the kernel counts nothing as locked in a VMA that must not expand.
 */
#include "harness.h"

#define BLOCKS	4

ARENA_FIXTURE(lock, BLOCKS)

TEST_F(lock, populates)
{
	ASSERT_EQ(0, mlock(self->a.base, self->a.size));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
	EXPECT_EQ(0, munlock(self->a.base, self->a.size));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(lock, of_a_page_populates_its_block)
{
	ASSERT_EQ(0, mlock(self->a.base + BLOCK_LEN + OS_PAGE, OS_PAGE));
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(0, munlock(self->a.base, self->a.size));
}

TEST_F(lock, keeps_the_data)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, mlock(self->a.base + 3 * OS_PAGE, BLOCK_LEN));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(0, munlock(self->a.base, self->a.size));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(lock, locked_memory_can_be_unmapped)
{
	long long before = stat_read("Resident");

	ASSERT_EQ(0, mlock(self->a.base, self->a.size));
	ASSERT_EQ(0, munmap(self->a.base, self->a.size));
	EXPECT_EQ(before, stat_read("Resident"));
	self->a.base = NULL;
	close(self->a.fd);
}

TEST_F(lock, mlockall_covers_it)
{
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
	EXPECT_EQ(0, munlockall());
}

TEST_HARNESS_MAIN
