// SPDX-License-Identifier: GPL-2.0-only
/* max_mb: how much the arenas of all users may hold together. */
#include "harness.h"
#include "filler.h"

#define SOMEBODY	54321

FIXTURE(total) {
	int dev;
	long long held_mb;
};

FIXTURE_SETUP(total)
{
	ASSERT_EQ(0, params_reset());
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	self->held_mb = stat_read("Resident") / 1024;
	ASSERT_LE(0, self->held_mb);
	ASSERT_EQ(0, param_write("max_mb", self->held_mb + 8));
}

FIXTURE_TEARDOWN(total)
{
	params_reset();
	close(self->dev);
}

TEST_F(total, past_it_is_sigbus)
{
	struct filler w = { .dev = self->dev, .uid = SOMEBODY };

	EXPECT_EQ(4, child_run(fill, &w));
}

TEST_F(total, covers_all_users)
{
	struct filler w = { .dev = self->dev, .uid = SOMEBODY };
	struct filler other = { .dev = self->dev, .uid = SOMEBODY + 1 };

	EXPECT_EQ(0, fill_beside(&w, &other));
	EXPECT_EQ(4, w.got);
	EXPECT_EQ(4, child_run(fill, &other));
}

TEST_F(total, cap_sys_resource_exceeds_it)
{
	struct arena a;
	size_t i;

	ASSERT_EQ(0, arena_make(&a, 8));
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, byte_write_signal(a.base + i * BLOCK_LEN, 1));
	arena_drop(&a);
}

TEST_HARNESS_MAIN
