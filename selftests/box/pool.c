// SPDX-License-Identifier: GPL-2.0-only
/* pool: nothing twice, constructed once, by threads and across fork. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "patience.h"
#include "dies.h"
#include "fail.h"
#include "shim_pool.h"

#define THREADS	4

struct counts {
	long made, undone;
	long fail_at;	/* constructor: this object fails */
};

static int make(void *obj, void *arg)
{
	struct counts *c = arg;

	if (c->fail_at && c->made + 1 == c->fail_at) {
		errno = EAGAIN;
		return -1;
	}
	__atomic_fetch_add(&c->made, 1, __ATOMIC_RELAXED);
	*(uint64_t *)obj = 0x1234567;
	return 0;
}

static void undo(void *obj, void *arg)
{
	struct counts *c = arg;

	if (*(uint64_t *)obj == 0x1234567)
		__atomic_fetch_add(&c->undone, 1, __ATOMIC_RELAXED);
	/* who asked for an object is told what its constructor said, not this */
	errno = EIO;
}

static int by_address(const void *a, const void *b)
{
	const uintptr_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

TEST(objects_are_apart_aligned_and_ready)
{
	static const size_t sizes[] = { 1, 8, 24, 100, 1000, 5000, 40000,
					200000 };
	static uintptr_t p[1000];
	size_t s, align, i, n;

	for (s = 0; s < 8; s++)
		for (align = 8; align <= 4096; align *= 8) {
			struct counts c = { 0 };
			struct shim_pool_ops ops = { make, undo, &c };
			struct shim_pool *pool;
			struct shim_pool_stat st;
			size_t size = sizes[s] < 8 ? 8 : sizes[s];
			long live = fail_live();

			n = size > 2000 ? 40 : 1000;
			pool = shim_pool_new(size, align, &ops);
			ASSERT_NE(NULL, pool);
			for (i = 0; i < n; i++) {
				p[i] = (uintptr_t)shim_pool_get(pool);
				ASSERT_NE(0, p[i]);
				ASSERT_EQ(0, p[i] % align);
				ASSERT_EQ(0x1234567, *(uint64_t *)p[i]);
			}
			qsort(p, n, sizeof(p[0]), by_address);
			for (i = 1; i < n; i++)
				ASSERT_GE(p[i], p[i - 1] + size);
			shim_pool_get_stat(pool, &st);
			EXPECT_GE(st.live, n);
			EXPECT_GE(st.made, st.live);
			EXPECT_TRUE(shim_pool_is_valid(pool));
			for (i = 0; i < n; i++)
				shim_pool_put(pool, (void *)p[i]);
			EXPECT_TRUE(shim_pool_is_valid(pool));
			EXPECT_EQ(0, c.undone);
			shim_pool_shrink(pool);
			EXPECT_EQ(c.made, c.undone);
			shim_pool_get_stat(pool, &st);
			EXPECT_EQ(0, st.live);
			EXPECT_EQ(0, st.bytes);
			shim_pool_free(pool);
			/* the thread's magazines keep some */
			EXPECT_LE(fail_live(), live + 2);
		}
}

/* While any slab has a free object no other is made, also after a shrink. */
TEST(free_objects_are_used_up_before_more_are_made)
{
	struct shim_pool *pool = shim_pool_new(100, 0, NULL);
	struct shim_pool_stat st;
	uintptr_t p[400];
	size_t i, n, made;

	ASSERT_NE(NULL, pool);
	for (n = 0; n < 300; n++) {
		p[n] = (uintptr_t)shim_pool_get(pool);
		ASSERT_NE(0, p[n]);
	}
	/* one free object each in two slabs, and the rest of the last one */
	shim_pool_put(pool, (void *)p[0]);
	shim_pool_put(pool, (void *)p[150]);
	p[0] = p[--n];
	p[150] = p[--n];
	shim_pool_shrink(pool);
	EXPECT_TRUE(shim_pool_is_valid(pool));
	shim_pool_get_stat(pool, &st);
	EXPECT_EQ(n, st.live);
	made = st.made;
	ASSERT_LE(made, 400);
	ASSERT_LE(n + 2, made);
	while (n < made) {
		p[n] = (uintptr_t)shim_pool_get(pool);
		ASSERT_NE(0, p[n++]);
	}
	shim_pool_get_stat(pool, &st);
	EXPECT_EQ(made, st.made);
	EXPECT_EQ(made, st.live);
	EXPECT_TRUE(shim_pool_is_valid(pool));
	qsort(p, n, sizeof(p[0]), by_address);
	for (i = 1; i < n; i++)
		ASSERT_GE(p[i], p[i - 1] + 100);
	for (i = 0; i < n; i++)
		shim_pool_put(pool, (void *)p[i]);
	shim_pool_free(pool);
}

TEST(an_object_stays_as_its_user_left_it)
{
	struct counts c = { 0 };
	struct shim_pool_ops ops = { make, undo, &c };
	struct shim_pool *pool = shim_pool_new(64, 0, &ops);
	uint64_t *p;

	ASSERT_NE(NULL, pool);
	p = shim_pool_get(pool);
	p[1] = 77;
	shim_pool_put(pool, p);
	EXPECT_EQ(p, shim_pool_get(pool));
	EXPECT_EQ(77, p[1]);
	shim_pool_free(pool);
}

TEST(what_cannot_be_is_refused)
{
	EXPECT_EQ(NULL, shim_pool_new(0, 0, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_pool_new(8, 24, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_pool_new(8, 8192, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_pool_new(SIZE_MAX - 3, 0, NULL));
	EXPECT_EQ(ENOMEM, errno);
	shim_pool_free(NULL);
}

TEST(every_allocation_and_construction_may_fail)
{
	void *p[200];
	long n, live;
	int i, failed, k;

	for (k = 0; k < 2; k++)
		for (n = 1, failed = 1; failed; n++) {
			struct counts c = { 0 };
			struct shim_pool_ops ops = { make, undo, &c };
			struct shim_pool *pool;

			live = fail_live();
			failed = 0;
			if (k)
				c.fail_at = n;
			else
				fail_after = n - 1;
			pool = shim_pool_new(600, 0, &ops);
			for (i = 0; pool && i < 200; i++) {
				p[i] = shim_pool_get(pool);
				if (!p[i]) {
					EXPECT_EQ(k ? EAGAIN : ENOMEM, errno);
					failed = 1;
					c.fail_at = 0;
				}
			}
			failed += !pool;
			fail_after = -1;
			for (i = 0; pool && i < 200; i++)
				shim_pool_put(pool, p[i]);
			if (pool)
				EXPECT_TRUE(shim_pool_is_valid(pool));
			shim_pool_free(pool);
			EXPECT_EQ(c.made, c.undone);
			EXPECT_LE(fail_live(), live + 2);
		}
}

static struct shim_pool *shared;

static void *churn(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg;
	uintptr_t *mine[100] = { NULL }, bad = 0;
	int i;

	for (i = 0; i < 100000; i++) {
		unsigned int k = (unsigned int)rand_r(&seed) % 100;

		if (mine[k]) {
			bad += *mine[k] != (uintptr_t)&mine[k];
			shim_pool_put(shared, mine[k]);
			mine[k] = NULL;
		} else {
			mine[k] = shim_pool_get(shared);
			*mine[k] = (uintptr_t)&mine[k];
		}
	}
	for (i = 0; i < 100; i++)
		shim_pool_put(shared, mine[i]);
	return (void *)bad;
}

TEST(threads_give_back_what_they_had_at_hand)
{
	struct shim_pool_stat st;
	pthread_t t[THREADS];
	uintptr_t i;
	void *bad;

	shared = shim_pool_new(48, 0, NULL);
	ASSERT_NE(NULL, shared);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, churn, (void *)i));
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		EXPECT_EQ(NULL, bad);
	}
	EXPECT_TRUE(shim_pool_is_valid(shared));
	shim_pool_get_stat(shared, &st);
	EXPECT_EQ(0, st.live);
	shim_pool_free(shared);
}

static void *hold(void *arg)
{
	pthread_barrier_t *b = arg;
	void *p = shim_pool_get(shared);

	shim_pool_put(shared, p);
	pthread_barrier_wait(b);	/* the pool goes ... */
	pthread_barrier_wait(b);	/* ... and another is in its place */
	p = shim_pool_get(shared);
	memset(p, 1, 100);
	shim_pool_put(shared, p);
	return NULL;
}

TEST(a_pool_may_go_while_threads_have_objects_at_hand)
{
	pthread_barrier_t b;
	struct shim_pool *old;
	pthread_t t;

	pthread_barrier_init(&b, NULL, 2);
	shared = shim_pool_new(100, 0, NULL);
	ASSERT_EQ(0, pthread_create(&t, NULL, hold, &b));
	pthread_barrier_wait(&b);
	old = shared;
	shim_pool_free(old);
	shared = shim_pool_new(100, 0, NULL);
	pthread_barrier_wait(&b);
	pthread_join(t, NULL);
	EXPECT_TRUE(shim_pool_is_valid(shared));
	shim_pool_free(shared);
}

static void *hold_and_end(void *arg)
{
	pthread_barrier_t *b = arg;

	shim_pool_put(shared, shim_pool_get(shared));
	pthread_barrier_wait(b);	/* the pool goes ... */
	pthread_barrier_wait(b);	/* ... and another is in its place */
	return NULL;
}

/* What a thread has at hand of a pool that is gone belongs to no other. */
TEST(a_pool_may_go_before_a_thread_that_has_objects_of_it)
{
	pthread_barrier_t b;
	pthread_t t;
	void *p;

	pthread_barrier_init(&b, NULL, 2);
	shared = shim_pool_new(100, 0, NULL);
	ASSERT_NE(NULL, shared);
	ASSERT_EQ(0, pthread_create(&t, NULL, hold_and_end, &b));
	pthread_barrier_wait(&b);
	shim_pool_free(shared);
	shared = shim_pool_new(100, 0, NULL);
	ASSERT_NE(NULL, shared);
	p = shim_pool_get(shared);
	pthread_barrier_wait(&b);
	pthread_join(t, NULL);
	EXPECT_TRUE(shim_pool_is_valid(shared));
	shim_pool_put(shared, p);
	shim_pool_free(shared);
}

/* However many there were, a new pool has a slot, and so something at hand. */
TEST(a_slot_is_used_again)
{
	struct shim_pool_stat st;
	struct shim_pool *pool;
	void *p;
	int i;

	for (i = 0; i < 1000; i++) {
		pool = shim_pool_new(64, 0, NULL);
		ASSERT_NE(NULL, pool);
		shim_pool_free(pool);
	}
	pool = shim_pool_new(64, 0, NULL);
	ASSERT_NE(NULL, pool);
	p = shim_pool_get(pool);
	ASSERT_NE(NULL, p);
	shim_pool_get_stat(pool, &st);
	EXPECT_LT(1, st.live);
	shim_pool_put(pool, p);
	shim_pool_free(pool);
}

/* Objects of up to 16 KiB are made eight at a time, at least. */
TEST(slabs_have_several_objects)
{
	static const size_t sizes[] = { 500, 1000, 3000, 8000, 16383 };
	struct shim_pool_stat st;
	struct shim_pool *pool;
	void *p;
	int i;

	for (i = 0; i < 5; i++) {
		pool = shim_pool_new(sizes[i], 0, NULL);
		ASSERT_NE(NULL, pool);
		p = shim_pool_get(pool);
		ASSERT_NE(NULL, p);
		shim_pool_get_stat(pool, &st);
		EXPECT_LE(8, st.made);
		shim_pool_put(pool, p);
		shim_pool_free(pool);
	}
}

TEST(more_pools_than_there_are_slots)
{
	struct shim_pool *pool[100];
	void *p[100];
	int i, k;

	for (k = 0; k < 2; k++) {
		for (i = 0; i < 100; i++) {
			pool[i] = shim_pool_new(64, 0, NULL);
			ASSERT_NE(NULL, pool[i]);
			p[i] = shim_pool_get(pool[i]);
			ASSERT_NE(NULL, p[i]);
		}
		for (i = 0; i < 100; i++) {
			shim_pool_put(pool[i], p[i]);
			EXPECT_TRUE(shim_pool_is_valid(pool[i]));
			shim_pool_free(pool[i]);
		}
	}
}

static int stop;

static void *until_stopped(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		shim_pool_put(arg, shim_pool_get(arg));
	return NULL;
}

TEST(a_child_of_a_fork_can_go_on)
{
	pthread_t t[2];
	int i, status;

	shared = shim_pool_new(32, 0, NULL);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, until_stopped,
					    shared));
	for (i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (!pid) {
			void *p[100];
			int k;

			for (k = 0; k < 100; k++)
				p[k] = shim_pool_get(shared);
			for (k = 0; k < 100; k++)
				shim_pool_put(shared, p[k]);
			_exit(!shim_pool_is_valid(shared));
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	shim_pool_free(shared);
}

static void put_twice(void)
{
	struct shim_pool *pool = shim_pool_new(32, 0, NULL);
	void *p = shim_pool_get(pool);

	shim_pool_put(pool, p);
	shim_pool_put(pool, p);
}

static void put_twice_apart(void)
{
	struct shim_pool *pool = shim_pool_new(32, 0, NULL);
	void *p = shim_pool_get(pool), *q = shim_pool_get(pool);

	shim_pool_put(pool, p);
	shim_pool_put(pool, q);
	shim_pool_put(pool, p);
	shim_pool_shrink(pool);
}

static void put_inside(void)
{
	struct shim_pool *pool = shim_pool_new(32, 0, NULL);
	char *p = shim_pool_get(pool);

	shim_pool_put(pool, p + 8);
	shim_pool_shrink(pool);
}

static void put_elsewhere(void)
{
	struct shim_pool *pool = shim_pool_new(32, 0, NULL);
	struct shim_pool *other = shim_pool_new(32, 0, NULL);

	shim_pool_put(pool, shim_pool_get(other));
	shim_pool_shrink(pool);
}

TEST(mistakes_are_reported)
{
	EXPECT_TRUE(dies(put_twice));
	EXPECT_TRUE(dies(put_twice_apart));
	EXPECT_TRUE(dies(put_inside));
	EXPECT_TRUE(dies(put_elsewhere));
}

TEST_HARNESS_MAIN
