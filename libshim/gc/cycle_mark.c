// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * cycle_mark: the parts that collections are made of, with the world stopped.
 */
#include <string.h>

#include "base/probe.h"
#include "cycle_int.h"
#include "gcalloc.h"
#include "gclog.h"
#include "gcmeta.h"
#include "mark.h"
#include "pacer.h"
#include "roots.h"
#include "special.h"
#include "stop.h"
#include "sweep.h"

struct cycle_stat cycle_stat;
struct marker *cycle_marker;

static void (*on_roots)(struct marker *m);	/* atomic */
static size_t cached;			/* bytes in caches, not handed out */

static void mark_cached(struct gcspan *s, unsigned int first, unsigned int n)
{
	cached += n * s->bytes;
	for (; n; n--, first++)
		__atomic_or_fetch(&s->mark[first / 64], 1ull << (first % 64),
				  __ATOMIC_RELAXED);
}

static void each_cached(void (*fn)(struct gcspan *s, unsigned int first,
				   unsigned int n))
{
	struct gcthread *t;

	for (t = gcthread_next(NULL); t; t = gcthread_next(t))
		gcalloc_each_cached(t, fn);
}

static void mark_root(uintptr_t low, uintptr_t high, enum roots_kind kind)
{
	if (kind == ROOTS_STACK)
		mark_stack(cycle_marker, low, high);
	else
		mark_range(cycle_marker, low, high);
}

bool cycle_make_marker(void)
{
	if (!cycle_marker)
		cycle_marker = gcmeta_map(sizeof(*cycle_marker));
	return cycle_marker;
}

void cycle_lock_all(void)
{
	special_lock();
	gcthread_lock();
	gcalloc_lock_all();
}

void cycle_unlock_all(void)
{
	gcalloc_unlock_all();
	gcthread_unlock();
	special_unlock();
}

void cycle_mark_caches(void)
{
	cycle_marker->bytes = 0;
	cycle_marker->objects = 0;
	cycle_marker->scanned = 0;
	cached = 0;
	each_cached(mark_cached);
}

void cycle_on_roots(void (*fn)(struct marker *m))
{
	__atomic_store_n(&on_roots, fn, __ATOMIC_RELAXED);
}

void cycle_mark_roots(uintptr_t sp)
{
	void (*fn)(struct marker *m);

	special_mark_roots(cycle_marker);
	roots_each(mark_root, true, sp);
	fn = __atomic_load_n(&on_roots, __ATOMIC_RELAXED);
	if (fn)
		fn(cycle_marker);
}

/*
 * Memory that was not handed out has its old contents, and is not an object
 * yet: its last word may be anything, where the type of a typed object is.
 */
static void hide_cached(struct gcspan *s, unsigned int first, unsigned int n)
{
	for (; n; n--, first++) {
		s->alloc[first / 64] &= ~(1ull << (first % 64));
		s->mark[first / 64] &= ~(1ull << (first % 64));
	}
}

static void show_cached(struct gcspan *s, unsigned int first, unsigned int n)
{
	for (; n; n--, first++) {
		s->alloc[first / 64] |= 1ull << (first % 64);
		s->mark[first / 64] |= 1ull << (first % 64);
	}
}

void cycle_each_span(void (*fn)(struct gcspan *s, void *arg), void *arg)
{
	each_cached(hide_cached);
	gcalloc_each_span(fn, arg);
	each_cached(show_cached);
}

static void rescan(struct gcspan *s, void *arg)
{
	mark_rescan(arg, s);
	mark_drain(arg, SIZE_MAX);
}

/*
 * A queue had no memory: scan all marked objects again, until everything fits.
 */
static void mark_all(void)
{
	mark_run(cycle_marker);
	while (mark_overflowed()) {
		cycle_each_span(rescan, cycle_marker);
		mark_run(cycle_marker);
	}
}

void cycle_mark_all(void)
{
	mark_all();
	for (;;) {
		special_after_mark(cycle_marker);
		if (!mark_overflowed())
			break;
		cycle_each_span(rescan, cycle_marker);
		mark_all();
	}
}

void cycle_mark_for_check(uintptr_t sp)
{
	cycle_mark_caches();
	cycle_mark_roots(sp);
	mark_all();
}

void cycle_count_pause(uint64_t ns)
{
	cycle_stat.pause_ns = ns;
	cycle_stat.pause_sum_ns += ns;
	cycle_stat.stops++;
	cycle_round.stop_ns += ns;
	PROBE(gc_stop, ns, cycle_round.number);
	if (ns > cycle_stat.pause_max_ns)
		cycle_stat.pause_max_ns = ns;
}

void cycle_count_stopped(size_t before)
{
	uint64_t bytes = cycle_marker->scanned - before;

	if (bytes > cycle_stat.pause_scanned_max)
		cycle_stat.pause_scanned_max = bytes;
}

void cycle_give_up(void)
{
	if (!cycle_stat.failed++)
		gclog("a thread cannot be stopped, it blocks signal %d: nothing is collected",
		      stop_signal());
}

/* Black objects that point to white ones. */
struct missing {
	unsigned int n;
};

static void check_object(struct gcspan *s, uintptr_t p, struct missing *missing)
{
	uintptr_t at, value;

	/* other words of a typed object are not pointers */
	if (s->kind != GC_SCAN) {
		mark_children(cycle_marker, p, s);
		return;
	}
	for (at = p; at < p + s->bytes; at += sizeof(at)) {
		value = __atomic_load_n((uintptr_t *)at, __ATOMIC_RELAXED);
		if (!mark_pointer(cycle_marker, value))
			continue;
		if (!missing->n++)
			gclog("no shim_gc_store(): %p + %zu of %zu bytes, age %u, to %p",
			      (void *)p, (size_t)(at - p), s->bytes,
			      sweep_generation() - s->born, (void *)value);
	}
}

static void check_span(struct gcspan *s, void *arg)
{
	unsigned int i;

	if (s->kind != GC_SCAN && s->kind != GC_TYPED)
		return;
	for (i = 0; i < s->nobjs; i++)
		if (gcspan_bit(s->mark, i))
			check_object(s, gcspan_object(s, i), arg);
}

unsigned int cycle_check_marks(void)
{
	struct missing missing = { 0 };
	size_t before = cycle_marker->objects;

	each_cached(hide_cached);
	gcalloc_each_span(check_span, &missing);
	mark_all();
	each_cached(show_cached);
	return (unsigned int)(cycle_marker->objects - before);
}
