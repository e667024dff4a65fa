// SPDX-License-Identifier: GPL-2.0-only
/*
 * large objects that change their size, in place, by page tables, or not at
 * all: their content stays, the pagemap has the new place and no longer the old
 * one, and the profile counts what is live.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "base/error.h"
#include "base/prof.h"
#include "fake_backend.h"
#include "pageheap/pageheap.h"
#include "span/large.h"

#define KIB	((size_t)1 << 10)
#define MIB	((size_t)1 << 20)

void shim_die(enum shim_die why, const void *p, unsigned int cls)
{
	(void)why;
	(void)cls;
	shim_bug("bad pointer", p);
}

static bool zero;

FIXTURE(objects) {
	int unused;
};

FIXTURE_SETUP(objects)
{
	shim_conf.profile = 4096;
	fake.remap = BACKEND_MOVED;
}

FIXTURE_TEARDOWN(objects)
{
	struct pageheap_stat st;

	large_flush();
	pageheap_get_stat(&st);
	EXPECT_EQ(0, st.inuse);
	EXPECT_EQ(0, fake.bad);
	EXPECT_TRUE(pageheap_is_valid());
}

static void fill(unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 31 >> 4);
}

/* The first byte that is not what fill() wrote, or @n. */
static size_t filled(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && p[i] == (unsigned char)(i * 31 >> 4); i++)
		;
	return i;
}

/* Another object is right behind it when it grows. */
TEST_F(objects, a_moved_object_leaves_nothing_behind)
{
	unsigned char *p, *q, *wall;
	size_t size = 700 * KIB, i;

	for (i = 0; i < 8; i++) {
		p = large_alloc(size, 0, &zero);
		wall = large_alloc(size, 0, &zero);
		ASSERT_NE(NULL, p);
		ASSERT_NE(NULL, wall);
		fill(p, size);
		memset(wall, 0xee, size);
		q = large_resize(p, 2 * size);
		ASSERT_NE(NULL, q);
		EXPECT_EQ(size, filled(q, size));
		EXPECT_EQ(PAGEMAP_LARGE, pagemap_class(q));
		EXPECT_LE(2 * size, large_size(q));
		if (q != p) {
			EXPECT_EQ(PAGEMAP_NONE, pagemap_class(p));
			EXPECT_EQ(NULL, pagemap_span(p));
			EXPECT_EQ(NULL, pagemap_owner(p));
			EXPECT_EQ(NULL, pagemap_owner(p + size / 2));
		}
		large_free(q);
		large_free(wall);
		size += 300 * KIB;
	}
	EXPECT_LT(0, ({ struct pageheap_stat st; pageheap_get_stat(&st);
			st.nr_remap; }));
}

#define GROWING	32
#define GROWN	(1800 * KIB)

/* Let all of them grow by turns; their contents stay. */
static bool grow_all(unsigned char **p)
{
	size_t size = 300 * KIB, i;
	bool ok = true;

	for (i = 0; i < GROWING; i++) {
		p[i] = large_alloc(size, 0, &zero);
		fill(p[i], large_size(p[i]));
	}
	for (; size < GROWN; size += 100 * KIB)
		for (i = 0; i < GROWING; i++) {
			size_t had = large_size(p[i]);

			p[i] = large_resize(p[i], size + 100 * KIB);
			/* all that could be used, not what was asked for */
			ok &= pagemap_class(p[i]) == PAGEMAP_LARGE &&
			      filled(p[i], had) == had;
			fill(p[i], large_size(p[i]));
		}
	return ok && pageheap_is_valid();
}

/* In a heap of blocks what grows is copied, and is in blocks up to the peak. */
TEST_F(objects, what_grows_stays_in_blocks)
{
	unsigned char *p[GROWING];
	struct pageheap_stat st;
	uint64_t moved;
	size_t i, k;

	for (k = 0; k < 2; k++) {
		pageheap_get_stat(&st);
		moved = st.nr_remap;
		EXPECT_TRUE(grow_all(p));
		pageheap_get_stat(&st);
		for (i = 0; i < GROWING; i++)
			large_free(p[i]);
	}
	EXPECT_EQ(moved, st.nr_remap);
	EXPECT_LT(st.inuse / 4 * 3, st.covered);
}

/* An object that cannot grow is unchanged. */
TEST_F(objects, a_refused_resize_changes_nothing)
{
	unsigned char *p = large_alloc(300 * KIB, 0, &zero);
	size_t have = large_size(p);

	fill(p, 300 * KIB);
	EXPECT_EQ(NULL, large_resize(p, SIZE_MAX));
	fake.room = 0;
	EXPECT_EQ(NULL, large_resize(p, 900 * MIB));
	EXPECT_EQ(have, large_size(p));
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class(p));
	EXPECT_EQ(300 * KIB, filled(p, 300 * KIB));
	large_free(p);
}

