// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page heap: what large spans leave of their last blocks; and growth, in
 * every way, stops at the hard limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "heap_now.h"
#include "pageheap/limit.h"
#include "pageheap/pageheap_int.h"

#define LIMIT	(40 * MIB)

#define LIVE	100u

/*
 * The memory that counts, in percent of what LIVE spans of @npages each need.
 */
static size_t percent(size_t npages)
{
	unsigned int i;

	outgrow();
	for (i = 0; i < LIVE; i++)
		pageheap_alloc(npages, 1);
	return heap_now() * 100 / (LIVE * npages * PAGE_SIZE);
}

/*
 * Half a block and a page, a third, a block and a page, and sizes near these:
 * with whole blocks only, half would be lost at the worst.
 */
FIXTURE(tail) {
};

FIXTURE_VARIANT(tail) {
	size_t npages;
};

FIXTURE_VARIANT_ADD(tail, third) {
	.npages = BLOCK_PAGES / 3 + 1
};

FIXTURE_VARIANT_ADD(tail, half) {
	.npages = BLOCK_PAGES / 2 + 1
};

FIXTURE_VARIANT_ADD(tail, most) {
	.npages = BLOCK_PAGES * 3 / 4
};

FIXTURE_VARIANT_ADD(tail, nearly_all) {
	.npages = BLOCK_PAGES - 33
};

FIXTURE_VARIANT_ADD(tail, block) {
	.npages = BLOCK_PAGES + 1
};

FIXTURE_VARIANT_ADD(tail, block_and_half) {
	.npages = BLOCK_PAGES * 3 / 2
};

FIXTURE_VARIANT_ADD(tail, blocks) {
	.npages = 4 * BLOCK_PAGES + 5
};

FIXTURE_SETUP(tail)
{
}

