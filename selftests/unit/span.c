// SPDX-License-Identifier: GPL-2.0-only
/*
 * span: objects in and out against a model, and pointers that are no objects.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "fake_pageheap.h"
#include "base/sizeclass.h"
#include "span/span.h"

/* One object. */
static enum span_error put(struct span *s, void *p)
{
	enum span_error err;

	span_put(s, &p, 1, &err);
	return err;
}

static void every_class(struct __test_metadata *_metadata)
{
	unsigned int cls, i, n, nobjs;
	void *objs[512];
	struct span *s;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		s = span_make(cls);
		ASSERT_NE(NULL, s);
		ASSERT_TRUE(span_is_valid(s));
		nobjs = s->npages * PAGE_SIZE / span_size(s);
		ASSERT_EQ(nobjs, s->nobjs);
		ASSERT_EQ(nobjs, s->nfree);
		if (s->npages == sizeclass_info[cls].npages)
			ASSERT_EQ(sizeclass_info[cls].nobjs, nobjs);
		n = span_take(s, objs, 512);
		ASSERT_EQ(nobjs, n);
		ASSERT_EQ(0, s->nfree);
		ASSERT_EQ(0, span_take(s, objs, 1));
		for (i = 0; i < n; i++) {
			ASSERT_EQ(s->start + (uintptr_t)i * span_size(s),
				  (uintptr_t)objs[i]);
			ASSERT_EQ(cls, pagemap_class(objs[i]));
			ASSERT_EQ(s, pagemap_span(objs[i]));
		}
		ASSERT_TRUE(span_is_valid(s));
		while (n)
			ASSERT_EQ(SPAN_OK, put(s, objs[--n]));
		ASSERT_TRUE(span_is_valid(s));
		span_destroy(s);
		ASSERT_EQ(PAGEMAP_NONE, pagemap_class(objs[0]));
	}
	EXPECT_EQ(0, fake_pageheap.spans);
	EXPECT_EQ(0, fake_pageheap.bad);
}

TEST(every_class_whole)
{
	every_class(_metadata);
}

/* As many objects as the pages have room for that there were. */
TEST(every_class_short)
{
	fake_pageheap.shorter = 1;
	every_class(_metadata);
}

/*
 * Rows up and down, some of which contain a free object or leave the span: put back is
 * what comes before the first that is wrong.
 */
TEST(rows_against_a_model)
{
	unsigned int cls, i, k, n, want, nfree;
	enum span_error err, expected;
	bool taken[512];
	void *objs[512];
	struct span *s;

	srand(2);
	for (cls = 1; cls <= SIZECLASS_COUNT; cls += 2) {
		s = span_make(cls);
		ASSERT_NE(NULL, s);
		for (i = 0; i < 2000; i++) {
			int from = rand() % s->nobjs, step = rand() % 8 ? 1 : 2;

			while (span_take(s, objs, 512))
				;
			memset(taken, true, sizeof(taken));
			nfree = 0;
			if (rand() % 2) {
				k = (unsigned int)rand() % s->nobjs;
				taken[k] = false;
				nfree = 1;
				ASSERT_EQ(SPAN_OK, put(s, (void *)(s->start +
					  (uintptr_t)k * span_size(s))));
			}
			if (rand() % 2)
				step = -step;
			n = 1 + (unsigned int)rand() % s->nobjs;
			expected = SPAN_OK;
			for (k = 0, want = 0; k < n; k++) {
				int at = from + step * (int)k;

				objs[k] = (void *)(s->start + (uintptr_t)(intptr_t)
						   at * span_size(s));
				if (expected != SPAN_OK)
					continue;
				if (at < 0 || at >= s->nobjs)
					expected = SPAN_FOREIGN;
				else if (!taken[at])
					expected = SPAN_DOUBLE;
				else
					want++;
			}
			ASSERT_EQ(want, span_put(s, objs, n, &err));
			ASSERT_EQ(expected == SPAN_OK, err == SPAN_OK);
			if (expected == SPAN_DOUBLE)
				ASSERT_EQ(SPAN_DOUBLE, err);
			ASSERT_EQ(nfree + want, s->nfree);
			ASSERT_TRUE(span_is_valid(s));
			for (k = 0; k < want; k++)
				ASSERT_EQ(SPAN_DOUBLE, put(s, objs[k]));
		}
		while (span_take(s, objs, 512))
			;
		for (k = 0; k < s->nobjs; k++)
			put(s, (void *)(s->start + (uintptr_t)k * span_size(s)));
		span_destroy(s);
	}
}

/*
 * A few objects, of which some are free or are none: put back is what comes before the
 * first of these.
 */
