// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where no block is available, 4 KiB pages are used: shown by a memory cgroup
 * that has no room for 2 MiB.
 */
#include "harness.h"
#include <signal.h>
#include "memcg.h"

#define BLOCKS	4

FIXTURE(small) {
	struct memcg cg;
};

FIXTURE_SETUP(small)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, memcg_make(&self->cg, "small"));
}

FIXTURE_TEARDOWN(small)
{
	EXPECT_EQ(0, memcg_drop(&self->cg));
}

/*
 * Enter the group, and leave it room for @pages more OS pages than it has now.
 */
static int enter_with_room(const struct memcg *cg, size_t pages)
{
	long long now;

	if (memcg_enter(cg))
		return -1;
	now = memcg_read(cg, "memory.current");
	if (now < 0)
		return -1;
	return memcg_write(cg, "memory.max", now + pages * OS_PAGE);
}

/* 64 pages and their page tables fit, a block does not. */
static int fill_small(void *arg)
{
	struct hugearena_block b;
	struct hugearena_stat st;
	long long failed = stat_read("HugeFailed");
	struct arena a;

	if (arena_make(&a, BLOCKS))
		return 1;
	/* the test itself takes what it needs before the limit is set */
	if (arena_stat(&a, &st) || stat_read("FaultSmall") < 0)
		return 2;
	if (enter_with_room(arg, 300))
		return 3;
	pages_fill(a.base, 64 * OS_PAGE, 1);
	if (pages_wrong(a.base, 64 * OS_PAGE, 1))
		return 4;
	if (bytes_other(a.base + 64 * OS_PAGE, OS_PAGE, 0))
		return 5;
	if (arena_stat(&a, &st) || arena_block(&a, 0, &b))
		return 6;
	if (st.fault_small != 65 || st.fault_demand || st.blocks ||
	    st.split != 1 || st.resident != 65 * OS_PAGE)
		return 7;
	if (b.state != HUGEARENA_BLOCK_SPLIT || b.pages != 65)
		return 8;
	if (stat_read("HugeFailed") <= failed)
		return 9;
	return 0;
}

TEST_F(small, pages_serve_when_a_block_cannot_be_charged)
{
	EXPECT_EQ(0, child_run(fill_small, &self->cg));
}

/*
 * Far past the limit the process is killed; it neither loops nor fails in the
 * kernel.
 */
static int fill_too_much(void *arg)
{
	struct arena a;

	if (arena_make(&a, 16) || enter_with_room(arg, 300))
		return 1;
	pages_fill(a.base, a.size, 1);
	return 2;
}

TEST_F(small, past_the_groups_limit_is_the_oom_killers)
{
	EXPECT_EQ(256 + SIGKILL, child_run(fill_too_much, &self->cg));
	EXPECT_LE(1, memcg_key(&self->cg, "memory.events", "oom_kill"));
}

TEST_F(small, the_dead_leave_nothing)
{
	long long before = stat_read("Resident");

	EXPECT_EQ(256 + SIGKILL, child_run(fill_too_much, &self->cg));
	EXPECT_EQ(before, wait_for(stat_read("Resident"), before));
}

/* Split blocks become whole when there is room again. */
static int join_later(void *arg)
{
	struct hugearena_join j;
	struct arena a;

	if (arena_make(&a, BLOCKS) || enter_with_room(arg, 300))
		return 1;
	pages_fill(a.base, 64 * OS_PAGE, 1);
	if (arena_count(&a, HUGEARENA_BLOCK_SPLIT) != 1)
		return 2;
	if (arena_join(&a, 0, BLOCK_LEN, &j) || j.joined || j.failed != 1)
		return 3;
	if (memcg_write(arg, "memory.max", 64 * MIB))
		return 4;
	if (arena_join(&a, 0, BLOCK_LEN, &j) || j.joined != 1 || j.failed)
		return 5;
	if (pages_wrong(a.base, 64 * OS_PAGE, 1) ||
	    bytes_other(a.base + 64 * OS_PAGE, BLOCK_LEN - 64 * OS_PAGE, 0))
		return 6;
	return arena_mapped(&a) == 1 ? 0 : 7;
}

TEST_F(small, joined_when_there_is_room)
{
	EXPECT_EQ(0, child_run(join_later, &self->cg));
}

TEST_HARNESS_MAIN
