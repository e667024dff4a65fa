// SPDX-License-Identifier: GPL-2.0-only
/*
 * chan: channels, select and wait groups, between coroutines, queues and threads.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shim_co.h>

#include "patience.h"

#define MS	INT64_C(1000000)

static int logged[256], nr_logged;

static void note(int what)
{
	if (nr_logged < 256)
		logged[nr_logged++] = what;
}

FIXTURE(chan) {
	struct shim_co_queue *q;
};

FIXTURE_SETUP(chan)
{
	self->q = shim_co_queue_new(0);
	ASSERT_NE(NULL, self->q);
}

FIXTURE_TEARDOWN(chan)
{
	shim_co_queue_free(self->q);
}

static struct shim_chan *c1, *c2;

static void *sends(void *arg)
{
	int i;

	for (i = 0; i < (intptr_t)arg; i++)
		if (shim_chan_send(c1, &i))
			note(1000);
	shim_chan_close(c1);
	return NULL;
}

static void *receives(void *arg)
{
	int v;

	(void)arg;
	while (shim_chan_recv(c1, &v))
		note(v);
	return NULL;
}

TEST_F(chan, in_order)
{
	size_t room;
	int i;

	for (room = 0; room <= 7; room++) {
		nr_logged = 0;
		c1 = shim_chan_new(sizeof(int), room);
		shim_co_go(self->q, room & 1 ? sends : receives, (void *)50, NULL);
		shim_co_go(self->q, room & 1 ? receives : sends, (void *)50, NULL);
		EXPECT_EQ(0, shim_co_run(self->q));
		ASSERT_EQ(50, nr_logged);
		for (i = 0; i < 50; i++)
			EXPECT_EQ(i, logged[i]);
		shim_chan_free(c1);
	}
}

static void *receives_one(void *arg)
{
	int v = -1;

	shim_chan_recv(c1, &v);
	note((int)(intptr_t)arg * 100 + v);
	return NULL;
}

static void *sends_number(void *arg)
{
	int v = (int)(intptr_t)arg;

	shim_chan_send(c1, &v);
	return NULL;
}

/* Whoever came first is served first, at both ends. */
TEST_F(chan, waiters_in_order)
{
	intptr_t i;

	c1 = shim_chan_new(sizeof(int), 0);
	for (i = 0; i < 8; i++)
		shim_co_go(self->q, receives_one, (void *)i, NULL);
	for (i = 0; i < 8; i++)
		shim_co_go(self->q, sends_number, (void *)i, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(8, nr_logged);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i * 101, logged[i]);
	nr_logged = 0;
	for (i = 0; i < 8; i++)
		shim_co_go(self->q, sends_number, (void *)i, NULL);
	for (i = 0; i < 8; i++)
		shim_co_go(self->q, receives_one, (void *)i, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(8, nr_logged);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(i * 101, logged[i]);
	shim_chan_free(c1);
}

static void *try_it(void *arg)
{
	struct shim_chan_case k = { .chan = c1, .elem = arg, .send = true };
	int i;

	for (i = 0; i < 4; i++)
		note(shim_chan_select(&k, 1, SHIM_CHAN_NOW));
	k.send = false;
	for (i = 0; i < 4; i++)
		note(shim_chan_select(&k, 1, SHIM_CHAN_NOW));
	return NULL;
}

TEST_F(chan, room)
{
	static const int want[] = { 0, 0, 0, -1, 0, 0, 0, -1 };
	int v = 5;

	c1 = shim_chan_new(sizeof(int), 3);
	shim_co_go(self->q, try_it, &v, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(8, nr_logged);
	EXPECT_EQ(0, memcmp(want, logged, sizeof(want)));
	shim_chan_free(c1);
}

static void *sends_one(void *arg)
{
	int v = (int)(intptr_t)arg;

	note(shim_chan_send(c1, &v));
	if (nr_logged && logged[nr_logged - 1] < 0)
		note(errno);
	return NULL;
}

static void *closes(void *arg)
{
	(void)arg;
	shim_chan_close(c1);
	return NULL;
}

TEST_F(chan, close)
{
	/* a sender that waits fails, and so does one that comes later */
	c1 = shim_chan_new(sizeof(int), 0);
	shim_co_go(self->q, sends_one, NULL, NULL);
	shim_co_go(self->q, closes, NULL, NULL);
	shim_co_go(self->q, sends_one, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(4, nr_logged);
	EXPECT_EQ(-1, logged[0]);
	EXPECT_EQ(EPIPE, logged[1]);
	EXPECT_EQ(-1, logged[2]);
	EXPECT_EQ(EPIPE, logged[3]);
	shim_chan_free(c1);
	/* what is still in a closed channel is received */
	nr_logged = 0;
	c1 = shim_chan_new(sizeof(int), 2);
	shim_co_go(self->q, sends_one, (void *)7, NULL);
	shim_co_go(self->q, closes, NULL, NULL);
	shim_co_go(self->q, receives, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(2, nr_logged);
	EXPECT_EQ(7, logged[1]);
	shim_chan_free(c1);
}

static void *selects(void *arg)
{
	int a = 0, b = 0, i;
	struct shim_chan_case k[3] = {
		{ .chan = c1, .elem = &a },
		{ .chan = c2, .elem = &b },
		{ .chan = NULL },
	};

	(void)arg;
	for (i = 0; i < 200; i++) {
		int n = shim_chan_select(k, 3, SHIM_CO_FOREVER);

		if (n < 0 || !k[n].ok)
			return (void *)1;
		note(n);
	}
	return NULL;
}

static void *sends_to(void *arg)
{
	int i = 1;

	while (i <= 1000 && !shim_chan_send(arg, &i))
		i++;
	return NULL;
}

/* Both channels always have something: neither is neglected. */
TEST_F(chan, select_is_fair)
{
	int i, first = 0;

	c1 = shim_chan_new(sizeof(int), 1000);
	c2 = shim_chan_new(sizeof(int), 1000);
	shim_co_go(self->q, sends_to, c1, NULL);
	shim_co_go(self->q, sends_to, c2, NULL);
	shim_co_go(self->q, selects, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(200, nr_logged);
	for (i = 0; i < 200; i++)
		first += logged[i] == 0;
	EXPECT_LT(20, first);
	EXPECT_GT(180, first);
	shim_chan_free(c1);
	shim_chan_free(c2);
}

static void *select_waits(void *arg)
{
	int a = 0, b = 77;
	struct shim_chan_case k[2] = {
		{ .chan = c1, .elem = &a },
		{ .chan = c2, .elem = &b, .send = true },
	};

	note(shim_chan_select(k, 2, (intptr_t)arg));
	if (logged[nr_logged - 1] < 0)
		note(errno);
	else
		note(a);
	return NULL;
}

static void *sleeps_then_sends(void *arg)
{
	int v = 5;

	shim_co_sleep(2 * MS);
	shim_chan_send(arg, &v);
	return NULL;
}

static void *sleeps_then_receives(void *arg)
{
	int v = 0;

	shim_co_sleep(2 * MS);
	shim_chan_recv(arg, &v);
	note(v);
	return NULL;
}

TEST_F(chan, select_waits)
{
	c1 = shim_chan_new(sizeof(int), 0);
	c2 = shim_chan_new(sizeof(int), 0);
	shim_co_go(self->q, select_waits, (void *)-1, NULL);
	shim_co_go(self->q, sleeps_then_sends, c1, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(2, nr_logged);
	EXPECT_EQ(0, logged[0]);
	EXPECT_EQ(5, logged[1]);
	nr_logged = 0;
	shim_co_go(self->q, select_waits, (void *)-1, NULL);
	shim_co_go(self->q, sleeps_then_receives, c2, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(3, nr_logged);
	EXPECT_TRUE(logged[0] == 77 || logged[2] == 77);
	nr_logged = 0;
	shim_co_go(self->q, select_waits, (void *)(3 * MS), NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(-1, logged[0]);
	EXPECT_EQ(ETIMEDOUT, logged[1]);
	/* nobody waits any more */
	shim_chan_free(c1);
	shim_chan_free(c2);
}

static struct shim_co *victim;

static void *cancels(void *arg)
{
	shim_co_sleep(MS);
	note(shim_co_cancel(victim));
	note(shim_co_park(victim) == -1 && errno == EBUSY ? 1 : 0);
	return arg;
}

static void *selects_one_twice(void *arg)
{
	int a, b, i, n;
	struct shim_chan_case k[3] = {
		{ .chan = c1, .elem = &a },
		{ .chan = c2 },
		{ .chan = c1, .elem = &b },
	};

	(void)arg;
	note(shim_chan_select(k, 3, SHIM_CHAN_NOW));
	/* for one that is sent later, and for one that is there */
	for (i = 0; i < 2; i++) {
		a = 0;
		b = 0;
		n = shim_chan_select(k, 3, SHIM_CO_FOREVER);
		note(n == 0 || n == 2);
		note(a + b);
	}
	return NULL;
}

static void *sends_two(void *arg)
{
	int v = 5;

	(void)arg;
	shim_chan_send(c1, &v);
	v = 6;
	shim_chan_send(c1, &v);
	return NULL;
}

/* A channel may be in several cases: it is locked once, and one case is chosen. */
TEST_F(chan, in_several_cases)
{
	static const int want[] = { -1, 1, 5, 1, 6 };
	unsigned int i;

	c1 = shim_chan_new(sizeof(int), 1);
	c2 = shim_chan_new(sizeof(int), 1);
	shim_co_go(self->q, selects_one_twice, NULL, NULL);
	shim_co_go(self->q, sends_two, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(5, nr_logged);
	for (i = 0; i < 5; i++)
		EXPECT_EQ(want[i], logged[i]);
	/* nothing waits there any more */
	shim_chan_free(c1);
	shim_chan_free(c2);
}

TEST_F(chan, cancel)
{
	c1 = shim_chan_new(sizeof(int), 0);
	victim = shim_co_new(receives, NULL, NULL);
	shim_co_post(self->q, victim);
	shim_co_go(self->q, cancels, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(SHIM_CO_DONE, shim_co_state(victim));
	ASSERT_EQ(2, nr_logged);
	EXPECT_EQ(0, logged[0]);
	/* pinned, since the sender would write into its stack */
	EXPECT_EQ(1, logged[1]);
	shim_co_free(victim);
	shim_chan_free(c1);
}

/*
 * Several queues and plain threads use one channel: every value arrives, once.
 */
#define EACH	20000
static uint64_t sum, count;
static struct shim_group senders;

static void *many_send(void *arg)
{
	uint64_t i, from = (uintptr_t)arg * EACH;

	for (i = 0; i < EACH; i++) {
		uint64_t v = from + i;

		if (shim_chan_send(c1, &v))
			abort();
	}
	shim_group_done(&senders);
	return NULL;
}

static void *many_receive(void *arg)
{
	uint64_t v, mine = 0, n = 0;

	(void)arg;
	while (shim_chan_recv(c1, &v)) {
		mine += v;
		n++;
	}
	__atomic_add_fetch(&sum, mine, __ATOMIC_RELAXED);
	__atomic_add_fetch(&count, n, __ATOMIC_RELAXED);
	return NULL;
}

static void *a_queue(void *arg)
{
	struct shim_co_queue *q = shim_co_queue_new(0);
	uintptr_t i, n = (uintptr_t)arg;

	for (i = 0; i < 2; i++) {
		shim_co_go(q, many_send, (void *)(n * 2 + i), NULL);
		shim_co_go(q, many_receive, NULL, NULL);
	}
	if (shim_co_run(q))
		abort();
	shim_co_queue_free(q);
	return NULL;
}

TEST(across_threads)
{
	uint64_t all = 6 * EACH;
	pthread_t t[4], receiver, sender[2];
	size_t room;
	int i;

	for (room = 0; room < 20; room += 19) {
		sum = 0;
		count = 0;
		c1 = shim_chan_new(sizeof(uint64_t), room);
		shim_group_add(&senders, 6);
		for (i = 0; i < 2; i++)
			pthread_create(&t[i], NULL, a_queue, (void *)(intptr_t)i);
		for (i = 0; i < 2; i++)
			pthread_create(&sender[i], NULL, many_send,
				       (void *)(intptr_t)(4 + i));
		pthread_create(&receiver, NULL, many_receive, NULL);
		shim_group_wait(&senders);
		shim_chan_close(c1);
		for (i = 0; i < 2; i++) {
			pthread_join(t[i], NULL);
			pthread_join(sender[i], NULL);
		}
		pthread_join(receiver, NULL);
		EXPECT_EQ(all, count);
		EXPECT_EQ(all * (all - 1) / 2, sum);
		shim_chan_free(c1);
	}
}

static struct shim_group group;

static void *works(void *arg)
{
	shim_co_sleep((intptr_t)arg * MS);
	note(1);
	shim_group_done(&group);
	return NULL;
}

static void *waits_for_group(void *arg)
{
	(void)arg;
	shim_group_wait(&group);
	note(2);
	return NULL;
}

TEST_F(chan, group)
{
	intptr_t i;

	shim_group_wait(&group);
	shim_group_add(&group, 5);
	shim_co_go(self->q, waits_for_group, NULL, NULL);
	shim_co_go(self->q, waits_for_group, NULL, NULL);
	for (i = 0; i < 5; i++)
		shim_co_go(self->q, works, (void *)(5 - i), NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	ASSERT_EQ(7, nr_logged);
	for (i = 0; i < 7; i++)
		EXPECT_EQ(i < 5 ? 1 : 2, logged[i]);
}

/* Wherever a select begins, it comes to the one case that is possible. */
TEST(the_case_that_is_possible_is_found)
{
	struct shim_chan_case k[8];
	struct shim_chan *c[8];
	int i, turn, v[8];

	for (i = 0; i < 8; i++) {
		c[i] = shim_chan_new(sizeof(int), 1);
		ASSERT_NE(NULL, c[i]);
		k[i] = (struct shim_chan_case){ .chan = c[i], .elem = &v[i] };
	}
	for (turn = 0; turn < 800; turn++) {
		i = turn % 8;
		ASSERT_EQ(0, shim_chan_send(c[i], &turn));
		ASSERT_EQ(i, shim_chan_select(k, 8, SHIM_CHAN_NOW));
		EXPECT_TRUE(k[i].ok);
		EXPECT_EQ(turn, v[i]);
	}
	for (i = 0; i < 8; i++)
		shim_chan_free(c[i]);
}

TEST(bad_arguments)
{
	struct shim_chan_case k = { 0 };

	EXPECT_EQ(NULL, shim_chan_new(SIZE_MAX / 2, 4));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, shim_chan_select(&k, 0, SHIM_CHAN_NOW));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, shim_chan_select(&k, 65, SHIM_CHAN_NOW));
	EXPECT_EQ(EINVAL, errno);
	/* never ready, so it ends with the timeout */
	EXPECT_EQ(-1, shim_chan_select(&k, 1, MS));
	EXPECT_EQ(ETIMEDOUT, errno);
	shim_chan_free(NULL);
}

TEST_HARNESS_MAIN
