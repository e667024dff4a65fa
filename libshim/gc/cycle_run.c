// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * cycle_run: a collection beside the program.
 *
 *	stop: caches black, roots grey, barrier on, new objects black | mark |
 *	stop: queues of threads, specials, sweeping begins, barrier off
 *
 * Every object that was reached at the first stop, or made since, is marked at
 * the second.  With the deletion barrier this is so because every pointer that
 * is removed from the heap was shaded; the hybrid shades the new one, too.
 * With the insertion barrier only roots can point from black to white, and
 * these are scanned again.  The same holds with dirty pages, once marked
 * objects on pages that were written to have been scanned again.
 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include "barrier.h"
#include "base/probe.h"
#include "base/lock.h"
#include "base/sys.h"
#include "cycle_int.h"
#include "dirty.h"
#include "gcexport.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcpages.h"
#include "mark.h"
#include "pacer.h"
#include "roots.h"
#include "stop.h"
#include "sweep.h"

/* Scanned at a time: some 100 us. */
#define QUANTUM		((size_t)256 << 10)
/*
 * The scheduler takes a processor away for a millisecond at least, if another
 * thread wants it; the clocks are not read at the same moment.  Once it has, take
 * no more than the share for some 20 ms.
 */
#define WANTED_NS	200000u
#define SHARE_STEPS	100
/* What may be scanned with the world stopped, beyond roots: the same. */
#define LITTLE		((size_t)256 << 10)
/*
 * Where more is found, marking goes on beside the program.  New objects are
 * black, so there is less to be found each time, but nothing says how much
 * less: the last stop finishes in any case.
 */
#define STOPS		16
/* Questions for pages that were written to, before a stop. */
#define ROUNDS		4
/* Pages of 4 KiB that the second stop can scan: 8 MiB, a few milliseconds. */
#define FEW_PAGES	2048
#define OS_PAGE		((uintptr_t)4096)

static unsigned int mode = SHIM_GC_STOP;
static bool verify;
static bool marking;			/* atomic */
static bool forced;			/* atomic */
static enum cycle_reason why;		/* when this collection began */
static bool stuck;			/* atomic: a thread cannot be stopped */
static void (*on_event)(unsigned int event);
static size_t done;			/* atomic: bytes scanned */
static size_t credit;			/* atomic: of them, by us and not yet */
					/* taken off what others owe */
static unsigned int root_scans;		/* in this collection */
static uint64_t beside_ns;		/* processor time of concurrent marking, */
static uint64_t stop_ns;		/* of stops */
/* processor time of the process at the first stop */
static uint64_t begun_cpu;

/* What the last collection tells pacer_marked(). */
static struct {
	size_t allocated, scanned;
	uint64_t gc_ns, all_ns;
} marked;

/* Can written pages be detected? Tried on memory like that of the heap. */
static bool can_watch(void)
{
	bool is_zero, ok;
	void *handle, *page;

	page = gcpages_get(1, true, NULL, &handle, &is_zero);
	if (!page)
		return false;
	ok = dirty_init(page, gcpages_are_own());
	gcpages_put(handle, page, 1);
	return ok;
}

static void set_mode(unsigned int m)
{
	mode = m;
	__atomic_store_n(&shim_gc_inspect.mode, m, __ATOMIC_RELAXED);
}

void cycle_set_mode(unsigned int m)
{
	if (m == SHIM_GC_DIRTY && !dirty_by_module() && !can_watch())
		m = SHIM_GC_STOP;
	set_mode(m == SHIM_GC_DEFAULT ? SHIM_GC_STOP : m);
}

void cycle_run_off(void)
{
	pacer_set_beside(false);
	set_mode(SHIM_GC_STOP);
}

void cycle_run_fork_child(void)
{
	if (mode == SHIM_GC_DIRTY && !dirty_fork_child())
		cycle_run_off();
}

unsigned int cycle_get_mode(void)
{
	return mode;
}

void cycle_set_verify(bool on)
{
	__atomic_store_n(&verify, on, __ATOMIC_RELAXED);
}

void cycle_on_event(void (*fn)(unsigned int event))
{
	__atomic_store_n(&on_event, fn, __ATOMIC_RELEASE);
}

static void event(unsigned int what)
{
	void (*fn)(unsigned int event);

	fn = __atomic_load_n(&on_event, __ATOMIC_ACQUIRE);
	if (fn)
		fn(what);
}