TEST(few_against_a_model)
{
	unsigned int cls, i, k, n, want, nfree;
	void *objs[8], *all[512];
	bool taken[512], ok;
	struct span *s;

	srand(3);
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		s = span_make(cls);
		ASSERT_NE(NULL, s);
		span_take(s, all, 512);
		memset(taken, true, sizeof(taken));
		for (i = 0, nfree = 0; i < 500; i++) {
			if (nfree > s->nobjs / 2u) {
				span_take(s, all, 512);
				memset(taken, true, sizeof(taken));
				nfree = 0;
			}
			n = 1 + (unsigned int)rand() % 8;
			for (k = 0, want = 0, ok = true; k < n; k++) {
				unsigned int at = (unsigned int)rand() % (s->nobjs + 1u);
				uintptr_t p = s->start + (uintptr_t)at * span_size(s);

				if (at < s->nobjs && rand() % 16 == 0)
					p += 8;
				objs[k] = (void *)p;
				ok = ok && at < s->nobjs && taken[at] &&
				     (p - s->start) % span_size(s) == 0;
				if (!ok)
					continue;
				taken[at] = false;
				want++;
			}
			ASSERT_EQ(0, span_put_few(s, cls % SIZECLASS_COUNT + 1, objs, n));
			ASSERT_EQ(want, span_put_few(s, cls, objs, n));
			nfree += want;
			ASSERT_EQ(nfree, s->nfree);
			ASSERT_TRUE(span_is_valid(s));
		}
		for (k = 0; k < s->nobjs; k++)
			put(s, (void *)(s->start + (uintptr_t)k * span_size(s)));
		span_destroy(s);
	}
}

/* Does one of eight spans of a class begin with another object than the first? */
static bool begins_anywhere(unsigned int cls)
{
	struct span *s[8];
	bool other = false;
	unsigned int i;
	void *p;

	for (i = 0; i < 8; i++) {
		s[i] = span_make(cls);
		if (span_take(s[i], &p, 1) != 1)
			abort();
		other = other || (uintptr_t)p != s[i]->start;
		if (put(s[i], p) != SPAN_OK)
			abort();
	}
	for (i = 0; i < 8; i++)
		span_destroy(s[i]);
	return other;
}

TEST(random_up_to_a_size)
{
	/* 4: 64 objects at least, so that all eight are the first 1 in 10^14 times */
	span_set_random(sizeclass_info[4].size);
	EXPECT_TRUE(begins_anywhere(3));
	EXPECT_TRUE(begins_anywhere(4));
	EXPECT_FALSE(begins_anywhere(5));
	span_set_random(0);
	EXPECT_FALSE(begins_anywhere(1));
}

TEST(random_against_a_model)
{
	bool taken[512] = { false };
	unsigned int cls, i, k, n, live = 0;
	void *objs[8];
	struct span *s;

	srand(1);
	for (cls = 1; cls <= SIZECLASS_COUNT; cls += 3) {
		s = span_make(cls);
		memset(taken, 0, sizeof(taken));
		live = 0;
		for (i = 0; i < 5000; i++) {
			if (rand() % 2) {
				n = span_take(s, objs, rand() % 8 + 1);
				live += n;
				for (k = 0; k < n; k++) {
					unsigned int idx = ((uintptr_t)objs[k] -
							    s->start) / span_size(s);

					ASSERT_FALSE(taken[idx]);
					taken[idx] = true;
				}
			} else {
				unsigned int idx = rand() % s->nobjs;
				void *p = (void *)(s->start +
						   (uintptr_t)idx * span_size(s));

				ASSERT_EQ(taken[idx] ? SPAN_OK : SPAN_DOUBLE,
					  put(s, p));
				live -= taken[idx];
				taken[idx] = false;
			}
			ASSERT_EQ(s->nobjs - live, s->nfree);
		}
		ASSERT_TRUE(span_is_valid(s));
		for (k = 0; k < s->nobjs; k++)
			if (taken[k])
				put(s, (void *)(s->start +
						     (uintptr_t)k * span_size(s)));
		span_destroy(s);
	}
	EXPECT_EQ(0, fake_pageheap.spans);
}

/*
 * What an object is filled with: never zero, and different from its neighbours.
 */
static int mark(unsigned int idx)
{
	return (int)(idx % 251 + 1);
}

static bool has_mark(const struct span *s, unsigned int idx, int value)
{
	const unsigned char *p = (unsigned char *)s->start +
				 (size_t)idx * span_size(s);
	unsigned int i;

	for (i = 0; i < span_size(s); i++)
		if (p[i] != value)
			return false;
	return true;
}

/* The OS pages of a span on which no object in use has a byte. */
static uint32_t free_pages(const struct span *s, const bool *taken)
{
	uint32_t pages = 0xffffffffu >> (32 - s->npages * 2);
	unsigned int i, k;

	for (i = 0; i < s->nobjs; i++)
		for (k = 0; taken[i] && k < span_size(s); k++)
			pages &= ~(1u << (((size_t)i * span_size(s) + k) / 4096));
	return pages;
}

