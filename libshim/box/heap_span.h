/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heap_span: where the memory of heaps comes from.
 *
 * Spans of libshim through the seam, or mappings where there is no seam.
 */
#ifndef SHIM_HEAP_SPAN_H
#define SHIM_HEAP_SPAN_H

#include <stddef.h>
#include <stdint.h>

#define HEAP_SPAN_ALIGN	((size_t)64 << 10)
#define HEAP_SPAN_UNIT	((size_t)8 << 10)

struct shim_heap;

/**
 * heap_span_get - get memory for a heap
 * @heap: the heap, or NULL if the heap itself will lie in this memory: see
 *	heap_span_set()
 * @bytes: a multiple of HEAP_SPAN_UNIT
 * @handle: out, for the other functions
 *
 * Return: memory aligned to HEAP_SPAN_ALIGN, or NULL.
 */
void *heap_span_get(struct shim_heap *heap, size_t bytes, void **handle);

/**
 * heap_span_set - set the owner of memory, after heap_span_get(NULL)
 * @mem: from heap_span_get()
 * @handle: the handle
 * @heap: the heap
 */
void heap_span_set(void *mem, void *handle, struct shim_heap *heap);

/**
 * heap_span_put - give memory back
 * @mem: from heap_span_get()
 * @bytes: its length
 * @handle: the handle
 */
void heap_span_put(void *mem, size_t bytes, void *handle);

/**
 * heap_span_owner - the heap whose memory a pointer is in
 * @p: any pointer
 *
 * Return: the heap, or NULL.
 */
struct shim_heap *heap_span_owner(const void *p);

#endif /* SHIM_HEAP_SPAN_H */
