// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * scavenger: when to give memory back, in the calls that free.
 *
 * Free pages that have memory are worth keeping for two reasons: they were
 * taken again within the last minute (demand), or giving it back is not worth a
 * block (slack).  The rest goes back: whole free blocks first, then the idle
 * pages of the blocks that have the most.
 *
 * Demand is measured, not guessed.  When the pages in use fall from a peak to a
 * valley and rise again, the rise, up to the old peak, is memory that should
 * have been kept.  The first fall shows no such demand, so a heap that shrinks
 * for good is given back at once; the memory of a heap that swings is kept for
 * a minute after its last swing.  What was free at the peak, too, and went back and was
 * soon taken again (regret) does not go back in the call for a minute.
 *
 * There is no background thread.  It would make a process with one thread a
 * process with two, which unshare() and setns() refuse; it would keep the
 * rights that the process gives up; and it would open files in the process's
 * table.  So the calls that free do the work:
 *
 *	at once		when more than a 16th of what is in use plus 4 MiB is
 *			free beyond what is worth keeping: each call gives back a
 *			run of blocks, or, where it is 12 MiB more and what was
 *			freed has paid for it (ph.credit), the idle pages of one
 *	at a tick	what nobody has used for AGE_TICKS goes, and blocks are
 *			joined, up to a budget of LOOK_WORK in one look
 *	a tick		is looked for in every LOOK_CALLS calls that free pages,
 *			by a CPU's cache in as many misses, and, since a process
 *			whose memory has been freed may do neither, by requests:
 *			while something stirs, the cache closes the fast path of
 *			malloc(), for so many that they take a 1000th of the time
 *	huge pages	of which a part was given back are the kernel's to split
 *			when memory is short, ours when there is credit left, at a
 *			tick, near a limit, and when the part is used again
 *
 * Protected by ph.lock; system calls are made without it.  Called by pageheap
 * and pageheap_stat, by seam, and by central, percpu and entry through usage.h.
 */
#include <string.h>

#include "base/clock.h"
#include "base/conf.h"
#include "limit.h"
#include "pageheap_int.h"
#include "scavenger.h"
#include "base/sys.h"

#define TICK_NS		150000000ull	/* a few ticks a second */
#define AGE_TICKS	SCAVENGER_AGES	/* 0.6 s, and up to a tick more */
#define WINDOW_NS	SCAVENGER_WINDOW_NS
#define LIMIT_TICKS	7u
#define IDLE_NS		(2 * TICK_NS)
#define CALM_TICKS	64u		/* 10 s, or as many requests of a process that sleeps */
/* A request that asks takes 40 ns more.  Those of half a second are enough. */
#define ASK_NS		40000u
#define ASK_TIME	500000000u
#define ASK_LAST	4u		/* at least, after memory was freed: 0.2 us */
#define SLACK_SHARE	SCAVENGER_SLACK
#define BURST_SHARE	16u		/* and how much more before it goes back at once */
#define BURST_PAGES	512u		/* 4 MiB: less is not worth a call */
#define APART_PAGES	1536u		/* 12 MiB: fewer between others wait for a tick */
#define APART_TOP	8192u		/* 64 MiB: of more they are not a large part */
#define REGRET_SHARE	3u		/* and more than that is not due to holes */
#define LOOK_CALLS	64u		/* calls between two readings of the clock */
/*
 * Work of one tick, in blocks of which pages are given back, 60 to 100 us each:
 * 1 % of the time.  Joining a block copies 2 MiB, splitting one takes 300 us.
 */
#define LOOK_WORK	16u
#define JOIN_WORK	8u
#define PAY_WORK	2u
#define CREDIT_KEEP	1000000		/* 1 ms: 10 to 20 blocks' ranges */
#define HURRY_CALLS	4u		/* 1.2 ms; clearing as many blocks takes as long */
#define IDLE_STEPS	8		/* how often scavenger_has_time() says yes */

struct scavenger scav;

void scavenger_stir(void)
{
	/* read first: a line that all CPUs write is dear */
	if (!__atomic_load_n(&scav.stirred, __ATOMIC_RELAXED))
		__atomic_store_n(&scav.stirred, true, __ATOMIC_RELAXED);
}

