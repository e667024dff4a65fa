// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * large: objects that are a span of their own.
 *
 * Keeps true: the first page of a live large object has class PAGEMAP_LARGE,
 * and the object begins where its span begins.  The span belongs to the owner
 * of the object, so it needs no lock; the page heap has its own.  Called by
 * entry, percpu, percpu_keep and percpu_boot.
 *
 * The last few freed spans are kept whole for the next requests of their
 * lengths, so that a program with one buffer at a time does not make a span for
 * each.  Kept spans are SPAN_KEPT, hidden in the pagemap, and protected by
 * keep.lock.  They must not make the heap larger: unless they are a small part
 * of it, a request that finds none of its length first gives all of them back.
 * A request for a length that was given back lately shows that this was wrong,
 * because the program uses buffers of several lengths in turn: it gives nothing
 * back.  One that is too long to be kept does, unless there is memory that it fits.
 *
 * A span that has served again is marked.  The CPU that frees it may keep it
 * itself from then on, without a lock, if it is granted the pages: what is kept
 * here and what is granted together stay within the same bounds, and on a miss
 * CPUs are asked for theirs.
 *
 * What is freed faster than it could have been written has hardly any memory.
 * So a clock is read each time that 1 GiB has passed here, and if that is so, until
 * a tick, a lone thread is granted more: a span is as good as one that has served
 * again, as it would have, if more were kept here.
 */
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "large.h"
#include "base/lock.h"
#include "pageheap/pageheap.h"
#include "base/pagemap.h"
#include "base/probe.h"
#include "base/prof.h"
#include "base/sizeclass.h"
#include "base/sys.h"

/* Below this, a new object and a copy are cheaper than a new place for the span. */
#define REMAP_MIN	((size_t)256 << 10)

#define KEEP_SPANS	8u
#define KEEP_SHARE	64u	/* of the heap: a part this small does not matter */
#define GRANT_ALONE	512u	/* pages: 4 MiB, half of a lone thread's stacks */
/*
 * No processor writes so much in a time: 1 GiB in less than 5 ms, which may be 8
 * by the coarse clock, are 128 GiB/s.
 */
#define PASS_PAGES	(((size_t)1 << 30) / PAGE_SIZE)
#define PASS_NS		5000000u

static struct {
	struct shim_lock lock;
	uint32_t n;
	uint32_t pages;
	uint64_t hits;
	/* lengths that were given back because of a miss */
	uint32_t gone[KEEP_SPANS];
	uint32_t ngone;			/* how many, ever */
	bool used;			/* since the last large_idle() */
	uint32_t passed;		/* pages that were freed */
	uint64_t since;			/* when it was 0 */
	bool unwritten;			/* most of them had not been; atomic */
	struct span *span[KEEP_SPANS];	/* oldest first */
	uint32_t granted;		/* pages that CPUs may keep; atomic */
	/* takes what this CPU keeps; written at boot */
	unsigned int (*ask)(struct span **span);
} keep SHIM_BSS_ALL = { .lock = SHIM_LOCK_INIT(SHIM_RANK_SPAN) };

