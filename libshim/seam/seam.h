/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * seam: what libshim-box, libshim-co and libshim-gc may use of the core.
 *
 * Private to these libraries: the symbols carry the version SHIM_PRIVATE, no
 * header of this is installed, and nothing here is kept compatible.  A library
 * above compares SEAM_VERSION with seam_version() before its first use of
 * anything else and does without the core when they differ or when no libshim
 * is in the process, which is why every function is declared weak: see
 * seam_is_here().
 *
 * The core never calls up.  Where it has to call a layer, it does so through
 * the one slot that the layer fills in: seam_on_fork(), seam_on_idle().
 *
 * Needs no other header of the core.
 */
#ifndef SHIM_SEAM_H
#define SHIM_SEAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Changes whenever this file changes in a way that a library above would
 * notice.
 */
#define SEAM_VERSION	3u

#ifdef SEAM_CORE		/* seam itself */
#define SEAM_API	__attribute__((visibility("default")))
#else
#define SEAM_API	__attribute__((weak))
#endif

#define SEAM_PAGE_SHIFT	13			/* spans consist of 8 KiB pages */
#define SEAM_PAGE_SIZE	((size_t)1 << SEAM_PAGE_SHIFT)
#define SEAM_BLOCK_SIZE	((size_t)2 << 20)
#define SEAM_NAME_LEN	32

/* The libraries above, lowest first. */
enum seam_layer {
	SEAM_BOX,
	SEAM_CO,
	SEAM_GC,
	SEAM_LAYERS
};

/**
 * struct seam_owner - an owner of spans
 * @name: for reports: "free(): 0x... is memory of a <name>"
 * @layer: its layer
 *
 * Constant, and lives as long as the process.
 */
struct seam_owner {
	const char *name;
	enum seam_layer layer;
};

/**
 * struct seam_span - a run of pages that a layer above owns
 * @owner: whose
 * @data: the owner's
 * @start: first byte
 * @bytes: length, a multiple of SEAM_PAGE_SIZE
 *
 * Made by seam_span_get(), freed by seam_span_put().  All but @data is constant
 * in between.
 */
struct seam_span {
	const struct seam_owner *owner;
	void *data;
	uintptr_t start;
	size_t bytes;
};

/**
 * seam_version - SEAM_VERSION of the libshim in this process
 */
SEAM_API uint32_t seam_version(void);

/**
 * seam_span_get - get a span
 * @npages: pages of 8 KiB, not 0
 * @align: alignment in pages, a power of two; 0 and 1 mean none
 * @owner: the owner
 * @data: for the owner's use, see seam_span_of()
 * @zero: out, may be NULL: whether all of it is known to read as zero
 *
 * To free() a pointer into a span is reported as the owner's.  Looks at the
 * limits if it is time, as malloc() does.  Takes locks of the core, none of
 * which is held on return.  What the core has free elsewhere
 * is given up before this fails.
 *
 * Return: the span, or NULL if there is no memory.
 */
SEAM_API struct seam_span *seam_span_get(size_t npages, size_t align,
					 const struct seam_owner *owner,
					 void *data, bool *zero);

/**
 * seam_span_put - give a span back
 * @span: from seam_span_get(); nothing in it may be used any more
 */
SEAM_API void seam_span_put(struct seam_span *span);

/**
 * seam_span_of - the span around any pointer
 * @p: any value
 *
 * Takes no lock and reads nothing that @p points to.  The answer stays true as
 * long as the owner does not put the span.  Two loads for spans of up to 64
 * MiB, a search for addresses inside longer ones.
 *
 * Return: the span, or NULL if no layer above owns one there.
 */
SEAM_API struct seam_span *seam_span_of(const void *p);

/**
 * seam_good_size - the size that malloc() rounds a size up to
 * @size: bytes
 *
 * Return: the largest size that costs no more memory than @size does.
 */
SEAM_API size_t seam_good_size(size_t size);

/**
 * struct seam_arena - an arena of the module
 * @base: first byte
 * @size: bytes
 * @fd: the arena file
 * @dev: device and inode of the file, to notice that the application has closed
 *	all descriptors
 * @ino: the same
 */
struct seam_arena {
	uintptr_t base;
	size_t size;
	int fd;
	uint64_t dev;
	uint64_t ino;
};

/* A part of an arena: byte offset and length, multiples of 4 KiB. */
struct seam_range {
	uint64_t offset;
	uint64_t len;
};

#define SEAM_RELEASE_MAX	1024	/* HUGEARENA_RELEASE_MAX */

/**
 * seam_arena - make an arena and map all of it
 * @a: filled in
 * @kind: HUGEARENA_KIND_*
 * @flags: struct hugearena_create.flags
 * @size: bytes of address space, a multiple of 2 MiB
 * @name: shown in /proc/hugearena/arenas; up to 31 printable characters
 *
 * Takes no memory until it is touched.  A fault for which there is no memory
 * raises SIGBUS.
 *
 * Return: 0 or a negative errno: ENOENT, ENODEV without the module, EACCES
 * without the right, EOPNOTSUPP if the module knows no such kind.
 */
SEAM_API int seam_arena(struct seam_arena *a, unsigned int kind,
			uint32_t flags, size_t size, const char *name);

/**
 * seam_arena_put - unmap an arena and close it
 * @a: from seam_arena()
 */
