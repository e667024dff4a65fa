// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page heap over a backend that fails: at the first call, at the second,
 * and so on, until a whole scenario runs without a failure.  Each time the
 * answer is a span or NULL, every invariant holds, and nothing is lost.
 */
#include <string.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "heap_now.h"
#include "pageheap/pageheap.h"

#define SPANS	40

static struct span *s[SPANS];
static unsigned int failed;

FIXTURE(fail)
{
};

FIXTURE_SETUP(fail)
{
}

FIXTURE_TEARDOWN(fail)
{
}

static void get(int i, size_t npages)
{
	s[i] = pageheap_alloc(npages, 1);
	if (!s[i]) {
		failed++;
		return;
	}
	memset((void *)s[i]->start, i, PAGE_SIZE);
}

static void put(int i)
{
	if (s[i])
		pageheap_free(s[i]);
	s[i] = NULL;
}

/* A scenario that makes every call that a backend has. */
static void scenario(void)
{
	int i;

	for (i = 0; i < SPANS; i++)
		get(i, (size_t)1 << i % 12);
	for (i = 0; i < SPANS; i += 2)
		put(i);
	pageheap_trim(0);
	for (i = 1; i < SPANS; i += 2)
		if (s[i] && !pageheap_resize(s[i], s[i]->npages + 300))
			pageheap_remap_grow(s[i], s[i]->npages + 300);
	for (i = 0; i < SPANS; i += 2)
		get(i, 700);
	for (i = 0; i < SPANS; i++)
		put(i);
	pageheap_trim(0);
}

static void every_failure(struct __test_metadata *_metadata)
{
	struct pageheap_stat st;
	unsigned long calls;
	long n;

	for (n = 0;; n++) {
		fake.fail_after = n;
		calls = fake.calls;
		failed = 0;
		scenario();
		ASSERT_TRUE(pageheap_is_valid());
		ASSERT_EQ(0, fake.bad);
		calls = fake.calls - calls;
		/* and when the failures stop, everything works again */
		fake.fail_after = -1;
		pageheap_trim(0);
		scenario();
		pageheap_get_stat(&st);
		ASSERT_EQ(0, st.inuse);
		ASSERT_EQ(st.mapped, st.free + st.returned);
		ASSERT_EQ(st.mapped, fake.grown);
		if (calls <= (unsigned long)n)
			break;
	}
	EXPECT_LT(20, n);
	EXPECT_EQ(0, failed);
}

TEST_F_TIMEOUT(fail, thp, 1800)
{
	every_failure(_metadata);
}

TEST_F_TIMEOUT(fail, kmod, 1800)
{
	fake.first = BACKEND_KMOD;
	every_failure(_metadata);
}

TEST_F_TIMEOUT(fail, scarce, 1800)
{
	fake.scarce = true;
	every_failure(_metadata);
}