static size_t pages_of(size_t size)
{
	return (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* Take the kept span at @i off the list. Lock held. */
static struct span *keep_remove(uint32_t i)
{
	struct span *s = keep.span[i];

	shim_lock_assert(&keep.lock);
	if (s->state != SPAN_KEPT)
		large_is_twice(s);
	keep.n--;
	keep.pages -= s->npages;
	for (; i < keep.n; i++)
		keep.span[i] = keep.span[i + 1];
	s->state = SPAN_INUSE;
	return s;
}

static void spans_free(struct span **span, uint32_t n)
{
	while (n--) {
		pagemap_clear(span[n]);
		pageheap_free(span[n]);
	}
}

static uint32_t granted(void)
{
	return __atomic_load_n(&keep.granted, __ATOMIC_RELAXED);
}

/* Is that much too much to be kept where something else is wanted? */
static bool is_much(size_t pages)
{
	return pages * PAGE_SIZE > pageheap_usage() / KEEP_SHARE;
}

void large_ask(unsigned int (*fn)(struct span **span))
{
	keep.ask = fn;
}

bool large_grant(size_t npages, bool alone)
{
	uint32_t most = alone && large_unwritten() ? GRANT_ALONE :
						     LARGE_GRANT_PAGES;
	uint32_t now = __atomic_add_fetch(&keep.granted, (uint32_t)npages,
					  __ATOMIC_RELAXED);

	if ((now <= most || !is_much(now)) && !pageheap_pressure())
		return true;
	large_revoke(npages);
	return false;
}

void large_revoke(size_t npages)
{
	__atomic_sub_fetch(&keep.granted, (uint32_t)npages, __ATOMIC_RELAXED);
}

void large_give(struct span **span, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		span[i]->state = SPAN_INUSE;
	spans_free(span, n);
}

/* A miss: have this CPU give back what it keeps. */
static void granted_flush(void)
{
	struct span *span[LARGE_ASK];
	unsigned int n, i;

	n = keep.ask(span);
	if (!n)
		return;
	shim_lock_acquire(&keep.lock);
	for (i = 0; i < n; i++)
		keep.gone[keep.ngone++ % KEEP_SPANS] = span[i]->npages;
	shim_lock_release(&keep.lock);
	large_give(span, n);
}

void large_flush(void)
{
	struct span *old[KEEP_SPANS];
	uint32_t n = 0;

	shim_lock_acquire(&keep.lock);
	while (keep.n)
		old[n++] = keep_remove(keep.n - 1);
	shim_lock_release(&keep.lock);
	spans_free(old, n);
}

/* Give back all that is kept here, and by this CPU. */
static void keep_flush(void)
{
	large_flush();
	if (granted())
		granted_flush();
}

/*
 * A miss: was a span of this length given back wrongly, or, if it is too long to
 * be kept, is there memory that it fits?
 */
static bool keep_forgives(size_t npages)
{
	uint32_t i;

	if (npages > LARGE_KEEP_PAGES)
		return pageheap_has(npages);
	for (i = 0; i < KEEP_SPANS; i++)
		if (keep.gone[i] == npages)
			return true;
	return false;
}

/* Find a kept span of that length, the one freed last. */
static struct span *keep_take(size_t npages, size_t align)
{
	struct span *s = NULL;
	bool many = false;
	uint32_t i;

	shim_lock_acquire(&keep.lock);
	for (i = keep.n; i-- && !s;)
		if (keep.span[i]->npages == npages &&
		    !(keep.span[i]->start & (align - 1)) &&
		    (!node_matters() || span_node(keep.span[i]) == node_here()))
			s = keep_remove(i);
	if (s) {
		s->flags |= SPAN_AGAIN;
		keep.hits++;
		keep.used = true;
	} else if (is_much(keep.pages + granted()) && !keep_forgives(npages)) {
		many = true;
		for (i = 0; i < keep.n; i++)
			keep.gone[keep.ngone++ % KEEP_SPANS] =
				keep.span[i]->npages;
	}
	shim_lock_release(&keep.lock);
	if (many)
		keep_flush();
	return s;
}

/* So many pages have passed: faster than they could be written? Lock held. */
static void keep_clock(void)
{
	uint64_t now = clock_coarse();

	/* 0: there is no clock */
	__atomic_store_n(&keep.unwritten, now && now - keep.since < PASS_NS,
			 __ATOMIC_RELAXED);
	keep.since = now;
	keep.passed = 0;
}

bool large_unwritten(void)
{
	return __atomic_load_n(&keep.unwritten, __ATOMIC_RELAXED);
}

void large_keep(struct span *s)
{
	uint32_t cpus = granted(), n = 0, room;
	struct span *old[KEEP_SPANS];

	room = LARGE_KEEP_PAGES -
	       (cpus < LARGE_GRANT_PAGES ? cpus : LARGE_GRANT_PAGES);
	shim_lock_acquire(&keep.lock);
	keep.passed += s->npages;
	if (keep.passed >= PASS_PAGES)
		keep_clock();
	if (s->npages > room) {
		shim_lock_release(&keep.lock);
		large_give(&s, 1);
		return;
	}
	while (keep.n == KEEP_SPANS ||
	       (keep.n && keep.pages + s->npages > room))
		old[n++] = keep_remove(0);
	keep.pages += s->npages;
	keep.span[keep.n++] = s;
	keep.used = true;
	shim_lock_release(&keep.lock);
	if (n)
		spans_free(old, n);
}

bool large_is_dry(size_t size)
{
	size_t npages = pages_of(size);
	bool kept = false;
	uint32_t i;

	if (pageheap_spare() >= size)
		return false;
	/* racy, hence a guess; descriptors are never unmapped */
	for (i = 0; i < KEEP_SPANS && !kept; i++) {
		const struct span *s = __atomic_load_n(&keep.span[i],
						       __ATOMIC_RELAXED);

		kept = s && i < __atomic_load_n(&keep.n, __ATOMIC_RELAXED) &&
		       s->npages == npages;
	}
	return !kept;
}

void *large_alloc(size_t size, size_t align, bool *zero)
{
	size_t npages = size ? pages_of(size) : 1;
	struct span *s;

	if (size > PTRDIFF_MAX || npages > PAGEHEAP_MAX_PAGES ||
	    align >> PAGE_SHIFT > PAGEHEAP_MAX_PAGES)
		return NULL;
	s = NULL;
	if (__atomic_load_n(&keep.n, __ATOMIC_RELAXED) || granted())
		s = keep_take(npages, align ? align : 1);
	*zero = false;
	if (s && pagemap_class((void *)s->start) != PAGEMAP_NONE)
		large_is_twice(s);
	if (!s) {
		s = pageheap_alloc(npages, align >> PAGE_SHIFT);
		if (!s)
			return NULL;
		*zero = s->flags & SPAN_ZERO;
		if (large_unwritten())
			s->flags |= SPAN_AGAIN;
	}
	s->bytes = size;
	pagemap_set(s, PAGEMAP_LARGE);
	PROBE(large_alloc, size, s->start);
	return (void *)s->start;
}

void large_is_none(const struct span *s, const void *p)
{
	shim_die(s && s->state == SPAN_INUSE &&
		 s->sizeclass == PAGEMAP_LARGE ? SHIM_DIE_INTERIOR :
						 SHIM_DIE_FOREIGN, p, 0);
}

void large_is_twice(const struct span *s)
{
	shim_die(SHIM_DIE_DOUBLE, (void *)s->start, 0);
}

/*
 * The span of a live large object; any other pointer is reported, and the
 * process aborted.
 */
static inline struct span *large_span(const void *p)
{
	struct span *s = pagemap_span(p);

	if (!large_is_at(s, p))
		large_is_none(s, p);
	return s;
}

void large_sampled(void *p, struct prof_stack *stack)
{
	struct span *s = large_span(p);

	s->bitmap[0] = (uintptr_t)stack;
	s->flags |= SPAN_SAMPLED;
	pagemap_show(s->start, pagemap_large_class(s));
}

struct prof_stack *large_sample_end(void *p)
{
	struct span *s = large_span(p);

	if (!(s->flags & SPAN_SAMPLED))
		return NULL;
	s->flags &= ~SPAN_SAMPLED;
	return (struct prof_stack *)(uintptr_t)s->bitmap[0];
}

/* Of an object that its CPU kept, and that is no sample, to a page only. */
size_t large_asked(const void *p)
{
	return large_span(p)->bytes;
}

static struct prof_stack *large_stack(const struct span *s)
{
	return (struct prof_stack *)(uintptr_t)s->bitmap[0];
}

struct span *large_leave_heap(struct span *s)
{
	/* of two threads that free it at one moment the second finds this */
	if (__atomic_exchange_n(&s->state, SPAN_KEPT, __ATOMIC_RELAXED) !=
	    SPAN_INUSE)
		large_is_twice(s);
	if (s->flags & SPAN_SAMPLED)
		prof_drop(large_stack(s), s->bytes);
	pagemap_clear(s);
	pageheap_free(s);
	return NULL;
}

void large_free(void *p)
{
	struct span *s = large_leave(p);

	if (s)
		large_keep(s);
}

/*
 * Copy a span of less than a block to one that is longer.  To move it would leave it
 * in 4 KiB pages, and each further one would be a fault.
 */
static bool span_copy(struct span *s, size_t npages)
{
	struct span *to = NULL;

	if (s->npages < PAGEHEAP_COPY_PAGES)
		to = pageheap_alloc_grown(npages);
	if (!to)
		return false;
	memcpy((void *)to->start, (void *)s->start, s->npages * PAGE_SIZE);
	pageheap_exchange(s, to);
	return true;
}

/*
 * Make an object longer, with spare room behind it if there is any: in place,
 * otherwise by copying it or by moving page tables, or in place after all where these
 * fail.  The room is requested first, because what is allocated in the meantime would
 * take the pages that the next call needs.
 */
static bool span_grow(struct span *s, size_t npages, size_t room)
{
	if (s->bytes < REMAP_MIN)
		return (room > npages && pageheap_resize(s, room)) ||
		       pageheap_resize(s, npages);
	return (room > npages && pageheap_grow_first(s, room)) ||
	       pageheap_grow_first(s, npages) ||
	       (room > npages && span_copy(s, room)) || span_copy(s, npages) ||
	       (room > npages && pageheap_remap_grow(s, room)) ||
	       pageheap_remap_grow(s, npages) || pageheap_resize(s, npages);
}

size_t large_room(size_t have, size_t size)
{
	if (size <= have || size >= have + have / 2)
		return size;
	return size + size / 8;
}

/*
 * May the object have that size without a page more or less?  Spare room stays
 * until the object becomes smaller.
 */
static bool span_has_room(const struct span *s, size_t size)
{
	size_t npages = pages_of(size);

	return npages == s->npages ||
	       (npages < s->npages && size >= s->bytes);
}

static void span_used(struct span *s, size_t size)
{
	if (s->flags & SPAN_SAMPLED)
		s->bitmap[0] = (uintptr_t)prof_resize(large_stack(s), s->bytes,
						      size);
	s->bytes = size;
}

void *large_resize(void *p, size_t size)
{
	struct span *s = large_span(p);
	size_t npages = pages_of(size);

	if (size > PTRDIFF_MAX || npages > PAGEHEAP_MAX_PAGES)
		return NULL;
	if (!span_has_room(s, size)) {
		size_t room = pages_of(large_room(s->bytes, size));
		bool done;

		pagemap_clear(s);
		done = npages > s->npages ? span_grow(s, npages, room) :
					    pageheap_resize(s, npages);
		pagemap_set(s, PAGEMAP_LARGE);
		/* shrinking must not fail: the object keeps what it has */
		if (!done && npages > s->npages)
			return NULL;
	}
	span_used(s, size);
	return (void *)s->start;
}

bool large_stays(void *p, size_t size)
{
	struct span *s = large_span(p);

	if (!span_has_room(s, size))
		return false;
	span_used(s, size);
	return true;
}

void large_used(void *p, size_t size)
{
	struct span *s = large_span(p);

	span_used(s, size);
	/* with room behind it, it is freed by way of its record */
	pagemap_show(s->start, pagemap_large_class(s));
}

size_t large_size(const void *p)
{
	return (size_t)large_span(p)->npages * PAGE_SIZE;
}

size_t large_reclaim(size_t bytes)
{
	large_flush();
	return pageheap_trim(bytes);
}

void large_idle(void)
{
	bool used;

	shim_lock_acquire(&keep.lock);
	used = keep.used;
	keep.used = false;
	/* what CPUs keep does not pass here: it may be written by now */
	__atomic_store_n(&keep.unwritten, false, __ATOMIC_RELAXED);
	shim_lock_release(&keep.lock);
	if (!used)
		large_flush();
}

void large_get_stat(struct large_stat *st)
{
	shim_lock_acquire(&keep.lock);
	st->bytes = keep.pages * PAGE_SIZE;
	st->hits = keep.hits;
	shim_lock_release(&keep.lock);
}

void large_fork_prepare(void)
{
	shim_lock_fork_prepare(&keep.lock);
}

void large_fork_parent(void)
{
	shim_lock_fork_parent(&keep.lock);
}

void large_fork_child(void)
{
	shim_lock_fork_child(&keep.lock);
}
