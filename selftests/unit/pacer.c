// SPDX-License-Identifier: GPL-2.0-only
/* pacer, limiter: the formulas, with figures worked out by hand. */
#include "../lib/patience.h"

#include "gc/limiter.h"
#include "gc/pacer.h"

#define KIB	((size_t)1 << 10)
#define MIB	((size_t)1 << 20)
/* with a hundred of them, one is a percent */
#define MB	((size_t)1000000)

static void after(size_t live, size_t roots, size_t scanned, size_t heap)
{
	struct pacer_seen seen = { live, 0, roots, scanned, heap };

	pacer_after(&seen);
}

/* Rounding to a hundredth of a page in both directions. */
#define EXPECT_NEAR(_want, _got) do {					\
	EXPECT_LE((_want) - 1000, (_got));				\
	EXPECT_GE((_want) + 1000, (_got));				\
} while (0)

TEST(percent_of_objects_and_roots)
{
	after(100 * MB, 20 * MB, 0, 0);
	EXPECT_EQ(120 * MB, pacer_goal());
	EXPECT_EQ(100, pacer_set_percent(50));
	EXPECT_EQ(60 * MB, pacer_goal());
	pacer_set_percent(300);
	EXPECT_EQ(360 * MB, pacer_goal());
	EXPECT_EQ(300, pacer_get_percent());
}

/*
 * 50 of 150 MB were allocated during the mark: 100 are live, for all it knows,
 * and a tenth more is allowed for.
 */
TEST(percent_of_what_was_reached)
{
	struct pacer_seen seen = { 150 * MB, 50 * MB, 0, 0, 0 };

	pacer_after(&seen);
	EXPECT_EQ(60 * MB, pacer_goal());
	/* less than a tenth: all of it */
	seen.live = 104 * MB;
	seen.fresh = 4 * MB;
	pacer_after(&seen);
	EXPECT_EQ(100 * MB, pacer_goal());
	/* more is in use than the goal is: a quarter of the percentage */
	seen.live = 230 * MB;
	seen.fresh = 130 * MB;
	pacer_after(&seen);
	EXPECT_EQ(25 * MB, pacer_goal());
	seen.roots = 20 * MB;
	pacer_after(&seen);
	EXPECT_EQ(30 * MB, pacer_goal());
}

/*
 * 4 MiB at 100 %, counting everything, so that a small heap is not collected
 * all the time.
 */
TEST(a_small_heap)
{
	EXPECT_EQ(4 * MIB, pacer_goal());
	after(MIB, 0, 0, 0);
	EXPECT_NEAR(3 * MIB, pacer_goal());
	pacer_set_percent(200);
	EXPECT_NEAR(7 * MIB, pacer_goal());
	/* the percentage gives less than a step */
	pacer_set_percent(1);
	EXPECT_EQ(64 * KIB, pacer_goal());
}

TEST(a_limit_of_the_heap)
{
	after(60 * MB, 0, 0, 70 * MB);
	EXPECT_EQ(0, pacer_set_limit(100 * MB));
	/* less 3 %, for gaps */
	EXPECT_EQ(37 * MB, pacer_goal());
	EXPECT_TRUE(pacer_is_limited());
	/* exceeded: the goal is lowered by the excess */
	after(60 * MB, 0, 0, 110 * MB);
	EXPECT_EQ(27 * MB, pacer_goal());
	/* far from the limit the percentage decides */
	EXPECT_EQ(100 * MB, pacer_set_limit(1000 * MB));
	EXPECT_EQ(60 * MB, pacer_goal());
	EXPECT_FALSE(pacer_is_limited());
	/* a reserve of at least a megabyte */
	after(6 * MB, 0, 0, 8 * MB);
	pacer_set_limit(10 * MB);
	EXPECT_EQ(4 * MB - MIB, pacer_goal());
	/* no room is left: the program continues nevertheless */
	after(98 * MB, 0, 0, 99 * MB);
	pacer_set_limit(100 * MB);
	EXPECT_EQ(PACER_LIMIT_MIN, pacer_goal());
	after(500 * MB, 0, 0, 500 * MB);
	EXPECT_EQ(PACER_LIMIT_MIN, pacer_goal());
	/* the goal without limits is computed, too */
	pacer_set_lifted(true);
	EXPECT_EQ(500 * MB, pacer_goal());
	EXPECT_TRUE(pacer_is_limited());
	pacer_set_lifted(false);
	EXPECT_EQ(PACER_LIMIT_MIN, pacer_goal());
}

