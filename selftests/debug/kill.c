// SPDX-License-Identifier: GPL-2.0-only
/*
 * kill -9 at random points of a process that does everything at once, with
 * threads and children of its own.  Afterwards nothing of it is left.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "soak.h"

#define BLOCKS	8

static void *busy(void *arg)
{
	struct arena *a = arg;
	__u64 rnd = getpid();

	for (;;) {
		size_t n = 1 + soak_below(&rnd, BLOCK_PAGES);
		size_t first = soak_below(&rnd, BLOCKS * BLOCK_PAGES - n);

		switch (soak_below(&rnd, 5)) {
		case 0:
			arena_punch(a, first * OS_PAGE, n * OS_PAGE);
			break;
		case 1:
			arena_join(a, 0, a->size, NULL);
			break;
		case 2:
			madvise(a->base + first * OS_PAGE, n * OS_PAGE,
				MADV_POPULATE_WRITE);
			break;
		default:
			pages_fill(a->base + first * OS_PAGE, n * OS_PAGE, 1);
		}
	}
	return NULL;
}

static void victim(struct arena *inherited)
{
	struct arena a;
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (arena_make(&a, BLOCKS))
		_exit(1);
	if (pthread_create(&t, NULL, busy, &a) ||
	    pthread_create(&t, NULL, busy, inherited))
		_exit(1);
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pages_fill(a.base, a.size / 4, 2);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

FIXTURE(kill) {
	struct held before;
	struct arena a;
};

/* Where the victim's memory comes from. */
FIXTURE_VARIANT(kill) {
	const char *name;
	int pool_mb;
	int reserve;
};

FIXTURE_VARIANT_ADD(kill, demand) { "kill-demand", 0, 0 };
FIXTURE_VARIANT_ADD(kill, reserve) { "kill-reserve", 0, 8 };
FIXTURE_VARIANT_ADD(kill, pool) { "kill-pool", 64, 0 };

FIXTURE_SETUP(kill)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("pool_target_mb", variant->pool_mb));
	ASSERT_EQ(0, param_write("reserve_max", variant->reserve));
	ASSERT_EQ(0, held_read(&self->before));
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(kill)
{
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	arena_drop(&self->a);
	params_reset();
	EXPECT_EQ(0, held_back_to(&self->before));
}

TEST_F_TIMEOUT(kill, at_random_points, 3600)
{
	unsigned long n = soak_count(334), i, bad = 0;
	__u64 rnd = soak_seed(42);
	struct held mine;
	pid_t pid;

	ASSERT_EQ(0, held_read(&mine));
	for (i = 0; i < n; i++) {
		pid = fork();
		if (!pid)
			victim(&self->a);
		ASSERT_LT(0, pid);
		/* sometimes before it has done anything */
		usleep(soak_below(&rnd, i % 4 ? 60000 : 3000));
		kill(pid, SIGKILL);
		bad += child_wait(pid) != 256 + SIGKILL;
		/* check only now and then, since it takes a moment */
		if (i % 16 == 15 || i == n - 1) {
			struct held now;
			int j;

			for (j = 0; j < 400; j++) {
				held_read(&now);
				if (now.arenas == mine.arenas)
					break;
				usleep(50000);
			}
			bad += now.arenas != mine.arenas;
		}
	}
	soak_report(variant->name, n, i, bad);
	EXPECT_EQ(0, bad);
}

TEST_HARNESS_MAIN
