/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gcalloc: objects out of spans, and spans into lists.
 *
 * A thread takes all free objects of a span at once, by their bits, and hands
 * them out hole by hole without a lock; the span counts as full from then on.
 * Objects that it has not handed out when a collection begins count as reached.
 * Since nothing is ever taken away from a thread, it need not be stopped at a
 * safe point.
 *
 * Each class of each kind has a lock.  It guards the class's lists and the bits
 * of their spans; mark bits are set by markers without it.
 */
#ifndef SHIM_GCALLOC_H
#define SHIM_GCALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gcspan.h"
#include "gcthread.h"
#include "base/lock.h"

/**
 * struct gcclass - objects of one size and kind
 * @lock: guards everything below and the spans on the lists
 * @partial: swept, some objects are free
 * @full: swept, none is
 * @unswept: not swept since the last collection
 */
struct gcclass {
	struct shim_lock lock;
	struct gcspan_list partial;
	struct gcspan_list full;
	struct gcspan_list unswept;
};

/* Class 0 of a kind are its large objects. */
extern struct gcclass gcclass[GC_KINDS][GC_CLASSES]
	__attribute__((visibility("hidden")));

#define GCCLASS_NR	(GC_KINDS * GC_CLASSES)

/* All of them, by number. */
static inline struct gcclass *gcclass_nth(unsigned int i)
{
	return &gcclass[i / GC_CLASSES][i % GC_CLASSES];
}

/**
 * struct gcalloc_policy - decisions about collecting, when objects are taken
 * out of spans
 * @before: this many bytes are about to be taken; may collect
 * @no_memory: there is no memory; returns true if it makes sense to try again
 *
 * Both are called without a lock.
 */
struct gcalloc_policy {
	void (*before)(size_t bytes);
	bool (*no_memory)(void);
};

/**
 * gcalloc_set_policy - set the policy, before the first object
 * @p: the policy, which must live as long as the process
 */
void gcalloc_set_policy(const struct gcalloc_policy *p);

/**
 * gcalloc - get an object
 * @size: bytes
 * @kind: how the collector treats it
 *
 * GC_SCAN and GC_TYPED read as zero.  May collect.
 *
 * Return: the object, aligned to 16, or NULL.
 */
void *gcalloc(size_t size, enum gc_kind kind);

/**
 * gcalloc_quick - the same, if the calling thread has an object at hand
 * @size: bytes
 * @kind: what a collector does with it, a constant for the compiler
 *
 * Return: the object, or NULL: call gcalloc(), once the collector has started.
 */
static inline __attribute__((always_inline)) void *
gcalloc_quick(size_t size, enum gc_kind kind)
{
	struct gcthread *t = gcthread_me;
	struct gccache *c;
	uintptr_t p;

	if (__builtin_expect(size > SIZECLASS_MAX || !t, 0))
		return NULL;
	c = &t->cache[kind][sizeclass_of(size + !size)];
	p = c->cur;
	/* a hole is a whole number of objects */
	if (__builtin_expect(p >= c->end, 0))
		return NULL;
	c->cur = p + c->size;
	return (void *)p;
}

struct shim_gc_type;

/**
 * gcalloc_typed - get an object of kind GC_TYPED, with its type
 * @size: bytes, without the word for the type
 * @type: of size 0 for mark_set_kinds()
 *
 * Return: the object, or NULL.
 */
void *gcalloc_typed(size_t size, const struct shim_gc_type *type);

/**
 * gcalloc_tiny - get an object of less than 16 bytes without pointers
 * @size: bytes, 1 to 15
 *
 * Shares its 16 bytes with others, and is free when all of them are.
 *
 * Return: the object, aligned as a type of its size wants, or NULL.
 */
void *gcalloc_tiny(size_t size);

/**
 * gcalloc_free - free an object that its owner knows to be unreachable
 * @p: first byte of an object
 *
 * Return: 0, or EINVAL if there is no such object.
 */
int gcalloc_free(void *p);

/**
 * gcalloc_base - the object around an address
 * @p: any value
 * @out: its span, or NULL
 *
 * Return: first byte of the object, 0 if there is none that is in use.
 */
uintptr_t gcalloc_base(uintptr_t p, struct gcspan **out);

/**
 * gcalloc_flush - put back what a thread has not handed out
 * @t: the caller's record
 */
void gcalloc_flush(struct gcthread *t);

/**
 * gcalloc_each_cached - visit the objects that a thread has and did not hand
 *	out
 * @t: a stopped thread, or the caller
 * @fn: called for each run of them: span, first object, how many
 */
void gcalloc_each_cached(struct gcthread *t,
			 void (*fn)(struct gcspan *s, unsigned int first,
				    unsigned int n));

/**
 * gcalloc_set_black - decide whether new objects count as reached
 * @black: while marking is under way; the world is stopped
 */
void gcalloc_set_black(bool black);

/**
 * gcalloc_since - bytes taken out of spans since gcalloc_reset_since()
 */
size_t gcalloc_since(void);
void gcalloc_reset_since(void);
uint64_t gcalloc_total(void);

/* Where these two are, for tools. */
void gcalloc_where(const uint64_t **since, const uint64_t **total);

/* All locks of all classes: around a stop, and around fork(). */
void gcalloc_lock_all(void);
void gcalloc_unlock_all(void);
void gcalloc_reset_child(void);

/**
 * gcalloc_each_span - visit every span of every list
 * @fn: called with each
 * @arg: for it
 *
 * All locks held.
 */
void gcalloc_each_span(void (*fn)(struct gcspan *s, void *arg), void *arg);

#endif /* SHIM_GCALLOC_H */
