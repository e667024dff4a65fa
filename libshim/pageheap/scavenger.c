// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * scavenger: when to give memory back, and who does it.
 *
 * What is free and has memory is worth keeping for two reasons: it was taken
 * again within the last minute (demand), or it is not worth a block to give it
 * back (slack).  The rest goes: whole free blocks first, then the idle pages of
 * the blocks that have most of them.
 *
 * Demand is measured, not guessed.  Let the pages in use fall from a peak to a
 * valley and rise again: what they rise, up to the old peak, is memory that was
 * better kept.  The first fall of a process teaches nothing, so a heap that
 * shrinks for good is given back at once; a heap that swings is kept for a
 * minute after its last swing.
 *
 * Time goes in ticks.  Nothing is given back that was in use within AGE_TICKS.
 * The thread's CPU time is held to one in BUDGET_SHARE of the time that passes.
 *
 * Guarded by ph.lock; system calls are made without it.
 */
#include <string.h>
#include <sys/prctl.h>

#include "base/conf.h"
#include "limit.h"
#include "pageheap_int.h"
#include "scavenger.h"
#include "scavenger_thread.h"
#include "base/sys.h"

#define TICK_NS		150000000ull	/* some looks a second */
#define AGE_TICKS	4u		/* 0.6 s, and up to a tick more */
#define WINDOW_NS	30000000000ull	/* two windows make the minute */
#define LINGER_TICKS	20u		/* 3 s without work, then the thread ends */
#define LIMIT_TICKS	7u
#define IDLE_TICKS	2u
#define SLACK_SHARE	32u		/* of what is in use may be idle */
#define KICK_PAGES	512u		/* 4 MiB: less is not worth a thread */
#define BUDGET_SHARE	100u		/* 1 % of CPU */
#define BUDGET_BURST	600000000ll	/* what a minute of not working saves up */
#define CALLER_SHARE	64u		/* frees between two looks */
#define CALLER_NS	2000000ll	/* at most 2 ms of a caller's time */

enum { STATE_NONE, STATE_STARTING, STATE_RUNNING };

static struct {
	uint32_t state;
	uint32_t pid;		/* process the state is true of */
	uint32_t looks;		/* caller's time: frees since the last look */
	bool no_thread;		/* none could be made: the caller's time */
	uint32_t quiet;		/* ticks without work */
	uint64_t last_ns;	/* when the last tick was */
	int64_t budget;		/* CPU time left, ns */
	uint64_t cpu_seen;
	uint64_t until;		/* CPU time of the thread when that is used up */
	/* demand, in pages: ph.swing and ph.peak of the window before */
	size_t swing;
	size_t peak;
	uint64_t window_ns;	/* when this one began */
	size_t runs_low[AGE_TICKS];	/* fewest free blocks of each tick */
	struct scavenger_stat stat;
} sc;

static void (*on_idle)(void);	/* set once, before there is a thread */

SHIM_WARM void pageheap_on_idle(void (*fn)(void))
{
	on_idle = fn;
}

bool pageheap_has_time(void)
{
	return sys_clock(CLOCK_THREAD_CPUTIME_ID) < sc.until;
}

static size_t slack(void)
{
	return limit_pressure() == LIMIT_FAR ? ph.inuse / SLACK_SHARE : 0;
}

/* Pages that the last minute says will be taken again. */
static size_t demand(void)
{
	size_t swing = ph.swing > sc.swing ? ph.swing : sc.swing;
	size_t up_to = ph.valley + swing;

	if (limit_pressure() == LIMIT_OVER)
		return 0;
	return up_to > ph.inuse ? up_to - ph.inuse : 0;
}

SHIM_WARM bool scavenger_is_wanted(void)
{
	if (ph.idle <= ph.inuse / SLACK_SHARE + KICK_PAGES)
		return false;
	return sc.state == STATE_NONE;
}

/* A window is over: what was learned before the last one is forgotten. */
static void demand_age(uint64_t now)
{
	sc.window_ns = now;
	sc.swing = ph.swing;
	ph.swing = 0;
	ph.top = ph.peak > sc.peak ? ph.peak : sc.peak;
	sc.peak = ph.peak;
	ph.peak = ph.inuse;
	if (ph.top <= ph.inuse) {
		ph.top = ph.inuse;
		ph.valley = ph.inuse;
	}
}

/* Time has passed: count it, and learn from it. */
static void tick(uint64_t now)
{
	if (!sc.window_ns)
		sc.window_ns = now;
	if (now - sc.window_ns > WINDOW_NS)
		demand_age(now);
	sc.budget += (int64_t)((now - sc.last_ns) / BUDGET_SHARE);
	if (sc.budget > BUDGET_BURST)
		sc.budget = BUDGET_BURST;
	sc.last_ns = now;
	ph.tick++;
	ph.holes = 0;
	sc.runs_low[ph.tick % AGE_TICKS] = ph.runs_low;
	ph.runs_low = runs_blocks();
}

/* Whole free blocks that nobody wanted for as long as ages go back. */
static size_t runs_aged(void)
{
	size_t low = sc.runs_low[0];
	unsigned int i;

	for (i = 1; i < AGE_TICKS; i++)
		if (sc.runs_low[i] < low)
			low = sc.runs_low[i];
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
	/* these are gone, and no newer ones have their age */
	for (i = 0; i < AGE_TICKS; i++)
		sc.runs_low[i] -= done / BLOCK_SIZE < sc.runs_low[i] ?
				  done / BLOCK_SIZE : sc.runs_low[i];
	if (!done)
		done = pageheap_release_idlest(urgent ? 0 : AGE_TICKS, urgent);
	return done;
}

