/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dirty: which pages were written to, by the kernel.
 *
 * Soft-dirty bits: a page is written to the first time since they were cleared
 * through a fault of some 1,700 instructions, and /proc/self/pagemap says which.
 * Called by one thread at a time.
 */
#ifndef SHIM_GC_DIRTY_H
#define SHIM_GC_DIRTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * dirty_init - can the kernel say
 *
 * Return: false if it cannot.
 */
bool dirty_init(void);

/**
 * dirty_clear - every page counts as not written to
 *
 * Return: false if that is not so.
 */
bool dirty_clear(void);

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

#endif /* SHIM_GC_DIRTY_H */
