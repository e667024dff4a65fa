/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * large: objects that are a span of their own.
 *
 * They go from entry straight to the page heap and bypass the caches of small
 * objects.
 */
#ifndef SHIM_LARGE_H
#define SHIM_LARGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pagemap.h"
#include "base/probe.h"
#include "pageheap/limit.h"

/**
 * large_alloc - get a large object
 * @size: bytes, at most PTRDIFF_MAX
 * @align: a power of two, or 0
 * @zero: set to whether all of it is known to read as zero
 *
 * Return: the object, or NULL if there is no memory.
 */
void *large_alloc(size_t size, size_t align, bool *zero);

struct prof_stack;

/**
 * large_sampled - make an object a sample of the profile
 * @p: the object
 * @stack: where it was counted; passed on when the object is freed or changes
 *	its size
 */
void large_sampled(void *p, struct prof_stack *stack);

/**
 * large_sample_end - an object is no sample any more
 * @p: the object
 *
 * Return: the stack of large_sampled(), which the caller passes to prof_drop()
 * or to large_sampled() again; NULL if the object was no sample.
 */
struct prof_stack *large_sample_end(void *p);

/**
 * large_asked - the requested size of an object
 * @p: the object
 */
size_t large_asked(const void *p);

/**
 * large_free - free a large object
 * @p: the object; any other pointer is reported and the process aborted
 */
void large_free(void *p);

#define LARGE_KEEP_PAGES	128u	/* 1 MiB, all together */

/*
 * Is @s the span of a live large object at @p?  The state is read by itself:
 * together with the class beside it, as compilers would, it would not be
 * forwarded from the store in large_retake(), and wait until that is done.
 */
static inline bool large_is_at(const struct span *s, const void *p)
{
	return s &&
	       __atomic_load_n(&s->state, __ATOMIC_RELAXED) == SPAN_INUSE &&
	       s->sizeclass == PAGEMAP_LARGE && s->start == (uintptr_t)p;
}

/**
 * large_is_none - report that there is no large object, and abort the process
 * @s: the span that the page of @p is in, or NULL
 * @p: what large_is_at() has refused
 */
void large_is_none(const struct span *s, const void *p)
	__attribute__((noreturn, cold));

/**
 * large_is_twice - report what two threads have freed at one moment, and abort
 * @s: its span
 *
 * Each may have seen a live object.  Nothing atomic tells them from each other where
 * an object is kept; so it is found when the span is taken again, or given back, and
 * has another owner.
 */
void large_is_twice(const struct span *s) __attribute__((noreturn, cold));

/* The rest of large_leave() for what is not kept. Return: NULL. */
struct span *large_leave_heap(struct span *s);

/**
 * large_leave - the first half of large_free()
 * @p: the object
 *
 * The record of a span that is kept knows where its class is: large_retake()
 * need not look it up.
 *
 * Return: its span, no object any more and in state SPAN_KEPT, for
 * large_keep() or for the caller to keep; NULL if it went to the page heap.
 */
static inline struct span *large_leave(void *p)
{
	struct span *s = pagemap_span(p);
	uint8_t *class;

	if (__builtin_expect(!large_is_at(s, p), 0))
		large_is_none(s, p);
	PROBE(large_free, s->bytes, s->start);
	if (__builtin_expect(s->npages > LARGE_KEEP_PAGES ||
			     s->flags & SPAN_SAMPLED ||
			     limit_pressure() != LIMIT_FAR, 0))
		return large_leave_heap(s);
	class = pagemap_class_at((uintptr_t)p);
	__atomic_store_n(class, PAGEMAP_NONE, __ATOMIC_RELAXED);
	s->bitmap[0] = (uintptr_t)class;
	__atomic_store_n(&s->state, SPAN_KEPT, __ATOMIC_RELAXED);
	return s;
}

/**
 * large_keep - the second half: keep a span, for all threads
 * @s: from large_leave(); what has been kept for longest makes room
 */
void large_keep(struct span *s);

/**
 * large_retake - make a span that the caller has kept an object again
 * @s: from large_leave(); longer than the lengths that the page map knows
 * @size: bytes, not more than the span has
 *
 * Return: the object.
 */
