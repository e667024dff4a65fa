// SPDX-License-Identifier: GPL-2.0-only
/* The page heap: one test for each promise it makes. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "base/meta.h"
#include "fake_backend.h"
#include "heap_now.h"
#include "pageheap/pageheap_int.h"

TEST(refuses_what_cannot_be)
{
	struct pageheap_stat before = stat_now(), after;

	EXPECT_EQ(NULL, pageheap_alloc(0, 1));
	EXPECT_EQ(NULL, pageheap_alloc(PAGEHEAP_MAX_PAGES + 1, 1));
	EXPECT_EQ(NULL, pageheap_alloc(SIZE_MAX, 1));
	EXPECT_EQ(NULL, pageheap_alloc(1, PAGEHEAP_MAX_PAGES * 2));
	EXPECT_EQ(NULL, pageheap_alloc(PAGEHEAP_MAX_PAGES,
				       PAGEHEAP_MAX_PAGES));
	after = stat_now();
	EXPECT_EQ(before.mapped, after.mapped);
	EXPECT_EQ(0, after.inuse);
	EXPECT_TRUE(pageheap_is_valid());
}

static size_t records_used(void)
{
	struct meta_stat st;

	meta_get_stat(&st);
	return st.used;
}

/* One cache line, or two for who asks; a record that was freed stays what it is. */
TEST(records)
{
	struct span *s[100];
	size_t before;
	unsigned int i, turn;

	/* not of interest: the first block, and the area's map */
	pageheap_free(pageheap_alloc(1, 1));
	for (turn = 0; turn < 2; turn++) {
		before = records_used();
		for (i = 0; i < ARRAY_SIZE(s); i++) {
			s[i] = pageheap_alloc(1, 1);
			ASSERT_NE(NULL, s[i]);
			EXPECT_FALSE(s[i]->flags & SPAN_WIDE);
			EXPECT_EQ(0, (uintptr_t)s[i] % 64);
			EXPECT_EQ(0, s[i]->bitmap[0]);
		}
		EXPECT_EQ(turn ? 0 : (ARRAY_SIZE(s) - 1) * 64,
			  records_used() - before);
		for (i = 0; i < ARRAY_SIZE(s); i++)
			pageheap_free(s[i]);

		before = records_used();
		for (i = 0; i < ARRAY_SIZE(s); i++) {
			s[i] = pageheap_alloc_wide(1, 1);
			ASSERT_NE(NULL, s[i]);
			EXPECT_TRUE(s[i]->flags & SPAN_WIDE);
			EXPECT_EQ(0, s[i]->bitmap[0] | s[i]->bitmap[7]);
			memset(s[i]->bitmap, 0xff, sizeof(s[i]->bitmap));
		}
		EXPECT_EQ(turn ? 0 : ARRAY_SIZE(s) * 128,
			  records_used() - before);
		for (i = 0; i < ARRAY_SIZE(s); i++)
			pageheap_free(s[i]);
	}
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(small_heap_costs_no_block)
{
	struct span *s = pageheap_alloc(2, 1);

	ASSERT_NE(NULL, s);
	EXPECT_TRUE(s->flags & SPAN_ZERO);
	EXPECT_EQ(0, fake.whole);
	EXPECT_EQ(0, stat_now().covered);
	EXPECT_EQ(0, stat_now().free);
	pageheap_free(s);
	EXPECT_EQ(2 * PAGE_SIZE, stat_now().free);
	/*
	 * at the place of existing memory, which is not known to be zero any
	 * more
	 */
	s = pageheap_alloc(2, 1);
	EXPECT_FALSE(s->flags & SPAN_ZERO);
	EXPECT_EQ(0, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
}

/* In whichever block the pages are that have memory, though others fit better. */
TEST(small_heap_takes_what_has_memory)
{
	struct span *s[4], *t;
	uintptr_t start;

	/* 36 pages of the first block were never used, of the other one 66 */
	s[0] = pageheap_alloc(200, 1);
	s[1] = pageheap_alloc(100, 1);
	s[2] = pageheap_alloc(90, 1);
	s[3] = pageheap_alloc(20, 1);
	EXPECT_NE(block_of(s[0]), block_of(s[1]));
	EXPECT_EQ(block_of(s[1]), block_of(s[2]));
	EXPECT_EQ(block_of(s[0]), block_of(s[3]));
	start = s[1]->start;
	pageheap_free(s[1]);
	EXPECT_EQ(100 * PAGE_SIZE, stat_now().free);
	t = pageheap_alloc(30, 1);
	EXPECT_LE(start, t->start);
	EXPECT_GE(start + 70 * PAGE_SIZE, t->start);
	EXPECT_EQ(70 * PAGE_SIZE, stat_now().free);
	/* what is longer goes where it fits */
	t = pageheap_alloc(80, 1);
	EXPECT_NE(NULL, t);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * The same for a block all of whose pages are free: spans of a block take it,
 * and others before they take a hole.
 */
TEST(small_heap_takes_free_blocks)
{
	struct span *s[3], *t;
	uintptr_t start;
	size_t heap;

	s[0] = pageheap_alloc(200, 1);
	s[1] = pageheap_alloc(100, 1);
	s[2] = pageheap_alloc(BLOCK_PAGES - 100, 1);
	EXPECT_EQ(block_of(s[1]), block_of(s[2]));
	start = block_of(s[1]);
	heap = heap_now();
	pageheap_free(s[1]);
	pageheap_free(s[2]);
	EXPECT_TRUE(pageheap_is_valid());
	t = pageheap_alloc(BLOCK_PAGES, 1);
	EXPECT_EQ(start, t->start);
	EXPECT_FALSE(t->flags & SPAN_ZERO);
	EXPECT_EQ(heap, heap_now());
	pageheap_free(t);
	/* 56 pages behind the first span were never used */
	EXPECT_TRUE(pageheap_has(40));
	t = pageheap_alloc(40, 1);
	EXPECT_EQ(start, t->start);
	EXPECT_EQ(heap, heap_now());
	EXPECT_TRUE(pageheap_is_valid());
	/* with a hole, however, it is no free block */
	pageheap_free(t);
	pageheap_trim(0);
	t = pageheap_alloc(40, 1);
	EXPECT_EQ(block_of(s[0]), block_of(t));
	EXPECT_EQ(240 * PAGE_SIZE, heap_now());
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(grown_heap_is_made_of_blocks)
{
	struct span *s;

	outgrow();
	s = pageheap_alloc(3, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(BLOCK_SIZE, stat_now().covered);
	EXPECT_EQ(BLOCK_SIZE - 3 * PAGE_SIZE, stat_now().free);
	pageheap_free(s);
	EXPECT_EQ(1, stat_now().blocks_free);
	EXPECT_TRUE(pageheap_is_valid());
}

/* A hole in 4 KiB memory costs a fault for each page, a free block nothing. */
TEST(free_block_before_hole_without_memory)
{
	struct span *s = pageheap_alloc(100, 1), *t = pageheap_alloc(100, 1);
	uintptr_t start;
	size_t heap;

	outgrow();
	pageheap_free(t);
	t = pageheap_alloc(40, 1);	/* not without memory: it has idle pages */
	EXPECT_EQ(block_of(s), block_of(t));
	pageheap_free(t);
	pageheap_trim(0);
	t = pageheap_alloc(BLOCK_PAGES, 1);
	start = t->start;
	heap = heap_now();
	pageheap_free(t);
	t = pageheap_alloc(40, 1);
	EXPECT_EQ(start, t->start);
	EXPECT_EQ(heap, heap_now());
	/* when there is none left, the hole is better than another one */
	pageheap_alloc(BLOCK_PAGES - 40, 1);
	t = pageheap_alloc(40, 1);
	EXPECT_EQ(block_of(s), block_of(t));
	EXPECT_EQ(heap + 40 * PAGE_SIZE, heap_now());
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(smallest_sufficient_run_first)
{
	struct span *s[10], *t;
	int i;

	outgrow();
	/* holes of 8, 4 and 16 pages, with a page in use between them */
	s[0] = pageheap_alloc(8, 1);
	s[1] = pageheap_alloc(1, 1);
	s[2] = pageheap_alloc(247, 1);
	s[3] = pageheap_alloc(4, 1);
	s[4] = pageheap_alloc(252, 1);
	s[5] = pageheap_alloc(16, 1);
	s[6] = pageheap_alloc(240, 1);
	for (i = 0; i < 7; i++)
		ASSERT_NE(NULL, s[i]);
	EXPECT_EQ(3, stat_now().blocks);
	pageheap_free(s[0]);
	pageheap_free(s[3]);
	pageheap_free(s[5]);
	t = pageheap_alloc(3, 1);
	EXPECT_EQ(block_of(s[4]), block_of(t));
	t = pageheap_alloc(5, 1);
	EXPECT_EQ(block_of(s[1]), block_of(t));
	t = pageheap_alloc(9, 1);
	EXPECT_EQ(block_of(s[6]), block_of(t));
	EXPECT_EQ(3, stat_now().blocks);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(fullest_block_among_equals)
{
	struct span *a[2], *b[2], *t;

	outgrow();
	/*
	 * two blocks whose longest free run is 20; the second has two such runs
	 */
	a[0] = pageheap_alloc(20, 1);
	a[1] = pageheap_alloc(236, 1);
	b[0] = pageheap_alloc(20, 1);
	b[1] = pageheap_alloc(216, 1);
	t = pageheap_alloc(20, 1);
	ASSERT_EQ(block_of(b[0]), block_of(t));
	pageheap_free(t);
	pageheap_free(b[0]);
	pageheap_free(a[0]);
	t = pageheap_alloc(20, 1);
	EXPECT_EQ(block_of(a[1]), block_of(t));
	pageheap_free(a[1]);
	pageheap_free(b[1]);
}

TEST(zero_after_release_only)
{
	struct span *s;
	char *p;

	outgrow();
	s = pageheap_alloc(600, 1);
	EXPECT_TRUE(s->flags & SPAN_ZERO);
	p = (char *)s->start;
	memset(p, 1, s->npages * PAGE_SIZE);
	pageheap_free(s);
	s = pageheap_alloc(600, 1);
	EXPECT_EQ(p, (char *)s->start);
	EXPECT_FALSE(s->flags & SPAN_ZERO);
	pageheap_free(s);
	EXPECT_LE(600 * PAGE_SIZE, pageheap_trim(0));
	EXPECT_TRUE(fake_is_returned((uintptr_t)p));
	s = pageheap_alloc(600, 1);
	EXPECT_TRUE(s->flags & SPAN_ZERO);
	EXPECT_EQ(0, ((char *)s->start)[600 * PAGE_SIZE - 1]);
}

TEST(tail_of_a_large_span_is_used)
{
	struct span *large, *small, *heap;

	/*
	 * compared with so much the tail does not matter: it is an ordinary
	 * block
	 */
	heap = pageheap_alloc(64 * MIB / PAGE_SIZE, 1);
	large = pageheap_alloc(BLOCK_PAGES + 6, 1);
	small = pageheap_alloc(10, 1);
	EXPECT_EQ(large->start + large->npages * PAGE_SIZE, small->start);
	EXPECT_EQ(34, stat_now().blocks);
	pageheap_free(large);
	EXPECT_EQ(33, stat_now().blocks);
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(small);
	EXPECT_EQ(32, stat_now().blocks);
	EXPECT_EQ(2, stat_now().blocks_free);
	pageheap_free(heap);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(free_runs_join)
{
	struct span *s[5];
	uintptr_t first;
	int i;

	outgrow();
	for (i = 0; i < 5; i++)
		s[i] = pageheap_alloc(2 * BLOCK_PAGES, 1);
	first = s[0]->start;
	for (i = 1; i < 5; i++)
		EXPECT_EQ(first + (size_t)i * 2 * BLOCK_SIZE, s[i]->start);
	pageheap_free(s[0]);
	pageheap_free(s[4]);
	pageheap_free(s[2]);
	pageheap_free(s[1]);
	pageheap_free(s[3]);
	s[0] = pageheap_alloc(10 * BLOCK_PAGES, 1);
	EXPECT_EQ(first, s[0]->start);
	EXPECT_FALSE(s[0]->flags & SPAN_ZERO);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(alignment)
{
	size_t align;

	for (align = 1; align <= 16 * BLOCK_PAGES; align *= 2) {
		struct span *a = pageheap_alloc(3, align);
		struct span *b = pageheap_alloc(300, align);

		ASSERT_NE(NULL, a);
		ASSERT_NE(NULL, b);
		EXPECT_EQ(0, a->start % (align * PAGE_SIZE));
		EXPECT_EQ(0, b->start % (align * PAGE_SIZE));
	}
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(resize_in_place)
{
	struct span *s, *wall;
	uintptr_t at;

	outgrow();
	s = pageheap_alloc(10, 1);
	at = s->start;
	EXPECT_TRUE(pageheap_resize(s, 200));
	EXPECT_TRUE(pageheap_resize(s, 3000));
	EXPECT_EQ(at, s->start);
	EXPECT_EQ(3000 * PAGE_SIZE, stat_now().inuse);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_TRUE(pageheap_resize(s, 1001));
	EXPECT_EQ(1001 * PAGE_SIZE, stat_now().inuse);
	EXPECT_TRUE(pageheap_is_valid());
	wall = pageheap_alloc(1, 1);
	ASSERT_EQ(at + 1001 * PAGE_SIZE, wall->start);
	EXPECT_FALSE(pageheap_resize(s, 1002));
	EXPECT_FALSE(pageheap_resize(s, 5000));
	EXPECT_EQ(1001, s->npages);
	EXPECT_TRUE(pageheap_resize(s, BLOCK_PAGES));
	EXPECT_TRUE(pageheap_resize(s, 1));
	EXPECT_FALSE(pageheap_resize(s, 0));
	EXPECT_EQ(2 * PAGE_SIZE, stat_now().inuse);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * Growing past the end of a block takes as many pages as are free there, and no
 * more.
 */
TEST(growth_ends_at_a_neighbour)
{
	struct span *s, *wall;

	outgrow();
	s = pageheap_alloc(BLOCK_PAGES + 20, 1);
	wall = pageheap_alloc(50, 1);
	ASSERT_EQ(s->start + s->npages * PAGE_SIZE, wall->start);
	ASSERT_TRUE(pageheap_resize(s, BLOCK_PAGES));
	EXPECT_FALSE(pageheap_resize(s, BLOCK_PAGES + 21));
	EXPECT_EQ(BLOCK_PAGES, s->npages);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_TRUE(pageheap_resize(s, BLOCK_PAGES + 20));
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(s);
	pageheap_free(wall);
	EXPECT_EQ(0, stat_now().inuse);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(remap_moves_whole_blocks)
{
	struct span *s, *wall;
	size_t i;

	outgrow();
	s = pageheap_alloc(3 * BLOCK_PAGES + 7, 1);
	wall = pageheap_alloc(240, 1);
	ASSERT_EQ(s->start + s->npages * PAGE_SIZE, wall->start);
	for (i = 0; i < s->npages; i++)
		*(size_t *)(s->start + i * PAGE_SIZE) = i;
	EXPECT_FALSE(pageheap_resize(s, 8 * BLOCK_PAGES));
	ASSERT_TRUE(pageheap_remap_grow(s, 8 * BLOCK_PAGES));
	EXPECT_EQ(8 * BLOCK_PAGES, s->npages);
	for (i = 0; i < 3 * BLOCK_PAGES + 7; i++)
		ASSERT_EQ(i, *(size_t *)(s->start + i * PAGE_SIZE));
	EXPECT_EQ(1, stat_now().nr_remap);
	EXPECT_TRUE(pageheap_is_valid());
	/* a part of a huge page does not move */
	while (!block_at(wall->start)->whole)
		wall = pageheap_alloc(9, 1);
	EXPECT_FALSE(pageheap_remap_grow(wall, 20));
}

TEST(trim_keeps_what_it_may)
{
	struct span *s[64];
	int i;

	outgrow();
	for (i = 0; i < 64; i++)
		s[i] = pageheap_alloc(BLOCK_PAGES / 2, 1);
	for (i = 0; i < 64; i += 2)
		pageheap_free(s[i]);
	EXPECT_EQ(32 * MIB, stat_now().free);
	EXPECT_EQ(0, pageheap_trim(32 * MIB));
	EXPECT_LE(22 * MIB, pageheap_trim(10 * MIB));
	EXPECT_GE(10 * MIB, stat_now().free);
	EXPECT_LT(8 * MIB, stat_now().free);
	pageheap_trim(0);
	EXPECT_EQ(0, stat_now().free);
	EXPECT_EQ(32, stat_now().blocks_split);
	EXPECT_EQ(stat_now().released, fake.released);
	EXPECT_TRUE(pageheap_is_valid());
}

/* No more than that is left, even if the last block to go is only in part above. */
TEST(trim_goes_below_what_it_may_keep)
{
	shim_conf.scavenger = false;
	outgrow();
	pageheap_free(pageheap_alloc(8 * BLOCK_PAGES, 1));
	ASSERT_EQ(8 * BLOCK_SIZE, stat_now().free);
	EXPECT_EQ(6 * BLOCK_SIZE, pageheap_trim(5 * BLOCK_SIZE / 2));
	EXPECT_EQ(2 * BLOCK_SIZE, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(purge_inside_a_span)
{
	struct span *s, *t;

	outgrow();
	s = pageheap_alloc(4, 1);
	t = pageheap_alloc(252, 1);
	memset((void *)s->start, 1, 4 * PAGE_SIZE);
	/* not out of a block that is whole */
	EXPECT_EQ(0, pageheap_purge(s, 0xff));
	pageheap_free(t);
	pageheap_trim(0);
	EXPECT_EQ(3 * 4096, pageheap_purge(s, 0x46));
	EXPECT_FALSE(fake_is_returned(s->start));
	EXPECT_TRUE(fake_is_returned(s->start + 4096));
	EXPECT_TRUE(fake_is_returned(s->start + 2 * 4096));
	EXPECT_FALSE(fake_is_returned(s->start + 3 * 4096));
	EXPECT_TRUE(fake_is_returned(s->start + 6 * 4096));
	EXPECT_EQ(0, *(char *)(s->start + 4096));
	EXPECT_EQ(1, *(char *)(s->start + 5 * 4096));
	EXPECT_EQ(3 * 4096, stat_now().purged);
	EXPECT_EQ(0, pageheap_purge(s, 0));
	EXPECT_TRUE(pageheap_is_valid());
	/* as its owner does: what is worth keeping follows from what has memory */
	s->purged = 0x46;
	EXPECT_EQ(3, ph.purged_now);
	pageheap_retaken(4096);
	s->purged = 0x42;
	EXPECT_EQ(2, ph.purged_now);
	pageheap_free(s);
	EXPECT_EQ(0, ph.purged_now);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * A block in which spans leave a quarter of the pages empty is split, and these
 * pages go; one with fewer of them stays whole.
 */
TEST(purge_splits_what_is_worth_it)
{
	struct span *s[128];
	unsigned int i, gone = 0, n;

	shim_conf.scavenger = false;
	outgrow();
	pageheap_free(pageheap_alloc(2 * BLOCK_PAGES, 1));
	pageheap_trim(0);
	/* two pages each: all of a block */
	for (i = 0; i < 128; i++) {
		s[i] = pageheap_alloc(2, 1);
		ASSERT_NE(NULL, s[i]);
	}
	ASSERT_TRUE(block_at(s[0]->start)->whole);
	ASSERT_EQ(block_at(s[0]->start), block_at(s[127]->start));
	for (n = 0; n < 128 && !gone; n++) {
		/* twice the same counts once */
		EXPECT_EQ(0, pageheap_purge(s[n], 2));
		gone = (unsigned int)pageheap_purge(s[n], 6);
	}
	/* 64 spans with two pages each are a quarter */
	EXPECT_EQ(64, n);
	EXPECT_EQ(2 * 4096, gone);
	EXPECT_FALSE(block_at(s[0]->start)->whole);
	EXPECT_EQ(1, stat_now().blocks_split);
	EXPECT_EQ(2 * 4096, pageheap_purge(s[0], 6));
	EXPECT_TRUE(pageheap_is_valid());
	for (i = 0; i < 128; i++)
		pageheap_free(s[i]);
	EXPECT_TRUE(pageheap_is_valid());
}

/* 1 MiB beside a span of 2 is much; a little is not worth a system call. */
TEST(small_heap_makes_room)
{
	struct span *s;

	shim_conf.scavenger = false;
	ASSERT_NE(NULL, pageheap_alloc(10, 1));
	s = pageheap_alloc(30, 1);
	pageheap_free(s);
	s = pageheap_alloc(BLOCK_PAGES, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(30 * PAGE_SIZE, stat_now().free);
	pageheap_free(s);
	pageheap_trim(0);

	s = pageheap_alloc(120, 1);
	pageheap_free(s);
	EXPECT_EQ(120 * PAGE_SIZE, stat_now().free);
	ASSERT_NE(NULL, pageheap_alloc(BLOCK_PAGES, 1));
	EXPECT_EQ(0, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * A heap of blocks that only churns does not give back all that it will take
 * again.
 */
TEST(room_is_made_within_bounds)
{
	struct span *s[32] = { NULL };
	size_t asked = 0, peak = 0, was;
	uint32_t rnd = 1;
	int i;

	shim_conf.scavenger = false;
	outgrow();
	was = fake.released;
	for (i = 0; i < 20000; i++) {
		struct span **at;

		rnd = rnd * 1664525 + 1013904223;
		at = &s[rnd >> 27];
		if (*at)
			pageheap_free(*at);
		*at = pageheap_alloc(32 + (rnd >> 8) % 480, 1);
		ASSERT_NE(NULL, *at);
		asked += (*at)->npages * PAGE_SIZE;
		if (stat_now().inuse > peak)
			peak = stat_now().inuse;
	}
	EXPECT_LT(was, fake.released);
	/* the last one may be larger than the rest of the bound */
	EXPECT_GT(2 * peak + asked / 64, fake.released - was);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(hard_limit)
{
	struct span *s[40];
	int n;

	shim_conf.limit = 64 * MIB;
	shim_conf.limit_hard = true;
	for (n = 0; n < 40; n++) {
		s[n] = pageheap_alloc(4 * MIB / PAGE_SIZE, 1);
		if (!s[n])
			break;
	}
	EXPECT_LT(12, n);
	EXPECT_GE(16, n);
	EXPECT_GE(64 * MIB, stat_now().inuse + stat_now().free);
	EXPECT_EQ(1, stat_now().nr_fail);
	/* free memory is given back before anything is refused */
	while (n)
		pageheap_free(s[--n]);
	EXPECT_NE(NULL, pageheap_alloc(60 * MIB / PAGE_SIZE, 1));
	EXPECT_EQ(NULL, pageheap_alloc(8 * MIB / PAGE_SIZE, 1));
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(fork_keeps_both_sides)
{
	struct span *s = pageheap_alloc(100, 1);
	int status;
	pid_t pid;

	pageheap_fork_prepare();
	pid = fork();
	if (!pid) {
		pageheap_fork_child();
		pageheap_free(s);
		s = pageheap_alloc(5000, 1);
		pageheap_trim(0);
		_exit(s && pageheap_is_valid() ? 0 : 1);
	}
	pageheap_fork_parent();
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(100 * PAGE_SIZE, stat_now().inuse);
	EXPECT_TRUE(pageheap_is_valid());
}

/* The checker works: it finds each of these. */
static int breaks(void (*hurt)(struct span *s))
{
	struct span *s;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		close(STDERR_FILENO);
		shim_conf.scavenger = false;	/* hurt() takes no lock */
		outgrow();
		s = pageheap_alloc(10, 1);
		pageheap_is_valid();
		hurt(s);
		pageheap_is_valid();
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void hurt_sum(struct span *s)
{
	(void)s;
	ph.inuse++;
}

static void hurt_zero(struct span *s)
{
	block_at(s->start)->clean.w[0] |= 1;
}

static void hurt_longest(struct span *s)
{
	block_at(s->start)->longest--;
}

static void hurt_filler(struct span *s)
{
	filler_remove(block_at(s->start));
}

static void hurt_run(struct span *s)
{
	struct block *next = block_at(s->start + BLOCK_SIZE);

	next->run--;
}

static void free_dead(struct span *s)
{
	pageheap_free(s);
	pageheap_free(s);
}

static void free_too_much(struct span *s)
{
	s->npages++;
	pageheap_free(s);
}

TEST(the_check_checks)
{
	EXPECT_EQ(SIGABRT, breaks(hurt_sum));
	EXPECT_EQ(SIGABRT, breaks(hurt_zero));
	EXPECT_EQ(SIGABRT, breaks(hurt_longest));
	EXPECT_EQ(SIGABRT, breaks(hurt_filler));
	EXPECT_EQ(SIGABRT, breaks(hurt_run));
	EXPECT_EQ(SIGABRT, breaks(free_dead));
	EXPECT_EQ(SIGABRT, breaks(free_too_much));
}

TEST_HARNESS_MAIN
