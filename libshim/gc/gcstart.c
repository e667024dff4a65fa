// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcstart: settings, fork, the thread that calls finalizers, and signal masks.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

#include "cycle.h"
#include "gc.h"
#include "gclog.h"
#include "gcthread.h"
#include "base/lock.h"
#include "mark.h"
#include "pacer.h"
#include "seam/seam.h"
#include "special.h"
#include "stop.h"
#include "base/sys.h"

bool gc_started;

static struct shim_lock start_lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static enum gc_finalize finalize_by;	/* atomic */
static void (*on_ready)(void);		/* atomic */
static uint32_t thread_is_there;	/* atomic: it was made */
static uint32_t rounds;			/* futex: rises when some are ready */

/* The lock of the start comes before all others, as starting takes them. */
static void fork_prepare(void)
{
	shim_lock_acquire(&start_lock);
	cycle_fork_prepare();
}

static void fork_parent(void)
{
	cycle_fork_parent();
	shim_lock_release(&start_lock);
}

static void fork_child(void)
{
	cycle_fork_child();
	shim_lock_reset_child(&start_lock);
}

static const struct seam_fork fork_ops = {
	.prepare = fork_prepare,
	.parent = fork_parent,
	.child = fork_child,
};

/* This runs before any thread could start the collector while another forks. */
static __attribute__((constructor)) void register_fork(void)
{
	if (seam_is_here())
		seam_on_fork(SEAM_GC, &fork_ops);
	else if (pthread_atfork(fork_prepare, fork_parent, fork_child))
		gclog("no memory for fork handlers: children must not collect");
}

/* A number with K, M or G behind it. */
static bool read_number(const char *name, size_t *value)
{
	const char *text = getenv(name);
	unsigned long long n;
	unsigned int shift = 0;
	char *end;

	if (!text)
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end == 'K' || *end == 'k')
		shift = 10;
	else if (*end == 'M' || *end == 'm')
		shift = 20;
	else if (*end == 'G' || *end == 'g')
		shift = 30;
	if (errno || end == text || *text == '-' || end[!!shift] ||
	    n > SIZE_MAX >> shift) {
		gclog("%s=%s is no number: ignored", name, text);
		return false;
	}
	*value = (size_t)n << shift;
	return true;
}

static void read_mode(struct shim_gc_opts *opts)
{
	static const char *const names[] = {
		"default", "stop", "hybrid", "deletion", "insertion", "dirty",
	};
	const char *text = getenv("SHIM_GC_MODE");
	unsigned int i;

	if (!text)
		return;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			opts->mode = i;
			return;
		}
	}
	gclog("SHIM_GC_MODE=%s is no mode: ignored", text);
}

static void settings(struct shim_gc_opts *opts)
{
	size_t n;

	if (read_number("SHIM_GC_PERCENT", &n)) {
		if (n && n <= 10000)
			opts->percent = (unsigned int)n;
		else
			gclog("SHIM_GC_PERCENT must be 1 to 10000: ignored");
	}
	read_mode(opts);
	if (read_number("SHIM_GC_VERIFY", &n))
		cycle_set_verify(n);
	if (read_number("SHIM_GC_LIMIT", &n))
		opts->limit = n;
	if (read_number("SHIM_GC_WORKERS", &n)) {
		if (n && n <= MARK_WORKERS_MAX)
			opts->workers = (unsigned int)n;
		else
			gclog("SHIM_GC_WORKERS must be 1 to %d: ignored",
			      MARK_WORKERS_MAX);
	}
}

static int check(const struct shim_gc_opts *opts)
{
	if (opts->mode > SHIM_GC_DIRTY || opts->percent > 10000 ||
	    opts->workers > MARK_WORKERS_MAX)
		return EINVAL;
	if (opts->signal &&
	    (opts->signal < SIGRTMIN || opts->signal > SIGRTMAX))
		return EINVAL;
	return 0;
}

static int start(const struct shim_gc_opts *given)
{
	struct shim_gc_opts opts = { 0, 0, 0, 0, 0, 0 };
	int err;

	if (given)
		opts = *given;
	err = check(&opts);
	if (err)
		return err;
	settings(&opts);
	if (!gcspan_init())
		return ENOMEM;
	err = gcthread_init();
	if (!err)
		err = stop_init(opts.signal, opts.patience_ms);
	if (err)
		return err;
	cycle_set_mode(opts.mode);
	pacer_set_beside(cycle_get_mode() != SHIM_GC_STOP);
	if (opts.percent)
		pacer_set_percent(opts.percent);
	if (opts.limit)
		pacer_set_limit(opts.limit);
	if (opts.workers)
		mark_set_workers(opts.workers);
	return 0;
}

int gc_start(const struct shim_gc_opts *opts)
{
	int err = EBUSY;

	shim_lock_acquire(&start_lock);
	if (!gc_started) {
		err = start(opts);
		/* release: pairs with the acquire in gc_ready() */
		__atomic_store_n(&gc_started, !err, __ATOMIC_RELEASE);
	}
	shim_lock_release(&start_lock);
	return err;
}

bool gc_start_now(void)
{
	int err = gc_start(NULL);

	if (!err || err == EBUSY)
		return true;
	errno = err;
	return false;
}

