// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * special: weak references, ephemerons and pins, and the order in which they
 * are handled.
 */
#include <errno.h>

#include "barrier.h"
#include "gcalloc.h"
#include "special_int.h"

static struct table links[2];		/* short, long */
static struct table ephemerons;		/* by cell */
static struct table pins;		/* by object */

int special_link(uintptr_t *link, const void *p, bool is_long)
{
	struct table *t = &links[is_long];
	struct table_entry *e;
	int ret = 0;

	if (!gcalloc_base((uintptr_t)p, NULL) || (uintptr_t)link % 8)
		return EINVAL;
	special_lock();
	e = table_find(t, (uintptr_t)link);
	if (e)
		ret = EEXIST;
	else
		e = table_add(t, (uintptr_t)link);
	if (e)
		e->obj = (uintptr_t)p;
	else
		ret = ENOMEM;
	special_unlock();
	return ret;
}

bool special_unlink(uintptr_t *link, bool is_long)
{
	struct table *t = &links[is_long];
	struct table_entry *e;

	special_lock();
	e = table_find(t, (uintptr_t)link);
	if (e)
		table_del(t, e);
	special_unlock();
	return e;
}

int special_move_link(uintptr_t *from, uintptr_t *to, bool is_long)
{
	struct table *t = &links[is_long];
	struct table_entry *e, *f;
	int ret = 0;

	special_lock();
	e = table_find(t, (uintptr_t)from);
	if (!e) {
		ret = ENOENT;
	} else if (from == to) {
		ret = 0;
	} else if (table_find(t, (uintptr_t)to)) {
		ret = EEXIST;
	} else {
		f = table_add(t, (uintptr_t)to);
		if (f) {
			f->obj = e->obj;
			table_del(t, e);
		} else {
			ret = ENOMEM;
		}
	}
	special_unlock();
	return ret;
}

void *special_read_link(uintptr_t *link)
{
	void *p;

	/* with the lock held, no collection is between marking and clearing */
	special_lock();
	p = (void *)__atomic_load_n(link, __ATOMIC_RELAXED);
	/*
	 * it is not only weakly reached any more, and this thread may not be
	 * scanned again
	 */
	barrier_shade((uintptr_t)p);
	special_unlock();
	return p;
}

int special_ephemeron(void *cell, const void *key, void *value)
{
	struct table_entry *e;

	if (!special_is_object(cell) ||
	    !gcalloc_base((uintptr_t)key, NULL))
		return EINVAL;
	special_lock();
	e = table_find(&ephemerons, (uintptr_t)cell);
	if (!e)
		e = table_add(&ephemerons, (uintptr_t)cell);
	if (e) {
		e->obj = (uintptr_t)key;
		e->arg = (uintptr_t)value;
	}
	special_unlock();
	return e ? 0 : ENOMEM;
}

void *special_ephemeron_get(void *cell, void **key)
{
	struct table_entry *e;
	void *value = NULL;

	special_lock();
	e = table_find(&ephemerons, (uintptr_t)cell);
	if (e) {
		value = (void *)e->arg;
		barrier_shade(e->arg);
		barrier_shade(e->obj);
	}
	if (key)
		*key = e ? (void *)e->obj : NULL;
	special_unlock();
	return value;
}

int special_pin(void *p)
{
	struct table_entry *e;

	if (!special_is_object(p))
		return EINVAL;
	special_lock();
	e = table_find(&pins, (uintptr_t)p);
	if (!e)
		e = table_add(&pins, (uintptr_t)p);
	if (e) {
		e->obj = (uintptr_t)p;
		e->arg++;
	}
	special_unlock();
	return e ? 0 : ENOMEM;
}

bool special_unpin(void *p)
{
	struct table_entry *e;

	special_lock();
	e = table_find(&pins, (uintptr_t)p);
	if (e && !--e->arg)
		table_del(&pins, e);
	special_unlock();
	return e;
}

static void mark_pin(struct table *t, struct table_entry *e, void *arg)
{
	(void)t;
	mark_pointer(arg, e->obj);
}

void special_mark_roots(struct marker *m)
{
	table_each(&pins, mark_pin, m);
	finalizer_mark_roots(m);
}

static void mark_value(struct table *t, struct table_entry *e, void *arg)
{
	struct marker *m = arg;

	(void)t;
	if (mark_is_marked(e->key) && mark_is_marked(e->obj))
		mark_pointer(m, e->arg);
}

/*
 * A value may be, or lead to, the key of another: repeat until nothing new is
 * marked.
 */
static void mark_ephemerons(struct marker *m)
{
	size_t before;

	do {
		before = m->objects;
		table_each(&ephemerons, mark_value, m);
		mark_drain(m, SIZE_MAX);
	} while (m->objects != before);
}

static void clear_pair(struct table *t, struct table_entry *e, void *arg)
{
	(void)arg;
	if (!mark_is_marked(e->key) || !mark_is_marked(e->obj))
		table_del(t, e);
}

static void clear_link(struct table *t, struct table_entry *e, void *arg)
{
	(void)arg;
	/* the pointer itself was in an object that is not reached */
	if (!mark_is_marked(e->key)) {
		table_del(t, e);
		return;
	}
	if (mark_is_marked(e->obj))
		return;
	__atomic_store_n((uintptr_t *)e->key, 0, __ATOMIC_RELAXED);
	special_stat.links_cleared++;
	table_del(t, e);
}

void special_after_mark(struct marker *m)
{
	mark_ephemerons(m);
	table_each(&links[0], clear_link, NULL);
	finalizer_after_mark(m);
	mark_ephemerons(m);
	table_each(&ephemerons, clear_pair, NULL);
	table_each(&links[1], clear_link, NULL);
}

void special_forget(void *p)
{
	struct table_entry *e;

	special_lock();
	e = table_find(&pins, (uintptr_t)p);
	if (e)
		table_del(&pins, e);
	e = table_find(&ephemerons, (uintptr_t)p);
	if (e)
		table_del(&ephemerons, e);
	finalizer_forget((uintptr_t)p);
	special_unlock();
}

void special_get_stat(struct special_stat *st)
{
	special_lock();
	*st = special_stat;
	st->links = links[0].n + links[1].n;
	st->ephemerons = ephemerons.n;
	st->pins = pins.n;
	st->finalizers = finalizer_count();
	special_unlock();
}