/*
 * Do what there is to do, until @until of the thread's CPU time.
 *
 * Return: true if there was anything.
 */
static bool work(uint64_t until)
{
	bool urgent = limit_pressure() == LIMIT_OVER;
	bool any = false, more = true;

	while (more && sys_clock(CLOCK_THREAD_CPUTIME_ID) < until) {
		size_t keep = slack() + demand();

		more = ph.idle > keep && release_some(keep, urgent);
		if (!more)
			more = pageheap_join_one();
		any |= more;
	}
	return any;
}

static void budget_spend(void)
{
	uint64_t cpu = sys_clock(CLOCK_THREAD_CPUTIME_ID);

	sc.budget -= (int64_t)(cpu - sc.cpu_seen);
	sc.stat.cpu_ns += cpu - sc.cpu_seen;
	sc.cpu_seen = cpu;
}

/* One look by the thread.  Returns false when it is not needed any more. */
static bool thread_look(void)
{
	bool busy = false;

	tick(sys_clock(CLOCK_MONOTONIC));
	if (sc.budget > 0)
		busy = work(sc.cpu_seen + (uint64_t)sc.budget);
	budget_spend();
	sc.until = sc.cpu_seen + (uint64_t)(sc.budget > 0 ? sc.budget : 0);
	/* what is kept for demand now is to go when demand is forgotten */
	if (busy || ph.idle > ph.inuse / SLACK_SHARE + KICK_PAGES)
		sc.quiet = 0;
	else
		sc.quiet++;
	return sc.quiet <= LINGER_TICKS;
}

static void thread_main(void)
{
	struct timespec ts = { 0, (long)TICK_NS };
	bool go = true, look, idle;
	size_t heap;

	sys_call3(SYS_prctl, PR_SET_NAME, (long)"shim-scavenger", 0);
	shim_lock_acquire(&ph.lock);
	sc.state = STATE_RUNNING;
	sc.cpu_seen = 0;
	sc.quiet = 0;
	while (go) {
		heap = (ph.inuse + ph.idle) * PAGE_SIZE;
		look = ph.tick % LIMIT_TICKS == 0;
		idle = on_idle && ph.whole && sc.budget > 0 &&
		       ph.tick % IDLE_TICKS == 0;
		shim_lock_release(&ph.lock);
		if (look)
			limit_update(heap);
		if (idle)
			on_idle();
		sys_call3(SYS_nanosleep, (long)&ts, 0, 0);
		shim_lock_acquire(&ph.lock);
		go = thread_look();
	}
	sc.state = STATE_NONE;
	shim_lock_release(&ph.lock);
}

/* No thread to be had: a look now and then, and a short one. */
static void caller_look(void)
{
	uint64_t now;

	if (__atomic_fetch_add(&sc.looks, 1, __ATOMIC_RELAXED) % CALLER_SHARE)
		return;
	shim_lock_acquire(&ph.lock);
	if (sc.state != STATE_NONE)
		goto out;
	now = sys_clock(CLOCK_MONOTONIC);
	if (now - sc.last_ns < TICK_NS)
		goto out;
	sc.state = STATE_RUNNING;
	tick(now);
	sc.cpu_seen = sys_clock(CLOCK_THREAD_CPUTIME_ID);
	if (sc.budget > 0)
		work(sc.cpu_seen + (uint64_t)(sc.budget < CALLER_NS ?
					      sc.budget : CALLER_NS));
	budget_spend();
	sc.state = STATE_NONE;
out:
	shim_lock_release(&ph.lock);
}

void scavenger_kick(void)
{
	uint32_t pid;

	if (!shim_conf.scavenger || sc.no_thread) {
		caller_look();
		return;
	}
	pid = (uint32_t)sys_call3(SYS_getpid, 0, 0, 0);
	shim_lock_acquire(&ph.lock);
	if (!sc.pid)
		sc.pid = pid;
	/*
	 * A child of vfork() runs on our memory but is another process: a
	 * thread of its would be killed by exec(), holding whatever lock.
	 */
	if (sc.state != STATE_NONE || sc.pid != pid) {
		shim_lock_release(&ph.lock);
		return;
	}
	sc.state = STATE_STARTING;
	memset(sc.runs_low, 0, sizeof(sc.runs_low));
	shim_lock_release(&ph.lock);
	if (scavenger_thread_start(thread_main)) {
		__atomic_fetch_add(&sc.stat.starts, 1, __ATOMIC_RELAXED);
		return;
	}
	shim_lock_acquire(&ph.lock);
	sc.state = STATE_NONE;
	sc.stat.fails++;
	/* once may be the last thread that is just ending */
	if (sc.stat.fails > sc.stat.starts + 8)
		sc.no_thread = true;
	shim_lock_release(&ph.lock);
}

void scavenger_get_stat(struct scavenger_stat *st)
{
	*st = sc.stat;
	st->demand = demand() * PAGE_SIZE;
}

void scavenger_fork_child(void)
{
	sc.state = STATE_NONE;
	sc.pid = 0;
	sc.no_thread = false;
	scavenger_thread_forget();
	limit_fork_child();
}
