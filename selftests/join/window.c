// SPDX-License-Identifier: GPL-2.0-only
/*
 * A joined block gets its PMD back by way of a new VMA.  That costs faults in
 * its neighbours, not in the whole heap.
 */
#include "harness.h"
#include <sys/personality.h>
#include <sys/resource.h>

#define WINDOW	32
#define BLOCKS	(3 * WINDOW)

ARENA_FIXTURE(window, BLOCKS)

static long minor_faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

static void touch_all(struct arena *a)
{
	size_t i;

	for (i = 0; i < a->size; i += BLOCK_LEN)
		byte_write(a->base + i + OS_PAGE, 1);
}

/* Split a block, fill it again so that there is a table, and join it. */
static int rejoin(struct arena *a, size_t index)
{
	size_t at = index * BLOCK_LEN, i;

	if (arena_punch(a, at, OS_PAGE))
		return -1;
	for (i = 0; i < BLOCK_LEN; i += OS_PAGE)
		byte_write(a->base + at + i, 2);
	return arena_join_wait(a, at, BLOCK_LEN);
}

TEST_F(window, a_join_costs_its_neighbours)
{
	struct hugearena_block b;
	long before;

	touch_all(&self->a);
	ASSERT_EQ(0, rejoin(&self->a, WINDOW + 8));
	before = minor_faults();
	touch_all(&self->a);
	/* some more for the rest of what this process does */
	EXPECT_GE(WINDOW + 4, minor_faults() - before);
	ASSERT_EQ(0, arena_block(&self->a, WINDOW + 8, &b));
	EXPECT_EQ(HUGEARENA_BLOCK_WHOLE, b.state);
	EXPECT_TRUE(b.flags & HUGEARENA_BLOCK_MAPPED);
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(window, mappings_are_bounded)
{
	int i;

	touch_all(&self->a);
	for (i = 0; i < BLOCKS; i += 4)
		ASSERT_EQ(0, rejoin(&self->a, i));
	EXPECT_GE(BLOCKS / WINDOW, maps_count(self->a.base, self->a.size));
	touch_all(&self->a);
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

/* A personality that makes readable memory executable costs no mapping. */
TEST_F(window, where_reading_implies_execution)
{
	int old = personality(0xffffffff);

	touch_all(&self->a);
	ASSERT_LE(0, personality(old | READ_IMPLIES_EXEC));
	EXPECT_EQ(0, rejoin(&self->a, 3));
	personality(old);
	touch_all(&self->a);
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_HARNESS_MAIN
