// SPDX-License-Identifier: GPL-2.0-only
/*
 * kept.c: objects that have a region at hand and stay on the heap, because something
 * speaks against moving them.  main() checks that each still works: a wrong move shows
 * as a wrong sum, or to the address sanitizer.
 */
#include <malloc.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim_region.h"

struct node {
	struct node *next;
	int value;
};

static struct node *global;
static jmp_buf env;
static volatile int zero;
static struct shim_region *hidden;

/* For all that gcc can see, this may do anything; and it does. */
extern void stranger(void *p);
extern void (*volatile strange)(void);

static int stored(struct shim_region *r, int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept */

	shim_region_mark(r);
	p->value = n;
	p->next = NULL;
	global = p;
	return p->value;
}

static int into_argument(struct shim_region *r, struct node *to)
{
	struct node *p = malloc(sizeof(*p)); /*: kept outlives */

	shim_region_mark(r);
	p->value = 3;
	p->next = NULL;
	to->next = p;
	return 3;
}

static int given_away(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)); /*: kept outlives */
	int v;

	shim_region_mark(r);
	p[0] = n;
	stranger(p);
	v = p[0];
	free(p);
	return v;
}

static int one_of_two(struct shim_region *r, int n, struct node *other)
{
	struct node *p = malloc(sizeof(*p)); /*: kept something */
	int v;

	shim_region_mark(r);
	p->value = n;
	v = p->value;
	free(n > 3 ? p : other);
	return v;
}

static int moved_on(struct shim_region *r, int n)
{
	char *p = malloc(n);		/*: kept realloc */
	int v;

	shim_region_mark(r);
	memset(p, n, n);
	p = realloc(p, 2 * n);
	v = p[n - 1];
	free(p);
	return v;
}

static int reset_before(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	int *p, v;

	if (!r)
		return -1;
	p = malloc(n * sizeof(*p));	/*: kept reset */
	p[n - 1] = n;
	shim_region_reset(r);
	v = p[n - 1];
	free(p);
	shim_region_free(r);
	return v;
}

static int reset_by_mark(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct shim_region_mark m;
	int *p, v;

	if (!r)
		return -1;
	m = shim_region_mark(r);
	p = malloc(n * sizeof(*p));	/*: kept reset */
	p[n - 1] = n;
	shim_region_release(r, m);
	v = p[n - 1];
	free(p);
	shim_region_free(r);
	return v;
}

static void __attribute__((noinline)) clean(struct shim_region *r)
{
	shim_region_reset(r);
}

static int reset_in_call(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)), v; /*: kept reset */

	p[n - 1] = n;
	clean(r);
	v = p[n - 1];
	free(p);
	return v;
}

static void really_strange(void)
{
	shim_region_reset(hidden);
}

/* The function that is called has the region, too. */
static int reset_by_stranger(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)), v; /*: kept reset */

	shim_region_mark(r);
	p[n - 1] = n;
	strange();
	v = p[n - 1];
	free(p);
	return v;
}

/* The object of the turn before is still used. */
static int reset_in_loop(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct node *old = NULL;
	int sum = 0;

	if (!r)
		return -1;
	for (int i = 0; i < n; i++) {
		struct node *p = malloc(sizeof(*p)); /*: kept reset */

		p->value = i;
		sum += p->value * (old ? old->value : 1);
		free(old);
		old = p;
		shim_region_reset(r);
	}
	free(old);
	shim_region_free(r);
	return sum;
}

/* The same, by way of memory. */
static int reset_in_memory(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct node last = { NULL, 0 }, *keep = &last;
	int sum = 0;

	if (!r)
		return -1;
	for (int i = 0; i < n; i++) {
		struct node *p = malloc(sizeof(*p)); /*: kept reset */

		p->value = i;
		sum += p->value * (keep->next ? keep->next->value : 1);
		free(keep->next);
		keep->next = p;
		shim_region_reset(r);
	}
	free(keep->next);
	shim_region_free(r);
	return sum;
}

static int perhaps_none(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)), v; /*: kept NULL */

	p[n - 1] = n;
	v = p[n - 1];
	free(p);
	return v;
}

static int none_tested(struct shim_region *r, int n)
{
	int *p, v;

	if (r)
		n++;
	p = malloc(n * sizeof(*p));	/*: kept NULL */
	p[n - 1] = n;
	v = p[n - 1];
	free(p);
	return v;
}

/* The region would grow with each turn. */
static int each_turn(struct shim_region *r, int n)
{
	int sum = 0;

	shim_region_mark(r);
	for (int i = 1; i < n; i++) {
		int *p = malloc(i * sizeof(*p)); /*: kept turn */

		p[i - 1] = i;
		sum += p[i - 1];
		free(p);
	}
	return sum;
}

static int __attribute__((noinline)) helper(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)), v; /*: kept again */

	p[n - 1] = n;
	v = p[n - 1];
	free(p);
	shim_region_mark(r);
	return v;
}

