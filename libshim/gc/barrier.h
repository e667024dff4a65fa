/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * barrier: what a store has to do while the marker is at work.
 *
 * An object is lost when a black object comes to point to it and no grey one
 * leads to it any more.  Either half of the barrier makes that impossible:
 *
 *	shade the old value	deletion: what was reached when marking began
 *				is marked, whatever happens to the pointers
 *	shade the new value	insertion: nothing black points to white;
 *				stacks are looked at again at the end
 *
 * The storing thread shades into its own queue, and shares a part of it when it
 * grows.  A thread is not stopped within a store, but right after it.
 */
#ifndef SHIM_GC_BARRIER_H
#define SHIM_GC_BARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "gcthread.h"
#include "mark.h"

/* Bits of shim_gc_barrier, which stores test. */
#define BARRIER_OLD	1u
#define BARRIER_NEW	2u

/**
 * barrier_set - choose what stores shade from now on
 * @what: BARRIER_*, 0 for nothing
 *
 * The world is stopped.
 */
void barrier_set(unsigned int what);

/**
 * barrier_begin - from here on the caller cannot be stopped
 * barrier_end - from here on it can be stopped again
 */
void barrier_begin(void);
void barrier_end(void);

/**
 * barrier_marker - the queue of the calling thread
 *
 * Between barrier_begin() and barrier_end().
 *
 * Return: the queue, or NULL if there is no memory for one.
 */
struct marker *barrier_marker(void);

/**
 * barrier_shade - keep the object that a value points to, if marking is under
 *	way
 * @p: any value, about to be used by the calling thread
 */
void barrier_shade(uintptr_t p);

/**
 * barrier_leave - share all of the queue of a thread that ends
 * @t: the caller's record
 */
void barrier_leave(struct gcthread *t);

/**
 * barrier_gather - share the queues of all threads
 * @m: the marker to which their counts are added
 *
 * The world is stopped.
 */
void barrier_gather(struct marker *m);

#endif /* SHIM_GC_BARRIER_H */