/* One backend has no memory: blocks come from the other, which is counted. */
TEST_F(fail, fallback)
{
	struct pageheap_stat st;
	struct span *a;

	fake.first = BACKEND_KMOD;
	fake.fail_after = 0;
	EXPECT_EQ(NULL, pageheap_alloc(5000, 1));
	pageheap_get_stat(&st);
	EXPECT_EQ(1, st.nr_fail);
	EXPECT_EQ(1, st.nr_fallback);
	/* address space without memory behind it */
	fake.fail_after = 1;
	EXPECT_EQ(NULL, pageheap_alloc(5000, 1));
	pageheap_get_stat(&st);
	EXPECT_EQ(1, st.nr_populate_fail);
	EXPECT_EQ(0, st.inuse);
	EXPECT_EQ(0, st.free);
	fake.fail_after = -1;
	a = pageheap_alloc(5000, 1);
	EXPECT_NE(NULL, a);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * What a heap had before its blocks came from the module is used by a large one, too,
 * before it takes more: whole blocks, then 4 KiB pages, for a span of whole blocks and
 * for the first pages of a block.
 */
TEST_F(fail, either_backend_has_free_blocks)
{
	struct span *pages, *whole, *t;
	uintptr_t at;
	size_t taken;

	shim_conf.scavenger = false;
	fake.first = BACKEND_KMOD;
	pages = pageheap_alloc(BLOCK_PAGES, 1);
	whole = pageheap_alloc(BLOCK_PAGES - 8, 1);
	memset((void *)whole->start, 1, BLOCK_SIZE - 8 * PAGE_SIZE);
	at = pages->start;
	outgrow();
	shim_lock_acquire(&ph.lock);
	ASSERT_TRUE(pageheap_join(block_at(whole->start)));
	shim_lock_release(&ph.lock);
	pageheap_free(pages);
	pageheap_free(whole);
	taken = fake.whole;
	whole = pageheap_alloc(8, 1);
	pages = pageheap_alloc(BLOCK_PAGES, 1);
	EXPECT_EQ(at, pages->start);
	EXPECT_EQ(taken, fake.whole);
	EXPECT_EQ(1, block_at(whole->start)->whole);
	t = pageheap_alloc(BLOCK_PAGES, 1);
	EXPECT_EQ(taken + BLOCK_SIZE, fake.whole);
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(whole);
	pageheap_free(pages);
	pageheap_free(t);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

static size_t thin_by_then;

static void note_thin(void)
{
	thin_by_then = fake.thin;
}

/* A thin block may be whole for a moment: not on top of the rest of its span. */
TEST_F(fail, the_thin_block_comes_first)
{
	struct span *s, *some;

	fake.first = BACKEND_KMOD;
	outgrow();
	/* enough of a block is idle that the next tail has to be thin */
	some = pageheap_alloc(20, 1);
	fake.on_whole = note_thin;
	s = pageheap_alloc(BLOCK_PAGES + BLOCK_PAGES / 4, 1);
	fake.on_whole = NULL;
	EXPECT_EQ(1, fake.thin);
	EXPECT_EQ(1, thin_by_then);
	pageheap_free(s);
	pageheap_free(some);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST_F(fail, no_address_space)
{
	struct pageheap_stat st;
	struct span *a;

	fake.room = 8u << 20;
	EXPECT_EQ(NULL, pageheap_alloc((16u << 20) / PAGE_SIZE, 1));
	a = pageheap_alloc((6u << 20) / PAGE_SIZE, 1);
	ASSERT_NE(NULL, a);
	EXPECT_EQ(NULL, pageheap_alloc((4u << 20) / PAGE_SIZE, 1));
	pageheap_free(a);
	EXPECT_NE(NULL, pageheap_alloc((6u << 20) / PAGE_SIZE, 1));
	EXPECT_NE(NULL, pageheap_alloc((2u << 20) / PAGE_SIZE, 1));
	EXPECT_EQ(NULL, pageheap_alloc(1, 1));
	pageheap_get_stat(&st);
	EXPECT_EQ(8u << 20, st.mapped);
	EXPECT_EQ(0, st.returned + st.free);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * Spans of 2.4 MiB in 61 blocks: 51 fit if there is no gap between them, 40 if
 * two of them share three blocks, 30 if each begins with a block.  Where
 * addresses do not lack, two share three.
 */
static unsigned int spans_in_61_blocks(struct __test_metadata *_metadata)
{
	const size_t npages = 307;
	unsigned int n;

	fake.room = 61 * BLOCK_SIZE;
	for (n = 0; n < 61; n++) {
		struct span *a = pageheap_alloc(npages, 1);
		size_t i;

		if (!a)
			break;
		EXPECT_TRUE(a->flags & SPAN_ZERO);
		for (i = 0; i < npages; i++) {
			uint64_t *p = (uint64_t *)(a->start + i * PAGE_SIZE);

			ASSERT_EQ(0, *p);
			*p = n + 1;
		}
	}
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
	return n;
}

TEST_F(fail, spans_lie_close_where_addresses_lack)
{
	struct pageheap_stat st;

	EXPECT_GE(40, spans_in_61_blocks(_metadata));
	pageheap_get_stat(&st);
	EXPECT_GE(61 * BLOCK_SIZE, st.mapped);
}

TEST_F(fail, spans_without_gaps)
{
	struct span *a;

	fake.scarce = true;
	EXPECT_EQ(50, spans_in_61_blocks(_metadata));
	/* a block's worth is left at most, and serves what is less than that */
	a = pageheap_alloc(100, 1);
	EXPECT_NE(NULL, a);
}

/*
 * A fresh block is better than many pages that were given back, which cost a
 * fault each; where there is none, those pages serve.
 */
TEST_F(fail, given_back_is_better_than_none)
{
	struct span *all[1024];
	unsigned int n, i;

	fake.room = 64u << 20;
	for (n = 0; n < 1024; n++) {
		all[n] = pageheap_alloc(20, 1);
		if (!all[n])
			break;
	}
	ASSERT_GT(1024, n);
	for (i = 0; i < n; i++)
		if (i % 8)
			pageheap_free(all[i]);
	pageheap_trim(0);
	for (i = 0; i < n; i++) {
		if (i % 8)
			all[i] = pageheap_alloc(20, 1);
		ASSERT_NE(NULL, all[i]);
	}
	EXPECT_TRUE(pageheap_is_valid());
}

TEST_HARNESS_MAIN
