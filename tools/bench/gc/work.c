// SPDX-License-Identifier: GPL-2.0-only
/*
 * work: what a collected program does, on the collector it is compiled for.
 *
 * Usage: work gcbench DEPTH [WATCH] | trees DEPTH | window N BYTES |
 *	lru ENTRIES OPS
 *
 * WATCH=1: a thread beside allocates all the time and looks for gaps, which
 * costs processor time as long as the program runs, so that CPU is to be
 * compared without it.
 *
 * Prints CPU and wall milliseconds, the worst operation or the largest gap that
 * a thread beside has seen in milliseconds, and the peak of resident memory in
 * MiB.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#ifdef USE_LIBGC
#define GC_THREADS
#include <gc.h>
#define init()		GC_INIT()
#define alloc(n)	GC_MALLOC(n)
#define alloc_data(n)	GC_MALLOC_ATOMIC(n)
#define store(slot, v)	(*(slot) = (v))
#else
#include "shim_gc.h"
#define init()		shim_gc_init(NULL)
#define alloc(n)	shim_gc_alloc(n)
#define alloc_data(n)	shim_gc_alloc_data(n)
#define store(slot, v)	shim_gc_store(slot, v)
#endif

struct node {
	struct node *left, *right;
	long i, j;
};

static double now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static atomic_bool end;
static double worst;

/* The largest gap between two turns of a loop that allocates a little. */
static void *watch(void *arg)
{
	double last = now(CLOCK_MONOTONIC), at;
	void *volatile keep;

	(void)arg;
	while (!atomic_load(&end)) {
		keep = alloc(32);
		at = now(CLOCK_MONOTONIC);
		if (at - last > worst)
			worst = at - last;
		last = at;
	}
	(void)keep;
	return NULL;
}

static struct node *bottom_up(int depth)
{
	struct node *n, *l, *r;

	if (!depth)
		return alloc(sizeof(*n));
	l = bottom_up(depth - 1);
	r = bottom_up(depth - 1);
	n = alloc(sizeof(*n));
	store(&n->left, l);
	store(&n->right, r);
	return n;
}

static void top_down(int depth, struct node *n)
{
	if (!depth)
		return;
	store(&n->left, alloc(sizeof(*n)));
	store(&n->right, alloc(sizeof(*n)));
	top_down(depth - 1, n->left);
	top_down(depth - 1, n->right);
}

static long count(const struct node *n)
{
	return n ? 1 + count(n->left) + count(n->right) : 0;
}

/* After H. Boehm's GCBench: a tree that lives, and many that do not. */
static void gcbench(int live, bool watched)
{
	struct node *keep = alloc(sizeof(*keep)), *n;
	double *array = alloc_data(500000 * sizeof(*array));
	int depth, i, times;
	pthread_t thread;

	if (watched)
		pthread_create(&thread, NULL, watch, NULL);
	bottom_up(18);
	top_down(live, keep);
	for (depth = 4; depth <= 16; depth += 2) {
		times = 2 * (1 << 19) / ((1 << (depth + 1)) - 1);
		for (i = 0; i < times; i++) {
			n = alloc(sizeof(*n));
			top_down(depth, n);
			bottom_up(depth);
		}
	}
	array[1000] = 1;
	if (count(keep) != (1l << (live + 1)) - 1)
		abort();
	atomic_store(&end, true);
	if (watched)
		pthread_join(thread, NULL);
}

static void trees(int max)
{
	struct node *keep = bottom_up(max);
	int depth, i, times;
	long sum = 0;

	for (depth = 4; depth <= max; depth += 2) {
		times = 1 << (max - depth + 4);
		for (i = 0; i < times; i++)
			sum += count(bottom_up(depth));
	}
	if (count(keep) != (1l << (max + 1)) - 1 || !sum)
		abort();
}

/* The last N messages of a fixed size; each push is timed. */
static void window(long n, size_t bytes)
{
	char **last = alloc((size_t)n * sizeof(*last));
	double begin, took;
	char *msg;
	long i;

	for (i = 0; i < 5 * n; i++) {
		begin = now(CLOCK_MONOTONIC);
		msg = alloc_data(bytes);
		memset(msg, (int)i, bytes);
		store(&last[i % n], msg);
		took = now(CLOCK_MONOTONIC) - begin;
		worst = took > worst ? took : worst;
	}
}

struct entry {
	struct entry *chain, *newer, *older;
	uint64_t key;
	char *value;
};

static struct entry **bucket, *newest, *oldest;
static size_t buckets;

static void unlink_entry(struct entry *e)
{
	if (e->newer)
		store(&e->newer->older, e->older);
	else
		newest = e->older;
	if (e->older)
		store(&e->older->newer, e->newer);
	else
		oldest = e->newer;
}

static void push_entry(struct entry *e)
{
	store(&e->older, newest);
	store(&e->newer, NULL);
	if (newest)
		store(&newest->newer, e);
	else
		oldest = e;
	newest = e;
}

static void evict(void)
{
	struct entry *e = oldest, **at = &bucket[e->key % buckets];

	while (*at != e)
		at = &(*at)->chain;
	store(at, e->chain);
	unlink_entry(e);
}

/*
 * A cache with a fixed number of entries: half of the keys requested are in it.
 */
static void lru(size_t entries, long ops)
{
	uint64_t seed = 88172645463325252ull, key;
	double begin, took;
	struct entry *e;
	size_t n = 0;
	long i;

	buckets = 2 * entries;
	bucket = alloc(buckets * sizeof(struct entry *));
	for (i = 0; i < ops; i++) {
		begin = now(CLOCK_MONOTONIC);
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		key = seed % (2 * entries);
		for (e = bucket[key % buckets]; e && e->key != key;)
			e = e->chain;
		if (e) {
			unlink_entry(e);
		} else {
			e = alloc(sizeof(*e));
			e->key = key;
			store(&e->value, alloc_data(64));
			store(&e->chain, bucket[key % buckets]);
			store(&bucket[key % buckets], e);
			if (++n > entries)
				evict();
		}
		push_entry(e);
		took = now(CLOCK_MONOTONIC) - begin;
		worst = took > worst ? took : worst;
	}
}

int main(int argc, char **argv)
{
	double begin = now(CLOCK_MONOTONIC);
	struct rusage use;
	long a, b;

	if (argc < 3)
		return 2;
	a = atol(argv[2]);
	b = argc > 3 ? atol(argv[3]) : 0;
	init();
	if (!strcmp(argv[1], "gcbench"))
		gcbench((int)a, b);
	else if (!strcmp(argv[1], "trees"))
		trees((int)a);
	else if (!strcmp(argv[1], "window") && b)
		window(a, (size_t)b);
	else if (!strcmp(argv[1], "lru") && b)
		lru((size_t)a, b);
	else
		return 2;
	getrusage(RUSAGE_SELF, &use);
	printf("%.0f %.0f %.1f %ld\n", now(CLOCK_PROCESS_CPUTIME_ID),
	       now(CLOCK_MONOTONIC) - begin, worst, use.ru_maxrss >> 10);
	return 0;
}
