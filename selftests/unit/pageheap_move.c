// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page heap: spans that move to grow, by page tables or by copying.
 */
#include <stdio.h>
#include <string.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "heap_now.h"
#include "pageheap/pageheap_int.h"

/*
 * Spans of every shape move: their content stays, the place they leave has no
 * memory, and no other span's bytes change.
 */
FIXTURE(move) {
	struct span *s, *wall;
	uintptr_t at;
};

FIXTURE_VARIANT(move) {
	bool small;		/* a heap of 4 KiB memory */
	size_t heap;		/* in use beside, so that tails are of blocks */
	size_t before;		/* pages that belong to other spans */
	size_t npages;
	bool copied;		/* no part of it can move */
};

FIXTURE_VARIANT_ADD(move, pages) {
	.small = true, .before = 3, .npages = 100
};

FIXTURE_VARIANT_ADD(move, pages_of_two) {
	.before = 3, .npages = 300
};

FIXTURE_VARIANT_ADD(move, blocks) {
	.npages = 4 * BLOCK_PAGES
};

FIXTURE_VARIANT_ADD(move, blocks_and_thin_tail) {
	.npages = 4 * BLOCK_PAGES + 100
};

FIXTURE_VARIANT_ADD(move, blocks_and_tail) {
	.heap = 256 * MIB, .npages = 4 * BLOCK_PAGES + 100
};

FIXTURE_VARIANT_ADD(move, not_aligned) {
	.heap = 256 * MIB, .before = 100, .npages = 4 * BLOCK_PAGES - 10
};

FIXTURE_VARIANT_ADD(move, part_of_a_block) {
	.heap = 256 * MIB, .before = 100, .npages = 30, .copied = true
};

static void fill(const struct span *s)
{
	size_t i;

	for (i = 0; i < s->npages; i++)
		*(uintptr_t *)(s->start + i * PAGE_SIZE) = i + 1;
}

/* The first of @n pages from @at that is not what fill() wrote, or @n. */
static size_t filled(uintptr_t at, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (*(uintptr_t *)(at + i * PAGE_SIZE) != i + 1)
			break;
	return i;
}

FIXTURE_SETUP(move)
{
	struct span *hole;

	if (!variant->small)
		outgrow();
	if (variant->heap)
		pageheap_alloc(variant->heap / PAGE_SIZE, 1);
	if (variant->before) {
		/*
		 * the wall's pages come first, then the span, in the same block
		 */
		hole = pageheap_alloc(variant->npages + 2 * BLOCK_PAGES, 1);
		ASSERT_TRUE(pageheap_resize(hole, variant->before));
		self->wall = hole;
		self->s = pageheap_alloc(variant->npages, 1);
	} else {
		self->s = pageheap_alloc(variant->npages, 1);
		self->wall = pageheap_alloc(9, 1);
	}
	ASSERT_NE(NULL, self->s);
	fill(self->s);
	fill(self->wall);
	self->at = self->s->start;
}

