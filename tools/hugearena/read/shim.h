/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shim: the heap of a process that runs on libshim, read from outside.
 *
 * Through /proc/PID/mem and libshim's own headers, see
 * libshim/entry/inspect.h.  The process is neither stopped nor notified, so a
 * reading may be off by what happened while it was taken; every structure is
 * checked before it is used.
 */
#ifndef TOOLS_SHIM_H
#define TOOLS_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "entry/inspect.h"
#include "proc.h"

/**
 * struct shim - a process that runs on libshim
 * @pid: the process
 * @mem: its memory, open for reading
 * @addr: where its shim_inspect is
 * @at: that structure, addresses being the process's
 * @path: the file that libshim is in
 * @conf: its options
 */
struct shim {
	pid_t pid;
	int mem;
	uint64_t addr;
	struct shim_inspect at;
	char path[256];
	struct shim_conf conf;
};

/**
 * struct shim_class - one size class
 * @spans: spans of it
 * @live: objects the program has; of what has several slots, each
 * @cached: free objects in the caches of CPUs and in transfer
 * @free: free objects in spans
 */
struct shim_class {
	uint64_t spans, live, cached, free;
};

/**
 * struct shim_block - a block of the heap
 * @start: first byte
 * @used: pages of 8 KiB in spans
 * @whole: the heap asked for it as one block
 * @span: inside a span of whole blocks
 * @free: no page is in a span
 */
struct shim_block {
	uint64_t start;
	uint16_t used;
	bool whole, span, free;
};

/**
 * struct shim_mixed - a span with objects of several sizes
 * @start: first byte
 * @end: behind its last slot
 * @cls: size class of its slots
 * @size: bytes of one
 * @tail: bit n set: slot n belongs to the object that slot n - 1 does
 */
struct shim_mixed {
	uint64_t start, end;
	uint32_t cls, size;
	uint64_t tail[8];
};

/**
 * struct shim_object - a run of memory that is an object or several
 * @start: first byte
 * @size: bytes of one
 * @n: how many, one after the other
 * @pages: pages of 8 KiB that they have to themselves
 * @mixed: its entry in the heap's @mixed, and 1: these are slots, of which an
 *	object may have several; 0: each is an object
 * @free: bit n set: object n is free, in its span or in a cache
 * @stack: address of the record of the profile it was sampled in, or 0
 */
struct shim_object {
	uint64_t start, size;
	uint32_t n, pages, mixed;
	uint64_t free[8];
	uint64_t stack;
};

/**
 * struct shim_heap - a heap
 * @allocated: bytes in live objects, sizes as rounded up
 * @cached: bytes of free objects in the caches
 * @central: bytes of free objects in spans
 * @large: bytes in large objects, part of @allocated
 * @nr_large: large objects
 * @kept: bytes of large objects that were freed, whose spans are kept
 * @tails: bytes of spans behind their last object
 * @inuse: bytes in spans that have memory of their own
 * @meshed: bytes in spans that have another one's: see libshim's span_mesh.h
 * @idle: bytes free in the page heap that have memory
 * @demand: of @idle, kept because the last minute has shown it comes back
 * @demand_seconds: until this is forgotten at the latest
 * @slack: of @idle, what a heap of this size may always keep
 * @limit: the least that SHIM_LIMIT and cgroups allow, in bytes; 0 for none
 * @mapped: bytes of address space
 * @cls: by size class
 * @heap: the page heap's own counters
 * @by_backend: with blocks: how many that are in use each backend has
 * @blocks: if asked for
 * @objects: if asked for, by address
 * @mixed: by address
 * @records: if objects were asked for: addresses of libshim's own records, sorted
 * @areas: the same of the 64 MiB areas that the heap is in
 */
struct shim_heap {
	uint64_t allocated, cached, central, large, nr_large;
	uint64_t kept, tails, inuse, meshed, idle, mapped;
	uint64_t demand, slack, limit;
	double demand_seconds;
	struct shim_class cls[SIZECLASS_COUNT + 1];
	uint32_t size[SIZECLASS_COUNT + 1];
	struct pageheap heap;
	size_t by_backend[BACKEND_NR];
	struct shim_block *blocks;
	size_t nr_blocks;
	struct shim_object *objects;
	size_t nr_objects;
	struct shim_mixed *mixed;
	size_t nr_mixed;
	uint64_t *records, *areas;
	size_t nr_records, nr_areas;
};

#define SHIM_BLOCKS	1
#define SHIM_OBJECTS	2

/**
 * shim_open - find libshim in a process
 * @s: filled in; shim_close() it
 * @pid: the process
 *
 * Return: 0; -ENOENT when the process does not run on libshim; -EPROTO when
 * it is a libshim of another version; -EPERM or -EACCES; -ESRCH.
 */
int shim_open(struct shim *s, pid_t pid);
void shim_close(struct shim *s);

/* What shim_open() returned, as a message. */
const char *shim_strerror(int err);

/* Bytes of the process; 0 or a negative errno. */
int shim_read(const struct shim *s, uint64_t addr, void *buf, size_t len);
int shim_write(const struct shim *s, uint64_t addr, const void *buf,
	       size_t len);

/**
 * shim_ready - has the process made its first allocation?
 * @s: the process; its options are read again if it has
 *
 * Before that, the library is not set up: what is written to it then is lost or
 * leads it to caches that do not exist yet.
 *
 * Return: 1 if it has, 0 if not, or a negative errno.
 */
int shim_ready(struct shim *s);

/**
 * shim_heap_read - read a heap
 * @s: the process
 * @heap: filled in; shim_heap_free() it
 * @flags: SHIM_BLOCKS, SHIM_OBJECTS
 *
 * Return: 0 or a negative errno.
 */
int shim_heap_read(const struct shim *s, struct shim_heap *heap,
		   unsigned int flags);
void shim_heap_free(struct shim_heap *heap);

/* The head of the object that a slot of a mixed span belongs to. */
uint32_t shim_mixed_head(const struct shim_mixed *m, uint32_t i);

/* How many slots the object with a head has, 1 or more. */
uint32_t shim_mixed_slots(const struct shim_mixed *m, uint32_t i);

/* The first slot of the object that slot @n is of. */
static inline size_t shim_object_head(const struct shim_heap *heap,
				      const struct shim_object *o, size_t n)
{
	return o->mixed ? shim_mixed_head(&heap->mixed[o->mixed - 1],
					  (uint32_t)n) : n;
}

/* Bytes of the object of which slot @n is the first. */
static inline uint64_t shim_object_size(const struct shim_heap *heap,
					const struct shim_object *o, size_t n)
{
	return o->mixed ? o->size * shim_mixed_slots(&heap->mixed[o->mixed - 1],
						     (uint32_t)n) : o->size;
}

/* Mark the mappings that are this heap's: KIND_ANON to KIND_HEAP. */
void shim_mark(const struct shim_heap *heap, struct maps *maps);

#endif