bool cycle_run_is_on(void)
{
	return mode != SHIM_GC_STOP;
}

bool cycle_run_is_marking(void)
{
	return __atomic_load_n(&marking, __ATOMIC_RELAXED);
}

bool cycle_run_is_stuck(void)
{
	return __atomic_load_n(&stuck, __ATOMIC_RELAXED);
}

void cycle_run_begin(void)
{
	__atomic_store_n(&forced, true, __ATOMIC_RELAXED);
}

bool cycle_run_is_due(void)
{
	why = CYCLE_CALL;
	if (__atomic_exchange_n(&forced, false, __ATOMIC_RELAXED))
		return true;
	why = CYCLE_GOAL;
	if (gcalloc_since() >= pacer_trigger())
		return true;
	why = CYCLE_PERIOD;
	return cycle_is_old();
}

static unsigned int barrier_of_mode(void)
{
	switch (mode) {
	case SHIM_GC_HYBRID:
		return BARRIER_OLD | BARRIER_NEW;
	case SHIM_GC_DELETION:
		return BARRIER_OLD;
	case SHIM_GC_INSERTION:
		return BARRIER_NEW;
	default:
		return 0;
	}
}

static bool sees_roots_again(void)
{
	return mode == SHIM_GC_INSERTION || mode == SHIM_GC_DIRTY;
}

/* Scan marked objects on pages that were written to. */
static void rescan_pages(uintptr_t low, uintptr_t high, void *arg)
{
	struct gcspan *s = arg;
	uintptr_t p, from, to;
	unsigned int i, end;

	i = gcspan_index(s, low);
	end = gcspan_index(s, high - 1);
	for (; i <= end && i < s->nobjs; i++) {
		if (!gcspan_bit(s->mark, i))
			continue;
		p = gcspan_object(s, i);
		if (s->kind == GC_TYPED) {
			mark_children(cycle_marker, p, s);
			continue;
		}
		from = p > low ? p : low;
		to = p + s->bytes < high ? p + s->bytes : high;
		mark_range(cycle_marker, from, to);
	}
}

static void rescan_span(struct gcspan *s, void *arg)
{
	uintptr_t end = s->start + s->npages * GC_PAGE;

	(void)arg;
	if (!gc_has_pointers(s->kind))
		return;
	if (s->late)
		rescan_pages(s->start, end, s);
	else
		dirty_each(s->start, end, rescan_pages, s);
	s->late = false;
}

/*
 * The same without any lock, while the program runs: until the mark ends no span
 * leaves the map.  Typed objects have to wait, since here nobody can tell which
 * of them were handed out and so have a type.
 */
static void rescan_found(uintptr_t low, uintptr_t high, void *arg)
{
	struct gcspan *s;
	uintptr_t end;

	(void)arg;
	for (; low < high; low = end) {
		end = (low | (GC_PAGE - 1)) + 1;
		end = end < high ? end : high;
		s = gcspan_of(low);
		if (s && s->kind == GC_SCAN)
			rescan_pages(low, end, s);
		else if (s && s->kind == GC_TYPED)
			s->late = true;
	}
}

static void clear_span(struct gcspan *s, void *arg)
{
	bool *ok = arg;

	if (gc_has_pointers(s->kind))
		*ok &= dirty_clear_range(s->start,
					 s->start + s->npages * GC_PAGE);
}

static bool clear_all(void)
{
	bool ok = true;

	if (!dirty_is_by_range())
		return dirty_clear();
	gcalloc_each_span(clear_span, &ok);
	return ok;
}

static bool begin(void)
{
	uint64_t start, cpu;

	cycle_lock_all();
	start = sys_clock(CLOCK_MONOTONIC);
	if (!roots_stop()) {
		cycle_give_up();
		cycle_unlock_all();
		return false;
	}
	gcinspect_phase(GC_PHASE_BEGIN);
	cpu = cycle_cpu();
	if (mode == SHIM_GC_DIRTY && !clear_all()) {
		stop_start();
		cycle_unlock_all();
		gclog("pages cannot be watched: all threads stop for whole collections now");
		cycle_run_off();
		return false;
	}
	cycle_mark_caches();
	cycle_mark_roots(0);
	root_scans = 1;
	cycle_count_stopped(0);
	gcalloc_set_black(true);
	sweep_set_marking(true);
	barrier_set(barrier_of_mode());
	begun_cpu = cycle_cpu();
	stop_ns = begun_cpu - cpu;
	gcinspect_phase(GC_PHASE_MARK);
	/* the locks first: who wakes up may want one at once */
	cycle_unlock_all();
	stop_start();
	cycle_count_pause(sys_clock(CLOCK_MONOTONIC) - start);
	return true;
}

