// SPDX-License-Identifier: GPL-2.0-only
/*
 * moved.c: objects that live as long as a request, in each way that --shim-regions
 * knows.  main() prints what each function returns, and whether the region has had
 * what malloc() would have had.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim_region.h"

struct node {
	struct node *next, *child;
	char *name;
	int value;
};

struct request {
	struct shim_region *region;
	int nr;
};

/* A buffer of any size, in a function that was handed the region. */
static int buffer(struct shim_region *r, int n)
{
	char *p = malloc(n + 1);	/*: moved */
	int sum;

	shim_region_get_stat(r, &(struct shim_region_stat){});
	if (!p)
		return -1;
	memset(p, 'a' + n % 8, n);
	p[n] = 0;
	sum = strlen(p) + p[0];
	free(p);
	return sum;
}

/* Uses its own region, which grows with each turn. */
static int list(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct node *head = NULL, *p;
	int sum = 0;

	if (!r)
		return -1;
	for (int i = 0; i < n; i++) {
		p = calloc(1, sizeof(*p)); /*: moved */
		if (!p)
			break;
		sum += p->value;
		p->value = i;
		p->next = head;
		head = p;
	}
	while (head) {
		p = head->next;
		sum = sum * 3 + head->value;
		free(head);
		head = p;
	}
	shim_region_free(r);
	return sum;
}

/* The region is made anew, or emptied, in each turn. */
static int turns(int n)
{
	struct shim_region *r = shim_region_new(0, 0);
	int sum = 0;

	if (!r)
		return -1;
	for (int i = 0; i < n; i++) {
		int *p = malloc((i + 2) * sizeof(*p)); /*: moved */

		p[0] = i;
		p[1] = i * i;
		sum += p[0] + p[1];
		free(p);
		shim_region_reset(r);
	}
	shim_region_free(r);
	return sum;
}

static void tree_free(struct node *n)
{
	while (n) {
		struct node *next = n->next;

		tree_free(n->child);
		free(n->name);
		free(n);
		n = next;
	}
}

/* Returned, with everything that hangs on it, and given up half-way. */
static struct node *tree_make(struct shim_region *r, int depth, int fail)
{
	struct node *n = malloc(sizeof(*n)), *c; /*: moved */

	if (!n)
		return NULL;
	n->name = malloc(depth + 10);	/*: moved */
	snprintf(n->name, depth + 10, "n%d", depth);
	n->value = depth;
	n->next = NULL;
	n->child = NULL;
	for (int i = 0; depth && i < 3; i++) {
		c = depth == fail ? NULL : tree_make(r, depth - 1, fail); /*: moved */
		if (!c) {
			tree_free(n);
			return NULL;
		}
		c->next = n->child;
		n->child = c;
	}
	return n;
}

static int tree_sum(const struct node *n)
{
	int sum = 0;

	for (; n; n = n->next)
		sum += strlen(n->name) + n->value + tree_sum(n->child);
	return sum;
}

static struct node *tree_of(struct shim_region *r, int depth)
{
	struct node *n = tree_make(r, depth, 0); /*: moved */

	if (n)
		n->value += 100;
	return n;
}

static int tree(struct shim_region *r, int depth)
{
	struct node *n = tree_of(r, depth); /*: moved */
	int sum = tree_sum(n);

	tree_free(n);
	n = tree_make(r, depth, 2);	/*: moved */
	sum += !n;
	tree_free(n);
	return sum;
}

/* The region is found in an argument. */
static int found(const struct request *req)
{
	struct shim_region *r = req->region;
	char *a = shim_region_alloc(r, 8), *b;

	if (!a)
		return -1;
	b = malloc(req->nr);		/*: moved */
	memset(b, 7, req->nr);
	memset(a, 3, 8);
	return a[7] + b[req->nr - 1];
}

static int __attribute__((nonnull)) promised(struct shim_region *r, int n)
{
	int *p = malloc(n * sizeof(*p)), *q; /*: moved */
	int sum;

	q = p;
	for (int i = 0; i < n; i++)
		q[i] = i;
	sum = q[n - 1] + p[0];
	free(n > 3 ? p : q);
	return sum;
}

int main(void)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct request req = { r, 100 };
	struct shim_region_stat st;

	if (!r)
		return 1;
	printf("%d\n", buffer(r, 1000));
	printf("%d\n", list(100));
	printf("%d\n", turns(10));
	printf("%d\n", tree(r, 5));
	printf("%d\n", found(&req));
	printf("%d\n", promised(r, 10));
	shim_region_get_stat(r, &st);
	fprintf(stderr, "used %zu\n", st.used);
	shim_region_free(r);
	return 0;
}