/*
 * 180 of 200 MB are in use: 80 are spans of ours, 10 free, so 90 belong to
 * others.
 */
TEST(a_limit_of_the_process)
{
	struct pacer_room room = { 200 * MB, 20 * MB, 0, 10 * MB };

	after(60 * MB, 0, 0, 80 * MB);
	pacer_set_room(&room, 80 * MB);
	EXPECT_EQ(200 * MB - 90 * MB - 6 * MB - 60 * MB, pacer_goal());
	/* others take 30 more while the spans stay: nothing is left */
	room.left = 0;
	pacer_set_room(&room, 80 * MB);
	EXPECT_EQ(200 * MB - 110 * MB - 6 * MB - 60 * MB, pacer_goal());
	/* and 10 more: exceeded by that much, which counts twice */
	room.over = 10 * MB;
	pacer_set_room(&room, 80 * MB);
	EXPECT_EQ(200 * MB - 130 * MB - 6 * MB - 60 * MB, pacer_goal());
	room.over = 0;
	pacer_set_room(&room, 80 * MB);
	/* the smaller of two limits */
	pacer_set_limit(75 * MB);
	EXPECT_EQ(75 * MB - 5 * MB - 2250000 - 60 * MB, pacer_goal());
	pacer_set_limit(0);
	room = (struct pacer_room){ .limit = 0, .left = SIZE_MAX };
	pacer_set_room(&room, 80 * MB);
	EXPECT_EQ(60 * MB, pacer_goal());
}

TEST(the_trigger_by_the_rate)
{
	unsigned int i;

	after(40 * MB, 0, 20 * MB, 0);
	EXPECT_EQ(40 * MB, pacer_trigger());
	/* nothing is known yet: begin as late as possible */
	pacer_set_beside(true);
	EXPECT_NEAR(40 * MB / 64 * 61, pacer_trigger());
	/*
	 * a quarter of the time for 20 MB scanned, three quarters for 10 MB:
	 * one sixth of a byte in the same time, three sixths beside the
	 * program, of 20 MB
	 */
	pacer_marked(10 * MB, 20 * MB, 250, 1000);
	after(40 * MB, 0, 20 * MB, 0);
	EXPECT_NEAR(30 * MB, pacer_trigger());
	/* half of the time: half of the runway is too much */
	pacer_marked(10 * MB, 20 * MB, 500, 1000);
	after(40 * MB, 0, 20 * MB, 0);
	EXPECT_EQ(40 * MB / 64 * 45, pacer_trigger());
	/* the largest of the last four; forgotten after four more */
	for (i = 0; i < 3; i++)
		pacer_marked(5 * MB, 20 * MB, 250, 1000);
	after(40 * MB, 0, 20 * MB, 0);
	EXPECT_EQ(40 * MB / 64 * 45, pacer_trigger());
	pacer_marked(5 * MB, 20 * MB, 250, 1000);
	after(40 * MB, 0, 20 * MB, 0);
	EXPECT_NEAR(35 * MB, pacer_trigger());
	/* a large heap begins no more than 4 MiB before the goal */
	for (i = 0; i < 4; i++)
		pacer_marked(0, 20 * MB, 250, 1000);
	after(400 * MB, 0, 20 * MB, 0);
	EXPECT_EQ(400 * MB - 4 * MIB, pacer_trigger());
	pacer_set_beside(false);
	EXPECT_EQ(400 * MB, pacer_trigger());
}

