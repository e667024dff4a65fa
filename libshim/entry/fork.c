// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fork: every lock of the library held across fork().
 *
 * Before a fork the locks are taken in the order of their ranks, after it they
 * are released in reverse.  So the child, which has this one thread, finds every
 * structure whole.  What other threads had in hand at that moment (a batch
 * between two layers, an object being pushed) stays allocated in the child.
 *
 * vfork() and posix_spawn() run no handlers and need none: parent and child
 * share the memory and the locks, and the parent waits.
 *
 * The layers above the core have a slot each.  fork_lock is held from before
 * their turn until after it, so that what was called before a fork is what is
 * called after it, whoever registers meanwhile.
 *
 * Called by glibc.
 */
#include "span/central.h"
#include "base/error.h"
#include "fork.h"
#include "base/guard.h"
#include "span/large.h"
#include "base/lock.h"
#include "pageheap/pageheap.h"
#include "cache/percpu.h"
#include "base/prof.h"
#include "cache/transfer.h"

/* glibc's, behind pthread_atfork(); without a handle it never ends. */
int __register_atfork(void (*prepare)(void), void (*parent)(void),
		      void (*child)(void), void *dso);

static struct shim_lock fork_lock = SHIM_LOCK_INIT(SHIM_RANK_FORK);

/* protected by fork_lock, hence not atomic */
static struct {
	void (*prepare)(void);
	void (*parent)(void);
	void (*child)(void);
} above[FORK_LAYERS];

void fork_on(unsigned int slot, void (*prepare)(void), void (*parent)(void),
	     void (*child)(void))
{
	shim_lock_acquire(&fork_lock);
	if (!above[slot].prepare) {
		above[slot].prepare = prepare;
		above[slot].parent = parent;
		above[slot].child = child;
	}
	shim_lock_release(&fork_lock);
}

static void fork_prepare(void)
{
	unsigned int i;

	shim_lock_acquire(&fork_lock);
	for (i = FORK_LAYERS; i-- > 0;)
		if (above[i].prepare)
			above[i].prepare();
	guard_fork_prepare();
	prof_fork_prepare();
	percpu_fork_prepare();
	transfer_fork_prepare();
	central_fork_prepare();
	large_fork_prepare();
	pageheap_fork_prepare();
}

static void fork_parent(void)
{
	unsigned int i;

	pageheap_fork_parent();
	large_fork_parent();
	central_fork_parent();
	transfer_fork_parent();
	percpu_fork_parent();
	prof_fork_parent();
	guard_fork_parent();
	for (i = 0; i < FORK_LAYERS; i++)
		if (above[i].prepare)
			above[i].parent();
	shim_lock_release(&fork_lock);
}

static void fork_child(void)
{
	unsigned int i;

	pageheap_fork_child();
	large_fork_child();
	central_fork_child();
	transfer_fork_child();
	percpu_fork_child();
	prof_fork_child();
	guard_fork_child();
	for (i = 0; i < FORK_LAYERS; i++)
		if (above[i].prepare)
			above[i].child();
	shim_lock_reset_child(&fork_lock);
}

void fork_register(void)
{
	if (__register_atfork(fork_prepare, fork_parent, fork_child, NULL))
		shim_say("fork handlers could not be registered");
}
