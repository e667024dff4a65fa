/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heap_seg: the fast path of segregated heaps.
 *
 * Called with the heap's lock held.  See heap_seg.c for what is kept true.
 */
#ifndef SHIM_HEAP_SEG_H
#define SHIM_HEAP_SEG_H

#include "box.h"
#include "heap.h"

#define SEG_MAX		((size_t)4096)	/* beyond, more than 1 in 8 is lost */

/**
 * struct seg_run - pages in a row of objects of one class
 * @free: list of objects that were freed
 * @next: partial runs of the class
 * @prev: the same
 * @at: offset in the chunk from which memory was never handed out
 * @end: offset of the end of the last object
 * @size: bytes in an object
 * @used: objects handed out
 * @class: the class
 * @npages: its pages; 0 for a page that is not the first of a run
 * @back: pages back to the run's first one
 * @listed: on the list of partial runs
 *
 * In the header of its chunk, which is aligned to its size.
 */
struct seg_run {
	void *free;
	struct seg_run *next;
	struct seg_run *prev;
	uint32_t at;		/* offset in the chunk */
	uint32_t end;
	uint32_t size;
	uint16_t used;
	uint8_t class;
	uint8_t npages;		/* 0: not the first page of a run */
	uint8_t back;		/* pages back to the run's first one */
	uint8_t listed;		/* on partial */
};

/* 16 to 128 by 16, then four a doubling, to 4096. */
static inline size_t seg_class(size_t size)
{
	unsigned int shift;

	size--;
	if (likely(size < 128))
		return size >> 4;
	shift = 63u - (unsigned int)__builtin_clzll(size);
	return 8 + (shift - 7) * 4 + (size >> (shift - 2) & 3);
}

/* Take an object of a run; NULL if it has none. */
static inline void *seg_take_maybe_null(struct seg_run *r)
{
	void **p = r->free;

	if (p) {
		r->free = p[0];
		p[1] = NULL;
	} else if (likely(r->at < r->end)) {
		p = (void **)(((uintptr_t)r & ~(HEAP_SPAN_ALIGN - 1)) + r->at);
		r->at += r->size;
	} else {
		return NULL;
	}
	r->used++;
	return p;
}

/**
 * seg_refill - get an object of a class whose run has none left
 * @heap: the heap
 * @class: the class
 *
 * Return: the object, or NULL if there is no memory.
 */
void *seg_refill(struct shim_heap *heap, size_t class);

#endif /* SHIM_HEAP_SEG_H */
