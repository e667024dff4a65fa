// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * central: the spans of each size class, in lists by how full they are.
 *
 * Keeps true: a span with both free and used objects is on the list for its
 * fullness.  A span with no free object is on no list; the first object freed
 * into it puts it back on one.  A span with all objects free goes to the page
 * heap at once.  Objects come from the fullest list, so that the emptiest spans
 * drain and their pages return.
 *
 * One lock for each class protects the lists and every span on them.  The page
 * heap is called without it, so two threads that need a span may each make one
 * at the same time.  Called by transfer.
 *
 *   central.c		objects in and out, purging
 *   central_compound.c	objects in the spans of other classes
 *   central_mesh.c	spans that are to share memory
 *   central_alias.c	those that do
 *   central_list.c	the lists
 *
 * Calls go down this list only.
 */
#include <stddef.h>

#include "base/error.h"
#include "base/lock.h"
#include "base/pagemap.h"
#include "base/sizeclass.h"
#include "central_int.h"
#include "span.h"
#include "span_compound.h"
#include "span_mesh.h"
#include "base/usage.h"

/* The objects that are not in spans, but in caches or in use. */
static size_t objects_used(const struct central *c)
{
	return c->slots - c->nfree;
}

/* More objects are in use: is this the memory that a burst has given back? */
static __attribute__((noinline)) void burst_rise(struct central *c)
{
	size_t used = objects_used(c);

	shim_lock_assert(&c->lock);
	if (used <= c->peak)
		return;
	c->peak = used;
	if (c->valley && used / 2 >= c->valley) {
		c->swings++;
		c->valley = 0;
	}
}

/* From the spans on @lists, the fullest first. */
static unsigned int central_take(struct central *c, uint32_t lists,
				 void **objs, unsigned int n)
{
	unsigned int got = 0;
	uint32_t some;

	while (got < n && (some = c->lists & lists)) {
		struct span *s = *central_head(c, 31 - (unsigned int)
						  __builtin_clz(some));

		got += span_take(s, objs + got, n - got);
		central_list_update(c, s);
	}
	c->nfree -= got;
	return got;
}

unsigned int central_get(unsigned int cls, void **objs, unsigned int n)
{
	uint32_t near = ((1u << NR_LISTS) - 1) << NR_LISTS * node_here();
	struct central *c = &central[cls];
	unsigned int got;
	struct span *s;

	shim_lock_acquire(&c->lock);
	got = central_take(c, near, objs, n);
	burst_rise(c);
	shim_lock_release(&c->lock);
	while (got < n) {
		unsigned int more;

		if (central_compound_is_due(cls)) {
			more = central_compound_get(cls, objs + got, n - got);
			got += more;
			if (more)
				break;
		}
		s = span_make(cls);
		if (!s)
			break;
		more = span_take(s, objs + got, n - got);
		got += more;
		s->list = LIST_NONE;
		shim_lock_acquire(&c->lock);
		c->made++;
		c->spans++;
		c->slots += s->nobjs;
		c->nfree += s->nfree;
		central_list_update(c, s);
		burst_rise(c);
		shim_lock_release(&c->lock);
	}
	if (__builtin_expect(!got, 0)) {
		/* no memory: another node's is better than none */
		shim_lock_acquire(&c->lock);
		got = central_take(c, UINT32_MAX, objs, n);
		shim_lock_release(&c->lock);
	}
	return got;
}

bool central_is_dry(unsigned int cls)
{
	return !__atomic_load_n(&central[cls].lists, __ATOMIC_RELAXED) &&
	       pageheap_spare() < sizeclass_info[cls].npages * PAGE_SIZE;
}

static void put_failed(enum span_error err, unsigned int cls, const void *p)
{
	switch (err) {
	case SPAN_DOUBLE:
		shim_die(SHIM_DIE_DOUBLE, p, cls);
	case SPAN_INTERIOR:
		shim_die(SHIM_DIE_INTERIOR, p, cls);
	default:
		shim_die(SHIM_DIE_FOREIGN, p, cls);
	}
}

