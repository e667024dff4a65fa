// SPDX-License-Identifier: GPL-2.0-only
/* cgroup_mb: what the arenas of one memory cgroup may hold. */
#include "harness.h"
#include "filler.h"

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

TEST_F(cgroup, past_it_is_sigbus)
{
	struct filler w = { .dev = self->dev, .cg = &self->one, .uid = SOMEBODY };

	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &w));
	/* and all of it can be had again */
	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &w));
}

TEST_F(cgroup, covers_all_users_in_it)
{
	struct filler w = { .dev = self->dev, .cg = &self->one, .uid = SOMEBODY };
	struct filler other = { .dev = self->dev, .cg = &self->one, .uid = SOMEBODY + 1 };

	EXPECT_EQ(0, fill_beside(&w, &other));
	EXPECT_EQ(LIMIT_MB / 2, w.got);
}

TEST_F(cgroup, each_has_its_own)
{
	struct filler w = { .dev = self->dev, .cg = &self->one, .uid = SOMEBODY };
	struct filler other = { .dev = self->dev, .cg = &self->two, .uid = SOMEBODY };

	EXPECT_EQ(LIMIT_MB / 2, fill_beside(&w, &other));
	EXPECT_EQ(LIMIT_MB / 2, w.got);
}

/* A user who may make cgroups below his own gains nothing by that. */
TEST_F(cgroup, children_share_their_parents)
{
	struct memcg left, right;
	struct filler w = { .dev = self->dev, .cg = &left, .uid = SOMEBODY };
	struct filler other = { .dev = self->dev, .cg = &right, .uid = SOMEBODY };

	ASSERT_EQ(0, memcg_make(&left, "quota-one/left"));
	ASSERT_EQ(0, memcg_make(&right, "quota-one/right"));
	EXPECT_EQ(0, fill_beside(&w, &other));
	EXPECT_EQ(LIMIT_MB / 2, w.got);
	EXPECT_EQ(LIMIT_MB / 2, child_run(fill, &other));
	EXPECT_EQ(0, memcg_drop(&left));
	EXPECT_EQ(0, memcg_drop(&right));
}

/* The administrator may set at which depth a group's quota counts. */
TEST_F(cgroup, at_another_level_each_has_its_own)
{
	struct memcg left, right;
	struct filler w = { .dev = self->dev, .cg = &left, .uid = SOMEBODY };
	struct filler other = { .dev = self->dev, .cg = &right, .uid = SOMEBODY };

	ASSERT_EQ(0, param_write("cgroup_level", 2));
	ASSERT_EQ(0, memcg_make(&left, "quota-one/left"));
	ASSERT_EQ(0, memcg_make(&right, "quota-one/right"));
	EXPECT_EQ(LIMIT_MB / 2, fill_beside(&w, &other));
	EXPECT_EQ(LIMIT_MB / 2, w.got);
	EXPECT_EQ(0, memcg_drop(&left));
	EXPECT_EQ(0, memcg_drop(&right));
}

TEST_HARNESS_MAIN
