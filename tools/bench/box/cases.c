// SPDX-License-Identifier: GPL-2.0-only
/*
 * cases: what bench-box counts: a request of 64 objects, all of them freed, by
 * each way there is; a heap that is made, used and destroyed; counted references.
 *
 * One case a process, named by the argument.  Under callgrind, which counts from
 * the first COUNT to the second; or, for cases of CPU time, by itself.
 */
#include <err.h>
#include <obstack.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <valgrind/callgrind.h>

#ifdef PEER_MIMALLOC
#include <mimalloc.h>
#endif
#ifdef PEER_APR
#include <apr_pools.h>
#endif
#ifdef PEER_TALLOC
#include <talloc.h>
#endif

#include "cases.h"
#include "shim_heap.h"
#include "shim_pool.h"
#include "shim_region.h"

#define OBJS	64
#define ROUNDS	200

#define obstack_chunk_alloc	malloc
#define obstack_chunk_free	free

/* 16 to 512 bytes, as a request's strings and records are. */
static uint16_t sizes[OBJS];
static void *objs[OBJS];

#define TAKE(p) do {							\
	char *volatile shim_p_ = (p);					\
									\
	*shim_p_ = 1;							\
} while (0)

static void nothing(void *state)
{
	int i;

	(void)state;
	for (i = 0; i < OBJS; i++)
		TAKE((char *)&objs[i] + sizes[i] % 8);
}

static void *region_make(void)
{
	return shim_region_new(0, 0);
}

static void region(void *state)
{
	int i;

	for (i = 0; i < OBJS; i++)
		TAKE(shim_region_alloc(state, sizes[i]));
	shim_region_reset(state);
}

static void region_mark(void *state)
{
	struct shim_region_mark m = shim_region_mark(state);
	int i;

	for (i = 0; i < OBJS; i++)
		TAKE(shim_region_alloc(state, sizes[i]));
	shim_region_release(state, m);
}

static void *obstack_make(void)
{
	struct obstack *o = malloc(sizeof(*o));

	obstack_init(o);
	return o;
}

static void obstack(void *state)
{
	struct obstack *o = state;
	void *first = obstack_alloc(o, 1);
	int i;

	for (i = 0; i < OBJS; i++)
		TAKE(obstack_alloc(o, sizes[i]));
	obstack_free(o, first);
}

static void malloc_free(void *state)
{
	int i;

	(void)state;
	for (i = 0; i < OBJS; i++) {
		objs[i] = malloc(sizes[i]);
		TAKE(objs[i]);
	}
	for (i = 0; i < OBJS; i++)
		free(objs[i]);
}

static void *pool_make(void)
{
	return shim_pool_new(128, 0, NULL);
}

static void pool(void *state)
{
	int i;

	for (i = 0; i < OBJS; i++) {
		objs[i] = shim_pool_get(state);
		TAKE(objs[i]);
	}
	for (i = 0; i < OBJS; i++)
		shim_pool_put(state, objs[i]);
}

static void heap(unsigned int policy)
{
	struct shim_heap *h = shim_heap_new(policy);
	int i;

	if (!h)
		err(1, "shim_heap_new");
	for (i = 0; i < OBJS; i++)
		TAKE(shim_heap_alloc(h, sizes[i] & 127));
	shim_heap_destroy(h);
}

static void heap_segregated(void *state)
{
	(void)state;
	heap(SHIM_HEAP_SEGREGATED);
}

static void heap_first(void *state)
{
	(void)state;
	heap(SHIM_HEAP_FIRST);
}

static void heap_next(void *state)
{
	(void)state;
	heap(SHIM_HEAP_NEXT);
}

static void heap_best(void *state)
{
	(void)state;
	heap(SHIM_HEAP_BEST);
}

#ifdef PEER_MIMALLOC
static void mi_heap(void *state)
{
	mi_heap_t *h = mi_heap_new();
	int i;

	(void)state;
	for (i = 0; i < OBJS; i++)
		TAKE(mi_heap_malloc(h, sizes[i] & 127));
	mi_heap_destroy(h);
}
#endif

#ifdef PEER_APR
static void *apr_make(void)
{
	apr_pool_t *p;

	if (apr_initialize() || apr_pool_create(&p, NULL))
		errx(1, "apr");
	return p;
}

static void apr_clear(void *state)
{
	int i;

	for (i = 0; i < OBJS; i++)
		TAKE(apr_palloc(state, sizes[i]));
	apr_pool_clear(state);
}

static void apr_create(void *state)
{
	apr_pool_t *p;
	int i;

	if (apr_pool_create(&p, state))
		errx(1, "apr_pool_create");
	for (i = 0; i < OBJS; i++)
		TAKE(apr_palloc(p, sizes[i]));
	apr_pool_destroy(p);
}
#endif

#ifdef PEER_TALLOC
static void talloc_each(void *state)
{
	void *ctx = talloc_new(state);
	int i;

	for (i = 0; i < OBJS; i++)
		TAKE(talloc_size(ctx, sizes[i]));
	talloc_free(ctx);
}

static void talloc_in_pool(void *state)
{
	void *ctx = talloc_pool(state, 64 << 10);
	int i;

	for (i = 0; i < OBJS; i++)
		TAKE(talloc_size(ctx, sizes[i]));
	talloc_free(ctx);
}
#endif

static void *no_state(void)
{
	return NULL;
}

static const struct {
	const char *name;
	void *(*make)(void);
	void (*run)(void *state);
} cases[] = {
	{ "nothing", no_state, nothing },
	{ "region", region_make, region },
	{ "region, to a mark", region_make, region_mark },
	{ "obstack", obstack_make, obstack },
	{ "malloc", no_state, malloc_free },
	{ "pool", pool_make, pool },
	{ "heap, segregated", no_state, heap_segregated },
	{ "heap, first", no_state, heap_first },
	{ "heap, next", no_state, heap_next },
	{ "heap, best", no_state, heap_best },
#ifdef PEER_MIMALLOC
	{ "mi_heap", no_state, mi_heap },
#endif
#ifdef PEER_APR
	{ "apr, clear", apr_make, apr_clear },
	{ "apr, destroy", apr_make, apr_create },
#endif
#ifdef PEER_TALLOC
	{ "talloc", no_state, talloc_each },
	{ "talloc, pool", no_state, talloc_in_pool },
#endif
};

int main(int argc, char **argv)
{
	unsigned int seed = 1, i, k;
	void *state;

	if (argc < 2) {
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			puts(cases[i].name);
		return cpu_names();
	}
	for (i = 0; i < OBJS; i++)
		sizes[i] = (uint16_t)(16 + rand_r(&seed) % 497);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (strcmp(argv[1], cases[i].name))
			continue;
		state = cases[i].make();
		for (k = 0; k < ROUNDS; k++)
			cases[i].run(state);
		CALLGRIND_TOGGLE_COLLECT;
		for (k = 0; k < ROUNDS; k++)
			cases[i].run(state);
		CALLGRIND_TOGGLE_COLLECT;
		return 0;
	}
	return cpu_case(argv[1]);
}
