// SPDX-License-Identifier: GPL-2.0-only
/*
 * What threads that allocate do for a mark that goes on beside them.
 *
 * The collector's thread waits in its event, with all marked that it knows of.
 * What the program's barriers have shaded meanwhile is in the program's queue, and
 * leads to much: who allocates now marks it, as nobody else does.
 */
#include "edges.h"

#define MIB	((size_t)1 << 20)
#define CHAIN	2000u		/* 100 of them: 3 MiB */
#define BIG	1000u		/* of 8 KiB, 8 MiB */

static void *big[BIG];

static struct shim_gc_stat stat_now(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st;
}

static __attribute__((noinline)) void make_big(void)
{
	unsigned int i;

	for (i = 0; i < BIG; i++)
		big[i] = shim_gc_alloc(8192);
}

static void nothing(bool arg)
{
	(void)arg;
}

FIXTURE(assist) {
};

FIXTURE_VARIANT(assist) {
	unsigned int mode;
};

FIXTURE_VARIANT_ADD(assist, hybrid) {
	.mode = SHIM_GC_HYBRID,
};

FIXTURE_VARIANT_ADD(assist, deletion) {
	.mode = SHIM_GC_DELETION,
};

FIXTURE_VARIANT_ADD(assist, insertion) {
	.mode = SHIM_GC_INSERTION,
};

/*
 * One collection, from which the pacer expects 11 MiB of work in the next; and no
 * other than these two, which would be under way at a time of its own.
 */
FIXTURE_SETUP(assist)
{
	ASSERT_EQ(0, init(variant->mode));
	shim_gc_disable();
	prepare();
	make_chains(CHAIN);
	make_big();
	ASSERT_EQ(0, run_cycle(nothing, false));
	ASSERT_LE(8 * MIB, stat_now().goal);
}

FIXTURE_TEARDOWN(assist)
{
}

static void move(bool arg)
{
	(void)arg;
	move_edges(true);
}

static uint64_t allocated, assisted;

/*
 * Less than twice the goal, where the thread would wait for the collector's.  What
 * is left may be too much for one stop: all is then marked a second time, and the
 * collector's thread does not wait for us there.
 */
static void allocate(bool arg)
{
	struct shim_gc_stat before = stat_now(), st;

	(void)arg;
	hold = 1u << SHIM_GC_EVENT_MARK;
	do {
		if (!shim_gc_alloc_data(3000))
			return;
		st = stat_now();
	} while (st.since < before.since + 2 * MIB && st.since < st.goal);
	allocated = st.since - before.since;
	assisted = st.assisted - before.assisted;
}

/* How many objects of the chains behind A are left. */
static unsigned int count_chains(void)
{
	unsigned int i, whole = 0;
	struct node *n;

	for (i = 0; i < SOME; i++)
		for (n = root_a[i]->next; n; n = n->next)
			whole += shim_gc_base(n) == n && n->check == CHECK;
	return whole;
}

/*
 * The collector has next to nothing to do: with a goal of some 11 MiB, what was
 * expected is owed byte for byte.
 */
TEST_F(assist, what_is_allocated_is_paid)
{
	memset(big, 0, sizeof(big));
	ASSERT_EQ(0, run_cycle_twice(move, allocate));
	TH_LOG("%lu bytes allocated, %lu marked", (unsigned long)allocated,
	       (unsigned long)assisted);
	EXPECT_LE(2 * MIB, allocated);
	EXPECT_LE(allocated / 2, assisted);
	EXPECT_EQ(SOME * (CHAIN + 1), count_chains());
	EXPECT_EQ(0, shim_gc_verify());
}

/* It has marked 8 MiB, which is more than the program owes by now. */
TEST_F(assist, the_collector_pays_first)
{
	ASSERT_EQ(0, run_cycle_twice(move, allocate));
	EXPECT_LE(2 * MIB, allocated);
	EXPECT_EQ(0, assisted);
	EXPECT_EQ(SOME * (CHAIN + 1), count_chains());
	EXPECT_EQ(0, shim_gc_verify());
}

TEST_HARNESS_MAIN
