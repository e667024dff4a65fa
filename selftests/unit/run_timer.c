// SPDX-License-Identifier: GPL-2.0-only
/*
 * run_timer: a queue's deadlines, against a list that is searched.
 */
#include <stdlib.h>

#include "../lib/patience.h"

#include "co/run.h"

#define TIMERS	200
#define STEPS	200000

FIXTURE(timers) {
	struct shim_co_queue q;
	struct shim_co co[TIMERS];
	uint64_t at[TIMERS];		/* 0: it has none */
};

FIXTURE_SETUP(timers)
{
	unsigned int i;

	for (i = 0; i < TIMERS; i++)
		self->co[i].timer = TIMER_NONE;
}

FIXTURE_TEARDOWN(timers)
{
	free(self->q.timers);
}

/* Nobody is due before his parent, and each coroutine knows its place. */
static bool is_valid(const struct shim_co_queue *q)
{
	uint32_t i;

	for (i = 0; i < q->nr_timers; i++)
		if ((i && q->timers[(i - 1) / 2].at > q->timers[i].at) ||
		    q->timers[i].co->timer != i)
			return false;
	return q->nr_timers <= q->max_timers;
}

/* The one that is removed leaves its place to one of another branch. */
TEST_F(timers, the_last_moves_up)
{
	static const uint64_t at[] = { 10, 100, 20, 110, 120, 30, 40 };
	static const unsigned int order[] = { 0, 2, 5, 6, 1, 4 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(at); i++)
		ASSERT_TRUE(timer_add(&self->q, &self->co[i], at[i]));
	timer_remove(&self->q, &self->co[3]);
	EXPECT_TRUE(is_valid(&self->q));
	for (i = 0; i < ARRAY_SIZE(order); i++)
		EXPECT_EQ(&self->co[order[i]],
			  timer_take_maybe_null(&self->q, 1000));
	EXPECT_EQ(NULL, timer_take_maybe_null(&self->q, 1000));
}

/* The earliest deadline, 0 if there is none. */
static uint64_t first(const uint64_t *at)
{
	uint64_t least = 0;
	unsigned int i;

	for (i = 0; i < TIMERS; i++)
		if (at[i] && (!least || at[i] < least))
			least = at[i];
	return least;
}

TEST_F(timers, as_a_list_would)
{
	unsigned int i, k, n = 0;
	struct shim_co *co;
	uint64_t now;

	srandom(1);
	for (i = 0; i < STEPS; i++) {
		k = random() % TIMERS;
		switch (random() % 4) {
		case 0:
			now = random() % 300;
			co = timer_take_maybe_null(&self->q, now);
			if (!co) {
				ASSERT_TRUE(!n || first(self->at) > now);
				break;
			}
			k = co - self->co;
			ASSERT_EQ(first(self->at), self->at[k]);
			ASSERT_LE(self->at[k], now);
			ASSERT_EQ(TIMER_NONE, co->timer);
			self->at[k] = 0;
			n--;
			break;
		case 1:
			/* it may have none, which is no mistake */
			timer_remove(&self->q, &self->co[k]);
			ASSERT_EQ(TIMER_NONE, self->co[k].timer);
			n -= !!self->at[k];
			self->at[k] = 0;
			break;
		default:
			if (self->at[k])
				break;
			/* deadlines that are the same among them */
			self->at[k] = 1 + random() % 1000;
			ASSERT_TRUE(timer_add(&self->q, &self->co[k],
					      self->at[k]));
			n++;
		}
		ASSERT_EQ(n, self->q.nr_timers);
		ASSERT_TRUE(is_valid(&self->q));
	}
	EXPECT_LT(0, n);
}

TEST_HARNESS_MAIN
