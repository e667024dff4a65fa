// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * cycle: one collection from beginning to end, and when it begins.
 *
 *	finish sweeping | stop: caches, roots, mark, specials, begin sweeping |
 *
 * The world is stopped between the bars.
 */
#include <sched.h>
#include <string.h>
#include <time.h>

#include "background.h"
#include "barrier.h"
#include "cycle_int.h"
#include "dirty.h"
#include "finalizer.h"
#include "gcexport.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcmeta.h"
#include "gcpages.h"
#include "base/lock.h"
#include "mark.h"
#include "pacer.h"
#include "roots.h"
#include "special.h"
#include "stop.h"
#include "sweep.h"
#include "base/sys.h"

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static void (*on_begin)(void);		/* atomic */
/*
 * After a collection that could not stop the world: bytes allocated at which
 * the next one is tried, so that not every allocation waits in vain.
 */
static size_t retry_at;			/* atomic */

/* Lock held, swept: one collection. */
static __attribute__((noinline)) bool collect(enum cycle_reason reason,
					      uintptr_t sp)
{
	uint64_t begin, cpu;
	bool stopped;

	cycle_lock_all();
	cpu = cycle_cpu();
	begin = sys_clock(CLOCK_MONOTONIC);
	stopped = roots_stop();
	if (stopped) {
		gcinspect_phase(GC_PHASE_END);
		cycle_mark_caches();
		cycle_mark_roots(sp);
		cycle_mark_all();
		cycle_count_stopped(0);
		sweep_begin();
		gcalloc_reset_since();
		/* the locks first: who wakes up may want one at once */
		cycle_unlock_all();
		stop_start();
		cycle_count_pause(sys_clock(CLOCK_MONOTONIC) - begin);
		cycle_stat.collections++;
		cycle_stat.live = cycle_marker->bytes;
		cycle_seen.live = cycle_marker->bytes;
		cycle_seen.fresh = 0;
		cycle_seen.roots = roots_bytes();
		cycle_seen.scanned = cycle_marker->scanned - roots_bytes();
		cycle_round.scanned = cycle_marker->scanned;
		cpu = cycle_cpu() - cpu;
		cycle_ended(reason, cpu);
	} else {
		cycle_give_up();
		cycle_unlock_all();
		gcinspect_phase(GC_PHASE_IDLE);
	}
	return stopped;
}

static bool ready(void)
{
	return cycle_make_marker() && gcthread_self();
}

void cycle_on_begin(void (*fn)(void))
{
	__atomic_store_n(&on_begin, fn, __ATOMIC_RELAXED);
}

void cycle_stay_stopped(void)
{
	shim_lock_acquire(&lock);
	cycle_run_off();
	mark_set_alone();
	shim_lock_release(&lock);
}

bool cycle_collect(enum cycle_reason reason)
{
	uint64_t nr = __atomic_load_n(&cycle_stat.collections,
				      __ATOMIC_RELAXED);
	bool done = false;
	void (*fn)(void);

	fn = __atomic_load_n(&on_begin, __ATOMIC_RELAXED);
	if (fn)
		fn();
	shim_lock_acquire(&lock);
	/* another thread has collected in the meantime */
	if ((reason == CYCLE_GOAL || reason == CYCLE_PERIOD) &&
	    nr != cycle_stat.collections) {
		shim_lock_release(&lock);
		return true;
	}
	if (ready()) {
		mark_start_workers();
		cycle_begun();
		while (sweep_some(SIZE_MAX))
			;
		__builtin_unwind_init();
		done = collect(reason,
			       (uintptr_t)__builtin_frame_address(0) - 512);
	}
	__atomic_store_n(&retry_at, done ? 0 : gcalloc_since() + pacer_goal(),
			 __ATOMIC_RELAXED);
	shim_lock_release(&lock);
	return done;
}

/*
 * Run a whole collection beside the program.  Return: false if there was none,
 * because a thread could not be stopped or a collection is no longer due.
 */
static bool run(void)
{
	bool done = false;

	shim_lock_acquire(&lock);
	if (cycle_make_marker() && cycle_run_is_due()) {
		mark_start_workers();
		cycle_begun();
		while (sweep_some(SIZE_MAX))
			;
		done = cycle_run_locked();
		if (!done)
			gcinspect_phase(GC_PHASE_IDLE);
		__atomic_store_n(&retry_at,
				 done ? 0 : gcalloc_since() + pacer_goal(),
				 __ATOMIC_RELAXED);
	}
	shim_lock_release(&lock);
	return done;
}

/* What the collector's own thread does, which is never stopped. */
static void beside(void)
{
	if (!run())
		return;
	finalizer_call_elsewhere();
	/* a little at a time: threads that allocate sweep as well */
	while (sweep_some(64))
		sched_yield();
}

int cycle_begin(void)
{
	cycle_run_begin();
	return background_kick(beside);
}

