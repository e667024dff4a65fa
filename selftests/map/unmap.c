// SPDX-License-Identifier: GPL-2.0-only
/* munmap() of a part gives back that part and nothing else. */
#include "harness.h"
#include <signal.h>

#define BLOCKS	8

ARENA_FIXTURE(unmap, BLOCKS)

TEST_F(unmap, whole_blocks_are_released)
{
	struct hugearena_stat st;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, munmap(self->a.base + 2 * BLOCK_LEN, 3 * BLOCK_LEN));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(5, st.blocks);
	EXPECT_EQ(5 * BLOCK_LEN, st.resident);
	EXPECT_EQ(0, pages_wrong(self->a.base, 2 * BLOCK_LEN, 1));
	EXPECT_EQ(0, pages_wrong(self->a.base + 5 * BLOCK_LEN,
				 3 * BLOCK_LEN, 1));
	EXPECT_EQ(SIGSEGV, byte_read_signal(self->a.base + 2 * BLOCK_LEN));
}

TEST_F(unmap, part_of_a_block)
{
	size_t from = BLOCK_LEN + 128 * OS_PAGE, len = 256 * OS_PAGE;
	struct hugearena_stat st;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, munmap(self->a.base + from, len));
	EXPECT_EQ(SIGSEGV, byte_read_signal(self->a.base + from));
	EXPECT_EQ(SIGSEGV, byte_write_signal(self->a.base + from + len - 1,
					     1));
	EXPECT_EQ(0, pages_wrong(self->a.base, from, 1));
	EXPECT_EQ(0, pages_wrong(self->a.base + from + len,
				 self->a.size - from - len, 1));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(self->a.size - len, st.resident);
	EXPECT_EQ(1, st.split);
}

TEST_F(unmap, edges_of_a_page_beside_a_hole)
{
	char *at = self->a.base + BLOCK_LEN;

	/* one page of the block is all that remains mapped */
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, munmap(at, 100 * OS_PAGE));
	ASSERT_EQ(0, munmap(at + 101 * OS_PAGE, 411 * OS_PAGE));
	EXPECT_EQ(0, pages_wrong(at + 100 * OS_PAGE, OS_PAGE, 1));
	EXPECT_EQ(SIGSEGV, byte_read_signal(at + 100 * OS_PAGE - 1));
	EXPECT_EQ(SIGSEGV, byte_read_signal(at + 101 * OS_PAGE));
	EXPECT_EQ(0, byte_write_signal(at + 100 * OS_PAGE, 1));
	EXPECT_EQ(SIGSEGV, byte_write_signal(at + 101 * OS_PAGE, 1));
}

TEST_F(unmap, the_first_and_the_last_block)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, munmap(self->a.base, BLOCK_LEN));
	ASSERT_EQ(0, munmap(self->a.base + 7 * BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(0, pages_wrong(self->a.base + BLOCK_LEN, 6 * BLOCK_LEN,
				 1));
	EXPECT_EQ(6, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
}

TEST_F(unmap, everything_leaves_nothing_resident)
{
	long long before = stat_read("Resident");

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, munmap(self->a.base, self->a.size));
	EXPECT_EQ(before, stat_read("Resident"));
	self->a.base = NULL;
	close(self->a.fd);
}

TEST_F(unmap, a_small_mapping_shows_only_itself)
{
	int fd = arena_create(4 * BLOCK_LEN);
	char *p;

	ASSERT_LE(0, fd);
	p = mmap(NULL, OS_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ASSERT_NE(MAP_FAILED, p);
	byte_write(p, 1);
	EXPECT_EQ(0, smaps_pmd_mapped(p));
	/* a PMD behind a 4 KiB mapping would make the next page readable */
	EXPECT_EQ(1, maps_count(p, OS_PAGE));
	if (!maps_count(p + OS_PAGE, OS_PAGE)) {
		EXPECT_EQ(SIGSEGV, byte_read_signal(p + OS_PAGE));
	}
	EXPECT_EQ(0, munmap(p, OS_PAGE));
	close(fd);
}

TEST_HARNESS_MAIN
