/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cycle: one collection from beginning to end, and when it begins.
 *
 * One lock serialises collections.  It is the first of all of the collector's
 * locks:
 *
 *	cycle > special > registry > classes > roots > map > meta
 *
 * and the pacer's is taken with the cycle's held, never with the world stopped.
 */
#ifndef SHIM_GC_CYCLE_H
#define SHIM_GC_CYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a collection begins. */
enum cycle_reason {
	CYCLE_GOAL,		/* the goal was reached */
	CYCLE_CALL,		/* it was requested */
	CYCLE_MEMORY,		/* there is no memory left */
	CYCLE_PERIOD,		/* the last one was long ago */
	CYCLE_REASONS
};

/**
 * struct cycle_stat - statistics of collections, under the cycle's lock
 */
struct cycle_stat {
	uint64_t collections;
	uint64_t failed;
	uint64_t pause_ns;
	uint64_t pause_max_ns;
	uint64_t pause_sum_ns;
	uint64_t pause_scanned_max;
	uint64_t live;
	uint64_t concurrent;
	uint64_t missed;
	uint64_t assisted;
	uint64_t stops;
	uint64_t scanned;
	uint64_t reason[CYCLE_REASONS];
};

extern struct cycle_stat cycle_stat __attribute__((visibility("hidden")));

/**
 * cycle_collect - make a whole collection
 * @reason: why
 *
 * No lock held.
 *
 * Return: false if a thread could not be stopped: nothing has changed.
 */
bool cycle_collect(enum cycle_reason reason);

/**
 * cycle_verify - stop, check and mark without freeing
 *
 * Return: the number of violations, or -1 if a thread could not be stopped.
 */
int cycle_verify(void);

/**
 * cycle_before_alloc - a thread is about to take memory out of spans
 * @bytes: how much
 *
 * Collects if it is time, otherwise marks or sweeps what the thread owes for
 * that much.  No lock held.
 */
void cycle_before_alloc(size_t bytes);

/**
 * cycle_begin - start a collection beside the program
 *
 * However little was allocated since the last one.  Not in mode SHIM_GC_STOP.
 *
 * Return: 0, or an errno if the thread that collects cannot be made.
 */
int cycle_begin(void);

/**
 * cycle_set_period - set how long after the last collection the next one begins
 *	in any case
 * @ns: nanoseconds, 0 for never
 */
void cycle_set_period(uint64_t ns);

/**
 * cycle_publish - tell tools how things stand
 *
 * No lock held but the cycle's, the world runs.
 */
void cycle_publish(void);

/**
 * cycle_set_mode - choose how collections run
 * @mode: enum shim_gc_mode; called once
 */
void cycle_set_mode(unsigned int mode);
unsigned int cycle_get_mode(void);

void cycle_set_verify(bool on);

/**
 * cycle_on_event - see shim_gc_on_event()
 */
void cycle_on_event(void (*fn)(unsigned int event));

/**
 * cycle_no_memory - collect because there is no memory
 *
 * Return: true if it makes sense to try again.
 */
bool cycle_no_memory(void);

/**
 * cycle_set_disabled - stop or resume collecting by itself
 * @delta: 1 to stop, -1 to resume; calls are counted
 */
void cycle_set_disabled(int delta);

/**
 * cycle_on_begin - set a function to be called when a collection begins
 * @fn: called by the thread that collects, before it takes a lock, or NULL
 */
void cycle_on_begin(void (*fn)(void));

struct marker;

/**
 * cycle_on_roots - set a function to be called when roots are looked at
 * @fn: called after all others, with the world stopped; or NULL
 */
void cycle_on_roots(void (*fn)(struct marker *m));

/**
 * cycle_stay_stopped - from now on stop the world for whole collections, in which
 *	the thread that collects marks alone
 */
void cycle_stay_stopped(void);

/* Around fork(). */
void cycle_fork_prepare(void);
void cycle_fork_parent(void);
void cycle_fork_child(void);

#endif /* SHIM_GC_CYCLE_H */
