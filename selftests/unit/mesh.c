// SPDX-License-Identifier: GPL-2.0-only
/*
 * mesh: objects of spans that are meshed keep what was written to them, whatever
 * comes in between.  The page heap is a fake in which addresses do share memory.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "base/pagemap.h"
#include "base/sizeclass.h"
#include "dies.h"
#include "fake_pageheap.h"
#include "span/central.h"
#include "span/central_mesh.h"
#include "span/span_mesh.h"

#define MAX	40000

/* The model: what there is, and what was written to it. */
static struct {
	unsigned int cls;
	unsigned int size;
	unsigned int n;
	void *p[MAX];
	unsigned char seed[MAX];
} model;

static void object_write(unsigned int i)
{
	unsigned char *p = model.p[i];
	unsigned int k;

	model.seed[i] = (unsigned char)rand();
	for (k = 0; k < model.size; k++)
		p[k] = (unsigned char)(model.seed[i] + k);
}

static bool object_is_right(unsigned int i)
{
	const unsigned char *p = model.p[i];
	unsigned int k;

	for (k = 0; k < model.size; k++)
		if (p[k] != (unsigned char)(model.seed[i] + k))
			return false;
	return true;
}

static unsigned int all_wrong(void)
{
	unsigned int i, wrong = 0;

	for (i = 0; i < model.n; i++)
		wrong += !object_is_right(i);
	return wrong;
}

static void model_get(unsigned int n)
{
	void *objs[32];
	unsigned int got, k;

	while (n) {
		got = central_get(model.cls, objs, n < 32 ? n : 32);
		if (!got)
			abort();
		for (k = 0; k < got; k++) {
			model.p[model.n] = objs[k];
			object_write(model.n++);
		}
		n -= got;
	}
}

static void model_put(unsigned int i)
{
	if (!object_is_right(i))
		abort();
	/* whoever has the place next must not find it in order by chance */
	memset(model.p[i], 0x5a, model.size);
	central_put(model.cls, &model.p[i], 1);
	model.n--;
	model.p[i] = model.p[model.n];
	model.seed[i] = model.seed[model.n];
}

/* One in @keep stays. */
static void model_thin(unsigned int keep)
{
	unsigned int i;

	for (i = model.n; i-- > 0;)
		if (rand() % keep)
			model_put(i);
}

static void model_drop(void)
{
	while (model.n)
		model_put(model.n - 1);
}

static void model_begin(unsigned int size)
{
	model.cls = sizeclass_of(size);
	model.size = sizeclass_info[model.cls].size;
	model.n = 0;
}

/* Objects for so many spans. */
static unsigned int spans_of(unsigned int n)
{
	unsigned int objs = n * sizeclass_info[model.cls].nobjs;

	return objs < MAX ? objs : MAX;
}

static size_t aliases(void)
{
	struct central_mesh_stat st;

	central_mesh_get_stat(&st);
	return st.aliases;
}

FIXTURE(mesh) {
};

FIXTURE_SETUP(mesh)
{
	srand(11);
	ASSERT_EQ(NULL, central_mesh_enable(CENTRAL_MESH_PAID));
}

