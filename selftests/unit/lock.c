// SPDX-License-Identifier: GPL-2.0-only
/* lock: one owner at a time, no waiter forgotten, ranks checked. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/lock.h"

#define THREADS	4
#define ROUNDS	200000

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_CENTRAL);
static struct shim_lock lower = SHIM_LOCK_INIT(SHIM_RANK_PERCPU);
static struct shim_lock same = SHIM_LOCK_INIT(SHIM_RANK_CENTRAL);
static struct shim_lock higher = SHIM_LOCK_INIT(SHIM_RANK_META);
static unsigned long counter, inside;

static void *count(void *arg)
{
	int i;

	for (i = 0; i < ROUNDS; i++) {
		shim_lock_acquire(&lock);
		inside++;
		if (inside != 1)
			*(int *)arg = 1;
		counter++;
		inside--;
		shim_lock_release(&lock);
	}
	return NULL;
}

TEST(one_at_a_time)
{
	pthread_t t[THREADS];
	int bad = 0, i;

	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, count, &bad));
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_join(t[i], NULL));
	EXPECT_EQ((unsigned long)THREADS * ROUNDS, counter);
	EXPECT_EQ(0, bad);
	EXPECT_FALSE(shim_lock_is_held(&lock));
}

static void *wait_for_it(void *arg)
{
	shim_lock_acquire(&lock);
	__atomic_fetch_add((int *)arg, 1, __ATOMIC_RELAXED);
	shim_lock_release(&lock);
	return NULL;
}

TEST(every_sleeper_is_woken)
{
	pthread_t t[THREADS];
	int woken = 0, i;

	shim_lock_acquire(&lock);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, wait_for_it, &woken));
	/* at least one of them has given up spinning */
	while (!(__atomic_load_n(&lock.state, __ATOMIC_RELAXED) &
		 SHIM_LOCK_WAIT))
		usleep(1000);
	EXPECT_EQ(0, __atomic_load_n(&woken, __ATOMIC_RELAXED));
	shim_lock_release(&lock);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_join(t[i], NULL));
	EXPECT_EQ(THREADS, woken);
}

static void *take_after_a_sleep(void *arg)
{
	shim_lock_acquire(&lock);
	*(bool *)arg = __atomic_load_n(&lock.state, __ATOMIC_RELAXED) &
		       SHIM_LOCK_WAIT;
	shim_lock_release(&lock);
	return NULL;
}

/*
 * Who slept cannot know if others sleep: it says so as long as it has the lock.
 * (Whom it forgot would wake up by itself, half a second later.)
 */
TEST(who_slept_wakes_the_next)
{
	bool wakes = false;
	pthread_t t;

	shim_lock_acquire(&lock);
	ASSERT_EQ(0, pthread_create(&t, NULL, take_after_a_sleep,
				    &wakes));
	while (!(__atomic_load_n(&lock.state, __ATOMIC_RELAXED) &
		 SHIM_LOCK_WAIT))
		usleep(1000);
	shim_lock_release(&lock);
	ASSERT_EQ(0, pthread_join(t, NULL));
	EXPECT_TRUE(wakes);
}

static int told;

static void tell(void)
{
	__atomic_fetch_add(&told, 1, __ATOMIC_RELAXED);
}

/* Who waits for long has it told, once, and goes on waiting. */
TEST(long_wait)
{
	pthread_t t;
	int woken = 0;

	shim_lock_watch(tell);
	shim_lock_acquire(&lock);
	ASSERT_EQ(0, pthread_create(&t, NULL, wait_for_it, &woken));
	while (!__atomic_load_n(&told, __ATOMIC_RELAXED))
		usleep(1000);
	EXPECT_EQ(0, __atomic_load_n(&woken, __ATOMIC_RELAXED));
	/* two more sleeps */
	usleep(1500000);
	shim_lock_release(&lock);
	ASSERT_EQ(0, pthread_join(t, NULL));
	EXPECT_EQ(1, woken);
	EXPECT_EQ(1, told);
	shim_lock_watch(NULL);
}

