// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pacer: when a collection begins, when it should have ended, and what a thread
 * that allocates owes it.
 *
 * Settings and observations change with pacer_lock held, which is never taken
 * while the world is stopped; goals and triggers are read without it.
 */
#include "base/lock.h"
#include "pacer.h"

#define HEADROOM_MIN	((size_t)1 << 20)
#define SWEEP_SLACK	((size_t)1 << 20)	/* sweeping ends this much earlier */
#define SWEEP_MIN	((size_t)8 << 10)
#define UTILIZATION	0.25			/* of processors, for marking */
#define RATES		4

/* There are two: one within the limits, one as if there were none. */
struct pace {
	size_t goal;
	size_t trigger;
};

static struct shim_lock pacer_lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static unsigned int percent = 100;
static size_t limit;
static struct pacer_seen last;
static struct pacer_room room;
static struct pace within = { PACER_HEAP_MIN, PACER_HEAP_MIN };
static struct pace without = { PACER_HEAP_MIN, PACER_HEAP_MIN };
static bool lifted;			/* atomic */
static double rate[RATES];		/* bytes allocated for each byte scanned */
static double parts[RATES];		/* part of processor time, same marks */
static unsigned int nr_rates;
static bool beside;

/*
 * The percentage is of what was reached.  Objects that were allocated during the
 * mark are kept by it without being reached, and most of them are garbage by
 * now: counted as live, they would have the heap grow to twice of both.  A
 * tenth of the percentage on top makes up for some of them.  A quarter of it is
 * left in any case, in which a program whose heap grows allocates until the
 * next collection knows better.
 */
static size_t by_percent(void)
{
	size_t reached = last.live - last.fresh;
	size_t heap = reached + (reached + last.roots) / 100 * percent;
	size_t least = PACER_HEAP_MIN / 100 * percent;
	size_t free, quarter = (reached + last.roots) / 400 * percent;
	size_t tenth = (reached + last.roots) / 1000 * percent;

	heap += last.fresh < tenth ? last.fresh : tenth;
	if (heap < least)
		heap = least;
	free = heap > last.live ? heap - last.live : 0;
	if (free < quarter)
		free = quarter;
	return free < PACER_STEP_MIN ? PACER_STEP_MIN : free;
}

/*
 * The heap may have what the limit leaves next to all other memory in use, less
 * any excess over it, less a reserve for gaps between objects.
 */
static size_t by_limit(size_t max, size_t used, size_t idle)
{
	size_t reserve = max / 100 * 3, heap = last.heap;
	size_t other = used > idle + heap ? used - idle - heap : 0;
	size_t over = used > max ? used - max : 0;

	if (reserve < HEADROOM_MIN)
		reserve = HEADROOM_MIN;
	if (max < other + over + reserve + last.live + PACER_LIMIT_MIN)
		return PACER_LIMIT_MIN;
	return max - other - over - reserve - last.live;
}

/*
 * The collector's part of the processors in the next mark: a quarter, or what
 * it had in each of the last four because nobody else wanted more.
 */
static double next_part(void)
{
	double least = parts[0];
	unsigned int i;

	for (i = 1; i < RATES; i++)
		least = parts[i] < least ? parts[i] : least;
	return least > UTILIZATION ? least : UTILIZATION;
}

/*
 * Begin early enough that threads reach the goal as marking ends, if the
 * collector gets its part of the processors; but between 0.70 and 0.95 of the
 * way, or 4 MiB before its end if that is later.  Roots do not count, since the
 * world is stopped while they are scanned.
 */
static size_t trigger_of(size_t goal)
{
	size_t least = goal / 64 * 45, most = goal / 64 * 61, runway, at;
	double max = 0, part = next_part();
	unsigned int i;

	if (!beside)
		return goal;
	for (i = 0; i < RATES; i++)
		max = rate[i] > max ? rate[i] : max;
	if (goal > PACER_HEAP_MIN && goal - PACER_HEAP_MIN > most)
		most = goal - PACER_HEAP_MIN;
	runway = (size_t)(max * (1 - part) / part * (double)last.scanned);
	at = goal > runway ? goal - runway : 0;
	return at < least ? least : at > most ? most : at;
}

static void pace_set(struct pace *p, size_t goal)
{
	__atomic_store_n(&p->goal, goal, __ATOMIC_RELAXED);
	__atomic_store_n(&p->trigger, trigger_of(goal), __ATOMIC_RELAXED);
}

/* Lock held. */
static void set(void)
{
	size_t free = by_percent(), goal = free, bytes;

	if (limit) {
		bytes = by_limit(limit, last.heap, 0);
		goal = bytes < goal ? bytes : goal;
	}
	if (room.limit) {
		bytes = by_limit(room.limit, room.limit - room.left + room.over,
				 room.free);
		goal = bytes < goal ? bytes : goal;
	}
	pace_set(&without, free);
	pace_set(&within, goal);
}

