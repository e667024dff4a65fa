/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * shim_heap.h: separate heaps.
 *
 * A heap for each tenant, plugin or cache, with its own memory, limit and
 * statistics, and one call that frees all of it, whatever is still allocated.
 * Any thread may allocate from any heap, free to it and destroy it.  A heap may
 * also lie in the caller's memory, and be shared by processes.
 *
 * With libshim a heap consists of its spans, and passing a heap's object to
 * free() is reported; with any other malloc() it consists of mappings.  See
 * shim_heap(3).
 */
#ifndef SHIM_HEAP_H
#define SHIM_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim_mark.h"

#ifdef __cplusplus
extern "C" {
#endif

struct shim_heap;

/*
 * The policy, in the lowest two bits of the flags: which free block a request
 * gets.
 */
#define SHIM_HEAP_SEGREGATED	0u	/* pages of objects of one size */
#define SHIM_HEAP_FIRST		1u	/* the lowest address that fits */
#define SHIM_HEAP_NEXT		2u	/* the same, beginning at the last one */
#define SHIM_HEAP_BEST		3u	/* the smallest that fits */
#define SHIM_HEAP_POLICY	3u

#define SHIM_HEAP_SHARED	(1u << 4)	/* shim_heap_at(): by processes */

#define SHIM_HEAP_ALIGN_MAX	((size_t)32 << 10)

/**
 * struct shim_heap_stat - a heap in numbers
 * @used: bytes in live objects, sizes rounded up
 * @objects: live objects
 * @held: bytes that the heap takes, including free ones and records
 * @limit: limit of @held, 0 for none
 * @spans: pieces of memory that it consists of
 * @rollbacks: shared heaps: how often a process died during an operation, which
 *	was undone
 * @steps: FIRST, NEXT, BEST: free blocks examined, ever
 */
struct shim_heap_stat {
	size_t used;
	size_t objects;
	size_t held;
	size_t limit;
	size_t spans;
	uint64_t rollbacks;
	uint64_t steps;
};

/**
 * shim_heap_destroy - free a heap and everything in it
 * @heap: the heap, or NULL; no other thread may be using it
 *
 * The time depends on the number of its spans, not of its objects.  The other
 * processes of a shared heap can continue to use it.
 */
void shim_heap_destroy(struct shim_heap *heap shim_takes);

/**
 * shim_heap_new - make a heap
 * @flags: a policy
 *
 * Return: the heap, or NULL with errno EINVAL or ENOMEM.
 */
struct shim_heap *shim_heap_new(unsigned int flags)
	shim_gives shim_malloc(shim_heap_destroy, 1);

/**
 * shim_heap_at - make a heap in the caller's memory
 * @mem: the memory, aligned to 16 bytes
 * @len: its length, 1 KiB to 32 GiB
 * @flags: SHIM_HEAP_FIRST, _NEXT or _BEST; with SHIM_HEAP_SHARED several
 *	processes may map the memory, each at any address; the others call
 *	shim_heap_open()
 *
 * Never takes other memory.
 *
 * Return: the heap, which lies in @mem, or NULL with errno EINVAL.
 */
struct shim_heap *shim_heap_at(void *mem, size_t len, unsigned int flags);

/**
 * shim_heap_open - use a shared heap that another process made
 * @mem: where this process has its memory
 * @len: the length of the mapping
 *
 * Return: the heap, or NULL with errno EINVAL if there is none that was made by
 * the same build.
 */
struct shim_heap *shim_heap_open(void *mem, size_t len);

/**
 * shim_heap_free - free an object
 * @heap: its heap
 * @p: the object, or NULL; anything else is reported and the process aborted
 */
void shim_heap_free(struct shim_heap *heap shim_borrows, void *p shim_takes);

/**
 * shim_heap_alloc - allocate from a heap
 * @heap: the heap
 * @size: bytes
 *
 * Return: memory, aligned to 16 bytes and not initialised, or NULL with errno
 * ENOMEM: the limit is reached, or the caller's or the system's memory is used
 * up.
 */
void *shim_heap_alloc(struct shim_heap *heap shim_borrows, size_t size)
	shim_gives shim_malloc(shim_heap_free, 2) shim_alloc_size(2) shim_must_check;

/**
 * shim_heap_calloc - allocate zeroed memory
 * @heap: the heap
 * @n: how many
 * @size: bytes each
 *
 * Return: as shim_heap_alloc(); ENOMEM also if @n * @size overflows.
 */
void *shim_heap_calloc(struct shim_heap *heap shim_borrows, size_t n,
		       size_t size) shim_gives
	shim_malloc(shim_heap_free, 2) shim_alloc_size2(2, 3) shim_must_check;

/**
 * shim_heap_aligned - allocate with an alignment
 * @heap: the heap
 * @align: a power of two up to SHIM_HEAP_ALIGN_MAX
 * @size: bytes
 *
 * Return: as shim_heap_alloc(), or NULL with errno EINVAL.
 */
void *shim_heap_aligned(struct shim_heap *heap shim_borrows, size_t align,
			size_t size) shim_gives
	shim_malloc(shim_heap_free, 2) shim_alloc_size(3) shim_must_check;

/**
 * shim_heap_realloc - change an object's size
 * @heap: its heap
 * @p: the object, or NULL for a new one
 * @size: bytes; 0 counts as 1, unlike in realloc()
 *
 * Return: the object, which may have moved, or NULL with errno ENOMEM and the
 * object unchanged.
 */
void *shim_heap_realloc(struct shim_heap *heap, void *p, size_t size)
	shim_alloc_size(3) shim_must_check;

/**
 * shim_heap_usable - bytes that may be used of an object
 * @heap: its heap
 * @p: the object
 */
size_t shim_heap_usable(struct shim_heap *heap shim_borrows,
			const void *p shim_borrows);

/**
 * shim_heap_owner - the heap that a pointer is in
 * @p: any pointer
 *
 * Knows heaps made by shim_heap_new() in this process.
 *
 * Return: the heap, or NULL.
 */
struct shim_heap *shim_heap_owner(const void *p shim_borrows);

/**
 * shim_heap_walk - each live object in turn
 * @heap: the heap, which is locked meanwhile
 * @fn: called with each; must not use the heap; a result other than 0 stops the
 *	walk
 * @arg: for @fn
 *
 * Return: what @fn returned last, or 0.
 */
int shim_heap_walk(struct shim_heap *heap,
		   int (*fn)(void *p, size_t size, void *arg), void *arg);

/**
 * shim_heap_set_limit - limit the memory of a heap
 * @heap: the heap
 * @bytes: the limit for all its spans, or 0 for none.  A limit below what it
 *	holds only keeps it from growing
 */
void shim_heap_set_limit(struct shim_heap *heap, size_t bytes);

/**
 * shim_heap_get_stat - a heap in numbers
 * @heap: the heap
 * @st: filled in
 */
void shim_heap_get_stat(struct shim_heap *heap shim_borrows,
			struct shim_heap_stat *st shim_borrows);

/**
 * shim_heap_set_root - set an object that other processes of a shared heap can
 *	find
 * @heap: the heap
 * @p: an object of it, or NULL
 */
void shim_heap_set_root(struct shim_heap *heap, void *p);

/**
 * shim_heap_root - the object of shim_heap_set_root()
 * @heap: the heap
 *
 * Return: its address in this process, or NULL.
 */
void *shim_heap_root(struct shim_heap *heap);

/**
 * shim_heap_is_valid - check every invariant of a heap, for tests
 * @heap: the heap, which is locked meanwhile
 *
 * Return: false if one does not hold.
 */
bool shim_heap_is_valid(struct shim_heap *heap shim_borrows);

#ifdef __cplusplus
}
#endif

#endif /* SHIM_HEAP_H */
