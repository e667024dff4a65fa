// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * rc_cycle: cycles of counted references without a reference from outside.
 *
 * Synchronous trial deletion (Bacon and Rajan, 2001).  A reference that is
 * dropped, and is not the last, may be the last one from outside of a cycle, so
 * the object is remembered as a candidate.  A collection subtracts the
 * references between all objects that the candidates reach; an object whose
 * count becomes 0 is garbage, and the counts of the others are restored.
 *
 * Keeps true: outside of a collection all colours are BLACK, except for
 * candidates, which are PURPLE unless a new reference has been taken; an object
 * is in the buffer if its BUFFERED bit is set, at the place that its bits give,
 * so that it can be removed when it dies.  A traversal pushes an object when it
 * changes its colour, so that stacks of as many entries as there are objects
 * suffice; they are allocated before anything changes.
 *
 * Everything here belongs to the thread: there is no lock.  Called by rc.
 */
#include <stdlib.h>

#include "rc.h"

#define ROOTS_MAX	4096u
#define ROOTS_MIN	64u
#define ROOTS_SHARE	8u	/* of the objects */

#define BUFFERED	(1u << 8)
#define COLOUR		(3u << 10)
#define BLACK		(0u << 10)
#define GRAY		(1u << 10)
#define WHITE		(2u << 10)
#define PURPLE		(3u << 10)
#define GARBAGE		(1u << 12)	/* is freed by this collection */
#define PLACE_SHIFT	16		/* place in the buffer: 12 bits */
#define PLACE		((ROOTS_MAX - 1) << PLACE_SHIFT)

struct rc_cycles {
	size_t live;
	unsigned int n;
	bool collecting;
	struct shim_rc *root[ROOTS_MAX];
};

/* The memory of a collection. */
struct work {
	struct shim_rc **stack;
	size_t n;
	struct shim_rc **black;
	size_t nblack;
	struct shim_rc **garbage;
	size_t ngarbage;
};

static __thread struct rc_cycles *cycles;

bool rc_cycle_is_here(void)
{
	return cycles;
}

struct rc_cycles *rc_cycle_begin(void)
{
	cycles = calloc(1, sizeof(*cycles));
	return cycles;
}

void rc_cycle_set_here(struct rc_cycles *c)
{
	cycles = c;
}

void rc_cycle_end(struct rc_cycles *c)
{
	unsigned int i;

	/* candidates for whose collection there was no memory */
	for (i = 0; i < c->n; i++)
		c->root[i]->bits &= ~BUFFERED;
	cycles = NULL;
	free(c);
}

void rc_cycle_born(void)
{
	cycles->live++;
}

void rc_cycle_gone(void)
{
	if (cycles)
		cycles->live--;
}

static void paint(struct shim_rc *h, uint32_t colour)
{
	h->bits = (h->bits & ~COLOUR) | colour;
}

static bool is(const struct shim_rc *h, uint32_t colour)
{
	return (h->bits & COLOUR) == colour;
}

/* The header behind a reference, if the object may be part of a cycle. */
static struct shim_rc *cyclic_maybe_null(void *child)
{
	struct shim_rc *h = child ? shim_rc_head(child) : NULL;

	return h && h->bits & SHIM_RC_BIT_CYCLIC ? h : NULL;
}

static void root_set(struct rc_cycles *c, unsigned int i, struct shim_rc *h)
{
	c->root[i] = h;
	h->bits = (h->bits & ~PLACE) | i << PLACE_SHIFT;
}

static void root_remove(struct rc_cycles *c, struct shim_rc *h)
{
	struct shim_rc *last = c->root[--c->n];

	if (last != h)
		root_set(c, (h->bits & PLACE) >> PLACE_SHIFT, last);
	h->bits &= ~BUFFERED;
}

bool rc_cycle_is_full(const struct shim_rc *h)
{
	const struct rc_cycles *c = cycles;
	size_t most;

	if (h->bits & (BUFFERED | GARBAGE) || !c || c->collecting)
		return false;
	most = c->live / ROOTS_SHARE;
	if (most > ROOTS_MAX)
		most = ROOTS_MAX;
	if (most < ROOTS_MIN)
		most = ROOTS_MIN;
	return c->n >= most;
}