unsigned int pacer_set_percent(unsigned int pct)
{
	unsigned int old;

	shim_lock_acquire(&pacer_lock);
	old = percent;
	__atomic_store_n(&percent, pct, __ATOMIC_RELAXED);
	set();
	shim_lock_release(&pacer_lock);
	return old;
}

unsigned int pacer_get_percent(void)
{
	return __atomic_load_n(&percent, __ATOMIC_RELAXED);
}

size_t pacer_set_limit(size_t bytes)
{
	size_t old;

	shim_lock_acquire(&pacer_lock);
	old = limit;
	__atomic_store_n(&limit, bytes, __ATOMIC_RELAXED);
	set();
	shim_lock_release(&pacer_lock);
	return old;
}

size_t pacer_get_limit(void)
{
	return __atomic_load_n(&limit, __ATOMIC_RELAXED);
}

void pacer_after(const struct pacer_seen *seen)
{
	shim_lock_acquire(&pacer_lock);
	last = *seen;
	set();
	shim_lock_release(&pacer_lock);
}

void pacer_set_room(const struct pacer_room *now, size_t heap)
{
	shim_lock_acquire(&pacer_lock);
	room = *now;
	last.heap = heap;
	set();
	shim_lock_release(&pacer_lock);
}

/*
 * How much the program allocates for each byte that is scanned, if both had the
 * same time.  The largest of the last four values counts.
 */
void pacer_marked(size_t allocated, size_t scanned, uint64_t gc_ns,
		  uint64_t all_ns)
{
	double part = all_ns ? (double)gc_ns / (double)all_ns : UTILIZATION;

	/*
	 * the clocks of threads and of the process are not read at the same
	 * moment
	 */
	part = part < 0.05 ? 0.05 : part > 0.95 ? 0.95 : part;
	shim_lock_acquire(&pacer_lock);
	parts[nr_rates % RATES] = part;
	rate[nr_rates++ % RATES] = (double)allocated * part /
				   ((double)(scanned + 1) * (1 - part));
	shim_lock_release(&pacer_lock);
}

void pacer_set_beside(bool on)
{
	shim_lock_acquire(&pacer_lock);
	beside = on;
	set();
	shim_lock_release(&pacer_lock);
}

void pacer_set_lifted(bool on)
{
	__atomic_store_n(&lifted, on, __ATOMIC_RELAXED);
}

bool pacer_is_lifted(void)
{
	return __atomic_load_n(&lifted, __ATOMIC_RELAXED);
}

static const struct pace *pace(void)
{
	return pacer_is_lifted() ? &without : &within;
}

size_t pacer_trigger(void)
{
	return __atomic_load_n(&pace()->trigger, __ATOMIC_RELAXED);
}

size_t pacer_goal(void)
{
	return __atomic_load_n(&pace()->goal, __ATOMIC_RELAXED);
}

bool pacer_is_limited(void)
{
	return __atomic_load_n(&within.goal, __ATOMIC_RELAXED) <
	       __atomic_load_n(&without.goal, __ATOMIC_RELAXED);
}

/*
 * The expected work is that of last time.  When more is found, the whole heap
 * may have to be scanned, and the goal moves in proportion, but no further than
 * the percentage of the heap; once it is passed, it is a tenth of the heap
 * away.
 */
size_t pacer_assist(size_t bytes, size_t since, size_t done)
{
	const struct pace *p = pace();
	size_t goal = __atomic_load_n(&p->goal, __ATOMIC_RELAXED);
	size_t at = __atomic_load_n(&p->trigger, __ATOMIC_RELAXED);
	size_t live = __atomic_load_n(&last.live, __ATOMIC_RELAXED);
	size_t expected = __atomic_load_n(&last.scanned, __ATOMIC_RELAXED);
	size_t all = live + since, hard;
	double left, work, far;

	if (pacer_is_lifted())
		return 0;
	if (done > expected) {
		hard = goal + (live + goal) / 100 * pacer_get_percent();
		far = at + (double)(goal - at) / (double)(expected + 1) *
			   (double)all;
		goal = far < (double)hard ? (size_t)far : hard;
		expected = all;
	}
	if (since > goal) {
		goal += (live + goal) / 10;
		expected = all;
	}
	left = expected > done + 1000 ? (double)(expected - done) : 1000;
	work = left / (goal > since ? (double)(goal - since) : 1) *
	       (double)bytes;
	return work < (double)PACER_ASSIST_MAX ? (size_t)work :
						 PACER_ASSIST_MAX;
}

size_t pacer_sweep_owed(size_t pages, size_t since)
{
	size_t way = pacer_trigger();
	double owed;

	way = way > SWEEP_SLACK + SWEEP_MIN ? way - SWEEP_SLACK : SWEEP_MIN;
	owed = (double)pages / (double)way * (double)since;
	return owed < (double)pages ? (size_t)owed : pages;
}

void pacer_fork_prepare(void)
{
	shim_lock_acquire(&pacer_lock);
}

void pacer_fork_done(void)
{
	shim_lock_release(&pacer_lock);
}
