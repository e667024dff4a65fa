// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * central_alias: objects that come back to spans without memory of their own.
 *
 * Keeps true: an alias without a live object is on the class's list of unused
 * ones, from the moment that the last one came back; it leaves its group when a
 * batch of them is together, when its survivor has no object either, or at a tick.
 * It then gives back what it has, before its pages can be used for anything else.
 *
 * The class's lock is held.  Called by central and central_mesh.
 */
#include "central_int.h"
#include "span.h"
#include "span_mesh.h"

/* Nothing is left of a span, and of its group. Lock held. */
void central_span_dies(struct central *c, struct span *s, struct span **dead)
{
	if (s->list != LIST_NONE)
		central_list_del(c, s);
	c->spans--;
	c->slots -= s->nobjs;
	c->destroyed++;
	c->nfree -= s->nobjs;
	s->next = *dead;
	*dead = s;
}

void central_alias_put(struct central *c, struct span *s, unsigned int n)
{
	struct span *survivor = s->mesh;

	shim_lock_assert(&c->lock);
	survivor->nfree += (uint16_t)n;
	c->nfree += n;
	central_list_update(c, survivor);
	if (survivor->nfree == survivor->nobjs)
		c->dying = true;
	if (s->nfree < s->nobjs)
		return;
	s->prev = c->unused;
	c->unused = s;
	c->nunused++;
}

struct reap {
	struct central *c;
	struct span **dead;
};

/* An alias has left: what has its survivor left? */
static void reap_alone(struct span *survivor, void *arg)
{
	const struct reap *reap = arg;
	struct central *c = reap->c;

	c->aliases--;
	c->nunused--;
	c->destroyed++;
	if (!survivor->mesh && survivor->nfree == survivor->nobjs)
		central_span_dies(c, survivor, reap->dead);
}

void central_reap(struct central *c, struct span **gone, struct span **dead)
{
	struct reap reap = { c, dead };

	shim_lock_assert(&c->lock);
	c->unused = span_unmesh(c->unused, gone, reap_alone, &reap);
	/* what could not leave is tried again at a tick */
	c->dying = false;
}
