// SPDX-License-Identifier: GPL-2.0-only
/* region: against a list of what was handed out, and where memory runs out. */
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"
#include "dies.h"
#include "fail.h"
#include "shim_region.h"

#define OBJS	4096

/* The model: what was handed out, in order, and the marks. */
struct model {
	struct {
		unsigned char *p;
		size_t len;
		unsigned char fill;
	} obj[OBJS];
	size_t n;
	struct {
		struct shim_region_mark m;
		size_t n;
	} mark[16];
	size_t marks;
};

static unsigned int seed;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % n;
}

static size_t any_size(void)
{
	switch (rnd(40)) {
	case 0:
		return 30000 + rnd(100000);
	case 1:
		return rnd(9000);
	default:
		return rnd(300);
	}
}

static bool intact(const struct model *m)
{
	size_t i, k;

	for (i = 0; i < m->n; i++)
		for (k = 0; k < m->obj[i].len; k++)
			if (m->obj[i].p[k] != m->obj[i].fill)
				return false;
	return true;
}

static bool is_free(const struct model *m, const unsigned char *p, size_t len)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (p < m->obj[i].p + m->obj[i].len && m->obj[i].p < p + len)
			return false;
	return true;
}

static bool alloc_one(struct shim_region *r, struct model *m)
{
	size_t len = any_size(), align = 16;
	unsigned char *p;

	if (rnd(8)) {
		p = shim_region_alloc(r, len);
	} else {
		align = (size_t)1 << rnd(14);
		p = shim_region_alloc_aligned(r, len, align);
	}
	if (!p || (uintptr_t)p % align || !is_free(m, p, len))
		return false;
	m->obj[m->n].p = p;
	m->obj[m->n].len = len;
	m->obj[m->n].fill = (unsigned char)rnd(256);
	memset(p, m->obj[m->n].fill, len);
	m->n++;
	return true;
}

static bool step(struct shim_region *r, struct model *m)
{
	unsigned int what = rnd(100);

	if (what < 90 && m->n < OBJS)
		return alloc_one(r, m);
	if (what < 95 && m->marks < 16) {
		m->mark[m->marks].m = shim_region_mark(r);
		m->mark[m->marks++].n = m->n;
		return true;
	}
	if (m->marks && what < 99) {
		m->marks = rnd((unsigned int)m->marks);
		m->n = m->mark[m->marks].n;
		shim_region_release(r, m->mark[m->marks].m);
		return intact(m);
	}
	if (!rnd(3) && intact(m)) {
		shim_region_reset(r);
		m->n = 0;
		m->marks = 0;
	}
	return true;
}

static bool walk(struct shim_region *r, unsigned int steps)
{
	static struct model m;
	unsigned int i;

	m.n = 0;
	m.marks = 0;
	for (i = 0; i < steps; i++)
		if (!step(r, &m) || !shim_region_is_valid(r))
			return false;
	return intact(&m);
}

TEST(nothing_is_handed_out_twice)
{
	static char buf[20000];
	struct shim_region *r;

	for (seed = 1; seed < 400; seed = seed % 1000 + 7) {
		unsigned int s = seed;
		long live = fail_live();

		r = shim_region_new(s % 3 * 3000, s % 5 ? 0 :
				    SHIM_REGION_DEBUG);
		ASSERT_NE(NULL, r);
		ASSERT_TRUE(walk(r, 1500)) TH_LOG("seed %u", s);
		shim_region_free(r);
		r = shim_region_at(buf + s % 16, sizeof(buf) - 16);
		ASSERT_NE(NULL, r);
		ASSERT_TRUE(walk(r, 500)) TH_LOG("seed %u, buffer", s);
		shim_region_free(r);
		ASSERT_EQ(live, fail_live());
		seed = s;
	}
}

TEST(every_allocation_may_fail)
{
	struct shim_region *r;
	long n, live;
	bool failed;

	for (n = 0, failed = true; failed; n++) {
		int i;

		live = fail_live();
		fail_after = n;
		failed = false;
		r = shim_region_new(0, 0);
		if (!r) {
			EXPECT_EQ(ENOMEM, errno);
			failed = true;
			fail_after = -1;
			continue;
		}
		for (i = 0; i < 300; i++) {
			errno = 0;
			if (!shim_region_alloc(r, 100 + 400 * (i % 100))) {
				EXPECT_EQ(ENOMEM, errno);
				failed = true;
			}
			ASSERT_TRUE(shim_region_is_valid(r));
		}
		fail_after = -1;
		shim_region_reset(r);
		EXPECT_NE(NULL, shim_region_alloc(r, 50));
		shim_region_free(r);
		EXPECT_EQ(live, fail_live());
	}
	EXPECT_GT(n, 10);
}

