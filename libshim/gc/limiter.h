/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limiter: collections caused by a limit take at most half of the time.
 *
 * A program whose live objects come close to its limit would otherwise do
 * nothing but collect.  It is a leaky bucket, as in Go since 1.19: processor
 * time of the collector fills it, that of the program drains it.  Once it is
 * full, the limit causes no collection, and no thread helps with marking, until
 * the program has had as much time as the last collection took; the heap then
 * exceeds the limit.
 */
#ifndef SHIM_GC_LIMITER_H
#define SHIM_GC_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

/* The bucket's capacity: one second of each processor. */
#define LIMITER_NS	1000000000ull

/**
 * limiter_set_processors - set the number of processors
 * @n: at least 1
 */
void limiter_set_processors(unsigned int n);

/**
 * limiter_collected - a collection has ended
 * @gc_ns: processor time that it took, of all threads
 * @program_ns: that of the program since the last one ended
 */
void limiter_collected(uint64_t gc_ns, uint64_t program_ns);

/**
 * limiter_is_on - does the program have precedence
 * @program_ns: processor time that it had since the last collection ended
 *
 * Needs no lock: a stale value means one collection more or less.
 */
bool limiter_is_on(uint64_t program_ns);

/**
 * limiter_count - how often the bucket became full
 */
uint64_t limiter_count(void);

#endif /* SHIM_GC_LIMITER_H */
