/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * block: waiting for another coroutine or thread of the process.
 *
 * A waiter is claimed before it is woken, so that only one of several wakers
 * succeeds; a deadline and a cancellation are wakers, too.
 */
#ifndef SHIM_CO_BLOCK_H
#define SHIM_CO_BLOCK_H

#include "run.h"

#define BLOCK_OPEN	(-1)	/* not claimed */
#define BLOCK_GONE	(-2)	/* claimed by a deadline or a cancellation */

/**
 * struct block - a waiter; lies on its stack
 * @w: first, for run_block()
 * @co: the coroutine, or NULL for a thread
 * @claimed: BLOCK_OPEN, or the value with which it was claimed
 * @woken: futex, for a thread
 */
struct block {
	struct run_wait w;
	struct shim_co *co;
	int claimed;
	uint32_t woken;
};

/**
 * block_init - get ready to wait
 * @b: on the caller's stack
 */
void block_init(struct block *b);

/**
 * block_claim - become the one that wakes a waiter
 * @b: a waiter, which cannot go away, since the caller holds a lock that it
 *	would take
 * @what: 0 or more
 *
 * Return: true if the caller is; it then calls block_wake() once.
 */
bool block_claim(struct block *b, int what);

/**
 * block_wake - wake a waiter that the caller has claimed
 * @b: must not be touched afterwards
 */
void block_wake(struct block *b);

/**
 * block_wait - wait until claimed and woken
 * @b: from block_init(), already visible to others
 * @timeout: ns, or negative
 *
 * The caller then removes @b from all lists, and calls block_end().
 *
 * Return: the value with which it was claimed, BLOCK_GONE after a deadline or a
 * cancellation.
 */
int block_wait(struct block *b, int64_t timeout);

/**
 * block_end - the end of a wait, when nothing refers to @b any more; a
 * cancellation point
 * @b: after block_wait()
 */
void block_end(struct block *b);

#endif /* SHIM_CO_BLOCK_H */
