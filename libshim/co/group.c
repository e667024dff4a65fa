// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * group: wait groups.
 */
#include "block.h"
#include "base/error.h"
#include "base/lock.h"

_Static_assert(sizeof(struct shim_lock) <= sizeof(((struct shim_group *)0)->lock),
	       "room for the lock, ranks and all");

struct group_wait {
	struct group_wait *next;
	struct block block;
};

static struct shim_lock *lock_of(struct shim_group *g)
{
	/* zeros are a free lock without a rank */
	return (struct shim_lock *)g->lock;
}

EXPORT void shim_group_add(struct shim_group *g, long n)
{
	struct group_wait *w, *next = NULL;

	shim_lock_acquire(lock_of(g));
	g->count += n;
	if (g->count < 0)
		shim_bug("more is done than was added to the group", g);
	if (!g->count) {
		next = g->waiters;
		g->waiters = NULL;
	}
	/* with the lock held, which a waiter takes before it goes away */
	while ((w = next)) {
		next = w->next;
		w->next = NULL;
		if (block_claim(&w->block, 0))
			block_wake(&w->block);
	}
	shim_lock_release(lock_of(g));
}

EXPORT void shim_group_done(struct shim_group *g)
{
	shim_group_add(g, -1);
}

EXPORT void shim_group_wait(struct shim_group *g)
{
	struct group_wait w, **at;

	shim_lock_acquire(lock_of(g));
	if (!g->count) {
		shim_lock_release(lock_of(g));
		return;
	}
	block_init(&w.block);
	w.next = g->waiters;
	g->waiters = &w;
	shim_lock_release(lock_of(g));
	block_wait(&w.block, -1);
	/*
	 * taking the lock also ensures that the thread that woke us is done
	 * with the group
	 */
	shim_lock_acquire(lock_of(g));
	for (at = (struct group_wait **)&g->waiters; *at; at = &(*at)->next) {
		if (*at == &w) {
			*at = w.next;
			break;
		}
	}
	shim_lock_release(lock_of(g));
	block_end(&w.block);
}
