// SPDX-License-Identifier: GPL-2.0-only
/* max_mb: what all arenas may hold together, whoever owns them. */
#include "harness.h"
#include <signal.h>

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

struct who {
	int dev;
	uid_t uid;
	int filled, leave;
};

static int fill(void *arg)
{
	struct who *w = arg;
	struct arena a;
	size_t i;

	if (user_become(w->uid) ||
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

TEST_F(total, past_it_is_sigbus)
{
	struct who w = { .dev = self->dev, .uid = SOMEBODY };

	EXPECT_EQ(4, child_run(fill, &w));
}

TEST_F(total, covers_all_users)
{
	struct who w = {
		.dev = self->dev,
		.uid = SOMEBODY,
		.filled = gate_open(),
		.leave = gate_open(),
	};
	struct who other = { .dev = self->dev, .uid = SOMEBODY + 1 };
	pid_t pid = child_start(fill, &w);

	ASSERT_LT(0, pid);
	gate_wait(w.filled);
	EXPECT_EQ(0, child_run(fill, &other));
	gate_post(w.leave);
	EXPECT_EQ(4, child_wait(pid));
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
