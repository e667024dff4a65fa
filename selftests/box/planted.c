// SPDX-License-Identifier: GPL-2.0-only
/*
 * planted: mistakes that gcc -fanalyzer must report, thanks to the marks of
 * shim_mark.h.  Compiled only: the Makefile counts the reports.
 */
#include "shim_heap.h"
#include "shim_pool.h"
#include "shim_region.h"
#include "shim_scope.h"

int leak(int early);
int freed_twice(void);
int used_after(void);
int used_after_move(void);

/* -Wanalyzer-malloc-leak */
int leak(int early)
{
	struct shim_region *r = shim_region_new(0, 0);

	if (!r || early)
		return -1;
	shim_region_free(r);
	return 0;
}

/* -Wanalyzer-double-free */
int freed_twice(void)
{
	struct shim_pool *pool = shim_pool_new(32, 0, NULL);

	if (!pool)
		return -1;
	shim_pool_free(pool);
	shim_pool_free(pool);
	return 0;
}

/* -Wanalyzer-use-after-free */
int used_after(void)
{
	struct shim_heap *heap = shim_heap_new(0);
	int *p, ret = -1;

	if (!heap)
		return -1;
	p = shim_heap_alloc(heap, sizeof(*p));
	if (p) {
		*p = 1;
		shim_heap_free(heap, p);
		ret = *p;
	}
	shim_heap_destroy(heap);
	return ret;
}

/* -Wanalyzer-null-dereference: what was moved out of is NULL */
int used_after_move(void)
{
	int *a = malloc(sizeof(*a)), *b, ret;

	if (!a)
		return -1;
	*a = 1;
	b = shim_take(a);
	ret = *a;
	free(b);
	return ret;
}
