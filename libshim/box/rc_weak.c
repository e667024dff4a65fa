// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * rc_weak: weak references, and the type of an object, which they share a word
 * with.
 *
 * Keeps true: an object's @type has its lowest bit set when it points to the
 * object's weak cell, which holds the type from then on.  The object owns one of
 * the cell's references.
 *
 * What a cell points to is guarded by one of cell_locks, which is held for a few
 * instructions.  The locks are not part of the cells because fork() takes all of
 * them.
 *
 * Called by rc and rc_cycle, and by the application through shim_rc.h.
 */
#include <stdlib.h>

#include "box.h"
#include "box_fork.h"
#include "rc.h"

struct shim_weak {
	size_t refs;
	void *obj;			/* NULL when it is gone */
	const struct shim_rc_type *type;
};

_Static_assert(sizeof(struct shim_weak) == 24, "as the header says");

#define CELL_LOCKS	64u	/* threads rarely meet at one, in 2 KiB */

static struct box_lock cell_locks[CELL_LOCKS];
static struct box_once cells_once = BOX_ONCE_INIT;

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
