// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page heap: what large spans leave of their last blocks, every way to grow
 * against the hard limit.
 */
#include <string.h>

#include "kselftest_harness.h"

#include "conf.h"
#include "fake_backend.h"
#include "pageheap_int.h"

#define MIB	((size_t)1 << 20)
#define LIMIT	(64 * MIB)

static struct pageheap_stat stat_now(void)
{
	struct pageheap_stat st;

	pageheap_get_stat(&st);
	return st;
}

static size_t heap_now(void)
{
	struct pageheap_stat st = stat_now();

	return st.inuse + st.free;
}

/* Make the heap one that is made of blocks. */
static void outgrow(void)
{
	pageheap_free(pageheap_alloc(32 * MIB / PAGE_SIZE, 1));
	pageheap_trim(0);
}

#define LIVE	100u

/* Memory that counts, in percent of what @npages each of LIVE spans need. */
static size_t percent(size_t npages)
{
	unsigned int i;

	outgrow();
	for (i = 0; i < LIVE; i++)
		pageheap_alloc(npages, 1);
	return heap_now() * 100 / (LIVE * npages * PAGE_SIZE);
}

/*
 * Half a block and a page, a third, a block and a page, and all that is near
 * them: where blocks were all there is, the worst is a half lost.
 */
FIXTURE(tail) {
};

FIXTURE_VARIANT(tail) {
	size_t npages;
};

FIXTURE_VARIANT_ADD(tail, third) { .npages = BLOCK_PAGES / 3 + 1 };
FIXTURE_VARIANT_ADD(tail, half) { .npages = BLOCK_PAGES / 2 + 1 };
FIXTURE_VARIANT_ADD(tail, most) { .npages = BLOCK_PAGES * 3 / 4 };
FIXTURE_VARIANT_ADD(tail, nearly_all) { .npages = BLOCK_PAGES - 33 };
FIXTURE_VARIANT_ADD(tail, block) { .npages = BLOCK_PAGES + 1 };
FIXTURE_VARIANT_ADD(tail, block_and_half) { .npages = BLOCK_PAGES * 3 / 2 };
FIXTURE_VARIANT_ADD(tail, blocks) { .npages = 4 * BLOCK_PAGES + 5 };

FIXTURE_SETUP(tail)
{
}

FIXTURE_TEARDOWN(tail)
{
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

TEST_F(tail, is_not_resident)
{
	/* a 32nd of what is in use and 1 MiB may be idle, and some round up */
	EXPECT_GE(107, percent(variant->npages));
	EXPECT_LT(0, fake.thin);
}

TEST_F(tail, is_not_resident_in_arenas)
{
	fake.first = BACKEND_KMOD;
	EXPECT_GE(107, percent(variant->npages));
	EXPECT_LT(0, fake.thin);
}

TEST(tail_that_is_little_is_part_of_a_block)
{
	percent(BLOCK_PAGES - 16);
	EXPECT_EQ(0, fake.thin);
	EXPECT_EQ(LIVE * BLOCK_SIZE, stat_now().covered);
}

TEST(small_spans_fill_blocks)
{
	unsigned int i;

	outgrow();
	for (i = 0; i < 4096; i++)
		pageheap_alloc(1 + i % 31, 1);
	EXPECT_EQ(0, fake.thin);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(no_memory_for_a_tail)
{
	size_t before;

	outgrow();
	before = heap_now();
	fake.fail_after = 1;
	fake.first = BACKEND_KMOD;
	/* blocks yes, tail no; and no other backend has any either */
	EXPECT_EQ(NULL, pageheap_alloc(BLOCK_PAGES + 1, 1));
	EXPECT_EQ(before, heap_now());
	fake.fail_after = -1;
	EXPECT_NE(NULL, pageheap_alloc(BLOCK_PAGES + 1, 1));
	EXPECT_TRUE(pageheap_is_valid());
}

/* Grow until it fails, by each way there is; never beyond the limit. */
static void limit_set(void)
{
	outgrow();
	shim_conf.limit = LIMIT;
	shim_conf.limit_hard = true;
}

TEST(limit_growing_in_place)
{
	struct span *s;
	size_t n;

	limit_set();
	s = pageheap_alloc(BLOCK_PAGES, 1);
	for (n = s->npages; pageheap_resize(s, n + 100); n += 100)
		EXPECT_GE(LIMIT, heap_now());
	/* it was the limit that ended it */
	EXPECT_LE(LIMIT, heap_now() + MIB);
	EXPECT_TRUE(pageheap_is_valid());
	shim_conf.limit_hard = false;
	EXPECT_TRUE(pageheap_resize(s, n + 100));
}

TEST(limit_moving_by_page_tables)
{
	struct span *s;
	size_t n;

	limit_set();
	s = pageheap_alloc(BLOCK_PAGES, 1);
	for (n = s->npages; pageheap_remap_grow(s, n + 100); n += 100)
		EXPECT_GE(LIMIT, heap_now());
	EXPECT_LE(LIMIT, heap_now() + MIB);
	EXPECT_TRUE(pageheap_is_valid());
	shim_conf.limit_hard = false;
	EXPECT_TRUE(pageheap_remap_grow(s, n + 100));
}

TEST(limit_small_spans)
{
	size_t n = 0;

	limit_set();
	while (pageheap_alloc(1, 1))
		n++;
	EXPECT_GE(LIMIT, heap_now());
	/* a page at a time, all of it can be had */
	EXPECT_EQ(LIMIT / PAGE_SIZE, n);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(limit_joining)
{
	struct span *s[BLOCK_PAGES];
	struct span *rest;
	size_t n;

	/* a block that lost a page, and is all in use but that page */
	outgrow();
	for (n = 0; n < BLOCK_PAGES; n++)
		s[n] = pageheap_alloc(1, 1);
	for (n = 0; n < BLOCK_PAGES; n += 2)
		pageheap_free(s[n]);
	pageheap_trim(0);
	for (n = 2; n < BLOCK_PAGES; n += 2)
		s[n] = pageheap_alloc(1, 1);
	shim_conf.limit = LIMIT;
	shim_conf.limit_hard = true;
	rest = pageheap_alloc((LIMIT - heap_now()) / PAGE_SIZE, 1);
	ASSERT_NE(NULL, rest);
	EXPECT_EQ(LIMIT, heap_now());
	shim_lock_acquire(&ph.lock);
	while (pageheap_join_one())
		;
	shim_lock_release(&ph.lock);
	EXPECT_EQ(LIMIT, heap_now());
	EXPECT_TRUE(pageheap_is_valid());
}

TEST_HARNESS_MAIN