static void *finalizer_main(void *arg)
{
	uint32_t seen;

	(void)arg;
	for (;;) {
		seen = __atomic_load_n(&rounds, __ATOMIC_ACQUIRE);
		special_run();
		sys_call6(SYS_futex, (long)&rounds,
			  FUTEX_WAIT | FUTEX_PRIVATE_FLAG, seen, 0, 0, 0);
	}
	return NULL;
}

static void start_thread(void)
{
	sigset_t all, old;
	pthread_t thread;

	/* the program's signals are for its own threads, except the stop's */
	sigfillset(&all);
	sigdelset(&all, stop_signal());
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, finalizer_main, NULL)) {
		gclog("no thread for finalizers: they wait");
		__atomic_store_n(&thread_is_there, 0, __ATOMIC_RELAXED);
	} else {
		pthread_detach(thread);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void gc_finalize_some(void)
{
	pid_t me = (pid_t)sys_call3(SYS_getpid, 0, 0, 0);
	void (*fn)(void);
	uint32_t there;

	if (!special_nr_ready())
		return;
	switch (__atomic_load_n(&finalize_by, __ATOMIC_RELAXED)) {
	case GC_FINALIZE_ASKED:
		fn = __atomic_load_n(&on_ready, __ATOMIC_RELAXED);
		if (fn)
			fn();
		return;
	case GC_FINALIZE_HERE:
		special_run();
		return;
	case GC_FINALIZE_THREAD:
		break;
	}
	/* by process: the child of a fork has none yet */
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

void gc_finalize_elsewhere(void)
{
	/* the next thread that allocates does it */
	if (__atomic_load_n(&finalize_by, __ATOMIC_RELAXED) !=
	    GC_FINALIZE_HERE)
		gc_finalize_some();
}

void gc_set_finalize(enum gc_finalize by)
{
	__atomic_store_n(&finalize_by, by, __ATOMIC_RELAXED);
}

void gc_on_ready(void (*fn)(void))
{
	__atomic_store_n(&on_ready, fn, __ATOMIC_RELAXED);
}

void shim_gc_set_finalizer_thread(bool on)
{
	gc_set_finalize(on ? GC_FINALIZE_THREAD : GC_FINALIZE_ASKED);
}

/*
 * A thread that blocks all signals, as those of many servers do, could not be
 * stopped.  These functions replace the C library's; a program reads back the
 * mask that it asked for, without that one signal.
 */
#define KERNEL_SIGSET	8

static sigset_t without_ours(const sigset_t *set)
{
	sigset_t ours = *set;

	sigdelset(&ours, stop_signal());
	/* the C library's own two, which it never lets be blocked */
	((unsigned long *)&ours)[0] &= ~(3ul << 31);
	return ours;
}

static int set_mask(int how, const sigset_t *set, sigset_t *old)
{
	sigset_t ours;
	long ret;

	if (set && how != SIG_UNBLOCK) {
		ours = without_ours(set);
		set = &ours;
	}
	if (old)
		sigemptyset(old);
	ret = sys_call6(SYS_rt_sigprocmask, how, (long)set, (long)old,
			KERNEL_SIGSET, 0, 0);
	return (int)-ret;
}

int __attribute__((visibility("default")))
pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return set_mask(how, set, old);
}

int __attribute__((visibility("default")))
sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int err = set_mask(how, set, old);

	if (!err)
		return 0;
	errno = err;
	return -1;
}

/*
 * A thread that waits for all signals would get that one as well, and not
 * stop.  As in the C library, a thread can be cancelled here.
 */
static int wait_for_signal(const sigset_t *set, siginfo_t *info,
			   const struct timespec *timeout)
{
	sigset_t ours = without_ours(set);
	siginfo_t local;
	int type;
	long ret;

	info = info ? info : &local;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
	ret = sys_call6(SYS_rt_sigtimedwait, (long)&ours, (long)info,
			(long)timeout, KERNEL_SIGSET, 0, 0);
	pthread_setcanceltype(type, NULL);
	/* as the C library has it */
	if (ret >= 0 && info->si_code == SI_TKILL)
		info->si_code = SI_USER;
	return (int)ret;
}

int __attribute__((visibility("default")))
sigtimedwait(const sigset_t *set, siginfo_t *info,
	     const struct timespec *timeout)
{
	int ret = wait_for_signal(set, info, timeout);

	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

int __attribute__((visibility("default")))
sigwaitinfo(const sigset_t *set, siginfo_t *info)
{
	return sigtimedwait(set, info, NULL);
}

int __attribute__((visibility("default")))
sigwait(const sigset_t *set, int *sig)
{
	int ret;

	do {
		ret = wait_for_signal(set, NULL, NULL);
	} while (ret == -EINTR);
	if (ret < 0)
		return -ret;
	*sig = ret;
	return 0;
}

/* Reading from it consumes signals as these do. */
int __attribute__((visibility("default")))
signalfd(int fd, const sigset_t *set, int flags)
{
	sigset_t ours = without_ours(set);
	long ret = sys_call6(SYS_signalfd4, fd, (long)&ours, KERNEL_SIGSET,
			     flags, 0, 0);

	if (ret >= 0)
		return (int)ret;
	errno = (int)-ret;
	return -1;
}
