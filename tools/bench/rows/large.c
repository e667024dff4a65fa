// SPDX-License-Identifier: GPL-2.0-only
/*
 * large: blocks of many OS pages, and blocks that grow.
 *
 * Here the allocator decides what the kernel does: how often it maps, unmaps,
 * zeroes, faults and copies.
 */
#include <err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "work.h"

#define LARGE_SLOTS	64

/* Buffers of 64 KiB to 4 MiB, replaced at random, written in every OS page. */
static uint64_t large_mixed(const struct work_env *env)
{
	uint64_t count = work_count(env, 8000), sum = 0, i;
	static void *slots[LARGE_SLOTS];
	struct work_rand r;
	void **slot;

	work_rand_init(&r, 11);
	for (i = 0; i < count; i++) {
		slot = &slots[work_rand_below(&r, LARGE_SLOTS)];
		if (*slot) {
			sum += work_tag(*slot);
			free(*slot);
		}
		*slot = work_alloc(work_rand_size(&r, 16, 22), i);
	}
	for (i = 0; i < LARGE_SLOTS; i++)
		free(slots[i]);
	return sum;
}

/* One buffer of 8 to 64 MiB at a time, as an image or a video frame. */
static uint64_t large_huge(const struct work_env *env)
{
	uint64_t count = work_count(env, 35), sum = 0, i;
	struct work_rand r;
	void *p;

	work_rand_init(&r, 12);
	for (i = 0; i < count; i++) {
		p = work_alloc(work_rand_size(&r, 23, 26), i);
		sum += work_tag(p);
		free(p);
	}
	return sum;
}

/* A buffer of 256 KiB at a time, a quarter written: read(), parse, drop. */
static uint64_t large_buffer(const struct work_env *env)
{
	uint64_t count = work_count(env, 1200000), sum = 0, i;
	uint64_t *p;

	for (i = 0; i < count; i++) {
		p = malloc(256 << 10);
		if (!p)
			err(1, "malloc");
		work_fill(p, 64 << 10, i);
		sum += work_tag(p);
		free(p);
	}
	return sum;
}

#define LARGE_VECTORS	16
#define LARGE_ELEMENTS	400000

/* Vectors that double when full, several growing together. */
static uint64_t large_vector(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 8), sum = 0, i, k;
	uint64_t *vector[LARGE_VECTORS], capacity;
	int v;

	for (i = 0; i < rounds; i++) {
		memset(vector, 0, sizeof(vector));
		capacity = 0;
		for (k = 0; k < LARGE_ELEMENTS; k++) {
			if (k == capacity) {
				capacity = capacity ? 2 * capacity : 4;
				for (v = 0; v < LARGE_VECTORS; v++) {
					vector[v] = realloc(vector[v],
							    capacity * 8);
					work_check(!!vector[v],
						   "realloc");
				}
			}
			for (v = 0; v < LARGE_VECTORS; v++)
				vector[v][k] = i + k;
		}
		for (v = 0; v < LARGE_VECTORS; v++) {
			sum += vector[v][LARGE_ELEMENTS - 1] + vector[v][1];
			free(vector[v]);
		}
	}
	return sum;
}

#define LARGE_TEXT	200000	/* bytes of a finished text */
#define LARGE_TEXTS	8

/* Texts that grow a line at a time, by realloc() to the exact size. */
static uint64_t large_append(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 160), sum = 0, i, k;
	char *text[LARGE_TEXTS];
	size_t size[LARGE_TEXTS];
	struct work_rand r;
	int t;

	work_rand_init(&r, 13);
	for (i = 0; i < rounds; i++) {
		memset(text, 0, sizeof(text));
		memset(size, 0, sizeof(size));
		for (k = 0; k < LARGE_TEXTS * LARGE_TEXT / 64; k++) {
			size_t line = 16 + work_rand_below(&r, 96);

			t = (int)(k % LARGE_TEXTS);
			text[t] = realloc(text[t], size[t] + line);
			work_check(!!text[t], "realloc");
			memset(text[t] + size[t], 'a' + t, line);
			size[t] += line;
		}
		for (t = 0; t < LARGE_TEXTS; t++) {
			sum += size[t] + (unsigned char)text[t][size[t] / 2];
			free(text[t]);
		}
	}
	return sum;
}

/* Zeroed tables of 64 KiB to 2 MiB of which one OS page in eight is used. */
static uint64_t large_calloc(const struct work_env *env)
{
	uint64_t count = work_count(env, 45000), sum = 0, i;
	unsigned char *table;
	struct work_rand r;
	size_t size, k;

	work_rand_init(&r, 14);
	for (i = 0; i < count; i++) {
		size = work_rand_size(&r, 16, 21);
		table = calloc(size, 1);
		work_check(!!table, "calloc");
		for (k = 0; k < size; k += 8 * 4096) {
			sum += table[k];
			table[k] = 1;
			sum += table[k];
		}
		free(table);
	}
	return sum;
}

#define LARGE_TOUCH_OBJECT	(64 << 10)
#define LARGE_TOUCH_OBJECTS	4096	/* 256 MiB */

/* A program that loads its data and is done: all of it is first touch. */
static uint64_t large_touch(const struct work_env *env)
{
	static void *object[LARGE_TOUCH_OBJECTS];
	uint64_t rounds = work_count(env, 1), sum = 0, i, k;

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < LARGE_TOUCH_OBJECTS; k++)
			object[k] = work_alloc(LARGE_TOUCH_OBJECT, k);
		for (k = 0; k < LARGE_TOUCH_OBJECTS; k++) {
			sum += work_tag(object[k]);
			free(object[k]);
		}
	}
	return sum;
}

#define LARGE_HEAP	2000000

/* First touch in small objects: 128 to 192 MiB that were never used before. */
static uint64_t large_load(const struct work_env *env)
{
	uint64_t **object = malloc(LARGE_HEAP * sizeof(*object));
	uint64_t rounds = work_count(env, 1), sum = 0, i, k;

	work_check(!!object, "no memory");
	for (i = 0; i < rounds; i++) {
		for (k = 0; k < LARGE_HEAP; k++)
			object[k] = work_alloc(48 + (k & 3) * 16, k);
		for (k = 0; k < LARGE_HEAP; k++) {
			sum += work_tag(object[k]);
			free(object[k]);
		}
	}
	free(object);
	return sum;
}

const struct work work_large[] = {
	{ "large", "64 buffers of 64 KiB to 4 MiB", large_mixed },
	{ "huge", "one buffer of 8 to 64 MiB at a time", large_huge },
	{ "buffer", "one buffer of 256 KiB, a quarter used", large_buffer },
	{ "vector", "16 vectors that double when full", large_vector },
	{ "append", "eight texts grown a line at a time", large_append },
	{ "calloc-large", "zeroed tables, sparsely used", large_calloc },
	{ "first-touch", "256 MiB in 64 KiB objects, touched once",
	  large_touch },
	{ "load", "two million small objects, touched once", large_load },
	{ NULL, NULL, NULL }
};
