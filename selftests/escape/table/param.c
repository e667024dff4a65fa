// SPDX-License-Identifier: GPL-2.0-only
/* param.c: what callers learn from a function's parameters. */
#include "table.h"

struct pair {
	int *p1, *p2;
};

struct box {
	struct pair *pair;
};

static int *same(int *p)	/*: p result */
{
	return p;
}

int same_kept(void)
{
	return *same(NEW(int));	/*: stays */
}

void same_sunk(void)
{
	sink = same(NEW(int));	/*: heap */
}

static struct pair both(int *p1, int *p2) /*: p1 result, p2 result */
{
	struct pair p;

	p.p1 = p1;
	p.p2 = p2;
	return p;
}

/* One of two results: they come back in one object, whose words are not known. */
void both_one(void)
{
	int *i = NEW(int);	/*: heap */
	int *j = NEW(int);	/*: stays, here heap */
	struct pair p = both(i, j);

	sink = p.p1;
}

static void put(int *p1, int **p2) /*: p1 stored, p2 keeps */
{
	*p2 = p1;
}

int put_kept(void)
{
	int *i = NEW(int);	/*: heap, here stays */
	int *p = NULL;

	put(i, &p);
	return *p;
}

void put_sunk(void)
{
	int *i = NEW(int);	/*: heap */
	int *p = NULL;

	put(i, &p);
	sink = p;
}

static void shift(struct pair *p) /*: p keeps, here p stored */
{
	p->p1 = p->p2;
}

int shift_kept(void)
{
	int *i = NEW(int);	/*: stays */
	int *j = NEW(int);	/*: stays */
	struct pair p = { i, j };

	shift(&p);
	return *p.p1;
}

void shift_sunk(void)
{
	int *i = NEW(int);	/*: heap */
	int *j = NEW(int);	/*: heap */
	struct pair p = { i, j };

	shift(&p);
	sink = p.p1;
	sink = p.p2;
}

static void method(struct pair *p, int *i) /*: p keeps, i stored */
{
	p->p1 = i;
}

int method_kept(void)
{
	int *i = NEW(int);	/*: heap, here stays */
	struct pair p = { NULL, NULL };

	method(&p, i);
	return *p.p1;
}

void method_sunk(void)
{
	int *i = NEW(int);	/*: heap */
	struct pair p = { NULL, NULL };

	method(&p, i);
	sink = p.p1;
}

static void sinks(int *i)	/*: i leaks */
{
	sink = i;
}

void sinks_called(void)
{
	sinks(NEW(int));	/*: heap */
}

static void sinks_content(int ***i) /*: i content */
{
	sink = *i;
}

void content_called(void)
{
	int *i = NEW(int);	/*: heap */
	int **p = NEW(int *);	/*: heap */
	int ***p2 = NEW(int **); /*: stays */

	*p = i;
	*p2 = p;
	sinks_content(p2);
}

static void sinks_deeper(int ***i) /*: i content */
{
	sink = **i;
}

void deeper_called(void)
{
	int *i = NEW(int);	/*: heap */
	int **p = NEW(int *);	/*: stays, here heap */
	int ***p2 = NEW(int **); /*: stays */

	*p = i;
	*p2 = p;
	sinks_deeper(p2);
}

static int reads(int **i)	/*: i keeps */
{
	return **i;
}

int reads_called(void)
{
	int *i = NEW(int);	/*: stays */
	int **p = &i;

	return reads(p);
}

/* A number as wide as an address may be one. */
static long reads_wide(long **i) /*: i keeps, here i result */
{
	return **i;
}

long reads_wide_called(void)
{
	long *i = NEW(long);	/*: stays, here heap */
	long **p = NEW(long *);	/*: stays */

	*i = 1;
	*p = i;
	return reads_wide(p);	/* the number only, but see above */
}

static int **gives_first(int ***p) /*: p result */
{
	return *p;
}

int gives_first_kept(void)
{
	int *i = NEW(int);	/*: stays */
	int **p = NEW(int *);	/*: stays */

	*p = i;
	return **gives_first(&p);
}

void gives_first_sunk(void)
{
	int *i = NEW(int);	/*: heap */
	int **p = NEW(int *);	/*: heap */

	*p = i;
	sink = gives_first(&p);
}

static int *gives_second(int ***p) /*: p result */
{
	return **p;
}

void gives_second_sunk(void)
{
	int *i = NEW(int);	/*: heap */
	int **p = NEW(int *);	/*: stays, here heap */

	*p = i;
	sink = gives_second(&p);
}

void selfless(struct box *box)	/*: box content */
{
	box->pair->p1 = box->pair->p2;
	sink = box->pair->p2;
}

void selfless2(struct box *box)	/*: box content */
{
	box->pair->p1 = box->pair->p2;
	sink = box->pair;
}

void other(struct box *a, struct box *b) /*: a keeps, b content, here b stored */
{
	a->pair->p1 = b->pair->p1;
}

struct node {
	struct node *p;
};

static void wraps(struct node *x) /*: x content */
{
	struct node *n = NEW(struct node); /*: heap */

	n->p = x->p;
	sink = n;
}

static struct node *wrapped(struct node *x) /*: x content, here x stored */
{
	struct node *n = NEW(struct node); /*: heap */

	n->p = x->p;
	return n;
}

void wraps_both(struct node *x)	/*: x leaks */
{
	struct node *y = NEW(struct node); /*: stays */

	y->p = x;
	sink = wrapped(y);
	wraps(y);
}

void array_by_value(struct bar4 { int *x[4]; } b)
{
	sink = b.x[1];
}

/* Recursion does what one call does, as far as that can be followed. */
int depth(struct node *n)	/*: n keeps */
{
	return n ? 1 + depth(n->p) : 0;
}

int depth_called(void)
{
	struct node *a = NEW(struct node); /*: stays */

	a->p = NEW(struct node); /*: stays */
	return depth(a);
}

/* Two that call each other are not followed. */
int even(struct node *n);	/* not looked at: a declaration */

int odd(struct node *n)		/*: n keeps, here n content */
{
	return n ? even(n->p) : 0;
}

int even(struct node *n)	/*: n keeps, here n content */
{
	return n ? odd(n->p) : 1;
}