/* Objects of a mixed span that serve as ones of another class. No lock held. */
static void put_to_mixed(struct span *s, void *const *objs, unsigned int n)
{
	struct central *c = &central[s->sizeclass];
	struct span *dead = NULL;
	enum span_error err;
	unsigned int done;

	shim_lock_acquire(&c->lock);
	done = central_compound_put(c, s, objs, n, &dead, &err);
	shim_lock_release(&c->lock);
	if (done < n)
		put_failed(err, s->sizeclass, objs[done]);
	central_bury(NULL, dead);
}

/*
 * Put back @run objects, which are all of span @s.  It is added to *@dead if none of its
 * objects is in use any more: it is off the lists then, and the caller destroys it
 * without the lock.
 */
static inline void central_put_run(struct central *c, unsigned int cls,
				   struct span *s, void *const *objs,
				   unsigned int run, struct span **dead)
{
	enum span_error err = SPAN_FOREIGN;
	unsigned int done = 0;

	if (__builtin_expect(s && s->sizeclass == cls, 1)) {
		done = span_put(s, objs, run, &err);
	} else if (s && span_is_mixed(s)) {
		shim_lock_release(&c->lock);
		put_to_mixed(s, objs, run);
		shim_lock_acquire(&c->lock);
		return;
	}
	if (__builtin_expect(done < run, 0)) {
		shim_lock_release(&c->lock);
		put_failed(err, cls, objs[done]);
	}
	if (__builtin_expect(span_is_alias(s), 0)) {
		central_alias_put(c, s, run);
		return;
	}
	if (s->nfree < s->nobjs || s->mesh) {
		c->nfree += run;
		central_list_update(c, s);
		c->dying |= s->nfree == s->nobjs;
		return;
	}
	if (s->list != LIST_NONE)
		central_list_del(c, s);
	c->spans--;
	c->slots -= s->nobjs;
	c->destroyed++;
	c->nfree -= s->nobjs - run;
	s->next = *dead;
	*dead = s;
}

#define PURGE_SPANS	32	/* while the lock is held: 0.3 ms of system calls */
/*
 * A burst must free this much to be worth it.  A class that came back this
 * often is left alone.
 */
#define BURST_BYTES	((size_t)1 << 20)
#define BURST_SWINGS	2u
#define BURST_AGAIN	8u
/*
 * What was freed pays for it, as in the page heap, in ns for 8 KiB; a purged span
 * is a system call, more or less.  At most what 32 MiB earn.
 */
#define CREDIT_PAGE	800u
#define COST_PURGE	1500
#define CREDIT_MAX	3200000

enum purge {
	PURGE_QUIET,		/* spans that have not changed since the last visit */
	PURGE_BURST,		/* or that have not been visited since */
	PURGE_NOW,		/* all spans, near a limit */
};

static bool purge_span(struct span *s, enum purge how)
{
	unsigned int last = s->seen;
	bool refused, done;

	if (last == (s->nfree | CENTRAL_QUIET) && how != PURGE_NOW)
		return false;
	s->seen = s->nfree;
	if (last != s->nfree && how == PURGE_QUIET)
		return false;
	s->seen |= CENTRAL_QUIET;
	done = span_purge(s, &refused);
	/* its block is whole, which may be different the next time */
	if (refused)
		s->seen = s->nfree;
	return done;
}

/*
 * Visit some spans of a list, beginning behind *@at if that is still on it.
 * Lock held.  Return: true if there are more.
 */
static bool purge_some(struct central *c, unsigned int list, struct span **at,
		       enum purge how)
{
	unsigned int looks = 0, purges = 0;
	struct span *s = *at;

