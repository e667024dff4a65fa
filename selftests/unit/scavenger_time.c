// SPDX-License-Identifier: GPL-2.0-only
/*
 * scavenger_time: what the scavenger does as time passes, with a clock that the
 * test sets: nothing goes before it has the age, everything goes after that,
 * and what a heap has learned is forgotten after a minute.
 */
#include <string.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "fake_clock.h"
#include "pageheap/limit.h"
#include "pageheap/pageheap_int.h"
#include "pageheap/scavenger.h"

#define MIB	((size_t)1 << 20)
#define TICK	160000000u	/* a little more than a tick */
#define SPANS	4096		/* of 64 KiB: 256 MiB */

static struct span *s[SPANS];

static struct pageheap_stat stat_now(void)
{
	struct pageheap_stat st;

	pageheap_get_stat(&st);
	return st;
}

static void fill(int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!s[i])
			s[i] = pageheap_alloc(8, 1);
}

/* Free all but one in @each, from @from up to @to. */
static void drop(int from, int to, int each)
{
	int i;

	for (i = from; i < to; i++)
		if (s[i] && (!each || i % each)) {
			pageheap_free(s[i]);
			s[i] = NULL;
		}
}

/* A tick passes, while somebody frees and allocates a little. */
static void tick(void)
{
	struct span *t[64];
	int i;

	fake_clock += TICK;
	for (i = 0; i < 64; i++)
		t[i] = pageheap_alloc(1, 1);
	for (i = 0; i < 64; i++)
		pageheap_free(t[i]);
}

FIXTURE(scavenger) {
	int unused;
};

FIXTURE_SETUP(scavenger)
{
	self->unused = 0;
	fill(SPANS);
}

