// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pacer: how much may be allocated before the next collection.
 *
 * As Go since 1.18: as much as percent of what the last one had to look at,
 * that is objects and roots, and 4 MiB at least at 100 percent: a small heap
 * is not collected all the time.  A limit takes away from that.  A program
 * whose live heap is above the limit must still make progress, so 1/16 of it
 * may be allocated nevertheless, 1 MiB at least.
 */
#include "pacer.h"

#define HEAP_MIN	((size_t)4 << 20)

static unsigned int percent = 100;
static size_t limit;
static size_t last_live, last_roots;
static size_t goal = HEAP_MIN;
static size_t trigger = HEAP_MIN;
static double rate[4];		/* bytes allocated a byte scanned */
static bool beside;

static void set_trigger(void);

static void set_goal(void)
{
	unsigned int pct = __atomic_load_n(&percent, __ATOMIC_RELAXED);
	size_t max = __atomic_load_n(&limit, __ATOMIC_RELAXED);
	size_t live = __atomic_load_n(&last_live, __ATOMIC_RELAXED);
	size_t bytes = (live + last_roots) / 100 * pct;
	size_t least;

	if (bytes < HEAP_MIN / 100 * pct)
		bytes = HEAP_MIN / 100 * pct;
	if (max) {
		/* 1/32 of a heap is lost between its objects, on average */
		size_t room = max - max / 32;

		least = live / 16;
		if (least < (size_t)1 << 20)
			least = (size_t)1 << 20;
		room = room > live + least ? room - live : least;
		if (bytes > room)
			bytes = room;
	}
	__atomic_store_n(&goal, bytes, __ATOMIC_RELAXED);
	set_trigger();
}

unsigned int pacer_set_percent(unsigned int pct)
{
	unsigned int old;

	old = __atomic_exchange_n(&percent, pct, __ATOMIC_RELAXED);
	set_goal();
	return old;
}

size_t pacer_set_limit(size_t bytes)
{
	size_t old = __atomic_exchange_n(&limit, bytes, __ATOMIC_RELAXED);

	set_goal();
	return old;
}

void pacer_after(size_t live, size_t roots)
{
	__atomic_store_n(&last_live, live, __ATOMIC_RELAXED);
	__atomic_store_n(&last_roots, roots, __ATOMIC_RELAXED);
	set_goal();
}

/*
 * As Go since 1.18: to begin so early that at the rate of before, threads come
 * to the goal when marking comes to its end, but between 0.70 and 0.95 of the
 * way.  The rate is the largest of the last four.
 */
static void set_trigger(void)
{
	size_t to = __atomic_load_n(&goal, __ATOMIC_RELAXED);
	size_t runway, least = to / 64 * 45, most = to / 64 * 61, at;
	double max = 0;
	unsigned int i;

	for (i = 0; i < 4; i++)
		max = rate[i] > max ? rate[i] : max;
	runway = (size_t)(max * (double)(last_live + last_roots));
	at = to > runway ? to - runway : 0;
	at = at < least ? least : at > most ? most : at;
	__atomic_store_n(&trigger, beside ? at : to, __ATOMIC_RELAXED);
}

void pacer_marked(size_t allocated, size_t scanned)
{
	static unsigned int next;

	rate[next++ % 4] = (double)allocated / (double)(scanned + 1);
}

void pacer_set_beside(bool on)
{
	beside = on;
	set_trigger();
}

size_t pacer_trigger(void)
{
	return __atomic_load_n(&trigger, __ATOMIC_RELAXED);
}

size_t pacer_goal(void)
{
	return __atomic_load_n(&goal, __ATOMIC_RELAXED);
}
