// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gc: the collector's calls: arguments checked, errno set.
 */
#include <errno.h>
#include <string.h>

#include "barrier.h"
#include "cycle.h"
#include "dirty.h"
#include "finalizer.h"
#include "gcstart.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcmeta.h"
#include "limiter.h"
#include "mark.h"
#include "pacer.h"
#include "roots.h"
#include "special.h"
#include "stop.h"
#include "sweep.h"

/* 0, or -1 with errno */
static int result(int err)
{
	if (!err)
		return 0;
	errno = err;
	return -1;
}

static void *memory(void *p)
{
	if (__builtin_expect(!p, 0))
		errno = ENOMEM;
	return p;
}

int shim_gc_init(const struct shim_gc_opts *opts)
{
	return result(gc_start(opts));
}

void *shim_gc_alloc(size_t size)
{
	void *p = gcalloc_quick(size, GC_SCAN);

	/* a thread that has objects has started the collector */
	if (__builtin_expect(!!p, 1))
		return p;
	return gc_ready() ? memory(gcalloc(size, GC_SCAN)) : NULL;
}

void *shim_gc_alloc_data(size_t size)
{
	void *p = size >= 16 ? gcalloc_quick(size, GC_DATA) : NULL;

	if (__builtin_expect(!!p, 1))
		return p;
	if (!gc_ready())
		return NULL;
	if (size && size < 16)
		return memory(gcalloc_tiny(size));
	return memory(gcalloc(size, GC_DATA));
}

void *shim_gc_alloc_typed(const struct shim_gc_type *type, size_t n)
{
	size_t size;

	if (!gc_ready())
		return NULL;
	if (!type || !type->size || (n != 1 && !type->repeat) ||
	    (type->nr && type->size % sizeof(void *))) {
		errno = EINVAL;
		return NULL;
	}
	if (__builtin_mul_overflow(type->size, n, &size))
		return memory(NULL);
	return memory(gcalloc_typed(size, type));
}

static void bad_pointer(const char *who, const void *p)
{
	gclog_die("%s: %p is not an object, or was freed", who, p);
}

void shim_gc_free(void *p)
{
	if (!p)
		return;
	special_forget(p);
	if (gcalloc_free(p))
		bad_pointer("shim_gc_free", p);
}

void *shim_gc_base(const void *p)
{
	return (void *)gcalloc_base((uintptr_t)p, NULL);
}

size_t shim_gc_size(const void *p)
{
	struct gcspan *s;

	if (!gcalloc_base((uintptr_t)p, &s))
		return 0;
	return s->bytes - (s->kind == GC_TYPED ? sizeof(void *) : 0);
}

void *shim_gc_realloc(void *p, size_t size)
{
	const struct shim_gc_type *type;
	struct gcspan *s;
	size_t had;
	void *q;

	if (!p)
		return shim_gc_alloc(size);
	if (!size) {
		shim_gc_free(p);
		return NULL;
	}
	if (gcalloc_base((uintptr_t)p, &s) != (uintptr_t)p)
		bad_pointer("shim_gc_realloc", p);
	had = shim_gc_size(p);
	/* large enough, and at most half of it unused */
	if (size <= had && size > had / 2) {
		if (s->kind == GC_SCAN)
			memset((char *)p + size, 0, had - size);
		return p;
	}
	if (s->kind == GC_TYPED) {
		type = *(const struct shim_gc_type **)((char *)p + had);
		/* size 0: a kind of the program's, gccompat_kind */
		q = !type->size ? memory(gcalloc_typed(size, type)) :
		    shim_gc_alloc_typed(type, (size + type->size - 1) /
						      type->size);
	} else {
		q = memory(gcalloc(size, s->kind == GC_SCAN ? GC_SCAN :
							      GC_DATA));
	}
	if (!q)
		return NULL;
	memcpy(q, p, had < size ? had : size);
	shim_gc_free(p);
	return q;
}

int shim_gc_collect(void)
{
	if (!gc_ready())
		return -1;
	if (!cycle_collect(CYCLE_CALL))
		return result(EDEADLK);
	while (sweep_some(SIZE_MAX))
		;
	finalizer_call();
	return 0;
}

int shim_gc_begin(void)
{
	if (!gc_ready())
		return -1;
	if (cycle_get_mode() == SHIM_GC_STOP)
		return shim_gc_collect();
	return result(cycle_begin());
}

void shim_gc_on_event(void (*fn)(enum shim_gc_event event))
{
	cycle_on_event((void (*)(unsigned int event))fn);
}

void shim_gc_set_verify(bool on)
{
	cycle_set_verify(on);
}

void shim_gc_disable(void)
{
	cycle_set_disabled(1);
}

void shim_gc_enable(void)
{
	cycle_set_disabled(-1);
}

int shim_gc_set_percent(unsigned int percent)
{
	if (!percent || percent > 10000)
		return result(EINVAL);
	return (int)pacer_set_percent(percent);
}

size_t shim_gc_set_limit(size_t bytes)
{
	return pacer_set_limit(bytes);
}

int shim_gc_root_add(const void *p, size_t len)
{
	if (!gc_ready())
		return -1;
	return result(roots_add((uintptr_t)p, (uintptr_t)p + len));
}

int shim_gc_root_remove(const void *p, size_t len)
{
	return result(roots_remove((uintptr_t)p, (uintptr_t)p + len));
}

