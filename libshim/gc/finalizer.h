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
#define FINALIZER_ORDERED		0	/* those that others with one reach */
#define FINALIZER_NO_ORDER	1	/* none */
#define FINALIZER_IGNORE_SELF	2	/* as ORDERED, but not for itself */
#define FINALIZER_LAST		3	/* those that any other with one reaches */

typedef void (*finalizer_fn)(void *p, void *arg);

/**
 * finalizer_set - set, change or (with @fn NULL) take away a finalizer
 * @p: first byte of an object
 * @fn: called once nobody reaches @p
 * @arg: its second argument; kept alive
 * @order: FINALIZER_*
 * @old_fn: out, may be NULL: the former
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
 * finalizer_run - run those that are ready
 *
 * No lock held.  Not while a finalizer of the same thread is running.
 *
 * Return: how many.
 */
size_t finalizer_run(void);

/**
 * finalizer_all_ready - every finalizer there is becomes ready
 */
void finalizer_all_ready(void);

/* Who calls finalizers. */
enum finalizer_caller {
	FINALIZER_THREAD,	/* a thread of the collector */
	FINALIZER_ASKED,	/* whoever calls shim_gc_finalize() */
	FINALIZER_HERE,	/* the thread that has collected */
};

void finalizer_call_by(enum finalizer_caller by);

/**
 * finalizer_call_on_ready - be told when finalizers wait that have to be asked for
 * @fn: called by the thread that has collected, or NULL
 */
void finalizer_call_on_ready(void (*fn)(void));

/**
 * finalizer_call - have finalizers called, after a collection
 */
void finalizer_call(void);

/**
 * finalizer_call_elsewhere - the same, but never by the caller
 */
void finalizer_call_elsewhere(void);

#endif /* SHIM_GC_FINALIZER_H */
