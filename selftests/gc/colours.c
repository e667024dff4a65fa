// SPDX-License-Identifier: GPL-2.0-only
/*
 * The object that is lost, step by step, in every mode.
 *
 *	before		black A		grey B -> white C
 *	the program	A = C's only holder: A -> C, B -> nothing
 *	after		nobody who is grey leads to C
 *
 * The collector's thread waits in its event while the program does that: A is
 * new, so black; B is an old object that is not scanned yet.  Stored by plain
 * assignments, C is lost with a barrier that the program does not call.
 */
#include "edges.h"

static __attribute__((noinline)) void drop_edges(void)
{
	unsigned int i;

	for (i = 0; i < SOME; i++)
		shim_gc_store(&root_b[i]->next, NULL);
}

FIXTURE(colours) {
};

FIXTURE_VARIANT(colours) {
	unsigned int mode;
};

FIXTURE_VARIANT_ADD(colours, hybrid) {
	.mode = SHIM_GC_HYBRID,
};

FIXTURE_VARIANT_ADD(colours, deletion) {
	.mode = SHIM_GC_DELETION,
};

FIXTURE_VARIANT_ADD(colours, insertion) {
	.mode = SHIM_GC_INSERTION,
};

FIXTURE_SETUP(colours)
{
	ASSERT_EQ(0, init(variant->mode));
	prepare();
}

FIXTURE_TEARDOWN(colours)
{
}

TEST_F(colours, kept_with_the_barrier)
{
	struct shim_gc_stat st;

	shim_gc_set_verify(true);
	ASSERT_EQ(0, run_cycle(move_edges, true));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_EQ(0, st.missed);
	EXPECT_EQ(1, st.concurrent);
	EXPECT_EQ(variant->mode, st.mode);
	EXPECT_EQ(0, shim_gc_verify());
}

static __attribute__((noinline)) void move_back(void)
{
	unsigned int i;

	for (i = 0; i < SOME; i++)
		shim_gc_store(&root_b[i]->next, root_a[i]->next);
}

static void nothing(bool arg)
{
	(void)arg;
}

static uint64_t live_now(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st.live;
}

/* What barriers have marked counts in that collection, and in no other. */
TEST_F(colours, counted_once)
{
	const uint64_t some = SOME * sizeof(struct node);
	uint64_t live;
	int i;

	ASSERT_EQ(0, run_cycle(move_edges, true));
	ASSERT_EQ(0, run_cycle(nothing, true));
	live = live_now();
	EXPECT_LE(some, live);
	for (i = 0; i < 20; i++) {
		move_back();
		ASSERT_EQ(0, run_cycle(move_edges, true));
	}
	ASSERT_EQ(0, run_cycle(nothing, true));
	EXPECT_GE(live + 4 * some, live_now());
	EXPECT_EQ(SOME, count_whole());
}

static uint64_t meta_grown;

static uint64_t meta_now(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st.meta;
}

static void *stores(void *arg)
{
	struct node *b = arg;

	shim_gc_store(&b->next, b->next);
	return NULL;
}

/*
 * One after the other, each with a barrier of its own to pass, and an object that
 * is not marked yet: for others there is no queue.
 */
static void threads_store(bool arg)
{
	uint64_t before = 0;
	pthread_t t;
	int i;

	(void)arg;
	for (i = 0; i < SOME; i++) {
		if (pthread_create(&t, NULL, stores, root_b[i]))
			return;
		pthread_join(t, NULL);
		if (!i)
			before = meta_now();
	}
	meta_grown = meta_now() - before;
}

/* The queue of a thread that ends is there for the next. */
TEST_F(colours, queues_are_used_again)
{
	meta_grown = UINT64_MAX;
	ASSERT_EQ(0, run_cycle(threads_store, true));
	TH_LOG("%lu bytes of records more", (unsigned long)meta_grown);
	/* 0.4 MB, and 64 KiB for each queue that was lost: 6.9 MB */
	EXPECT_GE(1000000, meta_grown);
}

/* A test of the test. */
TEST_F(colours, lost_without)
{
	ASSERT_EQ(0, run_cycle(move_edges, false));
	EXPECT_GE(STRAY, count_left(weak, SOME));
}

/* The verifier finds such stores, reports them, and keeps their objects. */
TEST_F(colours, found_by_the_verifier)
{
	struct shim_gc_stat st;

	shim_gc_set_verify(true);
	ASSERT_EQ(0, run_cycle(move_edges, false));
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_LE(SOME - STRAY, st.missed);
	EXPECT_EQ(SOME, count_whole());
}

static void drop_all(bool arg)
{
	(void)arg;
	drop_edges();
}

/*
 * An object dropped while marking goes on: the deletion barrier has shaded it,
 * so that it stays until the next collection; with the insertion barrier it
 * goes in this one.
 */
TEST_F(colours, floating_garbage)
{
	unsigned int left;

	ASSERT_EQ(0, run_cycle(drop_all, false));
	left = count_left(weak, SOME);
	if (variant->mode == SHIM_GC_INSERTION) {
		EXPECT_GE(STRAY, left);
	} else {
		EXPECT_EQ(SOME, left);
	}
	ASSERT_EQ(0, collect());
	EXPECT_GE(STRAY, count_left(weak, SOME));
}

