// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page heap's part of meshing: which blocks allow it, what is not joined, and
 * the accounts.  The backend is a fake that shares no memory.
 */
#include <errno.h>
#include <string.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "pageheap/pageheap_int.h"

#define MIB	((size_t)1 << 20)
#define SPANS	200

static struct span *spans[SPANS];
static struct mesh_move moves[MESH_MOVES];

static struct pageheap_mesh_stat mesh_now(void)
{
	struct pageheap_mesh_stat st;

	pageheap_mesh_get_stat(&st);
	return st;
}

FIXTURE(mesh) {
};

/* Spans of a page each, all of one block that is whole, and which is not full. */
FIXTURE_SETUP(mesh)
{
	unsigned int i;

	shim_conf.scavenger = false;
	pageheap_free(pageheap_alloc(32 * MIB / PAGE_SIZE, 1));
	pageheap_trim(0);
	for (i = 0; i < SPANS; i++) {
		spans[i] = pageheap_alloc(1, 1);
		ASSERT_NE(NULL, spans[i]);
	}
	ASSERT_EQ(spans[0]->start & ~(BLOCK_SIZE - 1),
		  spans[SPANS - 1]->start & ~(BLOCK_SIZE - 1));
}

FIXTURE_TEARDOWN(mesh)
{
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake.bad);
}

/* The second half of @n spans onto the first, one move of 100 bytes for each. */
static unsigned int mesh(unsigned int n)
{
	struct mesh_pair pairs[MESH_PAIRS];
	unsigned int i;

	memset(pairs, 0, sizeof(pairs));
	for (i = 0; i < n; i++) {
		pairs[i].dst = spans[i]->start;
		pairs[i].src = spans[n + i]->start;
		pairs[i].len = PAGE_SIZE;
		pairs[i].nr_moves = 1;
		moves[i].at = 16 * i;
		moves[i].len = 100;
	}
	return pageheap_mesh(pairs, n, moves);
}

static struct mesh_alias alias(unsigned int dst, unsigned int src)
{
	return (struct mesh_alias){ spans[src], spans[dst]->start, 3 };
}

static void cut(struct __test_metadata *_metadata)
{
	unsigned int i;

	for (i = 0; i < SPANS; i++)
		ASSERT_FALSE(pageheap_mesh_ready(spans[i]));
	ASSERT_TRUE(pageheap_mesh_apart());
	ASSERT_EQ(1, fake.apart);
}

TEST_F(mesh, a_whole_block_is_cut_when_a_quarter_is_wanted)
{
	struct pageheap_stat st;
	unsigned int i, k;

	EXPECT_EQ(NULL, pageheap_mesh_why_not());
	EXPECT_EQ(0, mesh(4));
	EXPECT_EQ(4, mesh_now().whole);
	/* 56 pages are idle: 31 spans of 2 OS pages are too few, how often ever */
	for (k = 0; k < 3; k++)
		for (i = 0; i < 31; i++)
			EXPECT_FALSE(pageheap_mesh_ready(spans[i]));
	EXPECT_FALSE(pageheap_mesh_apart());
	/* one that is freed does not count any more */
	pageheap_free(spans[SPANS - 1]);
	pageheap_free(spans[30]);
	spans[30] = pageheap_alloc(1, 1);
	spans[SPANS - 1] = pageheap_alloc(1, 1);
	EXPECT_FALSE(pageheap_mesh_ready(spans[31]));
	EXPECT_FALSE(pageheap_mesh_apart());
	EXPECT_FALSE(pageheap_mesh_ready(spans[32]));
	EXPECT_TRUE(pageheap_mesh_apart());
	EXPECT_FALSE(pageheap_mesh_apart());
	EXPECT_TRUE(pageheap_mesh_ready(spans[0]));
	EXPECT_EQ(1, fake.apart);
	EXPECT_EQ(1, mesh_now().apart);
	pageheap_get_stat(&st);
	EXPECT_EQ(1, st.blocks_split);
	EXPECT_EQ(32, mesh(32));
	EXPECT_EQ(32 * PAGE_SIZE, fake.meshed);
	EXPECT_EQ(32 * PAGE_SIZE, mesh_now().bytes);
	EXPECT_EQ(3200, mesh_now().moved);
	EXPECT_EQ(3200, fake.moved_by_mesh);
	EXPECT_EQ(32, mesh_now().meshes);
}

TEST_F(mesh, what_it_saves_is_not_in_use)
{
	struct pageheap_stat before, after;
	size_t usage;

	cut(_metadata);
	pageheap_get_stat(&before);
	usage = pageheap_usage();
	ASSERT_EQ(32, mesh(32));
	EXPECT_EQ(usage - 32 * PAGE_SIZE, pageheap_usage());
	pageheap_get_stat(&after);
	EXPECT_EQ(before.inuse, after.inuse);
	EXPECT_EQ(before.mapped, after.mapped);
}

