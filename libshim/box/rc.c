// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * rc: counted references: an object's beginning, and its end.
 *
 * Keeps true: an object has the count of its references; when there are none it
 * is dead, stays on its thread's list of dead objects until it is freed, and no
 * new reference can be taken.  The dead are freed one after the other, not one
 * inside the other, so that a list of a million objects needs no deep stack.
 *
 * The thread's cyclic objects are collected here: rc_cycle finds the garbage,
 * and this file frees it, since that may put references to further objects.
 *
 * Called through shim_rc.h.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "box_fork.h"
#include "rc.h"

/*
 * The count of an object that is being collected, so that a fini which gets and
 * puts it does not free it.
 */
#define HELD		(1u << 30)

_Static_assert(sizeof(struct shim_rc) == 16, "objects stay aligned");

/*
 * Dead objects, linked through count and bits, which are not needed any more.
 */
static __thread struct shim_rc *dead;
static __thread bool burying;

static struct box_once once = BOX_ONCE_INIT;
static pthread_key_t key;
static int key_error = -1;

static void thread_ends(void *arg)
{
	rc_cycle_set_here(arg);
	shim_rc_collect();
	rc_cycle_end(arg);
}

static void key_make(void)
{
	key_error = pthread_key_create(&key, thread_ends);
}

/* The thread is about to make its first cyclic object. */
static bool thread_begins(void)
{
	struct rc_cycles *c;

	box_once(&once, key_make);
	c = key_error ? NULL : rc_cycle_begin();
	if (c && !pthread_setspecific(key, c))
		return true;
	if (c)
		rc_cycle_end(c);
	errno = ENOMEM;
	return false;
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
	if (type->flags & SHIM_RC_CYCLIC && !rc_cycle_is_here() &&
	    !thread_begins())
		return NULL;
	h = calloc(1, sizeof(*h) + type->size);
	if (!h)
		return NULL;
	if (type->flags & SHIM_RC_CYCLIC)
		rc_cycle_born();
	h->count = 1;
	h->bits = type->flags;
	h->type = (uintptr_t)type;
	return h + 1;
}

static void visit_put(void *child, void *arg)
{
	(void)arg;
	shim_rc_put(child);
}

/* Call its fini, then put the references that it holds. */
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

BOX_EXPORT void shim_rc_put_cyclic(void *p)
{
	struct shim_rc *h = shim_rc_head(p);

	if (!--h->count) {
		rc_cycle_forget(h);
		shim_rc_last(p);
		return;
	}
	if (rc_cycle_is_full(h)) {
		/* keep this one, which the caller may still read */
		h->count++;
		shim_rc_collect();
		h->count--;
	}
	rc_cycle_remember(h);
}

/* The references between garbage objects have already been subtracted. */
static void visit_put_others(void *child, void *arg)
{
	(void)arg;
	if (child && !(shim_rc_head(child)->bits & SHIM_RC_BIT_CYCLIC))
		shim_rc_put(child);
}

/*
 * All weak references end before the first fini, and no memory is freed before
 * the last: garbage may look at other garbage.
 */
static void garbage_free(struct shim_rc **garbage, size_t n)
{
	const struct shim_rc_type *type;
	size_t i;

	for (i = 0; i < n; i++) {
		garbage[i]->count = HELD;
		rc_weak_end(garbage[i]);
	}
	for (i = 0; i < n; i++) {
		type = rc_type(garbage[i]);
		if (type->fini)
			type->fini(garbage[i] + 1);
	}
	for (i = 0; i < n; i++)
		rc_type(garbage[i])->trace(garbage[i] + 1, visit_put_others,
					   NULL);
	for (i = 0; i < n; i++)
		free(garbage[i]);
	box_count(BOX_RC_CYCLES, n);
}

BOX_EXPORT long shim_rc_collect(void)
{
	struct rc_garbage g;
	int ret = rc_cycle_find(&g);

	if (ret <= 0)
		return ret;
	garbage_free(g.obj, g.n);
	rc_cycle_found(&g);
	return (long)g.n;
}
