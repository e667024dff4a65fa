// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gccompat_set: libgc's start and settings, on top of ours.
 *
 * Finalizers are called by the thread that has collected, as libgc does, unless
 * on demand.
 *
 * Called by gccompat and the application.
 */
#include <stdio.h>
#include <string.h>

#pragma GCC visibility push(default)
#include "compat/gc/gc.h"
#pragma GCC visibility pop

#include "cycle.h"
#include "finalizer.h"
#include "gcstart.h"
#include "gclog.h"
#include "mark.h"
#include "roots.h"
#include "stop.h"

static GC_oom_func oom_fn;
static GC_warn_proc warn_proc;
static GC_abort_func abort_func;
static GC_start_callback_proc start_callback;
static int interior = 1, no_dls, find_leak, handle_fork, manual_vdb;
static int full_freq = 19;
static GC_word divisor = 3;
static unsigned long time_limit = GC_TIME_UNLIMITED;
static int on_demand;
static GC_finalizer_notifier_proc notifier;

/* Choose who calls finalizers, by the settings so far. */
static void finalizers(void)
{
	if (on_demand)
		finalizer_call_by(FINALIZER_ASKED);
	else
		finalizer_call_by(FINALIZER_HERE);
	finalizer_call_on_ready(on_demand ? notifier : NULL);
}

static void count_leak(const void *p, size_t size)
{
	gclog("leaked object at %p, %zu bytes", p, size);
}

void GC_init(void)
{
	static uint32_t done;

	if (!gc_ready() || __atomic_exchange_n(&done, 1, __ATOMIC_RELAXED))
		return;
	finalizers();
	if (getenv("GC_FIND_LEAK"))
		GC_set_find_leak(1);
}

int GC_is_init_called(void)
{
	return __atomic_load_n(&gc_started, __ATOMIC_RELAXED);
}

unsigned int GC_get_version(void)
{
	return GC_VERSION_MAJOR << 16 | GC_VERSION_MINOR << 8 |
	       GC_VERSION_MICRO;
}

/* libgc lets a heap grow by 1 / divisor before it collects. */
void GC_set_free_space_divisor(GC_word value)
{
	divisor = value ? value : 1;
	shim_gc_set_percent((unsigned int)(300 / divisor ? 300 / divisor : 1));
}

GC_word GC_get_free_space_divisor(void)
{
	return divisor;
}

void GC_set_max_heap_size(GC_word bytes)
{
	shim_gc_set_limit(bytes);
}

/* The heap grows as it is used: there is nothing to prepare. */
int GC_expand_hp(size_t bytes)
{
	(void)bytes;
	return gc_ready();
}

void GC_set_all_interior_pointers(int on)
{
	interior = on;
	mark_set_interior(on);
}

int GC_get_all_interior_pointers(void)
{
	return interior;
}

void GC_set_oom_fn(GC_oom_func fn)
{
	oom_fn = fn;
}

static void *no_oom_fn(size_t bytes)
{
	(void)bytes;
	return NULL;
}

GC_oom_func GC_get_oom_fn(void)
{
	return oom_fn ? oom_fn : no_oom_fn;
}

void GC_set_warn_proc(GC_warn_proc fn)
{
	warn_proc = fn;
}

static void default_warn_proc(char *message, GC_word arg)
{
	char buf[256];

	snprintf(buf, sizeof(buf), message, arg);
	gclog("%s", buf);
}

GC_warn_proc GC_get_warn_proc(void)
{
	return warn_proc ? warn_proc : default_warn_proc;
}

void GC_ignore_warn_proc(char *message, GC_word arg)
{
	(void)message;
	(void)arg;
}

void GC_set_abort_func(GC_abort_func fn)
{
	abort_func = fn;
}

static void default_abort(const char *message)
{
	if (message)
		gclog_die("%s", message);
}

GC_abort_func GC_get_abort_func(void)
{
	return abort_func ? abort_func : default_abort;
}

void GC_set_no_dls(int on)
{
	no_dls = on;
	roots_set_segments(!on);
}

int GC_get_no_dls(void)
{
	return no_dls;
}

void GC_set_find_leak(int on)
{
	find_leak = on;
	shim_gc_find_leaks(on ? count_leak : NULL);
}

int GC_get_find_leak(void)
{
	return find_leak;
}

void GC_set_start_callback(GC_start_callback_proc fn)
{
	start_callback = fn;
	cycle_on_begin(fn);
}

GC_start_callback_proc GC_get_start_callback(void)
{
	return start_callback;
}

/* Forks are always handled; the value is only stored. */
void GC_set_handle_fork(int value)
{
	handle_fork = value;
}

void GC_atfork_prepare(void)
{
}

void GC_atfork_parent(void)
{
}

void GC_atfork_child(void)
{
}

void GC_set_markers_count(unsigned int n)
{
	if (n)
		mark_set_workers(n);
}

int GC_get_parallel(void)
{
	return (int)mark_get_workers() - 1;
}

void GC_start_mark_threads(void)
{
}

/* The signal is chosen when the library starts. */
void GC_set_suspend_signal(int sig)
{
	struct shim_gc_opts opts;

	memset(&opts, 0, sizeof(opts));
	opts.signal = sig;
	shim_gc_init(&opts);
}

int GC_get_suspend_signal(void)
{
	return gc_ready() ? stop_signal() : -1;
}

int GC_get_thr_restart_signal(void)
{
	return -1;
}

void GC_set_manual_vdb_allowed(int on)
{
	manual_vdb = on;
}

int GC_get_manual_vdb_allowed(void)
{
	return manual_vdb;
}

void GC_set_time_limit(unsigned long ms)
{
	time_limit = ms;
}

unsigned long GC_get_time_limit(void)
{
	return time_limit;
}

void GC_set_full_freq(int n)
{
	full_freq = n;
}

int GC_get_full_freq(void)
{
	return full_freq;
}

void GC_set_finalize_on_demand(int on)
{
	on_demand = on;
	finalizers();
}

int GC_get_finalize_on_demand(void)
{
	return on_demand;
}

void GC_set_finalizer_notifier(GC_finalizer_notifier_proc fn)
{
	notifier = fn;
	finalizers();
}

GC_finalizer_notifier_proc GC_get_finalizer_notifier(void)
{
	return notifier;
}
