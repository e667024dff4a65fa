/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * box_fork: every lock of box held across fork().
 */
#ifndef SHIM_BOX_FORK_H
#define SHIM_BOX_FORK_H

#include <pthread.h>
#include <stdbool.h>

#include "base/lock.h"

/* The order in which fork(), like every other thread, takes them. */
enum box_order {
	BOX_LOCK_SLOTS,		/* before those of pools */
	BOX_LOCK_OWN,		/* a pool's or a heap's */
	BOX_LOCK_SPANS,		/* after those of heaps */
	BOX_LOCK_CELLS,		/* of weak references, after all others */
	BOX_LOCK_ORDERS
};

/**
 * struct box_lock - a lock that fork() takes
 * @lock: the lock, of rank SHIM_RANK_BOX
 * @next: list of them all
 * @prev: the same
 *
 * Part of a pool or a heap, or one of those that weak references share.
 */
struct box_lock {
	struct shim_lock lock;
	struct box_lock *next;
	struct box_lock *prev;
};

/**
 * box_lock_init - make a lock that fork() will take
 * @l: the lock
 * @order: its place
 */
void box_lock_init(struct box_lock *l, enum box_order order);

/**
 * box_lock_gone - make fork() forget a lock
 * @l: the lock, which is not held
 */
void box_lock_gone(struct box_lock *l);

/**
 * struct box_once - state of something that is done once
 * @once: how
 * @done: whether it has been done, for a fast check
 */
struct box_once {
	pthread_once_t once;
	bool done;
};

#define BOX_ONCE_INIT	{ .once = PTHREAD_ONCE_INIT }

/**
 * box_once - do something once
 * @o: its state
 * @fn: the function that does it
 */
static inline void box_once(struct box_once *o, void (*fn)(void))
{
	/* acquire: pairs with the release below */
	if (__builtin_expect(__atomic_load_n(&o->done, __ATOMIC_ACQUIRE), 1))
		return;
	pthread_once(&o->once, fn);
	__atomic_store_n(&o->done, true, __ATOMIC_RELEASE);
}

#endif /* SHIM_BOX_FORK_H */