TEST(sizes_that_cannot_be)
{
	struct shim_region *r = shim_region_new(0, 0);
	volatile size_t huge = SIZE_MAX;
	char tiny[100];

	ASSERT_NE(NULL, r);
	EXPECT_EQ(NULL, shim_region_alloc(r, huge));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(NULL, shim_region_alloc(r, huge / 2 + 1));
	EXPECT_EQ(NULL, shim_region_alloc(r, huge - 20));
	EXPECT_EQ(NULL, shim_region_calloc(r, huge / 2, 3));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(NULL, shim_region_alloc_aligned(r, huge - 5, 4096));
	EXPECT_EQ(NULL, shim_region_alloc_aligned(r, 8, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_region_alloc_aligned(r, 8, 24));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_NE(shim_region_alloc(r, 0), shim_region_alloc(r, 0));
	EXPECT_TRUE(shim_region_is_valid(r));
	shim_region_free(r);
	EXPECT_EQ(NULL, shim_region_new(0, 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_region_new(huge, 0));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(NULL, shim_region_at(tiny, sizeof(tiny)));
	EXPECT_EQ(EINVAL, errno);
	shim_region_free(NULL);
}

static char order[16];

static void note(void *arg)
{
	order[strlen(order)] = *(char *)arg;
}

TEST(clean_ups_run_last_in_first_out)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct shim_region_mark m;
	char *big;

	ASSERT_NE(NULL, r);
	ASSERT_EQ(0, shim_region_on_release(r, note, "a"));
	m = shim_region_mark(r);
	big = shim_region_alloc(r, 100000);	/* valid in its clean-up */
	*big = 'b';
	ASSERT_EQ(0, shim_region_on_release(r, note, big));
	ASSERT_EQ(0, shim_region_on_release(r, note, "c"));
	shim_region_release(r, m);
	EXPECT_STREQ("cb", order);
	ASSERT_EQ(0, shim_region_on_release(r, note, "d"));
	shim_region_reset(r);
	EXPECT_STREQ("cbda", order);
	ASSERT_EQ(0, shim_region_on_release(r, note, "e"));
	shim_region_free(r);
	EXPECT_STREQ("cbdae", order);
}

/* Objects that are allocations of their own go with a mark as others do. */
TEST(large_objects_go_with_a_mark)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct shim_region_stat before, after;
	struct shim_region_mark m;
	int i;

	ASSERT_NE(NULL, r);
	ASSERT_NE(NULL, shim_region_alloc(r, 1 << 20));
	shim_region_get_stat(r, &before);
	m = shim_region_mark(r);
	for (i = 0; i < 10; i++) {
		ASSERT_NE(NULL, shim_region_alloc(r, 1 << 20));
		ASSERT_NE(NULL, shim_region_alloc_aligned(r, 1 << 20, 4096));
	}
	shim_region_release(r, m);
	shim_region_get_stat(r, &after);
	EXPECT_EQ(before.held, after.held);
	shim_region_reset(r);
	shim_region_get_stat(r, &after);
	EXPECT_GT(before.held, after.held + (1 << 20) - 4096);
	shim_region_free(r);
}

/* How much a reset keeps, as a share of what was used lately. */
TEST(a_burst_is_given_back)
{
	static const size_t usual[] = { 3000, 5000, 17000, 61000, 200000,
					1000000, 7300000 };
	struct shim_region_stat st;
	struct shim_region *r;
	size_t i, k, n;

	for (i = 0; i < 7; i++) {
		r = shim_region_new(0, 0);
		ASSERT_NE(NULL, r);
		for (n = 0; n < 10 << 20; n += 1000)
			ASSERT_NE(NULL, shim_region_alloc(r, 1000));
		shim_region_reset(r);
		shim_region_get_stat(r, &st);
		EXPECT_GE(st.high, (size_t)10 << 20);
		for (k = 0; k < 9; k++) {
			for (n = 0; n < usual[i]; n += 1000)
				ASSERT_NE(NULL, shim_region_alloc(r, 1000));
			shim_region_reset(r);
			ASSERT_TRUE(shim_region_is_valid(r));
		}
		shim_region_get_stat(r, &st);
		EXPECT_LE(st.held, st.high * 5 / 4 + 4096) {
			TH_LOG("%zu held for %zu", st.held, st.high);
		}
		EXPECT_LE(st.high, usual[i] * 9 / 8 + 4096);
		shim_region_free(r);
	}
}

