/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * heap: what the engines of heaps and their common part share.
 *
 * All functions of an engine are called with the heap's lock held, and leave
 * errno alone.  NULL means that there is no memory.
 */
#ifndef SHIM_BOX_HEAP_H
#define SHIM_BOX_HEAP_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "box_fork.h"
#include "heap_span.h"
#include "shim_heap.h"

#define HEAP_MAGIC	0x70616568u
#define HEAP_WATCHED	(1u << 31)	/* in @flags: AddressSanitizer checks it */
#define HEAP_LAYOUT	1u	/* of shared memory */

/* What changes with the engine. */
#define SEG_CLASSES	28u

/**
 * struct seg - the state of a segregated heap; see heap_seg.c
 * @cur: by class: the run that objects come from
 * @partial: by class: other runs with free objects
 * @avail: chunks with free pages
 * @chunks: all chunks
 * @spare: one without a run that is kept, or NULL
 * @large: spans that are one object
 */
struct seg {
	struct seg_run *cur[SEG_CLASSES];
	struct seg_run *partial[SEG_CLASSES];
	struct seg_chunk *avail;
	struct seg_chunk *chunks;
	struct seg_chunk *spare;
	struct seg_large *large;
};

/**
 * struct fit - the state of a heap of boundary tags; see heap_fit.c
 * @root: tree of the free blocks
 * @segments: list of the pieces
 * @cursor: NEXT: where the last request was served
 * @pending: a block that was taken but not handed out, or 0
 *
 * All are distances from the structure itself, 0 for none.
 */
struct fit {
	int64_t root;
	int64_t segments;
	int64_t cursor;
	int64_t pending;
};

/**
 * struct shim_heap - a heap
 * @magic: HEAP_MAGIC
 * @layout: HEAP_LAYOUT and the size of this
 * @flags: as given when it was made
 * @foreign: it lies in the caller's memory
 * @lock: guards everything, unless @flags has SHIM_HEAP_SHARED
 * @mutex: guards everything then
 * @limit: see shim_heap_set_limit()
 * @held: bytes of spans, or of the caller's memory
 * @used: bytes in live objects; SEGREGATED: as of the last seg_sums()
 * @objects: live objects; the same
 * @spans: pieces
 * @rollbacks: see struct shim_heap_stat
 * @steps: the same
 * @userroot: distance of the user's root object from the heap, or 0
 */
struct shim_heap {
	uint32_t magic;
	uint32_t layout;
	uint32_t flags;
	uint32_t foreign;
	struct box_lock lock;
	size_t limit;
	size_t held;
	size_t used;
	size_t objects;
	size_t spans;
	uint64_t rollbacks;
	uint64_t steps;
	int64_t userroot;
	union {
		struct seg seg;
		struct fit fit;
	};
	pthread_mutex_t mutex;
};

/* Spans: heap_room.c */

/**
 * heap_room_get - get a span for a heap, within its limit
 * @heap: the heap
 * @bytes: a multiple of HEAP_SPAN_UNIT
 * @handle: out: for heap_room_put()
 *
 * Return: memory aligned to HEAP_SPAN_ALIGN, or NULL.
 */
void *heap_room_get(struct shim_heap *heap, size_t bytes, void **handle);

/**
 * heap_room_put - give a span back
 * @heap: the heap
 * @mem: the span
 * @bytes: its length
 * @handle: the handle
 */
void heap_room_put(struct shim_heap *heap, void *mem, size_t bytes,
		   void *handle);

/* Segregated: heap_seg.c */
struct shim_heap *seg_new(void);
void seg_destroy(struct shim_heap *heap);
void *seg_alloc(struct shim_heap *heap, size_t size, size_t align);
void seg_free(struct shim_heap *heap, void *p);
size_t seg_usable(struct shim_heap *heap, const void *p);
bool seg_resize(struct shim_heap *heap, void *p, size_t size);
int seg_walk(struct shim_heap *heap, int (*fn)(void *p, size_t size, void *arg),
	     void *arg);
bool seg_is_valid(struct shim_heap *heap);

/**
 * seg_sums - compute @used and @objects of a segregated heap
 * @heap: the heap
 */
void seg_sums(struct shim_heap *heap);

/* First, next, best: heap_fit.c */
struct shim_heap *fit_new(unsigned int flags);
void fit_init(struct shim_heap *heap, size_t len);
void fit_destroy(struct shim_heap *heap);
void *fit_alloc(struct shim_heap *heap, size_t size, size_t align);
void fit_free(struct shim_heap *heap, void *p);
size_t fit_usable(struct shim_heap *heap, const void *p);
bool fit_resize(struct shim_heap *heap, void *p, size_t size);
int fit_walk(struct shim_heap *heap, int (*fn)(void *p, size_t size, void *arg),
	     void *arg);
bool fit_is_valid(struct shim_heap *heap);

/**
 * fit_recover - repair a heap after a process died in the middle of an
 *	operation
 * @heap: the heap, whose lock the caller has now
 */
void fit_recover(struct shim_heap *heap);

#endif /* SHIM_BOX_HEAP_H */
