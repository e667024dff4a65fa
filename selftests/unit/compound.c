// SPDX-License-Identifier: GPL-2.0-only
/* compound: holes of other classes' spans serve, before the heap grows. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../lib/patience.h"

#include "base/compound.h"
#include "base/pagemap.h"
#include "base/sizeclass.h"
#include "dies.h"
#include "fake_pageheap.h"
#include "on_node.h"
#include "span/central.h"
#include "span/central_compound.h"
#include "span/central_mesh.h"
#include "span/span.h"

#define MAX	200000

static struct object {
	unsigned char *p;
	unsigned int size;
	unsigned char tag;
} model[MAX];
static unsigned int nr;

static unsigned int class_of(unsigned int size)
{
	return sizeclass_of(size);
}

static struct central_compound_stat numbers(void)
{
	struct central_compound_stat st;

	central_compound_get_stat(&st);
	return st;
}

/*
 * As entry and percpu do: what is freed of a mixed span goes there, or else to the
 * class that it can serve.
 */
static void drop(struct object *o)
{
	unsigned int cls = pagemap_class(o->p);
	void *p = o->p;

	o->p = NULL;
	if (cls == PAGEMAP_COMPOUND) {
		if (rand() % 2 && central_put_mixed(p))
			return;
		cls = compound_class(p);
	}
	central_put(cls, &p, 1);
}

static unsigned int wrong(const struct object *o)
{
	unsigned int i;

	for (i = 0; i < o->size; i++)
		if (o->p[i] != o->tag)
			return 1;
	return 0;
}

static unsigned int all_wrong(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr; i++)
		n += model[i].p && wrong(&model[i]);
	return n;
}

static size_t room(const void *p)
{
	unsigned int cls = pagemap_class(p);

	return cls == PAGEMAP_COMPOUND ? compound_size(p) :
					 sizeclass_info[cls].size;
}

static void make(unsigned int size, unsigned int n)
{
	void *objs[SIZECLASS_BATCH_MAX];
	unsigned int i, got;

	for (; n; n -= got) {
		got = central_get(class_of(size), objs, n < 32 ? n : 32);
		if (!got || nr + got > MAX)
			abort();
		for (i = 0; i < got; i++) {
			struct object *o = &model[nr++];

			o->p = objs[i];
			o->size = size;
			o->tag = (unsigned char)rand();
			if (room(o->p) < size || (uintptr_t)o->p % 16)
				abort();
			memset(o->p, o->tag, size);
		}
	}
}

/* All but one in @keep are freed. */
static void thin(unsigned int keep)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (model[i].p && i % keep)
			drop(&model[i]);
}

static unsigned int valid(void)
{
	unsigned int cls, bad = 0;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		bad += !central_is_valid(cls);
	return !bad;
}

FIXTURE(compound) {
};

FIXTURE_SETUP(compound)
{
	srand(5);
	nr = 0;
	memset(&fake_pageheap, 0, sizeof(fake_pageheap));
	fake_pageheap.fail_after = -1;
}

