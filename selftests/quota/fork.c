// SPDX-License-Identifier: GPL-2.0-only
/*
 * A process at its quota forks.  It can still write to what it owns: no copy
 * can be made, so its children lose what they shared, and never see wrong data.
 */
#include "harness.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define SOMEBODY	54321
#define LIMIT_MB	8
#define BLOCKS		(LIMIT_MB / 2)

FIXTURE(fork) {
	int dev;
};

FIXTURE_SETUP(fork)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("user_mb", LIMIT_MB));
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(fork)
{
	params_reset();
	close(self->dev);
}

/* How many pages of a block neither hold @seed's pattern nor raise SIGBUS. */
static size_t pages_not_mine(struct arena *a, unsigned int seed)
{
	size_t i, wrong = 0;

	for (i = 0; i < a->size; i += OS_PAGE)
		if (byte_read_signal(a->base + i) != SIGBUS)
			wrong += pages_wrong(a->base + i, OS_PAGE, seed);
	return wrong;
}

/* Fill @a to the quota, less @spare OS pages, as SOMEBODY. */
static int fill(int dev, struct arena *a, size_t spare)
{
	size_t len = BLOCKS * BLOCK_LEN;

	if (user_become(SOMEBODY) ||
	    arena_make_on(a, dev, BLOCKS, HUGEARENA_NODE_LOCAL))
		return -1;
	pages_fill(a->base, len, 1);
	/*
	 * a released page leaves quota for one copy, in whichever block that is
	 * made
	 */
	return spare ? arena_punch(a, len - spare * OS_PAGE, spare * OS_PAGE) :
		       0;
}

/*
 * A child that waits for @go, and exits with 0 if it then sees no wrong page.
 */
static pid_t reader(struct arena *a, int go)
{
	pid_t pid = child_fork();

	if (pid)
		return pid;
	gate_wait(go);
	_exit(pages_not_mine(a, 1) ? 1 : 0);
}

static int parent_writes_all(void *arg)
{
	int go = gate_open();
	struct arena a;
	pid_t pid;

	if (fill(*(int *)arg, &a, 0))
		return 100;
	pid = reader(&a, go);
	pages_fill(a.base, a.size, 2);
	gate_post(go);
	if (child_wait(pid))
		return 101;
	return pages_wrong(a.base, a.size, 2) ? 102 : 0;
}

TEST_F(fork, the_parent_writes_on)
{
	long long lost = stat_read("Lost");

	EXPECT_EQ(0, child_run(parent_writes_all, &self->dev));
	EXPECT_EQ(lost + BLOCKS, stat_read("Lost"));
}

/* Some copies fit; they are dropped when the block is the parent's own. */
static int parent_copies_some(void *arg)
{
	size_t spare = 4, last = (BLOCKS - 1) * BLOCK_LEN;
	int go = gate_open();
	struct arena a;
	pid_t pid;

	if (fill(*(int *)arg, &a, spare))
		return 100;
	a.size = last;	/* the child ignores the block with the hole */
	pid = reader(&a, go);
	pages_fill(a.base, last, 2);
	gate_post(go);
	if (child_wait(pid))
		return 101;
	return pages_wrong(a.base, last, 2) ? 102 : 0;
}

TEST_F(fork, after_copies_that_fitted)
{
	EXPECT_EQ(0, child_run(parent_copies_some, &self->dev));
}

/* Read the page first: the write then finds it mapped read-only. */
static int parent_reads_first(void *arg)
{
	int go = gate_open();
	struct arena a;
	pid_t pid;

	if (fill(*(int *)arg, &a, 4))
		return 100;
	a.size -= BLOCK_LEN;
	pid = reader(&a, go);
	/*
	 * copy a page: from now on the pages of this block are mapped one by
	 * one
	 */
	byte_write(a.base + OS_PAGE - 1, 0);
	if (pages_wrong(a.base + OS_PAGE, BLOCK_LEN - OS_PAGE, 1))
		return 101;
	pages_fill(a.base, a.size, 2);
	gate_post(go);
	if (child_wait(pid))
		return 102;
	return pages_wrong(a.base, a.size, 2) ? 103 : 0;
}

