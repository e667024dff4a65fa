/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The device and the arenas as a test sees them: thin wrappers around the
 * calls of <hugearena.h>, which leave errno as the kernel set it.
 */
#ifndef SELFTESTS_LIB_ARENA_H
#define SELFTESTS_LIB_ARENA_H

#include <stddef.h>
#include <linux/types.h>
#include "hugearena.h"

#define OS_PAGE		4096UL
#define MIB		(1024UL * 1024)
/* not BLOCK_SIZE, which <linux/fs.h> takes for something else */
#define BLOCK_LEN	(2 * MIB)
#define BLOCK_PAGES	(BLOCK_LEN / OS_PAGE)

/**
 * struct arena - an arena mapped whole, read and write
 * @fd: the arena file
 * @size: bytes
 * @base: where it is mapped
 */
struct arena {
	int fd;
	size_t size;
	char *base;
};

/* Open the device; -1 and errno. */
int device_open(void);

/* Create an arena of @size bytes; its file, or -1 and errno. */
int arena_create(size_t size);

/* As arena_create(), with an open device and every field chosen. */
int arena_create_on(int dev, const struct hugearena_create *c);

/* Create and map an arena of @blocks blocks; 0, or -1 and errno. */
int arena_make(struct arena *a, size_t blocks);

/* As arena_make(), on an open device and a NUMA node. */
int arena_make_on(struct arena *a, int dev, size_t blocks, int node);

/* As arena_make(), of a kind and with its flags. */
int arena_make_kind(struct arena *a, size_t blocks, unsigned int kind,
		    unsigned int flags);

/* Unmap and close what arena_make() made; a zeroed arena is left alone. */
void arena_drop(struct arena *a);

/* fallocate(PUNCH_HOLE | KEEP_SIZE). */
int arena_punch(const struct arena *a, size_t offset, size_t len);

/* HUGEARENA_IOC_RELEASE; @released may be NULL. */
int arena_release(const struct arena *a, const struct hugearena_range *ranges,
		  unsigned int nr, __u64 *released);

/*
 * HUGEARENA_IOC_MESH of one pair; its result, or 1 and errno when the call
 * failed.
 */
int arena_mesh(const struct arena *a, size_t dst, size_t src, size_t len,
	       const struct hugearena_move *moves, unsigned int nr_moves);

/* HUGEARENA_IOC_DIRTY; how many bits of @bits are set, or -1 and errno. */
long arena_dirty(const struct arena *a, size_t offset, size_t len,
		 __u64 *bits);

/* HUGEARENA_IOC_JOIN; @join may be NULL. */
int arena_join(const struct arena *a, size_t offset, size_t len,
	       struct hugearena_join *join);

/* HUGEARENA_IOC_SPLIT; @join may be NULL. */
int arena_apart(const struct arena *a, size_t offset, size_t len,
		struct hugearena_join *join);

/*
 * HUGEARENA_IOC_JOIN over and over, for up to a minute, until no block is busy.
 */
int arena_join_wait(const struct arena *a, size_t offset, size_t len);

/*
 * Wait until the module's upkeep, which runs once a second, has passed @times
 * times, as seen by its effect on another arena.  What it left alone in an
 * arena that was waiting before, it will not touch later. 0, or -1 after a
 * minute each.
 */
int upkeep_wait(unsigned int times);

/*
 * Touch blocks from @from on, over and over, until the arena's reserve has
 * @want blocks or more: a second fault within a second makes the worker fill
 * it, whenever the worker gets to run.  Return: the block after the last one
 * that was touched, or 0 if it never happens (a minute).
 */
size_t reserve_grow(const struct arena *a, size_t from, __u64 want);

/* HUGEARENA_IOC_BLOCKS of the one block at @index. */
int arena_block(const struct arena *a, size_t index,
		struct hugearena_block *block);

/* How many blocks of the arena are whole and mapped by a PMD here. */
long arena_mapped(const struct arena *a);

/* How many blocks of the arena are in @state. */
long arena_count(const struct arena *a, unsigned int state);

/* HUGEARENA_IOC_STAT. */
int arena_stat(const struct arena *a, struct hugearena_stat *st);

#endif