/* All of it comes back, and no tail is left behind. */
FIXTURE_TEARDOWN(compound)
{
	unsigned int i;

	EXPECT_EQ(0, all_wrong());
	for (i = 0; i < nr; i++)
		if (model[i].p)
			drop(&model[i]);
	EXPECT_TRUE(valid());
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

static const unsigned int sizes[] = { 48, 96, 112, 192, 208, 304, 512, 640, 1024, 2048 };

#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))

TEST_F(compound, larger_ones_from_holes)
{
	unsigned int first, i;
	unsigned long spans;

	make(48, 40000);
	thin(20);
	spans = fake_pageheap.spans;
	first = nr;
	make(96, 10000);
	EXPECT_EQ(spans, fake_pageheap.spans);
	EXPECT_EQ(10000, numbers().objects);
	for (i = first; i < nr; i++) {
		ASSERT_EQ(PAGEMAP_COMPOUND, pagemap_class(model[i].p));
		ASSERT_EQ(96, compound_size(model[i].p));
		ASSERT_EQ(class_of(96), compound_class(model[i].p));
		ASSERT_EQ(class_of(48), pagemap_span(model[i].p)->sizeclass);
	}
	/* those of one slot that are there are as they were */
	for (i = 0; i < first; i++)
		if (model[i].p && pagemap_class(model[i].p) == PAGEMAP_COMPOUND)
			ASSERT_EQ(class_of(48), compound_class(model[i].p));
	make(48, 2000);
	EXPECT_EQ(spans, fake_pageheap.spans);
}

/* What lies between two classes serves as one of the smaller. */
TEST_F(compound, between_two_classes)
{
	unsigned int i;

	make(48, 40000);
	thin(20);
	i = nr;
	make(300, 1000);
	EXPECT_EQ(1000, numbers().objects);
	for (; i < nr; i++) {
		ASSERT_EQ(7 * 48, compound_size(model[i].p));
		ASSERT_EQ(class_of(320), compound_class(model[i].p));
	}
}

TEST_F(compound, smaller_ones_from_single_slots)
{
	unsigned long spans;
	unsigned int i;

	make(320, 5000);
	thin(2);
	spans = fake_pageheap.spans;
	i = nr;
	/* a span stops to give when three quarters of it are used */
	make(208, 1000);
	EXPECT_EQ(spans, fake_pageheap.spans);
	for (; i < nr; i++)
		ASSERT_EQ(320, compound_size(model[i].p));
	/* not where more than half would be lost */
	make(144, 100);
	EXPECT_LT(spans, fake_pageheap.spans);
}

TEST_F(compound, free_pages_come_first)
{
	unsigned long spans;

	make(48, 40000);
	thin(20);
	spans = fake_pageheap.spans;
	fake_pageheap.spare = (size_t)64 << 20;
	make(96, 1000);
	EXPECT_LT(spans, fake_pageheap.spans);
	EXPECT_EQ(0, numbers().objects);
	/* less than there are holes */
	fake_pageheap.spare = 100000;
	spans = fake_pageheap.spans;
	make(112, 1000);
	EXPECT_EQ(spans, fake_pageheap.spans);
}

/* Of @in objects the first @n are freed, but one of each 25, which are a span. */
static void thin_some(unsigned int in, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (model[i].p && i % in < n && i % 25)
			drop(&model[i]);
}

/* A donor gives to long objects when an eighth of it is free, to others a quarter. */
TEST_F(compound, long_ones_from_fuller_donors)
{
	unsigned long spans;
	unsigned int i;

	make(320, 6000);
	thin_some(600, 100);
	spans = fake_pageheap.spans;
	make(400, 19);
	EXPECT_EQ(spans + 1, fake_pageheap.spans);
	EXPECT_EQ(0, numbers().objects);
	i = nr;
	make(640, 100);
	EXPECT_EQ(spans + 1, fake_pageheap.spans);
	for (; i < nr; i++)
		ASSERT_EQ(640, compound_size(model[i].p));
	/* the shorter ones, once there is more */
	thin_some(600, 200);
	make(352, 300);
	EXPECT_LT(100, numbers().objects);
}

TEST_F(compound, full_donors_give_nothing)
{
	uint64_t looks = numbers().looks;
	unsigned long spans;

	make(320, 6000);
	thin_some(600, 50);
	spans = fake_pageheap.spans;
	make(640, 100);
	EXPECT_LT(spans, fake_pageheap.spans);
	EXPECT_EQ(looks, numbers().looks);
}

/* A heap this small is not searched. */
TEST_F(compound, not_in_a_small_heap)
{
	uint64_t looks = numbers().looks;
	unsigned long spans;

	make(48, 40000);
	thin(20);
	spans = fake_pageheap.spans;
	fake_pageheap.tiny = 1;
	make(96, 1000);
	EXPECT_LT(spans, fake_pageheap.spans);
	EXPECT_EQ(looks, numbers().looks);
	fake_pageheap.tiny = 0;
	spans = fake_pageheap.spans;
	make(96, 1000);
	EXPECT_EQ(spans, fake_pageheap.spans);
}

TEST_F(compound, off)
{
	unsigned long spans;

	make(48, 40000);
	thin(20);
	make(96, 1000);
	spans = fake_pageheap.spans;
	central_compound_enable(false);
	make(96, 1000);
	EXPECT_LT(spans, fake_pageheap.spans);
	EXPECT_EQ(1000, numbers().objects);
	central_compound_enable(true);
}

/* A donor in which nothing was found is not searched for each request. */
TEST_F(compound, in_vain_once)
{
	uint64_t looks, objects;

	make(48, 40000);
	thin(2);
	make(96, 100);
	looks = numbers().looks;
	objects = numbers().objects;
	EXPECT_LE(40000 / 170, looks);
	EXPECT_GT(100, objects);
	make(96, 4000);
	EXPECT_EQ(looks, numbers().looks);
	make(112, 10);
	EXPECT_EQ(looks, numbers().looks);
	/* until more of it is free */
	thin(4);
	/* but a class that asked in vain makes some spans first */
	make(112, 300);
	EXPECT_EQ(objects, numbers().objects);
	make(96, 4000);
	EXPECT_LT(objects + 100, numbers().objects);
}

/* What was given back would cost as much as new memory. */
static bool in_purged(const unsigned char *p)
{
	const struct span *s = pagemap_span(p);
	size_t at = (uintptr_t)p - s->start;

	return s->purged >> at / 4096 & 1 || s->purged >> (at + 2047) / 4096 & 1;
}

/* What a thread did not find on its own node, others may find on theirs. */
TEST_F(compound, each_node_looks_for_itself)
{
	uint64_t objects;

	nodes_apart();
	on_node(1);
	fake_pageheap.node = 1;
	make(48, 40000);
	thin(20);
	on_node(0);
	fake_pageheap.node = 0;
	make(304, 300);
	objects = numbers().objects;
	EXPECT_EQ(0, objects);
	on_node(1);
	make(304, 300);
	EXPECT_LT(objects + 200, numbers().objects);
	on_node(0);
	node_known.apart = false;
	node_known.seen = 0;
}

TEST_F(compound, not_where_the_memory_is_gone)
{
	unsigned int i, gone = 0;

	make(1024, 4000);
	thin(20);
	central_squeeze();
	EXPECT_LT(0, fake_pageheap.purged);
	make(2048, 100);
	EXPECT_LT(0, numbers().objects);
	for (i = 0; i < nr; i++)
		gone += model[i].p && pagemap_class(model[i].p) == PAGEMAP_COMPOUND &&
			model[i].size == 2048 && in_purged(model[i].p);
	EXPECT_EQ(0, gone);
	EXPECT_EQ(0, fake_pageheap.retaken);
}

TEST_F(compound, aligned_if_that_was_asked_for)
{
	unsigned int i;

	make(48, 40000);
	thin(20);
	compound_set_aligned(class_of(64));
	EXPECT_EQ(64, compound_align(class_of(64)));
	EXPECT_EQ(16, compound_align(class_of(128)));
	i = nr;
	make(64, 1000);
	EXPECT_EQ(1000, numbers().objects);
	for (; i < nr; i++)
		ASSERT_EQ(0, (uintptr_t)model[i].p % 64);
}

static unsigned char *some_compound(void)
{
	make(48, 40000);
	thin(20);
	make(96, 1);
	return model[nr - 1].p;
}

static void free_tail(void)
{
	compound_class(some_compound() + 48);
}

static void free_inside(void)
{
	compound_class(some_compound() + 16);
}

static void put_tail(void)
{
	void *p = some_compound() + 48;

	central_put(class_of(96), &p, 1);
}

static void mixed_tail(void)
{
	central_put_mixed(some_compound() + 48);
}

static void mixed_twice(void)
{
	void *p = some_compound();

	central_put_mixed(p);
	central_put_mixed(p);
}

/* What is freed twice may be anything by the second time. */
static void mixed_no_more(void)
{
	make(48, 1);
	central_put_mixed(model[nr - 1].p);
}

static void mixed_nothing(void)
{
	static char page[2 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

	central_put_mixed(page);
}

static void put_twice(void)
{
	void *p = some_compound();

	central_put(class_of(96), &p, 1);
	central_put(class_of(96), &p, 1);
}

TEST_F(compound, misuse_aborts)
{
	EXPECT_TRUE(dies_saying(free_tail, "objects of 48 bytes"));
	EXPECT_TRUE(dies_saying(free_inside, "objects of 48 bytes"));
	EXPECT_TRUE(dies_saying(put_tail, "objects of 48 bytes"));
	EXPECT_TRUE(dies_saying(put_twice, "double free"));
	EXPECT_TRUE(dies_saying(mixed_tail, "objects of 48 bytes"));
	EXPECT_TRUE(dies_saying(mixed_twice, "double free"));
	EXPECT_TRUE(dies_saying(mixed_no_more, "objects of 48 bytes"));
	EXPECT_TRUE(dies(mixed_nothing));
}

/* It goes to its span, and nobody waits where another thread has that. */
TEST_F(compound, straight_back)
{
	void *p = some_compound();
	struct central_stat was, now;

	central_get_stat(class_of(48), &was);
	central_fork_prepare();
	EXPECT_EQ(0, central_put_mixed(p));
	central_fork_parent();
	central_get_stat(class_of(48), &now);
	EXPECT_EQ(was.free, now.free);
	EXPECT_EQ(class_of(48), central_put_mixed(p));
	model[nr - 1].p = NULL;
	central_get_stat(class_of(48), &now);
	EXPECT_EQ(was.free + 2, now.free);
	EXPECT_TRUE(valid());
}

/* Where many of these are gone, the caches are asked for what they have. */
TEST_F(compound, a_fall_wants_what_is_cached)
{
	unsigned int i, cls = class_of(512);

	make(512, 20000);
	thin(4);
	make(48, 20000);
	make(256, 20000);
	ASSERT_LT(10000, numbers().objects);
	central_called(cls);
	for (i = 0; i < nr && !central_wants(cls); i++)
		if (model[i].p && pagemap_class(model[i].p) == PAGEMAP_COMPOUND) {
			central_put_mixed(model[i].p);
			model[i].p = NULL;
		}
	EXPECT_TRUE(central_wants(cls));
	central_called(cls);
}

TEST_F(compound, check)
{
	unsigned char *p = some_compound();

	/* whatever the class of the stack that it is on */
	EXPECT_EQ(SPAN_OK, central_check(class_of(96), p));
	EXPECT_EQ(SPAN_OK, central_check(class_of(48), p));
	EXPECT_EQ(SPAN_INTERIOR, central_check(class_of(96), p + 48));
	EXPECT_EQ(SPAN_INTERIOR, central_check(class_of(96), p + 16));
}

/* No memory for the map of tails: the heap grows, as if there were no holes. */
TEST_F(compound, no_memory_for_tails)
{
	struct rlimit none = { 0, RLIM_INFINITY }, was;
	unsigned long spans;

	make(48, 40000);
	thin(20);
	spans = fake_pageheap.spans;
	getrlimit(RLIMIT_AS, &was);
	setrlimit(RLIMIT_AS, &none);
	make(96, 100);
	setrlimit(RLIMIT_AS, &was);
	EXPECT_LT(spans, fake_pageheap.spans);
	EXPECT_EQ(0, numbers().objects);
	EXPECT_EQ(0, all_wrong());
}

TEST_F(compound, any_sizes_in_any_order)
{
	unsigned int round, i;

	for (round = 0; round < 40; round++) {
		make(sizes[rand() % SIZES], 3000);
		ASSERT_EQ(0, all_wrong());
		for (i = 0; i < nr; i++)
			if (model[i].p && rand() % 5 < 3)
				drop(&model[i]);
		ASSERT_TRUE(valid());
	}
	TH_LOG("%lu objects in holes of %lu spans",
	       (unsigned long)numbers().objects, (unsigned long)numbers().spans);
	EXPECT_LT(1000, numbers().objects);
}

/* Spans of several sizes are no candidates for meshing, and stay as they are. */
TEST_F(compound, beside_meshes)
{
	unsigned int round;

	ASSERT_EQ(NULL, central_mesh_enable(CENTRAL_MESH_PAID));
	for (round = 0; round < 10; round++) {
		make(sizes[round % SIZES], 8000);
		thin(10 + round);
		if (round % 2)
			central_mesh_all();
		ASSERT_EQ(0, all_wrong());
	}
	EXPECT_LT(0, numbers().objects);
	EXPECT_LT(0, fake_pageheap.pairs);
	central_mesh_enable(CENTRAL_MESH_OFF);
}

struct worker {
	pthread_t thread;
	unsigned int seed, bad;
};

static void *work(void *arg)
{
	static __thread struct object own[2000];
	struct worker *w = arg;
	unsigned int round, i;
	void *p;

	for (round = 0; round < 40000; round++) {
		struct object *o = &own[rand_r(&w->seed) % 2000];

		if (o->p) {
			w->bad += wrong(o);
			drop(o);
		}
		/* sizes go in and out of use */
		o->size = sizes[(round / 4000 + rand_r(&w->seed) % 2) % SIZES];
		if (!central_get(class_of(o->size), &p, 1))
			abort();
		o->p = p;
		o->tag = (unsigned char)rand_r(&w->seed);
		memset(o->p, o->tag, o->size);
	}
	for (i = 0; i < 2000; i++)
		if (own[i].p) {
			w->bad += wrong(&own[i]);
			drop(&own[i]);
		}
	return NULL;
}

TEST_F(compound, threads)
{
	struct worker w[4] = { 0 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		w[i].seed = i + 1;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, work, &w[i]));
	}
	for (i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].bad);
	}
	EXPECT_LT(0, numbers().objects);
}

TEST_HARNESS_MAIN
