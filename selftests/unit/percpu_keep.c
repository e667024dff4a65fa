// SPDX-License-Identifier: GPL-2.0-only
/*
 * percpu_keep: which large spans a CPU keeps, for whom, and when it gives them
 * back.
 *
 * One thread on a CPU that a test chooses; sequences are C, see fake_rseq.h.
 */
#include <string.h>

#include "../lib/patience.h"

#include "dies.h"
#include "fake_large.h"
#include "fake_rseq.h"
#include "fake_transfer.h"
#include "cache/percpu_int.h"

/* Some spans of each length, as large leaves them. */
static struct span spans[PERCPU_KEPT_MAX + 2][3];

#define BASE	((uintptr_t)0x123 << 32)

/* As entry does. */
static struct span *take(size_t npages)
{
	size_t k = npages - PERCPU_KEPT_MIN;
	void *p;

	if (k >= percpu_hot.kept_max)
		return k < percpu_hot.long_max ? percpu_take_long(k) : NULL;
	if (!percpu_take_kept(k, &p))
		return NULL;
	/* an object again, of that length */
	if (pagemap_class_near((uintptr_t)p) != PAGEMAP_LARGE + 1 + k)
		return NULL;
	return pagemap_span(p);
}

static bool keep(struct span *s)
{
	pagemap_hide(s->start);
	return percpu_keep(pagemap_large_class(s), (void *)s->start,
			   pagemap_class_at(s->start)) ||
	       percpu_keep_new(s);
}

FIXTURE(keep) {
};

FIXTURE_SETUP(keep)
{
	unsigned int npages, i;

	fake_rseq.cpu = 0;
	percpu_boot(true);
	percpu_open(true);
	if (!percpu_has_rseq())
		SKIP(return, "no restartable sequences here");
	for (npages = 1; npages < PERCPU_KEPT_MAX + 2; npages++)
		for (i = 0; i < 3; i++) {
			struct span *s = &spans[npages][i];

			*s = (struct span){
				.start = BASE + (npages * 3 + i) * BLOCK_SIZE,
				.npages = npages, .state = SPAN_KEPT,
				.flags = SPAN_AGAIN,
				.bytes = npages * PAGE_SIZE,
			};
			ASSERT_TRUE(pagemap_add(s->start, npages * PAGE_SIZE));
			pagemap_set(s, PAGEMAP_LARGE);
		}
}

FIXTURE_TEARDOWN(keep)
{
	unsigned int cpu;

	percpu_flush();
	/* what was granted is given up with the spans */
	EXPECT_EQ(0, fake_large.granted);
	for (cpu = 0; cpu < 2; cpu++)
		if (!percpu_is_closed(percpu_hot.slab[cpu]))
			EXPECT_TRUE(slab_is_valid(percpu_hot.slab[cpu]));
}

static size_t kept(void)
{
	struct percpu_stat st;

	percpu_get_stat(&st);
	return st.kept;
}

TEST_F(keep, what_is_kept_is_taken_again)
{
	struct span *s = &spans[8][0], *t = &spans[32][0];

	EXPECT_EQ(NULL, take(8));
	EXPECT_TRUE(keep(s));
	EXPECT_EQ(8 * PAGE_SIZE, kept());
	EXPECT_TRUE(keep(t));
	EXPECT_EQ(40 * PAGE_SIZE, kept());
	EXPECT_EQ(40, fake_large.granted);
	EXPECT_EQ(NULL, take(9));
	EXPECT_EQ(s, take(8));
	EXPECT_EQ(NULL, take(8));
	EXPECT_EQ(t, take(32));
	EXPECT_EQ(0, kept());
	/* the stacks stay open */
	EXPECT_EQ(40, fake_large.granted);
	s->flags = 0;
	EXPECT_TRUE(keep(s));
	EXPECT_EQ(s, take(8));
}

/* One of each length, of lengths that were asked for again, up to 256 KiB. */
TEST_F(keep, no_more_than_that)
{
	struct span *fresh = &spans[6][0];

	fresh->flags = 0;
	EXPECT_FALSE(keep(fresh));
	EXPECT_TRUE(keep(&spans[6][1]));
	EXPECT_FALSE(keep(&spans[6][2]));
	EXPECT_FALSE(keep(&spans[PERCPU_KEPT_MIN - 1][0]));
	EXPECT_FALSE(keep(&spans[33][0]));
	EXPECT_FALSE(keep(&spans[PERCPU_KEPT_MAX + 1][0]));
	EXPECT_TRUE(keep(&spans[PERCPU_KEPT_MIN][0]));
	EXPECT_TRUE(keep(&spans[32][0]));
	EXPECT_EQ(&spans[6][1], take(6));
	/* nothing while every request must be seen */
	EXPECT_TRUE(keep(&spans[6][1]));
	percpu_open(false);
	EXPECT_EQ(NULL, take(6));
	EXPECT_FALSE(keep(&spans[7][1]));
	percpu_open(true);
	EXPECT_EQ(&spans[6][1], take(6));
}

