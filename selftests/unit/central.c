// SPDX-License-Identifier: GPL-2.0-only
/* central: the fullest span first, empty ones given back, misuse reported. */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "span/central.h"
#include "span/span.h"
#include "churn.h"
#include "dies.h"
#include "fake_pageheap.h"
#include "on_node.h"
#include "base/pagemap.h"
#include "base/sizeclass.h"

#define CLS	8	/* 128 bytes, 64 to a span */
#define OBJS	64

static void get(void **objs, unsigned int n)
{
	unsigned int got;

	while (n) {
		got = central_get(CLS, objs, n < 32 ? n : 32);
		if (!got)
			abort();
		objs += got;
		n -= got;
	}
}

static size_t spans(void)
{
	struct central_stat st;

	central_get_stat(CLS, &st);
	return st.spans;
}

TEST(spans_come_and_go)
{
	void *objs[OBJS * 10];
	struct central_stat st;

	get(objs, OBJS * 10);
	EXPECT_EQ(10, spans());
	EXPECT_EQ(10, fake_pageheap.spans);
	EXPECT_TRUE(central_is_valid(CLS));
	central_put(CLS, objs, OBJS * 10);
	EXPECT_EQ(0, spans());
	EXPECT_EQ(0, fake_pageheap.spans);
	central_get_stat(CLS, &st);
	EXPECT_EQ(0, st.free);
	EXPECT_EQ(10, st.made);
	EXPECT_EQ(10, st.destroyed);
	EXPECT_EQ(0, fake_pageheap.bad);
}

/* Objects come from spans of the caller's node, or there must be no memory. */
TEST(near_spans_only)
{
	void *objs[2][OBJS * 2], *more[OBJS];
	unsigned int i, node;

	nodes_apart();
	for (node = 0; node < 2; node++) {
		on_node(node);
		fake_pageheap.node = node;
		get(objs[node], OBJS * 2);
		EXPECT_EQ(2 * (node + 1), spans());
	}
	/* half of each span is free again, wherever it was freed */
	for (node = 0; node < 2; node++)
		for (i = 0; i < OBJS * 2; i += 2)
			central_put(CLS, &objs[node][i], 1);
	EXPECT_TRUE(central_is_valid(CLS));
	get(more, OBJS);
	for (i = 0; i < OBJS; i++)
		EXPECT_EQ(1, central_node(more[i]));
	EXPECT_EQ(4, spans());
	/* then a new one */
	get(more, 1);
	EXPECT_EQ(1, central_node(more[0]));
	EXPECT_EQ(5, spans());
	get(more, OBJS - 1);
	fake_pageheap.fail_after = 0;
	get(more, OBJS);
	for (i = 0; i < OBJS; i++)
		EXPECT_EQ(0, central_node(more[i]));
	EXPECT_EQ(0, central_get(CLS, more, 1));
	EXPECT_TRUE(central_is_valid(CLS));
	EXPECT_EQ(0, fake_pageheap.bad);
}

/* Dry: no object in a span, and too few free pages for a span. */
TEST(dry)
{
	void *objs[OBJS];

	EXPECT_TRUE(central_is_dry(CLS));
	get(objs, OBJS);
	EXPECT_TRUE(central_is_dry(CLS));
	central_put(CLS, objs, 1);
	EXPECT_FALSE(central_is_dry(CLS));
	get(objs, 1);
	EXPECT_TRUE(central_is_dry(CLS));
	fake_pageheap.spare = sizeclass_info[CLS].npages * PAGE_SIZE - 1;
	EXPECT_TRUE(central_is_dry(CLS));
	fake_pageheap.spare++;
	EXPECT_FALSE(central_is_dry(CLS));
	central_put(CLS, objs, OBJS);
}

/* Three spans with 1, 32 and 60 objects: the next ones come from the last. */
TEST(fullest_first)
{
	void *objs[OBJS * 3], *p;
	unsigned int keep[3] = { 1, 32, 60 };
	unsigned int i;

	get(objs, OBJS * 3);
	for (i = 0; i < 3; i++)
		central_put(CLS, objs + i * OBJS + keep[i], OBJS - keep[i]);
	EXPECT_TRUE(central_is_valid(CLS));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(1, central_get(CLS, &p, 1));
		ASSERT_EQ(pagemap_span(objs[2 * OBJS]), pagemap_span(p));
	}
	for (i = 0; i < 32; i++) {
		ASSERT_EQ(1, central_get(CLS, &p, 1));
		ASSERT_EQ(pagemap_span(objs[OBJS]), pagemap_span(p));
	}
	ASSERT_EQ(1, central_get(CLS, &p, 1));
	EXPECT_EQ(pagemap_span(objs[0]), pagemap_span(p));
	EXPECT_EQ(3, spans());
}

