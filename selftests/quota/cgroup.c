// SPDX-License-Identifier: GPL-2.0-only
/* cgroup_mb: what the arenas of one memory cgroup may hold. */
#include "harness.h"
#include <signal.h>
#include "memcg.h"

#define SOMEBODY	54321
#define LIMIT_MB	6

FIXTURE(cgroup) {
	int dev;
	struct memcg one, two;
};

FIXTURE_SETUP(cgroup)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("cgroup_mb", LIMIT_MB));
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, memcg_make(&self->one, "quota-one"));
	ASSERT_EQ(0, memcg_make(&self->two, "quota-two"));
}

FIXTURE_TEARDOWN(cgroup)
{
	EXPECT_EQ(0, memcg_drop(&self->one));
	EXPECT_EQ(0, memcg_drop(&self->two));
	params_reset();
	close(self->dev);
}

struct who {
	int dev;
	const struct memcg *cg;
	uid_t uid;
	int filled, leave;
};

static int fill(void *arg)
{
	struct who *w = arg;
	struct arena a;
	size_t i;

	if (memcg_enter(w->cg) || user_become(w->uid) ||
	    arena_make_on(&a, w->dev, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	for (i = 0; i < 16; i++)
		if (byte_write_signal(a.base + i * BLOCK_LEN, 1) == SIGBUS)
			break;
	if (w->filled) {
		gate_post(w->filled);
		gate_wait(w->leave);
	}
	return i;
}

TEST_F(cgroup, past_it_is_sigbus)
{
	struct who w = { self->dev, &self->one, SOMEBODY, 0, 0 };

	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &w));
	/* and all of it is there again */
	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &w));
}

TEST_F(cgroup, covers_all_users_in_it)
{
	struct who w = { self->dev, &self->one, SOMEBODY, gate_open(),
			 gate_open() };
	struct who other = { self->dev, &self->one, SOMEBODY + 1, 0, 0 };
	pid_t pid = child_start(fill, &w);

	ASSERT_LT(0, pid);
	gate_wait(w.filled);
	EXPECT_EQ(0, child_run(fill, &other));
	gate_post(w.leave);
	EXPECT_EQ(LIMIT_MB / 2, child_wait(pid));
}

TEST_F(cgroup, each_has_its_own)
{
	struct who w = { self->dev, &self->one, SOMEBODY, gate_open(),
			 gate_open() };
	struct who other = { self->dev, &self->two, SOMEBODY, 0, 0 };
	pid_t pid = child_start(fill, &w);

	ASSERT_LT(0, pid);
	gate_wait(w.filled);
	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &other));
	gate_post(w.leave);
	EXPECT_EQ(LIMIT_MB / 2, child_wait(pid));
}

/* Who may make cgroups below his own gets nothing by it. */
TEST_F(cgroup, children_share_their_parents)
{
	struct memcg left, right;
	struct who w = { self->dev, &left, SOMEBODY, gate_open(),
			 gate_open() };
	struct who other = { self->dev, &right, SOMEBODY, 0, 0 };
	pid_t pid;

	ASSERT_EQ(0, memcg_make(&left, "quota-one/left"));
	ASSERT_EQ(0, memcg_make(&right, "quota-one/right"));
	pid = child_start(fill, &w);
	ASSERT_LT(0, pid);
	gate_wait(w.filled);
	EXPECT_EQ(0, child_run(fill, &other));
	gate_post(w.leave);
	EXPECT_EQ(LIMIT_MB / 2, child_wait(pid));
	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &other));
	EXPECT_EQ(0, memcg_drop(&left));
	EXPECT_EQ(0, memcg_drop(&right));
}

/* The administrator may say how deep the groups that count are. */
TEST_F(cgroup, at_another_level_each_has_its_own)
{
	struct memcg left, right;
	struct who w = { self->dev, &left, SOMEBODY, gate_open(),
			 gate_open() };
	struct who other = { self->dev, &right, SOMEBODY, 0, 0 };
	pid_t pid;

	ASSERT_EQ(0, param_write("cgroup_level", 2));
	ASSERT_EQ(0, memcg_make(&left, "quota-one/left"));
	ASSERT_EQ(0, memcg_make(&right, "quota-one/right"));
	pid = child_start(fill, &w);
	ASSERT_LT(0, pid);
	gate_wait(w.filled);
	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &other));
	gate_post(w.leave);
	EXPECT_EQ(LIMIT_MB / 2, child_wait(pid));
	EXPECT_EQ(0, memcg_drop(&left));
	EXPECT_EQ(0, memcg_drop(&right));
}

TEST_HARNESS_MAIN
