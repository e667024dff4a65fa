/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * transfer: free objects in passing between CPUs.
 *
 * CPUs that are far apart have caches of their own, in domains: an object that
 * one of them gave away is in that CPU's hardware caches, and in its node's
 * memory.  A domain's surplus goes to the central list, where every domain
 * finds it.
 */
#ifndef SHIM_TRANSFER_H
#define SHIM_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Groups of CPUs that have a cache of their own: those that share a last level
 * cache, or nodes, see percpu_domain().  Further groups share one with one of the
 * first.
 */
#define TRANSFER_DOMAINS	16u

/**
 * struct transfer_stat - the transfer caches of one class
 * @objs: objects in it
 * @max: objects it may hold
 * @hits: batches it served
 * @misses: batches the central list served
 * @spills: batches it had no room for
 */
struct transfer_stat {
	size_t objs;
	size_t max;
	uint64_t hits;
	uint64_t misses;
	uint64_t spills;
};

/**
 * transfer_get_at - get free objects
 * @dom: domain, below TRANSFER_DOMAINS
 * @cls: size class
 * @objs: filled in
 * @n: how many at most, 1 to SIZECLASS_BULK_MAX
 *
 * Takes the class's lock, then perhaps those of the layers below.
 *
 * Return: how many; at least 1 unless the system has no memory.
 */
unsigned int transfer_get_at(unsigned int dom, unsigned int cls, void **objs,
			     unsigned int n);

/* The same where the domain is not known, or there is only one. */
static inline unsigned int transfer_get(unsigned int cls, void **objs,
					unsigned int n)
{
	return transfer_get_at(0, cls, objs, n);
}

/**
 * transfer_is_dry - would getting an object make the heap larger
 * @dom: domain, below TRANSFER_DOMAINS
 * @cls: size class
 *
 * Return: as central_is_dry(); false while this cache has one.
 */
bool transfer_is_dry(unsigned int dom, unsigned int cls);

/**
 * transfer_put_at - give objects away
 * @dom: domain, below TRANSFER_DOMAINS
 * @cls: size class of every object
 * @objs: the objects; may be in another order afterwards
 * @n: how many, not 0
 */
void transfer_put_at(unsigned int dom, unsigned int cls, void **objs,
		     unsigned int n);

static inline void transfer_put(unsigned int cls, void **objs, unsigned int n)
{
	transfer_put_at(0, cls, objs, n);
}

/**
 * transfer_put_home - give objects straight to their spans
 * @cls: size class of every object
 * @objs: the objects; may be in another order afterwards
 * @n: how many, not 0
 */
void transfer_put_home(unsigned int cls, void **objs, unsigned int n);

/**
 * transfer_put_mixed - give an object of a mixed span straight to it
 * @p: the object; pagemap_class() is PAGEMAP_COMPOUND
 *
 * Return: the class of the span, or 0 if another thread has what it takes; the object
 * is not freed then.
 */
unsigned int transfer_put_mixed(void *p);

/**
 * transfer_wants - should caches give back what they have of a class
 * @cls: size class
 *
 * See central_wants().
 */
bool transfer_wants(unsigned int cls);

/**
 * transfer_recall - give back all objects of a class, if they are wanted
 * @cls: size class
 *
 * Call it when what was in the caches above is here.
 */
void transfer_recall(unsigned int cls);

/**
 * transfer_check - is a pointer an object of a class that somebody has
 * @cls: what pagemap_class() says of it
 * @p: the pointer
 *
 * For the checking mode, in which nothing stays in this cache.
 *
 * Return: enum span_error of span.h.
 */
int transfer_check(unsigned int cls, const void *p);

/**
 * transfer_judge - report a pointer that is no object that somebody has, and abort
 * @cls: what pagemap_class() says of it
 * @p: the pointer
 *
 * Called with no lock held.  Returns if nothing is wrong with it.
 */
void transfer_judge(unsigned int cls, const void *p);

/**
 * transfer_plunder - give back what has not been needed since the last call
 *
 * Each class's low-water mark goes to the central list.
 */
void transfer_plunder(void);

/**
 * transfer_flush - give everything back
 */
void transfer_flush(void);

/**
 * transfer_squeeze - the same, and the memory of what is free below
 */
void transfer_squeeze(void);

/**
 * transfer_set_limit - bytes that the caches of a class may hold
 * @bytes: the limit for all domains together; 0 means that every object goes to
 *	the central list
 */
void transfer_set_limit(size_t bytes);

/**
 * transfer_get_stat - take one class's numbers
 * @cls: size class
 * @st: filled in, consistently
 */
void transfer_get_stat(unsigned int cls, struct transfer_stat *st);

/**
 * transfer_is_valid - check the invariants of a class's cache
 * @cls: size class
 *
 * Return: false if one does not hold.
 */
bool transfer_is_valid(unsigned int cls);

void transfer_fork_prepare(void);
void transfer_fork_parent(void);
void transfer_fork_child(void);

#endif /* SHIM_TRANSFER_H */
