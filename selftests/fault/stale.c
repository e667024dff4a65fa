// SPDX-License-Identifier: GPL-2.0-only
/*
 * No process ever reads what another one wrote.  Memory is filled with a
 * pattern and released in every way there is; then all memory that can be
 * allocated is read.  Says most on a kernel booted with init_on_alloc=0
 * page_poison=1, where the page allocator clears nothing.
 */
#include "harness.h"

#define BLOCKS	16
#define ROUNDS	2

FIXTURE(stale) {
	struct arena a;
};

FIXTURE_VARIANT(stale) {
	int pool_mb;
	int reserve;
};

FIXTURE_VARIANT_ADD(stale, from_demand) { 0, 0 };
FIXTURE_VARIANT_ADD(stale, from_pool) { 16, 0 };
FIXTURE_VARIANT_ADD(stale, from_reserve) { 0, 4 };
FIXTURE_VARIANT_ADD(stale, from_all) { 8, 4 };

FIXTURE_SETUP(stale)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("pool_target_mb", variant->pool_mb));
	ASSERT_EQ(0, param_write("reserve_max", variant->reserve));
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
}

FIXTURE_TEARDOWN(stale)
{
	arena_drop(&self->a);
	params_reset();
}

/* Write all bytes of the arena, after checking that all were zero. */
static size_t dirty_all(struct arena *a)
{
	size_t i, stale = 0;

	for (i = 0; i < BLOCKS; i++) {
		char *p = a->base + i * BLOCK_LEN;

		stale += bytes_other(p, BLOCK_LEN, 0);
		memset(p, 0xa5, BLOCK_LEN);
	}
	return stale;
}

TEST_F(stale, after_punch)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, dirty_all(&self->a));
		ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	}
	EXPECT_EQ(0, dirty_all(&self->a));
}

TEST_F(stale, after_pages_were_punched)
{
	size_t i, len = 7 * OS_PAGE, stale = 0;

	EXPECT_EQ(0, dirty_all(&self->a));
	for (i = 0; i + len < self->a.size; i += 61 * OS_PAGE)
		ASSERT_EQ(0, arena_punch(&self->a, i, len));
	for (i = 0; i + len < self->a.size; i += 61 * OS_PAGE)
		stale += bytes_other(self->a.base + i, len, 0);
	EXPECT_EQ(0, stale);
}

TEST_F(stale, after_pages_were_punched_and_joined)
{
	size_t i, len = 7 * OS_PAGE, stale = 0;

	EXPECT_EQ(0, dirty_all(&self->a));
	for (i = 0; i + len < self->a.size; i += 61 * OS_PAGE)
		ASSERT_EQ(0, arena_punch(&self->a, i, len));
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, self->a.size));
	for (i = 0; i + len < self->a.size; i += 61 * OS_PAGE)
		stale += bytes_other(self->a.base + i, len, 0);
	EXPECT_EQ(0, stale);
}

TEST_F(stale, after_the_arena_was_closed)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, dirty_all(&self->a));
		arena_drop(&self->a);
		ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	}
	EXPECT_EQ(0, dirty_all(&self->a));
}

static int dirty_child(void *arg)
{
	memset(((struct arena *)arg)->base, 0x5a, BLOCKS * BLOCK_LEN);
	return 0;
}

TEST_F(stale, after_a_child_wrote_its_copy)
{
	EXPECT_EQ(0, dirty_all(&self->a));
	EXPECT_EQ(0, child_run(dirty_child, &self->a));
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	EXPECT_EQ(0, dirty_all(&self->a));
}

TEST_HARNESS_MAIN
