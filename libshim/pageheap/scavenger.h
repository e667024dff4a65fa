/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * scavenger: when to give memory back, in the calls that free.
 *
 * A part of the page heap.  There is no background thread; scavenger.c says
 * why.
 */
#ifndef SHIM_SCAVENGER_H
#define SHIM_SCAVENGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct scavenger_stat - what the scavenger has done
 * @looks: ticks at which idle memory was looked for
 * @drains: calls that gave memory back because much of it was free
 * @demand: bytes kept because, by the last minute, they will be needed
 */
struct scavenger_stat {
	uint64_t looks;
	uint64_t drains;
	size_t demand;
};

#define SCAVENGER_AGES		4u	/* ticks until what nobody used goes */
#define SCAVENGER_WINDOW_NS	30000000000ull	/* two make the minute */
#define SCAVENGER_SLACK		32u	/* part of what is in use may be idle */

/**
 * struct scavenger - what it remembers
 * @calls: of scavenger_work()
 * @steps: of scavenger_has_time() that may still say yes; atomic
 * @due: scavenger_idle_due() is to say so; atomic
 * @stirred: memory has been freed or given back since the last tick; atomic
 * @asks: how many calls may still ask scavenger_pass() until the next tick;
 *	atomic
 * @asked_ns: when a call last did; atomic
 * @last_ns: when the last tick was; atomic
 * @idle_ns: when the last one was that set @due
 * @calm: ticks since memory was last freed or given back
 * @swing: demand, in pages: ph.swing of the window before
 * @peak: ph.peak of the window before
 * @regret: ph.regret of the window before
 * @window_ns: when this window began
 * @runs_low: fewest free blocks of each tick
 * @stat: what it has done
 *
 * Protected by ph.lock, but for what is atomic; a tool reads it from outside.
 */
struct scavenger {
	uint32_t calls;
	int32_t steps;
	bool due;
	bool stirred;
	int32_t asks;
	uint64_t asked_ns;
	uint64_t last_ns;
	uint64_t idle_ns;
	uint32_t calm;
	size_t swing;
	size_t peak;
	size_t regret;
	uint64_t window_ns;
	size_t runs_low[SCAVENGER_AGES];
	struct scavenger_stat stat;
};

extern struct scavenger scav __attribute__((visibility("hidden")));

/**
 * scavenger_work - to be called when pages became free, or the heap has grown
 *
 * Called with ph.lock held, which may be dropped in between, and no other lock
 * of this layer or below.  Does a part of the pending work.
 */
void scavenger_work(void);

/**
 * scavenger_pass - some time may have passed
 * @asked: by a request that took the slow path for this
 *
 * For a process that frees no pages: does what a tick does, if one is due.  Called
 * with no lock of this layer or below held.
 *
 * Return: true while requests should go on to ask: memory was freed, or given
 * back, not long ago, and not many have asked since the last tick.
 */
bool scavenger_pass(bool asked);

/**
 * scavenger_stir - memory that may be worth giving back was freed, or was given
 *	back
 *
 * There are ticks until nothing has stirred for CALM_TICKS of them.  Takes no lock.
 */
void scavenger_stir(void);

/**
 * scavenger_idle_due - is it time for the periodic work of the layers above
 *
 * True for one caller every 300 ms, or at the next tick; that caller
 * empties the caches of idle CPUs and purges spans that are hardly used.  Takes
 * no lock.
 */
bool scavenger_idle_due(void);

/**
 * scavenger_has_time - may the caller to which scavenger_idle_due() said yes go
 *	on
 *
 * Return: false when it has done its share; the rest is for the next time.
 */
bool scavenger_has_time(void);

/**
 * scavenger_may_spend - may a caller that frees give memory back at once
 *
 * Takes no lock.
 *
 * Return: false when the credit for freed memory is used up; never near a
 * limit.
 */
bool scavenger_may_spend(void);

/**
 * scavenger_spend - a caller has given memory back that it could not pay for
 * @ns: what that has cost; from the credit of the pages that were freed
 */
void scavenger_spend(size_t ns);

/**
 * scavenger_get_stat - take the numbers
 * @st: filled in
 *
 * Called with ph.lock held.
 */
void scavenger_get_stat(struct scavenger_stat *st);

/**
 * scavenger_fork_child - start again in the child of a fork
 *
 * Called with ph.lock held.
 */
void scavenger_fork_child(void);

#endif /* SHIM_SCAVENGER_H */
