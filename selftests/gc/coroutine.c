// SPDX-License-Identifier: GPL-2.0-only
/*
 * Objects that only the stack of a coroutine leads to: suspended, parked, and
 * running when another thread collects.
 */
#include <liburing.h>
#include <semaphore.h>

#include "gctest.h"
#include "shim_co.h"

static struct shim_gc_weak *weak[SOME];
static unsigned int left_inside;

static __attribute__((noinline)) void fill(void **to)
{
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		to[i] = shim_gc_alloc(48);
		weak[i] = shim_gc_weak_new(to[i], SHIM_GC_SHORT);
	}
}

static void *holds(void *arg)
{
	void *mine[SOME];
	unsigned int i;

	fill(mine);
	shim_co_yield(NULL);
	left_inside = 0;
	for (i = 0; i < SOME; i++)
		left_inside += shim_gc_base(mine[i]) == mine[i];
	memset(mine, 0, sizeof(mine));
	return arg;
}

static __attribute__((noinline)) struct shim_co *make(void)
{
	struct shim_co *co = shim_co_new(holds, NULL, NULL);

	if (co)
		shim_co_resume(co, NULL);
	return co;
}

TEST(suspended)
{
	struct shim_co *co = make();

	ASSERT_NE(NULL, co);
	ASSERT_EQ(0, collect());
	EXPECT_EQ(SOME, count_left(weak, SOME));
	shim_co_resume(co, NULL);
	EXPECT_EQ(SOME, left_inside);
	shim_co_free(co);
	ASSERT_EQ(0, collect());
	EXPECT_GE(STRAY, count_left(weak, SOME));
}

TEST(parked)
{
	struct shim_co *co = make();

	ASSERT_NE(NULL, co);
	if (shim_co_park(co))
		TH_LOG("not parked: %s", strerror(errno));
	ASSERT_EQ(0, collect());
	EXPECT_EQ(SOME, count_left(weak, SOME));
	shim_co_resume(co, NULL);
	EXPECT_EQ(SOME, left_inside);
	shim_co_free(co);
}

static sem_t there, go;

static void *runs(void *arg)
{
	void *mine[SOME];

	(void)arg;
	fill(mine);
	sem_post(&there);
	while (sem_wait(&go))
		;
	return mine[SOME - 1];
}

static void *thread_main(void *arg)
{
	struct shim_co *co = shim_co_new(runs, NULL, NULL);

	(void)arg;
	shim_co_resume(co, NULL);
	shim_co_free(co);
	return NULL;
}

TEST(running_on_another_thread)
{
	pthread_t thread;

	sem_init(&there, 0, 0);
	sem_init(&go, 0, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, thread_main, NULL));
	while (sem_wait(&there))
		;
	ASSERT_EQ(0, collect());
	EXPECT_EQ(SOME, count_left(weak, SOME));
	sem_post(&go);
	pthread_join(thread, NULL);
	ASSERT_EQ(0, collect());
	EXPECT_GE(STRAY, count_left(weak, SOME));
}

static void *collects(void *arg)
{
	void *mine[SOME];

	(void)arg;
	fill(mine);
	clear_stack();
	left_inside = shim_gc_collect() ? 0 : count_left(weak, SOME);
	return mine[SOME - 1];
}

TEST(collects_itself)
{
	struct shim_co *co = shim_co_new(collects, NULL, NULL);

	ASSERT_NE(NULL, co);
	shim_co_resume(co, NULL);
	EXPECT_EQ(SOME, left_inside);
	shim_co_free(co);
}

/* A thread of the kernel that is in the process's list and takes no signals. */
TEST(a_worker_of_io_uring)
{
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int end[2];
	char c;

	if (io_uring_queue_init(4, &ring, 0))
		SKIP(return, "no io_uring here");
	ASSERT_EQ(0, pipe(end));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_read(sqe, end[0], &c, 1, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	ASSERT_EQ(1, io_uring_submit(&ring));
	ASSERT_TRUE(a_thread_gets("comm", "iou-wrk"));
	EXPECT_EQ(0, shim_gc_collect());
	EXPECT_EQ(0, shim_gc_collect());
	EXPECT_EQ(1, write(end[1], "", 1));
	io_uring_queue_exit(&ring);
	close(end[0]);
	close(end[1]);
}

TEST_HARNESS_MAIN
