/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim_int: what the files that read a heap share.
 *
 *   shim_heap.c	spans, sums, blocks
 *   shim_mixed.c	spans with objects of several sizes
 *   shim_caches.c	what of the objects is in a cache
 */
#ifndef TOOLS_SHIM_INT_H
#define TOOLS_SHIM_INT_H

#include "shim.h"

/**
 * shim_mixed_read - read which slots of a span are no objects of their own
 * @s: the process
 * @m: filled in
 * @span: its descriptor, of a span of small objects, as it was read
 * @info: the class of its slots
 * @tail: address of the map of tails of its area
 *
 * Return: 0 or a negative errno.
 */
int shim_mixed_read(const struct shim *s, struct shim_mixed *m,
		    const struct span *span, const struct sizeclass *info,
		    uint64_t tail);

/* The mixed span that an address is in, or NULL. */
const struct shim_mixed *shim_mixed_find(const struct shim_heap *heap,
					 uint64_t p);

/**
 * shim_caches_read - of live objects, take those off that are in a cache
 * @s: the process
 * @heap: its spans have been read: counts by class, and bits of @heap->objects,
 *	change
 *
 * Return: 0 or a negative errno.
 */
int shim_caches_read(const struct shim *s, struct shim_heap *heap);

#endif
