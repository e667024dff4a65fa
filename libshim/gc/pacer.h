/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pacer: when a collection begins, when it should have ended, and what a thread
 * that allocates owes it.
 *
 * The formulas are those of Go since 1.18.  Amounts are bytes allocated since
 * the last collection ended, unless they are of the heap; a heap is what that
 * collection reached plus what was allocated since.
 */
#ifndef SHIM_GC_PACER_H
#define SHIM_GC_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACER_HEAP_MIN	((size_t)4 << 20)	/* goal of the heap at 100 % */
#define PACER_STEP_MIN	((size_t)64 << 10)	/* goal by the percentage */
/*
 * Least goal by a limit, so that there is some allocation to pay for sweeping.
 */
#define PACER_LIMIT_MIN	((size_t)1 << 20)
#define PACER_ASSIST_MAX ((size_t)64 << 10)	/* a bound, so that no call is slow */
/*
 * Two minutes, so that a program which stops allocating gives back what it has
 * dropped.
 */
#define PACER_PERIOD_NS	120000000000ull

/**
 * struct pacer_seen - what a collection has found
 * @live: bytes of objects that it leaves in use
 * @fresh: of them, allocated while it marked: it does not know which of these
 *	are reached
 * @roots: bytes of roots that it scanned
 * @scanned: bytes of objects that it scanned, without roots
 * @heap: bytes of all spans
 */
struct pacer_seen {
	size_t live;
	size_t fresh;
	size_t roots;
	size_t scanned;
	size_t heap;
};

/**
 * struct pacer_room - memory that the process may still take
 * @limit: the nearest limit of the process or its control groups, 0 for none
 * @left: bytes left below it, whatever uses the rest
 * @over: bytes above it
 * @free: bytes that the process has and does not use
 */
struct pacer_room {
	size_t limit;
	size_t left;
	size_t over;
	size_t free;
};

/**
 * pacer_set_percent - growth of the heap between collections
 * @percent: 1 to 10000
 *
 * Return: the former.
 */
unsigned int pacer_set_percent(unsigned int percent);
unsigned int pacer_get_percent(void);

/**
 * pacer_set_limit - bytes of spans to stay below, as far as collecting can
 *	achieve it
 * @bytes: 0 for none
 *
 * Return: the former.
 */
size_t pacer_set_limit(size_t bytes);
size_t pacer_get_limit(void);

/**
 * pacer_after - note the end of a collection
 * @seen: what it has found
 */
void pacer_after(const struct pacer_seen *seen);

/**
 * pacer_set_room - update how much memory there is
 * @room: the memory
 * @heap: bytes of spans now
 */
void pacer_set_room(const struct pacer_room *room, size_t heap);

/**
 * pacer_marked - note what happened during concurrent marking
 * @allocated: bytes
 * @scanned: bytes
 * @gc_ns: processor time of the collector, including threads that help
 * @all_ns: processor time of the process
 */
void pacer_marked(size_t allocated, size_t scanned, uint64_t gc_ns,
		  uint64_t all_ns);

/**
 * pacer_set_beside - decide whether collections are concurrent
 * @on: if so, they begin before the goal is reached
 */
void pacer_set_beside(bool on);

/**
 * pacer_trigger - bytes allocated at which to begin
 */
size_t pacer_trigger(void);

/**
 * pacer_goal - bytes allocated at which a collection should have ended
 */
size_t pacer_goal(void);

/**
 * pacer_is_limited - does a limit make the next collection early
 */
bool pacer_is_limited(void);

/**
 * pacer_set_lifted - forget the limits for now
 * @on: the limiter is on
 *
 * Trigger and goal then follow the percentage, and no thread helps with
 * marking.
 */
void pacer_set_lifted(bool on);
bool pacer_is_lifted(void);

/**
 * pacer_assist - how much a thread has to mark for what it allocates
 * @bytes: that it allocates
 * @since: bytes allocated
 * @done: bytes scanned in this collection
 *
 * Marking ends before the goal is reached, whoever does it.
 *
 * Return: bytes to scan, PACER_ASSIST_MAX at most.
 */
size_t pacer_assist(size_t bytes, size_t since, size_t done);

/**
 * pacer_sweep_owed - how much should have been swept by now
 * @pages: pages of spans that there were to sweep
 * @since: bytes allocated, including what is about to be
 *
 * All of it by the time that the next collection begins.
 *
 * Return: pages.
 */
size_t pacer_sweep_owed(size_t pages, size_t since);

/* Around fork(). */
void pacer_fork_prepare(void);
void pacer_fork_done(void);

#endif /* SHIM_GC_PACER_H */
