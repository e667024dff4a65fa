// SPDX-License-Identifier: GPL-2.0-only
/* large: what is kept after a free, for whom, and for how long. */
#include <string.h>

#include "../lib/patience.h"

#include "dies.h"
#include "fake_clock.h"
#include "base/error.h"
#include "span/large.h"
#include "pageheap/pageheap.h"
#include "base/prof.h"

#define KIB	((size_t)1 << 10)
#define MIB	((size_t)1 << 20)

/* The layers below it, which are not linked here. */
void shim_die(enum shim_die why, const void *p, unsigned int cls)
{
	(void)cls;
	shim_bug(why == SHIM_DIE_INTERIOR ? "interior" :
		 why == SHIM_DIE_DOUBLE ? "double" : "foreign", p);
}

/* What the profile was told last, and how often it was told something. */
static struct told {
	unsigned int times;
	struct prof_stack *stack;
	size_t from, to;
} told;

/* The object that the profile counts from its next size on. */
static struct prof_stack *next_stack;

void prof_drop(struct prof_stack *stack, size_t size)
{
	told = (struct told){ told.times + 1, stack, size, 0 };
}

struct prof_stack *prof_resize(struct prof_stack *stack, size_t from,
			       size_t to)
{
	told = (struct told){ told.times + 1, stack, from, to };
	return next_stack;
}

static size_t kept(void)
{
	struct large_stat st;

	large_get_stat(&st);
	return st.bytes;
}

static uint64_t hits(void)
{
	struct large_stat st;

	large_get_stat(&st);
	return st.hits;
}

static size_t inuse(void)
{
	struct pageheap_stat st;

	pageheap_get_stat(&st);
	return st.inuse;
}

FIXTURE(objects) {
	bool zero;
};

FIXTURE_SETUP(objects)
{
	large_flush();
	ASSERT_EQ(0, kept());
}

FIXTURE_TEARDOWN(objects)
{
	large_flush();
	EXPECT_EQ(0, inuse());
	EXPECT_TRUE(pageheap_is_valid());
}

TEST_F(objects, same_length_again)
{
	uint64_t before = hits();
	char *p = large_alloc(256 * KIB, 0, &self->zero), *q;

	ASSERT_NE(NULL, p);
	EXPECT_TRUE(self->zero);
	memset(p, 1, 256 * KIB);
	large_free(p);
	EXPECT_EQ(256 * KIB, kept());
	EXPECT_EQ(256 * KIB, inuse());
	EXPECT_EQ(PAGEMAP_NONE, pagemap_class(p));
	EXPECT_NE(NULL, pagemap_owner(p + 100 * KIB));
	/* another size of the same number of pages; its memory is not zero */
	q = large_alloc(250 * KIB, 0, &self->zero);
	EXPECT_EQ(p, q);
	EXPECT_FALSE(self->zero);
	EXPECT_EQ(before + 1, hits());
	EXPECT_EQ(0, kept());
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class(q));
	EXPECT_EQ(256 * KIB, large_size(q));
	large_free(q);
}

/* A small heap keeps nothing that a request could have used. */
TEST_F(objects, other_length_gets_the_pages)
{
	char *p = large_alloc(256 * KIB, 0, &self->zero), *q;

	large_free(p);
	q = large_alloc(200 * KIB, 0, &self->zero);
	EXPECT_EQ(p, q);
	EXPECT_EQ(0, kept());
	large_free(q);
}

/* But it keeps the kinds of buffers that a program uses in turn. */
TEST_F(objects, lengths_by_turns)
{
	uint64_t before;
	unsigned int i;
	void *other;

	for (i = 0; i < 24; i++)
		large_free(large_alloc((40 + 8 * (i % 8)) * KIB, 0,
				       &self->zero));
	before = hits();
	for (i = 0; i < 800; i++)
		large_free(large_alloc((40 + 8 * (i % 8)) * KIB, 0,
				       &self->zero));
	EXPECT_EQ(before + 800, hits());
	/* until it asks for one that was not among them */
	other = large_alloc(200 * KIB, 0, &self->zero);
	EXPECT_EQ(0, kept());
	large_free(other);
}

/*
 * What is too long to be kept makes the heap no larger for shorter ones that
 * are, not even where these have been wanted again.
 */
