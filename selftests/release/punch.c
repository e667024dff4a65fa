// SPDX-License-Identifier: GPL-2.0-only
/*
 * Releasing a range leaves zeroes inside and nothing changed outside, for every
 * way to release and for ranges that do and do not match blocks.
 */
#include "harness.h"

#define BLOCKS	6

FIXTURE(punch) {
	struct arena a;
};

FIXTURE_VARIANT(punch) {
	int (*release)(const struct arena *a, size_t offset, size_t len);
};

static int by_madvise(const struct arena *a, size_t offset, size_t len)
{
	return madvise(a->base + offset, len, MADV_REMOVE);
}

static int by_ioctl(const struct arena *a, size_t offset, size_t len)
{
	struct hugearena_range r = { offset, len };

	return arena_release(a, &r, 1, NULL);
}

FIXTURE_VARIANT_ADD(punch, fallocate) { arena_punch };
FIXTURE_VARIANT_ADD(punch, madvise) { by_madvise };
FIXTURE_VARIANT_ADD(punch, ioctl) { by_ioctl };

FIXTURE_SETUP(punch)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(punch)
{
	arena_drop(&self->a);
}

static size_t release_wrong(const struct arena *a, size_t offset, size_t len)
{
	return bytes_other(a->base + offset, len, 0) +
	       pages_wrong(a->base, offset, 1) +
	       pages_wrong(a->base + offset + len, a->size - offset - len, 1);
}

TEST_F(punch, a_block)
{
	ASSERT_EQ(0, variant->release(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(BLOCKS - 1, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
	EXPECT_EQ(0, release_wrong(&self->a, BLOCK_LEN, BLOCK_LEN));
}

TEST_F(punch, everything)
{
	ASSERT_EQ(0, variant->release(&self->a, 0, self->a.size));
	EXPECT_EQ(0, smaps_read(self->a.base, "Rss"));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 0));
}

TEST_F(punch, a_page_in_a_block)
{
	struct hugearena_block b;

	ASSERT_EQ(0, variant->release(&self->a, BLOCK_LEN + 77 * OS_PAGE,
				      OS_PAGE));
	ASSERT_EQ(0, arena_block(&self->a, 1, &b));
	EXPECT_EQ(HUGEARENA_BLOCK_SPLIT, b.state);
	EXPECT_EQ(BLOCK_PAGES - 1, b.pages);
	EXPECT_EQ(-1, b.node);
	EXPECT_EQ(0, release_wrong(&self->a, BLOCK_LEN + 77 * OS_PAGE,
				   OS_PAGE));
}

TEST_F(punch, the_first_page_of_a_block)
{
	ASSERT_EQ(0, variant->release(&self->a, BLOCK_LEN, OS_PAGE));
	EXPECT_EQ(0, release_wrong(&self->a, BLOCK_LEN, OS_PAGE));
}

TEST_F(punch, the_last_page_of_a_block)
{
	ASSERT_EQ(0, variant->release(&self->a, 2 * BLOCK_LEN - OS_PAGE,
				      OS_PAGE));
	EXPECT_EQ(0, release_wrong(&self->a, 2 * BLOCK_LEN - OS_PAGE,
				   OS_PAGE));
}

TEST_F(punch, from_the_middle_of_a_block_into_another)
{
	size_t offset = BLOCK_LEN + 200 * OS_PAGE;
	size_t len = 3 * BLOCK_LEN + 13 * OS_PAGE;

	ASSERT_EQ(0, variant->release(&self->a, offset, len));
	EXPECT_EQ(2, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
	EXPECT_EQ(2, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	EXPECT_EQ(0, release_wrong(&self->a, offset, len));
}

TEST_F(punch, the_last_live_page_of_a_block)
{
	ASSERT_EQ(0, variant->release(&self->a, BLOCK_LEN, 100 * OS_PAGE));
	ASSERT_EQ(0, variant->release(&self->a, BLOCK_LEN + 100 * OS_PAGE,
				      412 * OS_PAGE));
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
	EXPECT_EQ(0, release_wrong(&self->a, BLOCK_LEN, BLOCK_LEN));
}

TEST_F(punch, the_end_of_the_arena)
{
	size_t offset = self->a.size - 5 * OS_PAGE;

	ASSERT_EQ(0, variant->release(&self->a, offset, 5 * OS_PAGE));
	EXPECT_EQ(0, release_wrong(&self->a, offset, 5 * OS_PAGE));
}

TEST_F(punch, what_was_never_touched)
{
	struct arena b;

	ASSERT_EQ(0, arena_make(&b, 2));
	EXPECT_EQ(0, variant->release(&b, OS_PAGE, BLOCK_LEN));
	EXPECT_EQ(2, arena_count(&b, HUGEARENA_BLOCK_ABSENT));
	EXPECT_EQ(0, bytes_other(b.base, b.size, 0));
	arena_drop(&b);
}

TEST_F(punch, twice_the_same)
{
	ASSERT_EQ(0, variant->release(&self->a, 3 * OS_PAGE, 9 * OS_PAGE));
	ASSERT_EQ(0, variant->release(&self->a, 3 * OS_PAGE, 9 * OS_PAGE));
	EXPECT_EQ(0, release_wrong(&self->a, 3 * OS_PAGE, 9 * OS_PAGE));
}

TEST_F(punch, written_again_afterwards)
{
	ASSERT_EQ(0, variant->release(&self->a, BLOCK_LEN + 9 * OS_PAGE,
				      2 * BLOCK_LEN));
	pages_fill(self->a.base, self->a.size, 2);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_F(punch, in_a_locked_arena)
{
	ASSERT_EQ(0, mlock(self->a.base, self->a.size));
	EXPECT_EQ(0, variant->release(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(0, release_wrong(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(0, munlock(self->a.base, self->a.size));
}

TEST_HARNESS_MAIN
