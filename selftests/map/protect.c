// SPDX-License-Identifier: GPL-2.0-only
/*
 * mprotect() of parts of an arena: data stay, protections hold, and the PMD
 * comes back.
 */
#include "harness.h"
#include <signal.h>

#define BLOCKS	4

ARENA_FIXTURE(protect, BLOCKS)

TEST_F(protect, two_pages_and_back)
{
	char *at = self->a.base + BLOCK_LEN + 4 * OS_PAGE;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, mprotect(at, 2 * OS_PAGE, PROT_READ));
	EXPECT_EQ(SIGSEGV, byte_write_signal(at, 1));
	EXPECT_EQ(SIGSEGV, byte_write_signal(at + 2 * OS_PAGE - 1, 1));
	EXPECT_EQ(0, byte_write_signal(at - 8, 1));
	EXPECT_EQ(0, byte_write_signal(at + 2 * OS_PAGE + 8, 1));
	EXPECT_EQ(0, pages_wrong(at, 2 * OS_PAGE, 1));
	ASSERT_EQ(0, mprotect(at, 2 * OS_PAGE, PROT_READ | PROT_WRITE));
	pages_fill(self->a.base, self->a.size, 2);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_F(protect, none_keeps_the_data)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, PROT_NONE));
	EXPECT_EQ(SIGSEGV, byte_read_signal(self->a.base));
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size,
			      PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(protect, untouched_inside_read_only_reads_as_zero)
{
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, PROT_READ));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 0));
	EXPECT_EQ(SIGSEGV, byte_write_signal(self->a.base, 1));
}

TEST_F(protect, whole_arena_and_back_is_huge_again)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, PROT_READ));
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size,
			      PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(protect, the_rest_of_the_block_stays_one_block)
{
	struct hugearena_block b;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, mprotect(self->a.base + BLOCK_LEN, OS_PAGE, PROT_READ));
	ASSERT_EQ(0, arena_block(&self->a, 1, &b));
	EXPECT_EQ(HUGEARENA_BLOCK_WHOLE, b.state);
	EXPECT_EQ(BLOCK_PAGES, b.pages);
}

TEST_F(protect, exec_is_refused)
{
	EXPECT_ERRNO(EACCES, mprotect(self->a.base, self->a.size,
				      PROT_READ | PROT_EXEC));
	EXPECT_ERRNO(EACCES, mprotect(self->a.base + OS_PAGE, OS_PAGE,
				      PROT_EXEC));
}

TEST_F(protect, many_pieces)
{
	size_t i, step = 64 * OS_PAGE;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < self->a.size; i += 2 * step)
		ASSERT_EQ(0, mprotect(self->a.base + i, step, PROT_READ));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	for (i = 0; i < self->a.size; i += 2 * step)
		ASSERT_EQ(0, mprotect(self->a.base + i, step,
				      PROT_READ | PROT_WRITE));
	pages_fill(self->a.base, self->a.size, 2);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_HARNESS_MAIN
