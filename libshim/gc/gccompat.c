// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gccompat: libgc's calls by ours.
 *
 * What differs is in shim_gc(3).  Finalizers are called by the thread that has
 * collected, as libgc does, unless on demand.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#pragma GCC visibility push(default)
#include "compat/gc/gc.h"
#pragma GCC visibility pop

#include "cycle.h"
#include "gc.h"
#include "gcalloc.h"
#include "gccompat.h"
#include "gclog.h"
#include "gcmeta.h"
#include "mark.h"
#include "roots.h"
#include "special.h"
#include "stop.h"

static GC_oom_func oom_fn;
static GC_warn_proc warn_proc;
static GC_abort_func abort_func;
static GC_start_callback_proc start_callback;
static int interior = 1, no_dls, find_leak, handle_fork, manual_vdb;
static int disabled, full_freq = 19;
static GC_word divisor = 3;
static unsigned long time_limit = GC_TIME_UNLIMITED;

static void count_leak(const void *p, size_t size)
{
	gclog("leaked object at %p, %zu bytes", p, size);
}

void GC_init(void)
{
	static uint32_t done;

	if (!gc_ready() || __atomic_exchange_n(&done, 1, __ATOMIC_RELAXED))
		return;
	gccompat_finalize();
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

/* A heap of which 1 / divisor is free grows by as much before a collection. */
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

/* Forks are always handled. */
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

static void *memory(void *p, size_t size)
{
	if (__builtin_expect(!p, 0))
		return GC_get_oom_fn()(size);
	return p;
}

static inline void start(void)
{
	if (__builtin_expect(!__atomic_load_n(&gc_started, __ATOMIC_ACQUIRE),
			     0))
		GC_init();
}

void *GC_malloc(size_t size)
{
	start();
	return memory(gcalloc(size, GC_SCAN), size);
}

void *GC_malloc_atomic(size_t size)
{
	start();
	return memory(gcalloc(size, GC_DATA), size);
}

static void *pinned(void *p, size_t size)
{
	if (p && special_pin(p)) {
		gcalloc_free(p);
		p = NULL;
	}
	return memory(p, size);
}

void *GC_malloc_uncollectable(size_t size)
{
	start();
	return pinned(gcalloc(size, GC_SCAN), size);
}

void *GC_malloc_atomic_uncollectable(size_t size)
{
	start();
	return pinned(gcalloc(size, GC_DATA), size);
}

void *GC_malloc_ignore_off_page(size_t size)
{
	return GC_malloc(size);
}

void *GC_malloc_atomic_ignore_off_page(size_t size)
{
	return GC_malloc_atomic(size);
}

void *GC_malloc_stubborn(size_t size)
{
	return GC_malloc(size);
}

void *GC_realloc(void *p, size_t size)
{
	start();
	if (p && !size) {
		GC_free(p);
		return NULL;
	}
	return memory(shim_gc_realloc(p, size), size);
}

void GC_free(void *p)
{
	shim_gc_free(p);
}

char *GC_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = GC_malloc_atomic(len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = 0;
	} else {
		errno = ENOMEM;
	}
	return p;
}

char *GC_strdup(const char *s)
{
	return s ? GC_strndup(s, strlen(s)) : NULL;
}

/*
 * Objects of a power of two are aligned to it up to a page; for more, the
 * object is larger, and what is returned lies inside it.
 */
void *GC_memalign(size_t align, size_t size)
{
	size_t round = 16;
	uintptr_t p;

	while (round < size || round < align)
		round *= 2;
	if (align <= 16)
		return GC_malloc(size);
	if (align <= GC_PAGE && round <= SIZECLASS_MAX)
		return GC_malloc(round);
	if (size > SIZE_MAX - align)
		return memory(NULL, size);
	p = (uintptr_t)GC_malloc(size + align);
	return p ? (void *)((p + align - 1) & ~(align - 1)) : NULL;
}

int GC_posix_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (align < sizeof(void *) || (align & (align - 1)))
		return EINVAL;
	p = GC_memalign(align, size);
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

void *GC_base(void *p)
{
	return shim_gc_base(p);
}

size_t GC_size(const void *p)
{
	return shim_gc_size(p);
}