/* Nothing is left, and nothing shares memory. */
FIXTURE_TEARDOWN(mesh)
{
	fake_pageheap.mesh_fail = 0;
	fake_pageheap.unmesh_fail = 0;
	fake_pageheap.shorter = 0;
	model_drop();
	central_mesh_tick();
	EXPECT_TRUE(central_is_valid(model.cls));
	EXPECT_EQ(0, aliases());
	EXPECT_EQ(0, fake_pageheap.meshed);
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

static const unsigned int sizes[] = { 16, 48, 64, 112, 256, 512, 1024, 2048 };

#define SIZES	(sizeof(sizes) / sizeof(sizes[0]))

/* A tenth of what was there lives on: most spans give up their memory. */
TEST_F(mesh, saves_memory_and_loses_nothing)
{
	unsigned int i, spans;

	for (i = 0; i < SIZES; i++) {
		fake_pageheap.pairs = 0;
		model_begin(sizes[i]);
		spans = 200;
		model_get(spans_of(spans));
		model_thin(sizes[i] < 64 ? 20 : 10);
		central_mesh_all();
		ASSERT_EQ(0, all_wrong());
		ASSERT_TRUE(central_is_valid(model.cls));
		TH_LOG("%u bytes: %zu of %lu spans are aliases, %ld pages saved",
		       model.size, aliases(), fake_pageheap.spans,
		       fake_pageheap.meshed);
		ASSERT_LT(0, fake_pageheap.meshed);
		/* of what purging leaves (2 KiB: little), a third goes at least */
		if (sizes[i] >= 48 && sizes[i] <= 256)
			ASSERT_LE(fake_pageheap.spans / 3, aliases());
		model_drop();
		ASSERT_EQ(0, aliases());
		ASSERT_EQ(0, fake_pageheap.meshed);
	}
}

/* An OS page that nobody of a group uses is nobody's. */
TEST_F(mesh, what_is_purged_is_so_in_all_of_a_group)
{
	unsigned int i, purged = 0;

	model_begin(1024);
	model_get(spans_of(200));
	model_thin(4);
	central_mesh_all();
	ASSERT_LT(20, aliases());
	model_thin(3);
	central_squeeze();
	EXPECT_EQ(0, all_wrong());
	EXPECT_TRUE(central_is_valid(model.cls));
	for (i = 0; i < model.n; i++) {
		struct span *s = pagemap_span(model.p[i]), *a;

		s = span_is_alias(s) ? s->mesh : s;
		for (a = s->mesh; a; a = a->next) {
			ASSERT_EQ(0, s->purged & ~a->purged);
			ASSERT_EQ(0, a->shared & a->purged);
			purged += s->purged != 0;
		}
	}
	EXPECT_LT(0, purged);
}

/* Spans of one class may differ in length: those that do are never meshed. */
TEST_F(mesh, spans_of_one_length_share)
{
	unsigned int i, shared[3] = { 0 };

	fake_pageheap.shorter = 2;
	model_begin(1152);
	model_get(spans_of(300));
	model_thin(8);
	central_mesh_all();
	ASSERT_LT(20, aliases());
	ASSERT_EQ(0, all_wrong());
	ASSERT_TRUE(central_is_valid(model.cls));
	for (i = 0; i < model.n; i++) {
		struct span *s = pagemap_span(model.p[i]);

		if (!span_is_alias(s))
			continue;
		ASSERT_EQ(s->npages, s->mesh->npages);
		ASSERT_EQ(s->nobjs, s->mesh->nobjs);
		shared[s->npages]++;
	}
	/* of both lengths */
	EXPECT_LT(0, shared[1]);
	EXPECT_LT(0, shared[2]);
}

/* Anything, in any order, against the model. */
static void anything(struct __test_metadata *_metadata, unsigned int rounds)
{
	unsigned int round, i, k;
	void *p;

	for (round = 0; round < rounds; round++) {
		switch (rand() % 8) {
		case 0:
		case 1:
			central_mesh_all();
			break;
		case 2:
			central_purge();
			break;
		case 3:
			central_squeeze();
			break;
		case 4:
			model_thin(1 + rand() % 4);
			break;
		case 5:
			k = spans_of(1 + rand() % 100);
			model_get(model.n + k < MAX ? k : 0);
			break;
		case 6:
			/* as realloc() does: the copy is there before */
			for (i = 0; model.n && i < 200; i++) {
				k = rand() % model.n;
				if (central_get(model.cls, &p, 1) != 1)
					abort();
				memcpy(p, model.p[k], model.size);
				central_put(model.cls, &model.p[k], 1);
				model.p[k] = p;
			}
			break;
		default:
			/* written to again, by the address it has */
			for (i = 0; model.n && i < 500; i++)
				object_write(rand() % model.n);
			break;
		}
		ASSERT_EQ(0, all_wrong());
		ASSERT_TRUE(central_is_valid(model.cls));
	}
}

TEST_F(mesh, against_a_model)
{
	unsigned int i;

	for (i = 0; i < SIZES; i++) {
		model_begin(sizes[i]);
		anything(_metadata, 60);
		model_drop();
		ASSERT_EQ(0, aliases());
	}
	EXPECT_LT(500, fake_pageheap.pairs);	/* 950 to 1,050 */
}

/* The same with spans of two lengths. */
TEST_F(mesh, lengths_against_a_model)
{
	fake_pageheap.shorter = 3;
	model_begin(1152);
	anything(_metadata, 60);
	model_drop();
	model_begin(2048);
	anything(_metadata, 60);
}

/* The same while one pair in three is refused, and aliases cannot leave. */
TEST_F(mesh, refusals_against_a_model)
{
	static const int errnos[] = { -EBUSY, -ENOENT, -ENOMEM, -EXDEV };
	unsigned int i;

	for (i = 0; i < SIZES; i++) {
		model_begin(sizes[i]);
		fake_pageheap.mesh_fail = 3;
		fake_pageheap.mesh_errno = errnos[i % 4];
		anything(_metadata, 20);
		fake_pageheap.unmesh_fail = 1;
		anything(_metadata, 20);
		fake_pageheap.unmesh_fail = 0;
		anything(_metadata, 20);
		model_drop();
	}
	EXPECT_LT(200, fake_pageheap.pairs);
}

/* What could not leave does so later, and its survivor with it. */
TEST_F(mesh, aliases_that_are_stuck_leave_later)
{
	model_begin(64);
	model_get(spans_of(100));
	model_thin(10);
	central_mesh_all();
	ASSERT_LT(20, aliases());
	fake_pageheap.unmesh_fail = 1;
	model_drop();
	ASSERT_TRUE(central_is_valid(model.cls));
	EXPECT_LT(20, aliases());
	central_mesh_tick();
	EXPECT_LT(20, aliases());
	/* and their survivors are used in the meantime */
	model_get(500);
	EXPECT_EQ(0, all_wrong());
	fake_pageheap.unmesh_fail = 0;
	central_mesh_tick();
	EXPECT_EQ(0, aliases());
	EXPECT_TRUE(central_is_valid(model.cls));
}

/* A burst of frees pays for it: nobody asks. */
TEST_F(mesh, a_burst_meshes)
{
	model_begin(64);
	model_get(spans_of(300));
	/* as a program that has run for a while has earned it */
	model_thin(8);
	TH_LOG("%zu aliases", aliases());
	/* about 120; one step for each batch leaves it at about 32 */
	EXPECT_LT(64, aliases());
	EXPECT_EQ(0, all_wrong());
	EXPECT_TRUE(central_is_valid(model.cls));
}

/* What is in blocks of 2 MiB is meshed after they were cut. */
TEST_F(mesh, whole_blocks_are_cut_first)
{
	fake_pageheap.mesh_whole = 1;
	model_begin(64);
	model_get(spans_of(200));
	model_thin(10);
	central_mesh_all();
	EXPECT_EQ(0, fake_pageheap.mesh_whole);
	central_mesh_all();
	EXPECT_LT(50, aliases());
	EXPECT_EQ(0, all_wrong());
}

/* Two looks without a change come first; what changes is left alone. */
TEST_F(mesh, a_tick_waits_until_it_is_quiet)
{
	unsigned int i, k, seen;
	struct span *had[60];

	model_begin(64);
	model_get(spans_of(60));	/* too few for a burst */
	model_thin(5);
	ASSERT_EQ(0, aliases());
	for (i = 0; i < 8; i++) {
		/* one object less in each span */
		seen = 0;
		for (k = model.n; k-- > 0;) {
			struct span *s = pagemap_span(model.p[k]);
			unsigned int h = 0;

			while (h < seen && had[h] != s)
				h++;
			if (h < seen)
				continue;
			had[seen++] = s;
			model_put(k);
		}
		ASSERT_LT(20, seen);
		central_mesh_tick();
		usleep(50000);
		ASSERT_EQ(0, aliases());
	}
	for (i = 0; i < 200 && !aliases(); i++) {
		usleep(20000);
		central_mesh_tick();
	}
	EXPECT_LT(0, aliases());
	EXPECT_EQ(0, all_wrong());
}

TEST_F(mesh, off_means_off)
{
	EXPECT_EQ(CENTRAL_MESH_PAID, central_mesh_mode());
	EXPECT_EQ(NULL, central_mesh_enable(CENTRAL_MESH_OFF));
	EXPECT_EQ(CENTRAL_MESH_OFF, central_mesh_mode());
	model_begin(64);
	model_get(spans_of(200));
	model_thin(10);
	central_mesh_all();
	central_mesh_tick();
	EXPECT_EQ(0, aliases());
	fake_pageheap.why_not = "it is Monday";
	EXPECT_STREQ("it is Monday", central_mesh_enable(CENTRAL_MESH_PACED));
	EXPECT_EQ(CENTRAL_MESH_OFF, central_mesh_mode());
	fake_pageheap.why_not = NULL;
}

/* Spans begin at different objects, so that what lives longest does not collide. */
TEST_F(mesh, spans_begin_anywhere)
{
	unsigned int i, k, first = 0;
	void *objs[32];

	model_begin(64);
	for (i = 0; i < 50; i++) {
		/* the rest of the span, so that the next one is new */
		ASSERT_EQ(32, central_get(model.cls, objs, 32));
		for (k = 0; k < 32; k++) {
			model.p[model.n] = objs[k];
			object_write(model.n++);
		}
		first += pagemap_span(objs[0])->start == (uintptr_t)objs[0];
		model_get(sizeclass_info[model.cls].nobjs - 32);
	}
	EXPECT_GT(5, first);
}

/* An alias and its survivor that have a live object at the same place in neither. */
static void *alias_object(void)
{
	unsigned int i;

	model_begin(64);
	model_get(spans_of(100));
	model_thin(10);
	central_mesh_all();
	for (i = 0; i < model.n; i++)
		if (span_is_alias(pagemap_span(model.p[i])))
			return model.p[i];
	abort();
}

static void free_by_the_survivors_address(void)
{
	void *p = alias_object();
	struct span *s = pagemap_span(p);

	p = (void *)(s->mesh->start + ((uintptr_t)p - s->start));
	central_put(model.cls, &p, 1);
}

static void free_twice_by_the_alias(void)
{
	void *p = alias_object();

	central_put(model.cls, &p, 1);
	central_put(model.cls, &p, 1);
}

TEST_F(mesh, misuse_aborts)
{
	EXPECT_TRUE(dies(free_by_the_survivors_address));
	EXPECT_TRUE(dies(free_twice_by_the_alias));
}

/* A child goes on with what its parent has meshed. */
TEST_F(mesh, fork_functions_pair)
{
	model_begin(64);
	model_get(spans_of(100));
	model_thin(10);
	central_mesh_all();
	central_fork_prepare();
	central_fork_parent();
	model_thin(2);
	central_fork_prepare();
	central_fork_child();
	central_mesh_all();
	EXPECT_EQ(0, all_wrong());
}

TEST_HARNESS_MAIN
