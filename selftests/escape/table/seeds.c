// SPDX-License-Identifier: GPL-2.0-only
/*
 * seeds.c: the three cases that the two invariants are explained by.
 *
 * 1: a pointer to an object of the frame must not outlive it.
 * 2: it must not be stored in the heap.
 * 3: what is too large for a stack does not belong on one.
 */
#include "table.h"

/* Case 1: one of three objects is the result. */
int *first(int *arg)		/*: arg leaks */
{
	int *l1 = NEW(int);	/*: stays */
	int *l2 = NEW(int);	/*: stays */
	int *l3 = NEW(int);	/*: heap */
	int **keep = NEW(int *); /*: heap */

	*l1 = *l2;
	*keep = arg;
	sink = keep;
	return l3;
}

/* Case 2: by way of a pointer to a pointer into an object of the heap. */
struct two {
	int **t;
};

struct two *second(void)
{
	struct two *r3 = NEW(struct two); /*: heap */
	int **t = NEW(int *);	/*: heap */
	int *l1 = NEW(int);	/*: heap */
	int **l2 = t;

	*l2 = l1;
	r3->t = t;
	return r3;
}

/* Case 3: does not escape, and is refused for its size by promote.c's tests. */
int third(void)
{
	int *l = malloc(1999999999 * sizeof(*l)); /*: heap, here stays */
	int r;

	if (!l)
		return -1;
	l[0] = 1;
	r = l[0];
	free(l);
	return r;
}