FIXTURE_TEARDOWN(tail)
{
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

/*
 * A program that replaces its large objects all the time would take a fault for each
 * page of their tails.
 */
TEST(tails_of_what_is_replaced)
{
	enum { SOME = 16, LENGTH = BLOCK_PAGES * 3 / 2 };
	struct span *s[2 * SOME];
	unsigned int i, round;
	size_t thin;

	outgrow();
	for (i = 0; i < SOME; i++)
		s[i] = pageheap_alloc(LENGTH, 1);
	thin = fake.thin;
	EXPECT_LT(0, thin);
	for (round = 0; round < 12; round++)
		for (i = 0; i < SOME; i++) {
			pageheap_free(s[i]);
			s[i] = pageheap_alloc(LENGTH, 1);
		}
	thin = fake.thin;
	for (i = SOME; i < 2 * SOME; i++)
		s[i] = pageheap_alloc(LENGTH, 1);
	EXPECT_EQ(thin, fake.thin);
	/* a small tail costs little */
	for (i = 0; i < SOME; i++)
		pageheap_alloc(BLOCK_PAGES + 1, 1);
	EXPECT_LT(thin, fake.thin);
}

TEST_F(tail, is_not_resident)
{
	/*
	 * a 32nd of what is in use and 1 MiB may be idle, and sizes are rounded
	 * up
	 */
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

/* The span itself is a part of what its rest is small in proportion to. */
TEST(tail_of_a_long_span_is_part_of_a_block)
{
	outgrow();
	ASSERT_NE(NULL, pageheap_alloc(220, 1));
	ASSERT_EQ(36 * PAGE_SIZE, stat_now().free);
	/* 36 and 255 pages: a 32nd of 32 MiB and 1 MiB are less, of 48 MiB more */
	ASSERT_NE(NULL, pageheap_alloc(48 * MIB / PAGE_SIZE + 1, 1));
	EXPECT_EQ(0, fake.thin);
	EXPECT_TRUE(pageheap_is_valid());
}

/* So is it where the heap was larger: its peak does not grow. */
TEST(tail_below_the_peak_is_part_of_a_block)
{
	outgrow();
	ASSERT_NE(NULL, pageheap_alloc(8 * MIB / PAGE_SIZE + 1, 1));
	EXPECT_EQ(0, fake.thin);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * One buffer at a time: the blocks that the last one left free, too few for the
 * next one, are no reason to fault that one's tail in by 4 KiB.
 */
TEST(free_blocks_are_no_tails)
{
	struct span *last;

	outgrow();
	ASSERT_NE(NULL, pageheap_alloc(64 * MIB / PAGE_SIZE, 1));
	last = pageheap_alloc(6 * MIB / PAGE_SIZE, 1);
	ASSERT_NE(NULL, last);
	pageheap_free(last);
	ASSERT_LE(6 * MIB, stat_now().free);
	ASSERT_NE(NULL, pageheap_alloc(8 * MIB / PAGE_SIZE + 100, 1));
	EXPECT_EQ(0, fake.thin);
	EXPECT_TRUE(pageheap_is_valid());
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
	/* leaves enough of a block that the next tail has to be thin */
	pageheap_alloc(40, 1);
	before = heap_now();
	fake.fail_after = 1;
	fake.first = BACKEND_KMOD;
	/* a block can be had, but no tail, from this backend or the other */
	EXPECT_EQ(NULL, pageheap_alloc(BLOCK_PAGES + 1, 1));
	EXPECT_EQ(before, heap_now());
	fake.fail_after = -1;
	EXPECT_NE(NULL, pageheap_alloc(BLOCK_PAGES + 1, 1));
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * Free blocks beside blocks without memory, that are too few for a request: it
 * takes all of them, and as many more.
 */
FIXTURE(longer) {
	struct span *run, *next;	/* a run of three blocks, and one behind */
	size_t whole;
};

FIXTURE_SETUP(longer)
{
	outgrow();
	ASSERT_NE(NULL, pageheap_alloc(64 * BLOCK_PAGES, 1));
	self->run = pageheap_alloc(3 * BLOCK_PAGES, 1);
	self->next = pageheap_alloc(2 * BLOCK_PAGES, 1);
	ASSERT_EQ(self->run->start + 3 * BLOCK_SIZE, self->next->start);
}

FIXTURE_TEARDOWN(longer)
{
	fake.fail_after = -1;
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
	/* no memory but what is in spans and free */
	pageheap_trim(0);
	EXPECT_EQ(stat_now().inuse, heap_now());
}

TEST_F(longer, behind)
{
	uintptr_t start = self->next->start;
	struct span *s;

	pageheap_free(self->next);
	self->whole = fake.whole;
	s = pageheap_alloc(5 * BLOCK_PAGES - 3, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(start, s->start);
	EXPECT_FALSE(s->flags & SPAN_ZERO);
	EXPECT_EQ(3 * BLOCK_SIZE, fake.whole - self->whole);
	EXPECT_EQ(3 * PAGE_SIZE, stat_now().free);
	pageheap_free(s);
}

TEST_F(longer, before)
{
	uintptr_t start = self->run->start;
	struct span *s;

	/* no room behind */
	ASSERT_NE(NULL, pageheap_alloc(BLOCK_PAGES, 1));
	pageheap_free(self->run);
	pageheap_trim(0);
	pageheap_free(self->next);
	self->whole = fake.whole;
	s = pageheap_alloc(4 * BLOCK_PAGES, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(start + BLOCK_SIZE, s->start);
	EXPECT_EQ(2 * BLOCK_SIZE, fake.whole - self->whole);
	EXPECT_EQ(0, stat_now().free);
	pageheap_free(s);
}

/* A free block of 4 KiB pages between both parts is made a block first. */
TEST_F(longer, over_a_tail)
{
	struct span *s, *tails[8];
	unsigned int i;

	/* what these leave is all that may be left */
	for (i = 0; i < 8; i++)
		tails[i] = pageheap_alloc(BLOCK_PAGES + 100, 1);
	s = pageheap_alloc(2 * BLOCK_PAGES + 10, 1);
	ASSERT_NE(NULL, s);
	ASSERT_FALSE(block_at(s->start + 2 * BLOCK_SIZE)->whole);
	pageheap_free(s);
	self->whole = fake.whole;
	s = pageheap_alloc(4 * BLOCK_PAGES, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(1, fake.joined);
	EXPECT_EQ(BLOCK_SIZE, fake.whole - self->whole);
	pageheap_free(s);
	for (i = 0; i < 8; i++)
		pageheap_free(tails[i]);
}

TEST_F(longer, no_memory_for_more)
{
	uintptr_t start = self->next->start;
	struct span *s;
	size_t free;

	pageheap_free(self->next);
	free = stat_now().free;
	fake.fail_after = 0;
	EXPECT_EQ(NULL, pageheap_alloc(5 * BLOCK_PAGES, 1));
	EXPECT_EQ(free, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
	/* the blocks that there are can still be had */
	s = pageheap_alloc(2 * BLOCK_PAGES, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(start, s->start);
	pageheap_free(s);
}

static void refuse_once(void)
{
	fake.on_whole = NULL;
	fake.fail_after = 0;
}

static void refuse_no_more(void)
{
	fake.on_release = NULL;
	fake.fail_after = -1;
}

/* The memory of the last block, which comes first, is not lost. */
TEST(no_memory_for_all_of_it)
{
	size_t released;

	outgrow();
	/* leaves enough of a block that the next tail has to be thin */
	pageheap_alloc(40, 1);
	fake.first = BACKEND_KMOD;
	fake.on_whole = refuse_once;
	fake.on_release = refuse_no_more;
	released = fake.released;
	EXPECT_NE(NULL, pageheap_alloc(BLOCK_PAGES + 1, 1));
	/* of the module's, and then of the other backend's */
	EXPECT_EQ(2, fake.thin);
	EXPECT_EQ(1, stat_now().nr_fallback);
	EXPECT_LE(2 * BLOCK_SIZE, fake.released - released);
	EXPECT_TRUE(pageheap_is_valid());
}

/* Grow until it fails, in every way there is: never past the limit. */
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
	/* the limit ended it: not even one block fits below it */
	EXPECT_LE(LIMIT, heap_now() + MIB + BLOCK_SIZE);
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
	/* all of it can be allocated, page by page */
	EXPECT_EQ(LIMIT / PAGE_SIZE, n);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * Free memory that does not serve the request goes before anything is refused.
 */
TEST(limit_gives_back_first)
{
	struct span *s[18];
	size_t n;

	shim_conf.scavenger = false;
	limit_set();
	for (n = 0; n < 18; n++) {
		s[n] = pageheap_alloc(BLOCK_PAGES, 1);
		ASSERT_NE(NULL, s[n]);
	}
	for (n = 0; n < 18; n++)
		pageheap_free(s[n]);
	EXPECT_LE(30 * MIB, stat_now().free);
	/* two blocks more than are free in a row */
	EXPECT_NE(NULL, pageheap_alloc(20 * BLOCK_PAGES, 1));
	EXPECT_GE(LIMIT, heap_now());
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(limit_joining)
{
	struct span *s[BLOCK_PAGES];
	struct span *rest;
	size_t n;

	/* a block that lost a page, and has only that page free */
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

/*
 * Near a limit the heap checks often, takes memory by pages, uses holes, and
 * can allocate free memory inside blocks.
 */
/* Before the first check 4 MiB may be taken, and no file is read until then. */
TEST(first_check)
{
	char root[] = "/tmp/first-check-XXXXXX", cmd[512];

	ASSERT_NE(NULL, mkdtemp(root));
	snprintf(cmd, sizeof(cmd), "cd %s && mkdir -p proc/self sys/fs/cgroup/a &&"
		 "echo 0::/a >proc/self/cgroup && cd sys/fs/cgroup/a &&"
		 "echo 104857600 >memory.max && echo 1 >memory.current", root);
	ASSERT_EQ(0, system(cmd));
	limit_root = root;
	pageheap_boot();
	EXPECT_EQ(0, stat_now().limit);
	EXPECT_FALSE(pageheap_is_due(4 * MIB - 1));
	EXPECT_TRUE(pageheap_is_due(4 * MIB));
	ASSERT_NE(NULL, pageheap_alloc(4 * MIB / PAGE_SIZE, 1));
	EXPECT_TRUE(pageheap_is_due(0));
	EXPECT_FALSE(pageheap_look(0));
	EXPECT_EQ(100 * MIB, stat_now().limit);
	/* half of what is left */
	EXPECT_FALSE(pageheap_is_due(49 * MIB));
	EXPECT_TRUE(pageheap_is_due(50 * MIB));
	snprintf(cmd, sizeof(cmd), "rm -rf %s", root);
	EXPECT_EQ(0, system(cmd));
}

/* Where none is found, the next check is later. */
TEST(first_check_finds_none)
{
	ASSERT_NE(NULL, pageheap_alloc(4 * MIB / PAGE_SIZE, 1));
	EXPECT_TRUE(pageheap_is_due(0));
	EXPECT_FALSE(pageheap_look(0));
	EXPECT_FALSE(pageheap_is_due(16 * MIB - 1));
	EXPECT_TRUE(pageheap_is_due(16 * MIB));
}

TEST(near_a_limit)
{
	struct span *s, *part;
	size_t mapped;
	unsigned int i;

	outgrow();
	s = pageheap_alloc(90 * MIB / PAGE_SIZE, 1);
	ASSERT_NE(NULL, s);
	part = pageheap_alloc(2, 1);
	ASSERT_TRUE(block_at(part->start)->whole);
	EXPECT_EQ(0, pageheap_purge(part, 1));
	/*
	 * far away: a heap without a limit at its first check never checks
	 * again
	 */
	shim_conf.limit = 1024 * MIB;
	EXPECT_FALSE(pageheap_look(0));
	EXPECT_FALSE(pageheap_is_due(0));
	EXPECT_TRUE(pageheap_is_due(64 * MIB));
	shim_conf.limit = 100 * MIB;
	EXPECT_FALSE(pageheap_look(0));
	EXPECT_TRUE(pageheap_look(9 * MIB));
	/* half of the 8 MiB that are left */
	EXPECT_FALSE(pageheap_is_due(3 * MIB));
	EXPECT_TRUE(pageheap_is_due(4 * MIB));
	s = pageheap_alloc(7 * MIB / PAGE_SIZE, 1);
	EXPECT_TRUE(pageheap_is_due(0));
	EXPECT_TRUE(pageheap_look(0));
	/* a page of a block that is whole */
	EXPECT_EQ(4096, pageheap_purge(part, 1));
	EXPECT_FALSE(block_at(part->start)->whole);
	pageheap_trim(0);
	mapped = stat_now().mapped;
	fake.whole = 0;
	for (i = 0; i < 1000; i++)
		pageheap_alloc(1, 1);
	EXPECT_EQ(0, fake.whole);
	EXPECT_GE(107 * MIB, heap_now());
	EXPECT_GE(mapped + 16 * MIB, stat_now().mapped);
	EXPECT_TRUE(pageheap_is_valid());
	/* whole blocks made of pages count like others */
	pageheap_trim(0);
	EXPECT_TRUE(pageheap_look(0));
	EXPECT_FALSE(pageheap_is_due(0));
	ASSERT_NE(NULL, pageheap_alloc(BLOCK_PAGES, 1));
	EXPECT_EQ(0, fake.whole);
	EXPECT_TRUE(pageheap_is_due(0));
}

/* Pages of a small heap count when they are first used, and only then. */
TEST(what_is_first_used_counts)
{
	struct span *s[400];
	unsigned int i;

	shim_conf.limit = 8 * MIB;
	pageheap_look(0);
	/* half of the rest: 4 MiB */
	for (i = 0; i < 2 * MIB / PAGE_SIZE; i++)
		s[i] = pageheap_alloc(1, 1);
	EXPECT_FALSE(pageheap_is_due(MIB));
	EXPECT_TRUE(pageheap_is_due(2 * MIB));
	for (i = 0; i < 2 * MIB / PAGE_SIZE; i++)
		pageheap_free(s[i]);
	for (i = 0; i < 2 * MIB / PAGE_SIZE; i++)
		s[i] = pageheap_alloc(1, 1);
	EXPECT_FALSE(pageheap_is_due(MIB));
	EXPECT_TRUE(pageheap_is_due(2 * MIB));
}

/* Memory that is used again counts for the next check. */
TEST(what_was_purged_counts)
{
	/* 16 MiB where no limit is known, 64 MiB where it is far away */
	pageheap_look(0);
	if (!limit_bytes()) {
		pageheap_retaken(16 * MIB - 1);
		EXPECT_FALSE(pageheap_is_due(0));
		pageheap_retaken(1);
		EXPECT_TRUE(pageheap_is_due(0));
	}
	shim_conf.limit = 1024 * MIB;
	pageheap_look(0);
	pageheap_retaken(64 * MIB - 1);
	EXPECT_FALSE(pageheap_is_due(0));
	pageheap_retaken(1);
	EXPECT_TRUE(pageheap_is_due(0));
	pageheap_look(0);
	EXPECT_FALSE(pageheap_is_due(0));
}

TEST_HARNESS_MAIN
