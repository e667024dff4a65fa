// SPDX-License-Identifier: GPL-2.0-only
/* MADV_POPULATE_* and MAP_POPULATE take the memory now, as blocks. */
#include "harness.h"
#include <sys/resource.h>

#define BLOCKS	8

ARENA_FIXTURE(populate, BLOCKS)

static long faults(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_minflt + ru.ru_majflt;
}

TEST_F(populate, write)
{
	long before, after;

	ASSERT_EQ(0, madvise(self->a.base, self->a.size,
			     MADV_POPULATE_WRITE));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
	before = faults();
	pages_fill(self->a.base, self->a.size, 1);
	after = faults();
	EXPECT_EQ(before, after);
}

TEST_F(populate, read)
{
	ASSERT_EQ(0, madvise(self->a.base, self->a.size, MADV_POPULATE_READ));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 0));
}

TEST_F(populate, a_page_takes_its_block)
{
	ASSERT_EQ(0, madvise(self->a.base + 3 * BLOCK_LEN + OS_PAGE, OS_PAGE,
			     MADV_POPULATE_WRITE));
	EXPECT_EQ(1, arena_mapped(&self->a));
}

TEST_F(populate, keeps_what_is_there)
{
	pages_fill(self->a.base, 3 * BLOCK_LEN, 1);
	ASSERT_EQ(0, madvise(self->a.base, self->a.size,
			     MADV_POPULATE_WRITE));
	EXPECT_EQ(0, pages_wrong(self->a.base, 3 * BLOCK_LEN, 1));
	EXPECT_EQ(0, bytes_other(self->a.base + 3 * BLOCK_LEN,
				 5 * BLOCK_LEN, 0));
}

TEST_F(populate, map_populate)
{
	struct arena b = { .size = 4 * BLOCK_LEN };

	b.fd = arena_create(b.size);
	ASSERT_LE(0, b.fd);
	b.base = mmap(NULL, b.size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, b.fd, 0);
	ASSERT_NE(MAP_FAILED, b.base);
	EXPECT_EQ(4, arena_mapped(&b));
	arena_drop(&b);
}

TEST_HARNESS_MAIN
