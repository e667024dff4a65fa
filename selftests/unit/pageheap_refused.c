// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page heap where memory cannot be given back: locked or refused pages, and
 * what other threads do while a block is joined or released.
 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "heap_now.h"
#include "pageheap/pageheap_int.h"

TEST(locked_memory_stays)
{
	struct span *s, *t;

	outgrow();
	fake.refuse_release = true;
	s = pageheap_alloc(100, 1);
	t = pageheap_alloc(100, 1);
	pageheap_free(s);
	EXPECT_EQ(0, pageheap_trim(0));
	EXPECT_LT(0, stat_now().nr_refused);
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(t);
	EXPECT_EQ(0, pageheap_trim(0));
	/* and is used again, without being taken for zero */
	s = pageheap_alloc(100, 1);
	EXPECT_FALSE(s->flags & SPAN_ZERO);
	EXPECT_TRUE(pageheap_is_valid());
}

/* Some pages of a block in use are refused: they keep their content. */
TEST(refused_pages_are_not_zero)
{
	struct span *s, *t;

	shim_conf.scavenger = false;
	outgrow();
	s = pageheap_alloc(100, 1);
	t = pageheap_alloc(100, 1);
	ASSERT_EQ(block_of(s), block_of(t));
	memset((void *)s->start, 1, 100 * PAGE_SIZE);
	pageheap_free(s);
	fake.refuse_release = true;
	pageheap_trim(0);
	fake.refuse_release = false;
	s = pageheap_alloc(100, 1);
	ASSERT_EQ(block_of(s), block_of(t));
	EXPECT_EQ(1, *(char *)s->start);
	EXPECT_FALSE(s->flags & SPAN_ZERO);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * A span grows over pages that hold old data: they are neither taken for zero
 * nor lost.
 */
TEST(zero_after_growing)
{
	struct span *s, *t;

	shim_conf.scavenger = false;
	outgrow();
	s = pageheap_alloc(10, 1);
	t = pageheap_alloc(10, 1);
	ASSERT_EQ(s->start + 10 * PAGE_SIZE, t->start);
	memset((void *)t->start, 1, 10 * PAGE_SIZE);
	pageheap_free(t);
	ASSERT_TRUE(pageheap_resize(s, 15));
	EXPECT_FALSE(s->flags & SPAN_ZERO);
	/* pages that were never used are zero */
	ASSERT_TRUE(pageheap_resize(s, 20));
	ASSERT_TRUE(pageheap_resize(s, 30));
	EXPECT_TRUE(s->flags & SPAN_ZERO);
	EXPECT_EQ(0, *(char *)(s->start + 29 * PAGE_SIZE));
}

/* A refusal is forgotten with the last span of its block. */
TEST(refused_once_is_not_lost)
{
	struct span *s, *t;
	size_t mapped;

	shim_conf.scavenger = false;
	outgrow();
	pageheap_trim(0);
	s = pageheap_alloc(100, 1);
	t = pageheap_alloc(100, 1);
	ASSERT_EQ(block_of(s), block_of(t));
	pageheap_free(s);
	fake.refuse_release = true;
	EXPECT_EQ(0, pageheap_trim(0));
	fake.refuse_release = false;
	pageheap_free(t);
	EXPECT_TRUE(pageheap_is_valid());
	/* its memory serves whole blocks before new memory is taken */
	mapped = fake.grown;
	s = pageheap_alloc(BLOCK_PAGES, 1);
	EXPECT_EQ(0, stat_now().free);
	EXPECT_EQ(mapped, fake.grown);
	EXPECT_FALSE(s->flags & SPAN_ZERO);
	pageheap_free(s);
	/* and goes back */
	EXPECT_EQ(BLOCK_SIZE, pageheap_trim(0));
	EXPECT_EQ(0, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
}

/* Memory that was just freed is young, however old the block around it is. */
TEST(age_begins_with_the_free)
{
	struct span *s = pageheap_alloc(40, 1), *t = pageheap_alloc(1, 1);
	size_t young, old;

	shim_conf.scavenger = false;
	ASSERT_EQ(block_of(s), block_of(t));
	shim_lock_acquire(&ph.lock);
	ph.tick += 100;
	shim_lock_release(&ph.lock);
	pageheap_free(s);
	shim_lock_acquire(&ph.lock);
	ph.tick++;
	young = pageheap_release_idlest(4, false);
	ph.tick += 4;
	old = pageheap_release_idlest(4, false);
	shim_lock_release(&ph.lock);
	EXPECT_EQ(0, young);
	EXPECT_EQ(40 * PAGE_SIZE, old);
	EXPECT_TRUE(pageheap_is_valid());
}

/* A span grows into the run behind it, up to its last block and no further. */
TEST(grows_into_all_of_a_run)
{
	struct span *s, *hole, *wall;

	shim_conf.scavenger = false;
	outgrow();
	s = pageheap_alloc(4 * BLOCK_PAGES, 1);
	hole = pageheap_alloc(2 * BLOCK_PAGES, 1);
	wall = pageheap_alloc(2 * BLOCK_PAGES, 1);
	ASSERT_EQ(s->start + 4 * BLOCK_SIZE, hole->start);
	ASSERT_EQ(s->start + 6 * BLOCK_SIZE, wall->start);
	pageheap_free(hole);
	EXPECT_FALSE(pageheap_resize(s, 7 * BLOCK_PAGES));
	EXPECT_TRUE(pageheap_resize(s, 6 * BLOCK_PAGES));
	EXPECT_EQ(6 * BLOCK_PAGES, s->npages);
	EXPECT_TRUE(pageheap_is_valid());
}

/* Idle memory goes when the limit would refuse otherwise: just enough of it. */
TEST(idle_memory_makes_room_below_a_hard_limit)
{
	struct span *s[4];
	int i;

	shim_conf.scavenger = false;
	shim_conf.limit = 64 * MIB;
	shim_conf.limit_hard = true;
	outgrow();
	for (i = 0; i < 4; i++) {
		s[i] = pageheap_alloc(12 * MIB / PAGE_SIZE, 1);
		ASSERT_NE(NULL, s[i]);
		/*
		 * in use, so that not everything that is freed becomes one run
		 */
		ASSERT_NE(NULL, pageheap_alloc(BLOCK_PAGES, 1));
	}
	for (i = 0; i < 4; i++)
		pageheap_free(s[i]);
	EXPECT_LE(48 * MIB, stat_now().free);
	/* more than two of them were used, but less than is idle */
	s[0] = pageheap_alloc(40 * MIB / PAGE_SIZE, 1);
	ASSERT_NE(NULL, s[0]);
	EXPECT_GE(64 * MIB, stat_now().inuse + stat_now().free);
	EXPECT_EQ(NULL, pageheap_alloc(24 * MIB / PAGE_SIZE, 1));
	pageheap_free(s[0]);
	EXPECT_TRUE(pageheap_is_valid());
	shim_conf.limit = 0;
	shim_conf.limit_hard = false;
}

/* A locked page keeps its own block from being given back, and no other. */
TEST(locked_page_keeps_one_block)
{
	struct span *s[8];
	int i;

	shim_conf.scavenger = false;
	outgrow();
	pageheap_trim(0);
	fake.jump = true;	/* runs that are not adjacent */
	for (i = 0; i < 8; i++) {
		s[i] = pageheap_alloc(64 * BLOCK_PAGES, 1);
		ASSERT_NE(NULL, s[i]);
	}
	fake.locked = s[3]->start + 41 * BLOCK_SIZE + PAGE_SIZE;
	for (i = 0; i < 8; i++)
		pageheap_free(s[i]);
	EXPECT_LT(511 * BLOCK_SIZE, stat_now().free);
	pageheap_trim(0);
	EXPECT_EQ(BLOCK_SIZE, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
	/* tried again each time somebody asks for it */
	EXPECT_EQ(0, pageheap_trim(0));
	fake.locked = 0;
	EXPECT_EQ(BLOCK_SIZE, pageheap_trim(0));
	EXPECT_TRUE(pageheap_is_valid());
}

/* A run that was refused, and one that joins it in front or behind. */
static uint64_t calls_for_joined(bool refused_is_right)
{
	struct span *left, *right;
	uint64_t calls;

	left = pageheap_alloc(2 * BLOCK_PAGES, 1);
	right = pageheap_alloc(2 * BLOCK_PAGES, 1);
	if (!left || !right || right->start != left->start + 2 * BLOCK_SIZE)
		return UINT64_MAX;
	pageheap_free(refused_is_right ? right : left);
	fake.refuse_release = true;
	pageheap_trim(0);
	fake.refuse_release = false;
	pageheap_free(refused_is_right ? left : right);
	calls = stat_now().nr_release;
	shim_lock_acquire(&ph.lock);
	pageheap_release_runs(4, RETRY_TICKS);
	shim_lock_release(&ph.lock);
	calls = stat_now().nr_release - calls;
	/* but in the end they go */
	return pageheap_trim(0) == 4 * BLOCK_SIZE ? calls : UINT64_MAX;
}

/* A run's refusal says nothing about the block that later uses its memory. */
TEST(refused_once_is_not_for_ever)
{
	struct span *s, *t;

	shim_conf.scavenger = false;
	outgrow();
	pageheap_free(pageheap_alloc(BLOCK_PAGES, 1));
	fake.refuse_release = true;
	EXPECT_EQ(0, pageheap_trim(0));
	fake.refuse_release = false;
	EXPECT_EQ(BLOCK_SIZE, stat_now().free);
	s = pageheap_alloc(100, 1);
	t = pageheap_alloc(100, 1);
	ASSERT_EQ(block_of(s), block_of(t));
	pageheap_free(s);
	EXPECT_EQ(BLOCK_SIZE - 100 * PAGE_SIZE, pageheap_trim(0));
	EXPECT_EQ(0, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(what_joins_a_refused_run_waits_with_it)
{
	shim_conf.scavenger = false;
	outgrow();
	EXPECT_EQ(0, calls_for_joined(false));
	EXPECT_EQ(0, calls_for_joined(true));
	EXPECT_TRUE(pageheap_is_valid());
}

/* Where everything is locked, little is tried. */
TEST(locked_heap_is_left_alone)
{
	uint64_t calls;
	struct span *s;

	shim_conf.scavenger = false;
	outgrow();
	s = pageheap_alloc(256 * BLOCK_PAGES, 1);
	pageheap_free(s);
	fake.refuse_release = true;
	calls = stat_now().nr_release;
	EXPECT_EQ(0, pageheap_trim(0));
	EXPECT_GT(100, stat_now().nr_release - calls);
	EXPECT_TRUE(pageheap_is_valid());
	/* and not again soon */
	calls = stat_now().nr_release;
	shim_lock_acquire(&ph.lock);
	pageheap_release_runs(256, RETRY_TICKS);
	shim_lock_release(&ph.lock);
	EXPECT_EQ(calls, stat_now().nr_release);
	shim_lock_acquire(&ph.lock);
	ph.tick += RETRY_TICKS;
	pageheap_release_runs(256, RETRY_TICKS);
	shim_lock_release(&ph.lock);
	EXPECT_LT(calls, stat_now().nr_release);
	fake.refuse_release = false;
	EXPECT_LT(0, pageheap_trim(0));
	EXPECT_EQ(0, stat_now().free);
}

static void join_meanwhile(void)
{
	shim_lock_acquire(&ph.lock);
	pageheap_join_one();
	shim_lock_release(&ph.lock);
}

static struct span *of_joined[3];

static void free_meanwhile(void)
{
	int i;

	for (i = 0; i < 3; i++)
		pageheap_free(of_joined[i]);
}

/* A block some of whose pages were refused becomes empty while it is joined. */
static void empty_meanwhile(struct __test_metadata *_metadata, bool join_fails)
{
	shim_conf.scavenger = false;
	outgrow();
	pageheap_trim(0);
	of_joined[0] = pageheap_alloc(200, 1);
	of_joined[1] = pageheap_alloc(30, 1);
	of_joined[2] = pageheap_alloc(20, 1);
	ASSERT_EQ(block_of(of_joined[0]), block_of(of_joined[2]));
	pageheap_free(of_joined[1]);
	fake.refuse_release = true;
	pageheap_trim(0);
	fake.refuse_release = false;
	of_joined[1] = pageheap_alloc(30, 1);
	ASSERT_EQ(block_of(of_joined[0]), block_of(of_joined[1]));
	fake.on_join = free_meanwhile;
	fake.refuse_join = join_fails;
	join_meanwhile();
	EXPECT_EQ(1, stat_now().nr_join + stat_now().nr_join_fail);
	EXPECT_EQ(BLOCK_SIZE, stat_now().free);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(BLOCK_SIZE, pageheap_trim(0));
	EXPECT_TRUE(pageheap_is_valid());
}

TEST(empty_while_it_is_joined)
{
	empty_meanwhile(_metadata, false);
}

TEST(empty_while_a_join_fails)
{
	empty_meanwhile(_metadata, true);
}

/*
 * One thread gives back pages of a block while another one is about to join it.
 */
TEST(what_is_being_released_is_not_joined)
{
	struct span *a, *b, *c;

	shim_conf.scavenger = false;
	outgrow();
	a = pageheap_alloc(200, 1);
	b = pageheap_alloc(30, 1);
	c = pageheap_alloc(20, 1);
	ASSERT_EQ(block_of(a), block_of(c));
	pageheap_free(b);
	pageheap_trim(0);
	ASSERT_LT(0, stat_now().nr_split);
	/* nearly full again, so that it is to be joined */
	b = pageheap_alloc(30, 1);
	ASSERT_EQ(block_of(a), block_of(b));
	pageheap_free(c);
	fake.on_release = join_meanwhile;
	pageheap_trim(0);
	fake.on_release = NULL;
	EXPECT_EQ(0, fake.joined);
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(a);
	pageheap_free(b);
	pageheap_trim(0);
	EXPECT_EQ(0, stat_now().inuse);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

static struct span *in_joined;
/* What the kernel has refused once of a block, it is not asked for again. */
TEST(what_was_refused_is_not_purged)
{
	struct span *s, *t;
	size_t refused;

	shim_conf.scavenger = false;
	outgrow();
	s = pageheap_alloc(4, 1);
	t = pageheap_alloc(252, 1);
	ASSERT_EQ(block_of(s), block_of(t));
	pageheap_free(t);
	pageheap_trim(0);
	EXPECT_EQ(4096, pageheap_purge(s, 1));
	fake.refuse_release = true;
	EXPECT_EQ(0, pageheap_purge(s, 2));
	refused = stat_now().nr_refused;
	EXPECT_LT(0, refused);
	fake.refuse_release = false;
	EXPECT_EQ(0, pageheap_purge(s, 4));
	EXPECT_FALSE(fake_is_returned(s->start + 2 * 4096));
	EXPECT_EQ(refused, stat_now().nr_refused);
	EXPECT_TRUE(pageheap_is_valid());
}

static size_t purged_meanwhile;

static void purge_meanwhile(void)
{
	purged_meanwhile = pageheap_purge(in_joined, 0xf0);
}

/* The reverse: pages being copied into a block do not go back meanwhile. */
TEST(what_is_being_joined_is_not_purged)
{
	struct span *b, *c;

	shim_conf.scavenger = false;
	outgrow();
	in_joined = pageheap_alloc(8, 1);
	b = pageheap_alloc(220, 1);
	c = pageheap_alloc(28, 1);
	ASSERT_EQ(block_of(in_joined), block_of(c));
	pageheap_free(c);
	pageheap_trim(0);
	c = pageheap_alloc(20, 1);
	ASSERT_EQ(block_of(in_joined), block_of(c));
	memset((void *)in_joined->start, 1, in_joined->npages * PAGE_SIZE);
	purged_meanwhile = 1;
	fake.on_join = purge_meanwhile;
	join_meanwhile();
	fake.on_join = NULL;
	EXPECT_EQ(1, stat_now().nr_join);
	EXPECT_EQ(0, purged_meanwhile);
	EXPECT_FALSE(fake_is_returned(in_joined->start + 4 * 4096));
	EXPECT_TRUE(pageheap_is_valid());
	pageheap_free(in_joined);
	pageheap_free(b);
	pageheap_free(c);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

TEST_HARNESS_MAIN
