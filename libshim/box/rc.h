/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rc: what counted references and the collection of cycles share.
 */
#ifndef SHIM_BOX_RC_H
#define SHIM_BOX_RC_H

#include <stdbool.h>
#include <stddef.h>

#include "shim_rc.h"

/**
 * rc_type - an object's type
 * @h: the object's header
 */
const struct shim_rc_type *rc_type(const struct shim_rc *h);

/**
 * rc_weak_end - weak references no longer find the object
 * @h: the object's header
 */
void rc_weak_end(struct shim_rc *h);

/* What a thread knows of its cyclic objects; see rc_cycle.c. */
struct rc_cycles;

/**
 * rc_cycle_is_here - does the calling thread know of cyclic objects
 */
bool rc_cycle_is_here(void);

/**
 * rc_cycle_begin - the calling thread will have cyclic objects
 *
 * Return: for rc_cycle_end(), or NULL if there is no memory.
 */
struct rc_cycles *rc_cycle_begin(void);

/**
 * rc_cycle_set_here - use what the calling thread knew once more, as it ends
 * @c: from rc_cycle_begin()
 *
 * The C library may have cleared thread-local variables by then.
 */
void rc_cycle_set_here(struct rc_cycles *c);

/**
 * rc_cycle_end - the calling thread has no more cyclic objects
 * @c: from rc_cycle_begin(); freed
 */
void rc_cycle_end(struct rc_cycles *c);

/**
 * rc_cycle_born - an object of a cyclic type was made
 */
void rc_cycle_born(void);

/**
 * rc_cycle_gone - an object of a cyclic type was freed
 */
void rc_cycle_gone(void);

/**
 * rc_cycle_is_full - is a collection due before an object is remembered
 * @h: the object
 */
bool rc_cycle_is_full(const struct shim_rc *h);

/**
 * rc_cycle_remember - a reference was dropped that was not the last
 * @h: the object, which may be part of a garbage cycle from now on
 */
void rc_cycle_remember(struct shim_rc *h);

/**
 * rc_cycle_forget - an object dies: it is no candidate any more
 * @h: the object
 */
void rc_cycle_forget(struct shim_rc *h);

/**
 * struct rc_garbage - what a collection found
 * @obj: the objects
 * @n: how many
 * @mem: the allocation that they are in
 */
struct rc_garbage {
	struct shim_rc **obj;
	size_t n;
	void *mem;
};

/**
 * rc_cycle_find - find the calling thread's cycles to which there is no
 *	reference from outside
 * @g: out: their objects, for the caller to free
 *
 * Return: 1, and the caller calls rc_cycle_found(); 0 if there is nothing to
 * collect, or a collection goes on; -1 if there is no memory.
 */
int rc_cycle_find(struct rc_garbage *g);

/**
 * rc_cycle_found - the objects were freed
 * @g: from rc_cycle_find()
 */
void rc_cycle_found(struct rc_garbage *g);

#endif /* SHIM_BOX_RC_H */
