/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is meshed: ranges of two 4 KiB pages with objects of 64 bytes.  A range
 * has objects at every SETS-th place, beginning with the number of its set, so
 * that ranges of different sets can be meshed.  The bytes of an object tell
 * which range it belongs to.
 */
#ifndef SELFTESTS_MESH_OBJECTS_H
#define SELFTESTS_MESH_OBJECTS_H

#include "harness.h"

#define RANGE_LEN	(2 * OS_PAGE)
#define OBJECT_LEN	64
#define SETS		4
#define OBJECTS		(RANGE_LEN / OBJECT_LEN / SETS)

static inline char *object_at(const struct arena *a, size_t offset,
			      unsigned int set, unsigned int k)
{
	return a->base + offset + (k * SETS + set) * OBJECT_LEN;
}

/* Write all objects of the range at @offset. */
static inline void objects_fill(const struct arena *a, size_t offset,
				unsigned int set, char value)
{
	unsigned int k;

	for (k = 0; k < OBJECTS; k++)
		memset(object_at(a, offset, set, k), value, OBJECT_LEN);
}

/* How many bytes of them are not @value. */
static inline size_t objects_wrong(const struct arena *a, size_t offset,
				   unsigned int set, char value)
{
	size_t wrong = 0;
	unsigned int k;

	for (k = 0; k < OBJECTS; k++)
		wrong += bytes_other(object_at(a, offset, set, k), OBJECT_LEN,
				     value);
	return wrong;
}

/* Mesh the range at @src, of set @set, onto the one at @dst. */
static inline int objects_mesh(const struct arena *a, size_t dst, size_t src,
			       unsigned int set)
{
	struct hugearena_move moves[OBJECTS];
	unsigned int k;

	for (k = 0; k < OBJECTS; k++) {
		moves[k].at = (k * SETS + set) * OBJECT_LEN;
		moves[k].len = OBJECT_LEN;
	}
	return arena_mesh(a, dst, src, RANGE_LEN, moves, OBJECTS);
}

/* Split the arena into pages; the last one of each block is missing. */
static inline int arena_split(const struct arena *a)
{
	size_t at;

	memset(a->base, 0, a->size);
	for (at = 0; at < a->size; at += BLOCK_LEN)
		if (arena_punch(a, at + BLOCK_LEN - OS_PAGE, OS_PAGE))
			return -1;
	return 0;
}

static inline struct hugearena_stat stat_of(const struct arena *a)
{
	struct hugearena_stat st = { .id = 0 };

	arena_stat(a, &st);
	return st;
}

#endif
