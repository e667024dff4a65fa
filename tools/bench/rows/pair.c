// SPDX-License-Identifier: GPL-2.0-only
/*
 * pair: malloc() followed at once by free(), the allocator's fast path.
 *
 * Nothing accumulates: at most one object lives, so the figures are the cost of
 * the shortest way through each allocator, size by size.
 */
#include <err.h>
#include <stdlib.h>

#include "work.h"

static uint64_t pair_run(uint64_t count, size_t size)
{
	uint64_t sum = 0, i;
	uint64_t *p;

	for (i = 0; i < count; i++) {
		p = malloc(size);
		if (!p)
			err(1, "malloc of %zu bytes", size);
		*p = i;
		/* keep the store: another thread could look, says volatile */
		sum += *(volatile uint64_t *)p;
		free(p);
	}
	return sum;
}

static uint64_t pair_16(const struct work_env *env)
{
	return pair_run(work_count(env, 45000000), 16);
}

static uint64_t pair_64(const struct work_env *env)
{
	return pair_run(work_count(env, 45000000), 64);
}

static uint64_t pair_1k(const struct work_env *env)
{
	return pair_run(work_count(env, 45000000), 1024);
}

static uint64_t pair_32k(const struct work_env *env)
{
	return pair_run(work_count(env, 20000000), 32768);
}

#define PAIR_SIZES	4096	/* a power of two; drawn before the clock */

static uint64_t pair_mixed(const struct work_env *env)
{
	uint64_t count = work_count(env, 20000000), sum = 0, i;
	static uint16_t sizes[PAIR_SIZES];
	struct work_rand r;
	uint64_t *p;

	work_rand_init(&r, 1);
	for (i = 0; i < PAIR_SIZES; i++)
		sizes[i] = (uint16_t)work_rand_size(&r, 3, 13);
	for (i = 0; i < count; i++) {
		p = malloc(sizes[i & (PAIR_SIZES - 1)]);
		if (!p)
			err(1, "malloc");
		*p = i;
		sum += *(volatile uint64_t *)p;
		free(p);
	}
	return sum;
}

#define PAIR_DEPTH	8	/* objects of one call of a function */

/* A function takes a few objects of different sizes and frees them. */
static uint64_t pair_frame(const struct work_env *env)
{
	static const size_t sizes[PAIR_DEPTH] = {
		24, 40, 120, 16, 512, 64, 200, 32
	};
	uint64_t count = work_count(env, 5000000), sum = 0, i;
	uint64_t *p[PAIR_DEPTH];
	int k;

	for (i = 0; i < count; i++) {
		for (k = 0; k < PAIR_DEPTH; k++) {
			p[k] = malloc(sizes[k]);
			if (!p[k])
				err(1, "malloc");
			*p[k] = i + (uint64_t)k;
		}
		for (k = PAIR_DEPTH - 1; k >= 0; k--) {
			sum += *(volatile uint64_t *)p[k];
			free(p[k]);
		}
	}
	return sum;
}

static uint64_t pair_calloc(const struct work_env *env)
{
	uint64_t count = work_count(env, 12000000), sum = 0, i;
	uint64_t *p;

	for (i = 0; i < count; i++) {
		size_t size = 32 + (i & 15) * 16;

		p = calloc(1, size);
		if (!p)
			err(1, "calloc");
		sum += ((volatile uint64_t *)p)[size / 8 - 1];
		p[size / 8 - 1] = ~0ULL;	/* dirty, for the next one */
		p[0] = i;
		sum += *(volatile uint64_t *)p;
		free(p);
	}
	return sum;
}

static uint64_t pair_aligned(const struct work_env *env)
{
	uint64_t count = work_count(env, 5000000), sum = 0, i;
	uint64_t *p;

	for (i = 0; i < count; i++) {
		size_t align = (size_t)32 << (i & 7);	/* 32 to 4096 */

		p = aligned_alloc(align, align * (1 + (i & 3)));
		if (!p)
			err(1, "aligned_alloc");
		*p = (uintptr_t)p & (align - 1);	/* 0 if it is aligned */
		sum += *(volatile uint64_t *)p + i;
		free(p);
	}
	return sum;
}

const struct work work_pair[] = {
	{ "pair-16", "one 16-byte object at a time", pair_16 },
	{ "pair-64", "one 64-byte object at a time", pair_64 },
	{ "pair-1k", "one object of 1 KiB at a time", pair_1k },
	{ "pair-32k", "one buffer of 32 KiB at a time", pair_32k },
	{ "pair-mixed", "one object of 8 B to 8 KiB at a time", pair_mixed },
	{ "frame", "a function's eight objects of eight sizes", pair_frame },
	{ "calloc-small", "zeroed objects of 32 to 272 bytes", pair_calloc },
	{ "aligned", "objects aligned to 32 B to 4 KiB", pair_aligned },
	{ NULL, NULL, NULL }
};
