// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which memory cgroup is charged: the arena's, for everything but pool blocks.
 */
#include "harness.h"
#include <signal.h>
#include <stdbool.h>
#include <sys/uio.h>
#include "memcg.h"

#define BLOCKS	16

FIXTURE(charge) {
	struct memcg cg;
};

FIXTURE_SETUP(charge)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, memcg_make(&self->cg, "charge"));
}

FIXTURE_TEARDOWN(charge)
{
	EXPECT_EQ(0, memcg_drop(&self->cg));
	params_reset();
}

#define SIZE	((long long)(BLOCKS * BLOCK_LEN))
#define SLACK	((long long)(BLOCK_LEN / 2))

/* How far memory.current rises when the arena is filled. */
static int rises_by_fill(void *arg)
{
	struct memcg *cg = arg;
	long long before, after;
	struct arena a;

	if (memcg_enter(cg) || arena_make(&a, BLOCKS))
		return 1;
	before = memcg_read(cg, "memory.current");
	pages_fill(a.base, a.size, 1);
	after = memcg_read(cg, "memory.current");
	if (after - before < SIZE - SLACK)
		return 2;
	if (after - before > SIZE + SLACK)
		return 3;
	if (arena_punch(&a, 0, a.size))
		return 4;
	return wait_for(memcg_read(cg, "memory.current") < before + SLACK, 1) ?
	       0 : 5;
}

TEST_F(charge, demand_is_charged_and_given_back)
{
	EXPECT_EQ(0, child_run(rises_by_fill, &self->cg));
}

/* How large the reserve is, beside the blocks that were touched. */
static int rises_by_reserve(void *arg)
{
	struct memcg *cg = arg;
	struct hugearena_stat st, then;
	long long before, rise;
	struct arena a;

	if (memcg_enter(cg) || arena_make(&a, BLOCKS))
		return 1;
	before = memcg_read(cg, "memory.current");
	if (!reserve_grow(&a, 0, 2) || arena_stat(&a, &st))
		return 3;
	rise = memcg_read(cg, "memory.current") - before;
	if (arena_stat(&a, &then))
		return 3;
	/* a block may be added or given back between two reads */
	if (then.reserve < st.reserve)
		st.reserve = then.reserve;
	return rise >= (long long)(st.resident + st.reserve * BLOCK_LEN) -
		       SLACK ? 0 : 4;
}

TEST_F(charge, the_reserve_is_charged_to_the_arenas_group)
{
	ASSERT_EQ(0, param_write("reserve_max", 8));
	EXPECT_EQ(0, child_run(rises_by_reserve, &self->cg));
}

/* Pool blocks belong to the administrator, like hugetlb's. */
static int rises_not_by_pool(void *arg)
{
	struct memcg *cg = arg;
	struct hugearena_stat st;
	long long before, after;
	struct arena a;

	if (memcg_enter(cg) || arena_make(&a, BLOCKS))
		return 1;
	before = memcg_read(cg, "memory.current");
	pages_fill(a.base, a.size, 1);
	after = memcg_read(cg, "memory.current");
	if (arena_stat(&a, &st) || st.fault_pool != BLOCKS)
		return 2;
	return after - before < SLACK ? 0 : 3;
}

TEST_F(charge, the_pool_is_not_charged)
{
	ASSERT_EQ(0, pool_fill(2 * BLOCKS));
	EXPECT_EQ(0, child_run(rises_not_by_pool, &self->cg));
}

/*
 * A worker joins what the service has refilled, and the service pays: as much as
 * for the blocks that it had first.  In between it also pays for what the worker
 * has in hand.
 */
static int falls_by_join(void *arg)
{
	struct memcg *cg = arg;
	long long before, after;
	struct arena a;
	size_t i;

	if (memcg_enter(cg) || arena_make(&a, BLOCKS))
		return 1;
	pages_fill(a.base, a.size, 1);
	before = memcg_read(cg, "memory.current");
	for (i = 0; i < BLOCKS; i++)
		if (arena_punch(&a, i * BLOCK_LEN, 16 * OS_PAGE))
			return 2;
	pages_fill(a.base, a.size, 1);
	if (wait_for(arena_count(&a, HUGEARENA_BLOCK_WHOLE), BLOCKS) != BLOCKS)
		return 3;
	after = memcg_read(cg, "memory.current");
	return before - after < SIZE / 2 ? 0 : 4;
}

TEST_F(charge, joined_blocks_stay_charged)
{
	ASSERT_EQ(0, param_write("reserve_max", 0));
	EXPECT_EQ(0, child_run(falls_by_join, &self->cg));
}

static int fill_past_limit(void *arg)
{
	struct arena a;

	if (memcg_enter(arg) || arena_make(&a, 64))
		return 1;
	if (memcg_write(arg, "memory.max", 32 * MIB))
		return 2;
	pages_fill(a.base, a.size, 1);
	return 3;
}

TEST_F(charge, memory_max_is_kept)
{
	int i;

	for (i = 0; i < 5; i++) {
		EXPECT_EQ(256 + SIGKILL, child_run(fill_past_limit,
						   &self->cg));
		EXPECT_EQ(0, wait_for(stat_read("Resident"), 0));
	}
	EXPECT_LE(5, memcg_key(&self->cg, "memory.events", "oom_kill"));
}

/*
 * Makes an arena in the group, says where it is, and waits until it was read.
 */
struct target {
	struct memcg *cg;
	int ready, go;
	/* the same in the process that asks, which was forked from it */
	char *base;
};