FIXTURE_TEARDOWN(move)
{
	size_t n = self->wall->npages;

	EXPECT_EQ(n, filled(self->wall->start, n));
	EXPECT_EQ(0, fake.bad);
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(self->s);
	pageheap_free(self->wall);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST_F(move, keeps_what_is_in_it)
{
	size_t n = variant->npages, before = heap_now();

	EXPECT_EQ(!variant->copied, pageheap_remap_grow(self->s, 2 * n));
	EXPECT_EQ(variant->copied, self->s->start == self->at);
	EXPECT_EQ(n, filled(self->s->start, n));
	if (variant->copied)
		return;
	EXPECT_EQ(2 * n, self->s->npages);
	/* no more than was requested, plus the remainders of two blocks */
	EXPECT_GE(before + n * PAGE_SIZE + 2 * BLOCK_SIZE, heap_now());
	/* whole blocks stay whole */
	if (n >= 2 * BLOCK_PAGES)
		EXPECT_EQ(self->at % BLOCK_SIZE, self->s->start % BLOCK_SIZE);
}

TEST_F(move, is_copied_where_the_kernel_refuses)
{
	size_t n = variant->npages;

	fake.remap = BACKEND_STAYED;
	if (variant->copied)
		return;
	EXPECT_TRUE(pageheap_remap_grow(self->s, 2 * n));
	EXPECT_EQ(n, filled(self->s->start, n));
}

/* For the kernel, memory that moved before is a mapping of its own. */
TEST_F(move, is_moved_by_parts)
{
	uintptr_t at = (self->at + BLOCK_SIZE - 1) & ~(BLOCK_SIZE - 1);
	uintptr_t end = self->at + variant->npages * PAGE_SIZE;
	size_t blocks = (end - at) / BLOCK_SIZE, n = variant->npages;

	if (variant->copied || end < at + 2 * BLOCK_SIZE)
		return;
	fake.cut = at + BLOCK_SIZE;
	EXPECT_TRUE(pageheap_remap_grow(self->s, 2 * n));
	fake.cut = 0;
	EXPECT_EQ(n, filled(self->s->start, n));
	/* no block was copied */
	EXPECT_LE(blocks * BLOCK_SIZE, fake.moved);
	EXPECT_LT(0, fake.moved_whole);
}

/*
 * Its old place is given back block by block, so that the memory never exists
 * twice.
 */
TEST_F(move, copied_blocks_are_not_there_twice)
{
	uintptr_t at = (self->at + BLOCK_SIZE - 1) & ~(BLOCK_SIZE - 1);
	uintptr_t end = self->at + variant->npages * PAGE_SIZE;
	size_t n = variant->npages, before = heap_now();

	if (variant->copied)
		return;
	fake.remap = BACKEND_STAYED;
	EXPECT_TRUE(pageheap_remap_grow(self->s, 2 * n));
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_GE(before + n * PAGE_SIZE + 4 * BLOCK_SIZE, heap_now());
	for (; at + BLOCK_SIZE <= end; at += BLOCK_SIZE)
		EXPECT_EQ(0, *(uintptr_t *)at);
	fake.remap = BACKEND_MOVED;
}

/*
 * The place of a later part is taken by another mapping: the first part comes
 * back.
 */
TEST_F(move, place_of_a_part_is_lost)
{
	size_t n = variant->npages;

	if (variant->copied || n < 3 * BLOCK_PAGES)
		return;
	fake.cut = ((self->at + BLOCK_SIZE - 1) & ~(BLOCK_SIZE - 1)) + BLOCK_SIZE;
	fake.moves = 2;
	fake.remap = BACKEND_LOST;
	pageheap_remap_grow(self->s, 2 * n);
	fake.moves = 0;
	fake.cut = 0;
	fake.remap = BACKEND_MOVED;
	EXPECT_EQ(n, filled(self->s->start, n));
}

TEST_F(move, place_is_lost)
{
	size_t n = variant->npages;
	struct pageheap_stat st;

	fake.remap = BACKEND_LOST;
	EXPECT_FALSE(pageheap_remap_grow(self->s, 2 * n));
	EXPECT_EQ(self->at, self->s->start);
	EXPECT_EQ(n, self->s->npages);
	EXPECT_EQ(n, filled(self->at, n));
	fake.remap = BACKEND_MOVED;
	st = stat_now();
	EXPECT_EQ(st.mapped, st.inuse + st.free + st.returned);
}

/*
 * The first piece has moved when another mapping takes the place of the second.
 */
TEST_F(move, place_is_lost_half_way)
{
	size_t n = variant->npages;

	fake.moves = 1;
	fake.remap = BACKEND_LOST;
	pageheap_remap_grow(self->s, 2 * n);
	fake.moves = 0;
	fake.remap = BACKEND_MOVED;
	EXPECT_EQ(n, filled(self->s->start, n));
}

/*
 * A span of 4 KiB pages whose new place has some, as an earlier one has left it: the
 * two change places, by way of addresses without memory.
 */
FIXTURE(swap) {
	struct span *s, *wall;
	uintptr_t at, to, via;
	size_t n;
};

FIXTURE_VARIANT(swap) {
	size_t npages;
};

FIXTURE_VARIANT_ADD(swap, pages) {
	.npages = 130
};

FIXTURE_VARIANT_ADD(swap, block_and_pages) {
	.npages = BLOCK_PAGES + 3
};

FIXTURE_VARIANT_ADD(swap, blocks) {
	.npages = BLOCK_PAGES
};

FIXTURE_SETUP(swap)
{
	struct span *idle, *spare;
	size_t blocks;

	self->n = variant->npages;
	blocks = (self->n + BLOCK_PAGES - 1) / BLOCK_PAGES;
	idle = pageheap_alloc(2 * BLOCK_PAGES, 1);
	self->s = pageheap_alloc(self->n, 1);
	self->wall = pageheap_alloc(9, 1);
	spare = pageheap_alloc(2 * BLOCK_PAGES, 1);
	ASSERT_NE(NULL, spare);
	pageheap_free(spare);
	pageheap_trim(0);
	fill(idle);
	fill(self->s);
	fill(self->wall);
	self->at = self->s->start;
	self->to = idle->start;
	/* less than what goes back in the call */
	pageheap_free(idle);
	ASSERT_EQ(2 * BLOCK_PAGES, ph.idle);
	/* where the third place will be */
	shim_lock_acquire(&ph.lock);
	if (runs_take(BACKEND_THP, RUN_RETURNED, blocks, BLOCK_SIZE, true,
		      &self->via))
		runs_insert(self->via, blocks, BACKEND_THP, RUN_RETURNED);
	shim_lock_release(&ph.lock);
	ASSERT_NE(0, self->via);
}

FIXTURE_TEARDOWN(swap)
{
	size_t n = self->wall->npages;

	fake.cut = 0;
	fake.remap = BACKEND_MOVED;
	EXPECT_EQ(n, filled(self->wall->start, n));
	EXPECT_EQ(0, fake.bad);
	EXPECT_EQ(0, ph.moving);
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(self->s);
	pageheap_free(self->wall);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST_F(swap, leaves_memory_where_it_was)
{
	size_t n = self->n, idle = ph.idle, before = heap_now();

	ASSERT_TRUE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	EXPECT_EQ(self->to, self->s->start);
	EXPECT_EQ(n, filled(self->s->start, n));
	/* only what the span is longer by is no longer idle */
	EXPECT_EQ(idle - (2 * BLOCK_PAGES - n), ph.idle);
	EXPECT_EQ(before, heap_now());
	/* it is what was at the new place, which has moved twice */
	EXPECT_EQ(n, filled(self->at, n));
	EXPECT_EQ(3 * n * PAGE_SIZE, fake.moved);
	EXPECT_EQ(0, *(uintptr_t *)self->via);
	EXPECT_FALSE(self->s->flags & SPAN_ZERO);
	/* the kernel would fill 4 KiB memory with huge pages */
	EXPECT_EQ(0, fake.moved_whole);
}

/* What is there cannot be put aside: the span moves as to any other place. */
TEST_F(swap, place_is_in_two_mappings)
{
	size_t n = self->n;

	fake.cut = self->to + PAGE_SIZE;
	ASSERT_TRUE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	fake.cut = 0;
	EXPECT_EQ(self->to, self->s->start);
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_GT(3 * n * PAGE_SIZE, fake.moved);
}

static unsigned int moving;

static void note_moving(void)
{
	moving = ph.moving;
}

/*
 * The span is copied: what was put aside is given up.  A child that is forked until
 * then finds both places.
 */
TEST_F(swap, span_is_in_two_mappings)
{
	size_t n = self->n;

	fake.cut = self->at + PAGE_SIZE;
	fake.on_release = note_moving;
	ASSERT_TRUE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	fake.on_release = NULL;
	fake.cut = 0;
	EXPECT_EQ(2, moving);
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_EQ(0, *(uintptr_t *)self->via);
}

/* What was put aside cannot be fetched: the old place has no memory. */
TEST_F(swap, third_place_is_in_two_mappings)
{
	size_t n = self->n;

	fake.cut = self->via + PAGE_SIZE;
	ASSERT_TRUE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	fake.cut = 0;
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_EQ(0, *(uintptr_t *)self->at);
	EXPECT_EQ(0, *(uintptr_t *)self->via);
}

/* And what cannot be given back either still counts as memory. */
TEST_F(swap, third_place_is_locked)
{
	size_t n = self->n, idle = ph.idle;

	fake.cut = self->via + PAGE_SIZE;
	fake.locked = fake.cut;
	ASSERT_TRUE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_LE(idle - (2 * BLOCK_PAGES - n), ph.idle);
	fake.locked = 0;
	fake.cut = 0;
}

/*
 * Another mapping has taken the third place and the new one; then the new one only;
 * then the old one.  None of them is touched again.
 */
TEST_F(swap, third_place_is_lost)
{
	size_t n = self->n;
	struct pageheap_stat st;

	fake.remap = BACKEND_LOST;
	EXPECT_FALSE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	fake.remap = BACKEND_MOVED;
	EXPECT_EQ(self->at, self->s->start);
	EXPECT_EQ(n, filled(self->at, n));
	EXPECT_EQ(BLOCK_LOST, block_at(self->via)->state);
	EXPECT_EQ(BLOCK_LOST, block_at(self->to)->state);
	st = stat_now();
	EXPECT_EQ(st.mapped, st.inuse + st.free + st.returned);
}

TEST_F(swap, new_place_is_lost)
{
	size_t n = self->n;

	fake.moves = 1;
	fake.remap = BACKEND_LOST;
	EXPECT_FALSE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	fake.remap = BACKEND_MOVED;
	EXPECT_EQ(self->at, self->s->start);
	EXPECT_EQ(n, filled(self->at, n));
	EXPECT_EQ(0, *(uintptr_t *)self->via);
	EXPECT_NE(BLOCK_LOST, block_at(self->via)->state);
}

TEST_F(swap, old_place_is_lost)
{
	unsigned int pieces = self->n > BLOCK_PAGES ? 2 : 1;
	size_t n = self->n, inuse = ph.inuse, i;

	fake.moves = 2 * pieces;
	fake.remap = BACKEND_LOST;
	ASSERT_TRUE(pageheap_remap_grow(self->s, 2 * BLOCK_PAGES));
	fake.remap = BACKEND_MOVED;
	EXPECT_EQ(n, filled(self->s->start, n));
	/* in use by nobody */
	EXPECT_EQ(inuse + 2 * BLOCK_PAGES, ph.inuse);
	for (i = 0; i < 8; i++) {
		struct span *s = pageheap_alloc(self->n, 1);

		ASSERT_NE(NULL, s);
		ASSERT_NE(self->at, s->start);
		fill(s);
	}
}

/* The last span of a small heap, with addresses without memory behind it. */
static struct span *last_span(size_t npages)
{
	struct span *s = pageheap_alloc(npages, 1);
	struct span *spare = pageheap_alloc(4 * BLOCK_PAGES, 1);

	pageheap_free(spare);
	pageheap_trim(0);
	return s;
}

/*
 * A span is not made longer by pages that it would have to get, while idle ones lie
 * in a row elsewhere; but it is where these are too few.
 */
TEST(moves_rather_than_take_more)
{
	struct span *idle = pageheap_alloc(2 * BLOCK_PAGES, 1), *s;
	size_t before;

	s = last_span(BLOCK_PAGES);
	fill(s);
	pageheap_free(idle);
	before = heap_now();
	EXPECT_FALSE(pageheap_grow_first(s, 2 * BLOCK_PAGES));
	EXPECT_TRUE(pageheap_remap_grow(s, 2 * BLOCK_PAGES));
	EXPECT_EQ(BLOCK_PAGES, filled(s->start, BLOCK_PAGES));
	EXPECT_EQ(before, heap_now());
	pageheap_free(s);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(grows_where_too_few_are_idle)
{
	struct span *idle = pageheap_alloc(2 * BLOCK_PAGES, 1), *s;

	s = last_span(BLOCK_PAGES);
	pageheap_free(idle);
	EXPECT_TRUE(pageheap_grow_first(s, 3 * BLOCK_PAGES));
	EXPECT_TRUE(pageheap_is_valid());
}

/* Idle pages that did not serve a span that grew go back, as for a new span. */
TEST(growing_in_place_makes_room)
{
	struct span *idle[2], *s;
	size_t most;
	int i;

	for (i = 0; i < 2; i++) {
		idle[i] = pageheap_alloc(BLOCK_PAGES, 1);
		pageheap_alloc(9, 1);
	}
	s = last_span(BLOCK_PAGES);
	pageheap_free(idle[0]);
	pageheap_free(idle[1]);
	EXPECT_EQ(2 * BLOCK_PAGES, ph.idle);
	/* the peak is long ago */
	ph.top = ph.inuse;
	EXPECT_TRUE(pageheap_resize(s, 4 * BLOCK_PAGES));
	/* a 32nd, a MiB, and less than a block */
	most = ph.inuse > ph.top ? ph.inuse : ph.top;
	EXPECT_GT(most + most / 32 + 128 + BLOCK_PAGES, ph.inuse + ph.idle);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * Like an array that grows a little each time, with another object behind it.
 */
TEST(many_moves)
{
	struct span *s;
	size_t n, i, most = 0;

	s = pageheap_alloc(32, 1);
	fill(s);
	for (i = 0; s->npages < 64 * MIB / PAGE_SIZE; i++) {
		n = s->npages;
		ASSERT_TRUE(pageheap_remap_grow(s, n + n / 8));
		ASSERT_EQ(n, filled(s->start, n));
		fill(s);
		pageheap_alloc(1, 1);
		if (i % 8 == 0)
			ASSERT_TRUE(pageheap_is_valid());
		if (heap_now() > most)
			most = heap_now();
	}
	EXPECT_GE((s->npages * PAGE_SIZE + i * PAGE_SIZE) * 115 / 100, most);
	EXPECT_LT(0, ph.moved);
}

/*
 * A span of blocks that cannot move, in a heap that has a limit and is as full as
 * a test wants it.
 */
FIXTURE(blocks) {
	struct span *s, *rest;
	uintptr_t at;
};

FIXTURE_VARIANT(blocks) {
	bool hard;
	size_t before;		/* pages that belong to another span */
	unsigned int steps;	/* grown in place, by so many of STEP pages */
	size_t npages;
};

#define STEP	(2 * BLOCK_PAGES + 30)

FIXTURE_VARIANT_ADD(blocks, hard) {
	.hard = true, .npages = 20 * BLOCK_PAGES
};

FIXTURE_VARIANT_ADD(blocks, hard_with_tail) {
	.hard = true, .npages = 20 * BLOCK_PAGES + 100
};

FIXTURE_VARIANT_ADD(blocks, hard_and_grown) {
	.hard = true, .steps = 6, .npages = 20 * BLOCK_PAGES
};

FIXTURE_VARIANT_ADD(blocks, soft) {
	.npages = 20 * BLOCK_PAGES
};

FIXTURE_VARIANT_ADD(blocks, soft_not_aligned) {
	.before = 100, .npages = 20 * BLOCK_PAGES - 10
};

/* Each step leaves a block that was begun page by page and filled up later. */
FIXTURE_SETUP(blocks)
{
	struct span *hole;

	fake.first = BACKEND_KMOD;
	outgrow();
	if (variant->before) {
		hole = pageheap_alloc(variant->npages + 2 * BLOCK_PAGES, 1);
		ASSERT_TRUE(pageheap_resize(hole, variant->before));
	}
	self->s = pageheap_alloc(variant->npages - variant->steps * STEP, 1);
	ASSERT_NE(NULL, self->s);
	while (self->s->npages < variant->npages) {
		/* a macro of two statements: without braces it would go on */
		ASSERT_TRUE(pageheap_resize(self->s, self->s->npages + STEP));
	}
	memset((void *)self->s->start, 1, variant->npages * PAGE_SIZE);
	fill(self->s);
	self->at = self->s->start;
	ASSERT_EQ(BACKEND_KMOD, block_at(self->at)->backend);
	pageheap_trim(0);
}

FIXTURE_TEARDOWN(blocks)
{
	EXPECT_EQ(0, fake.bad);
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(self->s);
	EXPECT_TRUE(pageheap_is_valid());
}

/* Set a limit that leaves @left bytes. */
static void limit_leaves(size_t left, bool hard)
{
	shim_conf.limit = heap_now() + left;
	shim_conf.limit_hard = hard;
	if (!hard)
		pageheap_look(0);
}

/*
 * Where the limit has room for two of them the caller copies it, which is
 * cheaper, and it stays in blocks of the module's.
 */
TEST_F(blocks, stay_where_there_is_room)
{
	size_t n = variant->npages;

	EXPECT_FALSE(pageheap_remap_grow(self->s, 2 * n));
	limit_leaves(3 * n * PAGE_SIZE, variant->hard);
	EXPECT_FALSE(pageheap_remap_grow(self->s, 2 * n));
	EXPECT_EQ(self->at, self->s->start);
}

/* This process's memory when most was there, looked at before each release. */
static size_t most;

static void note_memory(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	size_t pages = 0;

	if (!f || fscanf(f, "%*u %zu", &pages) != 1)
		pages = SIZE_MAX / 4096;
	if (f)
		fclose(f);
	if (pages * 4096 > most)
		most = pages * 4096;
}

TEST_F(blocks, are_copied_one_by_one)
{
	uintptr_t at = (self->at + BLOCK_SIZE - 1) & ~(BLOCK_SIZE - 1);
	uintptr_t end = self->at + variant->npages * PAGE_SIZE;
	size_t n = variant->npages, more = n / 8, before;

	limit_leaves((more + 3 * BLOCK_PAGES) * PAGE_SIZE, variant->hard);
	note_memory();
	before = most;
	fake.on_release = note_memory;
	ASSERT_TRUE(pageheap_remap_grow(self->s, n + more));
	fake.on_release = NULL;
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_EQ(n + more, self->s->npages);
	EXPECT_GE(shim_conf.limit, heap_now());
	/* the block being copied, and parts of blocks at both ends */
	EXPECT_LT(before, most);
	EXPECT_GE(before + 3 * BLOCK_SIZE, most);
	for (; at + BLOCK_SIZE <= end; at += BLOCK_SIZE)
		EXPECT_TRUE(fake_is_returned(at));
	/* anonymous memory: it moves by page tables from there */
	EXPECT_EQ(BACKEND_THP, block_at(self->s->start)->backend);
	EXPECT_EQ(0, fake.moved);
	n += more;
	fill(self->s);
	ASSERT_TRUE(pageheap_remap_grow(self->s, n + BLOCK_PAGES / 2));
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_LT(20 * BLOCK_SIZE - BLOCK_SIZE, fake.moved);
	EXPECT_GE(shim_conf.limit, heap_now());
}

/* Not even one block more fits: nothing changes. */
TEST_F(blocks, stay_where_there_is_no_room)
{
	size_t n = variant->npages;

	if (!variant->hard)
		return;
	limit_leaves((n / 8 + BLOCK_PAGES - 1) * PAGE_SIZE, true);
	EXPECT_FALSE(pageheap_remap_grow(self->s, n + n / 8));
	EXPECT_EQ(self->at, self->s->start);
	EXPECT_EQ(n, self->s->npages);
	EXPECT_EQ(n, filled(self->at, n));
}

/* A block that is locked in memory cannot be given back; it reads as zero. */
TEST_F(blocks, locked_ones_move_as_well)
{
	size_t n = variant->npages;

	limit_leaves((n / 8 + 3 * BLOCK_PAGES) * PAGE_SIZE, variant->hard);
	fake.locked = (self->at & ~(BLOCK_SIZE - 1)) + 5 * BLOCK_SIZE + 4096;
	EXPECT_TRUE(pageheap_remap_grow(self->s, n + n / 8));
	EXPECT_EQ(n, filled(self->s->start, n));
	EXPECT_EQ(0, *(uintptr_t *)(fake.locked & ~(BLOCK_SIZE - 1)));
	fake.locked = 0;
}

TEST_HARNESS_MAIN
