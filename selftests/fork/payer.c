// SPDX-License-Identifier: GPL-2.0-only
/*
 * A parent and a child in memory cgroups of their own: the reserve of each is
 * charged to its own group, and what one group paid for does not end up in
 * the reserve of the other.
 */
#include "harness.h"
#include "memcg.h"

#define BLOCKS	32
#define SLACK	((long long)(BLOCK_LEN / 2))

struct groups {
	struct memcg mine;
	struct memcg its;
	int forked;
	int release;
};

FIXTURE(payer) {
	struct groups g;
};

FIXTURE_SETUP(payer)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, memcg_make(&self->g.mine, "payer-mine"));
	ASSERT_EQ(0, memcg_make(&self->g.its, "payer-its"));
	self->g.forked = gate_open();
	self->g.release = gate_open();
}

FIXTURE_TEARDOWN(payer)
{
	EXPECT_EQ(0, memcg_drop(&self->g.its));
	EXPECT_EQ(0, memcg_drop(&self->g.mine));
	params_reset();
}

/*
 * Is what only @a holds, with its reserve, charged to @cg since @before?  A block
 * of the reserve may be given back between two reads: what counts is what was
 * there before and after the charge was read.
 */
static int is_charged(struct arena *a, const struct memcg *cg,
		      long long before)
{
	struct hugearena_stat st, then;
	long long charged;

	if (arena_stat(a, &st))
		return 0;
	charged = memcg_read(cg, "memory.current") - before;
	if (arena_stat(a, &then))
		return 0;
	if (then.reserve < st.reserve)
		st.reserve = then.reserve;
	return charged >=
	       (long long)((st.blocks - st.shared + st.reserve) * BLOCK_LEN) -
	       SLACK;
}

/* The child fills its reserve while the parent has one, too. */
static int child_has_its_own(struct groups *g, struct arena *a, size_t next)
{
	long long before, others;

	if (memcg_enter(&g->its) || param_write("reserve_max", 8))
		return 1;
	before = memcg_read(&g->its, "memory.current");
	others = memcg_read(&g->mine, "memory.current");
	if (!reserve_grow(a, next, 2))
		return 2;
	if (!is_charged(a, &g->its, before))
		return 3;
	/* the parent sleeps: its reserve is full, decays, and nothing is added */
	return memcg_read(&g->mine, "memory.current") < others + SLACK ?
	       0 : 4;
}

static int parent_of_its_own(void *arg)
{
	struct groups *g = arg;
	long long before;
	struct arena a;
	size_t next;
	pid_t pid;
	int ret;

	/* with no more than two blocks the worker is done when they are there */
	if (memcg_enter(&g->mine) || arena_make(&a, BLOCKS) ||
	    param_write("reserve_max", 2))
		return 10;
	before = memcg_read(&g->mine, "memory.current");
	next = reserve_grow(&a, 0, 2);
	if (!next || !is_charged(&a, &g->mine, before))
		return 11;
	pid = child_fork();
	if (pid < 0)
		return 12;
	if (!pid)
		_exit(child_has_its_own(g, &a, next));
	ret = child_wait(pid);
	arena_drop(&a);
	return ret;
}

TEST_F(payer, each_reserve_is_charged_to_its_own_group)
{
	EXPECT_EQ(0, child_run(parent_of_its_own, &self->g));
}

/*
 * The child inherits blocks that its parent paid for, is their only user from
 * then on, and gives them back while its own reserve has room.  They must be
 * freed, since they are charged to another group than the child's.
 */
static int child_releases(struct groups *g, struct arena *a, size_t inherited)
{
	long long before;
	size_t i;

	if (memcg_enter(&g->its) || param_write("reserve_max", 8))
		return 1;
	if (!reserve_grow(a, inherited, 2))
		return 2;
	gate_post(g->forked);
	gate_wait(g->release);
	before = memcg_read(&g->mine, "memory.current");
	/* at once: the reserve is empty now, and wants more */
	for (i = BLOCKS - 8; i < BLOCKS; i++)
		byte_write(a->base + i * BLOCK_LEN, 1);
	if (arena_punch(a, 0, inherited * BLOCK_LEN))
		return 4;
	return memcg_read(&g->mine, "memory.current") <=
	       before - (long long)(inherited * BLOCK_LEN) + SLACK ? 0 : 5;
}

static int parent_leaves(void *arg)
{
	struct groups *g = arg;
	struct arena a;
	pid_t pid;
	size_t i;

	/* without a reserve the group's charge falls by what is released */
	if (memcg_enter(&g->mine) || arena_make(&a, BLOCKS))
		return 10;
	for (i = 0; i < 4; i++)
		byte_write(a.base + i * BLOCK_LEN, 1);
	pid = child_fork();
	if (pid < 0)
		return 11;
	if (!pid)
		_exit(child_releases(g, &a, 4));
	gate_wait(g->forked);
	if (arena_punch(&a, 0, a.size))
		return 12;
	gate_post(g->release);
	return child_wait(pid);
}

TEST_F(payer, what_another_group_paid_for_is_not_kept)
{
	EXPECT_EQ(0, child_run(parent_leaves, &self->g));
}

TEST_HARNESS_MAIN
