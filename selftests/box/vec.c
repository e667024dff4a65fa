// SPDX-License-Identifier: GPL-2.0-only
/* vec and scope: slices against plain arrays; scopes on every way out. */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "patience.h"
#include "fail.h"
#include "shim_scope.h"
#include "shim_vec.h"

typedef SHIM_SLICE(int) ints;
struct odd {
	char c[13];
};
typedef SHIM_SLICE(struct odd) odds;

TEST(a_slice_is_three_words)
{
	EXPECT_EQ(24, sizeof(ints));
	EXPECT_EQ(24, sizeof(odds));
}

/* GNU C has types of size 0: a slice of those only counts. */
TEST(elements_may_have_no_size)
{
	struct none {
	} none;
	SHIM_SLICE(struct none) v = { 0 };
	int i;

	ASSERT_EQ(0, sizeof(none));
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(0, shim_vec_append(&v, none));
	EXPECT_EQ(1000, v.len);
	EXPECT_EQ(0, shim_vec_append_n(&v, v.p, 1000));
	EXPECT_EQ(2000, v.len);
	EXPECT_EQ(0, shim_vec_reserve(&v, 5000));
	EXPECT_EQ(0, shim_vec_clip(&v));
	shim_vec_free(&v);
	EXPECT_EQ(0, fail_live());
}

TEST(it_is_as_an_array)
{
	static int model[20000];
	unsigned int seed;

	for (seed = 1; seed < 20; seed++) {
		unsigned int s = seed;
		ints v = { 0 };
		size_t n = 0, i;
		int k, x;

		for (k = 0; k < 3000; k++) {
			switch (rand_r(&s) % 6) {
			case 0:
				i = (size_t)rand_r(&s) % 7;
				if (i > n)
					i = n;
				/* append the vector's own first elements */
				ASSERT_EQ(0, shim_vec_append_n(&v, v.p, i));
				memcpy(model + n, model, i * sizeof(int));
				n += i;
				break;
			case 1:
				ASSERT_EQ(0, shim_vec_reserve(&v, n + 40));
				EXPECT_GE(v.cap, n + 40);
				break;
			case 2:
				if (!(rand_r(&s) % 20))
					ASSERT_EQ(0, shim_vec_clip(&v));
				break;
			default:
				x = rand_r(&s);
				ASSERT_EQ(0, shim_vec_append(&v, x));
				model[n++] = x;
			}
			ASSERT_EQ(n, v.len);
			ASSERT_GE(v.cap, v.len);
		}
		ASSERT_EQ(0, memcmp(v.p, model, n * sizeof(int)));
		shim_vec_free(&v);
		EXPECT_EQ(NULL, v.p);
	}
	EXPECT_EQ(0, fail_live());
}

/* What Go's growslice() would do, rounded up to what malloc() gives. */
static size_t gos(size_t cap, size_t need, size_t elem)
{
	if (need > 2 * cap)
		cap = need;
	else if (cap < 256)
		cap *= 2;
	else
		while (cap < need)
			cap += (cap + 768) / 4;
	return shim_good_size(cap * elem) / elem;
}

TEST(it_grows_by_the_rule)
{
	odds v = { 0 };
	struct odd o = { "x" };
	size_t cap = 0, grown = 0, i;

	for (i = 0; i < 100000; i++) {
		if (v.len == v.cap) {
			cap = gos(v.cap, v.len + 1, sizeof(o));
			grown++;
		}
		ASSERT_EQ(0, shim_vec_append(&v, o));
		ASSERT_EQ(cap, v.cap);
	}
	EXPECT_LE(grown, 40);
	shim_vec_free(&v);
}

TEST(a_good_size_is_what_malloc_gives)
{
	size_t n;

	for (n = 1; n < 100000; n += 1 + n / 50) {
		size_t good = shim_good_size(n);
		void *p = malloc(n), *q = malloc(good);

		ASSERT_GE(good, n);
		EXPECT_GE(malloc_usable_size(q), good);
		EXPECT_GE(malloc_usable_size(p), good) {
			TH_LOG("malloc(%zu) has less than %zu", n, good);
		}
		free(p);
		free(q);
	}
	EXPECT_EQ(SIZE_MAX, shim_good_size(SIZE_MAX));
}

