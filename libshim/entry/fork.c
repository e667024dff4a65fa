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
 * Called by glibc.
 */
#include "span/central.h"
#include "base/error.h"
#include "fork.h"
#include "base/guard.h"
#include "span/large.h"
#include "pageheap/pageheap.h"
#include "cache/percpu.h"
#include "base/prof.h"
#include "cache/transfer.h"

/* glibc's, behind pthread_atfork(); without a handle it never ends. */
int __register_atfork(void (*prepare)(void), void (*parent)(void),
		      void (*child)(void), void *dso);

static void fork_prepare(void)
{
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
	pageheap_fork_parent();
	large_fork_parent();
	central_fork_parent();
	transfer_fork_parent();
	percpu_fork_parent();
	prof_fork_parent();
	guard_fork_parent();
}

static void fork_child(void)
{
	pageheap_fork_child();
	large_fork_child();
	central_fork_child();
	transfer_fork_child();
	percpu_fork_child();
	prof_fork_child();
	guard_fork_child();
}

void fork_register(void)
{
	if (__register_atfork(fork_prepare, fork_parent, fork_child, NULL))
		shim_say("fork handlers could not be registered");
}
