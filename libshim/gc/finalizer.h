/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * finalizer: what is called once an object is no longer reached.
 *
 *   finalizer.c		which objects have one, and which are ready
 *   finalizer_call.c	who calls those that are ready
 */
#ifndef SHIM_GC_FINALIZER_H
#define SHIM_GC_FINALIZER_H

#include <stdbool.h>
#include <stddef.h>

/* flags of a finalizer: which objects wait for others */
#define FINALIZER_ORDERED		0	/* objects that are reached by others with one */
#define FINALIZER_NO_ORDER	1	/* none */
#define FINALIZER_IGNORE_SELF	2	/* as ORDERED, but ignoring pointers to itself */
#define FINALIZER_LAST		3	/* objects that any other with one reaches */

typedef void (*finalizer_fn)(void *p, void *arg);

/**
 * finalizer_set - set, change or (with @fn NULL) remove a finalizer
 * @p: first byte of an object
 * @fn: called once @p is no longer reached
 * @arg: its second argument; kept alive
 * @order: FINALIZER_*
 * @old_fn: out, may be NULL: the former one
 * @old_arg: the same
 *
 * Return: 0, EINVAL or ENOMEM.
 */
int finalizer_set(void *p, finalizer_fn fn, void *arg, unsigned int order,
		  finalizer_fn *old_fn, void **old_arg);

/**
 * finalizer_nr_ready - finalizers that wait to be run
 */
size_t finalizer_nr_ready(void);

/**
 * finalizer_run - call the finalizers that are ready
 *
 * No lock held.  Does nothing while a finalizer runs in the same thread.
 *
 * Return: how many.
 */
size_t finalizer_run(void);

/**
 * finalizer_all_ready - make every finalizer ready
 */
void finalizer_all_ready(void);

/* Who calls finalizers. */
enum finalizer_caller {
	FINALIZER_THREAD,	/* a thread of the collector */
	FINALIZER_ASKED,	/* the caller of shim_gc_finalize() */
	FINALIZER_HERE,	/* the thread that has collected */
};

void finalizer_call_by(enum finalizer_caller by);

/**
 * finalizer_call_on_ready - set a function to be called when finalizers wait
 *	for shim_gc_finalize()
 * @fn: called by the thread that has collected, or NULL
 */
void finalizer_call_on_ready(void (*fn)(void));

/**
 * finalizer_call - have finalizers called after a collection
 */
void finalizer_call(void);

/**
 * finalizer_call_elsewhere - the same, but never by the caller
 */
void finalizer_call_elsewhere(void);

#endif /* SHIM_GC_FINALIZER_H */