TEST_F(objects, what_is_long_needs_no_more)
{
	size_t sizes[] = { 200 * KIB, 64 * KIB, 72 * KIB, 64 * KIB };
	void *p;
	int i;

	for (i = 0; i < 4; i++)
		large_free(large_alloc(sizes[i], 0, &self->zero));
	EXPECT_EQ(136 * KIB, kept());
	p = large_alloc(200 * KIB, 0, &self->zero);
	EXPECT_EQ(136 * KIB, kept());
	large_free(p);
	EXPECT_EQ(336 * KIB, kept());
	p = large_alloc(1100 * KIB, 0, &self->zero);
	EXPECT_EQ(0, kept());
	large_free(p);
	/* unless there is memory that it fits */
	large_free(large_alloc(64 * KIB, 0, &self->zero));
	p = large_alloc(1700 * KIB, 0, &self->zero);
	large_free(p);
	large_free(large_alloc(64 * KIB, 0, &self->zero));
	p = large_alloc(1050 * KIB, 0, &self->zero);
	EXPECT_EQ(64 * KIB, kept());
	large_free(p);
}

/* Dry: no span of that length is kept, and too few pages are free. */
TEST_F(objects, dry)
{
	char *p = large_alloc(MIB, 0, &self->zero), *q;
	size_t spare = pageheap_spare();

	q = large_alloc(spare + 256 * KIB, 0, &self->zero);
	EXPECT_TRUE(large_is_dry(pageheap_spare() + 1));
	EXPECT_FALSE(large_is_dry(pageheap_spare()));
	large_free(p);
	EXPECT_EQ(MIB, kept());
	EXPECT_FALSE(large_is_dry(MIB));
	EXPECT_TRUE(large_is_dry(spare + 8 * MIB));
	large_free(q);
}

TEST_F(objects, part_of_a_large_heap_stays)
{
	char *big = large_alloc(100 * MIB, 0, &self->zero), *p, *q;

	p = large_alloc(256 * KIB, 0, &self->zero);
	large_free(p);
	q = large_alloc(200 * KIB, 0, &self->zero);
	EXPECT_NE(p, q);
	EXPECT_EQ(256 * KIB, kept());
	EXPECT_EQ(p, large_alloc(256 * KIB, 0, &self->zero));
	large_free(p);
	large_free(q);
	large_free(big);
}

/* What CPUs keep themselves, as percpu does. */
static struct span *mine[LARGE_ASK];
static unsigned int nr_mine, asked;

static unsigned int give_mine(struct span **span)
{
	unsigned int n = nr_mine, i;

	asked++;
	for (i = 0; i < n; i++) {
		span[i] = mine[i];
		large_revoke(mine[i]->npages);
	}
	nr_mine = 0;
	return n;
}

static struct span *leave(void *p)
{
	struct span *s = large_leave(p);

	if (s && large_grant(s->npages, false))
		mine[nr_mine++] = s;
	return s;
}

/* Who may keep a span itself: of a length that has been asked for again. */
TEST_F(objects, marked_when_asked_for_again)
{
	char *p = large_alloc(64 * KIB, 0, &self->zero);

	EXPECT_FALSE(pagemap_span(p)->flags & SPAN_AGAIN);
	large_free(p);
	ASSERT_EQ(p, large_alloc(64 * KIB, 0, &self->zero));
	EXPECT_TRUE(pagemap_span(p)->flags & SPAN_AGAIN);
	large_free(p);
	large_flush();
	p = large_alloc(64 * KIB, 0, &self->zero);
	EXPECT_FALSE(pagemap_span(p)->flags & SPAN_AGAIN);
	large_free(p);
}

/* What the page map has for a large object: its length, where that is enough. */
TEST_F(objects, length_in_the_page_map)
{
	char *p = large_alloc(60 * KIB, 0, &self->zero);
	char *q = large_alloc(264 * KIB, 0, &self->zero);

	EXPECT_EQ(PAGEMAP_LARGE + 1 + 8 - PAGEMAP_LENGTH_MIN,
		  pagemap_class_near((uintptr_t)p));
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class_near((uintptr_t)q));
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class(p));
	/* not with room behind it, which its record has to forget */
	large_used(p, 50 * KIB);
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class_near((uintptr_t)p));
	large_used(p, 57 * KIB);
	EXPECT_LT(PAGEMAP_LARGE, pagemap_class_near((uintptr_t)p));
	large_free(p);
	EXPECT_EQ(PAGEMAP_NONE, pagemap_class_near((uintptr_t)p));
	large_free(q);
}

