/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim_int: what the files that read a heap share.
 *
 *   shim_heap.c	spans, sums, blocks
 *   shim_caches.c	what of the objects is in a cache
 */
#ifndef TOOLS_SHIM_INT_H
#define TOOLS_SHIM_INT_H

#include "shim.h"

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
