/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * box_fork: every lock of box held across fork().
 */
#ifndef SHIM_BOX_FORK_H
#define SHIM_BOX_FORK_H

#include "base/lock.h"

/* In which order fork() takes them, as everybody does. */
enum box_order {
	BOX_LOCK_SLOTS,		/* before those of pools */
	BOX_LOCK_OWN,		/* a pool's or a heap's */
	BOX_LOCK_SPANS,		/* after those of heaps */
	BOX_LOCK_ORDERS
};

/**
 * struct box_lock - a lock that fork() takes
 * @lock: the lock, of rank SHIM_RANK_BOX
 * @next: list of them all
 * @prev: the same
 *
 * Part of a pool or a heap.
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
 * box_lock_gone - fork() is to forget a lock
 * @l: the lock, held by nobody
 */
void box_lock_gone(struct box_lock *l);

#endif /* SHIM_BOX_FORK_H */