FIXTURE_TEARDOWN(scavenger)
{
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

/*
 * Whole blocks, too few to go at once: they go in the tenth tick, not in the
 * next.
 */
TEST_F(scavenger, blocks_go_when_they_have_their_age)
{
	size_t before;
	int i;

	for (i = 0; i < 8; i++)
		tick();
	before = stat_now().released;
	drop(0, SPANS * 3 / 32, 0);		/* 24 MiB */
	EXPECT_EQ(before, stat_now().released);
	tick();
	EXPECT_EQ(before, stat_now().released);
	tick();
	EXPECT_EQ(before, stat_now().released);
	for (i = 0; i < 8; i++)
		tick();
	/* all but the slack, a 32nd of what is in use */
	EXPECT_LE(before + 14 * MIB, stat_now().released);
	EXPECT_GE(stat_now().inuse / 32 + 4 * MIB, stat_now().free);
}

/* A fifth is free for a moment, all the time: that would only be faulted in again. */
TEST_F(scavenger, what_is_replaced_stays)
{
	size_t before = stat_now().released;
	int round, i;

	for (round = 0; round < 20; round++) {
		for (i = round % 5; i < SPANS; i += 5) {
			pageheap_free(s[i]);
			s[i] = NULL;
		}
		fill(SPANS);
	}
	EXPECT_EQ(before, stat_now().released);
	/* but not what is left when most of it has gone */
	drop(0, SPANS, 5);
	EXPECT_LT(before + 100 * MIB, stat_now().released);
}

#define BIG	4		/* of 8 MiB */

/* One span in @each leaves a hole that big spans do not fit in. */
static void holes(int each)
{
	int i;

	for (i = 0; i < SPANS; i += each) {
		pageheap_free(s[i]);
		s[i] = NULL;
	}
}

/* Big spans come and go; return: bytes that went back in the calls. */
static size_t replaced(int ticks)
{
	struct span *t[BIG];
	size_t before;
	int i;

	for (i = 0; i < BIG; i++)
		t[i] = pageheap_alloc(4 * BLOCK_PAGES, 1);
	before = stat_now().released;
	for (i = 0; i < BIG; i++)
		pageheap_free(t[i]);
	before = stat_now().released - before;
	for (i = 0; i < ticks; i++)
		tick();
	return before;
}

/* Half of what is remembered is forgotten, in one tick. */
static void window(void)
{
	fake_clock += SCAVENGER_WINDOW_NS;
	tick();
}

/* A few pages between others may all be taken again in a moment. */
TEST_F(scavenger, few_pages_apart_stay_in_the_call)
{
	size_t before;

	drop(SPANS / 16, SPANS, 0);
	/* then it has long been a heap of 16 MiB */
	window();
	window();
	window();
	before = stat_now().released;
	drop(0, SPANS / 16, 8);
	/* what is whole may */
	EXPECT_GE(before + 2 * MIB, stat_now().released);
	/* not near a limit */
	limit_level = LIMIT_NEAR;
	drop(0, SPANS / 16, 16);
	EXPECT_LT(before + 8 * MIB, stat_now().released);
}

/* What went back and was taken again at once is kept, though holes are free as well. */
TEST_F(scavenger, what_is_taken_again_stays)
{
	int i;

	holes(4);
	EXPECT_LT(20 * MIB, replaced(0));
	for (i = 0; i < 5; i++)
		replaced(0);
	for (i = 0; i < 20; i++)
		EXPECT_EQ(0, replaced(0));
	window();
	EXPECT_EQ(0, replaced(0));
}

/* Much later it might as well be another object. */
TEST_F(scavenger, what_is_taken_later_goes)
{
	int i;

	holes(4);
	for (i = 0; i < 20; i++)
		EXPECT_LT(10 * MIB, replaced(20));
}

/* For a minute. */
TEST_F(scavenger, regret_is_forgotten)
{
	int i;

	holes(16);
	EXPECT_LT(20 * MIB, replaced(0));
	EXPECT_EQ(0, replaced(0));
	for (i = 0; i < 3; i++)
		window();
	EXPECT_LT(20 * MIB, replaced(0));
}

/* A third of what is in use: it falls with that. */
TEST_F(scavenger, regret_has_an_end)
{
	struct pageheap_stat st;
	int i;

	holes(4);
	for (i = 0; i < 6; i++)
		replaced(0);
	drop(SPANS / 8, SPANS, 0);
	st = stat_now();
	EXPECT_GE(st.demand + st.inuse / 32 + st.inuse / 16 + 4 * MIB + st.inuse / 3,
		  st.free);
}

/* And goes at once where a limit is near. */
TEST_F(scavenger, no_regret_near_a_limit)
{
	int i;

	holes(4);
	for (i = 0; i < 6; i++)
		replaced(0);
	EXPECT_EQ(0, replaced(0));
	limit_level = LIMIT_NEAR;
	EXPECT_LT(20 * MIB, replaced(0));
}

/* The same for free pages of blocks that are in use. */
TEST_F(scavenger, pages_go_when_they_have_their_age)
{
	size_t before;
	int i;

	for (i = 0; i < 8; i++)
		tick();
	before = stat_now().released;
	drop(0, SPANS * 3 / 32, 8);
	EXPECT_EQ(before, stat_now().released);
	tick();
	EXPECT_EQ(before, stat_now().released);
	for (i = 0; i < 20; i++)
		tick();
	EXPECT_LE(before + 10 * MIB, stat_now().released);
	EXPECT_LT(0, stat_now().nr_split);
}

/* Without a call no work is done, however much time has passed. */
TEST_F(scavenger, nothing_happens_by_itself)
{
	uint64_t looks = stat_now().scavenger_looks;

	fake_clock += 3600ull * 1000000000u;
	EXPECT_EQ(looks, stat_now().scavenger_looks);
}

/* A heap's swing stays for a minute after the last one, and then goes. */
TEST_F(scavenger, demand_is_forgotten)
{
	int i;

	drop(0, SPANS, 10);
	fill(SPANS);
	drop(0, SPANS, 10);
	EXPECT_LT(100 * MIB, stat_now().demand);
	EXPECT_LT(100 * MIB, stat_now().free);
	/* 29 s: it is still expected back */
	for (i = 0; i < 180; i++)
		tick();
	EXPECT_LT(100 * MIB, stat_now().demand);
	EXPECT_LT(100 * MIB, stat_now().free);
	/* 64 s more */
	for (i = 0; i < 400; i++)
		tick();
	EXPECT_GT(10 * MIB, stat_now().demand);
	EXPECT_GT(20 * MIB, stat_now().free);
}

/* Blocks that are full again are joined, some of them in each look. */
TEST_F(scavenger, full_blocks_are_joined)
{
	int i;

	drop(0, SPANS, 4);
	for (i = 0; i < 20; i++)
		tick();
	EXPECT_LT(10, stat_now().blocks_split);
	/* holes are filled at a block's worth in a tick, and no faster */
	for (i = 0; i < SPANS; i += 32) {
		fill(i + 32);
		tick();
	}
	for (i = 0; i < 100; i++)
		tick();
	EXPECT_LT(100, stat_now().nr_join);
	EXPECT_GT(10, stat_now().blocks_split);
}

/* As many as were used again, a few at a time, and no more than these. */
TEST_F(scavenger, who_is_in_a_hurry_is_paid_for)
{
	static const unsigned int used[] = { 1, 3, 6 };
	unsigned int i, calls;
	size_t paid;

	drop(0, SPANS, 4);
	shim_lock_acquire(&ph.lock);
	for (i = 0; i < ARRAY_SIZE(used); i++) {
		paid = fake.paid;
		ph.hurry = used[i];
		/* nothing is saved that could pay for more */
		for (calls = 0; ph.hurry && calls < 10; calls++) {
			ph.credit = 0;
			scavenger_work();
		}
		EXPECT_EQ(paid + used[i], fake.paid);
		ph.credit = 0;
		scavenger_work();
		EXPECT_EQ(paid + used[i], fake.paid);
	}
	EXPECT_NE(NULL, ph.owed);
	shim_lock_release(&ph.lock);
}

/*
 * In every other tick one caller is asked to do the work of the layers above.
 */
TEST_F(scavenger, the_layers_above_are_told)
{
	int i, told = 0;

	while (scavenger_idle_due())
		;
	for (i = 0; i < 20; i++) {
		tick();
		told += scavenger_idle_due();
		EXPECT_FALSE(scavenger_idle_due());
	}
	EXPECT_LE(8, told);
	EXPECT_GE(12, told);
}

/* Nobody frees pages: who asks has the tick done. */
TEST_F(scavenger, a_tick_is_passed)
{
	uint64_t looks = stat_now().scavenger_looks;
	size_t before;
	int i;

	drop(0, SPANS * 3 / 32, 0);		/* 24 MiB, too few to go at once */
	before = stat_now().released;
	for (i = 0; i < 10; i++) {
		fake_clock += TICK;
		EXPECT_TRUE(scavenger_pass(false));
		/* one a tick, whoever asks */
		EXPECT_TRUE(scavenger_pass(true));
	}
	EXPECT_LE(looks + 9, stat_now().scavenger_looks);
	EXPECT_GE(looks + 11, stat_now().scavenger_looks);
	EXPECT_LE(before + 14 * MIB, stat_now().released);
}

/* How many requests may ask, of those that could until the next tick. */
static int asked(void)
{
	int n = 0;

	while (n < 1000000 && scavenger_pass(true))
		n++;
	return n;
}

/* They take 40 ns each, so those of a 1000th of the time; after a long sleep, too. */
TEST_F(scavenger, not_all_requests_ask)
{
	scavenger_stir();
	fake_clock += TICK;
	scavenger_pass(false);
	EXPECT_GE(TICK / 1000 / 40, asked());
	EXPECT_FALSE(scavenger_pass(true));
	fake_clock += TICK;
	EXPECT_TRUE(scavenger_pass(false));
	EXPECT_LE(TICK / 1000 / 40 - 2, asked());
	scavenger_stir();
	fake_clock += 3600ull * 1000000000u;
	scavenger_pass(false);
	EXPECT_GE(500000000 / 1000 / 40, asked());
}

/*
 * A burst has used up what may ask, and frees the last of its memory within the same
 * tick.  From there on the process makes a call in 20 ms, none of which misses.
 */
TEST_F(scavenger, who_sleeps_after_a_burst_asks)
{
	uint64_t looks;
	int i;

	scavenger_stir();
	fake_clock += TICK;
	scavenger_pass(false);
	asked();
	EXPECT_FALSE(scavenger_pass(false));
	scavenger_stir();
	EXPECT_TRUE(scavenger_pass(false));
	EXPECT_GE(8, asked());
	EXPECT_TRUE(scavenger_pass(false));
	looks = stat_now().scavenger_looks;
	for (i = 0; i < 100; i++) {
		fake_clock += TICK / 50;
		EXPECT_TRUE(scavenger_pass(true));
	}
	EXPECT_EQ(looks + 2, stat_now().scavenger_looks);
}

/* When nothing stirs any more there are no ticks, and when something does, again. */
TEST_F(scavenger, in_the_end_nobody_asks)
{
	int i;

	scavenger_stir();
	for (i = 0; i < 200; i++) {
		fake_clock += TICK;
		if (!scavenger_pass(true))
			break;
		/* not before what it has stirred has its age */
		EXPECT_GT(190, i);
	}
	EXPECT_LT(60, i);
	EXPECT_FALSE(scavenger_pass(true));
	scavenger_stir();
	fake_clock += TICK;
	EXPECT_TRUE(scavenger_pass(false));
}

/* The layers above work every 300 ms, however rare the ticks are. */
TEST_F(scavenger, each_of_rare_ticks_tells_the_layers_above)
{
	int i;

	for (i = 0; i < 5; i++) {
		fake_clock += 2 * TICK;
		scavenger_pass(true);
		EXPECT_TRUE(scavenger_idle_due());
	}
}

/* The shuffle of Fisher and Yates, with the same order each time. */
static void shuffle(struct span **a, size_t n)
{
	uint64_t state = 42;
	size_t i, k;

	for (i = n - 1; i; i--) {
		struct span *t = a[i];

		state = state * 6364136223846793005ull + 1442695040888963407ull;
		k = (state >> 33) % (i + 1);
		a[i] = a[k];
		a[k] = t;
	}
}

/* The cost of the calls to the kernel, by the figures of pageheap_int.h. */
static size_t cost_now(void)
{
	struct fake_backend now = fake_now();

	return now.ranges * 1000 + now.paid * 300000;
}

/*
 * A thread that frees everything in random order pays for giving back in
 * proportion to what it frees, and in the end everything went back.  No tick comes in
 * between, however slow the machine is.
 */
TEST(no_order_no_ruin)
{
	enum { N = 65536 };
	static struct span *one[N];
	int i;

	for (i = 0; i < N; i++)
		one[i] = pageheap_alloc(1, 1);
	shuffle(one, N);
	for (i = 0; i < N * 9 / 10; i++)
		pageheap_free(one[i]);
	/* not all of it: single pages are the dearest to give back */
	EXPECT_GT(stat_now().inuse, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
	for (; i < N; i++)
		pageheap_free(one[i]);
	EXPECT_GT(16 * MIB, stat_now().free);
	/* what is owed, one last call, and what goes with time */
	EXPECT_GT(N * 800 + 5 * 300000 +
		  stat_now().scavenger_looks * 8 * 300000, cost_now());
	EXPECT_EQ(0, fake_now().bad);
}

TEST_HARNESS_MAIN