/* Where no more is granted, what nobody uses makes room, and nothing else. */
TEST_F(keep, unused_lengths_make_room)
{
	EXPECT_TRUE(keep(&spans[20][0]));
	EXPECT_TRUE(keep(&spans[30][0]));
	EXPECT_EQ(&spans[30][0], take(30));
	fake_large.given = 0;
	EXPECT_TRUE(keep(&spans[25][0]));
	EXPECT_EQ(1, fake_large.given);
	EXPECT_EQ(&spans[20][0], fake_large.last);
	EXPECT_EQ(55, fake_large.granted);
	EXPECT_EQ(25 * PAGE_SIZE, kept());
	/* 30 is in use, and comes back; there is no room for 32 besides */
	EXPECT_TRUE(keep(&spans[30][0]));
	EXPECT_EQ(&spans[25][0], take(25));
	EXPECT_EQ(&spans[30][0], take(30));
	EXPECT_FALSE(keep(&spans[32][0]));
	EXPECT_EQ(55, fake_large.granted);
}

/*
 * Of longer ones those that are hardly written: up to 1 MiB, one of four lengths,
 * for a request of its length or of a shorter one of them.
 */
TEST_F(keep, long_ones_that_are_not_written)
{
	fake_large.most = 512;
	fake_large.kept = 0;
	EXPECT_FALSE(keep(&spans[33][0]));
	fake_large.unwritten = true;
	EXPECT_TRUE(keep(&spans[33][0]));
	EXPECT_TRUE(fake_large.alone);
	EXPECT_TRUE(keep(&spans[PERCPU_KEPT_MAX][0]));
	EXPECT_FALSE(keep(&spans[PERCPU_KEPT_MAX + 1][0]));
	EXPECT_EQ(36 + PERCPU_KEPT_MAX, fake_large.granted);
	EXPECT_EQ((33 + PERCPU_KEPT_MAX) * PAGE_SIZE, kept());
	/* what is open stays so when that is over */
	fake_large.unwritten = false;
	EXPECT_EQ(&spans[33][0], take(33));
	EXPECT_TRUE(keep(&spans[36][0]));
	EXPECT_FALSE(keep(&spans[34][0]));
	EXPECT_EQ(NULL, take(37));
	EXPECT_EQ(&spans[36][0], take(34));
	/* one that is too short makes room */
	EXPECT_TRUE(keep(&spans[34][0]));
	EXPECT_EQ(NULL, take(35));
	EXPECT_EQ(1, fake_large.kept);
	EXPECT_EQ(&spans[34][0], fake_large.last);
	EXPECT_TRUE(keep(&spans[35][0]));
	EXPECT_EQ(&spans[35][0], take(35));
	EXPECT_EQ(&spans[PERCPU_KEPT_MAX][0], take(PERCPU_KEPT_MAX));
	fake_large.most = 64;
}

/* More than 512 KiB goes before the heap grows. */
TEST_F(keep, given_back_before_the_heap_grows)
{
	fake_large.most = 512;
	fake_large.unwritten = true;
	fake_large.given = 0;
	EXPECT_TRUE(keep(&spans[64][0]));
	EXPECT_FALSE(percpu_is_deep());
	percpu_shed();
	EXPECT_EQ(0, fake_large.given);
	EXPECT_TRUE(keep(&spans[32][0]));
	EXPECT_TRUE(percpu_is_deep());
	/* for a large object only if they are written, for a small one always */
	percpu_shed();
	EXPECT_EQ(0, fake_large.given);
	fake_large.unwritten = false;
	percpu_shed();
	EXPECT_EQ(2, fake_large.given);
	EXPECT_EQ(0, fake_large.granted);
	EXPECT_FALSE(percpu_is_deep());
	fake_large.unwritten = true;
	EXPECT_TRUE(keep(&spans[64][0]));
	EXPECT_TRUE(keep(&spans[32][0]));
	percpu_put(4, percpu_get(4));
	EXPECT_EQ(2, fake_large.given);
	fake_transfer.dry = true;
	percpu_put(5, percpu_get(5));
	EXPECT_EQ(4, fake_large.given);
	fake_transfer.dry = false;
	fake_large.most = 64;
	fake_large.unwritten = false;
}

/* A request that finds none of its length asks for all of this CPU's. */
TEST_F(keep, given_when_asked_for)
{
	struct span *got[LARGE_ASK];

	EXPECT_TRUE(keep(&spans[5][0]));
	EXPECT_TRUE(keep(&spans[7][0]));
	EXPECT_TRUE(keep(&spans[9][0]));
	EXPECT_EQ(&spans[7][0], take(7));
	ASSERT_NE(NULL, fake_large.ask);
	EXPECT_EQ(2, fake_large.ask(got));
	EXPECT_EQ(&spans[5][0], got[0]);
	EXPECT_EQ(&spans[9][0], got[1]);
	EXPECT_EQ(0, fake_large.granted);
	EXPECT_EQ(0, kept());
	EXPECT_EQ(0, fake_large.ask(got));
}

