// SPDX-License-Identifier: GPL-2.0-only
/* meta: aligned, zeroed, counted, reused, never unmapped. */
#include <string.h>
#include <sys/resource.h>

#include "../lib/patience.h"

#include "base/meta.h"

#define N	4000

static bool is_zero(const char *p, size_t n)
{
	while (n)
		if (p[--n])
			return false;
	return true;
}

static void check_sum(struct __test_metadata *_metadata)
{
	struct meta_stat st;

	meta_get_stat(&st);
	ASSERT_EQ(st.mapped, st.used + st.free + st.untouched);
}

TEST(aligned_zeroed_apart)
{
	static char *p[N];
	static size_t size[N];
	size_t i;

	for (i = 0; i < N; i++) {
		size_t align = (size_t)1 << (i % 13);

		size[i] = 1 + i * 37 % 6000;
		p[i] = meta_alloc(size[i], align);
		ASSERT_NE(NULL, p[i]);
		ASSERT_EQ(0, (uintptr_t)p[i] % align);
		ASSERT_TRUE(is_zero(p[i], size[i]));
		memset(p[i], (int)i | 1, size[i]);
	}
	for (i = 0; i < N; i++) {
		ASSERT_EQ((char)(i | 1), p[i][0]);
		ASSERT_EQ((char)(i | 1), p[i][size[i] - 1]);
	}
	check_sum(_metadata);
	for (i = 0; i < N; i++)
		meta_free(p[i], size[i]);
	check_sum(_metadata);
}

/* A chunk is mapped for a record plus the most that its alignment may cost. */
TEST(alignments_beyond_a_page)
{
	static char *p[16];
	size_t align, n, i;

	for (n = 0, align = 8192; align <= (size_t)64 << 20; align *= 2, n++) {
		p[n] = meta_alloc(align + 5000, align);
		ASSERT_NE(NULL, p[n]);
		ASSERT_EQ(0, (uintptr_t)p[n] % align);
		/* at both ends */
		ASSERT_TRUE(is_zero(p[n], 5000));
		ASSERT_TRUE(is_zero(p[n] + align, 5000));
		memset(p[n], (int)n + 1, 5000);
		memset(p[n] + align, (int)n + 1, 5000);
	}
	for (i = 0, align = 8192; i < n; i++, align *= 2) {
		ASSERT_EQ((char)(i + 1), p[i][0]);
		ASSERT_EQ((char)(i + 1), p[i][4999]);
		ASSERT_EQ((char)(i + 1), p[i][align]);
		ASSERT_EQ((char)(i + 1), p[i][align + 4999]);
	}
	check_sum(_metadata);
	/* and a free one is used for the alignment that it has */
	meta_free(p[0], 8192 + 5000);
	for (i = 0, align = 8192; align <= (size_t)1 << 20; align *= 2, i++) {
		char *q = meta_alloc(8192 + 5000, align);

		ASSERT_NE(NULL, q);
		ASSERT_EQ(0, (uintptr_t)q % align);
		ASSERT_TRUE(is_zero(q, 8192 + 5000));
		memset(q, 9, 8192 + 5000);
		meta_free(q, 8192 + 5000);
	}
	check_sum(_metadata);
}

/* What is large is elsewhere: small records share their pages. */
TEST(small_ones_together)
{
	char *a = meta_alloc(64, 64), *large = meta_alloc(70000, 64);
	char *b = meta_alloc(64, 64), *aligned = meta_alloc(8192, 8192);
	char *c = meta_alloc(64, 64);

	ASSERT_NE(NULL, c);
	EXPECT_EQ(a + 64, b);
	EXPECT_EQ(b + 64, c);
	EXPECT_EQ(0, (uintptr_t)aligned % 8192);
	EXPECT_LE(c + 64, aligned);
	EXPECT_LE(aligned + 8192, large);
	memset(large, 1, 70000);
	memset(aligned, 1, 8192);
	EXPECT_EQ(0, *c);
}

TEST(reused_by_its_size)
{
	struct meta_stat before, after;
	char *a, *b;

	a = meta_alloc(128, 64);
	memset(a, 1, 128);
	meta_free(a, 128);
	meta_get_stat(&before);
	b = meta_alloc(112, 16);
	EXPECT_NE(a, b);
	meta_free(b, 112);
	b = meta_alloc(120, 64);
	EXPECT_EQ(a, b);
	EXPECT_TRUE(is_zero(b, 120));
	a = meta_alloc(100000, 64);
	meta_free(a, 100000);
	EXPECT_NE(a, meta_alloc(90000, 64));
	EXPECT_EQ(a, meta_alloc(100000, 64));
	meta_get_stat(&after);
	EXPECT_EQ(before.mapped, after.mapped);
	check_sum(_metadata);
}

TEST(freed_stays_readable)
{
	char *p = meta_alloc(70000, 16);

	p[50000] = 7;
	meta_free(p, 70000);
	EXPECT_EQ(7, p[50000]);
}

TEST(no_memory_changes_nothing)
{
	struct rlimit rl = { 0, 0 };
	struct meta_stat before, after;
	void *p;

	meta_free(meta_alloc(64, 16), 64);
	meta_get_stat(&before);
	setrlimit(RLIMIT_AS, &rl);
	EXPECT_EQ(NULL, meta_alloc((size_t)64 << 20, 16));
	meta_get_stat(&after);
	EXPECT_EQ(before.mapped, after.mapped);
	EXPECT_EQ(before.used, after.used);
	/* memory that is mapped already can still be used */
	p = meta_alloc(64, 16);
	EXPECT_NE(NULL, p);
}

TEST_HARNESS_MAIN
