// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * fork: every lock of the library held across fork().
 *
 * Before a fork the locks are taken in the order of their ranks, after it they
 * are released in reverse.  So the child, whose only thread is the one that
 * forked, finds every structure consistent.  Objects that other threads were
 * moving at that moment (a batch between two layers, an object being pushed)
 * stay allocated in the child.
 *
 * The C library runs our handlers, and then takes the lock of its list of
 * streams.  The holder of that lock may be waiting for one of ours
 * (fflush(NULL), and a stream that allocates), so it is taken first, as the C
 * library does for its own malloc.  The lock is recursive.  In a process with
 * one thread nobody else can hold it, so it is not taken: a fork inside a
 * stream's write function is legal.
 *
 * A fork in a signal handler may interrupt the very thread that holds some of
 * the locks: they stay held, see shim_lock_fork_prepare().  If it interrupts
 * another fork, the locks are left to that one.
 *
 * In a process with one thread nobody else holds anything, so no lock is taken:
 * each would be a write in the parent and one in the child, and each page that
 * is written is copied.  What this thread holds, because a signal interrupted
 * it, stays held as above.  forking.who says in the parent and in the child how
 * the fork was prepared.
 *
 * A child made by a raw clone() runs no handlers.  It may allocate as long as
 * nobody held one of our locks.  Where somebody did, who waits in the child can
 * wait for ever; so who has waited for a second looks if the memory has another
 * thread, and if not, ends the process with a message.  Not in a sandbox, which may
 * kill it for the question: there it waits.
 *
 * vfork() and posix_spawn() run no handlers and need none: parent and child
 * share the memory and the locks, and the parent waits.
 *
 * Each library above the core has a slot.  fork_lock is held from before their
 * handlers run until after, so that the handlers that ran before a fork are
 * those that run after it, whoever registers meanwhile.
 *
 * Called by glibc.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <stdbool.h>
#include <string.h>

#include "span/central.h"
#include "base/conf.h"
#include "base/error.h"
#include "entry.h"
#include "fork.h"
#include "base/guard.h"
#include "span/large.h"
#include "base/lock.h"
#include "pageheap/pageheap.h"
#include "cache/percpu.h"
#include "base/prof.h"
#include "base/sys.h"
#include "cache/transfer.h"

#ifdef __GLIBC__
/*
 * glibc's function behind pthread_atfork().  Handlers registered without a
 * handle are never removed.
 */
int __register_atfork(void (*prepare)(void), void (*parent)(void),
		      void (*child)(void), void *dso);
#else
#include <pthread.h>
#define __register_atfork(prepare, parent, child, dso)	\
	pthread_atfork(prepare, parent, child)
#endif

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

/* Also glibc's: the lock of the list of streams. */
void _IO_list_lock(void) __attribute__((weak));
void _IO_list_unlock(void) __attribute__((weak));
void _IO_list_resetlock(void) __attribute__((weak));
extern char __libc_single_threaded __attribute__((weak));

/*
 * Written by the thread that holds all locks; others only read them.  After a
 * fork, @who is 0 if the process had one thread and no lock was taken.
 */
static struct {
	uint32_t who;		/* shim_lock_self() of that thread, or 0 */
	uint32_t inner;		/* forks within its fork, from signal handlers */
	bool streams;		/* it holds the lock of the list of streams */
} forking;

/*
 * May this thread be killed for a system call?  A filter may have been there before the
 * program was, which opens files, but need not be allowed what it never does.
 */
static bool is_filtered(void)
{
	char text[4096];
	size_t len = 0;
	long fd, n;

	fd = sys_call6(SYS_openat, AT_FDCWD, (long)"/proc/thread-self/status",
		       O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (sys_failed(fd))
		return true;
	do {
		n = sys_call3(SYS_read, fd, (long)(text + len),
			      (long)(sizeof(text) - 1 - len));
		len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	sys_call3(SYS_close, fd, 0, 0);
	text[len] = '\0';
	return !strstr(text, "\nSeccomp:\t0\n");
}

/*
 * Has this process one thread, and its memory for itself?  The kernel says so when it is
 * asked to unshare the memory, which changes nothing then.  A child of vfork() is not
 * alone: a thread of the parent's will release the lock.
 */
static bool is_alone(void)
{
	return !sys_call3(SYS_unshare, CLONE_VM, 0, 0);
}

static void waits_in_a_copy(void)
{
	if (!seccomp_entered() && !is_filtered() && is_alone())
		shim_stuck("in a child made by clone() without fork(): "
			   "a thread of the parent held a lock");
}

void fork_watch(void)
{
	shim_lock_watch(waits_in_a_copy);
}

static bool is_inner(void)
{
	return __atomic_load_n(&forking.who, __ATOMIC_RELAXED) ==
	       shim_lock_self();
}

static bool is_single(void)
{
	const char *single = &__libc_single_threaded;

	return single && *single;
}

/*
 * Can nobody else hold a lock?  The libraries above have threads of their own and
 * are called for more than locks.
 */
static bool is_plain(void)
{
	unsigned int i;

	for (i = 0; i < FORK_LAYERS; i++)
		if (above[i].prepare)
			return false;
	return is_single();
}

/* Return: true if the lock is held now. */
static bool streams_lock(void)
{
	if (!&_IO_list_lock || !&_IO_list_unlock || !&_IO_list_resetlock)
		return false;
	if (is_single())
		return false;
	_IO_list_lock();
	return true;
}

static void fork_prepare(void)
{
	unsigned int i;
	bool streams;

	if (is_inner()) {
		forking.inner++;
		return;
	}
	if (is_plain())
		return;
	streams = streams_lock();
	shim_lock_fork_prepare(&fork_lock);
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
	forking.streams = streams;
	__atomic_store_n(&forking.who, shim_lock_self(), __ATOMIC_RELAXED);
}

static void fork_parent(void)
{
	bool streams = forking.streams;
	unsigned int i;

	if (!forking.who)
		return;
	if (forking.inner) {
		forking.inner--;
		return;
	}
	__atomic_store_n(&forking.who, 0, __ATOMIC_RELAXED);
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
	shim_lock_fork_parent(&fork_lock);
	if (streams)
		_IO_list_unlock();
}

static void fork_child(void)
{
	unsigned int i;

	if (!forking.who) {
		/* the registration for the cache's fence is inherited */
		pageheap_fork_plain();
		if (shim_conf.profile)
			prof_dump_fork_child();
		return;
	}
	if (forking.inner) {
		forking.inner--;
		return;
	}
	forking.who = 0;
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
	shim_lock_fork_child(&fork_lock);
	/*
	 * glibc has reset it if it, too, counted several threads; twice does no
	 * harm
	 */
	if (forking.streams)
		_IO_list_resetlock();
	forking.streams = false;
}

void fork_register(void)
{
	static bool done;

	/*
	 * Before the call: glibc may allocate for its list.  As one operation,
	 * because to read what was never written is a page fault of its own.
	 */
	if (__atomic_exchange_n(&done, true, __ATOMIC_RELAXED))
		return;
	if (__register_atfork(fork_prepare, fork_parent, fork_child, NULL))
		shim_say("fork handlers could not be registered");
}
