// SPDX-License-Identifier: GPL-2.0-only
/* field.c: structs and arrays; Go takes the fields of one for the same. */
#include "table.h"

struct x {
	int *p1, *p2;
	int *a[2];
};

struct y {
	struct x x;
};

void field_same(void)
{
	struct x x = { 0 };

	x.p1 = NEW(int);	/*: heap */
	sink = x.p1;
}

void field_other(void)
{
	struct x x = { 0 };

	x.p1 = NEW(int);	/*: heap, here stays */
	sink = x.p2;
}

void field_whole(void)
{
	static struct x s;
	struct x x = { 0 };

	x.p1 = NEW(int);	/*: heap */
	s = x;
	sink = &s;
}

void field_nested(void)
{
	static struct x s;
	struct x x;
	struct y y = { 0 };

	y.x.p1 = NEW(int);	/*: heap */
	x = y.x;
	s = x;
}

void field_element(void)
{
	struct x x = { 0 };

	x.a[0] = NEW(int);	/*: heap, here stays */
	sink = x.a[1];
}

void field_index(int i)
{
	struct x x = { 0 };

	x.a[i] = NEW(int);	/*: heap */
	sink = x.a[1];
}

static void field_of_param(struct x *x) /*: x content */
{
	sink = x->p2;
}

/* A function's tags do not tell fields apart. */
void field_param_called(void)
{
	struct x x = { 0 };

	x.p1 = NEW(int);	/*: heap */
	field_of_param(&x);
}

int field_copied(void)
{
	struct x x;
	struct y y = { 0 }, y1 = { 0 };

	y.x.p1 = NEW(int);	/*: stays */
	x = y.x;
	y1.x = x;
	return *y1.x.p1;
}

void field_copied_sunk(void)
{
	struct x x;
	struct y y = { 0 }, y1 = { 0 };

	y.x.p1 = NEW(int);	/*: heap */
	x = y.x;
	y1.x = x;
	sink = y1.x.p1;
}

void field_copied_other(void)
{
	struct x x;
	struct y y = { 0 }, y1 = { 0 };

	y.x.p1 = NEW(int);	/*: heap, here stays */
	x = y.x;
	y1.x = x;
	sink = y1.x.p2;
}

void field_of_object(void)
{
	struct x *x = NEW(struct x); /*: stays */

	x->p1 = NEW(int);	/*: heap */
	sink = x->p1;
}

void field_of_object_other(void)
{
	struct x *x = NEW(struct x); /*: stays */

	x->p1 = NEW(int);	/*: heap, here stays */
	sink = x->p2;
}

void field_object_sunk(void)
{
	struct x *x = NEW(struct x); /*: heap */

	x->p1 = NEW(int);	/*: heap */
	sink = x;
}

void field_by_bytes(void)
{
	struct x *x = NEW(struct x); /*: stays */
	struct x *z = NEW(struct x); /*: heap */

	x->p1 = NEW(int);	/*: heap */
	memcpy(z, x, sizeof(*z));
	sink = z;
}

void field_by_own_bytes(void)
{
	struct x *x = NEW(struct x); /*: stays */
	struct x *z = NEW(struct x); /*: heap */
	unsigned char *from = (unsigned char *)x, *to = (unsigned char *)z;

	x->p1 = NEW(int);	/*: heap */
	for (size_t i = 0; i < sizeof(*x); i++)
		to[i] = from[i];
	sink = z;
}

struct constptr {
	int *p;
	struct {
		int *p;
		int i;
	} c;
	struct constptr **x;
};

void indir_kept(void)
{
	struct constptr *x = NEW(struct constptr); /*: stays */

	x->p = NEW(int);	/*: heap, here stays */
}

struct constptr *indir_result(void)
{
	struct constptr *x = NEW(struct constptr); /*: heap */

	x->p = NEW(int);	/*: heap */
	return x;
}

struct constptr indir_value(void)
{
	struct constptr *x = NEW(struct constptr); /*: stays */

	x->p = NEW(int);	/*: heap */
	return *x;
}

struct constptr *indir_copy(void)
{
	struct constptr *p = NEW(struct constptr); /*: heap */
	struct constptr *p1 = NEW(struct constptr); /*: stays */

	p1->p = NEW(int);	/*: heap */
	*p = *p1;
	return p;
}

void indir_param(struct constptr *p) /*: p content, here p keeps */
{
	struct constptr *p1 = NEW(struct constptr); /*: stays */

	*p1 = *p;
}

struct constptr indir_part(void)
{
	struct constptr *p = NEW(struct constptr); /*: stays */
	struct constptr q = { 0 };

	q.c.p = NEW(int);	/*: heap */
	p->c = q.c;
	return *p;
}

void indir_in_param(int **p)	/*: p keeps */
{
	int **y = p;

	*y = NEW(int);		/*: heap */
}

void indir_in_own(int *p)	/*: p keeps */
{
	int **y = &p;

	*y = NEW(int);		/*: heap, here stays */
}

void indir_of_sunk(void)
{
	int **x = NEW(int *);	/*: heap */
	int **p;

	sink = x;
	p = x;
	*p = NEW(int);		/*: heap */
}

int *first_of(int *m[1])	/*: m result */
{
	return m[0];
}

void set_first(int *m[1], int *x) /*: m keeps, x stored */
{
	m[0] = x;
}

struct one {
	int *m[1];
};

void set_by_value(struct one m, int *x) /*: x keeps */
{
	m.m[0] = x;
}

int *through_struct(int *x)	/*: x result */
{
	struct one m = { { x } };

	return m.m[0];
}

int *through_object(int *x)	/*: x result */
{
	struct one *m = NEW(struct one); /*: stays */

	m->m[0] = x;
	return m->m[0];
}

/* A pointer to either of two fields, of one object: what goes by it is in both. */
struct two {
	int *a, *b;
};

int *either_first(int c)
{
	struct two x = { 0 };
	int **p = c ? &x.a : &x.b;

	*p = NEW(int);		/*: heap */
	return x.a;
}

int *either_second(int c)
{
	struct two x = { 0 };
	int **p = c ? &x.a : &x.b;

	*p = NEW(int);		/*: heap */
	return x.b;
}
