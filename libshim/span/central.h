/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * central: the spans of each size class.
 */
#ifndef SHIM_CENTRAL_H
#define SHIM_CENTRAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct central_stat - the central list of one class
 * @spans: spans of the class
 * @free: free objects in them, not counting caches
 * @made: spans made, ever
 * @destroyed: spans given back, ever
 */
struct central_stat {
	size_t spans;
	size_t free;
	uint64_t made;
	uint64_t destroyed;
};

/**
 * central_get - get free objects
 * @cls: size class
 * @objs: filled in
 * @n: how many at most, not 0
 *
 * Of this thread's node, from the fullest spans first.  Takes the class's lock.
 *
 * Return: how many; at least 1 unless the system has no memory.
 */
unsigned int central_get(unsigned int cls, void **objs, unsigned int n);

/**
 * central_is_dry - would getting an object make the heap larger
 * @cls: size class
 *
 * Takes no lock: a guess, for a caller that has free objects of other classes,
 * whose spans the page heap could use instead.
 *
 * Return: true if no span has a free object and no free page has memory.
 */
bool central_is_dry(unsigned int cls);

/**
 * central_put - give objects back
 * @cls: size class of every object
 * @objs: the objects
 * @n: how many
 *
 * Takes the class's lock.  A pointer that is no live object is reported and
 * the process aborted.
 */
void central_put(unsigned int cls, void **objs, unsigned int n);

/**
 * central_put_mixed - give an object of a mixed span back
 * @p: the object; pagemap_class() is PAGEMAP_COMPOUND
 *
 * Takes the lock of the span's class, if that is free.  A pointer that is no live
 * object is reported and the process aborted.
 *
 * Return: the span's class, or 0 if the lock was taken; the object is not freed then.
 */
unsigned int central_put_mixed(void *p);

/**
 * central_wants - should caches give back what they have of a class
 * @cls: size class
 *
 * So it is after half of its objects were freed: what a cache keeps of them may
 * keep a span each.  Takes no lock.
 */
bool central_wants(unsigned int cls);

/**
 * central_called - the caches are about to give it back
 * @cls: size class
 *
 * Return: true for one caller after each time that central_wants() is true.
 */
bool central_called(unsigned int cls);

/**
 * central_free_beside - how empty are the spans of some objects
 * @objs: objects, in use or in a cache
 * @n: how many
 * @nfree: filled in: free objects in the span of each, a hint
 *
 * Takes no lock.
 */
void central_free_beside(void *const *objs, unsigned int n, uint16_t *nfree);

/**
 * central_node - the NUMA node of an object
 * @p: an object, in use or in a cache
 *
 * Takes no lock.
 *
 * Return: below NODES; a hint, and node_here() of what is no object.
 */
unsigned int central_node(const void *p);

/**
 * central_check - is a pointer an object of a class that somebody has
 * @cls: what pagemap_class() says of it
 * @p: the pointer
 *
 * Takes the class's lock, if that is free.  An object that is in a cache counts as
 * somebody's.
 *
 * Return: enum span_error; SPAN_OK also where it could not be found out.
 */
int central_check(unsigned int cls, const void *p);

/**
 * central_judge - report a pointer that is no object that somebody has, and abort
 * @cls: what pagemap_class() says of it
 * @p: the pointer
 *
 * Called with no lock held.  Returns if nothing is wrong with it.
 */
void central_judge(unsigned int cls, const void *p);

/**
 * central_get_stat - take one class's numbers
 * @cls: size class
 * @st: filled in, consistently
 */
void central_get_stat(unsigned int cls, struct central_stat *st);

/**
 * central_is_valid - check the invariants of a class's lists and spans
 * @cls: size class
 *
 * Takes the class's lock.
 *
 * Return: false if one does not hold.
 */
bool central_is_valid(unsigned int cls);

/**
 * central_purge - give the memory of free objects back
 *
 * Gives back the OS pages without a used object, of spans whose free objects
 * have not changed since the last call, where the page heap finds it
 * worthwhile.  Takes the classes' locks in turn, each for a bounded time, until
 * the time is used up.  Called by entry_idle().
 */
void central_purge(void);

/**
 * central_squeeze - the same at once, and for every span
 *
 * For an allocation near a limit.
 */
void central_squeeze(void);

void central_fork_prepare(void);
void central_fork_parent(void);
void central_fork_child(void);

#endif /* SHIM_CENTRAL_H */
