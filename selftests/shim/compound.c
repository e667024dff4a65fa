// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where sizes come and go, objects are made in the holes between others: what a
 * program can tell of it, and whether anything is lost.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "../unit/dies.h"
#include "shim.h"

#define BATCH	32u
#define SMALL	400000u		/* of 48 bytes: 19 MB, more than the first memory */

struct object {
	unsigned char *p;
	size_t size;
	unsigned char tag;
};

static uint64_t number(const char *name)
{
	uint64_t n = 0;
	size_t len = sizeof(n);

	return shim_ctl(name, &n, &len, NULL, 0) ? 0 : n;
}

static void make(struct object *o, void *p, size_t size, unsigned char tag)
{
	if (!p)
		abort();
	o->p = p;
	o->size = size;
	o->tag = tag;
	memset(p, tag, size);
}

static unsigned int wrong(const struct object *o)
{
	size_t i;

	for (i = 0; i < o->size; i++)
		if (o->p[i] != o->tag)
			return 1;
	return malloc_usable_size(o->p) < o->size;
}

static struct object small[SMALL];

/* Nineteen of twenty are gone, each hole is 912 bytes. */
static void make_holes(void)
{
	unsigned int i;

	for (i = 0; i < SMALL; i++)
		make(&small[i], malloc(48), 48, (unsigned char)i);
	for (i = 0; i < SMALL; i++)
		if (i % 20) {
			free(small[i].p);
			small[i].p = NULL;
		}
}

static unsigned int small_wrong(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < SMALL; i++)
		n += small[i].p && wrong(&small[i]);
	return n;
}

#define SOME	20000u
static struct object some[SOME];

static void make_some(size_t size)
{
	unsigned int i;

	for (i = 0; i < SOME; i++)
		make(&some[i], malloc(size), size, (unsigned char)(i * 7));
}

static unsigned int some_wrong(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < SOME; i++)
		n += some[i].p && wrong(&some[i]);
	return n;
}

static void drop_some(void)
{
	unsigned int i;

	for (i = 0; i < SOME; i++)
		free(some[i].p);
	memset(some, 0, sizeof(some));
}

TEST(the_heap_does_not_grow)
{
	uint64_t mapped, objects;

	make_holes();
	mapped = number("heap.inuse");
	objects = number("compound.objects");
	make_some(300);
	EXPECT_LT(objects + SOME / 2, number("compound.objects"));
	EXPECT_LT(0, number("compound.spans"));
	EXPECT_LT(0, number("compound.looks"));
	/* 6.4 MB */
	EXPECT_GT(mapped + (2 << 20), number("heap.inuse"));
	EXPECT_EQ(0, some_wrong());
	EXPECT_EQ(0, small_wrong());
	drop_some();
	EXPECT_EQ(0, small_wrong());
}

/* What lay in holes is a hole again at once, and keeps no span in a cache. */
TEST(what_is_freed_is_a_hole_again)
{
	uint64_t nfree;

	make_holes();
	nfree = number("class.3.free");
	make_some(300);
	EXPECT_GT(nfree - 3 * SOME, number("class.3.free"));
	drop_some();
	/* but for the objects of a batch that nobody asked for */
	EXPECT_LT(nfree - 512, number("class.3.free"));
	EXPECT_EQ(0, small_wrong());
}

TEST(realloc_and_calloc)
{
	unsigned int i, k, bad = 0;

	make_holes();
	make_some(96);
	for (i = 0; i < SOME; i++) {
		size_t size = 16 + i % 700;
		unsigned char *p = realloc(some[i].p, size);

		for (k = 0; k < size && k < 96; k++)
			bad += p[k] != some[i].tag;
		make(&some[i], p, size, (unsigned char)i);
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, some_wrong());
	drop_some();
	for (i = 0; i < SOME; i++) {
		some[i].p = calloc(1, 200);
		some[i].size = 200;
	}
	EXPECT_EQ(0, some_wrong());
	drop_some();
	EXPECT_EQ(0, small_wrong());
}

