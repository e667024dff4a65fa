/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * large: objects that are a span of their own.
 *
 * They go from entry straight to the page heap, past every cache.
 */
#ifndef SHIM_LARGE_H
#define SHIM_LARGE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * large_alloc - get a large object
 * @size: bytes, at most PTRDIFF_MAX
 * @align: a power of two, or 0
 * @zero: set to whether all of it is known to read as zero
 *
 * Return: the object, or NULL if there is no memory.
 */
void *large_alloc(size_t size, size_t align, bool *zero);

struct prof_stack;

/**
 * large_sampled - an object is a sample of the profile
 * @p: the object
 * @stack: where it was counted; told when the object goes, or changes its size
 */
void large_sampled(void *p, struct prof_stack *stack);

/**
 * large_free - free a large object
 * @p: the object; any other pointer is reported and the process aborted
 */
void large_free(void *p);

/**
 * large_resize - make a large object longer or shorter
 * @p: the object
 * @size: new size, more than SIZECLASS_MAX
 *
 * In place if possible, else by moving its pages if the backend can.
 *
 * Return: the object, perhaps elsewhere, or NULL with nothing changed: the
 * caller must copy.
 */
void *large_resize(void *p, size_t size);

/**
 * large_size - bytes that may be used of a large object
 * @p: the object; any other pointer is reported and the process aborted
 */
size_t large_size(const void *p);

/**
 * large_reclaim - give free pages back, for an allocation that failed
 */
size_t large_reclaim(size_t keep);

#endif /* SHIM_LARGE_H */
