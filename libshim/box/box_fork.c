// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * box_fork: every lock of box held across fork().
 *
 * Keeps true: all locks of pools, heaps and weak references are on the list of
 * their order, guarded by list_lock, which is taken before any of them and only
 * here.  With libshim the seam calls these handlers, after the application's own;
 * without it glibc does.
 *
 * Called by pool, heap and rc when a lock is made and when it is freed.
 */
#include <pthread.h>

#include "box.h"
#include "box_fork.h"
#include "seam/seam.h"

static struct shim_lock list_lock = SHIM_LOCK_INIT(SHIM_RANK_BOX);
static struct box_lock all[BOX_LOCK_ORDERS] = {
	{ .next = &all[BOX_LOCK_SLOTS], .prev = &all[BOX_LOCK_SLOTS] },
	{ .next = &all[BOX_LOCK_OWN], .prev = &all[BOX_LOCK_OWN] },
	{ .next = &all[BOX_LOCK_SPANS], .prev = &all[BOX_LOCK_SPANS] },
	{ .next = &all[BOX_LOCK_CELLS], .prev = &all[BOX_LOCK_CELLS] },
};

static struct box_once once = BOX_ONCE_INIT;

static void prepare(void)
{
	struct box_lock *l;
	unsigned int i;

	shim_lock_acquire(&list_lock);
	for (i = 0; i < BOX_LOCK_ORDERS; i++)
		for (l = all[i].next; l != &all[i]; l = l->next)
			shim_lock_acquire_nested(&l->lock);
}

static void parent(void)
{
	struct box_lock *l;
	unsigned int i;

	for (i = BOX_LOCK_ORDERS; i-- > 0;)
		for (l = all[i].next; l != &all[i]; l = l->next)
			shim_lock_release(&l->lock);
	shim_lock_release(&list_lock);
}

static void child(void)
{
	struct box_lock *l;
	unsigned int i;

	for (i = BOX_LOCK_ORDERS; i-- > 0;)
		for (l = all[i].next; l != &all[i]; l = l->next)
			shim_lock_reset_child(&l->lock);
	shim_lock_reset_child(&list_lock);
}

static void fork_register(void)
{
	static const struct seam_fork ops = { prepare, parent, child };

	if (box_has_seam())
		seam_on_fork(SEAM_BOX, &ops);
	else
		pthread_atfork(prepare, parent, child);
}

void box_lock_init(struct box_lock *l, enum box_order order)
{
	box_once(&once, fork_register);
	shim_lock_init(&l->lock, SHIM_RANK_BOX);
	shim_lock_acquire(&list_lock);
	l->next = &all[order];
	l->prev = all[order].prev;
	l->prev->next = l;
	l->next->prev = l;
	shim_lock_release(&list_lock);
}

void box_lock_gone(struct box_lock *l)
{
	shim_lock_acquire(&list_lock);
	l->prev->next = l->next;
	l->next->prev = l->prev;
	shim_lock_release(&list_lock);
}