TEST(try)
{
	EXPECT_TRUE(shim_lock_try(&lock));
	EXPECT_TRUE(shim_lock_is_held(&lock));
	EXPECT_FALSE(shim_lock_try(&lock));
	shim_lock_release(&lock);
	EXPECT_TRUE(shim_lock_try(&lock));
	shim_lock_release(&lock);
}

static void *is_it_mine(void *arg)
{
	*(bool *)arg = shim_lock_is_mine(&lock);
	return NULL;
}

TEST(whose_it_is)
{
	bool other = true;
	pthread_t t;

	EXPECT_FALSE(shim_lock_is_mine(&lock));
	shim_lock_acquire(&lock);
	EXPECT_TRUE(shim_lock_is_mine(&lock));
	lock.state |= SHIM_LOCK_WAIT;
	EXPECT_TRUE(shim_lock_is_mine(&lock));
	ASSERT_EQ(0, pthread_create(&t, NULL, is_it_mine, &other));
	ASSERT_EQ(0, pthread_join(t, NULL));
	EXPECT_FALSE(other);
	shim_lock_release(&lock);
	EXPECT_FALSE(shim_lock_is_mine(&lock));
}

TEST(child_of_fork)
{
	int status;
	pid_t pid;

	shim_lock_fork_prepare(&lock);
	lock.state |= SHIM_LOCK_WAIT;	/* in the parent only */
	pid = fork();
	if (!pid) {
		shim_lock_fork_child(&lock);
		if (shim_lock_is_held(&lock))
			_exit(1);
		shim_lock_acquire(&lock);
		shim_lock_release(&lock);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	shim_lock_fork_parent(&lock);
	EXPECT_FALSE(shim_lock_is_held(&lock));
}

/*
 * The lock is held by the thread that a signal interrupts and whose handler
 * forks.
 */
TEST(fork_by_who_holds_it)
{
	int status;
	pid_t pid;

	shim_lock_acquire(&higher);
	shim_lock_fork_prepare(&lock);
	shim_lock_fork_prepare(&higher);
	higher.state |= SHIM_LOCK_WAIT;
	pid = fork();
	if (!pid) {
		shim_lock_fork_child(&higher);
		shim_lock_fork_child(&lock);
		if (!shim_lock_is_mine(&higher) || shim_lock_is_held(&lock) ||
		    higher.state & SHIM_LOCK_WAIT)
			_exit(1);
		shim_lock_release(&higher);
		_exit(shim_lock_is_held(&higher));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	shim_lock_fork_parent(&higher);
	shim_lock_fork_parent(&lock);
	EXPECT_TRUE(shim_lock_is_mine(&higher));
	EXPECT_FALSE(shim_lock_is_held(&lock));
	shim_lock_release(&higher);
	EXPECT_FALSE(shim_lock_is_held(&higher));
}

/* What @body does with the locks aborts. */
#define EXPECT_ABORT(body) do {						\
	pid_t _pid = fork();						\
	int _status;							\
	if (!_pid) {							\
		close(STDERR_FILENO);					\
		body;							\
		_exit(0);						\
	}								\
	ASSERT_EQ(_pid, waitpid(_pid, &_status, 0));			\
	EXPECT_TRUE(WIFSIGNALED(_status));				\
	EXPECT_EQ(SIGABRT, WTERMSIG(_status));				\
} while (0)

TEST(ranks_rise)
{
	shim_lock_acquire(&lower);
	shim_lock_acquire(&lock);
	shim_lock_acquire_nested(&same);
	shim_lock_acquire(&higher);
	shim_lock_release(&higher);
	shim_lock_release(&lower);
	shim_lock_release(&lock);
	shim_lock_release(&same);

	shim_lock_acquire(&lock);
	EXPECT_ABORT(shim_lock_acquire(&lower));
	EXPECT_ABORT(shim_lock_acquire(&same));
	EXPECT_ABORT(shim_lock_release(&lower));
	shim_lock_assert(&lock);
	shim_lock_release(&lock);
	EXPECT_ABORT(shim_lock_assert(&lock));
	EXPECT_ABORT(shim_lock_release(&lock));
}

TEST_HARNESS_MAIN