static int each_call(struct shim_region *r, int n)
{
	int sum = 0;

	for (int i = 1; i < n; i++)
		sum += helper(r, i);
	return sum;
}

/* Its other callers free the object. */
struct node *for_all(struct shim_region *r, int n);
struct node *for_all(struct shim_region *r, int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept callers */

	shim_region_mark(r);
	p->value = n;
	p->next = NULL;
	return p;
}

static struct node *by_pointer(struct shim_region *r, int n)
{
	struct node *p = malloc(sizeof(*p)); /*: kept callers */

	shim_region_mark(r);
	p->value = n;
	p->next = NULL;
	return p;
}

static struct node *(*volatile make)(struct shim_region *, int) = by_pointer;

/* Its region ends in this function. */
static struct node *outlives_it(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct node *p;

	if (!r)
		return NULL;
	p = malloc(sizeof(*p));		/*: kept outlives */
	p->value = n;
	p->next = NULL;
	shim_region_free(r);
	return p;
}

static void list_free(struct node *n)
{
	while (n) {
		struct node *next = n->next;

		free(n);
		n = next;
	}
}

/* list_free() frees other objects as well. */
static struct node *list_of(struct shim_region *r, int n)
{
	struct node *head = NULL;

	shim_region_mark(r);
	for (int i = 0; i < n; i++) {
		struct node *p = malloc(sizeof(*p)); /*: kept something */

		p->value = i;
		p->next = head;
		head = p;
	}
	return head;
}

static int list_twice(struct shim_region *r, int n)
{
	struct node *a = list_of(r, n);
	struct node *b = malloc(sizeof(*b)); /*: kept */
	int sum = a->value;

	b->value = n;
	b->next = NULL;
	global = b;
	sum += b->value;
	list_free(a);
	list_free(global);
	global = NULL;
	return sum;
}

/* A part of what it makes is kept. */
static struct node *pair_of(struct shim_region *r, int n)
{
	struct node *a = malloc(sizeof(*a)); /*: kept outlives */
	struct node *b = malloc(sizeof(*b)); /*: kept outlives */

	shim_region_mark(r);
	a->value = n;
	b->value = n + 1;
	a->next = b;
	b->next = NULL;
	return a;
}

static int keeps_part(struct shim_region *r, int n)
{
	struct node *p = pair_of(r, n);
	int v = p->value;

	global = p->next;
	free(p);
	return v;
}

static int asked(struct shim_region *r, int n)
{
	char *p = malloc(n);		/*: kept malloc_usable_size */
	int v;

	shim_region_mark(r);
	v = malloc_usable_size(p) >= (size_t)n;
	free(p);
	return v;
}

static int jumps(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)), v; /*: kept twice */

	shim_region_mark(r);
	p[0] = n;
	if (!setjmp(env) && zero)
		longjmp(env, 1);
	v = p[0];
	free(p);
	return v;
}

/* The region would free it, by a function that is called when it ends. */
static int on_release(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	int *p, v;

	if (!r)
		return -1;
	p = malloc(n * sizeof(*p));	/*: kept outlives */
	p[n - 1] = n;
	v = p[n - 1];
	shim_region_on_release(r, free, p);
	shim_region_free(r);
	return v;
}

static void stay(void *p)
{
	*(int *)p += 1;
}

void stranger(void *p)
{
	void (*volatile f)(void *) = stay;

	f(p);
}

void (*volatile strange)(void) = really_strange;

int main(void)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct node n = { NULL, 0 }, *p;

	if (!r)
		return 1;
	hidden = r;
	printf("%d\n", stored(r, 5));
	free(global);
	printf("%d\n", into_argument(r, &n));
	printf("%d\n", n.next->value);
	free(n.next);
	printf("%d\n", given_away(r, 5));
	printf("%d\n", one_of_two(r, 5, NULL));
	printf("%d\n", one_of_two(r, 2, (void *)strdup("abc")));
	printf("%d\n", moved_on(r, 50));
	printf("%d\n", reset_before(500));
	printf("%d\n", reset_by_mark(500));
	printf("%d\n", reset_in_call(r, 500));
	printf("%d\n", reset_by_stranger(r, 500));
	printf("%d\n", reset_in_loop(100));
	printf("%d\n", reset_in_memory(100));
	printf("%d\n", perhaps_none(NULL, 5));
	printf("%d\n", none_tested(NULL, 5));
	printf("%d\n", each_turn(r, 50));
	printf("%d\n", each_call(r, 50));
	p = for_all(r, 5);
	printf("%d\n", p->value);
	free(p);
	p = make(r, 6);
	printf("%d\n", p->value);
	free(p);
	p = outlives_it(7);
	printf("%d\n", p->value);
	free(p);
	printf("%d\n", list_twice(r, 5));
	printf("%d\n", keeps_part(r, 5));
	printf("%d\n", global->value);
	free(global);
	printf("%d\n", asked(r, 50));
	printf("%d\n", jumps(r, 50));
	printf("%d\n", on_release(50));
	shim_region_free(r);
	return 0;
}
