/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mark_int: what mark, its queue and its workers share.
 */
#ifndef SHIM_MARK_INT_H
#define SHIM_MARK_INT_H

#include "mark.h"

#define MARK_TYPED	((size_t)1 << 63)

/**
 * mark_push - queue an object that has just become grey
 * @m: the caller's marker
 * @p: first byte
 * @n: bytes, perhaps with MARK_TYPED
 */
void mark_push(struct marker *m, uintptr_t p, size_t n);

/**
 * mark_share - give all of a queue to the pool, or MARK_CHUNK of a longer one
 * @m: the marker
 */
void mark_share(struct marker *m);

/**
 * mark_share_half - give half of a queue to the pool, or MARK_CHUNK of a long
 *	one
 * @m: the marker
 */
void mark_share_half(struct marker *m);

/**
 * mark_take - take a chunk from the pool
 * @m: a marker with an empty queue
 *
 * Return: false if there was none.
 */
bool mark_take(struct marker *m);

/**
 * mark_is_hungry - does the pool need more work
 */
bool mark_is_hungry(void);

/**
 * mark_dropped - note that a grey object was not queued, for mark_overflowed()
 */
void mark_dropped(void);

/* Idle workers, for mark_is_hungry(). */
extern uint32_t mark_idle __attribute__((visibility("hidden")));

#endif /* SHIM_MARK_INT_H */
