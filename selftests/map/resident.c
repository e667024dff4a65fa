// SPDX-License-Identifier: GPL-2.0-only
/* Memory of an arena is counted where an operator looks for it. */
#include "harness.h"

#define BLOCKS	8
#define KB	(BLOCKS * BLOCK_LEN / 1024)

ARENA_FIXTURE(resident, BLOCKS)

TEST_F(resident, in_vm_rss)
{
	long long before = status_read("VmRSS");

	pages_fill(self->a.base, self->a.size, 1);
	/* the test's own pages change too, by far less than a block */
	EXPECT_LE(before + KB - 512, status_read("VmRSS"));
	EXPECT_GE(before + KB + 512, status_read("VmRSS"));
}

TEST_F(resident, in_vm_rss_until_unmapped)
{
	long long before = status_read("VmRSS");

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, munmap(self->a.base, self->a.size));
	EXPECT_GE(before + 512, status_read("VmRSS"));
	self->a.base = NULL;
	close(self->a.fd);
}

TEST_F(resident, in_smaps)
{
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(KB, smaps_read(self->a.base, "Rss"));
	EXPECT_EQ(KB, smaps_read(self->a.base, "Pss"));
}

TEST_F(resident, in_the_arenas_own_numbers)
{
	struct hugearena_stat st;
	struct arena_line line;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(self->a.size, st.resident);
	EXPECT_EQ(BLOCKS, st.blocks);
	EXPECT_EQ(0, st.split);
	ASSERT_EQ(0, arena_line_read(st.id, &line));
	EXPECT_EQ(KB, line.resident_kb);
}

TEST_F(resident, only_what_was_touched)
{
	struct hugearena_stat st;

	byte_write(self->a.base, 1);
	byte_write(self->a.base + 5 * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(2 * BLOCK_LEN, st.resident);
	EXPECT_EQ(2 * BLOCK_LEN / 1024, smaps_read(self->a.base, "Rss"));
}

TEST_F(resident, a_read_takes_memory_too)
{
	struct hugearena_stat st;

	EXPECT_EQ(0, byte_read(self->a.base));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(BLOCK_LEN, st.resident);
}

TEST_HARNESS_MAIN
