// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * run_timer: deadlines, in a binary heap.
 *
 * A coroutine records its place in the heap, so that a wait that ends before
 * its deadline removes the timer in O(log n).
 */
#include <stdlib.h>

#include "run.h"

static void place(struct shim_co_queue *q, uint32_t i, struct run_timer t)
{
	q->timers[i] = t;
	t.co->timer = i;
}

static void up(struct shim_co_queue *q, uint32_t i, struct run_timer t)
{
	for (; i && q->timers[(i - 1) / 2].at > t.at; i = (i - 1) / 2)
		place(q, i, q->timers[(i - 1) / 2]);
	place(q, i, t);
}

static void down(struct shim_co_queue *q, uint32_t i, struct run_timer t)
{
	uint32_t c;

	for (; (c = 2 * i + 1) < q->nr_timers; i = c) {
		if (c + 1 < q->nr_timers &&
		    q->timers[c + 1].at < q->timers[c].at)
			c++;
		if (q->timers[c].at >= t.at)
			break;
		place(q, i, q->timers[c]);
	}
	place(q, i, t);
}

bool timer_add(struct shim_co_queue *q, struct shim_co *co, uint64_t at)
{
	struct run_timer *more;
	uint32_t max;

	if (q->nr_timers == q->max_timers) {
		max = q->max_timers ? 2 * q->max_timers : 64;
		more = reallocarray(q->timers, max, sizeof(*more));
		if (!more)
			return false;
		q->timers = more;
		q->max_timers = max;
	}
	up(q, q->nr_timers++, (struct run_timer){ at, co });
	return true;
}

void timer_remove(struct shim_co_queue *q, struct shim_co *co)
{
	uint32_t i = co->timer;
	struct run_timer last;

	if (i == TIMER_NONE)
		return;
	co->timer = TIMER_NONE;
	last = q->timers[--q->nr_timers];
	if (i == q->nr_timers)
		return;
	if (i && q->timers[(i - 1) / 2].at > last.at)
		up(q, i, last);
	else
		down(q, i, last);
}

struct shim_co *timer_take_maybe_null(struct shim_co_queue *q, uint64_t now)
{
	struct shim_co *co;

	if (!q->nr_timers || q->timers[0].at > now)
		return NULL;
	co = q->timers[0].co;
	timer_remove(q, co);
	return co;
}
