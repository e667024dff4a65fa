/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * block: waiting for somebody of this process, as a coroutine or as a thread.
 *
 * Whoever wakes a waiter claims it first, so that only one of several does, a
 * deadline and a cancellation among them.
 */
#ifndef SHIM_CO_BLOCK_H
#define SHIM_CO_BLOCK_H

#include "run.h"

#define BLOCK_OPEN	(-1)	/* not claimed */
#define BLOCK_GONE	(-2)	/* by a deadline or a cancellation */

/**
 * struct block - one that waits; on its stack
 * @w: first, for run_block()
 * @co: the coroutine, or NULL for a thread
 * @claimed: BLOCK_OPEN, or what whoever claimed it said
 * @woken: a thread's futex
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
 * block_claim - be the one who wakes
 * @b: waits, and does not go away: a lock that it would take is held
 * @what: 0 or more
 *
 * Return: whether the caller is; then it calls block_wake(), once.
 */
bool block_claim(struct block *b, int what);

/**
 * block_wake - wake one that was claimed
 * @b: not to be touched afterwards
 */
void block_wake(struct block *b);

/**
 * block_wait - wait until claimed and woken
 * @b: from block_init(), shown to others already
 * @timeout: ns, or negative
 *
 * The caller takes @b back from the others, then calls block_end().
 *
 * Return: what it was claimed with, BLOCK_GONE after a deadline or a cancellation.
 */
int block_wait(struct block *b, int64_t timeout);

/**
 * block_end - the end of a wait, when nobody refers to @b; a cancellation
 * point
 * @b: after block_wait()
 */
void block_end(struct block *b);

#endif /* SHIM_CO_BLOCK_H */
