// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpu: trees and heaps of a million objects, by CPU time.
 *
 * Both sides of a ratio run in turns in one process, and the least of several runs
 * counts, so that what else the machine does matters little.
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cases.h"
#include "shim_heap.h"
#include "shim_rc.h"
#include "shim_region.h"

#define DEPTH	18
#define TURNS	3
#define MILLION	1000000

struct tree {
	struct tree *left;
	struct tree *right;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct tree *by_malloc(int depth)
{
	struct tree *t = malloc(sizeof(*t));

	if (!t)
		err(1, "malloc");
	t->left = depth ? by_malloc(depth - 1) : NULL;
	t->right = depth ? by_malloc(depth - 1) : NULL;
	return t;
}

static void free_tree(struct tree *t)
{
	if (t->left) {
		free_tree(t->left);
		free_tree(t->right);
	}
	free(t);
}

static struct tree *by_region(struct shim_region *r, int depth)
{
	struct tree *t = shim_region_alloc(r, sizeof(*t));

	if (!t)
		err(1, "region");
	t->left = depth ? by_region(r, depth - 1) : NULL;
	t->right = depth ? by_region(r, depth - 1) : NULL;
	return t;
}

static int count(const struct tree *t)
{
	return t->left ? 1 + count(t->left) + count(t->right) : 1;
}

/* The benchmarks game's: a long-lived tree, and many short-lived of all depths. */
static long trees(int use_region)
{
	struct shim_region *r = NULL, *keep = NULL;
	struct tree *t, *lasting;
	long sum = 0;
	int d, i, n;

	if (use_region) {
		r = shim_region_new(0, 0);
		keep = shim_region_new(0, 0);
		if (!r || !keep)
			err(1, "region");
	}
	lasting = use_region ? by_region(keep, DEPTH) : by_malloc(DEPTH);
	for (d = 4; d <= DEPTH; d += 4) {
		n = 1 << (DEPTH - d + 4);
		for (i = 0; i < n; i++) {
			t = use_region ? by_region(r, d) : by_malloc(d);
			sum += count(t);
			if (use_region)
				shim_region_reset(r);
			else
				free_tree(t);
		}
	}
	sum += count(lasting);
	if (!use_region)
		free_tree(lasting);
	shim_region_free(r);
	shim_region_free(keep);
	return sum;
}

static int binary_trees(void)
{
	double best[2] = { 1e9, 1e9 };
	long sum[2];
	int turn, how;

	for (turn = 0; turn < TURNS; turn++)
		for (how = 0; how < 2; how++) {
			double start = now();

			sum[how] = trees(how);
			if (now() - start < best[how])
				best[how] = now() - start;
		}
	if (sum[0] != sum[1])
		errx(1, "trees differ");
	printf("%-28s %8.0f ms by malloc and free, %.0f ms by a region, ratio %.2f\n",
	       "binary trees, depth 18", best[0], best[1], best[1] / best[0]);
	return 0;
}

static int destroy_million(void)
{
	double best = 1e9;
	int turn, i;

	for (turn = 0; turn < TURNS; turn++) {
		struct shim_heap *h = shim_heap_new(SHIM_HEAP_SEGREGATED);
		double start;

		for (i = 0; i < MILLION; i++) {
			char *p = shim_heap_alloc(h, 48);

			if (!p)
				err(1, "heap");
			*p = 1;
		}
		start = now();
		shim_heap_destroy(h);
		if (now() - start < best)
			best = now() - start;
	}
	printf("%-28s %8.2f ms\n", "destroy of 1,000,000 objects", best);
	return 0;
}

#define COUNTS	20000000

/* Least CPU time of several turns, in nanoseconds a pair. */
static double pairs(void (*run)(void *p), void *p)
{
	double best = 1e9;
	int turn;

	for (turn = 0; turn < 5; turn++) {
		double start = now();

		run(p);
		if (now() - start < best)
			best = now() - start;
	}
	return best * 1e6 / COUNTS;
}

static void bare_atomic(void *p)
{
	uint32_t *n = p;
	int i;

	for (i = 0; i < COUNTS; i++) {
		__atomic_fetch_add(n, 1, __ATOMIC_RELAXED);
		__atomic_fetch_sub(n, 1, __ATOMIC_ACQ_REL);
	}
}

static void bare_plain(void *p)
{
	volatile uint32_t *n = p;
	int i;

	for (i = 0; i < COUNTS; i++) {
		*n = *n + 1;
		*n = *n - 1;
	}
}

static void count_atomic(void *p)
{
	int i;

	for (i = 0; i < COUNTS; i++) {
		shim_rc_get_atomic(p);
		shim_rc_put_atomic(p);
	}
}

static void count_either(void *p)
{
	int i;

	for (i = 0; i < COUNTS; i++) {
		shim_rc_get(p);
		shim_rc_put(p);
	}
}

static void count_plain(void *p)
{
	int i;

	for (i = 0; i < COUNTS; i++) {
		shim_rc_get_plain(p);
		__asm__ volatile("" : : : "memory");
		shim_rc_put_plain(p);
		__asm__ volatile("" : : : "memory");
	}
}

static int counts(void)
{
	static const struct shim_rc_type atomic = {
		"atomic", 48, SHIM_RC_ATOMIC, NULL, NULL
	};
	static const struct shim_rc_type plain = { "plain", 48, 0, NULL, NULL };
	void *a = shim_rc_new(&atomic), *p = shim_rc_new(&plain);
	static uint32_t n;
	double bare, ours;

	if (!a || !p)
		err(1, "rc");
	bare = pairs(bare_atomic, &n);
	ours = pairs(count_atomic, a);
	printf("%-28s %8.1f ns, two bare atomics %.1f, ratio %.2f\n",
	       "get and put, atomic", ours, bare, ours / bare);
	ours = pairs(count_either, a);
	printf("%-28s %8.1f ns, two bare atomics %.1f, ratio %.2f\n",
	       "the same, type not known", ours, bare, ours / bare);
	bare = pairs(bare_plain, &n);
	ours = pairs(count_plain, p);
	printf("%-28s %8.1f ns, two plain adds %.1f, ratio %.2f\n",
	       "get and put, plain", ours, bare, ours / bare);
	shim_rc_put(a);
	shim_rc_put(p);
	return 0;
}

int cpu_names(void)
{
	puts("cpu trees\ncpu destroy\ncpu counts");
	return 0;
}

int cpu_case(const char *name)
{
	if (!strcmp(name, "cpu trees"))
		return binary_trees();
	if (!strcmp(name, "cpu destroy"))
		return destroy_million();
	if (!strcmp(name, "cpu counts"))
		return counts();
	fprintf(stderr, "no case %s\n", name);
	return 2;
}