static void nothing(void *arg)
{
	(void)arg;
}

/*
 * What was used counts for eight resets, however many were before, and also if it was
 * released before the reset.
 */
TEST(a_reset_looks_back_at_eight)
{
	struct shim_region_stat st;
	struct shim_region_mark m;
	struct shim_region *r;
	int i, before;

	for (before = 0; before < 8; before++) {
		r = shim_region_new(0, 0);
		ASSERT_NE(NULL, r);
		for (i = 0; i < before; i++)
			shim_region_reset(r);
		/* something to clean up remains when the mark is released */
		ASSERT_EQ(0, shim_region_on_release(r, nothing, NULL));
		m = shim_region_mark(r);
		ASSERT_NE(NULL, shim_region_alloc(r, 20000));
		shim_region_release(r, m);
		for (i = 0; i < 8; i++) {
			shim_region_reset(r);
			shim_region_get_stat(r, &st);
			EXPECT_LE(20000, st.high);
			EXPECT_EQ(before + i + 1, st.resets);
		}
		shim_region_reset(r);
		shim_region_get_stat(r, &st);
		EXPECT_GT(100, st.high);
		shim_region_free(r);
	}
}

TEST(requests_of_one_size_need_no_malloc)
{
	struct shim_region *r = shim_region_new(0, 0);
	long allocs = 0;
	int i, k;

	ASSERT_NE(NULL, r);
	for (i = 0; i < 100; i++) {
		for (k = 0; k < 600; k++)
			ASSERT_NE(NULL, shim_region_alloc(r, 100));
		shim_region_reset(r);
		if (i == 20)
			allocs = fail_allocs;
	}
	EXPECT_EQ(allocs, fail_allocs);
	shim_region_free(r);
}

TEST(text)
{
	struct shim_region *r = shim_region_new(0, 0);
	char *s;
	int i;

	ASSERT_NE(NULL, r);
	EXPECT_STREQ("hello", shim_region_strdup(r, "hello"));
	EXPECT_STREQ("hel", shim_region_strndup(r, "hello", 3));
	EXPECT_STREQ("hello", shim_region_strndup(r, "hello", SIZE_MAX));
	EXPECT_EQ(0, memcmp("ab\0c", shim_region_memdup(r, "ab\0c", 5), 5));
	for (i = 1; i < 9000; i += 77) {
		s = shim_region_printf(r, "%d:%*d!", i, i, 7);
		ASSERT_NE(NULL, s);
		EXPECT_EQ('!', s[strlen(s) - 1]);
		EXPECT_EQ((size_t)i + 3 + (i > 9) + (i > 99) + (i > 999),
			  strlen(s));
		ASSERT_TRUE(shim_region_is_valid(r));
	}
	s = shim_region_calloc(r, 10, 10);
	for (i = 0; i < 100; i++)
		EXPECT_EQ(0, s[i]);
	shim_region_free(r);
}

/* A text that is as long as the room in the chunk, one less and one more. */
TEST(printf_at_the_end_of_a_chunk)
{
	int width, d;
	char *s;

	for (d = -1; d <= 1; d++) {
		struct shim_region *r = shim_region_new(0, 0);

		ASSERT_NE(NULL, r);
		width = (int)(r->end - r->at) + d;
		s = shim_region_printf(r, "%*d", width, 7);
		ASSERT_NE(NULL, s);
		ASSERT_EQ((size_t)width, strlen(s));
		EXPECT_EQ('7', s[width - 1]);
		EXPECT_EQ((size_t)width - 1, strspn(s, " "));
		EXPECT_TRUE(shim_region_is_valid(r));
		shim_region_free(r);
	}
}

static void wrong_mark(void)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct shim_region *other = shim_region_new(0, 0);

	shim_region_release(r, shim_region_mark(other));
}

static void late_mark(void)
{
	struct shim_region *r = shim_region_new(0, 0);
	struct shim_region_mark m;

	if (shim_region_on_release(r, note, "x"))
		return;
	m = shim_region_mark(r);
	shim_region_reset(r);
	shim_region_release(r, m);
}

TEST(marks_that_cannot_be_are_reported)
{
	EXPECT_TRUE(dies(wrong_mark));
	EXPECT_TRUE(dies(late_mark));
}

TEST_HARNESS_MAIN
