// SPDX-License-Identifier: GPL-2.0-only
/*
 * Futexes in an arena after fork: a shared futex is found by its page, so
 * parent and child must not meet at one, and pthread_join(), which waits on
 * one, must work in the child.
 */
#include "harness.h"
#include <pthread.h>
#include "futex.h"

ARENA_FIXTURE(inherit, 2)

TEST_F(inherit, a_futex_wakes_its_own_process)
{
	struct futex_waiter w = { .word = (void *)self->a.base };

	*w.word = 0;
	ASSERT_EQ(0, futex_waiter_start(&w));
	EXPECT_EQ(1, futex_wake(w.word));
	pthread_join(w.thread, NULL);
	EXPECT_EQ(0, w.error);
}

/*
 * A child's thread sleeps on the futex while the other side wakes it: the
 * thread must still sleep there, for its own process to wake.
 */
static int child_waits(__u32 *word, int go, int ready, int done, int writes)
{
	struct futex_waiter w = { .word = word };

	gate_wait(go);
	if (writes)
		__atomic_store_n(word, 0, __ATOMIC_RELAXED);
	if (futex_waiter_start(&w))
		return 2;
	gate_post(ready);
	gate_wait(done);
	if (futex_wake(word) != 1)
		return 3;
	pthread_join(w.thread, NULL);
	return w.error ? 4 : 0;
}

FIXTURE(apart) {
	struct arena a;
};

/* What happened to the page after the fork, before anybody waits. */
FIXTURE_VARIANT(apart) {
	int parent_writes, child_writes, parent_releases;
};

FIXTURE_VARIANT_ADD(apart, nobody_wrote) { 0, 0, 0 };
FIXTURE_VARIANT_ADD(apart, parent_wrote) { 1, 0, 0 };
FIXTURE_VARIANT_ADD(apart, child_wrote) { 0, 1, 0 };
FIXTURE_VARIANT_ADD(apart, both_wrote) { 1, 1, 0 };
/* the child is the only user of what was the parent's */
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
	int i, go = gate_open(), ready = gate_open(), done = gate_open();
	long woken = 0;
	pid_t pid;

	__atomic_store_n(word, 0, __ATOMIC_RELAXED);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(child_waits(word, go, ready, done,
				  variant->child_writes));
	if (variant->parent_releases) {
		ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	}
	if (variant->parent_writes)
		__atomic_store_n(word, 0, __ATOMIC_RELAXED);
	gate_post(go);
	gate_wait(ready);
	for (i = 0; i < 100; i++)
		woken += futex_wake(word);
	EXPECT_EQ(0, woken);
	gate_post(done);
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