static int is_written_to(void *arg)
{
	struct target *t = arg;
	struct arena a = { .size = BLOCKS * BLOCK_LEN };

	if (memcg_enter(t->cg))
		return 1;
	a.fd = arena_create(a.size);
	if (mmap(t->base, a.size, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, a.fd, 0) != t->base)
		return 2;
	gate_post(t->ready);
	gate_wait(t->go);
	return byte_read(t->base + BLOCK_LEN) == 'x' ? 0 : 3;
}

/*
 * process_vm_writev() faults in memory of another process, not of the writer.
 */
TEST_F(charge, a_remote_fault_is_paid_by_whose_memory_it_is)
{
	struct target t = {
		.cg = &self->cg,
		.ready = gate_open(),
		.go = gate_open(),
	};
	struct iovec from, to;
	long long before;
	pid_t pid;
	int i;

	t.base = mmap(NULL, BLOCKS * BLOCK_LEN + BLOCK_LEN, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, t.base);
	t.base += BLOCK_LEN - (unsigned long)t.base % BLOCK_LEN;
	pid = child_start(is_written_to, &t);
	ASSERT_LT(0, pid);
	gate_wait(t.ready);
	before = memcg_read(&self->cg, "memory.current");
	for (i = 0; i < BLOCKS; i++) {
		from = (struct iovec){ "x", 1 };
		to = (struct iovec){ t.base + i * BLOCK_LEN, 1 };
		ASSERT_EQ(1, process_vm_writev(pid, &from, 1, &to, 1, 0));
	}
	EXPECT_LT(before + SIZE - SLACK,
		  memcg_read(&self->cg, "memory.current"));
	gate_post(t.go);
	EXPECT_EQ(0, child_wait(pid));
}

/*
 * The reserve is no way around the limit either, nor may it get the group
 * killed.  The group may use 12 MiB and 8 are in blocks, so that a reserve of
 * 16 blocks has hit the limit when the group's events say so.
 */
static int reserve_at_limit(void *arg)
{
	struct hugearena_stat st;
	bool kept = false;
	long long max;
	struct arena a;
	size_t i;

	if (memcg_enter(arg) || arena_make(&a, 16))
		return 1;
	max = memcg_read(arg, "memory.current") + 12 * MIB;
	if (memcg_write(arg, "memory.max", max))
		return 2;
	for (i = 0; i < 600; i++) {
		/* four blocks again: the reserve would be as large as that */
		if (arena_punch(&a, 0, a.size))
			return 3;
		pages_fill(a.base, 4 * BLOCK_LEN, 1);
		if (arena_stat(&a, &st))
			return 4;
		kept = kept || st.reserve;
		if (kept && memcg_key(arg, "memory.events", "max") > 0)
			break;
		usleep(100000);
	}
	if (i == 600)
		return 5;
	if (memcg_read(arg, "memory.current") > max)
		return 6;
	return memcg_key(arg, "memory.events", "oom_kill") ? 7 : 0;
}

TEST_F(charge, the_reserve_never_calls_the_oom_killer)
{
	ASSERT_EQ(0, param_write("reserve_max", 16));
	EXPECT_EQ(0, child_run(reserve_at_limit, &self->cg));
}

/*
 * When a part of a block is released, the rest is copied into small pages.
 * Where there is no room for these, the memory stays, and no process is killed
 * for giving some back.
 */
static int release_at_limit(void *arg)
{
	long long limit;
	struct arena a;
	size_t at;

	if (memcg_enter(arg) || arena_make(&a, 4))
		return 1;
	pages_fill(a.base, a.size, 1);
	limit = memcg_read(arg, "memory.current") + 64 * 1024;
	if (memcg_write(arg, "memory.max", limit))
		return 2;
	for (at = 0; at < a.size; at += BLOCK_LEN) {
		arena_punch(&a, at, BLOCK_LEN / 2);
		if (pages_wrong(a.base + at + BLOCK_LEN / 2, BLOCK_LEN / 2, 1))
			return 3;
	}
	return memcg_key(arg, "memory.events", "max") > 0 ? 0 : 4;
}

TEST_F(charge, release_at_the_limit_kills_nobody)
{
	ASSERT_EQ(0, param_write("reserve_max", 0));
	EXPECT_EQ(0, child_run(release_at_limit, &self->cg));
	EXPECT_EQ(0, memcg_key(&self->cg, "memory.events", "oom_kill"));
}

/*
 * What the reserve pays for is given back before anybody is killed for a page.
 * Half of the first block is small pages that are not there; the group has room
 * for 16 of these 256, and a reserve of two blocks, each of 512 pages.  As it may
 * have no more than two, it does not grow while the limit is set.
 */
static int pages_at_limit(void *arg)
{
	struct hugearena_stat st;
	long long limit;
	struct arena a;

	if (memcg_enter(arg) || arena_make(&a, BLOCKS))
		return 1;
	pages_fill(a.base, BLOCK_LEN, 1);
	if (arena_punch(&a, 0, BLOCK_LEN / 2) || !reserve_grow(&a, 1, 2))
		return 2;
	limit = memcg_read(arg, "memory.current") + 64 * 1024;
	if (memcg_write(arg, "memory.max", limit))
		return 3;
	pages_fill(a.base, BLOCK_LEN / 2, 2);
	if (pages_wrong(a.base, BLOCK_LEN / 2, 2))
		return 4;
	if (memcg_read(arg, "memory.current") > limit)
		return 5;
	return arena_stat(&a, &st) || st.reserve >= 2 ? 6 : 0;
}

TEST_F(charge, the_reserve_goes_before_anybody_is_killed)
{
	ASSERT_EQ(0, param_write("reserve_max", 2));
	EXPECT_EQ(0, child_run(pages_at_limit, &self->cg));
	EXPECT_EQ(0, memcg_key(&self->cg, "memory.events", "oom_kill"));
}

TEST_HARNESS_MAIN