bool scavenger_idle_due(void)
{
	if (__builtin_expect(!__atomic_load_n(&scav.due, __ATOMIC_RELAXED), 1))
		return false;
	if (!__atomic_exchange_n(&scav.due, false, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&scav.steps, IDLE_STEPS, __ATOMIC_RELAXED);
	return true;
}

bool scavenger_has_time(void)
{
	return __atomic_fetch_sub(&scav.steps, 1, __ATOMIC_RELAXED) > 0;
}

bool scavenger_may_spend(void)
{
	return __atomic_load_n(&ph.credit, __ATOMIC_RELAXED) > 0 ||
	       limit_pressure() == LIMIT_OVER;
}

void scavenger_spend(size_t ns)
{
	shim_lock_acquire(&ph.lock);
	credit_spend(ns);
	shim_lock_release(&ph.lock);
}

static size_t slack(void)
{
	return limit_pressure() == LIMIT_FAR ? inuse_resident() / SLACK_SHARE :
					       0;
}

/* Pages that will be taken again, as far as the last minute shows. */
static size_t demand(void)
{
	size_t swing = ph.swing > scav.swing ? ph.swing : scav.swing;
	size_t up_to = ph.valley + swing;

	if (limit_pressure() == LIMIT_OVER)
		return 0;
	return up_to > ph.inuse ? up_to - ph.inuse : 0;
}

/* A window is over: forget what was learned before the last one. */
static void demand_age(uint64_t now)
{
	scav.window_ns = now;
	scav.swing = ph.swing;
	ph.swing = 0;
	scav.regret = ph.regret;
	ph.regret = 0;
	ph.top = ph.peak > scav.peak ? ph.peak : scav.peak;
	scav.peak = ph.peak;
	ph.peak = ph.inuse;
	if (ph.top <= ph.inuse) {
		ph.top = ph.inuse;
		ph.valley = ph.inuse;
	}
}

/* Begin a new tick if it is time, and update demand. */
static void tick(uint64_t now)
{
	if (!scav.window_ns)
		scav.window_ns = now;
	if (now - scav.window_ns > WINDOW_NS)
		demand_age(now);
	__atomic_store_n(&scav.last_ns, now, __ATOMIC_RELAXED);
	ph.tick++;
	ph.holes = 0;
	ph.drained /= 2;
	scav.runs_low[ph.tick % AGE_TICKS] = ph.runs_low;
	ph.runs_low = runs_blocks();
}

/* Give back whole free blocks that were not needed for AGE_TICKS. */
static size_t runs_aged(void)
{
	size_t low = scav.runs_low[0];
	unsigned int i;

	for (i = 1; i < AGE_TICKS; i++)
		if (scav.runs_low[i] < low)
			low = scav.runs_low[i];
	return low;
}

static size_t release_some(size_t keep, bool urgent)
{
	size_t blocks = (ph.idle - keep) / BLOCK_PAGES, aged = runs_aged();
	size_t done = 0;
	unsigned int i;

	if (!urgent && blocks > aged)
		blocks = aged;
	if (blocks)
		done = pageheap_release_runs(blocks, RETRY_TICKS);
	/* these are gone, and newer ones have not reached that age */
	for (i = 0; i < AGE_TICKS; i++)
		scav.runs_low[i] -= done / BLOCK_SIZE < scav.runs_low[i] ?
				  done / BLOCK_SIZE : scav.runs_low[i];
	if (!done)
		done = pageheap_release_idlest(urgent ? 0 : AGE_TICKS, urgent);
	return done;
}

/* How many requests may ask until the next tick, @past ns having gone by. */
static void grant(uint64_t past)
{
	uint64_t ns = past < ASK_TIME ? past : ASK_TIME;
	bool calm = scav.calm >= CALM_TICKS || !ph.whole;

	__atomic_store_n(&scav.asks, calm ? 0 : (int32_t)(ns / ASK_NS),
			 __ATOMIC_RELAXED);
}

/*
 * At a tick: give back what has reached its age, and join blocks that have
 * filled up.
 */
static void look(void)
{
	uint64_t now = clock_coarse(), past = now - scav.last_ns;
	unsigned int work = 0;
	bool urgent;
	size_t heap;

	if (past < TICK_NS)
		return;
	tick(now);
	scav.stat.looks++;
	if (ph.tick % LIMIT_TICKS == 0 && limit_wanted()) {
		heap = heap_bytes();
		shim_lock_release(&ph.lock);
		limit_update(heap);
		shim_lock_acquire(&ph.lock);
	}
	urgent = limit_pressure() == LIMIT_OVER;
	while (work < LOOK_WORK) {
		size_t keep = slack() + demand();

		if (ph.idle > keep && release_some(keep, urgent))
			work++;
		else if (pageheap_join_one())
			work += JOIN_WORK;
		else if (pageheap_pay_one())
			work += PAY_WORK;
		else
			break;
	}
	if (now - scav.idle_ns >= IDLE_NS && ph.whole) {
		scav.idle_ns = now;
		__atomic_store_n(&scav.due, true, __ATOMIC_RELAXED);
	}
	if (__atomic_exchange_n(&scav.stirred, false, __ATOMIC_RELAXED) || work)
		scav.calm = 0;
	else
		scav.calm++;
	grant(past);
}

/*
 * A request asks at @now.  The first one of each moment, a few milliseconds long, is
 * no burden, and does not count: one that comes from a process that does little always
 * is the first.
 */
static void asked_at(uint64_t now)
{
	if (__atomic_load_n(&scav.asked_ns, __ATOMIC_RELAXED) == now)
		__atomic_fetch_sub(&scav.asks, 1, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&scav.asked_ns, now, __ATOMIC_RELAXED);
}

/*
 * Memory was freed after this tick's requests had asked: without more of them there
 * would be no tick in a process that sleeps from here on.
 */
static bool asks_again(void)
{
	if (!__atomic_load_n(&scav.stirred, __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&scav.asks, ASK_LAST, __ATOMIC_RELAXED);
	return true;
}

bool scavenger_pass(bool asked)
{
	uint64_t last = __atomic_load_n(&scav.last_ns, __ATOMIC_RELAXED);
	uint64_t now;

	/* a small heap is left alone */
	if (!shim_conf.scavenger || !__atomic_load_n(&ph.whole, __ATOMIC_RELAXED))
		return false;
	now = clock_coarse();
	if (asked)
		asked_at(now);
	if (now - last >= TICK_NS && shim_lock_try(&ph.lock)) {
		look();
		shim_lock_release(&ph.lock);
	}
	if (__atomic_load_n(&scav.asks, __ATOMIC_RELAXED) > 0)
		return true;
	return !asked && asks_again();
}

/*
 * Is what is free more than replacing large objects by others leaves?  Pages that lie
 * between these would be faulted in again at once.
 */
static bool has_fallen(void)
{
	return ph.inuse < ph.top / 2 || ph.inuse + ph.idle > ph.top + ph.top / 4;
}

/*
 * How much more than what is worth keeping may be free before it goes back in the call.
 * Large objects that are replaced leave holes that do not fit the next one.  Demand
 * does not show these, and they take the place of what it keeps: then what goes back
 * is what the next one needs.  So what was taken again is added, unless a limit is
 * near; ticks give it back.
 */
static size_t burst(void)
{
	size_t regret = ph.regret > scav.regret ? ph.regret : scav.regret;
	size_t most = limit_pressure() == LIMIT_FAR ?
		      inuse_resident() / REGRET_SHARE : 0;

	return inuse_resident() / BURST_SHARE + BURST_PAGES +
	       (regret < most ? regret : most);
}

/*
 * May idle pages of blocks that are not free as a whole go back in the call, if @least
 * may be free?  Not a few of a heap that is not large: one all of which is freed passes
 * here, too, and a moment later the blocks are free, or in use again.
 */
static bool apart_may(size_t least)
{
	if (limit_pressure() == LIMIT_FAR && ph.top <= APART_TOP &&
	    ph.idle <= least + APART_PAGES)
		return false;
	return ph.credit > 0 && has_fallen();
}

/* Much is free: give a part of it back, whatever its age. */
static __attribute__((noinline)) size_t drain(void)
{
	size_t keep = slack() + demand(), least = keep + burst(), done = 0;
	bool urgent = limit_pressure() == LIMIT_OVER;

	if (ph.idle <= least)
		return 0;
	done = pageheap_release_runs((ph.idle - keep) / BLOCK_PAGES,
				     RETRY_TICKS);
	if (!done && (urgent || apart_may(least)))
		done = pageheap_release_idlest(0, urgent);
	if (done)
		scav.stat.drains++;
	ph.drained += done / PAGE_SIZE;
	return done;
}

/*
 * Memory was taken while the kernel still keeps huge pages for us: unless they
 * are split now, the heap would exceed its peak.
 */
static void hurry(void)
{
	unsigned int i;

	for (i = 0; ph.hurry && i < HURRY_CALLS; i++) {
		ph.hurry--;
		if (!pageheap_pay_one())
			ph.hurry = 0;
	}
}

void scavenger_work(void)
{
	shim_lock_assert(&ph.lock);
	if (!shim_conf.scavenger)
		return;
	hurry();
	if (++scav.calls % LOOK_CALLS == 0)
		look();
	if (ph.idle > inuse_resident() / BURST_SHARE + BURST_PAGES && drain())
		return;
	if (ph.owed && ph.credit > COST_SPLIT + CREDIT_KEEP)
		pageheap_pay_one();
}

void scavenger_get_stat(struct scavenger_stat *st)
{
	*st = scav.stat;
	st->demand = demand() * PAGE_SIZE;
}

void scavenger_fork_child(void)
{
	limit_fork_child();
}
