/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * advice: how large a pool would have been large enough.
 */
#ifndef TOOLS_ADVICE_H
#define TOOLS_ADVICE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct advice - first touches over time, and the pool for them
 * @window: seconds in which the pool is not filled again
 * @seconds: looked at
 * @touches: blocks that were touched first: 2 MiB each
 * @cleared: of these, cleared in the fault, as no zeroed block was there
 * @small: faults of 4 KiB, as no block was to be had
 * @peak: the most blocks in any window
 */
struct advice {
	double window, seconds;
	uint64_t touches, cleared, small, peak;
};

/**
 * struct advice_point - counters at one moment
 * @t: seconds
 * @touches: as in struct advice, ever
 * @cleared: the same
 * @small: the same
 */
struct advice_point {
	double t;
	uint64_t touches, cleared, small;
};

/**
 * advice_add - look at one process, or at the machine, over time
 * @a: @window set; what is found is added, as if all came together
 * @v: points, in order of time
 * @n: how many
 */
void advice_add(struct advice *a, const struct advice_point *v, size_t n);

/* Bytes: a quarter more than the peak, in whole blocks. */
uint64_t advice_bytes(const struct advice *a);

#endif