int GC_is_heap_ptr(const void *p)
{
	return shim_gc_base(p) ? 1 : 0;
}

void *GC_malloc_many(size_t size)
{
	void *head = NULL, *p;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		p = GC_malloc(size < sizeof(p) ? sizeof(p) : size);
		if (!p)
			break;
		GC_NEXT(p) = head;
		head = p;
	}
	return head;
}

void *GC_is_visible(void *p)
{
	return p;
}

void *GC_is_valid_displacement(void *p)
{
	return p;
}

void *GC_same_obj(void *p, void *q)
{
	void *base = shim_gc_base(p);

	if (base && base != shim_gc_base(q) &&
	    (uintptr_t)q - (uintptr_t)base != shim_gc_size(base))
		gclog_die("GC_same_obj: %p and %p are not in one object", p, q);
	return p;
}

void GC_register_displacement(size_t n)
{
	(void)n;
}

void GC_gcollect(void)
{
	start();
	shim_gc_collect();
}

void GC_gcollect_and_unmap(void)
{
	GC_gcollect();
}

int GC_try_to_collect(GC_stop_func fn)
{
	if (fn && fn())
		return 0;
	start();
	return !shim_gc_collect();
}

int GC_collect_a_little(void)
{
	return 0;
}

void GC_disable(void)
{
	__atomic_add_fetch(&disabled, 1, __ATOMIC_RELAXED);
	shim_gc_disable();
}

void GC_enable(void)
{
	__atomic_sub_fetch(&disabled, 1, __ATOMIC_RELAXED);
	shim_gc_enable();
}

int GC_is_disabled(void)
{
	return __atomic_load_n(&disabled, __ATOMIC_RELAXED) > 0;
}

void GC_enable_incremental(void)
{
	start();
}

int GC_is_incremental_mode(void)
{
	return 0;
}

static struct shim_gc_stat numbers(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st;
}

void GC_dump(void)
{
	struct shim_gc_stat st = numbers();

	gclog("heap %lu, live %lu, since %lu, collections %lu", st.heap,
	      st.live, st.since, st.collections);
}

GC_word GC_get_gc_no(void)
{
	return numbers().collections;
}

size_t GC_get_heap_size(void)
{
	return numbers().heap;
}

size_t GC_get_free_bytes(void)
{
	struct shim_gc_stat st = numbers();
	size_t used = st.live + st.since;

	return used < st.heap ? st.heap - used : 0;
}

size_t GC_get_unmapped_bytes(void)
{
	return 0;
}

size_t GC_get_bytes_since_gc(void)
{
	return numbers().since;
}

size_t GC_get_total_bytes(void)
{
	return numbers().total;
}

size_t GC_get_memory_use(void)
{
	struct shim_gc_stat st = numbers();

	return st.live + st.since;
}

size_t GC_get_expl_freed_bytes_since_gc(void)
{
	return 0;
}

void GC_get_heap_usage_safe(GC_word *heap_size, GC_word *free_bytes,
			    GC_word *unmapped_bytes, GC_word *bytes_since_gc,
			    GC_word *total_bytes)
{
	struct shim_gc_stat st = numbers();

	if (heap_size)
		*heap_size = st.heap;
	if (free_bytes)
		*free_bytes = GC_get_free_bytes();
	if (unmapped_bytes)
		*unmapped_bytes = 0;
	if (bytes_since_gc)
		*bytes_since_gc = st.since;
	if (total_bytes)
		*total_bytes = st.total;
}

void GC_end_stubborn_change(const void *p)
{
	(void)p;
}

void GC_ptr_store_and_dirty(void *p, const void *q)
{
	*(const void **)p = q;
}

void GC_add_roots(void *low, void *high_plus_1)
{
	start();
	roots_add((uintptr_t)low, (uintptr_t)high_plus_1);
}

void GC_remove_roots(void *low, void *high_plus_1)
{
	roots_remove((uintptr_t)low, (uintptr_t)high_plus_1);
}

void GC_clear_roots(void)
{
	roots_remove(0, UINTPTR_MAX);
	roots_set_segments(false);
}

void GC_exclude_static_roots(void *low, void *high_plus_1)
{
	roots_skip((uintptr_t)low, (uintptr_t)high_plus_1);
}
