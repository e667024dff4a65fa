// SPDX-License-Identifier: GPL-2.0-only
/*
 * Futexes in an arena after fork: a shared futex is found by its page, so
 * parent and child must not meet at one, and pthread_join(), which waits on
 * one, must work in the child.
 */
#include "harness.h"
#include <pthread.h>
#include <sys/syscall.h>
#include <linux/futex.h>

ARENA_FIXTURE(inherit, 2)

struct waiter {
	__u32 *word;
	int woken;
};

static long futex(__u32 *word, int op, __u32 val, struct timespec *timeout)
{
	return syscall(SYS_futex, word, op, val, timeout, NULL, 0);
}

static void *wait_on(void *arg)
{
	struct timespec timeout = { .tv_sec = 2 };
	struct waiter *w = arg;

	w->woken = !futex(w->word, FUTEX_WAIT, 0, &timeout);
	return NULL;
}

/* futex(WAKE) until one waiter was there to be woken; 1 if so. */
static int wake_one(__u32 *word)
{
	int i;

	for (i = 0; i < 1000; i++) {
		if (futex(word, FUTEX_WAKE, 1, NULL) == 1)
			return 1;
		usleep(1000);
	}
	return 0;
}

TEST_F(inherit, a_futex_wakes_its_own_process)
{
	struct waiter w = { .word = (void *)self->a.base };
	pthread_t t;

	*w.word = 0;
	ASSERT_EQ(0, pthread_create(&t, NULL, wait_on, &w));
	EXPECT_EQ(1, wake_one(w.word));
	pthread_join(t, NULL);
	EXPECT_EQ(1, w.woken);
}

/*
 * A child that sleeps on the futex for two seconds and says whether somebody
 * woke it.
 */
static int child_waits(__u32 *word, int go, int ready, int writes)
{
	struct waiter w = { .word = word };

	gate_wait(go);
	if (writes)
		__atomic_store_n(word, 0, __ATOMIC_RELAXED);
	gate_post(ready);
	wait_on(&w);
	return w.woken;
}

FIXTURE(apart) {
	struct arena a;
};

/* What was done to the page since the fork, before anybody waits. */
FIXTURE_VARIANT(apart) {
	int parent_writes, child_writes, parent_releases;
};

FIXTURE_VARIANT_ADD(apart, nobody_wrote) { 0, 0, 0 };
FIXTURE_VARIANT_ADD(apart, parent_wrote) { 1, 0, 0 };
FIXTURE_VARIANT_ADD(apart, child_wrote) { 0, 1, 0 };
FIXTURE_VARIANT_ADD(apart, both_wrote) { 1, 1, 0 };
/* the child is left alone with what was the parent's */
FIXTURE_VARIANT_ADD(apart, parent_released) { 1, 0, 1 };
FIXTURE_VARIANT_ADD(apart, parent_released_child_wrote) { 1, 1, 1 };

FIXTURE_SETUP(apart)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, 2));
}

FIXTURE_TEARDOWN(apart)
{
	arena_drop(&self->a);
}

TEST_F(apart, a_wake_does_not_cross_fork)
{
	__u32 *word = (void *)(self->a.base + OS_PAGE);
	int i, go = gate_open(), ready = gate_open();
	long woken = 0;
	pid_t pid;

	__atomic_store_n(word, 0, __ATOMIC_RELAXED);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(child_waits(word, go, ready, variant->child_writes));
	if (variant->parent_releases) {
		ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	}
	if (variant->parent_writes)
		__atomic_store_n(word, 0, __ATOMIC_RELAXED);
	gate_post(go);
	gate_wait(ready);
	/* wake all the time the child sleeps */
	for (i = 0; i < 100; i++) {
		woken += futex(word, FUTEX_WAKE, 1, NULL);
		usleep(10000);
	}
	EXPECT_EQ(0, woken);
	EXPECT_EQ(0, child_wait(pid));
}

static void *thread_body(void *arg)
{
	*(int *)arg = 7;
	return arg;
}

/* Threads whose stacks, and so whose thread ids, are in the arena. */
static int join_threads(void *arg)
{
	struct arena *a = arg;
	pthread_attr_t attr;
	pthread_t t;
	int i, value;

	for (i = 0; i < 20; i++) {
		value = 0;
		if (pthread_attr_init(&attr) ||
		    pthread_attr_setstack(&attr, a->base, BLOCK_LEN) ||
		    pthread_create(&t, &attr, thread_body, &value) ||
		    pthread_join(t, NULL))
			return 1;
		pthread_attr_destroy(&attr);
		if (value != 7)
			return 2;
	}
	return 0;
}

TEST_F(inherit, pthread_join_works_on_both_sides)
{
	pid_t pid;

	ASSERT_EQ(0, join_threads(&self->a));
	pid = child_start(join_threads, &self->a);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, join_threads(&self->a));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, join_threads(&self->a));
}

TEST_HARNESS_MAIN
