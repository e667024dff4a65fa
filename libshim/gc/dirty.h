/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dirty: which pages were written to, as reported by the kernel.
 *
 * By the module, where the pages are those of gcarena: nobody takes a fault,
 * and the bits can be read while the program runs.  Else by soft-dirty bits:
 * after they are cleared, the first write to a page is a fault of some 1,700
 * instructions, and /proc/self/pagemap shows which pages those are.  Where the
 * kernel has none, by userfaultfd's asynchronous write protection (Linux 6.7),
 * which does the same for registered ranges, but only of anonymous memory, so
 * not of the module's.  A child of fork() has no registered ranges.
 *
 * Called by one thread at a time, except for dirty_add() and dirty_remove().
 */
#ifndef SHIM_GC_DIRTY_H
#define SHIM_GC_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * dirty_by_module - let the module report, if it can
 *
 * Before any page that is to be watched is taken.
 *
 * Return: false if it cannot: try dirty_init().
 */
bool dirty_by_module(void);

/**
 * dirty_init - can the kernel report written pages
 * @page: 4 KiB of memory of the kind that will be watched, for a trial: memory
 *	of the module may behave differently from the kernel's own
 * @own: all memory to be watched lies in mappings of our own.  With libshim's
 *	spans, which lie between those of malloc(), registering would split
 *	mappings and huge pages so much that a fork or a stop takes seconds
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
 * dirty_is_by_range - must pages be cleared range by range
 */
bool dirty_is_by_range(void);

/**
 * dirty_add - watch a range
 * @low: first byte, aligned to 4 KiB
 * @high: behind the last, the same
 */
void dirty_add(uintptr_t low, uintptr_t high);

/**
 * dirty_remove - stop watching a range
 * @low: as given to dirty_add()
 * @high: the same
 */
void dirty_remove(uintptr_t low, uintptr_t high);

/**
 * dirty_clear - mark all pages as not written to
 *
 * Return: false if that is not so.
 */
bool dirty_clear(void);

/**
 * dirty_clear_range - mark the pages of a range as not written to
 * @low: first byte, aligned to 4 KiB
 * @high: behind the last, the same
 *
 * Return: false if that is not so.
 */
bool dirty_clear_range(uintptr_t low, uintptr_t high);

/**
 * dirty_read - ask for the pages that were written to since dirty_clear() or
 *	the last call
 *
 * Before dirty_each(), which then answers for this moment.  Only the module can
 * be asked more than once, so that each answer is forgotten: dirty_can_read().
 *
 * Return: how many pages of 4 KiB; -1: not known, all count as written to.
 */
long dirty_read(void);

/**
 * dirty_can_read - can it be asked while the program runs
 */
bool dirty_can_read(void);

/**
 * dirty_range - where pages are that dirty_read() has asked for
 * @low: out: first byte
 * @high: out: behind the last
 *
 * Only if dirty_can_read().
 */
void dirty_range(uintptr_t *low, uintptr_t *high);

/**
 * dirty_each - visit the pages of a range that were written to
 * @low: first byte, aligned to 4 KiB
 * @high: behind the last, the same
 * @fn: called for each run of them
 * @arg: for it
 *
 * Where they are not known, @fn is called for the whole range.
 */
void dirty_each(uintptr_t low, uintptr_t high,
		void (*fn)(uintptr_t low, uintptr_t high, void *arg),
		void *arg);

/**
 * dirty_fork_child - reset in the child of a fork
 *
 * The module's arena is copied, and goes on.
 *
 * With userfaultfd the parent's ranges stay with the parent: its descriptor works on the
 * parent's memory even in the child.
 *
 * Return: false if the child can watch nothing any more.
 */
bool dirty_fork_child(void);

#endif /* SHIM_GC_DIRTY_H */