	shim_lock_assert(&c->lock);
	if (s && s->state == SPAN_INUSE && s->sizeclass == c - central &&
	    s->list == list)
		s = s->next;
	else
		s = *central_head(c, list);
	for (; s && looks < CENTRAL_LOOKS && purges < PURGE_SPANS; s = s->next) {
		looks++;
		purges += purge_span(s, how);
		*at = s;
	}
	if (purges)
		scavenger_stir();
	c->credit -= (int64_t)purges * COST_PURGE;
	if (c->credit < 0) {
		scavenger_spend((size_t)-c->credit);
		c->credit = 0;
	}
	return s;
}

/*
 * Half of what was in use is free again, or after that another eighth: give its
 * memory back, one step with each batch that is freed, and ask for what the
 * caches have.  A process that sleeps afterwards makes no calls in which a tick
 * could do it.  A class that needed the memory again is left to the ticks.
 */
static void burst_fall(struct central *c, unsigned int n)
{
	size_t size = sizeclass_info[c - central].size;
	size_t used = objects_used(c), less = c->peak;

	if (c->credit < CREDIT_MAX)
		c->credit += (int64_t)(n * size * CREDIT_PAGE / PAGE_SIZE);
	less -= c->valley ? less / BURST_AGAIN : less / 2;
	if (used < less && c->nfree * size >= BURST_BYTES &&
	    c->swings < BURST_SWINGS) {
		c->peak = used;
		c->valley = used + 1;
		__atomic_store_n(&c->wanted, true, __ATOMIC_RELAXED);
		c->burst = size >= CENTRAL_PURGE_SIZE;
		c->at = NULL;
		c->at_list = 0;
	}
	if (!c->burst || (c->credit <= 0 && !scavenger_may_spend()) ||
	    purge_some(c, c->at_list, &c->at, PURGE_BURST))
		return;
	c->at = NULL;
	while (++c->at_list < LIST_NONE && !central_has(c, c->at_list))
		;
	if (c->at_list == LIST_NONE)
		c->burst = false;
}

void central_purge(void)
{
	static unsigned int turn;
	unsigned int cls, list, i;

	for (i = 0; i < SIZECLASS_COUNT; i++) {
		cls = 1 + __atomic_fetch_add(&turn, 1, __ATOMIC_RELAXED) %
			  SIZECLASS_COUNT;
		if (sizeclass_info[cls].size < CENTRAL_PURGE_SIZE)
			continue;
		for (list = 0; list < LIST_NONE; list++) {
			struct central *c = &central[cls];
			struct span *at = NULL;
			bool more = central_has(c, list);

			while (more) {
				shim_lock_acquire(&c->lock);
				more = purge_some(c, list, &at, PURGE_QUIET);
				shim_lock_release(&c->lock);
				if (more && !scavenger_has_time())
					return;
			}
		}
	}
}

void central_squeeze(void)
{
	unsigned int cls, list;

	for (cls = SIZECLASS_COUNT; cls; cls--) {
		struct central *c = &central[cls];

		if (sizeclass_info[cls].size < CENTRAL_PURGE_SIZE)
			continue;
		for (list = 0; list < LIST_NONE; list++) {
			struct span *at = NULL;
			bool more = central_has(c, list);

			while (more) {
				shim_lock_acquire(&c->lock);
				more = purge_some(c, list, &at, PURGE_NOW);
				shim_lock_release(&c->lock);
			}
		}
	}
}

/* Objects in one page are in one span: what is freed in a row often is. */
static bool is_beside(const void *p, const void *q)
{
	return !(((uintptr_t)p ^ (uintptr_t)q) >> PAGE_SHIFT);
}

/*
 * Objects have come back: what there is to do about it, and to spans that became
 * empty.  Releases the lock.
 */