void shim_gc_on_stacks(void (*each)(void (*fn)(const void *low,
					       const void *high)))
{
	roots_on_stacks(each);
}

void *shim_gc_blocked(void *(*fn)(void *arg), void *arg)
{
	return gc_ready() ? stop_blocked(fn, arg) : fn(arg);
}

int shim_gc_pin(void *p)
{
	return result(special_pin(p));
}

int shim_gc_unpin(void *p)
{
	return result(special_unpin(p) ? 0 : EINVAL);
}

int shim_gc_finalizer(void *p, void (*fn)(void *p, void *arg), void *arg,
		      unsigned int order)
{
	return result(finalizer_set(p, fn, arg, order, NULL, NULL));
}

void shim_gc_set_finalizer_thread(bool on)
{
	finalizer_call_by(on ? FINALIZER_THREAD : FINALIZER_ASKED);
}

size_t shim_gc_finalize(void)
{
	return finalizer_run();
}

/*
 * The address does not keep the object alive: it is stored in memory that is
 * not scanned.
 */
struct shim_gc_weak {
	uintptr_t p;
	unsigned int when;
	struct shim_gc_weak *next;
};

static struct shim_gc_weak *unused_weak;	/* under special's lock */

static void recycle(struct shim_gc_weak *w)
{
	special_lock();
	w->next = unused_weak;
	unused_weak = w;
	special_unlock();
}

struct shim_gc_weak *shim_gc_weak_new(const void *p, unsigned int when)
{
	struct shim_gc_weak *w;
	int err;

	if (when > SHIM_GC_LONG || !shim_gc_base(p)) {
		errno = EINVAL;
		return NULL;
	}
	special_lock();
	w = unused_weak;
	if (w)
		unused_weak = w->next;
	special_unlock();
	if (!w)
		w = memory(gcmeta_alloc(sizeof(*w)));
	if (!w)
		return NULL;
	w->p = (uintptr_t)p;
	w->when = when;
	err = special_link(&w->p, p, when == SHIM_GC_LONG);
	if (err) {
		recycle(w);
		errno = err;
		return NULL;
	}
	return w;
}

void *shim_gc_weak_get(struct shim_gc_weak *w)
{
	return special_read_link(&w->p);
}

void shim_gc_weak_free(struct shim_gc_weak *w)
{
	if (!w)
		return;
	special_unlink(&w->p, w->when == SHIM_GC_LONG);
	recycle(w);
}

struct shim_gc_ephemeron *shim_gc_ephemeron_new(const void *key, void *value)
{
	void *cell;
	int err;

	if (!gc_ready())
		return NULL;
	/* not a tiny object: it must be distinct from its neighbours */
	cell = memory(gcalloc(16, GC_DATA));
	if (!cell)
		return NULL;
	err = special_ephemeron(cell, key, value);
	if (err) {
		errno = err;
		return NULL;
	}
	return cell;
}

void *shim_gc_ephemeron_get(struct shim_gc_ephemeron *e, void **key)
{
	return special_ephemeron_get(e, key);
}

int shim_gc_verify(void)
{
	int n = gc_ready() ? cycle_verify() : 0;

	return n < 0 ? result(EDEADLK) : n;
}

void shim_gc_find_leaks(void (*fn)(const void *p, size_t size))
{
	__atomic_store_n(&sweep_on_leak, fn, __ATOMIC_RELAXED);
}

_Static_assert((int)SHIM_GC_DIRTY_MODULE == (int)DIRTY_MODULE &&
	       (int)SHIM_GC_DIRTY_SOFT == (int)DIRTY_SOFT &&
	       (int)SHIM_GC_DIRTY_UFFD == (int)DIRTY_UFFD, "the same numbers");

void shim_gc_get_stat(struct shim_gc_stat *out, size_t size)
{
	struct special_stat special;
	struct shim_gc_stat st;

	memset(&st, 0, sizeof(st));
	special_get_stat(&special);
	st.heap = gcspan_pages() * GC_PAGE;
	st.live = cycle_stat.live;
	st.since = gcalloc_since();
	st.goal = pacer_goal();
	st.total = gcalloc_total();
	st.meta = gcmeta_bytes();
	st.roots = roots_bytes();
	st.collections = cycle_stat.collections;
	st.failed = cycle_stat.failed;
	st.pause_ns = cycle_stat.pause_ns;
	st.pause_max_ns = cycle_stat.pause_max_ns;
	st.pause_scanned_max = cycle_stat.pause_scanned_max;
	st.pause_sum_ns = cycle_stat.pause_sum_ns;
	st.threads = stop_stat.last_threads;
	st.workers = mark_get_workers();
	st.mode = cycle_get_mode();
	st.missed = cycle_stat.missed;
	st.assisted = cycle_stat.assisted;
	st.concurrent = cycle_stat.concurrent;
	st.roots_lost = roots_lost();
	st.finalized = special.finalized;
	st.finalizers = special.finalizers;
	st.ready = finalizer_nr_ready();
	st.links = special.links;
	st.links_cleared = special.links_cleared;
	st.ephemerons = special.ephemerons;
	st.pins = special.pins;
	st.periodic = cycle_stat.reason[CYCLE_PERIOD];
	st.limited = limiter_count();
	st.dirty = dirty_source();
	memset(out, 0, size);
	memcpy(out, &st, size < sizeof(st) ? size : sizeof(st));
}