TEST_F(objects, kept_by_another)
{
	char *p = large_alloc(64 * KIB, 0, &self->zero), *q;
	struct span *s;

	large_ask(give_mine);
	memset(p, 1, 64 * KIB);
	s = leave(p);
	ASSERT_EQ(1, nr_mine);
	/* freed for everybody else */
	EXPECT_EQ(0, kept());
	EXPECT_EQ(PAGEMAP_NONE, pagemap_class(p));
	EXPECT_EQ(s, pagemap_owner(p));
	EXPECT_EQ(SPAN_KEPT, s->state);
	/* an object again, at once */
	nr_mine = 0;
	EXPECT_EQ(p, large_retake(s, 60 * KIB));
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class(p));
	EXPECT_EQ(60 * KIB, large_asked(p));
	EXPECT_EQ(64 * KIB, large_size(p));
	EXPECT_EQ(64 * KIB, inuse());
	large_revoke(8);
	/* another length wants the pages */
	leave(p);
	q = large_alloc(72 * KIB, 0, &self->zero);
	EXPECT_EQ(1, asked);
	EXPECT_EQ(p, q);
	/* and the length that was given back was wanted: no more for a while */
	leave(q);
	p = large_alloc(64 * KIB, 0, &self->zero);
	EXPECT_EQ(1, asked);
	EXPECT_NE(p, q);
	large_free(p);
	large_give(mine, give_mine(mine));
}

TEST_F(objects, near_a_limit_none_is_kept)
{
	void *p = large_alloc(64 * KIB, 0, &self->zero);

	limit_level = LIMIT_NEAR;
	large_free(p);
	EXPECT_EQ(0, kept());
	limit_level = LIMIT_FAR;
}

/* Together no more than before: 1 MiB, of which a half may be granted. */
TEST_F(objects, granted_and_kept_are_bounded)
{
	char *p[20], *big;
	int i;

	large_ask(give_mine);
	for (i = 0; i < 20; i++)
		p[i] = large_alloc(128 * KIB, 0, &self->zero);
	for (i = 0; i < 20; i++)
		if (large_grant(16, false))
			mine[nr_mine++] = large_leave(p[i]);
		else
			large_free(p[i]);
	EXPECT_EQ(4, nr_mine);
	EXPECT_EQ(512 * KIB, kept());
	EXPECT_EQ(MIB, inuse());
	/* what is longer than the rest is not kept at all */
	big = large_alloc(700 * KIB, 0, &self->zero);
	EXPECT_EQ(0, nr_mine);
	EXPECT_TRUE(large_grant(64, false));
	EXPECT_FALSE(large_grant(1, false));
	large_free(big);
	EXPECT_EQ(0, kept());
	/* of a large heap a 64th */
	big = large_alloc(100 * MIB, 0, &self->zero);
	EXPECT_TRUE(large_grant(128, false));
	EXPECT_FALSE(large_grant(16, false));
	large_revoke(64 + 128);
	large_free(big);
}

/* Free 1 GiB. */
static void pass(uint64_t ns)
{
	bool zero;
	int i;

	for (i = 0; i < 1024; i++) {
		if (i == 512)
			fake_clock += ns;
		large_free(large_alloc(MIB, 0, &zero));
	}
}

/*
 * What is freed faster than it could be written takes hardly any memory: more of
 * it is granted to one who is alone, and every span counts as asked for again.
 */
TEST_F(objects, faster_than_written)
{
	char *p;

	pass(0);
	pass(6000000);
	EXPECT_FALSE(large_unwritten());
	EXPECT_FALSE(large_grant(65, true));
	pass(4000000);
	EXPECT_TRUE(large_unwritten());
	EXPECT_TRUE(large_grant(512, true));
	EXPECT_FALSE(large_grant(1, true));
	large_revoke(512);
	EXPECT_FALSE(large_grant(65, false));
	large_flush();
	p = large_alloc(64 * KIB, 0, &self->zero);
	EXPECT_TRUE(pagemap_span(p)->flags & SPAN_AGAIN);
	large_free(p);
	pass(6000000);
	EXPECT_FALSE(large_unwritten());
	EXPECT_FALSE(large_grant(65, true));
	/* until a tick, as what CPUs keep is not seen */
	pass(4000000);
	EXPECT_TRUE(large_unwritten());
	large_idle();
	EXPECT_FALSE(large_unwritten());
	/* where there is no clock nobody knows */
	fake_clock = 0;
	pass(0);
	pass(0);
	EXPECT_FALSE(large_unwritten());
}