void rc_cycle_remember(struct shim_rc *h)
{
	struct rc_cycles *c = cycles;

	paint(h, PURPLE);
	if (h->bits & (BUFFERED | GARBAGE) || !c || c->n == ROOTS_MAX)
		return;
	h->bits |= BUFFERED;
	root_set(c, c->n++, h);
}

void rc_cycle_forget(struct shim_rc *h)
{
	if (h->bits & BUFFERED)
		root_remove(cycles, h);
}

static void trace(struct shim_rc *h, void (*visit)(void *child, void *arg),
		  struct work *w)
{
	rc_type(h)->trace(h + 1, visit, w);
}

static void gray(struct work *w, struct shim_rc *h)
{
	if (is(h, GRAY))
		return;
	paint(h, GRAY);
	w->stack[w->n++] = h;
}

static void visit_gray(void *child, void *arg)
{
	struct shim_rc *h = cyclic_maybe_null(child);

	if (h) {
		h->count--;
		gray(arg, h);
	}
}

static void visit_black(void *child, void *arg)
{
	struct shim_rc *h = cyclic_maybe_null(child);
	struct work *w = arg;

	if (!h)
		return;
	h->count++;
	if (!is(h, BLACK)) {
		paint(h, BLACK);
		w->black[w->nblack++] = h;
	}
}

/*
 * Reached from outside: restore the counts of it and of all that it refers to.
 */
static void scan_black(struct work *w, struct shim_rc *h)
{
	paint(h, BLACK);
	w->black[w->nblack++] = h;
	while (w->nblack)
		trace(w->black[--w->nblack], visit_black, w);
}

static void scan(struct work *w, struct shim_rc *h)
{
	if (!is(h, GRAY))
		return;
	if (h->count) {
		scan_black(w, h);
	} else {
		paint(h, WHITE);
		w->stack[w->n++] = h;
	}
}

static void visit_scan(void *child, void *arg)
{
	struct shim_rc *h = cyclic_maybe_null(child);

	if (h)
		scan(arg, h);
}

static void take(struct work *w, struct shim_rc *h)
{
	if (!is(h, WHITE) || h->bits & BUFFERED)
		return;
	paint(h, BLACK);
	h->bits |= GARBAGE;
	w->garbage[w->ngarbage++] = h;
	w->stack[w->n++] = h;
}

static void visit_take(void *child, void *arg)
{
	struct shim_rc *h = cyclic_maybe_null(child);

	if (h)
		take(arg, h);
}

/* Drop those that are no candidates any more, and mark from the others. */
static void roots_mark(struct rc_cycles *c, struct work *w)
{
	unsigned int i, n = 0;

	for (i = 0; i < c->n; i++) {
		struct shim_rc *h = c->root[i];

		if (is(h, PURPLE))
			root_set(c, n++, h);
		else
			h->bits &= ~BUFFERED;
	}
	c->n = n;
	for (i = 0; i < n; i++) {
		gray(w, c->root[i]);
		while (w->n)
			trace(w->stack[--w->n], visit_gray, w);
	}
}

int rc_cycle_find(struct rc_garbage *g)
{
	struct rc_cycles *c = cycles;
	struct work w = { 0 };
	unsigned int i, n;

	if (!c || !c->n || c->collecting)
		return 0;
	w.stack = malloc(3 * c->live * sizeof(struct shim_rc *));
	if (!w.stack)
		return -1;
	w.black = w.stack + c->live;
	w.garbage = w.black + c->live;
	c->collecting = true;
	roots_mark(c, &w);
	for (i = 0; i < c->n; i++) {
		scan(&w, c->root[i]);
		while (w.n) {
			struct shim_rc *h = w.stack[--w.n];

			if (is(h, WHITE))
				trace(h, visit_scan, &w);
		}
	}
	n = c->n;
	c->n = 0;
	for (i = 0; i < n; i++)
		c->root[i]->bits &= ~BUFFERED;
	for (i = 0; i < n; i++) {
		take(&w, c->root[i]);
		while (w.n)
			trace(w.stack[--w.n], visit_take, &w);
	}
	g->obj = w.garbage;
	g->n = w.ngarbage;
	g->mem = w.stack;
	return 1;
}

void rc_cycle_found(struct rc_garbage *g)
{
	cycles->live -= g->n;
	cycles->collecting = false;
	free(g->mem);
}