/*
 * Take a quarter of the processors' time: on two processors, rest for as long
 * as the work took.  Do not rest once threads have allocated as much as they
 * may, nor on a processor that nobody else wants: each byte that is allocated
 * during the mark brings the next one nearer.
 */
static void rest(uint64_t worked, uint64_t waited)
{
	struct timespec ts = { 0, (long)(worked < 1000000 ? worked : 1000000) };
	static unsigned int share;	/* steps for which it was wanted */

	if (waited > WANTED_NS)
		share = SHARE_STEPS;
	if (!share || gcalloc_since() >= pacer_goal())
		return;
	share--;
	nanosleep(&ts, NULL);
}

static void mark_beside(void)
{
	uint64_t took, begin;
	size_t n;

	do {
		begin = sys_clock(CLOCK_MONOTONIC);
		took = cycle_own_cpu();
		n = mark_drain(cycle_marker, QUANTUM);
		__atomic_add_fetch(&done, n, __ATOMIC_RELAXED);
		__atomic_add_fetch(&credit, n, __ATOMIC_RELAXED);
		took = cycle_own_cpu() - took;
		begin = sys_clock(CLOCK_MONOTONIC) - begin;
		beside_ns += took;
		if (n >= QUANTUM)
			rest(took, begin > took ? begin - took : 0);
	} while (n || !mark_is_done());
}

/*
 * Look at pages that were written to while the program runs, so that few are
 * left for the second stop: until there are few, or no fewer than before.
 */
static void look_again(void)
{
	long pages, before = LONG_MAX;
	uintptr_t low, high;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		pages = dirty_read();
		if (pages < 0)
			return;
		dirty_range(&low, &high);
		dirty_each(low, high, rescan_found, NULL);
		mark_beside();
		if (pages <= FEW_PAGES || pages > before / 2)
			return;
		before = pages;
	}
}

/*
 * Processor time of threads that helped with marking, assuming our own speed.
 */
static uint64_t assist_ns(size_t assisted)
{
	size_t all = __atomic_load_n(&done, __ATOMIC_RELAXED);

	return all > assisted ? (uint64_t)((double)beside_ns /
					   (double)(all - assisted) *
					   (double)assisted) : 0;
}

/*
 * Mark what only a stop can tell: what threads have queued, pages that were
 * written to since the last question, and in some modes roots.  Return: true if
 * it leads to little, so that nothing grey is left or will be soon.
 */
static bool mark_rest(unsigned int round)
{
	bool again = true;

	if (mode == SHIM_GC_DIRTY) {
		/* all of these pages would be looked at again next time */
		again = dirty_read() >= 0 && dirty_can_read();
		cycle_each_span(rescan_span, NULL);
	}
	if (sees_roots_again()) {
		cycle_mark_roots(0);
		root_scans++;
	}
	return mark_drain(cycle_marker, LITTLE) < LITTLE || !again ||
	       round >= STOPS;
}

/* The world is stopped, and what is grey leads to little. */
static void finish(size_t since, size_t assisted)
{
	size_t roots;

	/* not in here: a stopped thread may hold the pacer's lock */
	marked.allocated = gcalloc_since() - since;
	marked.scanned = __atomic_load_n(&done, __ATOMIC_RELAXED);
	marked.gc_ns = beside_ns + assist_ns(assisted);
	marked.all_ns = cycle_cpu() - begun_cpu;
	cycle_mark_all();
	if (__atomic_load_n(&verify, __ATOMIC_RELAXED))
		cycle_stat.missed += cycle_check_marks();
	barrier_set(0);
	gcalloc_set_black(false);
	sweep_set_marking(false);
	cycle_stat.live = cycle_marker->bytes + gcalloc_since() - since;
	cycle_round.allocated = marked.allocated;
	cycle_round.assisted = assisted;
	cycle_round.scanned = cycle_marker->scanned;
	cycle_round.beside = 1;
	roots = roots_bytes() * root_scans;
	cycle_seen.live = cycle_stat.live;
	cycle_seen.fresh = gcalloc_since() - since;
	cycle_seen.roots = roots_bytes();
	cycle_seen.scanned = cycle_marker->scanned > roots ?
			     cycle_marker->scanned - roots : 0;
	sweep_begin();
	gcalloc_reset_since();
	cycle_stat.collections++;
	cycle_stat.concurrent++;
}

