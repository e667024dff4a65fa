/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heap_tree: the free blocks of a heap of boundary tags, and what a tag is.
 *
 * Called with the heap's lock held.  See heap_fit.c for what is kept true.
 */
#ifndef SHIM_HEAP_TREE_H
#define SHIM_HEAP_TREE_H

#include <stdint.h>

#include "heap.h"

#define UNIT		((size_t)16)
#define TAG		sizeof(struct tag)
#define USED		(1u << 31)
#define MIN_UNITS	2u		/* a tag and a node */

struct tag {
	uint32_t size;		/* units, with USED */
	uint32_t before;	/* units of the block before, 0 for none */
};

/* A free block, behind its tag. */
struct node {
	int64_t left;
	int64_t right;
	uint32_t max;		/* the largest size here and below */
};

struct segment {
	int64_t next;
	void *handle;		/* of this process: never in shared memory */
	uint32_t bytes_units;	/* of all of it, in units */
	uint32_t pad;
	struct tag first;
};

_Static_assert(TAG + sizeof(struct node) <= MIN_UNITS * UNIT,
	       "a free block holds its node");
_Static_assert(sizeof(struct segment) % UNIT == 0,
	       "behind the first tag it is aligned");

/* Distances and addresses. */
static inline int64_t off_of(const struct fit *f, const void *p)
{
	return (const char *)p - (const char *)f;
}

static inline struct tag *tag_at(struct fit *f, int64_t off)
{
	return (struct tag *)(void *)((char *)f + off);
}

static inline struct node *node_at(struct fit *f, int64_t off)
{
	return (struct node *)(void *)((char *)f + off + TAG);
}

static inline struct segment *segment_at(struct fit *f, int64_t off)
{
	return (struct segment *)(void *)((char *)f + off);
}

static inline uint32_t size_of(const struct tag *t)
{
	return t->size & ~USED;
}

static inline struct tag *after(struct tag *t)
{
	return (struct tag *)(void *)((char *)t + size_of(t) * UNIT);
}

static inline struct tag *before(struct tag *t)
{
	return (struct tag *)(void *)((char *)t - t->before * UNIT);
}

/*
 * The single store by which an operation takes effect: if the process dies
 * after it, the operation has happened.  Release: what was written before is
 * visible when the chain leads to it.
 */
static inline void set_size(struct tag *t, uint32_t size)
{
	__atomic_store_n(&t->size, size, __ATOMIC_RELEASE);
}

/**
 * tree_insert - enter a free block
 * @heap: the heap
 * @off: the block, whose tag has its size
 */
void tree_insert(struct shim_heap *heap, int64_t off);

/**
 * tree_remove - remove a free block
 * @heap: the heap
 * @off: the block, whose size has not changed yet
 */
void tree_remove(struct shim_heap *heap, int64_t off);

/**
 * tree_find - choose a block for a request by the heap's policy
 * @heap: the heap
 * @need: units
 *
 * Return: the block, or 0.
 */
int64_t tree_find(struct shim_heap *heap, uint32_t need);

/**
 * tree_is_valid - check the tree, for tests
 * @heap: the heap
 * @nfree: out: blocks in it
 */
bool tree_is_valid(struct shim_heap *heap, size_t *nfree);

#endif /* SHIM_HEAP_TREE_H */
