// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * rc_cycle: circles of counted references that nobody refers to.
 *
 * Synchronous trial deletion (Bacon and Rajan, 2001).  A reference that goes
 * and is not the last may be the last one from outside of a circle, so the
 * object is remembered as a candidate.  A collection takes from the counts of
 * all that candidates reach what they have from each other; what has none left
 * is garbage, of the rest the counts are restored.
 *
 * Keeps true: outside of a collection all colours are BLACK, but for candidates,
 * which are PURPLE or were got again since; an object is in the buffer as often as
 * its BUFFERED bit says, at the place that its bits say, so that one that dies
 * leaves the buffer first.  A traversal pushes an object when it changes its
 * colour, so that stacks of as many entries as there are objects suffice; they are
 * allocated before anything changes.
 *
 * Everything here belongs to the thread: there is no lock.  Called by the
 * application, through shim_rc.h, and by the end of an object.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "box_fork.h"
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
#define GARBAGE		(1u << 12)	/* goes at the end of this collection */
#define PLACE_SHIFT	16		/* in the buffer: 12 bits */
#define PLACE		((ROOTS_MAX - 1) << PLACE_SHIFT)

/*
 * References to garbage, so that no object is freed by what a fini gets and
 * puts.
 */
#define HELD		(1u << 30)

struct cycles {
	size_t live;
	unsigned int n;
	bool collecting;
	struct shim_rc *root[ROOTS_MAX];
};

/* A collection's memory. */
struct work {
	struct shim_rc **stack;
	size_t n;
	struct shim_rc **black;
	size_t nblack;
	struct shim_rc **garbage;
	size_t ngarbage;
};

static __thread struct cycles *cycles;
static struct box_once once = BOX_ONCE_INIT;
static pthread_key_t key;
static int key_error = -1;

static void thread_ends(void *arg)
{
	struct cycles *c = arg;
	unsigned int i;

	cycles = c;
	shim_rc_collect();
	/* without memory they are there still */
	for (i = 0; i < c->n; i++)
		c->root[i]->bits &= ~BUFFERED;
	cycles = NULL;
	free(arg);
}

static void key_make(void)
{
	key_error = pthread_key_create(&key, thread_ends);
}

bool rc_cycle_born(void)
{
	struct cycles *c = cycles;

	if (!c) {
		box_once(&once, key_make);
		c = key_error ? NULL : calloc(1, sizeof(*c));
		if (!c || pthread_setspecific(key, c)) {
			free(c);
			errno = ENOMEM;
			return false;
		}
		cycles = c;
	}
	c->live++;
	return true;
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

/* A reference to something that may be part of a circle. */
static struct shim_rc *cyclic_maybe_null(void *child)
{
	struct shim_rc *h = child ? shim_rc_head(child) : NULL;

	return h && h->bits & SHIM_RC_BIT_CYCLIC ? h : NULL;
}

static void root_set(struct cycles *c, unsigned int i, struct shim_rc *h)
{
	c->root[i] = h;
	h->bits = (h->bits & ~PLACE) | i << PLACE_SHIFT;
}

static void root_remove(struct cycles *c, struct shim_rc *h)
{
	struct shim_rc *last = c->root[--c->n];

	if (last != h)
		root_set(c, (h->bits & PLACE) >> PLACE_SHIFT, last);
	h->bits &= ~BUFFERED;
}

static void remember(struct shim_rc *h)
{
	struct cycles *c = cycles;
	size_t most;

	paint(h, PURPLE);
	if (h->bits & (BUFFERED | GARBAGE) || !c)
		return;
	most = c->live / ROOTS_SHARE;
	if (most > ROOTS_MAX)
		most = ROOTS_MAX;
	if (most < ROOTS_MIN)
		most = ROOTS_MIN;
	if (c->n >= most && !c->collecting) {
		/* not this one, at which the caller may still look */
		h->count++;
		shim_rc_collect();
		h->count--;
		paint(h, PURPLE);
	}
	if (c->n < ROOTS_MAX) {
		h->bits |= BUFFERED;
		root_set(c, c->n++, h);
	}
}

BOX_EXPORT void shim_rc_put_cyclic(void *p)
{
	struct shim_rc *h = shim_rc_head(p);

	if (--h->count) {
		remember(h);
		return;
	}
	if (h->bits & BUFFERED)
		root_remove(cycles, h);
	shim_rc_last(p);
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

/* Reached from outside: it and all it refers to get back what was taken. */
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

/* What garbage had from others was taken from their counts already. */
static void visit_put_others(void *child, void *arg)
{
	(void)arg;
	if (child && !cyclic_maybe_null(child))
		shim_rc_put(child);
}

/* The candidates that are still candidates. */
static void roots_mark(struct cycles *c, struct work *w)
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

static void garbage_free(struct cycles *c, struct work *w)
{
	size_t i;

	for (i = 0; i < w->ngarbage; i++) {
		w->garbage[i]->count = HELD;
		rc_weak_end(w->garbage[i]);
	}
	for (i = 0; i < w->ngarbage; i++)
		if (rc_type(w->garbage[i])->fini)
			rc_type(w->garbage[i])->fini(w->garbage[i] + 1);
	for (i = 0; i < w->ngarbage; i++)
		trace(w->garbage[i], visit_put_others, w);
	for (i = 0; i < w->ngarbage; i++)
		free(w->garbage[i]);
	c->live -= w->ngarbage;
	box_count(BOX_RC_CYCLES, w->ngarbage);
}

BOX_EXPORT long shim_rc_collect(void)
{
	struct cycles *c = cycles;
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
	garbage_free(c, &w);
	c->collecting = false;
	free(w.stack);
	return (long)w.ngarbage;
}