/* Every class, with any one of its objects in use: memory in use stays. */
TEST(purge_takes_free_pages_and_no_others)
{
	unsigned int cls, round, i, n, nfree;
	unsigned long before, bytes, some = 0;
	bool taken[512];
	void *objs[512];
	unsigned int last;
	uint32_t pages;
	bool refused;
	struct span *s;

	srand(2);
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		s = span_make(cls);
		n = span_take(s, objs, 512);
		for (round = 0; round < 24; round++) {
			for (i = 0, nfree = 0; i < n; i++) {
				memset(objs[i], mark(i), span_size(s));
				/*
				 * from nearly all objects in use to nearly none
				 */
				taken[i] = rand() % 24 >= (int)round;
				if (!taken[i])
					ASSERT_EQ(SPAN_OK, put(s, objs[i]));
				nfree += !taken[i];
			}
			pages = free_pages(s, taken) & ~(uint32_t)s->purged;
			if (nfree * span_size(s) < 4096 || s->npages > 8)
				pages = 0;
			bytes = (unsigned long)__builtin_popcount(pages) * 4096;
			before = fake_pageheap.purged;
			ASSERT_EQ(bytes, span_purge(s, &refused));
			ASSERT_EQ(before + bytes, fake_pageheap.purged);
			some += bytes;
			for (i = 0; i < n; i++)
				if (taken[i])
					ASSERT_TRUE(has_mark(s, i, mark(i)));
			/* once is enough */
			ASSERT_EQ(0, span_purge(s, &refused));
			ASSERT_FALSE(refused);
			before = fake_pageheap.retaken;
			ASSERT_EQ(nfree, span_take(s, objs, 512));
			/* in a page behind the last object there never is any */
			last = (s->nobjs * span_size(s) - 1) / 4096;
			pages &= (2u << last) - 1;
			bytes = (unsigned long)__builtin_popcount(pages) * 4096;
			ASSERT_EQ(before + bytes, fake_pageheap.retaken);
			for (i = 0; i < n; i++)
				objs[i] = (char *)s->start + (size_t)i * span_size(s);
		}
		for (i = 0; i < n; i++)
			ASSERT_EQ(SPAN_OK, put(s, objs[i]));
		span_destroy(s);
	}
	EXPECT_LT(1 << 20, some);
	EXPECT_EQ(0, fake_pageheap.bad);
}

TEST(what_is_no_object)
{
	struct span *s = span_make(5), *other;
	void *objs[2];
	char *p;

	ASSERT_EQ(2, span_take(s, objs, 2));
	p = objs[1];
	EXPECT_EQ(SPAN_OK, span_check(s, p));
	EXPECT_EQ(SPAN_INTERIOR, put(s, p + 1));
	EXPECT_EQ(SPAN_INTERIOR, put(s, p + 16));
	EXPECT_EQ(SPAN_INTERIOR, put(s, p - 16));
	EXPECT_EQ(SPAN_FOREIGN, span_check(NULL, p));
	EXPECT_EQ(SPAN_FOREIGN, put(s, p + 100 * PAGE_SIZE));
	EXPECT_EQ(SPAN_FOREIGN, put(s, (char *)s->start - 80));
	/* the rest of the page, behind the last object */
	EXPECT_EQ(SPAN_INTERIOR, put(s, (char *)s->start +
					  s->nobjs * span_size(s)));
	EXPECT_EQ(SPAN_OK, put(s, p));
	EXPECT_EQ(SPAN_DOUBLE, put(s, p));
	EXPECT_EQ(SPAN_DOUBLE, span_check(s, p));
	EXPECT_EQ(SPAN_OK, put(s, objs[0]));
	other = span_make(6);
	EXPECT_EQ(SPAN_FOREIGN, span_check(other, objs[0]));
	span_destroy(other);
	span_destroy(s);
	EXPECT_EQ(SPAN_FOREIGN, span_check(s, p));
}

TEST(no_memory)
{
	fake_pageheap.fail_after = 0;
	EXPECT_EQ(NULL, span_make(1));
	EXPECT_EQ(0, fake_pageheap.spans);
	fake_pageheap.fail_after = -1;
}

TEST(a_wrong_count_is_noticed)
{
	struct span *s = span_make(3);
	void *p;

	span_take(s, &p, 1);
	s->nfree++;
	EXPECT_FALSE(span_is_valid(s));
	s->nfree--;
	EXPECT_TRUE(span_is_valid(s));
	s->bitmap[7] |= (uint64_t)1 << 63;
	EXPECT_FALSE(span_is_valid(s));
}

/* The objects before the first bad one are put back, and none after it. */
TEST(several_at_once)
{
	struct span *s = span_make(1);
	enum span_error err;
	void *objs[40];

	ASSERT_NE(NULL, s);
	ASSERT_EQ(40, span_take(s, objs, 40));
	objs[20] = (char *)objs[20] + 8;
	EXPECT_EQ(20, span_put(s, objs, 40, &err));
	EXPECT_EQ(SPAN_INTERIOR, err);
	EXPECT_TRUE(span_is_valid(s));
	EXPECT_EQ(s->nobjs - 20, s->nfree);
	objs[20] = objs[39];
	EXPECT_EQ(19, span_put(s, objs + 20, 20, &err));
	EXPECT_EQ(SPAN_DOUBLE, err);
	EXPECT_TRUE(span_is_valid(s));
	EXPECT_EQ(s->nobjs - 1, s->nfree);
	objs[0] = (char *)s->start + 20 * 16;
	EXPECT_EQ(1, span_put(s, objs, 1, &err));
	EXPECT_EQ(SPAN_OK, err);
	span_destroy(s);
}

TEST_HARNESS_MAIN
