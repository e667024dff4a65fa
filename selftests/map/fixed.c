// SPDX-License-Identifier: GPL-2.0-only
/*
 * A mapping at an address that is not congruent modulo 2 MiB works, by 4 KiB
 * pages.
 */
#include "harness.h"

#define BLOCKS	4

FIXTURE(fixed) {
	struct arena a;
	char *area;
};

FIXTURE_SETUP(fixed)
{
	ASSERT_EQ(0, params_reset());
	self->area = mmap(NULL, (BLOCKS + 2) * BLOCK_LEN, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->area);
	self->a.size = BLOCKS * BLOCK_LEN;
	self->a.fd = arena_create(self->a.size);
	ASSERT_LE(0, self->a.fd);
	/* one page past a 2 MiB boundary */
	self->a.base = (char *)(((uintptr_t)self->area + BLOCK_LEN - 1) &
				~(BLOCK_LEN - 1)) + OS_PAGE;
	ASSERT_EQ(self->a.base,
		  mmap(self->a.base, self->a.size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_FIXED, self->a.fd, 0));
}

FIXTURE_TEARDOWN(fixed)
{
	arena_drop(&self->a);
	munmap(self->area, (BLOCKS + 2) * BLOCK_LEN);
}

TEST_F(fixed, holds_data)
{
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(self->a.size / 1024, smaps_read(self->a.base, "Rss"));
}

TEST_F(fixed, has_blocks_without_a_pmd)
{
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(0, arena_mapped(&self->a));
	EXPECT_EQ(0, smaps_pmd_mapped(self->a.base));
}

static int child_rewrites(void *arg)
{
	struct arena *a = arg;

	if (pages_wrong(a->base, a->size, 1))
		return 1;
	pages_fill(a->base, a->size, 2);
	return pages_wrong(a->base, a->size, 2) ? 2 : 0;
}

TEST_F(fixed, forks)
{
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(0, child_run(child_rewrites, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	pages_fill(self->a.base, self->a.size, 3);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
}

TEST_F(fixed, releases)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(0, bytes_other(self->a.base + BLOCK_LEN, BLOCK_LEN, 0));
	EXPECT_EQ(0, pages_wrong(self->a.base, BLOCK_LEN, 1));
	EXPECT_EQ(0, pages_wrong(self->a.base + 2 * BLOCK_LEN,
				 2 * BLOCK_LEN, 1));
}

TEST_HARNESS_MAIN
