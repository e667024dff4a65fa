// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two ranges that share memory: what each of them reads, and how sharing ends.
 */
#include "objects.h"

#define BLOCKS	4
#define A	0
#define B	(BLOCK_LEN + 6 * OS_PAGE)
#define C	(2 * BLOCK_LEN + 2 * OS_PAGE)
#define D	(100 * OS_PAGE)

FIXTURE(mesh) {
	struct arena a;
};

FIXTURE_SETUP(mesh)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, arena_split(&self->a));
	objects_fill(&self->a, A, 0, 'a');
	objects_fill(&self->a, B, 1, 'b');
	objects_fill(&self->a, C, 2, 'c');
	objects_fill(&self->a, D, 3, 'd');
}

FIXTURE_TEARDOWN(mesh)
{
	arena_drop(&self->a);
}

TEST_F(mesh, each_keeps_its_objects)
{
	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
	/* and a write to one shows in the other */
	EXPECT_EQ(0, objects_wrong(&self->a, A, 1, 'b'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 0, 'a'));
}

TEST_F(mesh, writes_go_to_one_memory)
{
	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	objects_fill(&self->a, B, 1, 'B');
	objects_fill(&self->a, A, 0, 'A');
	EXPECT_EQ(0, objects_wrong(&self->a, A, 1, 'B'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 0, 'A'));
}

/*
 * Four ranges, two of them in one block: each in turn is the one that was
 * meshed.
 */
TEST_F(mesh, four_ranges_one_memory)
{
	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	ASSERT_EQ(0, objects_mesh(&self->a, C, D, 3));
	/* range D uses C's memory: both go, one after the other */
	ASSERT_EQ(0, objects_mesh(&self->a, A, C, 2));
	ASSERT_EQ(0, objects_mesh(&self->a, A, D, 3));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
	EXPECT_EQ(0, objects_wrong(&self->a, C, 2, 'c'));
	EXPECT_EQ(0, objects_wrong(&self->a, D, 3, 'd'));
	EXPECT_EQ(3 * RANGE_LEN, stat_of(&self->a).meshed);
	objects_fill(&self->a, D, 3, 'D');
	EXPECT_EQ(0, objects_wrong(&self->a, B, 3, 'D'));
}

TEST_F(mesh, what_is_not_in_pages_is_refused)
{
	struct arena b;

	ASSERT_EQ(0, arena_make(&b, 2));
	pages_fill(b.base, BLOCK_LEN, 1);
	EXPECT_EQ(-ENOENT, objects_mesh(&b, A, D, 1));
	EXPECT_EQ(-ENOENT, objects_mesh(&b, A, BLOCK_LEN, 1));
	ASSERT_EQ(0, arena_punch(&b, 0, OS_PAGE));
	EXPECT_EQ(-ENOENT, objects_mesh(&b, A, D, 1));
	EXPECT_EQ(-ENOENT, objects_mesh(&b, D, A, 1));
	arena_drop(&b);
}

TEST_F(mesh, twice_is_refused)
{
	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	EXPECT_EQ(-EEXIST, objects_mesh(&self->a, A, B, 1));
	EXPECT_EQ(-EEXIST, objects_mesh(&self->a, B, A, 0));
}

TEST_F(mesh, release_of_one_leaves_the_other)
{
	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	ASSERT_EQ(0, objects_mesh(&self->a, A, C, 2));
	ASSERT_EQ(0, arena_punch(&self->a, A, RANGE_LEN));
	EXPECT_EQ(0, bytes_other(self->a.base + A, RANGE_LEN, 0));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
	/* a whole block */
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(0, bytes_other(self->a.base + B, RANGE_LEN, 0));
	EXPECT_EQ(0, objects_wrong(&self->a, C, 2, 'c'));
	objects_fill(&self->a, C, 2, 'C');
	EXPECT_EQ(0, objects_wrong(&self->a, C, 2, 'C'));
	EXPECT_EQ(0, stat_of(&self->a).meshed);
}

TEST_F(mesh, join_gives_each_its_own)
{
	struct hugearena_stat st;

	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	objects_fill(&self->a, B, 1, 'B');
	byte_read(self->a.base + A);
	ASSERT_EQ(0, arena_join_wait(&self->a, BLOCK_LEN, BLOCK_LEN));
	st = stat_of(&self->a);
	EXPECT_EQ(1, st.blocks);
	EXPECT_EQ(0, st.meshed);
	EXPECT_EQ(2, st.unmeshed);
	EXPECT_EQ(self->a.size - (BLOCKS - 1) * OS_PAGE, st.resident);
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'B'));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
	objects_fill(&self->a, B, 0, 'x');
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
}

/*
 * When upkeep has joined a full block of another arena, it has seen ours, too.
 */
TEST_F(mesh, upkeep_leaves_it)
{
	struct arena b;
	size_t i;

	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	ASSERT_EQ(0, arena_make(&b, 1));
	pages_fill(b.base, b.size, 1);
	/* twice, in case the other arena came first */
	for (i = 0; i < 2; i++) {
		byte_write(self->a.base + BLOCK_LEN - 1, 1);
		byte_write(self->a.base + 2 * BLOCK_LEN - 1, 1);
		ASSERT_EQ(0, arena_punch(&b, 0, OS_PAGE));
		byte_write(b.base, 1);
		EXPECT_EQ(1, wait_for(arena_count(&b, HUGEARENA_BLOCK_WHOLE),
				      1));
	}
	EXPECT_EQ(RANGE_LEN, stat_of(&self->a).meshed);
	EXPECT_EQ(0, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	arena_drop(&b);
}

/* Bytes that no move names keep the content of the range that stays. */
TEST_F(mesh, only_what_is_named_moves)
{
	struct hugearena_move moves[] = {
		{ OS_PAGE - 10, 20 }, { 0, 1 }, { RANGE_LEN - 1, 1 },
	};
	char *dst = self->a.base + A;

	memset(dst, 1, RANGE_LEN);
	memset(self->a.base + B, 2, RANGE_LEN);
	ASSERT_EQ(0, arena_mesh(&self->a, A, B, RANGE_LEN, moves, 3));
	EXPECT_EQ(22, bytes_other(dst, RANGE_LEN, 1));
	EXPECT_EQ(0, bytes_other(dst + OS_PAGE - 10, 20, 2));
	EXPECT_EQ(2, dst[0]);
	EXPECT_EQ(2, dst[RANGE_LEN - 1]);
}

/* Lost dirty bits are reported as set, and moved bytes count as written. */
TEST_F(mesh, dirty_bits)
{
	__u64 bits[BLOCK_PAGES * BLOCKS / 64];
	struct arena b;

	ASSERT_EQ(0, arena_make_kind(&b, BLOCKS, HUGEARENA_KIND_PAGES, 0));
	ASSERT_EQ(0, arena_split(&b));
	ASSERT_LE(0, arena_dirty(&b, 0, b.size, bits));
	objects_fill(&b, B, 1, 'b');
	ASSERT_EQ(0, objects_mesh(&b, A, B, 1));
	ASSERT_LE(4, arena_dirty(&b, 0, b.size, bits));
	EXPECT_EQ(3, bits[A / OS_PAGE / 64] & 3);
	EXPECT_EQ(3, bits[B / OS_PAGE / 64] >> B / OS_PAGE % 64 & 3);
	EXPECT_EQ(0, arena_dirty(&b, 0, b.size, bits));
	arena_drop(&b);
}

TEST_HARNESS_MAIN