SEAM_API void seam_arena_put(struct seam_arena *a);

/**
 * seam_arena_fd - the arena's file, for ioctl()
 * @a: from seam_arena()
 *
 * Return: the descriptor, or -1 if the application has closed it.
 */
SEAM_API int seam_arena_fd(const struct seam_arena *a);

/**
 * seam_release - give parts of an arena back
 * @a: from seam_arena()
 * @r: the parts, ascending and disjoint
 * @nr: how many, up to SEAM_RELEASE_MAX
 *
 * They read as zero afterwards.  errno is left alone.
 *
 * Return: parts released, from the first.
 */
SEAM_API unsigned int seam_release(const struct seam_arena *a,
				   const struct seam_range *r,
				   unsigned int nr);

/**
 * seam_dirty - which pages of an arena were written to, and forget it
 * @a: from seam_arena(), of HUGEARENA_KIND_PAGES
 * @offset: first byte, a multiple of 4 KiB
 * @len: bytes, the same
 * @bitmap: out: a bit for each 4 KiB, in (@len / 4096 + 63) / 64 words
 *
 * Since the last call.  Writes that happen meanwhile are in this answer or in
 * the next.  errno is left alone.
 *
 * Return: pages that were written to, or a negative errno with @bitmap undefined
 * and nothing forgotten: EBUSY while a parent or a child by fork() shares the
 * arena, EOPNOTSUPP or ENOTTY from a module without dirty bits, EBADF if the
 * application has closed the file.
 */
SEAM_API long seam_dirty(const struct seam_arena *a, uint64_t offset,
			 uint64_t len, uint64_t *bitmap);

/**
 * struct seam_usage - the process's heap, a cheap estimate
 * @bytes: bytes with memory behind them, of malloc() and of all spans
 * @free: with memory behind them that nobody uses, part of @bytes
 * @limit: the limit that is in force, of the heap, the process or a control
 *	group, 0 for none
 * @left: bytes below the nearest of them at the last look, less what the heap
 *	took since, whoever uses the rest; SIZE_MAX if there is none
 * @over: by how much one is exceeded
 * @pressure: 0: far from the limit, 1: caches should shrink, 2: they should be
 *	given up
 */
struct seam_usage {
	size_t bytes;
	size_t free;
	size_t limit;
	size_t left;
	size_t over;
	unsigned int pressure;
};

/**
 * seam_usage - how much memory the heap uses, and how close it is to its limit
 * @u: filled in
 *
 * Takes the page heap's lock for a moment.
 */
SEAM_API void seam_usage(struct seam_usage *u);

/**
 * seam_look - look at the limits now
 *
 * Otherwise that is done when half of what was left is taken.  Opens some small
 * files, 0.2 ms at most; near a limit all that is free is given back.
 */
SEAM_API void seam_look(void);

#define SEAM_STAT_NAME	24

/**
 * struct seam_stat - a number that shim_ctl() and the tools show
 * @name: such as "box.heaps", unique, with the layer's prefix
 * @value: maintained by the layer, with relaxed atomic operations
 *
 * Plain data, so that a tool may read it from outside the process.
 */
struct seam_stat {
	char name[SEAM_STAT_NAME];
	uint64_t value;
};

#define SEAM_STAT_MAX	64	/* numbers of one layer */

/**
 * seam_stat_register - show a layer's numbers
 * @layer: the layer
 * @stat: the numbers, which live as long as the process
 * @nr: how many, up to SEAM_STAT_MAX
 *
 * A second call replaces the first.
 */
SEAM_API void seam_stat_register(enum seam_layer layer,
				 const struct seam_stat *stat, unsigned int nr);

/**
 * struct seam_fork - what a layer does around fork()
 * @prepare: takes the layer's locks; no lock of the core is held
 * @parent: releases them
 * @child: initialises them again
 *
 * None may allocate or free.  Before the fork, the order is GC, CO, BOX, then
 * the core; after it, the reverse.
 */
struct seam_fork {
	void (*prepare)(void);
	void (*parent)(void);
	void (*child)(void);
};

/**
 * seam_on_fork - be called around fork()
 * @layer: who
 * @ops: constant, lives as long as the process; the first call counts
 *
 * The core's handlers run last before a fork, so that those of other libraries
 * may still use the layers.
 */
SEAM_API void seam_on_fork(enum seam_layer layer, const struct seam_fork *ops);

/**
 * seam_on_idle - be called now and then for background work
 * @layer: who
 * @fn: runs in a thread that allocates or frees, now and then while memory is
 *	freed.  The core holds no lock then, but the thread may hold any of the
 *	layer's own: try locks, and do not wait for them.  Must leave errno
 *	alone.  The first call counts
 */
SEAM_API void seam_on_idle(enum seam_layer layer, void (*fn)(void));

/**
 * seam_has_time - may the function of seam_on_idle() go on
 */
SEAM_API bool seam_has_time(void);

#ifndef SEAM_CORE
/**
 * seam_is_here - is there a core that this library was built for
 *
 * Return: false without libshim, or with one of another SEAM_VERSION.
 */
static inline bool seam_is_here(void)
{
	return seam_version && seam_version() == SEAM_VERSION;
}
#endif

#endif /* SHIM_SEAM_H */
