/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gc: the collector's calls, and its start.
 */
#ifndef SHIM_GC_GC_H
#define SHIM_GC_GC_H

#include <stdbool.h>

/* what the header declares is what the library exports */
#pragma GCC visibility push(default)
#include "include/shim_gc.h"
#pragma GCC visibility pop

extern bool gc_started __attribute__((visibility("hidden")));

/**
 * gc_start - start with settings, once
 * @opts: settings, or NULL
 *
 * Return: 0 or an errno, EBUSY if it was started already.
 */
int gc_start(const struct shim_gc_opts *opts);

bool gc_start_now(void);

/**
 * gc_ready - start the collector, if it has not been started
 *
 * Return: false with errno set if it cannot be.
 */
static inline bool gc_ready(void)
{
	return __builtin_expect(__atomic_load_n(&gc_started, __ATOMIC_ACQUIRE),
				1) || gc_start_now();
}

/* Who calls finalizers. */
enum gc_finalize {
	GC_FINALIZE_THREAD,	/* a thread of the collector */
	GC_FINALIZE_ASKED,	/* whoever calls shim_gc_finalize() */
	GC_FINALIZE_HERE,	/* the thread that has collected */
};

void gc_set_finalize(enum gc_finalize by);

/**
 * gc_on_ready - be told when finalizers wait that have to be asked for
 * @fn: called by the thread that has collected, or NULL
 */
void gc_on_ready(void (*fn)(void));

/**
 * gc_finalize_some - have finalizers called, after a collection
 */
void gc_finalize_some(void);

/**
 * gc_finalize_elsewhere - the same, but never by the caller
 */
void gc_finalize_elsewhere(void);

#endif /* SHIM_GC_GC_H */
