// SPDX-License-Identifier: GPL-2.0-only
/* Split blocks become whole again, with the data they had and zero elsewhere. */
#include "harness.h"

#define BLOCKS	6

FIXTURE(join) {
	struct arena a;
	struct hugearena_join j;
};

/* Blocks 1, 2 and 4 are split: each lost pages 10 to 19. */
FIXTURE_SETUP(join)
{
	static const size_t split[] = { 1, 2, 4 };
	size_t i;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(split); i++)
		ASSERT_EQ(0, arena_punch(&self->a, split[i] * BLOCK_LEN +
					 10 * OS_PAGE, 10 * OS_PAGE));
	ASSERT_EQ(3, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
}

FIXTURE_TEARDOWN(join)
{
	arena_drop(&self->a);
}

/* Does the block at @index hold what setup left in it? */
static size_t block_wrong(const struct arena *a, size_t index)
{
	char *p = a->base + index * BLOCK_LEN;

	if (index != 1 && index != 2 && index != 4)
		return pages_wrong(p, BLOCK_LEN, 1);
	return pages_wrong(p, 10 * OS_PAGE, 1) +
	       bytes_other(p + 10 * OS_PAGE, 10 * OS_PAGE, 0) +
	       pages_wrong(p + 20 * OS_PAGE, BLOCK_LEN - 20 * OS_PAGE, 1);
}

static size_t all_wrong(const struct arena *a)
{
	size_t i, wrong = 0;

	for (i = 0; i < BLOCKS; i++)
		wrong += block_wrong(a, i);
	return wrong;
}

TEST_F(join, all)
{
	ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, &self->j));
	EXPECT_EQ(3, self->j.joined);
	EXPECT_EQ(0, self->j.busy);
	EXPECT_EQ(0, self->j.failed);
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(0, all_wrong(&self->a));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(join, only_what_was_asked)
{
	ASSERT_EQ(0, arena_join(&self->a, 2 * BLOCK_LEN, BLOCK_LEN,
				&self->j));
	EXPECT_EQ(1, self->j.joined);
	EXPECT_EQ(2, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	EXPECT_EQ(0, all_wrong(&self->a));
}

TEST_F(join, absent_blocks_stay_absent)
{
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, &self->j));
	EXPECT_EQ(0, self->j.joined);
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
}

TEST_F(join, is_counted)
{
	long long joined = stat_read("Joined"), split = stat_read("Split");
	struct hugearena_stat st;

	ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, &self->j));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(3, st.joined);
	EXPECT_EQ(0, st.split);
	EXPECT_EQ(BLOCKS, st.blocks);
	EXPECT_EQ(self->a.size, st.resident);
	EXPECT_EQ(joined + 3, stat_read("Joined"));
	EXPECT_EQ(split - 3, stat_read("Split"));
}

TEST_F(join, then_release_then_join)
{
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, NULL));
		ASSERT_EQ(BLOCKS, arena_count(&self->a,
					      HUGEARENA_BLOCK_WHOLE));
		EXPECT_EQ(0, all_wrong(&self->a));
		ASSERT_EQ(0, arena_punch(&self->a, 2 * BLOCK_LEN +
					 10 * OS_PAGE, 10 * OS_PAGE));
		ASSERT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	}
}

TEST_F(join, refilled_in_the_background)
{
	size_t i;

	/* the missing pages are written: all 512 live again */
	for (i = 0; i < 10; i++)
		byte_write(self->a.base + BLOCK_LEN + (10 + i) * OS_PAGE, 1);
	EXPECT_EQ(2, wait_for(arena_count(&self->a, HUGEARENA_BLOCK_SPLIT),
			      2));
}

/* Setup gave upkeep work; by now it has long found nothing to do. */
TEST_F(join, refilled_long_after)
{
	ASSERT_EQ(0, upkeep_wait(3));
	ASSERT_EQ(3, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(0, wait_for(arena_count(&self->a, HUGEARENA_BLOCK_SPLIT),
			      0));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(join, in_a_read_only_mapping)
{
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, PROT_READ));
	ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, &self->j));
	EXPECT_EQ(3, self->j.joined);
	EXPECT_EQ(0, all_wrong(&self->a));
}

TEST_HARNESS_MAIN