static void copy_edges(bool arg)
{
	struct node **a = shim_gc_alloc(SOME * sizeof(*a));
	unsigned int i;

	(void)arg;
	for (i = 0; i < SOME; i++)
		shim_gc_copy(&a[i], &root_b[i]->next, sizeof(*a));
	drop_edges();
	/* an array in the end, of one node each, for count_whole() */
	for (i = 0; i < SOME; i++)
		root_a[i] = (struct node *)&a[i];
}

TEST_F(colours, kept_by_copy)
{
	ASSERT_EQ(0, run_cycle(copy_edges, false));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
}

/* A weak reference becomes a strong one while marking goes on. */
static void revive(bool arg)
{
	struct node *a;
	unsigned int i;

	(void)arg;
	drop_edges();
	for (i = 0; i < SOME; i++) {
		a = shim_gc_alloc(sizeof(*a));
		shim_gc_store(&a->next, shim_gc_weak_get(weak[i]));
		root_a[i] = a;
	}
}

TEST_F(colours, kept_through_a_weak_reference)
{
	ASSERT_EQ(0, run_cycle(revive, false));
	EXPECT_EQ(SOME, count_whole());
}

/* Only the weak reference leads to it when marking begins. */
static void revive_only(bool arg)
{
	struct node *a;
	unsigned int i;

	(void)arg;
	for (i = 0; i < SOME; i++) {
		a = shim_gc_alloc(sizeof(*a));
		shim_gc_store(&a->next, shim_gc_weak_get(weak[i]));
		root_a[i] = a;
	}
}

TEST_F(colours, kept_though_only_weak_before)
{
	drop_edges();
	ASSERT_EQ(0, run_cycle(revive_only, false));
	EXPECT_EQ(SOME, count_whole());
}

/*
 * More than is marked in one step: objects that move between steps are not
 * lost.
 */
#define WIDE	200
#define LEAVES	500

static struct node **wide[WIDE];

static __attribute__((noinline)) void make_wide(void)
{
	unsigned int i, k;

	for (i = 0; i < WIDE; i++) {
		wide[i] = shim_gc_alloc(LEAVES * sizeof(**wide));
		for (k = 0; k < LEAVES; k++) {
			wide[i][k] = shim_gc_alloc(sizeof(struct node));
			wide[i][k]->check = CHECK;
		}
	}
}

TEST_F(colours, a_large_graph_is_marked_whole)
{
	unsigned int i, k, round, whole;

	make_wide();
	for (round = 0; round < 100; round++) {
		ASSERT_EQ(0, run_cycle(nothing, false));
		/* at once, so that spans are swept while they are looked at */
		whole = 0;
		for (i = 0; i < WIDE; i++)
			for (k = 0; k < LEAVES; k++)
				whole += shim_gc_base(wide[i][k]) == wide[i][k] &&
					 wide[i][k]->check == CHECK;
		ASSERT_EQ(WIDE * LEAVES, whole);
	}
}

/*
 * The only pointers to much move from the heap to roots while marking goes on:
 * with the insertion barrier the second stop is the first to find it.  It is
 * marked beside the program all the same.
 */
#define CHAIN	1000u

static void take_chains(bool arg)
{
	unsigned int i;

	(void)arg;
	for (i = 0; i < SOME; i++) {
		held[i] = root_b[i]->next;
		shim_gc_store(&root_b[i]->next, NULL);
	}
}

TEST_F(colours, stops_are_short)
{
	const uint64_t much = SOME * CHAIN * sizeof(struct node);
	unsigned int i, whole = 0;
	struct shim_gc_stat st;
	struct node *n;

	make_chains(CHAIN);
	ASSERT_EQ(0, run_cycle(take_chains, true));
	for (i = 0; i < SOME; i++)
		for (n = held[i]; n; n = n->next)
			whole += shim_gc_base(n) == n && n->check == CHECK;
	EXPECT_EQ(SOME * (CHAIN + 1), whole);
	shim_gc_get_stat(&st, sizeof(st));
	/* 256 KiB beside roots, and one object more: a sixth of it */
	EXPECT_LE(st.roots, st.pause_scanned_max);
	EXPECT_GE(st.roots + much / 3, st.pause_scanned_max);
	EXPECT_EQ(0, shim_gc_verify());
}

/*
 * No barrier at all: the kernel tells which pages were written.  Where it
 * cannot, the mode is STOP, and says so.
 */
TEST(dirty_pages)
{
	struct shim_gc_stat st;

	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	prepare();
	shim_gc_get_stat(&st, sizeof(st));
	if (st.mode == SHIM_GC_STOP) {
		/* all the same, nothing may be lost */
		move_edges(false);
		ASSERT_EQ(0, shim_gc_begin());
		EXPECT_EQ(SOME, count_whole());
		return;
	}
	ASSERT_EQ(SHIM_GC_DIRTY, st.mode);
	ASSERT_EQ(0, run_cycle(move_edges, false));
	EXPECT_EQ(SOME, count_left(weak, SOME));
	EXPECT_EQ(SOME, count_whole());
}

TEST_HARNESS_MAIN
