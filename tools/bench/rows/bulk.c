// SPDX-License-Identifier: GPL-2.0-only
/*
 * bulk: many objects at once, and nothing else; sizes by turns; growth in steps.
 *
 * Interpreters, parsers and batch programs fill memory and drop it as a whole:
 * what counts is not the pair but the way of an object from its span and back.
 * The objects are hardly written, so the figures are the allocator's own cost.
 */
#include <err.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define BULK_OBJECTS	100000
#define BULK_SIZE	40

/* malloc(), and a number in the first eight bytes. */
static inline void *bulk_alloc(size_t size, uint64_t tag)
{
	uint64_t *p = malloc(size);

	if (!p)
		err(1, "malloc of %zu bytes", size);
	*p = tag;
	return p;
}

static inline uint64_t bulk_free(void *p)
{
	uint64_t tag = work_tag(p);

	free(p);
	return tag;
}

static uint64_t bulk_forward(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 250), sum = 0, i, k;
	static void *object[BULK_OBJECTS];

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < BULK_OBJECTS; k++)
			object[k] = bulk_alloc(BULK_SIZE, i + k);
		for (k = 0; k < BULK_OBJECTS; k++)
			sum += bulk_free(object[k]);
	}
	return sum;
}

static uint64_t bulk_reverse(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 250), sum = 0, i, k;
	static void *object[BULK_OBJECTS];

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < BULK_OBJECTS; k++)
			object[k] = bulk_alloc(BULK_SIZE, i + k);
		for (k = BULK_OBJECTS; k--;)
			sum += bulk_free(object[k]);
	}
	return sum;
}

#define BULK_BURST	32768	/* the most objects of one burst */

/*
 * A pool of connections or tasks: bursts of some size at random, each ended as
 * a whole, and single objects in between.
 */
static uint64_t bulk_burst(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 3000), sum = 0, i, k, n;
	static void *object[BULK_BURST];
	struct work_rand r;

	work_rand_init(&r, 31);
	for (i = 0; i < rounds; i++) {
		n = work_rand_size(&r, 6, 15);
		for (k = 0; k < n; k++)
			object[k] = bulk_alloc(64 + (k & 3) * 96, i + k);
		for (k = 0; k < n; k++)
			sum += bulk_free(object[k]);
		for (k = 0; k < 1000; k++)
			sum += bulk_free(bulk_alloc(200, k));
	}
	return sum;
}

#define BULK_PHASES	6
#define BULK_PHASE	(24 << 20)	/* bytes at the top of each phase */
#define BULK_SLOTS	(BULK_PHASE / 48)

/* Phases of other sizes, each of which leaves nothing to the next. */
static uint64_t bulk_phases(const struct work_env *env)
{
	static const size_t sizes[BULK_PHASES] = {
		48, 720, 176, 4000, 96, 12000
	};
	void **slots = malloc(BULK_SLOTS * sizeof(*slots));
	uint64_t rounds = work_count(env, 8), sum = 0, i;
	unsigned int phase;
	size_t n, k;

	work_check(!!slots, "no memory");
	for (i = 0; i < rounds; i++)
		for (phase = 0; phase < BULK_PHASES; phase++) {
			n = BULK_PHASE / sizes[phase];
			for (k = 0; k < n; k++)
				slots[k] = work_alloc(sizes[phase], k);
			for (k = 0; k < n; k++)
				sum += bulk_free(slots[k]);
		}
	free(slots);
	return sum;
}

#define BULK_GROWN	256	/* strings or arrays that are alive at once */

/* Small arrays that double from 16 bytes to 128, by realloc(). */
static uint64_t bulk_grow(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 40000), sum = 0, i;
	static uint64_t *array[BULK_GROWN];
	size_t size;
	int k;

	for (i = 0; i < rounds; i++) {
		for (size = 16; size <= 128; size *= 2)
			for (k = 0; k < BULK_GROWN; k++) {
				array[k] = realloc(array[k], size);
				if (!array[k])
					err(1, "realloc");
				array[k][size / 8 - 1] = i + size;
			}
		for (k = 0; k < BULK_GROWN; k++) {
			sum += array[k][1] + array[k][15];
			free(array[k]);
			array[k] = NULL;
		}
	}
	return sum;
}