TEST_F(fork, pages_that_were_mapped_for_reading)
{
	EXPECT_EQ(0, child_run(parent_reads_first, &self->dev));
}

/* A child takes nothing from the parent that was there before it. */
static int child_writes(void *arg)
{
	struct arena a;
	pid_t pid;

	if (fill(*(int *)arg, &a, 0))
		return 100;
	pid = child_fork();
	if (!pid)
		_exit(byte_write_signal(a.base, 2) == SIGBUS ? 0 : 1);
	if (child_wait(pid))
		return 101;
	return pages_wrong(a.base, a.size, 1) ? 102 : 0;
}

TEST_F(fork, a_child_takes_nothing)
{
	long long lost = stat_read("Lost");

	EXPECT_EQ(0, child_run(child_writes, &self->dev));
	EXPECT_EQ(lost, stat_read("Lost"));
}

/*
 * A sibling is not a child: it keeps what it has, whatever its sibling needs.
 */
static int brothers(void *arg)
{
	int go = gate_open(), done = gate_open();
	struct arena a;
	pid_t pid, other;

	if (fill(*(int *)arg, &a, 0))
		return 100;
	pid = child_fork();
	if (!pid) {
		gate_wait(go);
		_exit(byte_write_signal(a.base, 2) == SIGBUS ? 0 : 1);
	}
	other = child_fork();
	if (!other) {
		gate_post(go);
		gate_wait(done);
		_exit(pages_wrong(a.base, a.size, 1) ? 1 : 0);
	}
	if (child_wait(pid))
		return 101;
	gate_post(done);
	return child_wait(other) ? 102 : 0;
}

TEST_F(fork, nor_does_a_sibling)
{
	EXPECT_EQ(0, child_run(brothers, &self->dev));
}

struct writer {
	pthread_t thread;
	struct arena *a;
	int stop;
	size_t rounds, wrong;
};

static void *writes_all_the_time(void *arg)
{
	struct writer *w = arg;
	unsigned int n = 1;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		w->wrong += pages_wrong(w->a->base, w->a->size, n);
		pages_fill(w->a->base, w->a->size, ++n);
		__atomic_store_n(&w->rounds, n, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* The write may come at any time, even before the child is ready. */
static int writes_beside_forks(void *arg)
{
	struct writer w = {};
	struct arena a;
	pid_t pid;
	int i;

	if (fill(*(int *)arg, &a, 0))
		return 100;
	w.a = &a;
	if (pthread_create(&w.thread, NULL, writes_all_the_time, &w))
		return 101;
	for (i = 0; i < 60; i++) {
		pid = child_fork();
		if (!pid)
			_exit(0);
		if (pid < 0 || child_wait(pid))
			return 102;
	}
	__atomic_store_n(&w.stop, 1, __ATOMIC_RELAXED);
	pthread_join(w.thread, NULL);
	return w.wrong ? 103 : 0;
}

TEST_F(fork, a_thread_writes_while_another_forks)
{
	EXPECT_EQ(0, child_run(writes_beside_forks, &self->dev));
}

/* The same when a grandchild appears while its grandparent writes. */
static int writes_beside_a_forking_child(void *arg)
{
	int go = gate_open();
	unsigned int n = 1;
	struct arena a;
	pid_t pid;
	int i;

	if (fill(*(int *)arg, &a, 0))
		return 100;
	for (i = 0; i < 20; i++) {
		pid = child_fork();
		if (!pid) {
			gate_post(go);
			pid = child_fork();
			if (!pid)
				_exit(0);
			_exit(pid < 0 || child_wait(pid));
		}
		gate_wait(go);
		pages_fill(a.base, a.size, ++n);
		if (child_wait(pid))
			return 101;
		if (pages_wrong(a.base, a.size, n))
			return 102;
	}
	return 0;
}

TEST_F(fork, a_child_forks_while_its_parent_writes)
{
	EXPECT_EQ(0, child_run(writes_beside_a_forking_child, &self->dev));
}

TEST_HARNESS_MAIN
