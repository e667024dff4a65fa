// SPDX-License-Identifier: GPL-2.0-only
/*
 * run: what shim_co_run.h promises, by io_uring where there is one and by epoll.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "queue.h"
#include "watched.h"

static void *yields(void *arg)
{
	int i;

	for (i = 0; i < 3; i++) {
		note((int)(intptr_t)arg + i);
		shim_co_yield(NULL);
	}
	return NULL;
}

TEST_F(queue, turns)
{
	int i;

	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, shim_co_go(self->q, yields,
					(void *)(intptr_t)(10 * i), NULL));
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(9, nr_logged);
	for (i = 0; i < 9; i++)
		EXPECT_EQ(10 * (i % 3) + i / 3, logged[i]);
	/* an empty queue returns, and can be filled again */
	EXPECT_EQ(0, shim_co_run(self->q));
	shim_co_go(self->q, yields, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(12, nr_logged);
}

TEST_F(queue, bad_use)
{
	struct shim_co *co = shim_co_new(yields, NULL, NULL);

	EXPECT_EQ(-1, shim_co_go(NULL, yields, NULL, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_co_queue_new(0x100));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, shim_co_post(self->q, co));
	EXPECT_EQ(-1, shim_co_post(self->q, co));
	EXPECT_EQ(NULL, shim_co_resume(co, NULL));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(co));
	shim_co_free(co);
}

static struct timespec first_start, last_start;

static void *sleeps(void *arg)
{
	if (!first_start.tv_sec)
		clock_gettime(CLOCK_MONOTONIC, &first_start);
	shim_co_sleep((intptr_t)arg * MS);
	note((int)(intptr_t)arg);
	return NULL;
}

static void *starts_last(void *arg)
{
	clock_gettime(CLOCK_MONOTONIC, &last_start);
	return arg;
}

TEST_F(queue, sleep_in_order)
{
	static const int ms[] = { 40, 5, 0, 80, 20, 10, 60, 30 };
	int64_t took;
	unsigned int i;

	/* try again if a start was delayed by more than two sleeps differ */
	do {
		nr_logged = 0;
		first_start.tv_sec = 0;
		for (i = 0; i < 8; i++)
			shim_co_go(self->q, sleeps, (void *)(intptr_t)ms[i],
				   NULL);
		shim_co_go(self->q, starts_last, NULL, NULL);
		EXPECT_EQ(0, shim_co_run(self->q));
		ASSERT_EQ(8, nr_logged);
		took = (last_start.tv_sec - first_start.tv_sec) * 1000 * MS +
		       last_start.tv_nsec - first_start.tv_nsec;
	} while (took >= 5 * MS);
	for (i = 1; i < 8; i++)
		EXPECT_LT(logged[i - 1], logged[i]);
}

static void *sleeps_long(void *arg)
{
	struct timespec from, to;
	int64_t took;

	clock_gettime(CLOCK_MONOTONIC, &from);
	shim_co_sleep(1000 * MS);
	clock_gettime(CLOCK_MONOTONIC, &to);
	took = (to.tv_sec - from.tv_sec) * 1000 * MS +
	       to.tv_nsec - from.tv_nsec;
	note(took < 1000 * MS);
	return arg;
}

static void *starts_apart(void *arg)
{
	intptr_t i;

	for (i = 0; i < 8; i++) {
		shim_co_sleep(MS);
		shim_co_go(NULL, sleeps_long, (void *)i, NULL);
	}
	return arg;
}

/* A long wait is measured by ticks; it is never shorter than it has to be. */
TEST_F(queue, long_sleep_is_not_short)
{
	int i;

	nr_logged = 0;
	shim_co_go(self->q, starts_apart, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(8, nr_logged);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, logged[i]);
}

static void *reader(void *arg)
{
	char buf[16] = { 0 };
	ssize_t n;

	(void)arg;
	while ((n = shim_co_read(fds[0], buf, sizeof(buf))) > 0) {
		note((int)n);
		note(buf[0]);
	}
	note((int)n);
	return NULL;
}

static void *writer(void *arg)
{
	(void)arg;
	shim_co_sleep(MS);
	shim_co_write_all(fds[1], "abc", 3);
	shim_co_sleep(MS);
	shim_co_write_all(fds[1], "z", 1);
	shim_co_sleep(MS);
	close(fds[1]);
	return NULL;
}

