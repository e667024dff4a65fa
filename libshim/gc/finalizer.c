// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * finalizer: what is called once an object is no longer reached.
 *
 * An object whose finalizer is ready counts as reached, with all it points to,
 * until the finalizer has been called, which happens once.  "In order" means
 * that an object which is reached by another one with a finalizer waits for the
 * other one's, so that a finalizer never meets an object that was finalized
 * before.  A cycle of such objects is therefore never finalized, except through
 * pointers of an object to itself, if that is requested.
 */
#include <errno.h>

#include "finalizer.h"
#include "special_int.h"

static struct table finalizers;		/* by object */
static struct table_entry *ready, **ready_end = &ready;
static size_t nready;

int finalizer_set(void *p, finalizer_fn fn, void *arg, unsigned int order,
		  finalizer_fn *old_fn, void **old_arg)
{
	struct table_entry *e;
	int ret = 0;

	if (!special_is_object(p) || order > FINALIZER_LAST)
		return EINVAL;
	special_lock();
	e = table_find(&finalizers, (uintptr_t)p);
	if (old_fn)
		*old_fn = e ? e->fn : NULL;
	if (old_arg)
		*old_arg = e ? (void *)e->arg : NULL;
	if (!fn) {
		if (e)
			table_del(&finalizers, e);
		goto out;
	}
	if (!e)
		e = table_add(&finalizers, (uintptr_t)p);
	if (!e) {
		ret = ENOMEM;
		goto out;
	}
	e->obj = (uintptr_t)p;
	e->fn = fn;
	e->arg = (uintptr_t)arg;
	e->flags = order;
out:
	special_unlock();
	return ret;
}

static void mark_arg(struct table *t, struct table_entry *e, void *arg)
{
	(void)t;
	mark_pointer(arg, e->arg);
}

void finalizer_mark_roots(struct marker *m)
{
	struct table_entry *e;

	table_each(&finalizers, mark_arg, m);
	for (e = ready; e; e = e->next) {
		mark_pointer(m, e->obj);
		mark_pointer(m, e->arg);
	}
}

/*
 * Mark everything that an ordered object reaches, but not the object: that has
 * to wait.
 */
static void mark_behind(struct table *t, struct table_entry *e, void *arg)
{
	struct marker *m = arg;
	struct gcspan *s = gcspan_of(e->obj);
	unsigned int i;
	uint64_t bit;

	(void)t;
	if (e->flags == FINALIZER_NO_ORDER || e->flags == FINALIZER_LAST ||
	    mark_is_marked(e->obj))
		return;
	i = gcspan_index(s, e->obj);
	bit = 1ull << (i % 64);
	/*
	 * marked while its children are, so that pointers to itself have no
	 * effect
	 */
	if (e->flags == FINALIZER_IGNORE_SELF)
		__atomic_or_fetch(&s->mark[i / 64], bit, __ATOMIC_RELAXED);
	mark_children(m, e->obj, s);
	if (e->flags == FINALIZER_IGNORE_SELF)
		__atomic_and_fetch(&s->mark[i / 64], ~bit, __ATOMIC_RELAXED);
	mark_drain(m, SIZE_MAX);
}

static void append(struct table *t, struct table_entry *e)
{
	table_unlink(t, e);
	e->next = NULL;
	*ready_end = e;
	ready_end = &e->next;
	nready++;
}

/* @arg says which: those that come last, or the others. */
static void make_ready(struct table *t, struct table_entry *e, void *arg)
{
	bool *last = arg, is_last = e->flags == FINALIZER_LAST;

	if (is_last == *last && !mark_is_marked(e->obj))
		append(t, e);
}

static void mark_ready(struct marker *m)
{
	struct table_entry *e;

	for (e = ready; e; e = e->next)
		mark_pointer(m, e->obj);
	mark_drain(m, SIZE_MAX);
}

void finalizer_after_mark(struct marker *m)
{
	bool last = false;

	table_each(&finalizers, mark_behind, m);
	table_each(&finalizers, make_ready, &last);
	mark_ready(m);
	last = true;
	table_each(&finalizers, make_ready, &last);
	mark_ready(m);
}

static void make_any_ready(struct table *t, struct table_entry *e, void *arg)
{
	(void)arg;
	append(t, e);
}

void finalizer_all_ready(void)
{
	special_lock();
	table_each(&finalizers, make_any_ready, NULL);
	special_unlock();
}

size_t finalizer_nr_ready(void)
{
	return __atomic_load_n(&nready, __ATOMIC_RELAXED);
}

size_t finalizer_run(void)
{
	static __thread bool running
		__attribute__((tls_model("initial-exec")));
	void (*fn)(void *obj, void *arg);
	struct table_entry *e;
	void *obj, *arg;
	size_t n = 0;

	if (running)
		return 0;
	running = true;
	for (;;) {
		special_lock();
		e = ready;
		if (e) {
			ready = e->next;
			if (!ready)
				ready_end = &ready;
			nready--;
			special_stat.finalized++;
			fn = e->fn;
			obj = (void *)e->obj;
			arg = (void *)e->arg;
			table_recycle(&finalizers, e);
		}
		special_unlock();
		if (!e)
			break;
		fn(obj, arg);
		n++;
	}
	running = false;
	return n;
}

void finalizer_forget(uintptr_t p)
{
	struct table_entry *e = table_find(&finalizers, p);

	if (e)
		table_del(&finalizers, e);
}

size_t finalizer_count(void)
{
	return finalizers.n;
}