TEST_F(objects, alignment)
{
	char *p = large_alloc(64 * KIB, 0, &self->zero);
	char *q = large_alloc(64 * KIB, 0, &self->zero), *r;

	large_free(p);
	large_free(q);
	r = large_alloc(64 * KIB, 1 * MIB, &self->zero);
	EXPECT_EQ(0, (uintptr_t)r % MIB);
	large_free(r);
}

TEST_F(objects, bounded)
{
	char *p[40];
	int i;

	/* bounded in bytes */
	for (i = 0; i < 10; i++)
		p[i] = large_alloc(300 * KIB, 0, &self->zero);
	for (i = 0; i < 10; i++)
		large_free(p[i]);
	EXPECT_EQ(3 * 304 * KIB, kept());
	/* the last ones freed */
	EXPECT_EQ(p[9], large_alloc(300 * KIB, 0, &self->zero));
	EXPECT_EQ(p[8], large_alloc(300 * KIB, 0, &self->zero));
	large_free(p[9]);
	large_free(p[8]);
	/* what is larger than everything that may be kept is not kept */
	p[0] = large_alloc(2 * MIB, 0, &self->zero);
	large_free(p[0]);
	EXPECT_EQ(PAGEMAP_NONE, pagemap_class(p[0]));
	EXPECT_EQ(NULL, pagemap_owner(p[0]));
	/* bounded in number */
	for (i = 0; i < 40; i++)
		p[i] = large_alloc(40 * KIB, 0, &self->zero);
	for (i = 0; i < 40; i++)
		large_free(p[i]);
	EXPECT_EQ(8 * 40 * KIB, kept());
}

TEST_F(objects, given_up_when_unused)
{
	char *p = large_alloc(64 * KIB, 0, &self->zero);

	large_free(p);
	large_idle();
	EXPECT_EQ(64 * KIB, kept());
	large_idle();
	EXPECT_EQ(0, kept());
	EXPECT_EQ(0, inuse());
	large_free(large_alloc(64 * KIB, 0, &self->zero));
	large_reclaim(0);
	EXPECT_EQ(0, kept());
}

/*
 * An object that the profile follows: it is told the sizes that were asked for.
 */
TEST_F(objects, sampled)
{
	struct prof_stack *stack = (struct prof_stack *)&told;
	struct prof_stack *other = (struct prof_stack *)&next_stack;
	char *p = large_alloc(100000, 0, &self->zero), *q;

	large_sampled(p, stack);
	next_stack = stack;
	EXPECT_EQ(0, told.times);
	ASSERT_EQ(p, large_resize(p, 300001));
	EXPECT_EQ(1, told.times);
	EXPECT_EQ(stack, told.stack);
	EXPECT_EQ(100000, told.from);
	EXPECT_EQ(300001, told.to);
	ASSERT_EQ(p, large_resize(p, 90001));
	EXPECT_EQ(2, told.times);
	EXPECT_EQ(300001, told.from);
	EXPECT_EQ(90001, told.to);
	next_stack = other;
	large_used(p, 90002);
	EXPECT_EQ(3, told.times);
	EXPECT_EQ(90001, told.from);
	EXPECT_EQ(90002, told.to);
	large_free(p);
	EXPECT_EQ(4, told.times);
	EXPECT_EQ(other, told.stack);
	EXPECT_EQ(90002, told.from);
	/* and no other object, nor the next one at that place */
	EXPECT_EQ(0, kept());
	q = large_alloc(100000, 0, &self->zero);
	q = large_resize(q, 200000);
	large_free(q);
	EXPECT_EQ(4, told.times);
}

static char *freed;

static void free_again(void)
{
	large_free(freed);
}

