// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * special_lock: the lock of special and its finalizers, and what it guards that
 * both use.
 *
 * Called by cycle, finalizer, special, gc and gccompat.
 */
#include "gcalloc.h"
#include "special_int.h"

static struct shim_lock special_mutex = SHIM_LOCK_INIT(SHIM_RANK_NONE);
struct special_stat special_stat;

void special_lock(void)
{
	shim_lock_acquire(&special_mutex);
}

void special_unlock(void)
{
	shim_lock_release(&special_mutex);
}

void special_reset_child(void)
{
	shim_lock_reset_child(&special_mutex);
}

/* Is it the first byte of an object in use? */
bool special_is_object(const void *p)
{
	return p && gcalloc_base((uintptr_t)p, NULL) == (uintptr_t)p;
}