/* After a while of random frees, few objects are left in few spans. */
TEST(churn_drains_spans)
{
	enum { N = OBJS * 64 };
	static void *objs[N];
	unsigned int i, k;
	size_t worst;

	srand(3);
	get(objs, N);
	for (i = 0; i < N; i++) {
		k = rand() % N;
		if (i % 10 && objs[i]) {
			central_put(CLS, &objs[i], 1);
			objs[i] = NULL;
		}
	}
	worst = spans();
	/* a tenth is live; replace these one by one, ten times over */
	for (i = 0; i < N; i++) {
		k = i * 10 % N;
		if (!objs[k])
			continue;
		central_put(CLS, &objs[k], 1);
		get(&objs[k], 1);
	}
	EXPECT_TRUE(central_is_valid(CLS));
	EXPECT_GT(worst, spans());
}

TEST(threads)
{
	static const struct churn all = {
		.get = central_get,
		.put = central_put,
		.cls = CLS,
		.batch = 32,
		.rounds = 20000,
	};

	ASSERT_EQ(0, churn(&all));
	EXPECT_TRUE(central_is_valid(CLS));
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

TEST(no_memory)
{
	void *objs[OBJS + 8];

	fake_pageheap.fail_after = 1;
	EXPECT_EQ(OBJS, central_get(CLS, objs, OBJS + 8));
	EXPECT_EQ(0, central_get(CLS, objs + OBJS, 1));
	fake_pageheap.fail_after = -1;
	central_put(CLS, objs, OBJS);
	EXPECT_EQ(0, fake_pageheap.spans);
}

/* Objects of one class, filled; some of them are freed. */
struct some {
	unsigned int cls;
	unsigned int n;
	void *objs[8192];
	bool taken[8192];
};

static struct some some;

static int mark(unsigned int i)
{
	return (int)(i % 251 + 1);
}

static void some_get(unsigned int cls, unsigned int spans)
{
	unsigned int i, got;

	some.cls = cls;
	some.n = spans * sizeclass_info[cls].nobjs;
	for (i = 0; i < some.n; i += got) {
		got = central_get(cls, some.objs + i,
				  some.n - i < 32 ? some.n - i : 32);
		if (!got)
			abort();
	}
	for (i = 0; i < some.n; i++) {
		some.taken[i] = true;
		memset(some.objs[i], mark(i), sizeclass_info[cls].size);
	}
}

/* One in @each stays, the others are put back in random order. */
static void some_put(int each)
{
	void *objs[32];
	unsigned int i, n = 0;

	for (i = 0; i < some.n; i++) {
		if (!some.taken[i] || (each && rand() % each == 0))
			continue;
		some.taken[i] = false;
		objs[n++] = some.objs[i];
		if (n < 32)
			continue;
		central_put(some.cls, objs, n);
		n = 0;
	}
	if (n)
		central_put(some.cls, objs, n);
}

/* Is everything that is in use as it was written? */
static bool some_intact(void)
{
	unsigned int i, k;

	for (i = 0; i < some.n; i++)
		for (k = 0; some.taken[i] &&
		     k < sizeclass_info[some.cls].size; k++)
			if (((unsigned char *)some.objs[i])[k] != mark(i))
				return false;
	return true;
}

/*
 * In all classes, two looks give back what is free, and nothing that is in use.
 */
TEST(purge_spares_what_is_in_use)
{
	unsigned long before;
	unsigned int cls, round;

	srand(5);
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		for (round = 1; round < 6; round++) {
			some_get(cls, 6);
			some_put((int)round * 4);
			before = fake_pageheap.purged;
			central_purge();
			/* what was in use a moment ago may be used again */
			ASSERT_EQ(before, fake_pageheap.purged);
			central_purge();
			ASSERT_TRUE(some_intact());
			if (sizeclass_info[cls].size < 256 ||
			    sizeclass_info[cls].npages > 8)
				ASSERT_EQ(before, fake_pageheap.purged);
			ASSERT_TRUE(central_is_valid(cls));
			some_put(0);
		}
	}
	EXPECT_LT(4 << 20, fake_pageheap.purged);
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

/* More spans than one step looks at, of which some come and go meanwhile. */
TEST(squeeze_looks_at_every_span)
{
	unsigned int cls = 1, i, n;
	unsigned long before;
	struct span *s;

	while (sizeclass_info[cls].size < 512)
		cls++;
	srand(6);
	some_get(cls, 200);
	/* nothing goes while it is freed */
	fake_pageheap.whole = 1;
	/* the first object of each span stays */
	for (i = 0; i < some.n; i++) {
		s = pagemap_span(some.objs[i]);
		if (s->start == (uintptr_t)some.objs[i])
			continue;
		some.taken[i] = false;
		central_put(cls, &some.objs[i], 1);
	}
	ASSERT_EQ(0, fake_pageheap.purged);
	fake_pageheap.whole = 0;
	central_squeeze();
	EXPECT_TRUE(some_intact());
	n = sizeclass_info[cls].npages * 2 - 1;
	EXPECT_LE(200ul * n * 4096, fake_pageheap.purged);
	/* all of it went: nothing is left to give back */
	before = fake_pageheap.purged;
	central_squeeze();
	EXPECT_EQ(before, fake_pageheap.purged);
	some_put(0);
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

/* Half of what was in use is freed: its memory goes without any look. */
TEST(a_fall_gives_back_at_once)
{
	unsigned int cls = 1;

	while (sizeclass_info[cls].size < 1024)
		cls++;
	srand(7);
	some_get(cls, 8192 / sizeclass_info[cls].nobjs);
	some_put(8);
	EXPECT_LT(1 << 20, fake_pageheap.purged);
	EXPECT_TRUE(some_intact());
	EXPECT_TRUE(central_is_valid(cls));
	some_put(0);
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

/* Calls in which what is due can be done. */
static void calls(unsigned int cls, unsigned int n)
{
	void *p;

	while (n--) {
		if (central_get(cls, &p, 1) != 1)
			abort();
		central_put(cls, &p, 1);
	}
}

/* An eighth less, and it goes again: who frees the last does not come back. */
TEST(a_fall_goes_on)
{
	unsigned int cls = 1, i;
	unsigned long half;

	while (sizeclass_info[cls].size < 1024)
		cls++;
	srand(9);
	some_get(cls, 8192 / sizeclass_info[cls].nobjs);
	some_put(3);
	calls(cls, 2000);
	half = fake_pageheap.purged;
	/* a fifth of the third that is left: more than a quarter stays */
	for (i = 0; i < some.n; i++)
		if (some.taken[i] && rand() % 5 == 0) {
			some.taken[i] = false;
			central_put(cls, &some.objs[i], 1);
		}
	calls(cls, 2000);
	EXPECT_LT(half + 8 * 4096, fake_pageheap.purged);
	EXPECT_TRUE(some_intact());
	some_put(0);
	EXPECT_EQ(0, fake_pageheap.spans);
}

/* What is refused because its block is whole is tried again. */
TEST(what_was_refused_is_purged_later)
{
	unsigned int cls = 1;

	while (sizeclass_info[cls].size < 1024)
		cls++;
	srand(10);
	some_get(cls, 50);
	some_put(8);
	fake_pageheap.whole = 1;
	central_purge();
	central_purge();
	central_purge();
	EXPECT_EQ(0, fake_pageheap.purged);
	fake_pageheap.whole = 0;
	central_purge();
	central_purge();
	EXPECT_LT(16 * 4096, fake_pageheap.purged);
	EXPECT_TRUE(some_intact());
	some_put(0);
	EXPECT_EQ(0, fake_pageheap.spans);
}

/* After a fall the caches are asked for what they have, once. */
TEST(a_fall_wants_what_is_cached)
{
	unsigned int cls = 1, i;

	/* 1.5 MiB of objects, and a fall is worth it from 1 MiB on */
	while (sizeclass_info[cls].size < 192)
		cls++;
	srand(8);
	some_get(cls, 8192 / sizeclass_info[cls].nobjs);
	for (i = 0; i < some.n / 2; i++) {
		/* every other object, so that no span goes */
		central_put(cls, &some.objs[2 * i], 1);
		some.taken[2 * i] = false;
	}
	EXPECT_FALSE(central_wants(cls));
	for (i = 0; i < some.n / 2 && !central_wants(cls); i++) {
		if (i % 8 == 0)
			continue;
		central_put(cls, &some.objs[2 * i + 1], 1);
		some.taken[2 * i + 1] = false;
	}
	EXPECT_TRUE(central_wants(cls));
	EXPECT_TRUE(central_called(cls));
	EXPECT_FALSE(central_wants(cls));
	EXPECT_FALSE(central_called(cls));
	some_put(0);
	EXPECT_EQ(0, fake_pageheap.spans);
}

/* Of spans of two lengths: what counts is the objects, not the spans. */
TEST(a_fall_among_short_spans)
{
	unsigned int i, half;

	fake_pageheap.shorter = 2;
	/* a page has four of these, a span of full length eight */
	some_get(sizeclass_of(2048), 512);
	half = some.n / 2;
	EXPECT_LT(600, fake_pageheap.spans);
	for (i = 0; i < half; i++) {
		central_put(some.cls, &some.objs[2 * i], 1);
		some.taken[2 * i] = false;
	}
	EXPECT_FALSE(central_wants(some.cls));
	EXPECT_TRUE(central_is_valid(some.cls));
	for (i = 0; i < half && !central_wants(some.cls); i++) {
		if (i % 4 == 0)
			continue;
		central_put(some.cls, &some.objs[2 * i + 1], 1);
		some.taken[2 * i + 1] = false;
	}
	/* the last span may not be all in use: a few more */
	EXPECT_TRUE(central_wants(some.cls));
	EXPECT_GE(16, i);
	EXPECT_TRUE(central_is_valid(some.cls));
	EXPECT_TRUE(some_intact());
	some_put(0);
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

/* Batches made of short runs of one span each, in rows or not. */
TEST(short_runs_against_the_count)
{
	unsigned int i, k, n, len, from, at, left = 16 * OBJS;
	void *objs[16 * OBJS], *batch[OBJS];
	bool there[16 * OBJS];
	struct central_stat st;

	for (i = 0; i < 16; i++)
		get(objs + i * OBJS, OBJS);
	memset(there, true, sizeof(there));
	srand(4);
	while (left) {
		for (n = 0; n < OBJS / 2 && left; n += len) {
			from = (unsigned int)rand() % (16 * OBJS);
			for (k = 0, len = 0; k < 10; k++) {
				at = (from + k * (1 + from % 3)) % (16 * OBJS);
				if (!there[at])
					continue;
				there[at] = false;
				batch[n + len++] = objs[at];
				left--;
			}
		}
		central_put(CLS, batch, n);
		ASSERT_TRUE(central_is_valid(CLS));
		central_get_stat(CLS, &st);
		ASSERT_EQ(left, st.spans * OBJS - st.free);
	}
	EXPECT_EQ(0, spans());
}

/* How many are in use: one span has them, and would be empty, or not nearly. */
static unsigned int used;

static void free_twice(void)
{
	void *objs[OBJS];

	get(objs, used);
	central_put(CLS, objs, 1);
	central_put(CLS, objs, 1);
}

static void free_interior(void)
{
	void *objs[OBJS];

	get(objs, used);
	objs[0] = (char *)objs[0] + 16;
	central_put(CLS, objs, 1);
}

static void free_wrong_class(void)
{
	void *objs[OBJS];

	get(objs, used);
	central_put(CLS + 1, objs, 1);
}

/* The same in a run of objects of the span that are in no row. */
static void free_twice_in_run(void)
{
	void *objs[OBJS], *run[3];

	get(objs, used);
	run[0] = objs[used / 2 + 2];
	run[1] = objs[used / 2];
	run[2] = run[0];
	central_put(CLS, run, 3);
}

/* Behind the last object of a span that is shorter than those of its class are. */
static unsigned int short_cls;

static void free_behind(void)
{
	void *objs[OBJS], *p;
	struct span *s;

	fake_pageheap.shorter = 1;
	if (central_get(short_cls, objs, used) != used)
		return;
	s = pagemap_span(objs[0]);
	p = (void *)(s->start + s->nobjs * (uintptr_t)sizeclass_info[short_cls].size);
	central_put(short_cls, &p, 1);
}

/* Has a short span of that class a part of one more object? */
static bool has_part_behind(unsigned int cls)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	struct span *s = NULL;
	bool part;

	fake_pageheap.shorter = 1;
	if (info->nobjs <= OBJS && info->npages > 1)
		s = span_make(cls);
	if (!s)
		return false;
	part = s->nobjs > 3 && s->nobjs < info->nobjs &&
	       s->nobjs * (size_t)info->size < s->npages * PAGE_SIZE;
	span_destroy(s);
	return part;
}

TEST(behind_a_short_span_is_no_object)
{
	unsigned int n = 0;

	for (short_cls = 1; short_cls <= SIZECLASS_COUNT; short_cls++) {
		if (!has_part_behind(short_cls))
			continue;
		for (used = 1; used <= 4; used++)
			EXPECT_TRUE(dies_saying(free_behind, "into an object"));
		n++;
	}
	EXPECT_LT(0, n);
}

TEST(misuse_aborts)
{
	for (used = 2; used < OBJS; used += 18) {
		EXPECT_TRUE(dies_saying(free_twice, "freed before"));
		EXPECT_TRUE(dies_saying(free_interior, "into an object"));
		EXPECT_TRUE(dies_saying(free_wrong_class, "nothing that"));
	}
	for (used = 6; used < OBJS; used += 18)
		EXPECT_TRUE(dies_saying(free_twice_in_run, "freed before"));
}

TEST(fork_functions_pair)
{
	void *p;

	central_fork_prepare();
	central_fork_parent();
	get(&p, 1);
	central_fork_prepare();
	central_fork_child();
	central_put(CLS, &p, 1);
	EXPECT_EQ(0, fake_pageheap.spans);
}

TEST_HARNESS_MAIN
