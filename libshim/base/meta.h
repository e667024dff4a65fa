/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * meta: memory for the allocator's own records.
 *
 * The memory comes from separate anonymous mappings, never through malloc(),
 * and is never unmapped.  A freed record stays readable and is reused only for
 * a record of the same rounded size, so a read through a stale span pointer
 * finds some span and never faults.
 */
#ifndef SHIM_META_H
#define SHIM_META_H

#include <stddef.h>

/**
 * struct meta_stat - where the allocator's own memory is
 * @mapped: bytes of address space
 * @used: bytes in records now
 * @free: bytes in freed records, waiting to be used again
 * @untouched: bytes never given out; most have no memory behind them
 *
 * mapped = used + free + untouched.
 */
struct meta_stat {
	size_t mapped;
	size_t used;
	size_t free;
	size_t untouched;
};

/**
 * meta_alloc - get a record
 * @size: bytes, not 0
 * @align: a power of two, at most 4096
 *
 * Takes the META lock.
 *
 * Return: zeroed memory, or NULL with nothing changed if the system has no
 * memory.
 */
void *meta_alloc(size_t size, size_t align);

/**
 * meta_free - give a record back
 * @p: what meta_alloc() returned
 * @size: the size it was asked for
 *
 * Takes the META lock.  Records of more than 4 KiB are not kept for reuse by
 * other sizes; none is ever unmapped.
 */
void meta_free(void *p, size_t size);

/**
 * meta_get_stat - count the allocator's own memory
 * @st: filled in, consistently
 */
void meta_get_stat(struct meta_stat *st);

void meta_fork_prepare(void);
void meta_fork_parent(void);
void meta_fork_child(void);

#endif /* SHIM_META_H */