static uint64_t bulk_turns(uint64_t count, const size_t *sizes, unsigned int n)
{
	uint64_t sum = 0, i;
	unsigned int k;

	for (i = 0; i < count; i++)
		for (k = 0; k < n; k++)
			sum += bulk_free(bulk_alloc(sizes[k], i + k));
	return sum;
}

/* A buffer to read into and one to write from: two large sizes by turns. */
static uint64_t bulk_two(const struct work_env *env)
{
	static const size_t sizes[2] = { 64 << 10, 256 << 10 };

	return bulk_turns(work_count(env, 5000000), sizes, 2);
}

/* Many large sizes by turns, 40 KiB to 900 KiB. */
static uint64_t bulk_many(const struct work_env *env)
{
	static const size_t sizes[7] = {
		40 << 10, 100 << 10, 900 << 10, 64 << 10, 384 << 10, 200 << 10,
		500 << 10,
	};

	return bulk_turns(work_count(env, 300000), sizes, 7);
}

#define BULK_BUFFERS	48
#define BULK_STEP	((size_t)20 << 10)
#define BULK_END	((size_t)4 << 20)

/* Buffers that grow by a step at a time, one among many that do the same. */
static uint64_t bulk_steps(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 4), sum = 0, i;
	static char *buffer[BULK_BUFFERS];
	static size_t size[BULK_BUFFERS];
	struct work_rand r;
	unsigned int k;
	size_t at;

	work_rand_init(&r, 32);
	for (i = 0; i < rounds; i++) {
		for (at = 0; at < BULK_BUFFERS * (BULK_END / 2); at += BULK_STEP) {
			k = (unsigned int)work_rand_below(&r, BULK_BUFFERS);
			if (size[k] >= BULK_END)
				continue;
			buffer[k] = realloc(buffer[k], size[k] + BULK_STEP);
			work_check(!!buffer[k], "realloc");
			memset(buffer[k] + size[k], 'a' + (int)(k % 26),
			       BULK_STEP);
			size[k] += BULK_STEP;
		}
		for (k = 0; k < BULK_BUFFERS; k++) {
			if (size[k])
				sum += size[k] + (unsigned char)buffer[k][size[k] / 2];
			free(buffer[k]);
			buffer[k] = NULL;
			size[k] = 0;
		}
	}
	return sum;
}

#define BULK_TAILS	60

/* Objects of a MiB and one byte: what is behind the last byte is never used. */
static uint64_t bulk_tails(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 10), sum = 0, i;
	static char *object[BULK_TAILS];
	size_t size;
	int k;

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < BULK_TAILS; k++) {
			size = ((size_t)1 << (20 + k % 2)) + 1;
			object[k] = malloc(size);
			work_check(!!object[k], "no memory");
			memset(object[k], k, size);
		}
		for (k = 0; k < BULK_TAILS; k++) {
			sum += (unsigned char)object[k][1 << 20];
			free(object[k]);
		}
	}
	return sum;
}

const struct work work_bulk[] = {
	{ "bulk-40", "100,000 objects of 40 B, freed in order", bulk_forward },
	{ "bulk-back", "the same, the last one first", bulk_reverse },
	{ "burst", "bursts of 64 to 32,768 objects", bulk_burst },
	{ "phases", "the size in use changes, nothing left", bulk_phases },
	{ "grow-small", "realloc() from 16 to 128 B", bulk_grow },
	{ "two-large", "64 KiB and 256 KiB by turns", bulk_two },
	{ "many-large", "seven sizes of 40 to 900 KiB by turns", bulk_many },
	{ "steps", "48 buffers that grow by 20 KiB", bulk_steps },
	{ "tails", "objects of one byte over a MiB or two", bulk_tails },
	{ NULL, NULL, NULL }
};
