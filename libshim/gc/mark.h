/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * mark: from roots to everything that they reach.
 *
 * An object is white while its mark bit is clear, grey when it is set and the
 * object is in some marker's queue, black when it has left the queue and all it
 * points to is grey or black.
 *
 * Each marker has a queue of its own, last in first out, and gives part of it to
 * a common pool when that runs low; a marker without work takes from the pool.
 * Between queue and scanning an object waits in a short line while its memory
 * is fetched.
 */
#ifndef SHIM_MARK_H
#define SHIM_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gcspan.h"

#define MARK_CHUNK	254	/* entries that change hands: 4 KiB in all */
#define MARK_LINE	16	/* objects being fetched */

/**
 * struct mark_entry - a grey object, or a part of one
 * @p: first byte
 * @n: bytes to scan; with bit 63 set, the words that the type in the last word
 *	names
 */
struct mark_entry {
	uintptr_t p;
	size_t n;
};

/**
 * struct marker - one thread's part in marking
 * @stack: grey objects
 * @top: entries on it
 * @max: entries it has room for
 * @bytes: of objects marked
 * @objects: how many
 * @scanned: bytes looked at
 * @line: being fetched
 * @first: oldest in @line
 * @count: how many in @line
 */
struct marker {
	struct mark_entry *stack;
	size_t top;
	size_t max;
	size_t bytes;
	size_t objects;
	size_t scanned;
	struct mark_entry line[MARK_LINE];
	unsigned int first;
	unsigned int count;
};

/**
 * mark_set_interior - decide whether pointers into the middle count when found
 *	in the heap
 * @on: whether they do; from roots they always do
 */
void mark_set_interior(bool on);

/**
 * mark_add_displacement - count pointers so far into objects, in any case
 * @n: bytes; of 64 or more all pointers into the middle count from now on
 */
void mark_add_displacement(size_t n);

/**
 * mark_pointer - shade the object that a value points to, if any
 * @m: the caller's marker
 * @p: any value
 *
 * Return: true if the object was white.
 */
bool mark_pointer(struct marker *m, uintptr_t p);

/**
 * mark_is_due - may mark_pointer() have something to do
 * @p: any value
 *
 * Most pointers lead to objects that are marked: no call for these.
 */
static inline bool mark_is_due(uintptr_t p)
{
	struct gcspan *s = gcspan_of(p);
	unsigned int i;

	if (!s)
		return false;
	i = gcspan_index(s, p);
	return i < s->nobjs && !gcspan_bit(s->mark, i);
}

/**
 * mark_range - shade all objects that the words of a range point to
 * @m: the caller's marker
 * @low: first byte, aligned
 * @high: behind the last
 */
void mark_range(struct marker *m, uintptr_t low, uintptr_t high);

/**
 * mark_stack - the same for a stack
 * @m: the caller's marker
 * @low: first byte, aligned
 * @high: behind the last
 *
 * Accepts pointers to the end of an object, which may be all that a compiler
 * keeps.
 */
void mark_stack(struct marker *m, uintptr_t low, uintptr_t high);

/**
 * mark_children - shade all objects that an object points to, whatever its own
 *	colour
 * @m: the caller's marker
 * @p: first byte of the object
 * @s: its span
 */
void mark_children(struct marker *m, uintptr_t p, const struct gcspan *s);

/**
 * mark_words - the same for words of an object, where pointers into the middle
 *	of others may not count
 * @m: the caller's marker
 * @low: first byte, aligned
 * @high: behind the last
 */
void mark_words(struct marker *m, uintptr_t low, uintptr_t high);

/**
 * mark_found - the same for one word that was found in an object
 * @m: the caller's marker
 * @p: any value
 */
void mark_found(struct marker *m, uintptr_t p);

/**
 * mark_only - keep the object that a value points to, whatever it points to
 * @m: the caller's marker
 * @p: any value
 */
void mark_only(struct marker *m, uintptr_t p);

struct shim_gc_type;

/**
 * mark_set_kinds - set who scans objects with a type of size 0
 * @fn: called with the type, and the object's first byte and size without the
 *	word that names the type; by any marker, before there is such an object
 */
void mark_set_kinds(void (*fn)(struct marker *m,
			       const struct shim_gc_type *type, uintptr_t p,
			       size_t n));

/**
 * mark_drain - turn grey objects black
 * @m: the caller's marker
 * @budget: stop after this many bytes were scanned; SIZE_MAX: until none is
 *	left
 *
 * Takes from the pool, too.
 *
 * Return: bytes scanned.
 */
size_t mark_drain(struct marker *m, size_t budget);

/**
 * mark_flush - move all of a marker's queue to the pool
 * @m: the marker
 *
 * Return: false with some left in the marker if there is no memory.
 */
bool mark_flush(struct marker *m);

/**
 * mark_is_done - is the pool empty
 */
bool mark_is_done(void);

/**
 * mark_is_marked - was an object reached
 * @p: any value
 *
 * Return: true also for an address that is not in an object.
 */
bool mark_is_marked(uintptr_t p);

/**
 * mark_overflowed - has a queue run out of memory, so that there are marked
 *	objects whose children are not
 *
 * Return: true once for each time.
 */
bool mark_overflowed(void);

/**
 * mark_rescan - shade the children of each marked object of a span
 * @m: the caller's marker
 * @s: the span
 */
void mark_rescan(struct marker *m, struct gcspan *s);

/**
 * mark_run - mark with every worker until nothing is grey
 * @m: the caller's marker
 */
void mark_run(struct marker *m);

/**
 * mark_set_workers - how many threads mark, the caller's included
 * @n: 1 to MARK_WORKERS_MAX
 */
#define MARK_WORKERS_MAX	64
void mark_set_workers(unsigned int n);
unsigned int mark_get_workers(void);

/**
 * mark_set_alone - have the thread that collects mark without others, for good
 */
void mark_set_alone(void);

/**
 * mark_processors - how many processors the process may run on
 */
unsigned int mark_processors(void);

/**
 * mark_start_workers - make the other markers, unless they exist
 *
 * Not with the world stopped, and with no lock held.
 */
void mark_start_workers(void);

void mark_fork_child(void);

#endif /* SHIM_MARK_H */
