/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * special: objects with special treatment: pinned ones, and those with weak
 * references, a finalizer, or a value that lives as long as they do.
 *
 * One lock guards all of it.  After marking, with the world stopped:
 *
 *	ephemerons	a key that is reached reaches its value
 *	short links	to what is not reached become NULL
 *	finalizers	of what is not reached become ready, which reaches it
 *	ephemerons	again, for what came back
 *	long links	to what is still not reached become NULL
 */
#ifndef SHIM_GC_SPECIAL_H
#define SHIM_GC_SPECIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mark.h"

/**
 * special_link - have a pointer cleared when its object is freed
 * @link: where it is
 * @p: the object
 * @is_long: clear it only if finalizers have not made the object reachable
 *	again
 *
 * If @link is in a collected object, it is forgotten when that is freed.
 *
 * Return: 0, EEXIST with @p put in place of the former object, EINVAL or ENOMEM.
 */
int special_link(uintptr_t *link, const void *p, bool is_long);

/**
 * special_unlink - no more
 * @link: where it is
 * @is_long: as given to special_link()
 *
 * Return: false if there is none.
 */
bool special_unlink(uintptr_t *link, bool is_long);

/**
 * special_move_link - note that the pointer has moved
 * @from: where it was
 * @to: where it is
 * @is_long: as given to special_link()
 *
 * Return: 0, ENOENT, EEXIST or ENOMEM.
 */
int special_move_link(uintptr_t *from, uintptr_t *to, bool is_long);

/**
 * special_read_link - read a link that a collection may clear meanwhile
 * @link: where it is
 */
void *special_read_link(uintptr_t *link);

/**
 * special_ephemeron - set a value that lives as long as its key
 * @cell: an object without pointers that stands for the pair
 * @key: an object
 * @value: any
 *
 * Return: 0, EINVAL or ENOMEM.
 */
int special_ephemeron(void *cell, const void *key, void *value);

/**
 * special_ephemeron_get - the value
 * @cell: the pair
 * @key: out, may be NULL: the key, or NULL if it is gone
 *
 * Return: the value, or NULL if the key is gone.
 */
void *special_ephemeron_get(void *cell, void **key);

/**
 * special_pin - make an object a root
 * @p: first byte of it
 *
 * Calls are counted: each needs a special_unpin().
 *
 * Return: 0, EINVAL or ENOMEM.
 */
int special_pin(void *p);

/**
 * special_unpin - see special_pin()
 *
 * Return: false if it is not pinned.
 */
bool special_unpin(void *p);

/**
 * special_mark_roots - mark pinned objects and what finalizers need
 * @m: the caller's marker
 *
 * The lock is held, here and below.
 */
void special_mark_roots(struct marker *m);

/**
 * special_after_mark - see the top
 * @m: the caller's marker; nothing is grey, then and afterwards
 */
void special_after_mark(struct marker *m);

/**
 * special_forget - note that an object is freed by hand
 * @p: first byte
 */
void special_forget(void *p);

void special_lock(void);
void special_unlock(void);
void special_reset_child(void);

/* Numbers for statistics. */
struct special_stat {
	uint64_t finalized;
	uint64_t links_cleared;
	size_t finalizers;
	size_t links;
	size_t ephemerons;
	size_t pins;
};

void special_get_stat(struct special_stat *st);

#endif /* SHIM_GC_SPECIAL_H */
