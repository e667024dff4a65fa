/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcmeta: memory for the collector's own records.
 *
 * It comes straight from the kernel, because it is needed while every other
 * thread is stopped, some of them holding locks of malloc().  Its contents are
 * not roots.
 */
#ifndef SHIM_GCMETA_H
#define SHIM_GCMETA_H

#include <stddef.h>

/**
 * gcmeta_alloc - memory that is never given back
 * @size: bytes; 64 bytes and more are aligned to a cache line
 *
 * Takes its own lock, below all others of the collector.
 *
 * Return: zeroed memory, or NULL.
 */
void *gcmeta_alloc(size_t size);

/**
 * gcmeta_map - make a mapping
 * @len: bytes
 *
 * Return: zeroed memory, to be freed with gcmeta_unmap(), or NULL.
 */
void *gcmeta_map(size_t len);

/**
 * gcmeta_grow - make a mapping longer
 * @p: from gcmeta_map() or this function, or NULL
 * @len: its length
 * @newlen: the length wanted
 *
 * Return: the mapping, which may have moved, its new part zeroed; NULL with
 * nothing changed.
 */
void *gcmeta_grow(void *p, size_t len, size_t newlen);

/**
 * gcmeta_unmap - give a mapping back
 * @p: from gcmeta_map() or gcmeta_grow(), or NULL
 * @len: its length
 */
void gcmeta_unmap(void *p, size_t len);

/**
 * gcmeta_bytes - how much the records take
 *
 * Return: bytes mapped.
 */
size_t gcmeta_bytes(void);

/* Around fork(). */
void gcmeta_fork_prepare(void);
void gcmeta_fork_done(void);

#endif /* SHIM_GCMETA_H */
