// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * rc: counted references: the end of an object, and weak references.
 *
 * Keeps true: an object with references has a count; at none it is dead, is on its
 * thread's list of the dead until it is freed, and nobody gets a reference any
 * more.  The dead are freed one after the other, not one inside the other, so that
 * a list of a million objects needs no deep stack.
 *
 * @type has its lowest bit set when it points to the weak cell, which has the type
 * then.  A cell's @lock is held for a few instructions.  The object has one of the
 * cell's references.
 *
 * Called through shim_rc.h; circles are in rc_cycle.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "rc.h"

struct shim_weak {
	uint32_t refs;
	uint32_t lock;
	void *obj;			/* NULL when it is gone */
	const struct shim_rc_type *type;
};

_Static_assert(sizeof(struct shim_rc) == 16, "objects stay aligned");
_Static_assert(sizeof(struct shim_weak) == 24, "as the header says");

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

static void cell_acquire(struct shim_weak *w)
{
	while (__atomic_exchange_n(&w->lock, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&w->lock, __ATOMIC_RELAXED))
			__asm__ volatile("" : : : "memory");
}

static void cell_release(struct shim_weak *w)
{
	__atomic_store_n(&w->lock, 0, __ATOMIC_RELEASE);
}

void rc_weak_end(struct shim_rc *h)
{
	struct shim_weak *w = cell_of(h);

	if (!w)
		return;
	cell_acquire(w);
	w->obj = NULL;
	cell_release(w);
	h->type = (uintptr_t)w->type;
	shim_weak_free(w);
}

static void visit_put(void *child, void *arg)
{
	(void)arg;
	shim_rc_put(child);
}

/* Its last words, then the references that it had. */
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
	memcpy(h, &dead, sizeof(dead));
	dead = h;
	if (burying)
		return;
	burying = true;
	while (dead) {
		h = dead;
		memcpy(&dead, h, sizeof(dead));
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
		fresh = malloc(sizeof(*fresh));
		if (!fresh)
			return NULL;
		type = (uintptr_t)rc_type(h);
		fresh->refs = 1;	/* the object's */
		fresh->lock = 0;
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

	/* while the lock is held, the object's end waits for us */
	cell_acquire(w);
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
	cell_release(w);
	return p;
}

BOX_EXPORT void shim_weak_free(struct shim_weak *w)
{
	if (w && !__atomic_sub_fetch(&w->refs, 1, __ATOMIC_ACQ_REL))
		free(w);
}