TEST(windows_do_not_own)
{
	ints v = { 0 }, w, other = { 0 };
	int i;

	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, shim_vec_append(&v, i));
	w = shim_vec_slice(&v, 10, 20);
	EXPECT_EQ(10, w.len);
	EXPECT_EQ(10, w.p[0]);
	w.p[0] = 1000;
	EXPECT_EQ(1000, v.p[10]);
	ASSERT_EQ(0, shim_vec_append(&w, 5));
	EXPECT_EQ(11, w.len);
	EXPECT_EQ(1000, w.p[0]);
	EXPECT_EQ(20, v.p[20]);
	shim_vec_free(&w);
	w = shim_vec_slice(&v, 90, 1000);
	EXPECT_EQ(10, w.len);
	shim_vec_free(&w);
	w = shim_vec_slice(&v, 200, 100);
	EXPECT_EQ(0, w.len);
	ASSERT_EQ(0, shim_vec_append_n(&other, v.p, 50));
	w = shim_vec_slice(&v, 95, 100);
	EXPECT_EQ(5, shim_vec_copy(&other, &w));
	EXPECT_EQ(95, other.p[0]);
	EXPECT_EQ(5, other.p[5]);
	w = shim_vec_slice(&v, 1, 100);
	EXPECT_EQ(99, shim_vec_copy(&w, &v));
	EXPECT_EQ(0, v.p[1]);
	shim_vec_free(&other);
	shim_vec_free(&v);
	EXPECT_EQ(0, fail_live());
}

/* Fitted, an empty slice has no memory, and a window no less than it shows. */
TEST(no_more_and_no_less_than_there_is)
{
	static int x[100];
	ints v = { 0 }, w;
	int i;

	ASSERT_EQ(0, shim_vec_reserve(&v, 1000));
	EXPECT_EQ(1, fail_live());
	EXPECT_EQ(0, shim_vec_clip(&v));
	EXPECT_EQ(NULL, v.p);
	EXPECT_EQ(0, v.cap);
	EXPECT_EQ(0, fail_live());
	for (i = 0; i < 100; i++)
		x[i] = i;
	w.p = x;
	w.len = 100;
	w.cap = 0;
	ASSERT_EQ(0, shim_vec_reserve(&w, 3));
	EXPECT_LE(100, w.cap);
	EXPECT_EQ(100, w.len);
	EXPECT_TRUE(w.p != x);
	EXPECT_EQ(0, memcmp(w.p, x, sizeof(x)));
	shim_vec_free(&w);
	EXPECT_EQ(0, fail_live());
}

TEST(when_memory_runs_out_a_slice_stays_as_it_was)
{
	ints v = { 0 };
	int *p;
	size_t cap;
	int i;

	for (i = 0; i < 1000; i++) {
		fail_after = 0;
		p = v.p;
		cap = v.cap;
		errno = 0;
		if (shim_vec_append(&v, i)) {
			EXPECT_EQ(ENOMEM, errno);
			EXPECT_EQ(p, v.p);
			EXPECT_EQ(cap, v.cap);
			EXPECT_EQ((size_t)i, v.len);
			fail_after = -1;
			ASSERT_EQ(0, shim_vec_append(&v, i));
		}
	}
	fail_after = -1;
	for (i = 0; i < 1000; i++)
		EXPECT_EQ(i, v.p[i]);
	EXPECT_EQ(-1, shim_vec_reserve(&v, SIZE_MAX / 2));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(-1, shim_vec_reserve(&v, SIZE_MAX));
	/* a size in bytes that wraps around to a small one */
	EXPECT_EQ(-1, shim_vec_reserve(&v, SIZE_MAX / sizeof(int) + 2));
	EXPECT_EQ(-1, shim_vec_reserve(&v, SIZE_MAX / sizeof(int) + 2000));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(-1, shim_vec_append_n(&v, v.p, SIZE_MAX - 5));
	EXPECT_EQ(1000, v.len);
	shim_vec_free(&v);
}

static char *leave(int how)
{
	shim_auto(free) char *a = malloc(10);
	shim_auto(vec) ints v = { 0 };
	int i;

	if (shim_vec_append(&v, 1) || !a)
		return NULL;
	for (i = 0; i < 3; i++) {
		shim_auto(free) char *b = malloc(20);

		if (i == how)
			break;
		if (how == 3 && i == 1)
			goto out;
		if (how == 4)
			return NULL;
	}
out:
	if (how == 5)
		return shim_take(a);
	return NULL;
}

TEST(a_scope_frees_on_every_way_out)
{
	int how;

	for (how = 0; how < 5; how++) {
		EXPECT_EQ(NULL, leave(how));
		EXPECT_EQ(0, fail_live());
	}
	free(leave(5));
	EXPECT_EQ(0, fail_live());
}

static int in_regions(int how)
{
	int runs = 0;

	SHIM_SCOPE_REGION(r) {
		void *p = r ? shim_region_alloc(r, 100000) : NULL;

		runs++;
		if (!p)
			return -1;
		if (how == 1)
			return runs;
		if (how == 2)
			break;
		SHIM_SCOPE_MARK(r) {
			p = shim_region_alloc(r, 50000);
			runs += !!p;
			if (how == 3)
				return runs;
		}
	}
	return runs;
}

TEST(a_region_for_a_scope)
{
	EXPECT_EQ(2, in_regions(0));
	EXPECT_EQ(1, in_regions(1));
	EXPECT_EQ(1, in_regions(2));
	EXPECT_EQ(2, in_regions(3));
	EXPECT_EQ(0, fail_live());
	fail_after = 0;
	EXPECT_EQ(-1, in_regions(0));
	fail_after = -1;
}

TEST_HARNESS_MAIN
