/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * blocks: a list of blocks, the simplest heap there is, as a model.
 *
 * Each block is free or not; a request walks the list, takes the block that the
 * policy says, and cuts it; a free block is joined with free neighbours.  It has
 * no memory, only distances, and is O(n).
 */
#ifndef SELFTESTS_BOX_BLOCKS_H
#define SELFTESTS_BOX_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "shim_heap.h"

#define BLOCKS_MAX	10000
#define BLOCKS_UNIT	16
#define BLOCKS_TAG	8
#define BLOCKS_MIN	2	/* units */

struct blocks {
	unsigned int policy;
	size_t n;
	long cursor;
	struct {
		long at;
		size_t units;
		bool free;
	} b[BLOCKS_MAX];
};

static void blocks_init(struct blocks *b, unsigned int policy)
{
	b->policy = policy;
	b->n = 0;
	b->cursor = 0;
}

/* @bytes from the first object to the end of the memory, tags included. */
static void blocks_space(struct blocks *b, size_t bytes)
{
	b->n = 1;
	b->b[0].at = 0;
	b->b[0].units = bytes / BLOCKS_UNIT;
	b->b[0].free = true;
}

static size_t blocks_find(const struct blocks *b, size_t need, long from)
{
	size_t i, found = b->n;

	for (i = 0; i < b->n; i++) {
		if (!b->b[i].free || b->b[i].units < need || b->b[i].at < from)
			continue;
		if (b->policy != SHIM_HEAP_BEST)
			return i;
		if (found == b->n || b->b[i].units < b->b[found].units)
			found = i;
	}
	return found;
}

/* Where the object is, or -1. */
static long blocks_alloc(struct blocks *b, size_t size)
{
	size_t need = (size + BLOCKS_TAG + BLOCKS_UNIT - 1) / BLOCKS_UNIT, i;

	if (need < BLOCKS_MIN)
		need = BLOCKS_MIN;
	i = blocks_find(b, need, b->policy == SHIM_HEAP_NEXT ? b->cursor : 0);
	if (i == b->n)
		i = blocks_find(b, need, 0);
	if (i == b->n)
		return -1;
	if (b->b[i].units - need >= BLOCKS_MIN) {
		memmove(&b->b[i + 1], &b->b[i], (b->n - i) * sizeof(b->b[0]));
		b->n++;
		b->b[i].units = need;
		b->b[i + 1].units -= need;
		b->b[i + 1].at += (long)(need * BLOCKS_UNIT);
	}
	b->b[i].free = false;
	b->cursor = b->b[i].at + (long)(b->b[i].units * BLOCKS_UNIT);
	return b->b[i].at;
}

static bool blocks_free(struct blocks *b, long at)
{
	size_t i;

	for (i = 0; i < b->n && b->b[i].at != at; i++)
		;
	if (i == b->n || b->b[i].free)
		return false;
	b->b[i].free = true;
	if (i + 1 < b->n && b->b[i + 1].free)
		i++;
	for (; i && b->b[i].free && b->b[i - 1].free; i--) {
		b->b[i - 1].units += b->b[i].units;
		b->n--;
		memmove(&b->b[i], &b->b[i + 1], (b->n - i) * sizeof(b->b[0]));
	}
	return true;
}

#endif