TEST(who_allocates_owes)
{
	after(40 * MB, 0, 30 * MB, 0);
	pacer_set_beside(true);
	/* 30 to scan while 10 may be allocated */
	EXPECT_NEAR(24000, pacer_assist(8000, 30 * MB, 0));
	EXPECT_NEAR(8000, pacer_assist(8000, 30 * MB, 20 * MB));
	/* everything that was expected is done: next to nothing is left */
	EXPECT_GE(1, pacer_assist(8000, 30 * MB, 30 * MB));
	/* at most so slow that no call takes long */
	EXPECT_EQ(64 * KIB, pacer_assist(8 * MB, 30 * MB, 0));
	/*
	 * more than was expected: all 70 MB may be to scan, and the goal is
	 * further in proportion, from the trigger (38.125) by (1.875 / 30) * 70
	 */
	EXPECT_NEAR(8000 * 39 / 12.5, pacer_assist(8000, 30 * MB, 31 * MB));
	/* past the goal: all of it, over a tenth of the heap */
	EXPECT_NEAR(800 * 81.0 / 7, pacer_assist(800, 41 * MB, 0));
	/* both: the goal is at 43.4375, and a tenth of 83.4375 further */
	EXPECT_NEAR(8000 * 15 / 6.78125, pacer_assist(8000, 45 * MB, 70 * MB));
	/* the limiter is on */
	pacer_set_lifted(true);
	EXPECT_EQ(0, pacer_assist(8000, 30 * MB, 0));
}

/* 9 MiB to the next, which leaves 8 to sweep 1,000 pages in. */
TEST(sweeping_by_credit)
{
	pacer_set_limit(0);
	after(9 * MIB - 60, 0, 0, 0);
	EXPECT_NEAR(9 * MIB, pacer_trigger());
	EXPECT_EQ(0, pacer_sweep_owed(1000, 0));
	EXPECT_EQ(500, pacer_sweep_owed(1000, 4 * MIB + 100));
	EXPECT_EQ(1000, pacer_sweep_owed(1000, 8 * MIB));
	EXPECT_EQ(1000, pacer_sweep_owed(1000, 80 * MIB));
	EXPECT_EQ(0, pacer_sweep_owed(0, MIB));
	/* nothing is left to allocate: everything within 8 KiB */
	pacer_set_percent(1);
	after(MIB, 0, 0, 0);
	EXPECT_EQ(500, pacer_sweep_owed(1000, 4 * KIB));
}

#define MS	1000000ull

/* With two processors, two seconds of collecting fill the bucket. */
TEST(half_of_the_time)
{
	unsigned int i;

	limiter_set_processors(2);
	for (i = 0; i < 19; i++) {
		limiter_collected(100 * MS, 0);
		EXPECT_FALSE(limiter_is_on(0));
	}
	limiter_collected(100 * MS, 0);
	EXPECT_TRUE(limiter_is_on(0));
	EXPECT_EQ(1, limiter_count());
	/* until the program has had as much time as that collection took */
	EXPECT_TRUE(limiter_is_on(99 * MS));
	EXPECT_FALSE(limiter_is_on(100 * MS));
	/* equal shares from then on: a rest follows each collection */
	for (i = 0; i < 10; i++) {
		limiter_collected(300 * MS, 300 * MS);
		EXPECT_TRUE(limiter_is_on(299 * MS));
		EXPECT_FALSE(limiter_is_on(300 * MS));
	}
	EXPECT_EQ(1, limiter_count());
	/* a program that mostly works itself is not held back */
	limiter_collected(100 * MS, 101 * MS);
	EXPECT_FALSE(limiter_is_on(0));
	limiter_collected(MS, 0);
	EXPECT_TRUE(limiter_is_on(0));
	EXPECT_EQ(2, limiter_count());
	/* an empty bucket does not become negative */
	limiter_collected(0, 3600 * 1000 * MS);
	limiter_collected(1999 * MS, 0);
	EXPECT_FALSE(limiter_is_on(0));
}

TEST_HARNESS_MAIN