TEST_F(queue, read_waits)
{
	shim_co_go(self->q, reader, NULL, NULL);
	shim_co_go(self->q, writer, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(5, nr_logged);
	EXPECT_EQ(3, logged[0]);
	EXPECT_EQ('a', logged[1]);
	EXPECT_EQ(1, logged[2]);
	EXPECT_EQ('z', logged[3]);
	EXPECT_EQ(0, logged[4]);
}

TEST_F(queue, nonblocking_files)
{
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	shim_co_go(self->q, reader, NULL, NULL);
	shim_co_go(self->q, writer, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(5, nr_logged);
}

static struct shim_co *victim;

static void cleanup(void *arg)
{
	note((int)(intptr_t)arg);
}

static void *blocked(void *arg)
{
	struct shim_co_cleanup c;
	char buf[8];

	shim_co_cleanup_push(&c, cleanup, (void *)1);
	switch ((intptr_t)arg) {
	case 0:
		shim_co_sleep(100000 * MS);
		break;
	case 1:
		shim_co_read(fds[0], buf, sizeof(buf));
		break;
	case 2:
		shim_co_wait(fds[0], POLLIN, SHIM_CO_FOREVER);
		break;
	case 3:
		shim_co_recv(fds[0], buf, sizeof(buf), 0, 100000 * MS);
		break;
	case 4:
		for (;;)
			shim_co_yield(NULL);
	}
	note(99);
	shim_co_cleanup_pop(false);
	return NULL;
}

static void *canceller(void *arg)
{
	shim_co_sleep(2 * MS);
	outcome = shim_co_cancel(arg);
	return NULL;
}

TEST_F(queue, cancel)
{
	intptr_t how;

	for (how = 0; how < 5; how++) {
		nr_logged = 0;
		victim = shim_co_new(blocked, (void *)how, NULL);
		shim_co_post(self->q, victim);
		shim_co_go(self->q, canceller, victim, NULL);
		EXPECT_EQ(0, shim_co_run(self->q));
		EXPECT_EQ(0, outcome);
		EXPECT_EQ(SHIM_CO_DONE, shim_co_state(victim));
		ASSERT_EQ(1, nr_logged);
		EXPECT_EQ(1, logged[0]);
		shim_co_free(victim);
	}
	/* the cancelled read did not take the data */
	ASSERT_EQ(2, write(fds[1], "ok", 2));
	close(fds[1]);
	nr_logged = 0;
	shim_co_go(self->q, reader, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(2, logged[0]);
}

static struct shim_co *waits_in, *waits_out;
static int turns_left;

static void *waits_for(void *arg)
{
	short events = (short)(intptr_t)arg;

	if (shim_co_wait(fds[0], events, SHIM_CO_FOREVER) == events)
		note(events);
	return NULL;
}

/*
 * Cancel one of those who wait for a file, and have the other one's event come.  If
 * it does not in 20,000 turns of a millisecond and more, it is cancelled, too.
 */
static void *cancels_one(void *arg)
{
	struct shim_co *gone = arg, *stays = gone == waits_in ? waits_out :
								 waits_in;
	char buf[4096];

	shim_co_sleep(2 * MS);
	outcome = shim_co_cancel(gone);
	if (stays == waits_in) {
		if (write(fds[1], "x", 1) != 1)
			outcome = 98;
	} else {
		while (recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
	}
	for (turns_left = 20000; turns_left && !nr_logged; turns_left--)
		shim_co_sleep(MS);
	if (!nr_logged)
		shim_co_cancel(stays);
	return NULL;
}

TEST_F(queue, who_is_cancelled_leaves_the_other_its_file)
{
	static const char buf[4096];
	char c;
	int in;

	for (in = 0; in < 2; in++) {
		nr_logged = 0;
		/* there is nothing to read, and no room to write into */
		while (send(fds[0], buf, sizeof(buf), MSG_DONTWAIT) > 0)
			;
		waits_in = shim_co_new(waits_for, (void *)POLLIN, NULL);
		waits_out = shim_co_new(waits_for, (void *)POLLOUT, NULL);
		shim_co_post(self->q, waits_in);
		shim_co_post(self->q, waits_out);
		shim_co_go(self->q, cancels_one, in ? waits_in : waits_out,
			   NULL);
		EXPECT_EQ(0, shim_co_run(self->q));
		EXPECT_EQ(0, outcome);
		EXPECT_EQ(1, nr_logged);
		EXPECT_EQ(in ? POLLOUT : POLLIN, logged[0]);
		shim_co_free(waits_in);
		shim_co_free(waits_out);
		if (!in)
			EXPECT_EQ(1, read(fds[0], &c, 1));
	}
}

static void *cancels_new(void *arg)
{
	struct shim_co *co = shim_co_new(yields, NULL, NULL);

	(void)arg;
	victim = co;
	/* posts to the queue that is running */
	shim_co_post(*(struct shim_co_queue **)arg, co);
	outcome = shim_co_cancel(co);
	return NULL;
}

TEST_F(queue, cancel_before_it_ran)
{
	shim_co_go(self->q, cancels_new, &self->q, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(0, outcome);
	EXPECT_EQ(0, nr_logged);
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(victim));
	shim_co_free(victim);
}

static int park_rounds;

static void *parker(void *arg)
{
	int i;

	for (i = 0; i < 3; i++) {
		shim_co_sleep(2 * MS);
		outcome = shim_co_park(arg);
		park_rounds += !outcome;
		if (shim_co_depth(arg))
			outcome = 77;
		if (write(fds[1], "p", 1) != 1)
			outcome = 78;
	}
	return NULL;
}

static void *waits_parked(void *arg)
{
	int i, here = 4711, *p = &here;
	char c;

	(void)arg;
	for (i = 0; i < 3; i++) {
		if (shim_co_wait(fds[0], POLLIN, 100000 * MS) != POLLIN)
			return NULL;
		if (read(fds[0], &c, 1) != 1 || *p != 4711)
			return NULL;
		note(c);
	}
	return NULL;
}

TEST_F(queue, park_while_waiting)
{
	SKIP_IF_WATCHED("a watched stack is not parked");
	victim = shim_co_new(waits_parked, NULL, NULL);
	shim_co_post(self->q, victim);
	shim_co_go(self->q, parker, victim, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(0, outcome);
	EXPECT_EQ(3, park_rounds);
	EXPECT_EQ(3, nr_logged);
	shim_co_free(victim);
}

static void *parks_pinned(void *arg)
{
	shim_co_sleep(2 * MS);
	outcome = shim_co_park(arg);
	outcome_errno = errno;
	close(fds[1]);
	return NULL;
}

/*
 * A read into the stack by the kernel pins the stack; with epoll the kernel
 * does not write there.
 */
TEST_F(queue, park_refused)
{
	SKIP_IF_WATCHED("a watched stack is not parked");
	victim = shim_co_new(reader, NULL, NULL);
	shim_co_post(self->q, victim);
	shim_co_go(self->q, parks_pinned, victim, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	if (strcmp(shim_co_queue_kind(self->q), "epoll")) {
		EXPECT_EQ(-1, outcome);
		EXPECT_EQ(EBUSY, outcome_errno);
	} else {
		EXPECT_EQ(0, outcome);
	}
	EXPECT_EQ(1, nr_logged);
	EXPECT_EQ(0, logged[0]);
	shim_co_free(victim);
}

static void *posted(void *arg)
{
	__atomic_add_fetch((long *)arg, 1, __ATOMIC_RELAXED);
	shim_co_yield(NULL);
	return NULL;
}

#define POSTS	20000
static long ran;
static struct shim_co_queue *to;

static void *posting_thread(void *arg)
{
	int i;

	(void)arg;
	for (i = 0; i < POSTS; i++) {
		if (shim_co_go(to, posted, &ran, NULL))
			return (void *)1;
		/* now and then the queue runs empty and sleeps */
		if (i % 100 == 0)
			usleep(100);
	}
	shim_co_unhold(to);
	return NULL;
}

TEST_F(queue, posts_from_threads)
{
	pthread_t t[3];
	void *ret;
	int i;

	to = self->q;
	ran = 0;
	for (i = 0; i < 3; i++) {
		shim_co_hold(self->q);
		pthread_create(&t[i], NULL, posting_thread, NULL);
	}
	EXPECT_EQ(0, shim_co_run(self->q));
	for (i = 0; i < 3; i++) {
		pthread_join(t[i], &ret);
		EXPECT_EQ(NULL, ret);
	}
	EXPECT_EQ(3 * POSTS, ran);
}

static void *stopping_thread(void *arg)
{
	usleep(2000);
	shim_co_stop(arg);
	return NULL;
}

TEST_F(queue, stop)
{
	pthread_t t;

	shim_co_hold(self->q);
	pthread_create(&t, NULL, stopping_thread, self->q);
	EXPECT_EQ(1, shim_co_run(self->q));
	pthread_join(t, NULL);
	shim_co_unhold(self->q);
	EXPECT_EQ(0, shim_co_run(self->q));
}

TEST_F(queue, not_in_a_child)
{
	int status;
	pid_t pid;

	shim_co_go(self->q, yields, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	pid = fork();
	if (!pid) {
		struct shim_co_queue *q;

		if (shim_co_run(self->q) != -1 || errno != EBUSY)
			_exit(1);
		shim_co_queue_free(self->q);
		q = shim_co_queue_new(0);
		if (!q || shim_co_go(q, yields, NULL, NULL) || shim_co_run(q))
			_exit(2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
}

/* Outside of a queue the same calls block the thread. */
TEST(as_a_thread)
{
	char c;

	ASSERT_EQ(0, pipe(other));
	EXPECT_EQ(0, shim_co_wait(other[0], POLLIN, MS));
	EXPECT_EQ(0, shim_co_wait(other[0], POLLIN, 0));
	EXPECT_EQ(1, shim_co_write(other[1], "a", 1));
	EXPECT_EQ(POLLIN, shim_co_wait(other[0], POLLIN, SHIM_CO_FOREVER));
	EXPECT_EQ(1, shim_co_read(other[0], &c, 1));
	shim_co_sleep(1000);
	EXPECT_EQ(-1, shim_co_wait(other[0], 0, 0));
	EXPECT_EQ(EINVAL, errno);
	close(other[0]);
	EXPECT_EQ(-1, shim_co_wait(other[0], POLLIN, 0));
	EXPECT_EQ(EBADF, errno);
}

TEST_HARNESS_MAIN