TEST_F(mesh, refusals_are_counted_and_change_nothing)
{
	static const int errnos[] = { -EBUSY, -ENOENT, -EXDEV, -ENOMEM };
	struct pageheap_mesh_stat st;
	unsigned int i;

	cut(_metadata);
	for (i = 0; i < 4; i++) {
		fake.mesh_result = errnos[i];
		EXPECT_EQ(0, mesh(1 + i));
	}
	fake.mesh_result = 0;
	st = mesh_now();
	EXPECT_EQ(0, st.bytes);
	EXPECT_EQ(0, st.meshes);
	EXPECT_EQ(0, st.moved);
	EXPECT_EQ(1, st.busy);
	EXPECT_EQ(2, st.absent);
	EXPECT_EQ(7, st.failed);
	/* what had no memory has it the next time */
	EXPECT_EQ(1 + 2 * 2, fake.apart);
	EXPECT_EQ(2 * 2 * PAGE_SIZE, fake.filled);
}

static unsigned int joins_during;

/* Another thread comes along while the module works. */
static void join_now(void)
{
	shim_lock_acquire(&ph.lock);
	while (pageheap_join_one())
		;
	shim_lock_release(&ph.lock);
	joins_during = (unsigned int)fake.joined;
}

TEST_F(mesh, a_block_with_meshed_pages_is_not_joined)
{
	struct mesh_alias a;
	unsigned int i;

	cut(_metadata);
	/* until it is nearly full, when it is to be joined */
	while (!ph.joins) {
		/* a macro of two statements: without braces it would go on */
		ASSERT_NE(NULL, pageheap_alloc(1, 1));
	}
	fake.on_mesh = join_now;
	ASSERT_EQ(8, mesh(8));
	fake.on_mesh = NULL;
	EXPECT_EQ(0, joins_during);
	/* the next that is taken from it says again that it is nearly full */
	ASSERT_NE(NULL, pageheap_alloc(1, 1));
	join_now();
	EXPECT_EQ(0, fake.joined);
	for (i = 0; i < 8; i++) {
		a = alias(i, 8 + i);
		ASSERT_EQ(1, pageheap_unmesh(&a, 1));
	}
	EXPECT_EQ(0, mesh_now().bytes);
	EXPECT_EQ(8 * PAGE_SIZE, mesh_now().unmeshed);
	ASSERT_NE(NULL, pageheap_alloc(1, 1));
	join_now();
	EXPECT_EQ(1, fake.joined);
}

TEST_F(mesh, an_alias_goes_when_it_can)
{
	struct mesh_alias v[3];
	struct pageheap_stat before, after;
	struct span *s;

	cut(_metadata);
	ASSERT_EQ(3, mesh(3));
	v[0] = alias(0, 3);
	v[1] = alias(1, 4);
	v[2] = alias(2, 5);
	fake.locked = spans[4]->start;
	EXPECT_EQ(1, pageheap_unmesh(v, 3));
	EXPECT_EQ(2, mesh_now().stuck);
	EXPECT_EQ(2 * PAGE_SIZE, mesh_now().bytes);
	EXPECT_TRUE(pageheap_is_valid());
	fake.locked = 0;
	EXPECT_EQ(2, pageheap_unmesh(v + 1, 2));
	EXPECT_EQ(0, mesh_now().bytes);
	/* no memory is behind the pages, which read as zero when used again */
	pageheap_get_stat(&before);
	pageheap_free_purged(spans[3]);
	pageheap_free_purged(spans[4]);
	pageheap_free_purged(spans[5]);
	pageheap_get_stat(&after);
	EXPECT_EQ(before.free, after.free);
	EXPECT_EQ(before.inuse - 3 * PAGE_SIZE, after.inuse);
	EXPECT_EQ(before.returned + 3 * PAGE_SIZE, after.returned);
	EXPECT_TRUE(pageheap_is_valid());
	s = pageheap_alloc(3, 1);
	ASSERT_NE(NULL, s);
	EXPECT_EQ(0, *(char *)s->start);
}

TEST_F(mesh, pages_that_were_purged_are_not_shared_any_more)
{
	struct mesh_alias a;

	cut(_metadata);
	ASSERT_EQ(1, mesh(1));
	a = alias(0, 1);
	a.shared = 1;
	pageheap_unshare(&a);
	EXPECT_EQ(PAGE_SIZE / 2, mesh_now().bytes);
	EXPECT_TRUE(pageheap_is_valid());
	a.shared = 2;
	pageheap_unshare(&a);
	EXPECT_EQ(0, mesh_now().bytes);
}

TEST_F(mesh, a_module_that_cannot_says_so)
{
	fake.no_mesh = true;
	EXPECT_NE(NULL, pageheap_mesh_why_not());
	fake.no_mesh = false;
	EXPECT_EQ(NULL, pageheap_mesh_why_not());
}

TEST_HARNESS_MAIN
