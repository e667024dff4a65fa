// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever sleeps at a robust mutex in memory that is meshed is woken.  glibc's
 * robust mutexes are shared futexes, which are known by their pages, even where no
 * other process sees them.
 */
#define _GNU_SOURCE
#include "objects.h"
#include <errno.h>
#include <pthread.h>
#include "futex.h"
#include "report.h"

#define BLOCKS	2
#define A	0
#define B	(BLOCK_LEN + 6 * OS_PAGE)

FIXTURE(robust) {
	struct arena a;
	pthread_mutex_t *mutex;
	pthread_t thread;
	pid_t tid;
	int error;
};

static pthread_mutex_t *mutex_make(void *at)
{
	pthread_mutexattr_t attr;

	if (pthread_mutexattr_init(&attr) ||
	    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST) ||
	    pthread_mutex_init(at, &attr))
		return NULL;
	return at;
}

FIXTURE_SETUP(robust)
{
	ASSERT_GE(OBJECT_LEN, sizeof(pthread_mutex_t));
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, arena_split(&self->a));
	objects_fill(&self->a, A, 0, 'a');
	self->mutex = mutex_make(object_at(&self->a, B, 1, 3));
	ASSERT_NE(NULL, self->mutex);
}

FIXTURE_TEARDOWN(robust)
{
	arena_drop(&self->a);
}

static void *locks(void *arg)
{
	FIXTURE_DATA(robust) * self = arg;

	__atomic_store_n(&self->tid, gettid(), __ATOMIC_RELEASE);
	self->error = pthread_mutex_lock(self->mutex);
	if (!self->error)
		pthread_mutex_unlock(self->mutex);
	return NULL;
}

TEST_F(robust, a_sleeper_is_not_moved_away)
{
	ASSERT_EQ(0, pthread_mutex_lock(self->mutex));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, locks, self));
	ASSERT_EQ(1, wait_for(futex_asleep(&self->tid, self->mutex), 1));
	/* where it were, unlocking would wake nobody */
	ASSERT_EQ(-EBUSY, objects_mesh(&self->a, A, B, 1));
	ASSERT_EQ(0, pthread_mutex_unlock(self->mutex));
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	EXPECT_EQ(0, self->error);
	EXPECT_EQ(0, objects_mesh(&self->a, A, B, 1));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
}

static void *stays(void *arg)
{
	pause();
	return arg;
}

/* One that is locked, and that nobody waits for, works at its new place. */
TEST_F(robust, it_moves_with_its_owner)
{
	/* a second thread, so that the lists are looked at */
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, stays, NULL));
	ASSERT_EQ(0, pthread_mutex_lock(self->mutex));
	EXPECT_EQ(0, objects_mesh(&self->a, A, B, 1));
	ASSERT_EQ(0, pthread_create(&self->thread, NULL, locks, self));
	ASSERT_EQ(1, wait_for(futex_asleep(&self->tid, self->mutex), 1));
	ASSERT_EQ(0, pthread_mutex_unlock(self->mutex));
	ASSERT_EQ(0, pthread_join(self->thread, NULL));
	EXPECT_EQ(0, self->error);
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
}

TEST_HARNESS_MAIN
