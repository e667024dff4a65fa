// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * cycle: one collection from beginning to end, and when it begins.
 *
 *	finish sweeping | stop: caches, roots, mark, specials, begin sweeping |
 *
 * The world stands still between the bars.
 */
#include <string.h>

#include "cycle.h"
#include "gc.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcmeta.h"
#include "base/lock.h"
#include "mark.h"
#include "pacer.h"
#include "roots.h"
#include "special.h"
#include "stop.h"
#include "sweep.h"
#include "base/sys.h"

struct cycle_stat cycle_stat;

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static struct marker *marker;		/* mapped: its queue is no root */
static size_t cached;			/* bytes in caches, not handed out */
static void (*on_begin)(void);		/* atomic */
static int disabled;			/* atomic */
/*
 * After a collection that could not stop the world: bytes allocated at which
 * the next is tried, so that not every allocation waits in vain.
 */
static size_t retry_at;			/* atomic */

static void mark_cached(struct gcspan *s, unsigned int first, unsigned int n)
{
	cached += n * s->bytes;
	for (; n; n--, first++)
		__atomic_or_fetch(&s->mark[first / 64], 1ull << (first % 64),
				  __ATOMIC_RELAXED);
}

static void mark_root(uintptr_t low, uintptr_t high, enum roots_kind kind)
{
	if (kind == ROOTS_STACK)
		mark_stack(marker, low, high);
	else
		mark_range(marker, low, high);
}

static void rescan(struct gcspan *s, void *arg)
{
	mark_rescan(arg, s);
	mark_drain(arg, SIZE_MAX);
}

/* A queue had no memory: look at all marked objects again until it had. */
static void mark_all(void)
{
	mark_run(marker);
	while (mark_overflowed()) {
		gcalloc_each_span(rescan, marker);
		mark_run(marker);
	}
}

/* The world is stopped: set the mark bits of all that is reached. */
static void mark_stopped(uintptr_t sp)
{
	struct gcthread *t;

	marker->bytes = 0;
	marker->objects = 0;
	marker->scanned = 0;
	cached = 0;
	for (t = gcthread_next(NULL); t; t = gcthread_next(t))
		gcalloc_each_cached(t, mark_cached);
	special_mark_roots(marker);
	roots_each(mark_root, true, sp);
	mark_all();
}

static void lock_all(void)
{
	special_lock();
	gcthread_lock();
	gcalloc_lock_all();
}

static void unlock_all(void)
{
	gcalloc_unlock_all();
	gcthread_unlock();
	special_unlock();
}

static void count_pause(uint64_t ns)
{
	cycle_stat.pause_ns = ns;
	cycle_stat.pause_sum_ns += ns;
	if (ns > cycle_stat.pause_max_ns)
		cycle_stat.pause_max_ns = ns;
}

/* Lock held, swept: one collection. */
static __attribute__((noinline)) bool collect(uintptr_t sp)
{
	uint64_t begin;
	bool stopped;

	lock_all();
	begin = sys_clock(CLOCK_MONOTONIC);
	stopped = roots_stop();
	if (stopped) {
		mark_stopped(sp);
		do {
			special_after_mark(marker);
			if (!mark_overflowed())
				break;
			gcalloc_each_span(rescan, marker);
			mark_all();
		} while (true);
		sweep_begin();
		gcalloc_reset_since();
		stop_start();
		count_pause(sys_clock(CLOCK_MONOTONIC) - begin);
		cycle_stat.collections++;
		cycle_stat.live = marker->bytes;
		pacer_after(marker->bytes, roots_bytes());
	} else if (!cycle_stat.failed++) {
		gclog("a thread does not stop: it blocks signal %d; nothing is collected",
		      stop_signal());
	}
	unlock_all();
	return stopped;
}

static bool ready(void)
{
	if (!marker)
		marker = gcmeta_map(sizeof(*marker));
	return marker && gcthread_self();
}

void cycle_on_begin(void (*fn)(void))
{
	__atomic_store_n(&on_begin, fn, __ATOMIC_RELAXED);
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
	/* somebody else was faster */
	if (reason == CYCLE_GOAL && nr != cycle_stat.collections) {
		shim_lock_release(&lock);
		return true;
	}
	if (ready()) {
		mark_start_workers();
		while (sweep_some(SIZE_MAX))
			;
		__builtin_unwind_init();
		done = collect((uintptr_t)__builtin_frame_address(0) - 512);
	}
	__atomic_store_n(&retry_at, done ? 0 : gcalloc_since() + pacer_goal(),
			 __ATOMIC_RELAXED);
	shim_lock_release(&lock);
	return done;
}

void cycle_before_alloc(size_t bytes)
{
	size_t since = gcalloc_since() + bytes;

	if (__builtin_expect(since < pacer_goal(), 1))
		return;
	if (__atomic_load_n(&disabled, __ATOMIC_RELAXED) > 0 ||
	    since < __atomic_load_n(&retry_at, __ATOMIC_RELAXED))
		return;
	if (cycle_collect(CYCLE_GOAL))
		gc_finalize_some();
}

bool cycle_no_memory(void)
{
	size_t before = gcspan_pages();

	if (!cycle_collect(CYCLE_MEMORY))
		return false;
	while (sweep_some(SIZE_MAX))
		;
	gc_finalize_some();
	return gcspan_pages() < before;
}

void cycle_set_disabled(int delta)
{
	__atomic_add_fetch(&disabled, delta, __ATOMIC_RELAXED);
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
	lock_all();
	if (!roots_stop()) {
		unlock_all();
		return -1;
	}
	wrong = 0;
	gcalloc_each_span(check_span, NULL);
	mark_stopped(sp);
	gcalloc_each_span(check_span, NULL);
	gcalloc_each_span(clear_marks, NULL);
	stop_start();
	unlock_all();
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
	shim_lock_acquire(&lock);
	lock_all();
	roots_fork_prepare();
	gcspan_fork_prepare();
	gcmeta_fork_prepare();
}

static void fork_done(void)
{
	gcmeta_fork_done();
	gcspan_fork_done();
	roots_fork_done();
}

void cycle_fork_parent(void)
{
	fork_done();
	unlock_all();
	shim_lock_release(&lock);
}

/*
 * One thread is left, with all locks.  What the others had in their caches is
 * found by the next collection.
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
}
