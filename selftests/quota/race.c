// SPDX-License-Identifier: GPL-2.0-only
/*
 * Eight processes of one user race for a quota: together they get all of it
 * and not one block more.
 */
#include "harness.h"
#include <signal.h>
#include <sys/ioctl.h>

#define SOMEBODY	54321
#define PROCESSES	8
#define ROUNDS		10

struct race {
	int dev;
	int go, full, leave;
	unsigned int stop;
	/* the watcher's: the most it saw, and how often it looked */
	long long most;
	unsigned int looks;
	/* written by all of them, hence atomic */
	unsigned int blocks;
};

FIXTURE(race) {
	struct race *r;
};

FIXTURE_VARIANT(race) {
	const char *param;
	size_t limit_mb;
};

FIXTURE_VARIANT_ADD(race, user) { "user_mb", 50 };
FIXTURE_VARIANT_ADD(race, cgroup) { "cgroup_mb", 50 };
FIXTURE_VARIANT_ADD(race, all) { "max_mb", 50 };

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, stat_read("Resident"));
	ASSERT_EQ(0, param_write(variant->param, variant->limit_mb));
	self->r = mmap(NULL, OS_PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->r);
	self->r->dev = device_open();
	ASSERT_LE(0, self->r->dev);
	self->r->go = gate_open();
	self->r->full = gate_open();
	self->r->leave = gate_open();
}

FIXTURE_TEARDOWN(race)
{
	params_reset();
	munmap(self->r, OS_PAGE);
}

static int racer(void *arg)
{
	struct race *r = arg;
	struct arena a;
	size_t i, n;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, r->dev, 64, HUGEARENA_NODE_LOCAL))
		return 1;
	gate_wait(r->go);
	for (i = 0; i < 64; i++)
		if (byte_write_signal(a.base + i * BLOCK_LEN, 1) == SIGBUS)
			break;
	n = arena_count(&a, HUGEARENA_BLOCK_WHOLE);
	__atomic_fetch_add(&r->blocks, n, __ATOMIC_RELAXED);
	gate_post(r->full);
	gate_wait(r->leave);
	return 0;
}

/* Look at what is held, all the time, until told to stop. */
static int watcher(void *arg)
{
	struct race *r = arg;
	long long seen;

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		seen = stat_read("Resident");
		if (seen < 0)
			return 1;
		if (seen > r->most)
			r->most = seen;
		__atomic_fetch_add(&r->looks, 1, __ATOMIC_RELEASE);
	}
	return 0;
}

/* Wait until a look that began after this call has ended. */
static int watcher_looked(struct race *r)
{
	unsigned int before = __atomic_load_n(&r->looks, __ATOMIC_ACQUIRE);

	return wait_for(__atomic_load_n(&r->looks, __ATOMIC_ACQUIRE) - before >
			1, 1) == 1;
}

TEST_F(race, never_one_block_more)
{
	pid_t pid[PROCESSES], watch;
	int i, round;

	watch = child_start(watcher, self->r);
	ASSERT_LT(0, watch);
	for (round = 0; round < ROUNDS; round++) {
		self->r->blocks = 0;
		for (i = 0; i < PROCESSES; i++) {
			pid[i] = child_start(racer, self->r);
			ASSERT_LT(0, pid[i]);
		}
		for (i = 0; i < PROCESSES; i++)
			gate_post(self->r->go);
		for (i = 0; i < PROCESSES; i++)
			gate_wait(self->r->full);
		EXPECT_EQ(variant->limit_mb / 2, self->r->blocks);
		EXPECT_TRUE(watcher_looked(self->r));
		for (i = 0; i < PROCESSES; i++)
			gate_post(self->r->leave);
		for (i = 0; i < PROCESSES; i++)
			EXPECT_EQ(0, child_wait(pid[i]));
		EXPECT_EQ(0, wait_for(stat_read("Resident"), 0));
	}
	__atomic_store_n(&self->r->stop, 1, __ATOMIC_RELAXED);
	EXPECT_EQ(0, child_wait(watch));
	/* the watcher saw the whole quota used, and never more */
	EXPECT_EQ((long long)variant->limit_mb * 1024, self->r->most);
}

TEST_HARNESS_MAIN