static inline void *large_retake(struct span *s, size_t size)
{
	if (__builtin_expect(__atomic_load_n(&s->state, __ATOMIC_RELAXED) !=
			     SPAN_KEPT, 0))
		large_is_twice(s);
	__atomic_store_n(&s->state, SPAN_INUSE, __ATOMIC_RELAXED);
	s->bytes = size;
	__atomic_store_n((uint8_t *)(uintptr_t)s->bitmap[0], PAGEMAP_LARGE,
			 __ATOMIC_RELAXED);
	PROBE(large_alloc, size, s->start);
	return (void *)s->start;
}

/**
 * large_give - give spans back that the caller has kept
 * @span: from large_leave()
 * @n: how many
 */
void large_give(struct span **span, unsigned int n);

/**
 * large_grant - may a caller keep a span itself
 * @npages: its length
 * @alone: the caller gives all of it back before it makes the heap larger, and
 *	nobody else does make it larger
 *
 * All that is granted stays within 512 KiB, or a 64th of the heap; or 4 MiB, if
 * it is asked for by one who is alone while large_unwritten().
 *
 * Return: false if not; otherwise the pages count until large_revoke().
 */
bool large_grant(size_t npages, bool alone);

#define LARGE_GRANT_PAGES	64u	/* 512 KiB */

/**
 * large_unwritten - are large objects freed faster than they could be written
 *
 * Found once a GiB, and forgotten by large_idle().  Then keeping more of them takes
 * hardly any memory, as most of their pages have none.
 */
bool large_unwritten(void);

/**
 * large_revoke - give up what large_grant() has granted
 * @npages: the length
 */
void large_revoke(size_t npages);

#define LARGE_ASK	52u	/* spans that may be asked for at once */

/**
 * large_ask - name the function that takes out what this CPU keeps
 * @fn: fills in up to LARGE_ASK spans, which are no longer granted, and returns
 *	how many; called without a lock, when a request finds no span of its length
 *
 * Called once, at boot.
 */
void large_ask(unsigned int (*fn)(struct span **span));

/**
 * large_is_dry - would large_alloc() make the heap larger
 * @size: bytes
 *
 * A guess, as central_is_dry().
 *
 * Return: true if no kept span has that length, and free pages have less memory.
 */
bool large_is_dry(size_t size);

/**
 * large_resize - make a large object longer or shorter
 * @p: the object
 * @size: new size, not 0
 *
 * In place if possible, otherwise by moving its pages if the backend can.
 * Shrinking never fails.
 *
 * Return: the object, which may have moved, or NULL with nothing changed: the
 * caller must copy.
 */
void *large_resize(void *p, size_t size);

/**
 * large_stays - the same where no page comes or goes
 * @p: the object
 * @size: new size, not 0
 *
 * Return: false, with nothing changed, if large_resize() has to be asked.
 */
bool large_stays(void *p, size_t size);

/**
 * large_room - how much to allocate for an object that grows
 * @have: bytes it has
 * @size: bytes requested
 *
 * An object that grows by little will grow again; allocating an eighth more
 * than was requested bounds how often it is moved.  One that grows by half or
 * more is rarely moved anyway.  The surplus has not been touched, so it takes
 * no memory but the rest of a page or a block.
 *
 * Return: bytes, @size or more.
 */
size_t large_room(size_t have, size_t size);

/**
 * large_used - set the requested size of an object
 * @p: the object, perhaps with room
 * @size: bytes; the spare room stays until the object is made smaller
 */
void large_used(void *p, size_t size);

/**
 * large_size - bytes that may be used of a large object
 * @p: the object; any other pointer is reported and the process aborted
 */
size_t large_size(const void *p);

/**
 * large_flush - give the spans that are kept to the page heap
 */
void large_flush(void);

/**
 * large_reclaim - give free pages back to the system
 * @bytes: free bytes with memory that may stay
 *
 * Return: bytes given back.
 */
size_t large_reclaim(size_t bytes);

/**
 * large_idle - give up kept spans that have been of no use since the last call
 *
 * Called by entry_idle().
 */
void large_idle(void);

/**
 * struct large_stat - freed spans that are kept
 * @bytes: in them
 * @hits: allocations that took one
 */
struct large_stat {
	size_t bytes;
	uint64_t hits;
};

/**
 * large_get_stat - take the numbers
 * @st: filled in
 */
void large_get_stat(struct large_stat *st);

void large_fork_prepare(void);
void large_fork_parent(void);
void large_fork_child(void);

#endif /* SHIM_LARGE_H */