/*
 * An object of @pages, the last one in its block, with addresses that have no memory
 * behind it, and idle pages in a row before it, in a heap of 4 KiB memory.
 */
static unsigned char *last_one(size_t pages, unsigned char **before)
{
	unsigned char *idle = large_alloc(4 * MIB, 0, &zero), *p, *behind;

	*before = large_alloc((2 * BLOCK_PAGES - pages) * PAGE_SIZE, 0, &zero);
	p = large_alloc(pages * PAGE_SIZE, 0, &zero);
	behind = large_alloc(8 * MIB, 0, &zero);
	memset(idle, 1, 4 * MIB);
	large_free(behind);
	large_flush();
	pageheap_trim(0);
	large_free(idle);
	large_flush();
	return p;
}

/* It had better move, but cannot: it grows where it is, and is not copied. */
TEST_F(objects, grows_in_place_where_a_move_fails)
{
	unsigned char *before, *p = last_one(BLOCK_PAGES, &before);

	fill(p, 2 * MIB);
	/* what is idle is put aside, and then its place is somebody else's */
	fake.moves = 1;
	fake.remap = BACKEND_LOST;
	EXPECT_EQ(p, large_resize(p, 3 * MIB));
	EXPECT_EQ(0, fake.moves);
	fake.remap = BACKEND_MOVED;
	EXPECT_EQ(2 * MIB, filled(p, 2 * MIB));
	large_free(p);
	large_free(before);
}

/* An object that is too small to move is not asked to, though its span is not. */
TEST_F(objects, grows_in_place_where_it_is_too_small_to_move)
{
	unsigned char *before, *p = last_one(32, &before);

	ASSERT_EQ(p, large_resize(p, 250 * KIB));
	ASSERT_EQ(256 * KIB, large_size(p));
	EXPECT_EQ(p, large_resize(p, 400 * KIB));
	large_free(p);
	large_free(before);
}

/* And one that can move does. */
TEST_F(objects, moves_where_pages_are_idle)
{
	unsigned char *before, *q, *p = last_one(BLOCK_PAGES, &before);

	fill(p, 2 * MIB);
	q = large_resize(p, 3 * MIB);
	EXPECT_NE(p, q);
	ASSERT_NE(NULL, q);
	EXPECT_EQ(2 * MIB, filled(q, 2 * MIB));
	large_free(q);
	large_free(before);
}

struct sample {
	unsigned char *p;
	size_t size;
};

static struct sample sample_new(size_t size)
{
	struct sample s = { .size = size };
	struct prof_stack *stack = prof_take(size);

	s.p = large_alloc(size, 0, &zero);
	large_sampled(s.p, stack);
	return s;
}

/* The profile's samples are resized and freed; their sum is checked. */
TEST_F(objects, the_profile_counts_what_is_live)
{
	struct sample s[40] = { { NULL, 0 } };
	size_t live = 0, n = 0, i, k, size;
	unsigned char *q;

	srand(9);
	for (i = 0; i < 4000; i++) {
		k = (size_t)rand() % 40;
		size = (size_t)(rand() % 100 ? rand() % 400 : rand() % 4000) *
		       KIB + (size_t)(rand() % 9000) + 1;
		if (!s[k].p) {
			s[k] = sample_new(size);
			live += size;
			n++;
			fill(s[k].p, size);
		} else if (rand() % 3) {
			size_t less = size < s[k].size ? size : s[k].size;

			q = large_resize(s[k].p, size + 32 * KIB);
			if (q) {
				live += size + 32 * KIB - s[k].size;
				s[k].size = size + 32 * KIB;
				s[k].p = q;
			}
			ASSERT_EQ(less, filled(s[k].p, less));
			fill(s[k].p, s[k].size);
		} else {
			live -= s[k].size;
			n--;
			large_free(s[k].p);
			s[k].p = NULL;
		}
		ASSERT_EQ(live, shim_prof.live.bytes);
		ASSERT_EQ(n, shim_prof.live.objects);
	}
	for (k = 0; k < 40; k++)
		if (s[k].p)
			large_free(s[k].p);
	EXPECT_EQ(0, shim_prof.live.bytes);
	EXPECT_EQ(0, shim_prof.live.objects);
}

/* A span that was a sample is no sample when it is reused. */
TEST_F(objects, a_sample_ends_with_its_object)
{
	struct sample s = sample_new(64 * KIB);
	unsigned char *p;

	large_free(s.p);
	EXPECT_EQ(0, shim_prof.live.objects);
	p = large_alloc(64 * KIB, 0, &zero);
	EXPECT_EQ(p, large_resize(p, 63 * KIB));
	large_free(p);
	p = large_alloc(64 * KIB, 0, &zero);
	large_free(p);
	EXPECT_EQ(0, shim_prof.live.objects);
	EXPECT_EQ(0, shim_prof.live.bytes);
}

TEST_HARNESS_MAIN
