/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcarena: pages of an arena of the module, whose dirty bits can be read.
 *
 * For mode dirty: an arena of 4 KiB pages (HUGEARENA_KIND_PAGES) of the
 * collector's own.  The MMU notes which of them were written to, so no thread
 * takes a fault for it, as it does with soft-dirty bits and userfaultfd.
 *
 * The arena is mapped once, twice as large as the machine's memory.  Memory is
 * taken when pages are handed out, and given back when they have been free from
 * one gcarena_trim() to the next.
 *
 * Pages are 8 KiB, as those of spans.  There is one lock, under which no other
 * lock of the collector is taken.
 */
#ifndef SHIM_GCARENA_H
#define SHIM_GCARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * gcarena_make - make the arena, and try whether its dirty bits work
 *
 * Before any page is handed out.  A second call does nothing.
 *
 * Return: false without libshim, without the module, or if the module offers
 * no arenas of pages or no dirty bits.
 */
bool gcarena_make(void);

/**
 * gcarena_is_there - was it made
 */
bool gcarena_is_there(void);

/**
 * gcarena_has - does an address lie in the arena
 * @p: any value
 */
bool gcarena_has(uintptr_t p);

/**
 * gcarena_get - get pages
 * @npages: how many
 * @is_zero: out: all of it reads as zero
 *
 * They have memory when this returns: where a limit is reached the result is
 * NULL, and no later access raises SIGBUS.
 *
 * Return: the first byte, or NULL.
 */
void *gcarena_get(size_t npages, bool *is_zero);

/**
 * gcarena_put - give pages back
 * @p: from gcarena_get()
 * @npages: how many it got
 */
void gcarena_put(void *p, size_t npages);

/**
 * gcarena_trim - give memory back that nobody has used since the last call
 *
 * Called after each collection, while the world runs.
 */
void gcarena_trim(void);

/**
 * gcarena_free - bytes with memory behind them that nobody uses
 */
size_t gcarena_free(void);

/**
 * gcarena_read_dirty - read and clear the dirty bits of all pages
 *
 * One caller at a time.  The result stays until the next call.
 *
 * Return: how many pages of 4 KiB were written to since the last call, or a
 * negative errno with every page counted as written to: -EBUSY while a parent
 * or a child by fork() shares the arena.
 */
long gcarena_read_dirty(void);

/**
 * gcarena_each_dirty - visit what gcarena_read_dirty() has found
 * @low: first byte, aligned to 4 KiB
 * @high: behind the last, the same; what is not of the arena counts as written
 *	to
 * @fn: called for each run of pages that were written to
 * @arg: for it
 */
void gcarena_each_dirty(uintptr_t low, uintptr_t high,
			void (*fn)(uintptr_t low, uintptr_t high, void *arg),
			void *arg);

/**
 * gcarena_range - what was ever handed out
 * @low: out: first byte
 * @high: out: behind the last
 */
void gcarena_range(uintptr_t *low, uintptr_t *high);

/* Around fork(): a child's arena is a copy of its own. */
void gcarena_fork_prepare(void);
void gcarena_fork_done(void);

#endif /* SHIM_GCARENA_H */
