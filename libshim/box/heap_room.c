// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * heap_room: the spans of a heap, within its limit.
 *
 * Keeps true: @held and @spans count the spans that the heap has from
 * heap_span.  The heap's lock is held.
 *
 * Called by heap_fit and heap_seg.
 */
#include "box.h"
#include "heap.h"

void *heap_room_get(struct shim_heap *heap, size_t bytes, void **handle)
{
	size_t held;
	void *mem;

	if (__builtin_add_overflow(heap->held, bytes, &held) ||
	    (heap->limit && held > heap->limit))
		return NULL;
	mem = heap_span_get(heap, bytes, handle);
	if (!mem)
		return NULL;
	heap->held = held;
	heap->spans++;
	box_count(BOX_HEAP_SPANS, 1);
	box_count(BOX_HEAP_BYTES, bytes);
	return mem;
}

void heap_room_put(struct shim_heap *heap, void *mem, size_t bytes, void *handle)
{
	heap->held -= bytes;
	heap->spans--;
	box_count(BOX_HEAP_SPANS, -1);
	box_count(BOX_HEAP_BYTES, -(uint64_t)bytes);
	heap_span_put(mem, bytes, handle);
}
