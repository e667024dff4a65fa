/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcstart: the settings of the collector, its start, and fork.
 */
#ifndef SHIM_GC_START_H
#define SHIM_GC_START_H

#include <stdbool.h>

#include "gcexport.h"

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

#endif /* SHIM_GC_START_H */
