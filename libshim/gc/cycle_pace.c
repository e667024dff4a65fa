// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * cycle_pace: what collections tell the pacer, and what allocations owe.
 */
#include <string.h>
#include <time.h>

#include "background.h"
#include "base/sys.h"
#include "base/probe.h"
#include "cycle_int.h"
#include "dirty.h"
#include "gcalloc.h"
#include "gcarena.h"
#include "gcpages.h"
#include "gcspan.h"
#include "limiter.h"
#include "mark.h"
#include "pacer.h"
#include "sweep.h"

/*
 * The room below limits is checked again after each such part of the goal has
 * been allocated, since malloc() may have used it.
 */
#define LOOKS		8

struct pacer_seen cycle_seen;
struct gc_round cycle_round;

static int disabled;			/* atomic */
static size_t look_at;			/* atomic: bytes allocated */
static uint64_t period = PACER_PERIOD_NS; /* atomic */
/* When the last collection ended, by the clock and by processor time; atomic. */
static uint64_t ended_at;
static uint64_t ended_cpu;
static bool was_periodic;		/* atomic */

uint64_t cycle_cpu(void)
{
	return sys_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t cycle_own_cpu(void)
{
	return sys_clock(CLOCK_THREAD_CPUTIME_ID);
}

/* Up to some ms old, but without a system call. */
static uint64_t now(void)
{
	struct timespec ts = { 0, 0 };

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void look(size_t since)
{
	struct pacer_room room;

	gcpages_room(&room.limit, &room.left, &room.over, &room.free);
	pacer_set_room(&room, gcspan_pages() * GC_PAGE);
	__atomic_store_n(&look_at, since + pacer_goal() / LOOKS,
			 __ATOMIC_RELAXED);
	cycle_publish();
}

void cycle_publish(void)
{
	struct gc_inspect *to = &shim_gc_inspect;
	size_t left, over, idle, limit;
	unsigned int i;

	_Static_assert((int)CYCLE_REASONS == GC_INSPECT_REASONS, "all of them");
	gcpages_room(&limit, &left, &over, &idle);
	gcinspect_begin();
	to->dirty = dirty_source();
	to->workers = mark_get_workers();
	to->percent = pacer_get_percent();
	to->limit = pacer_get_limit();
	to->room_limit = limit;
	to->room_left = limit ? left : 0;
	to->goal = pacer_goal();
	to->trigger = pacer_trigger();
	to->by_limit = pacer_is_limited();
	to->lifted = pacer_is_lifted();
	to->limited = limiter_count();
	to->collections = cycle_stat.collections;
	to->concurrent = cycle_stat.concurrent;
	to->failed = cycle_stat.failed;
	to->missed = cycle_stat.missed;
	to->stop_sum_ns = cycle_stat.pause_sum_ns;
	to->stop_max_ns = cycle_stat.pause_max_ns;
	to->stops = cycle_stat.stops;
	to->assisted = cycle_stat.assisted;
	to->scanned = cycle_stat.scanned;
	for (i = 0; i < CYCLE_REASONS; i++)
		to->reasons[i] = cycle_stat.reason[i];
	gcalloc_where(&to->since, &to->total);
	to->pages = gcspan_pages_where();
	/* of a collection that goes on nothing is known yet */
	if (cycle_round.number && cycle_round.number == to->collections)
		to->round[to->collections % GC_INSPECT_ROUNDS] = cycle_round;
	gcinspect_end();
	PROBE(gc_goal, to->goal, to->trigger);
}

void cycle_begun(void)
{
	memset(&cycle_round, 0, sizeof(cycle_round));
	cycle_round.begun_ns = sys_clock(CLOCK_MONOTONIC);
	cycle_round.number = cycle_stat.collections + 1;
	gcinspect_phase(GC_PHASE_FINISH);
}

void cycle_ended(enum cycle_reason reason, uint64_t gc_ns)
{
	uint64_t cpu = cycle_cpu(), had;

	had = cpu - __atomic_load_n(&ended_cpu, __ATOMIC_RELAXED);
	limiter_collected(gc_ns, had > gc_ns ? had - gc_ns : 0);
	pacer_after(&cycle_seen);
	pacer_set_lifted(limiter_is_on(0));
	cycle_stat.reason[reason]++;
	cycle_stat.scanned += cycle_round.scanned;
	cycle_round.reason = reason;
	cycle_round.cpu_ns = gc_ns;
	cycle_round.live = cycle_stat.live;
	cycle_round.heap = gcspan_pages() * GC_PAGE;
	cycle_round.took_ns = sys_clock(CLOCK_MONOTONIC) - cycle_round.begun_ns;
	gcarena_trim();
	gcpages_look();
	look(0);
	gcinspect_phase(GC_PHASE_IDLE);
	__atomic_store_n(&ended_cpu, cpu, __ATOMIC_RELAXED);
	__atomic_store_n(&ended_at, now(), __ATOMIC_RELAXED);
	__atomic_store_n(&was_periodic, reason == CYCLE_PERIOD,
			 __ATOMIC_RELAXED);
}

void cycle_set_period(uint64_t ns)
{
	background_set_wait(ns);
	__atomic_store_n(&ended_at, now(), __ATOMIC_RELAXED);
	__atomic_store_n(&period, ns, __ATOMIC_RELAXED);
}

void cycle_set_disabled(int delta)
{
	__atomic_add_fetch(&disabled, delta, __ATOMIC_RELAXED);
}

bool cycle_is_disabled(void)
{
	return __atomic_load_n(&disabled, __ATOMIC_RELAXED) > 0;
}

bool cycle_is_old(void)
{
	uint64_t ns = __atomic_load_n(&period, __ATOMIC_RELAXED);

	if (!ns ||
	    now() - __atomic_load_n(&ended_at, __ATOMIC_RELAXED) < ns)
		return false;
	return (gcalloc_since() ||
		!__atomic_load_n(&was_periodic, __ATOMIC_RELAXED)) &&
	       !cycle_is_disabled();
}

/*
 * The part that should have been swept equals the part of the way to the next
 * collection.
 */
static void sweep_pay(size_t since)
{
	size_t begun, left = sweep_pages_left(), owed;

	if (__builtin_expect(!left, 1))
		return;
	begun = sweep_pages_begun();
	owed = pacer_sweep_owed(begun, since);
	if (begun - left < owed)
		sweep_some(owed - (begun - left));
}

/* May the limits cause a collection again? */
static void lift(void)
{
	uint64_t had = cycle_cpu() -
		       __atomic_load_n(&ended_cpu, __ATOMIC_RELAXED);

	if (!limiter_is_on(had))
		pacer_set_lifted(false);
}

void cycle_pay(size_t since)
{
	sweep_pay(since);
	if (__builtin_expect(pacer_is_lifted(), 0))
		lift();
	if (__builtin_expect(since >= __atomic_load_n(&look_at,
						      __ATOMIC_RELAXED), 0))
		look(since);
}

void cycle_pace_fork_child(void)
{
	/* the processor time of a child begins at 0 */
	ended_cpu = 0;
}
