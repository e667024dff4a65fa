/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cycle_int: the parts that collections are made of.
 *
 * The cycle's lock is held for all of them.
 */
#ifndef SHIM_GC_CYCLE_INT_H
#define SHIM_GC_CYCLE_INT_H

#include "cycle.h"
#include "gcinspect.h"
#include "gcspan.h"
#include "pacer.h"

/* What the current collection has found, for the pacer. */
extern struct pacer_seen cycle_seen __attribute__((visibility("hidden")));

/* The same of itself, for tools. */
extern struct gc_round cycle_round __attribute__((visibility("hidden")));

/* Lies in a mapping, so that its queue is not a root. */
extern struct marker *cycle_marker __attribute__((visibility("hidden")));

/**
 * cycle_make_marker - make the cycle's marker, unless there is one
 *
 * Return: false if there is no memory.
 */
bool cycle_make_marker(void);

/**
 * cycle_lock_all - take the locks that stopped threads must not have
 */
void cycle_lock_all(void);
void cycle_unlock_all(void);

/* World stopped, from here on. */

/**
 * cycle_mark_caches - begin to mark, with the objects that threads have and did
 *	not hand out
 */
void cycle_mark_caches(void);

/**
 * cycle_each_span - visit every span to scan marked objects again
 * @fn: called with each; objects that were not handed out have neither bit set
 * @arg: for it
 */
void cycle_each_span(void (*fn)(struct gcspan *s, void *arg), void *arg);

/**
 * cycle_mark_roots - shade what roots point to
 * @sp: where the caller's own stack ends
 */
void cycle_mark_roots(uintptr_t sp);

/**
 * cycle_mark_all - turn all grey objects black, then handle specials
 */
void cycle_mark_all(void);

/**
 * cycle_mark_for_check - mark from the beginning, without specials
 * @sp: where the caller's own stack ends
 */
void cycle_mark_for_check(uintptr_t sp);

/**
 * cycle_check_marks - does a black object point to a white one
 *
 * Reports the first such pointer, and marks all.
 *
 * Return: objects that were not marked.
 */
unsigned int cycle_check_marks(void);

/* Collections beside the program: cycle_run.c. */
bool cycle_run_is_on(void);
bool cycle_run_is_marking(void);

/* Does a thread that does not stop keep a collection from ending? */
bool cycle_run_is_stuck(void);
bool cycle_run_is_due(void);

/* No more of them. */
void cycle_run_off(void);

/* Request a collection, however little was allocated. */
void cycle_run_begin(void);
bool cycle_run_locked(void);
void cycle_run_fork_child(void);

/**
 * cycle_assist - make a thread that allocates help with marking
 * @bytes: that it allocates
 * @since: bytes allocated since the last collection
 *
 * Return: false if marking is so far behind that the thread has to wait.
 */
bool cycle_assist(size_t bytes, size_t since);

void cycle_count_pause(uint64_t ns);

/**
 * cycle_count_stopped - count what was scanned in this stop
 * @before: bytes that the cycle's marker had scanned when it began
 */
void cycle_count_stopped(size_t before);

/**
 * cycle_begun - a collection begins
 */
void cycle_begun(void);

/**
 * cycle_ended - a collection has ended: tell the pacer, and tools
 * @reason: why it began
 * @gc_ns: processor time that it took, of all threads
 *
 * The world runs.
 */
void cycle_ended(enum cycle_reason reason, uint64_t gc_ns);

/**
 * cycle_is_old - was the last collection so long ago that one should begin
 *
 * Not if nothing was allocated since one that began for that reason.
 *
 * Return: true if so, never while collections are disabled.
 */
bool cycle_is_old(void);
bool cycle_is_disabled(void);

/**
 * cycle_pay - make a thread that allocates pay, while there is no marking
 * @since: bytes allocated since the last collection, including its request
 *
 * Sweeps what it owes, and checks the limits now and then.
 */
void cycle_pay(size_t since);
void cycle_pace_fork_child(void);

/* Processor time of the process, or of the calling thread. */
uint64_t cycle_cpu(void);
uint64_t cycle_own_cpu(void);

/**
 * cycle_give_up - report that a thread did not stop
 */
void cycle_give_up(void);

#endif /* SHIM_GC_CYCLE_INT_H */