static void size_again(void)
{
	large_size(freed);
}

TEST_F(objects, freed_is_freed)
{
	freed = large_alloc(64 * KIB, 0, &self->zero);
	large_free(freed);
	EXPECT_TRUE(dies_saying(free_again, "foreign"));
	EXPECT_TRUE(dies_saying(size_again, "foreign"));
}

static void take_again(void)
{
	bool zero;

	large_alloc(64 * KIB, 0, &zero);
}

static void leave_again(void)
{
	large_leave_heap(pagemap_span(freed));
}

static void retake_again(void)
{
	large_retake(pagemap_span(freed), 64 * KIB);
}

/*
 * Two threads that free an object at one moment have both seen a live one: the second
 * one is found when what is left of it comes to somebody.
 */
TEST_F(objects, freed_twice_at_one_moment)
{
	struct span *s;

	freed = large_alloc(64 * KIB, 0, &self->zero);
	s = large_leave(freed);
	large_keep(s);
	large_keep(s);
	EXPECT_EQ(freed, (char *)large_alloc(64 * KIB, 0, &self->zero));
	EXPECT_TRUE(dies_saying(take_again, "double"));
	EXPECT_TRUE(dies_saying(retake_again, "double"));
	EXPECT_TRUE(dies_saying(large_flush, "double"));
	/* or in use again, and kept once more, but shown */
	s->state = SPAN_KEPT;
	EXPECT_TRUE(dies_saying(take_again, "double"));
	/* which does not return to the heap either */
	EXPECT_TRUE(dies_saying(leave_again, "double"));
	pagemap_hide(s->start);
}

static void free_behind(void)
{
	large_free(freed + 16);
}

static void free_next_page(void)
{
	large_free(freed + 8192);
}

/*
 * A pointer to anything but an object's start is refused, with a report of its
 * own.
 */
TEST_F(objects, inside_is_no_object)
{
	freed = large_alloc(64 * KIB, 0, &self->zero);
	EXPECT_TRUE(dies_saying(free_behind, "interior"));
	EXPECT_TRUE(dies_saying(free_next_page, "foreign"));
	large_free(freed);
}

TEST_F(objects, resize)
{
	char *p = large_alloc(64 * KIB, 0, &self->zero);

	memset(p, 7, 64 * KIB);
	ASSERT_EQ(p, large_resize(p, 200 * KIB));
	EXPECT_EQ(7, p[64 * KIB - 1]);
	EXPECT_EQ(200 * KIB, large_size(p));
	ASSERT_EQ(p, large_resize(p, 40 * KIB));
	EXPECT_EQ(NULL, pagemap_owner(p + 60 * KIB));
	large_free(p);
	EXPECT_EQ(40 * KIB, kept());
}

/* Where no page comes or goes nothing is moved, but the size is known. */
TEST_F(objects, stays)
{
	char *p = large_alloc(5 * PAGE_SIZE, 0, &self->zero), *q;

	ASSERT_NE(NULL, p);
	/* a page less, a page more */
	EXPECT_FALSE(large_stays(p, 4 * PAGE_SIZE));
	EXPECT_FALSE(large_stays(p, 5 * PAGE_SIZE + 1));
	EXPECT_EQ(5 * PAGE_SIZE, large_asked(p));
	EXPECT_TRUE(large_stays(p, 4 * PAGE_SIZE + 1));
	EXPECT_EQ(4 * PAGE_SIZE + 1, large_asked(p));
	/* spare room stays while the object grows, and goes when it shrinks */
	q = large_alloc(9 * PAGE_SIZE, 0, &self->zero);
	ASSERT_NE(NULL, q);
	large_used(q, 7 * PAGE_SIZE);
	EXPECT_TRUE(large_stays(q, 7 * PAGE_SIZE + 1));
	EXPECT_TRUE(large_stays(q, 8 * PAGE_SIZE));
	EXPECT_FALSE(large_stays(q, 8 * PAGE_SIZE - 1));
	EXPECT_EQ(9 * PAGE_SIZE, large_size(q));
	EXPECT_EQ(q, large_resize(q, 8 * PAGE_SIZE - 1));
	EXPECT_EQ(8 * PAGE_SIZE, large_size(q));
	large_free(p);
	large_free(q);
}

TEST_HARNESS_MAIN
