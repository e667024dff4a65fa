// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * barrier: what a store has to do while the marker is at work.
 */
#include "barrier.h"
#include "gcexport.h"
#include "gcmeta.h"
#include "mark_int.h"
#include "stop.h"

unsigned int shim_gc_barrier;

/*
 * The compiler must not move anything across this, since a signal handler of
 * this thread reads what is written.
 */
static inline void in_order(void)
{
	__asm__ volatile("" ::: "memory");
}

void barrier_set(unsigned int what)
{
	__atomic_store_n(&shim_gc_barrier, what, __ATOMIC_RELAXED);
}

void barrier_begin(void)
{
	shim_gc_tls.storing++;
	in_order();
}

void barrier_end(void)
{
	in_order();
	if (!--shim_gc_tls.storing && shim_gc_tls.pending)
		stop_point();
}

/*
 * Registering takes a lock that a stopper may hold while it waits for this
 * thread, so allow it to stop us first.
 */
static void enter(void)
{
	unsigned int depth = shim_gc_tls.storing;

	shim_gc_tls.storing = 0;
	in_order();
	if (shim_gc_tls.pending)
		stop_point();
	gcthread_self();
	in_order();
	shim_gc_tls.storing = depth;
	in_order();
}

struct marker *barrier_marker(void)
{
	struct gcthread *t = gcthread_me;

	if (t && !t->marker)
		t->marker = gcmeta_map(sizeof(*t->marker));
	return t ? t->marker : NULL;
}

static void shade(struct marker *m, uintptr_t p)
{
	if (!mark_is_due(p))
		return;
	mark_pointer(m, p);
	if (m->top >= MARK_CHUNK)
		mark_share(m);
}

void barrier_shade(uintptr_t p)
{
	struct marker *m;

	if (!__atomic_load_n(&shim_gc_barrier, __ATOMIC_RELAXED))
		return;
	if (!gcthread_self()) {
		mark_dropped();
		return;
	}
	barrier_begin();
	m = barrier_marker();
	if (m)
		shade(m, p);
	else
		mark_dropped();
	barrier_end();
}

/*
 * Called by shim_gc_store(), between begin and end.  Test again: the barrier
 * may be off by now.
 */
void shim_gc_shade(void *slot, void *value)
{
	unsigned int what = __atomic_load_n(&shim_gc_barrier, __ATOMIC_RELAXED);
	struct marker *m;

	/* mostly there is no old object, and the new one is as new as black */
	if (!((what & BARRIER_OLD &&
	       mark_is_due(__atomic_load_n((uintptr_t *)slot,
					   __ATOMIC_RELAXED))) ||
	      (what & BARRIER_NEW && mark_is_due((uintptr_t)value))))
		return;
	if (!gcthread_me)
		enter();
	what = __atomic_load_n(&shim_gc_barrier, __ATOMIC_RELAXED);
	if (!what)
		return;
	m = barrier_marker();
	if (!m) {
		mark_dropped();
		return;
	}
	if (what & BARRIER_OLD)
		shade(m, __atomic_load_n((uintptr_t *)slot, __ATOMIC_RELAXED));
	if (what & BARRIER_NEW)
		shade(m, (uintptr_t)value);
}

void shim_gc_point(void)
{
	stop_point();
}

/* A copy is a store for each word: the barrier first, then the words. */
void shim_gc_copy(void *to, const void *from, size_t n)
{
	uintptr_t *dst = to, *src = (uintptr_t *)from;
	size_t i, words = n / sizeof(*dst);
	bool back = dst > src && dst < src + words;

	/*
	 * one word at a time, because a thread cannot be stopped within a store
	 */
	for (i = 0; i < words; i++) {
		size_t at = back ? words - 1 - i : i;

		shim_gc_store(&dst[at], (void *)src[at]);
	}
}

void barrier_leave(struct gcthread *t)
{
	if (!t->marker)
		return;
	barrier_begin();
	if (!mark_flush(t->marker))
		mark_dropped();
	barrier_end();
}

void barrier_gather(struct marker *m)
{
	struct gcthread *t;

	/*
	 * include records that are not in use any more: they have counts, too
	 */
	for (t = gcthread_all; t; t = t->next) {
		if (!t->marker)
			continue;
		if (!mark_flush(t->marker))
			mark_dropped();
		m->bytes += t->marker->bytes;
		m->objects += t->marker->objects;
		m->scanned += t->marker->scanned;
		t->marker->bytes = 0;
		t->marker->objects = 0;
		t->marker->scanned = 0;
	}
}
