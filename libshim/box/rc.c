// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * rc: counted references: the end of an object, and weak references.
 *
 * Keeps true: an object has the count of its references; when there are none
 * it is dead, stays on its thread's list of dead objects until it is freed,
 * and nobody gets a reference any more.  The dead are freed one after the
 * other, not one inside the other, so that a list of a million objects needs
 * no deep stack.
 *
 * @type has its lowest bit set when it points to the weak cell, which has the type
 * then.  What a cell points to is guarded by one of cell_locks, which is held for
 * a few instructions: they are no part of the cells, as fork() has to take all of
 * them.  The object has one of the cell's references.
 *
 * Called through shim_rc.h; circles are in rc_cycle.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "box_fork.h"
#include "rc.h"

struct shim_weak {
	size_t refs;
	void *obj;			/* NULL when it is gone */
	const struct shim_rc_type *type;
};

_Static_assert(sizeof(struct shim_rc) == 16, "objects stay aligned");
_Static_assert(sizeof(struct shim_weak) == 24, "as the header says");

#define CELL_LOCKS	64u	/* threads rarely meet at one, in 2 KiB */

static struct box_lock cell_locks[CELL_LOCKS];
static struct box_once cells_once = BOX_ONCE_INIT;

/* The dead, linked through count and bits, which are of no use any more. */
static __thread struct shim_rc *dead;
static __thread bool burying;

static struct shim_weak *cell_of(const struct shim_rc *h)
{
	/* acquire: pairs with the release in shim_weak_new() */
	uintptr_t t = __atomic_load_n(&h->type, __ATOMIC_ACQUIRE);

	return t & 1 ? (struct shim_weak *)(t - 1) : NULL;
}

const struct shim_rc_type *rc_type(const struct shim_rc *h)
{
	struct shim_weak *w = cell_of(h);

	return w ? w->type : (const struct shim_rc_type *)h->type;
}

BOX_EXPORT void *shim_rc_new(const struct shim_rc_type *type)
{
	const unsigned int both = SHIM_RC_ATOMIC | SHIM_RC_CYCLIC;
	struct shim_rc *h;

	if (type->flags & ~both || type->flags == both ||
	    (type->flags & SHIM_RC_CYCLIC && !type->trace)) {
		errno = EINVAL;
		return NULL;
	}
	if (type->size > PTRDIFF_MAX - sizeof(*h)) {
		errno = ENOMEM;
		return NULL;
	}
	if (type->flags & SHIM_RC_CYCLIC && !rc_cycle_born())
		return NULL;
	h = calloc(1, sizeof(*h) + type->size);
	if (!h) {
		if (type->flags & SHIM_RC_CYCLIC)
			rc_cycle_gone();
		return NULL;
	}
	h->count = 1;
	h->bits = type->flags;
	h->type = (uintptr_t)type;
	return h + 1;
}

static void cells_init(void)
{
	unsigned int i;

	for (i = 0; i < CELL_LOCKS; i++)
		box_lock_init(&cell_locks[i], BOX_LOCK_CELLS);
}

static struct shim_lock *cell_lock(const struct shim_weak *w)
{
	/* cells are 32 bytes apart at least: the lower bits tell nothing */
	return &cell_locks[(uintptr_t)w / 32 % CELL_LOCKS].lock;
}

void rc_weak_end(struct shim_rc *h)
{
	struct shim_weak *w = cell_of(h);

	if (!w)
		return;
	shim_lock_acquire(cell_lock(w));
	w->obj = NULL;
	shim_lock_release(cell_lock(w));
	h->type = (uintptr_t)w->type;
	shim_weak_free(w);
}

static void visit_put(void *child, void *arg)
{
	(void)arg;
	shim_rc_put(child);
}

/* Call its fini, then put the references that it had. */
static void bury(struct shim_rc *h)
{
	const struct shim_rc_type *type = rc_type(h);

	if (type->fini)
		type->fini(h + 1);
	if (type->trace)
		type->trace(h + 1, visit_put, NULL);
	if (type->flags & SHIM_RC_CYCLIC)
		rc_cycle_gone();
	free(h);
}

BOX_EXPORT void shim_rc_last(void *p)
{
	struct shim_rc *h = shim_rc_head(p);

	rc_weak_end(h);
	memcpy(h, &dead, sizeof(void *));	/* the next one */
	dead = h;
	if (burying)
		return;
	burying = true;
	while (dead) {
		h = dead;
		memcpy(&dead, h, sizeof(void *));
		bury(h);
	}
	burying = false;
}

BOX_EXPORT void shim_rc_overflow(void *p)
{
	box_die("shim_rc_get(): too many references, or a dead object", p);
}

BOX_EXPORT struct shim_weak *shim_weak_new(void *p)
{
	struct shim_rc *h = shim_rc_head(p);
	struct shim_weak *w = cell_of(h), *fresh;
	uintptr_t type;

	if (!w) {
		box_once(&cells_once, cells_init);
		fresh = malloc(sizeof(*fresh));
		if (!fresh)
			return NULL;
		type = (uintptr_t)rc_type(h);
		fresh->refs = 1;	/* the object's */
		fresh->obj = p;
		fresh->type = (const struct shim_rc_type *)type;
		if (__atomic_compare_exchange_n(&h->type, &type,
						(uintptr_t)fresh | 1, false,
						__ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			w = fresh;
		else
			free(fresh);	/* another thread was faster */
		w = w ? w : cell_of(h);
	}
	__atomic_fetch_add(&w->refs, 1, __ATOMIC_RELAXED);
	return w;
}

BOX_EXPORT void *shim_weak_get(struct shim_weak *w)
{
	struct shim_rc *h;
	uint32_t count;
	void *p;

	/* while the lock is held, the object cannot be freed */
	shim_lock_acquire(cell_lock(w));
	p = w->obj;
	if (p) {
		h = shim_rc_head(p);
		count = __atomic_load_n(&h->count, __ATOMIC_RELAXED);
		while (count) {
			if (__atomic_compare_exchange_n(&h->count, &count,
							count + 1, true,
							__ATOMIC_RELAXED,
							__ATOMIC_RELAXED))
				break;
		}
		if (!count)
			p = NULL;
	}
	shim_lock_release(cell_lock(w));
	return p;
}

BOX_EXPORT void shim_weak_free(struct shim_weak *w)
{
	if (w && !__atomic_sub_fetch(&w->refs, 1, __ATOMIC_ACQ_REL))
		free(w);
}
