/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limiter: collections that a limit causes take half of the time at most.
 *
 * A program whose live objects come close to its limit would otherwise do
 * nothing but collect.  A bucket with a hole, as in Go since 1.19: what the
 * collector computes goes in, what the program computes runs out.  Once it is
 * full the limit causes no collection, and nobody marks along, until the program
 * has had as much time as the last collection took; the heap then exceeds the
 * limit.
 */
#ifndef SHIM_GC_LIMITER_H
#define SHIM_GC_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

/* What the bucket holds: a second of each processor. */
#define LIMITER_NS	1000000000ull

/**
 * limiter_set_processors - how many there are
 * @n: at least 1
 */
void limiter_set_processors(unsigned int n);

/**
 * limiter_collected - a collection has ended
 * @gc_ns: processor time that it took, of all threads
 * @program_ns: what the program had since the last one ended
 */
void limiter_collected(uint64_t gc_ns, uint64_t program_ns);

/**
 * limiter_is_on - must the program go on
 * @program_ns: processor time that it had since the last collection ended
 *
 * Needs no lock: a value that is late costs a collection more or less.
 */
bool limiter_is_on(uint64_t program_ns);

/**
 * limiter_count - how often the bucket became full
 */
uint64_t limiter_count(void);

#endif /* SHIM_GC_LIMITER_H */
