// SPDX-License-Identifier: GPL-2.0-only
/* The page heap: spans that are shorter than asked for, where only these have memory. */
#include <stdlib.h>

#include "../lib/patience.h"

#include "fake_backend.h"
#include "heap_now.h"
#include "pageheap/pageheap_int.h"

#define HOLES	16u
#define LONG	4u	/* pages of a span of full length */

/* Holes of 1, 2 and 3 pages by turns, between spans; no longer one has memory. */
struct holes {
	struct span *wall[HOLES];
	size_t heap;
};

/* In blocks: all of what is left of the last one is taken, too. */
static void holes_make(struct holes *h)
{
	struct span *hole[HOLES], *s;
	unsigned int i;

	for (i = 0; i < HOLES; i++) {
		hole[i] = pageheap_alloc(1 + i % 3, 1);
		h->wall[i] = pageheap_alloc(1, 1);
		if (!hole[i] || !h->wall[i])
			abort();
	}
	while (pageheap_has(1)) {
		s = pageheap_alloc(1, 1);
		if (!s)
			abort();
	}
	for (i = 0; i < HOLES; i++)
		pageheap_free(hole[i]);
	h->heap = heap_now();
}

FIXTURE(holes) {
	struct holes h;
	struct span *old;
};

FIXTURE_VARIANT(holes) {
	bool grown;
};

FIXTURE_VARIANT_ADD(holes, small) { .grown = false };
FIXTURE_VARIANT_ADD(holes, grown) { .grown = true };

FIXTURE_SETUP(holes)
{
	struct span *wall = pageheap_alloc(BLOCK_PAGES - LONG, 1);

	/* nothing is left of the first block */
	self->old = pageheap_alloc(LONG, 1);
	ASSERT_EQ(block_of(wall), block_of(self->old));
	if (variant->grown)
		outgrow();
	holes_make(&self->h);
	ASSERT_TRUE(pageheap_has(3));
	ASSERT_FALSE(pageheap_has(LONG));
}

FIXTURE_TEARDOWN(holes)
{
	EXPECT_TRUE(pageheap_is_valid());
}

/* The longest first, and nothing grows while there is one. */
TEST_F(holes, are_used)
{
	unsigned int i, had[LONG + 1] = { 0 }, last = LONG;
	struct span *s;

	for (i = 0; i < HOLES; i++) {
		s = pageheap_alloc_short(LONG, 4096);
		ASSERT_NE(NULL, s);
		ASSERT_GE(last, s->npages);
		last = s->npages;
		had[s->npages]++;
		EXPECT_FALSE(s->flags & SPAN_ZERO);
	}
	EXPECT_EQ(6, had[1]);
	EXPECT_EQ(5, had[2]);
	EXPECT_EQ(5, had[3]);
	EXPECT_EQ(self->h.heap, heap_now());
	/* none is left */
	s = pageheap_alloc_short(LONG, 4096);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(LONG, s->npages);
	EXPECT_LT(self->h.heap, heap_now());
}

/* A run of full length is better, a free block as well. */
TEST_F(holes, are_second_best)
{
	struct span *s;

	s = pageheap_alloc(LONG, 1);
	ASSERT_NE(NULL, s);
	pageheap_free(s);
	s = pageheap_alloc_short(LONG, 4096);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(LONG, s->npages);
	/* that was cut from a block: the rest of it is there */
	pageheap_free(s);
	s = pageheap_alloc(BLOCK_PAGES, 1);
	ASSERT_NE(NULL, s);
	pageheap_free(s);
	s = pageheap_alloc_short(LONG, 4096);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(LONG, s->npages);
}

/* So are pages of a block from before the heap was made of blocks. */
TEST_F(holes, are_behind_old_pages)
{
	uintptr_t start = self->old->start;
	struct span *s;

	pageheap_free(self->old);
	s = pageheap_alloc_short(LONG, 4096);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(LONG, s->npages);
	EXPECT_EQ(start, s->start);
	EXPECT_EQ(self->h.heap, heap_now());
}

/* Where objects would leave more than an eighth over, it is none. */
TEST_F(holes, that_suit_nothing_are_left)
{
	struct span *s;

	/* three pages have room for four, and 2048 over */
	s = pageheap_alloc_short(LONG, 5120 + 512);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(3, s->npages);
	EXPECT_EQ(self->h.heap, heap_now());
	/* three pages have room for two, and 4096 over; two for one */
	s = pageheap_alloc_short(LONG, 10240);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(LONG, s->npages);
}

/* Objects that are longer than a hole do not go there. */
TEST_F(holes, that_are_too_short_are_left)
{
	unsigned int i;
	struct span *s;

	for (i = 0; i < 6; i++) {
		s = pageheap_alloc_short(LONG, 3 * PAGE_SIZE);
		ASSERT_NE(NULL, s);
		EXPECT_EQ(i < 5 ? 3 : LONG, s->npages);
	}
}

/* Others ask for what they need. */
TEST_F(holes, are_for_who_asks)
{
	struct span *s = pageheap_alloc(LONG, 1);

	ASSERT_NE(NULL, s);
	EXPECT_EQ(LONG, s->npages);
	EXPECT_LT(self->h.heap, heap_now());
	/* one page is one page */
	s = pageheap_alloc_short(1, 16);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(1, s->npages);
}

TEST_HARNESS_MAIN
