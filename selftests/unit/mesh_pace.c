// SPDX-License-Identifier: GPL-2.0-only
/*
 * mesh_pace: when meshing begins without being asked for, and that it then takes no
 * more than a hundredth of the time, however much there is to do.  The time passes
 * when a test says so; what a step is said to cost is in central_mesh.c.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "base/sizeclass.h"
#include "fake_clock.h"
#include "fake_pageheap.h"
#include "span/central.h"
#include "span/central_mesh.h"
#include "span/span_mesh.h"

#define MS		1000000ull
#define SIZE		64u
#define SPANS		300u
#define MAX		(SPANS * 128)
#define COST_PAIR	4000u	/* as in central_mesh.c */

static void *objects[MAX];
static unsigned int used;

static unsigned int cls(void)
{
	return sizeclass_of(SIZE);
}

static void fill(void)
{
	unsigned int n = SPANS * sizeclass_info[cls()].nobjs, some, i;

	for (used = 0; used < n; used += some) {
		some = n - used < 32 ? n - used : 32;
		if (central_get(cls(), objects + used, some) != some)
			abort();
		/* what has no memory is not meshed */
		for (i = 0; i < some; i++)
			memset(objects[used + i], 1, SIZE);
	}
}

/* One in eight stays. */
static void thin(void)
{
	unsigned int i, left = 0;

	for (i = 0; i < used; i++) {
		if (rand() % 8)
			central_put(cls(), &objects[i], 1);
		else
			objects[left++] = objects[i];
	}
	used = left;
}

static void drop(void)
{
	while (used)
		central_put(cls(), &objects[--used], 1);
}

/* Ticks of an idle program, @ms apart. */
static void ticks(unsigned int n, unsigned int ms)
{
	while (n--) {
		fake_clock += ms * MS;
		central_mesh_tick();
	}
}

FIXTURE(pace) {
	unsigned long pairs;
};

FIXTURE_SETUP(pace)
{
	srand(5);
	fake_pageheap.small = 0;
	ASSERT_EQ(NULL, central_mesh_enable(CENTRAL_MESH_PACED));
	central_mesh_tick();
	self->pairs = fake_pageheap.pairs;
}

FIXTURE_TEARDOWN(pace)
{
	drop();
	central_mesh_tick();
	EXPECT_EQ(0, fake_pageheap.meshed);
	EXPECT_EQ(0, fake_pageheap.bad);
}

/* A small heap has nothing to mesh, and is not touched for it. */
TEST_F(pace, it_begins_when_the_heap_is_large)
{
	central_mesh_enable(CENTRAL_MESH_OFF);
	fake_pageheap.small = 1;
	ASSERT_EQ(NULL, central_mesh_enable(CENTRAL_MESH_LATER));
	ticks(3, 1000);
	EXPECT_EQ(CENTRAL_MESH_LATER, central_mesh_mode());
	fill();
	thin();
	central_mesh_all();
	ticks(300, 1000);
	EXPECT_EQ(self->pairs, fake_pageheap.pairs);
	fake_pageheap.small = 0;
	ticks(1, 1000);
	EXPECT_EQ(CENTRAL_MESH_PACED, central_mesh_mode());
	ticks(300, 1000);
	EXPECT_LT(self->pairs + 100, fake_pageheap.pairs);
}

/* malloc_trim() need not wait for a tick. */
TEST_F(pace, it_begins_when_it_is_asked_for)
{
	central_mesh_enable(CENTRAL_MESH_LATER);
	fill();
	thin();
	central_mesh_all();
	EXPECT_EQ(CENTRAL_MESH_PACED, central_mesh_mode());
	EXPECT_LT(self->pairs + 100, fake_pageheap.pairs);
}

TEST_F(pace, it_never_begins_where_it_cannot_be)
{
	central_mesh_enable(CENTRAL_MESH_LATER);
	fake_pageheap.why_not = "it is Monday";
	ticks(2, 1000);
	EXPECT_EQ(CENTRAL_MESH_OFF, central_mesh_mode());
	fake_pageheap.why_not = NULL;
	ticks(2, 1000);
	EXPECT_EQ(CENTRAL_MESH_OFF, central_mesh_mode());
}

/* A program that has just begun: a burst finds next to no time. */
TEST_F(pace, a_burst_has_the_time_that_ticks_have_left)
{
	unsigned long first;

	/* nothing is left from before */
	central_mesh_enable(CENTRAL_MESH_PACED);
	fill();
	thin();
	first = fake_pageheap.pairs - self->pairs;
	EXPECT_EQ(0, first);
	drop();
	/* four milliseconds, of which a tick keeps three */
	ticks(50, 8);
	self->pairs = fake_pageheap.pairs;
	fill();
	thin();
	TH_LOG("%lu pairs", fake_pageheap.pairs - self->pairs);
	EXPECT_LT(self->pairs + 32, fake_pageheap.pairs);
	/* a step of 32 pairs more, which is a debt */
	EXPECT_GE(self->pairs + MS / COST_PAIR + 32, fake_pageheap.pairs);
}

/* A step that takes longer than there is time for is paid for afterwards. */
TEST_F(pace, ticks_take_a_hundredth)
{
	/* and a step of 32 pairs more */
	unsigned long most = 20 * MS / 100 / COST_PAIR + 32;

	fill();
	thin();
	ticks(20, 1);
	TH_LOG("%lu pairs of %lu", fake_pageheap.pairs - self->pairs, most);
	EXPECT_GE(self->pairs + most, fake_pageheap.pairs);
	/* about 140 in the end */
	ticks(200, 20);
	EXPECT_LT(self->pairs + 100, fake_pageheap.pairs);
}

/* There are ticks as long as they mesh something, and no longer for it. */
TEST_F(pace, what_is_meshed_stirs)
{
	unsigned long stirs, pairs;

	fill();
	stirs = fake_pageheap.stirs;
	thin();
	EXPECT_LT(stirs, fake_pageheap.stirs);
	ticks(2, 300);		/* looks, in which it has not been quiet */
	stirs = fake_pageheap.stirs;
	pairs = fake_pageheap.pairs;
	ticks(5, 300);
	EXPECT_LT(pairs, fake_pageheap.pairs);
	EXPECT_LT(stirs, fake_pageheap.stirs);
	ticks(500, 1000);
	stirs = fake_pageheap.stirs;
	pairs = fake_pageheap.pairs;
	ticks(100, 1000);
	EXPECT_EQ(pairs, fake_pageheap.pairs);
	EXPECT_EQ(stirs, fake_pageheap.stirs);
}

TEST_HARNESS_MAIN
