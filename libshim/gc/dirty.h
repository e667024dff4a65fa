/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dirty: which pages were written to, by the kernel.
 *
 * Soft-dirty bits: a page is written to the first time since they were cleared
 * through a fault of some 1,700 instructions, and /proc/self/pagemap says which.
 * Where the kernel has none, userfaultfd's asynchronous write protection (Linux
 * 6.7): the same for ranges that were registered, anonymous memory only, so not
 * for the module's.  A child of fork() has no registered ranges.
 *
 * Called by one thread at a time, but for dirty_add() and dirty_remove().
 */
#ifndef SHIM_GC_DIRTY_H
#define SHIM_GC_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * dirty_init - can the kernel say
 * @page: 4 KiB of memory as will be watched, to try it with: the module's may
 *	behave differently from the kernel's own
 * @own: all memory to be watched is mappings of our own: with libshim's spans,
 *	which lie between malloc()'s, registering splits mappings and huge pages
 *	so much that a fork or a stop takes seconds
 *
 * Return: false if it cannot.
 */
bool dirty_init(void *page, bool own);

/* Who says it; tools know the numbers. */
enum dirty_source {
	DIRTY_NOBODY,
	DIRTY_MODULE,
	DIRTY_SOFT,
	DIRTY_UFFD,
};

/**
 * dirty_source - who was found by dirty_init()
 */
enum dirty_source dirty_source(void);

/**
 * dirty_is_by_range - are pages cleared a range at a time
 */
bool dirty_is_by_range(void);

/**
 * dirty_add - a range is to be watched
 * @low: first byte, aligned to 4 KiB
 * @high: behind the last, the same
 */
void dirty_add(uintptr_t low, uintptr_t high);

/**
 * dirty_remove - no more
 * @low: as given to dirty_add()
 * @high: the same
 */
void dirty_remove(uintptr_t low, uintptr_t high);

/**
 * dirty_clear - every page counts as not written to
 *
 * Return: false if that is not so.
 */
bool dirty_clear(void);

/**
 * dirty_clear_range - every page of a range counts as not written to
 * @low: first byte, aligned to 4 KiB
 * @high: behind the last, the same
 *
 * Return: false if that is not so.
 */
bool dirty_clear_range(uintptr_t low, uintptr_t high);

/**
 * dirty_each - the pages of a range that were written to
 * @low: first byte, aligned to 4 KiB
 * @high: behind the last, the same
 * @fn: called for each run of them
 * @arg: for it
 *
 * Return: pages, or -1 with @fn called for all of the range if nobody knows.
 */
long dirty_each(uintptr_t low, uintptr_t high,
		void (*fn)(uintptr_t low, uintptr_t high, void *arg),
		void *arg);

/**
 * dirty_fork_child - the child of a fork
 *
 * The parent's ranges stay with the parent: its descriptor works on the
 * parent's memory even in the child.
 *
 * Return: false if the child can watch nothing any more.
 */
bool dirty_fork_child(void);

#endif /* SHIM_GC_DIRTY_H */