static void put_ends(struct central *c, unsigned int n, struct span *dead)
{
	unsigned int cls = (unsigned int)(c - central);
	size_t size = sizeclass_info[cls].size;
	bool meshes, mesh, stirs;
	struct span *gone = NULL;

	burst_fall(c, n);
	if (__builtin_expect(c->dying || c->nunused >= CENTRAL_UNUSED, 0))
		central_reap(c, &gone, &dead);
	meshes = c->mesh_from;
	mesh = meshes && c->nfree >= c->mesh_from;
	/* is there something for ticks to purge or to mesh? */
	stirs = (meshes || size >= CENTRAL_PURGE_SIZE) &&
		c->nfree * size >= BURST_BYTES;
	shim_lock_release(&c->lock);
	central_bury(gone, dead);
	if (stirs)
		scavenger_stir();
	if (meshes)
		central_mesh_earn(cls, n);
	if (mesh)
		central_mesh_burst(cls);
}

/* Longer runs go to their span as a whole, where rows of objects are found. */
#define PUT_FEW		8u

/* Objects of one span, one behind the other in a batch. */
struct put_run {
	struct span *span;
	unsigned int first;
};

/* Divide a batch into runs; @run has room for one more than there are objects. */
static unsigned int put_runs(void *const *objs, unsigned int n, struct put_run *run)
{
	unsigned int i = 0, nr = 0;

	while (i < n) {
		const void *p = objs[i];
		struct span *s = pagemap_span(p);

		if (!nr || run[nr - 1].span != s) {
			__builtin_prefetch(s, 1);
			__builtin_prefetch((char *)s +
					   offsetof(struct span, bitmap), 1);
			run[nr].span = s;
			run[nr++].first = i;
		}
		while (++i < n && is_beside(p, objs[i]))
			;
	}
	run[nr].first = n;
	return nr;
}

/* A short run that is not, or not much of, a row. */
static inline bool is_scattered(void *const *objs, unsigned int n, size_t size)
{
	return n <= 2 || (n <= PUT_FEW && !span_is_row(objs, size));
}

static inline unsigned int put_few(struct span *s, unsigned int cls,
				   void *const *objs, unsigned int n)
{
	return n == 1 ? span_put_one(s, cls, objs[0]) :
			span_put_few(s, cls, objs, n);
}

static void put_batch(unsigned int cls, void *const *objs, unsigned int n)
{
	struct put_run run[SIZECLASS_BULK_MAX + 1];
	unsigned int nr = put_runs(objs, n, run), i;
	size_t size = sizeclass_info[cls].size;
	struct central *c = &central[cls];
	struct span *dead = NULL;

	shim_lock_acquire(&c->lock);
	for (i = 0; i < nr; i++) {
		unsigned int first = run[i].first, many = run[i + 1].first - first;
		struct span *s = run[i].span;

		/* where what is freed jumps about; the span stays on its list */
		if (s && s->nfree + many <= s->most &&
		    is_scattered(objs + first, many, size)) {
			unsigned int done = put_few(s, cls, objs + first, many);

			c->nfree += done;
			if (__builtin_expect(done == many, 1))
				continue;
			first += done;
			many -= done;
		}
		central_put_run(c, cls, s, objs + first, many, &dead);
	}
	put_ends(c, n, dead);
}

void central_put(unsigned int cls, void **objs, unsigned int n)
{
	unsigned int some;

	for (; n; n -= some, objs += some) {
		some = n < SIZECLASS_BULK_MAX ? n : SIZECLASS_BULK_MAX;
		put_batch(cls, objs, some);
	}
}

unsigned int central_put_mixed(void *p)
{
	struct span *s = pagemap_span(p), *dead = NULL;
	enum span_error err = SPAN_FOREIGN;
	unsigned int cls, done = 0, nfree;
	struct central *c;

	cls = s ? s->sizeclass : 0;
	if (!cls || cls > SIZECLASS_COUNT)
		put_failed(SPAN_FOREIGN, PAGEMAP_COMPOUND, p);
	c = &central[cls];
	if (!shim_lock_try(&c->lock))
		return 0;
	nfree = s->nfree;
	if (span_is_mixed(s))
		done = central_compound_put(c, s, &p, 1, &dead, &err);
	if (!done) {
		shim_lock_release(&c->lock);
		put_failed(err, cls, p);
	}
	put_ends(c, s->nfree - nfree, dead);
	return cls;
}