/* Such an object may lie anywhere; who asks for an alignment gets it. */
TEST(alignment)
{
	unsigned int i, odd = 0, bad = 0;

	make_holes();
	make_some(64);
	for (i = 0; i < SOME; i++)
		odd += !!((uintptr_t)some[i].p % 64);
	EXPECT_LT(0, odd);
	/* those that were odd are what the caches have now */
	drop_some();
	for (i = 0; i < SOME; i++) {
		make(&some[i], aligned_alloc(64, 64), 64, (unsigned char)i);
		bad += !!((uintptr_t)some[i].p % 64);
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, some_wrong());
	drop_some();
	EXPECT_EQ(0, small_wrong());
}

/* Of a batch that was made in holes the rest waits where aligned ones are sought. */
TEST(alignment_after_others)
{
	struct object other;
	unsigned int i, bad = 0;
	uint64_t inuse;

	make_holes();
	make_some(96);
	drop_some();
	make(&other, malloc(96), 96, 1);
	inuse = number("heap.inuse");
	for (i = 0; i < SOME; i++) {
		make(&some[i], aligned_alloc(32, 96), 96, (unsigned char)i);
		bad += !!((uintptr_t)some[i].p % 32);
		/* the batch is used up by now: not a page each */
		if (i == BATCH)
			EXPECT_GT(inuse + (64 << 10), number("heap.inuse"));
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, some_wrong());
	/* 1.9 MB, the same */
	EXPECT_GT(inuse + (8 << 20), number("heap.inuse"));
	drop_some();
	EXPECT_EQ(0, wrong(&other));
	free(other.p);
	EXPECT_EQ(0, small_wrong());
}

TEST(a_child_and_its_parent)
{
	int status;
	pid_t pid;

	make_holes();
	make_some(300);
	pid = fork();
	if (!pid) {
		unsigned int bad = some_wrong();

		drop_some();
		make_some(208);
		_exit(bad || some_wrong() || small_wrong());
	}
	EXPECT_EQ(0, some_wrong());
	drop_some();
	make_some(400);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, some_wrong());
	EXPECT_EQ(0, small_wrong());
}

#define THREADS	4
#define OWN	5000u

static void *drift(void *arg)
{
	unsigned int seed = (unsigned int)(uintptr_t)arg, i, n = 0;
	struct object *own = calloc(OWN, sizeof(*own));

	for (i = 0; i < 60 * OWN; i++) {
		struct object *o = &own[rand_r(&seed) % OWN];
		size_t size = (size_t)24 << (i / (6 * OWN) + 3) % 7;

		size += (size_t)rand_r(&seed) % size;
		if (o->p) {
			n += wrong(o);
			free(o->p);
		}
		make(o, malloc(size), size, (unsigned char)seed);
	}
	for (i = 0; i < OWN; i++)
		free(own[i].p);
	free(own);
	return (void *)(uintptr_t)n;
}

TEST(threads_whose_sizes_drift)
{
	pthread_t t[THREADS];
	unsigned int i;
	void *bad;

	make_holes();
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, drift,
					    (void *)(uintptr_t)(i + 1)));
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		EXPECT_EQ(NULL, bad);
	}
	EXPECT_LT(0, number("compound.objects"));
	EXPECT_EQ(0, small_wrong());
}

static void free_twice(void)
{
	free(some[SOME / 2].p);
	free(some[SOME / 2].p);
	malloc_trim(0);
}

static void free_inside(void)
{
	free(some[SOME / 2].p + 32);
	malloc_trim(0);
}

static void free_tail(void)
{
	free(some[SOME / 2].p + 48);
	malloc_trim(0);
}

static void free_once(void)
{
	free(some[SOME / 2].p);
	malloc_trim(0);
}

TEST(misuse_is_reported)
{
	make_holes();
	make_some(300);
	ASSERT_LT(300, malloc_usable_size(some[SOME / 2].p));
	EXPECT_TRUE(dies_saying(free_twice, "double free"));
	EXPECT_TRUE(dies_saying(free_inside, "libshim: free()"));
	EXPECT_TRUE(dies_saying(free_tail, "libshim: free()"));
	EXPECT_FALSE(dies(free_once));
}

TEST(can_be_switched_off)
{
	char *argv[] = { "compound", "off", NULL };
	char *envp[] = { "SHIM_OPTIONS=compound=0", NULL };
	int status;
	pid_t pid = fork();

	if (!pid) {
		execve("/proc/self/exe", argv, envp);
		_exit(9);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "off")) {
		make_holes();
		make_some(300);
		return !!number("compound.objects") || some_wrong();
	}
	return test_harness_run(argc, argv);
}