static void go(enum cycle_reason reason)
{
	if (cycle_run_is_on() && !background_kick(beside))
		return;
	cycle_collect(reason);
}

static bool is_to_wait(void)
{
	size_t since = gcalloc_since();

	return since > 2 * pacer_goal() && !cycle_run_is_stuck() &&
	       !cycle_is_disabled() &&
	       since >= __atomic_load_n(&retry_at, __ATOMIC_RELAXED);
}

/*
 * Wait until the current collection has ended, or the one that is due: on a busy
 * machine the thread that collects may not have come to it yet, and without
 * waiting the heap would grow for as long as that takes.
 */
static void wait_for_end(void)
{
	const struct timespec ms = { 0, 1000000 };
	uint64_t nr = __atomic_load_n(&cycle_stat.collections,
				      __ATOMIC_RELAXED);

	if (background_kick(beside)) {
		cycle_collect(CYCLE_GOAL);
		return;
	}
	while (is_to_wait() && nr == __atomic_load_n(&cycle_stat.collections,
						     __ATOMIC_RELAXED))
		nanosleep(&ms, NULL);
}

void cycle_before_alloc(size_t bytes)
{
	size_t since = gcalloc_since() + bytes;
	enum cycle_reason reason = CYCLE_GOAL;

	if (__builtin_expect(finalizer_nr_ready() != 0, 0))
		finalizer_call();
	if (__builtin_expect(cycle_run_is_marking(), 0)) {
		if (!cycle_assist(bytes, since))
			wait_for_end();
		return;
	}
	cycle_pay(since);
	if (__builtin_expect(since < pacer_trigger(), 1)) {
		if (__builtin_expect(!cycle_is_old(), 1))
			return;
		reason = CYCLE_PERIOD;
	}
	if (cycle_is_disabled() ||
	    since < __atomic_load_n(&retry_at, __ATOMIC_RELAXED))
		return;
	/* marking is far behind: wait for it */
	if (cycle_run_is_on() && since > 2 * pacer_goal()) {
		wait_for_end();
		return;
	}
	go(reason);
}

bool cycle_no_memory(void)
{
	size_t before = gcspan_pages();

	if (!cycle_collect(CYCLE_MEMORY))
		return false;
	while (sweep_some(SIZE_MAX))
		;
	finalizer_call();
	return gcspan_pages() < before;
}

static int wrong;

static void check_span(struct gcspan *s, void *arg)
{
	const char *what = gcspan_is_valid(s);

	(void)arg;
	if (what) {
		wrong++;
		gclog("span %p: %s", (void *)s->start, what);
	}
	if (s->sweepgen != sweep_generation()) {
		wrong++;
		gclog("span %p: not swept", (void *)s->start);
	}
}

static void clear_marks(struct gcspan *s, void *arg)
{
	(void)arg;
	memset(s->mark, 0, sizeof(s->mark));
}

static __attribute__((noinline)) int verify(uintptr_t sp)
{
	cycle_lock_all();
	if (!roots_stop()) {
		cycle_unlock_all();
		return -1;
	}
	wrong = 0;
	gcalloc_each_span(check_span, NULL);
	cycle_mark_for_check(sp);
	gcalloc_each_span(check_span, NULL);
	gcalloc_each_span(clear_marks, NULL);
	stop_start();
	cycle_unlock_all();
	return wrong;
}

int cycle_verify(void)
{
	int ret = -1;

	shim_lock_acquire(&lock);
	if (ready()) {
		mark_start_workers();
		while (sweep_some(SIZE_MAX))
			;
		__builtin_unwind_init();
		ret = verify((uintptr_t)__builtin_frame_address(0) - 512);
	}
	shim_lock_release(&lock);
	return ret;
}

void cycle_fork_prepare(void)
{
	background_fork_prepare();
	shim_lock_acquire(&lock);
	cycle_lock_all();
	roots_fork_prepare();
	pacer_fork_prepare();
	gcspan_fork_prepare();
	gcpages_fork_prepare();
	gcmeta_fork_prepare();
}

static void fork_done(void)
{
	gcmeta_fork_done();
	gcpages_fork_done();
	gcspan_fork_done();
	pacer_fork_done();
	roots_fork_done();
}

void cycle_fork_parent(void)
{
	fork_done();
	cycle_unlock_all();
	shim_lock_release(&lock);
	background_fork_parent();
}

/*
 * The child has one thread, which holds all locks.  Objects in the caches of
 * the others are found by the next collection.
 */
void cycle_fork_child(void)
{
	fork_done();
	stop_fork_child();
	mark_fork_child();
	gcalloc_reset_child();
	gcthread_fork_child();
	special_reset_child();
	shim_lock_reset_child(&lock);
	cycle_pace_fork_child();
	gcinspect_fork_child();
	cycle_run_fork_child();
	background_fork_child();
}
