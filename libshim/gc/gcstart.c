// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcstart: the settings of the collector, its start, and fork.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "barrier.h"
#include "cycle.h"
#include "gcstart.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcthread.h"
#include "limiter.h"
#include "base/lock.h"
#include "mark.h"
#include "pacer.h"
#include "seam/seam.h"
#include "stop.h"

bool gc_started;

static struct shim_lock start_lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
/*
 * The lock of the start comes before all others, because starting takes those.
 */
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

/*
 * Registered before any thread could start the collector while another one
 * forks.
 */
static __attribute__((constructor)) void register_fork(void)
{
	if (seam_is_here())
		seam_on_fork(SEAM_GC, &fork_ops);
	else if (pthread_atfork(fork_prepare, fork_parent, fork_child))
		gclog("no memory for fork handlers: a forked child must not use the collector");
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
		gclog("%s=%s is not a number, ignored", name, text);
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
	gclog("SHIM_GC_MODE=%s is not a mode, ignored", text);
}

static void settings(struct shim_gc_opts *opts)
{
	size_t n;

	if (read_number("SHIM_GC_PERCENT", &n)) {
		if (n && n <= 10000)
			opts->percent = (unsigned int)n;
		else
			gclog("SHIM_GC_PERCENT must be from 1 to 10000, ignored");
	}
	read_mode(opts);
	if (read_number("SHIM_GC_VERIFY", &n))
		cycle_set_verify(n);
	if (read_number("SHIM_GC_LIMIT", &n))
		opts->limit = n;
	if (read_number("SHIM_GC_PERIOD", &n)) {
		if (n <= 1000000)
			cycle_set_period(n * 1000000000u);
		else
			gclog("SHIM_GC_PERIOD must be at most 1000000 seconds, ignored");
	}
	if (read_number("SHIM_GC_WORKERS", &n)) {
		if (n && n <= MARK_WORKERS_MAX)
			opts->workers = (unsigned int)n;
		else
			gclog("SHIM_GC_WORKERS must be from 1 to %d, ignored",
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

static const struct gcalloc_policy policy = {
	.before = cycle_before_alloc,
	.no_memory = cycle_no_memory,
};

/* Give back what a thread has before its record is freed. */
static void thread_leaves(struct gcthread *t)
{
	gcalloc_flush(t);
	barrier_leave(t);
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
	cycle_set_period(PACER_PERIOD_NS);
	settings(&opts);
	if (!gcspan_init())
		return ENOMEM;
	gcalloc_set_policy(&policy);
	err = gcthread_init(thread_leaves);
	if (!err)
		err = stop_init(opts.signal, opts.patience_ms);
	if (err)
		return err;
	limiter_set_processors(mark_processors());
	cycle_set_mode(opts.mode);
	pacer_set_beside(cycle_get_mode() != SHIM_GC_STOP);
	if (opts.percent)
		pacer_set_percent(opts.percent);
	if (opts.limit)
		pacer_set_limit(opts.limit);
	if (opts.workers)
		mark_set_workers(opts.workers);
	cycle_publish();
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
