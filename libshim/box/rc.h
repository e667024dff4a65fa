/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rc: what counted references and the collection of circles share.
 */
#ifndef SHIM_BOX_RC_H
#define SHIM_BOX_RC_H

#include <stdbool.h>

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

/**
 * rc_cycle_born - an object of a cyclic type is about to be made
 *
 * Return: false with errno ENOMEM if this thread can have none.
 */
bool rc_cycle_born(void);

/**
 * rc_cycle_gone - an object of a cyclic type was freed
 */
void rc_cycle_gone(void);

#endif /* SHIM_BOX_RC_H */
