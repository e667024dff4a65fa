/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * rand: numbers and sizes that are the same on every run.
 */
#ifndef BENCH_RAND_H
#define BENCH_RAND_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct work_rand - a source of numbers, the same on every run
 * @state: never 0
 */
struct work_rand {
	uint64_t state;
};

/**
 * work_rand_init - start a sequence
 * @r: the source
 * @seed: any number; equal seeds give equal sequences
 */
static inline void work_rand_init(struct work_rand *r, uint64_t seed)
{
	r->state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	if (!r->state)
		r->state = 1;
}

/**
 * work_rand_next - the next number
 * @r: the source
 *
 * Marsaglia's xorshift with Vigna's multiplier: a few cycles, so that the
 * allocator is what is measured.
 *
 * Return: 64 bits, the upper ones the best.
 */
static inline uint64_t work_rand_next(struct work_rand *r)
{
	uint64_t x = r->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	r->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/**
 * work_rand_below - a number below a bound
 * @r: the source
 * @n: the bound, 1 to 2^32
 *
 * Return: 0 to @n - 1.
 */
static inline uint64_t work_rand_below(struct work_rand *r, uint64_t n)
{
	return ((work_rand_next(r) >> 32) * n) >> 32;
}

/**
 * work_rand_size - a size, each doubling as likely as the next
 * @r: the source
 * @low_log2: 2^low_log2 is the smallest size
 * @high_log2: 2^high_log2 is above the largest
 *
 * Most objects of most programs are small; a logarithmic distribution has as
 * many of 16 to 32 bytes as of 1 to 2 KiB.
 *
 * Return: the size.
 */
static inline size_t work_rand_size(struct work_rand *r, unsigned int low_log2,
				    unsigned int high_log2)
{
	unsigned int log2 = low_log2 +
			    work_rand_below(r, high_log2 - low_log2);

	return ((size_t)1 << log2) + work_rand_below(r, (uint64_t)1 << log2);
}

#endif /* BENCH_RAND_H */
