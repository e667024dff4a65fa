// SPDX-License-Identifier: GPL-2.0-only
/* mlock() of an arena. */
#include "harness.h"

#define BLOCKS	4

ARENA_FIXTURE(lock, BLOCKS)

TEST_F(lock, populates)
{
	ASSERT_EQ(0, mlock(self->a.base, self->a.size));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
	EXPECT_EQ(self->a.size / 1024, status_read("VmLck"));
	EXPECT_EQ(0, munlock(self->a.base, self->a.size));
	EXPECT_EQ(0, status_read("VmLck"));
}

TEST_F(lock, of_a_part)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, mlock(self->a.base + BLOCK_SIZE + OS_PAGE, OS_PAGE));
	EXPECT_EQ(OS_PAGE / 1024, status_read("VmLck"));
	EXPECT_EQ(0, munlock(self->a.base, self->a.size));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(lock, locked_memory_can_be_unmapped)
{
	ASSERT_EQ(0, mlock(self->a.base, self->a.size));
	ASSERT_EQ(0, munmap(self->a.base, self->a.size));
	EXPECT_EQ(0, status_read("VmLck"));
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
