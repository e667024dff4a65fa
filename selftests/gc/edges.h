/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The drawing of an object that is lost, for the tests that act it out.
 *
 *	before		black A		grey B -> white C
 *	the program	A = C's only holder: A -> C, B -> nothing
 *	after		nobody who is grey leads to C
 *
 * The collector's thread waits in its event while the program does that.
 */
#ifndef SELFTESTS_GC_EDGES_H
#define SELFTESTS_GC_EDGES_H

#include <semaphore.h>

#include "gctest.h"

struct node {
	struct node *next;
	uint64_t check;
};

#define CHECK	0x1122334455667788ull

static sem_t reached, go_on, ended;
static struct node *root_b[SOME], *root_a[SOME];
static struct shim_gc_weak *weak[SOME];
static struct node *held[SOME];
static unsigned int hold;		/* bits of events */

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		;
}

static void on_event(enum shim_gc_event event)
{
	if (!hold)
		return;
	if (hold >> event & 1) {
		sem_post(&reached);
		wait_for(&go_on);
	} else if (event == SHIM_GC_EVENT_END) {
		sem_post(&ended);
	}
}

static __attribute__((noinline, unused)) void prepare(void)
{
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		root_b[i] = shim_gc_alloc(sizeof(struct node));
		root_b[i]->next = shim_gc_alloc(sizeof(struct node));
		root_b[i]->next->check = CHECK;
		weak[i] = shim_gc_weak_new(root_b[i]->next, SHIM_GC_SHORT);
	}
}

/* Each B leads to its C through so many other objects. */
static __attribute__((noinline, unused)) void make_chains(unsigned int len)
{
	struct node *n, *next;
	unsigned int i, k;

	for (i = 0; i < SOME; i++) {
		next = root_b[i]->next;
		for (k = 0; k < len; k++) {
			n = shim_gc_alloc(sizeof(*n));
			n->check = CHECK;
			shim_gc_store(&n->next, next);
			next = n;
		}
		shim_gc_store(&root_b[i]->next, next);
	}
}

/* Do what the drawing shows, with the barrier or without it. */
static __attribute__((noinline, unused)) void move_edges(bool barrier)
{
	struct node *a;
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		a = shim_gc_alloc(sizeof(*a));
		if (barrier) {
			shim_gc_store(&a->next, root_b[i]->next);
			shim_gc_store(&root_b[i]->next, NULL);
		} else {
			*(struct node *volatile *)&a->next = root_b[i]->next;
			*(struct node *volatile *)&root_b[i]->next = NULL;
		}
		root_a[i] = a;
	}
}

/*
 * The same in two steps, with a root in between: first nothing but the root has
 * C, which the marker, past the roots, does not see; then nothing but A.
 */
static __attribute__((noinline, unused)) void take_edges(bool arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < SOME; i++) {
		*(struct node *volatile *)&held[i] = root_b[i]->next;
		*(struct node *volatile *)&root_b[i]->next = NULL;
	}
}

static __attribute__((noinline, unused)) void give_edges(bool arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < SOME; i++) {
		*(struct node *volatile *)&root_a[i]->next = held[i];
		*(struct node *volatile *)&held[i] = NULL;
	}
}

/* Larger than the rest, so that they lie on pages of their own. */
static __attribute__((noinline, unused)) void prepare_holders(void)
{
	unsigned int i;

	for (i = 0; i < SOME; i++)
		root_a[i] = shim_gc_alloc(20 * sizeof(struct node));
}

/* How many of the objects C are intact. */
static __attribute__((noinline, unused)) unsigned int count_whole(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < SOME; i++)
		n += shim_gc_base(root_a[i]->next) == root_a[i]->next &&
		     root_a[i]->next->check == CHECK;
	return n;
}

static int init(unsigned int mode)
{
	struct shim_gc_opts opts = { .mode = mode };

	sem_init(&reached, 0, 0);
	sem_init(&go_on, 0, 0);
	sem_init(&ended, 0, 0);
	return shim_gc_init(&opts);
}

static void run_when_reached(void (*fn)(bool arg), bool arg)
{
	wait_for(&reached);
	fn(arg);
	clear_stack();
	sem_post(&go_on);
}

/* One collection, with @fn before anything is marked. */
static __attribute__((unused)) int run_cycle(void (*fn)(bool arg), bool arg)
{
	shim_gc_on_event(on_event);
	hold = 1u << SHIM_GC_EVENT_MARK;
	clear_stack();
	if (shim_gc_begin())
		return -1;
	run_when_reached(fn, arg);
	wait_for(&ended);
	hold = 0;
	return 0;
}

/* The same, and @then when all is marked, before the world stops again. */
static __attribute__((unused)) int run_cycle_twice(void (*fn)(bool arg),
						   void (*then)(bool arg))
{
	shim_gc_on_event(on_event);
	hold = 1u << SHIM_GC_EVENT_MARK | 1u << SHIM_GC_EVENT_MARKED;
	clear_stack();
	if (shim_gc_begin())
		return -1;
	run_when_reached(fn, false);
	run_when_reached(then, false);
	wait_for(&ended);
	hold = 0;
	return 0;
}

#endif