TEST_F(keep, given_back_by_a_flush)
{
	EXPECT_TRUE(keep(&spans[10][0]));
	fake_large.given = 0;
	percpu_flush();
	EXPECT_EQ(1, fake_large.given);
	EXPECT_EQ(&spans[10][0], fake_large.last);
	EXPECT_EQ(NULL, take(10));
	EXPECT_EQ(0, fake_large.granted);
}

/* What was there at two looks in a row goes, what was taken meanwhile stays. */
TEST_F(keep, given_back_when_idle)
{
	EXPECT_TRUE(keep(&spans[10][0]));
	EXPECT_TRUE(keep(&spans[11][0]));
	fake_large.given = 0;
	percpu_tidy(false);
	EXPECT_EQ(0, fake_large.given);
	EXPECT_EQ(&spans[11][0], take(11));
	percpu_tidy(false);
	EXPECT_EQ(1, fake_large.given);
	EXPECT_EQ(&spans[10][0], fake_large.last);
	EXPECT_EQ(11, fake_large.granted);
	EXPECT_TRUE(keep(&spans[11][0]));
	percpu_tidy(false);
	EXPECT_EQ(1, fake_large.given);
}

/* Of a CPU that nobody uses any more: all that it keeps. */
TEST_F(keep, goes_with_the_slab)
{
	struct percpu_own own;
	struct percpu_slab *old;

	EXPECT_TRUE(keep(&spans[12][0]));
	EXPECT_TRUE(keep(&spans[13][0]));
	EXPECT_EQ(&spans[13][0], take(13));
	/* into a deeper slab */
	ASSERT_TRUE(own_begin(&own));
	old = own_deepen(&own);
	own_end(&own);
	ASSERT_NE(NULL, old);
	own_spare(old);
	EXPECT_TRUE(slab_is_valid(percpu_hot.slab[0]));
	EXPECT_EQ(12 * PAGE_SIZE, kept());
	EXPECT_TRUE(keep(&spans[13][0]));
	EXPECT_EQ(&spans[13][0], take(13));
	EXPECT_EQ(&spans[12][0], take(12));
	/* a thread without sequences, and a CPU without a slab, have none */
	EXPECT_TRUE(keep(&spans[12][0]));
	fake_rseq.cpu = -1;
	EXPECT_EQ(NULL, take(12));
	EXPECT_FALSE(keep(&spans[12][1]));
	fake_rseq.cpu = 0;
	EXPECT_EQ(&spans[12][0], take(12));
}

/* The thread is moved to another CPU in between. */
static void move_on(void)
{
	if (!fake_rseq.detaching)
		fake_rseq.cpu = !fake_rseq.cpu;
}

TEST_F(keep, moved_at_every_step)
{
	struct span *s = &spans[14][0];
	unsigned int i, k, again = 0;

	fake_rseq.mm_cid = 1;
	for (i = 0; i < 1000; i++) {
		struct span *got = NULL;

		fake_rseq.between = i % 3 ? move_on : NULL;
		if (!keep(s))
			continue;
		/* it is on one of the two CPUs */
		fake_rseq.between = i % 2 ? move_on : NULL;
		for (k = 0; k < 2 && !got; k++) {
			got = take(14);
			if (!fake_rseq.between)
				fake_rseq.cpu = !fake_rseq.cpu;
		}
		ASSERT_EQ(s, got);
		again++;
	}
	fake_rseq.between = NULL;
	EXPECT_LT(500, again);
	fake_rseq.mm_cid = 0;
}

static void take_there(void)
{
	fake_rseq.cpu = 1;
	take(14);
}

/*
 * Two threads that free an object at one moment have both seen a live one, and each
 * CPU keeps it: found when one of them is in use as the other comes.
 */
TEST_F(keep, freed_on_two_cpus_at_one_moment)
{
	struct span *s = &spans[14][0], *t = &spans[14][1];
	unsigned int class = pagemap_large_class(s), i;

	fake_rseq.mm_cid = 1;
	ASSERT_TRUE(keep(s));
	ASSERT_EQ(s, take(14));
	fake_rseq.cpu = 1;
	ASSERT_TRUE(keep(t));
	ASSERT_EQ(t, take(14));
	pagemap_hide(s->start);
	for (i = 0; i < 2; i++) {
		fake_rseq.cpu = (int)i;
		ASSERT_TRUE(percpu_keep(class, (void *)s->start,
					pagemap_class_at(s->start)));
	}
	fake_rseq.cpu = 0;
	EXPECT_EQ(s, take(14));
	EXPECT_TRUE(dies_saying(take_there, "freed before"));
	EXPECT_TRUE(dies_saying(percpu_flush, "freed before"));
	/* or when the other has left the heap */
	pagemap_clear(s);
	EXPECT_TRUE(dies_saying(percpu_flush, "freed before"));
	pagemap_set(s, PAGEMAP_LARGE);
	pagemap_hide(s->start);
	fake_rseq.cpu = 1;
	EXPECT_EQ(s, take(14));
	fake_rseq.cpu = 0;
	fake_rseq.mm_cid = 0;
}

TEST_HARNESS_MAIN
