// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * finalizer_call: who calls the finalizers that are ready: a thread of the
 * collector, the thread that has collected, or the program by
 * shim_gc_finalize().
 *
 * Called by cycle and gc, and by gccompat with libgc's settings.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>

#include "base/sys.h"
#include "finalizer.h"
#include "gclog.h"
#include "stop.h"

static enum finalizer_caller finalize_by;	/* atomic */
static void (*on_ready)(void);		/* atomic */
static uint32_t thread_is_there;	/* atomic: it was made */
static uint32_t rounds;			/* futex: rises when some are ready */

static void *finalizer_main(void *arg)
{
	uint32_t seen;

	(void)arg;
	for (;;) {
		seen = __atomic_load_n(&rounds, __ATOMIC_ACQUIRE);
		finalizer_run();
		sys_call6(SYS_futex, (long)&rounds,
			  FUTEX_WAIT | FUTEX_PRIVATE_FLAG, seen, 0, 0, 0);
	}
	return NULL;
}

static void start_thread(void)
{
	sigset_t all, old;
	pthread_t thread;

	/*
	 * the program's signals are for its own threads; only that of stop is
	 * for this one
	 */
	sigfillset(&all);
	sigdelset(&all, stop_signal());
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&old, 8,
		  0, 0);
	if (pthread_create(&thread, NULL, finalizer_main, NULL)) {
		gclog("cannot make a thread for finalizers, which wait");
		__atomic_store_n(&thread_is_there, 0, __ATOMIC_RELAXED);
	} else {
		pthread_detach(thread);
	}
	sys_call6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, 8, 0, 0);
}

void finalizer_call(void)
{
	pid_t me = (pid_t)sys_call3(SYS_getpid, 0, 0, 0);
	void (*fn)(void);
	uint32_t there;

	if (!finalizer_nr_ready())
		return;
	switch (__atomic_load_n(&finalize_by, __ATOMIC_RELAXED)) {
	case FINALIZER_ASKED:
		fn = __atomic_load_n(&on_ready, __ATOMIC_RELAXED);
		if (fn)
			fn();
		return;
	case FINALIZER_HERE:
		finalizer_run();
		return;
	case FINALIZER_THREAD:
		break;
	}
	/* by process, because the child of a fork has no such thread */
	there = __atomic_load_n(&thread_is_there, __ATOMIC_RELAXED);
	if (there != (uint32_t)me &&
	    __atomic_compare_exchange_n(&thread_is_there, &there, (uint32_t)me,
					false, __ATOMIC_RELAXED,
					__ATOMIC_RELAXED))
		start_thread();
	__atomic_add_fetch(&rounds, 1, __ATOMIC_RELEASE);
	sys_call6(SYS_futex, (long)&rounds, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1,
		  0, 0, 0);
}

void finalizer_call_elsewhere(void)
{
	/* otherwise the next thread that allocates does it */
	if (__atomic_load_n(&finalize_by, __ATOMIC_RELAXED) !=
	    FINALIZER_HERE)
		finalizer_call();
}

void finalizer_call_by(enum finalizer_caller by)
{
	__atomic_store_n(&finalize_by, by, __ATOMIC_RELAXED);
}

void finalizer_call_on_ready(void (*fn)(void))
{
	__atomic_store_n(&on_ready, fn, __ATOMIC_RELAXED);
}