/*
 * The second stop.  If it finds much to mark, marking goes on beside the
 * program, and there is another stop.  Return: true at the end.
 */
static bool stop_again(unsigned int round, size_t since, size_t assisted)
{
	uint64_t start, tried, cpu;
	struct timespec ts;
	size_t scanned;
	bool last;

	cycle_lock_all();
	start = sys_clock(CLOCK_MONOTONIC);
	while (!roots_stop()) {
		/*
		 * The collection cannot be given up any more: a thread that
		 * does not stop now will stop later.  In the meantime let the
		 * others run for as long as they were stopped; the heap grows.
		 */
		cycle_give_up();
		cycle_unlock_all();
		__atomic_store_n(&stuck, true, __ATOMIC_RELAXED);
		tried = sys_clock(CLOCK_MONOTONIC) - start;
		ts.tv_sec = (time_t)(tried / 1000000000);
		ts.tv_nsec = (long)(tried % 1000000000);
		nanosleep(&ts, NULL);
		cycle_lock_all();
		start = sys_clock(CLOCK_MONOTONIC);
	}
	cpu = cycle_cpu();
	gcinspect_phase(GC_PHASE_END);
	__atomic_store_n(&stuck, false, __ATOMIC_RELAXED);
	barrier_gather(cycle_marker);
	scanned = cycle_marker->scanned;
	last = mark_rest(round);
	if (last) {
		__atomic_store_n(&marking, false, __ATOMIC_RELAXED);
		finish(since, __atomic_load_n(&cycle_stat.assisted,
					      __ATOMIC_RELAXED) - assisted);
	}
	cycle_count_stopped(scanned);
	stop_ns += cycle_cpu() - cpu;
	if (!last)
		gcinspect_phase(GC_PHASE_MARK);
	cycle_unlock_all();
	stop_start();
	cycle_count_pause(sys_clock(CLOCK_MONOTONIC) - start);
	return last;
}

bool cycle_run_locked(void)
{
	size_t since = gcalloc_since();
	size_t assisted = __atomic_load_n(&cycle_stat.assisted,
					  __ATOMIC_RELAXED);
	unsigned int round = 0;

	if (mode == SHIM_GC_STOP || !begin())
		return false;
	beside_ns = 0;
	__atomic_store_n(&done, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&credit, 0, __ATOMIC_RELAXED);
	event(SHIM_GC_EVENT_MARK);
	__atomic_store_n(&marking, true, __ATOMIC_RELAXED);
	do {
		mark_beside();
		if (mode == SHIM_GC_DIRTY && dirty_can_read())
			look_again();
		event(SHIM_GC_EVENT_MARKED);
	} while (!stop_again(++round, since, assisted));
	pacer_marked(marked.allocated, marked.scanned, marked.gc_ns,
		     marked.all_ns);
	cycle_ended(why, stop_ns + marked.gc_ns);
	event(SHIM_GC_EVENT_END);
	return true;
}

/* The work of the collector's thread counts first. */
static size_t take_credit(size_t work)
{
	size_t has = __atomic_load_n(&credit, __ATOMIC_RELAXED), take;

	do {
		take = has < work ? has : work;
	} while (take && !__atomic_compare_exchange_n(&credit, &has,
						      has - take, true,
						      __ATOMIC_RELAXED,
						      __ATOMIC_RELAXED));
	return work - take;
}

bool cycle_assist(size_t bytes, size_t since)
{
	struct marker *m;
	size_t work;

	if (since > 2 * pacer_goal())
		return false;
	work = pacer_assist(bytes, since,
			    __atomic_load_n(&done, __ATOMIC_RELAXED));
	work = take_credit(work);
	if (!work)
		return true;
	barrier_begin();
	m = barrier_marker();
	if (m && cycle_run_is_marking()) {
		work = mark_drain(m, work);
		PROBE(gc_assist, bytes, work);
		__atomic_add_fetch(&done, work, __ATOMIC_RELAXED);
		__atomic_add_fetch(&cycle_stat.assisted, work,
				   __ATOMIC_RELAXED);
		/* for the collector's thread; without memory we keep it */
		mark_flush(m);
	}
	barrier_end();
	return true;
}
