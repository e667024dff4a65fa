// SPDX-License-Identifier: GPL-2.0-only
/* basic.c: assignments of every depth, globals, structs, methods. */
#include "table.h"

int *gp;
int **gpp;

void to_global(void)
{
	gp = NEW(int);		/*: heap */
}

void param_to_global(int *p)	/*: p leaks */
{
	gp = p;
}

int *to_result(void)
{
	return NEW(int);	/*: heap */
}

struct self {
	struct self *me;
};

void to_itself(struct self *t)	/*: t leaks, here t stored */
{
	t->me = t;
}

void copies(int *x, int *y)	/*: x keeps, y keeps */
{
	x = y;
	(void)x;
}

void address_of_param(int **x, int *y) /*: x keeps, y keeps */
{
	x = &y;
	(void)x;
}

void store_one(int **x, int *y)	/*: x keeps, y stored */
{
	*x = y;
}

void store_two(int **x, int *y)	/*: x keeps, y keeps */
{
	**x = *y;
}

int value_of(int *x, int *y)	/*: x keeps, y keeps */
{
	x = y;
	return *x;
}

int *either(int *x, int *y)	/*: x keeps, y result */
{
	x = y;
	return x;
}

int *one_of(int c, int *x, int *y) /*: x result, y result */
{
	return c ? x : y;
}

int local_only(void)
{
	int *x = NEW(int);	/*: stays */
	int *y = NEW(int);	/*: stays */

	*x = *y;
	return *x;
}

void pointer_to_global(int **y)	/*: y leaks */
{
	gpp = y;
}

void content_to_global(int **y)	/*: y content */
{
	*gpp = *y;
}

void value_to_global(int **y)	/*: y keeps */
{
	**gpp = **y;
}

void store_in_global(int *y)	/*: y leaks */
{
	*gpp = y;
}

void value_in_global(int *y)	/*: y keeps */
{
	**gpp = *y;
}

void object_in_global(void)
{
	*gpp = NEW(int);	/*: heap */
}

struct bar {
	int i;
	int *ii;
};

struct bar *bar_new(void)
{
	return NEW(struct bar);	/*: heap */
}

struct bar *bar_with(int *x)	/*: x leaks, here x stored */
{
	struct bar *b = NEW(struct bar); /*: heap */

	b->ii = x;
	return b;
}

struct bar *bar_copy(int *x)	/*: x keeps */
{
	struct bar *b = NEW(struct bar); /*: heap */

	b->i = *x;
	return b;
}

int bar_no_leak(struct bar *b)	/*: b keeps */
{
	return *b->ii;
}

int *bar_inside(struct bar *b)	/*: b result */
{
	return &b->i;
}

int *bar_field(struct bar *b)	/*: b result */
{
	return b->ii;
}

int *bar_by_value(struct bar b)
{
	b.ii = NEW(int);	/*: heap */
	return b.ii;
}

int *bar_replaced(struct bar *b) /*: b result */
{
	struct bar c = *b;

	c.ii = NEW(int);	/*: heap */
	return c.ii;
}

int bar_still_none(struct bar b)
{
	b.ii = NEW(int);	/*: stays */
	return b.i;
}

void (*start)(void *arg);

void thread_leak(struct bar *b)	/*: b leaks */
{
	start(b);
}

struct bar2 {
	int i[12];
	int *ii;
};

int *array_inside(struct bar2 *b) /*: b result */
{
	return b->i;
}

int array_element(struct bar2 *b) /*: b keeps */
{
	return b->i[0];
}

void leak_self(struct bar2 *b)	/*: b leaks, here b stored */
{
	b->ii = b->i;
}

int leaks(int *x)		/*: x leaks */
{
	gp = x;
	return *x;
}

int leaks_not(int *x)		/*: x keeps */
{
	return *gp + *x;
}

int call_leaks(void)
{
	return leaks(NEW(int));	/*: heap */
}

int call_leaks_not(void)
{
	return leaks_not(NEW(int)); /*: stays */
}

int *by_indirection(int *x)	/*: x result */
{
	int **p = &x;

	return *p;
}

int *twice(void)
{
	int *z = NEW(int);	/*: heap */
	int **y = &z;
	int ***x = &y;

	return **x;
}

void unknown(void (*f)(int *))
{
	f(NEW(int));		/*: heap */
}

void external(int *x);

void call_external(int *x)	/*: x leaks */
{
	external(x);
}

int *by_integer(int *x)		/*: x result */
{
	return (int *)((unsigned long)x + 1);
}

int *branches(int c)
{
	if (c)
		return NEW(int);	/*: heap */
	return NEW(int);	/*: heap */
}

void through_copies(void)
{
	int *p = NEW(int);	/*: heap */
	int *q = p;

	gp = q;
}

void copies_only(void)
{
	int *p = NEW(int);	/*: stays */
	int *q = p;

	*q = 1;
}

void swap(struct bar **a, struct bar **b) /*: a content, b content, here a stored, b stored */
{
	struct bar *t = *a;

	*a = *b;
	*b = t;
}

int *switched(int *i)		/*: i result */
{
	switch (*i + 110) {
	case 12:
		return i;
	default:
		return NULL;
	}
}