bool central_wants(unsigned int cls)
{
	return __atomic_load_n(&central[cls].wanted, __ATOMIC_RELAXED);
}

bool central_called(unsigned int cls)
{
	return __atomic_exchange_n(&central[cls].wanted, false,
				   __ATOMIC_RELAXED);
}

void central_free_beside(void *const *objs, unsigned int n, uint16_t *nfree)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		const struct span *s;

		if (i && is_beside(objs[i - 1], objs[i])) {
			nfree[i] = nfree[i - 1];
			continue;
		}
		s = pagemap_span(objs[i]);
		/* what was freed twice may have no span any more */
		nfree[i] = s ? __atomic_load_n(&s->nfree, __ATOMIC_RELAXED) : 0;
	}
}

unsigned int central_node(const void *p)
{
	const struct span *s = pagemap_span(p);

	return s ? span_node(s) : node_here();
}

int central_check(unsigned int cls, const void *p)
{
	struct span *s = pagemap_span(p);
	int err = SPAN_FOREIGN;
	struct central *c;

	/* what serves as one of another class */
	if (s && span_is_mixed(s))
		cls = s->sizeclass;
	c = &central[cls];
	/* exit() in a signal handler may have interrupted who has it */
	if (!shim_lock_try(&c->lock))
		return SPAN_OK;
	if (s && s->sizeclass == cls)
		err = span_check(s, p);
	shim_lock_release(&c->lock);
	return err;
}

void central_judge(unsigned int cls, const void *p)
{
	int err = central_check(cls, p);

	if (err != SPAN_OK)
		put_failed(err, cls, p);
}

void central_get_stat(unsigned int cls, struct central_stat *st)
{
	struct central *c = &central[cls];

	shim_lock_acquire(&c->lock);
	st->spans = c->spans + c->aliases;
	st->free = c->nfree;
	st->made = c->made;
	st->destroyed = c->destroyed;
	shim_lock_release(&c->lock);
}

bool central_is_valid(unsigned int cls)
{
	struct central *c = &central[cls];
	size_t nfree = 0;
	bool ok = true;
	unsigned int i;
	struct span *s;

	shim_lock_acquire(&c->lock);
	for (i = 0; i < LIST_NONE; i++) {
		struct span *prev = NULL;

		if (!*central_head(c, i) != !(c->lists & (1u << i)))
			ok = false;
		for (s = *central_head(c, i); s; prev = s, s = s->next) {
			nfree += s->nfree;
			ok = ok && s->prev == prev && s->list == i &&
			     s->sizeclass == cls && s->nfree &&
			     (s->nfree < s->nobjs || s->mesh) &&
			     !span_is_alias(s) && central_list_of(s) == i &&
			     span_is_valid(s);
		}
	}
	ok = ok && nfree == c->nfree && nfree <= c->slots &&
	     !c->spans == !c->slots;
	shim_lock_release(&c->lock);
	return ok;
}

void central_fork_prepare(void)
{
	unsigned int i;

	central_mesh_fork_prepare();
	for (i = 1; i <= SIZECLASS_COUNT; i++)
		shim_lock_fork_prepare(&central[i].lock);
}

void central_fork_parent(void)
{
	unsigned int i;

	for (i = SIZECLASS_COUNT; i; i--)
		shim_lock_fork_parent(&central[i].lock);
	central_mesh_fork_parent();
}

void central_fork_child(void)
{
	unsigned int i;

	for (i = SIZECLASS_COUNT; i; i--)
		shim_lock_fork_child(&central[i].lock);
	central_mesh_fork_child();
}
