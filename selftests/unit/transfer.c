// SPDX-License-Identifier: GPL-2.0-only
/*
 * transfer: what one thread puts, another one gets; what is not used goes down.
 */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "churn.h"
#include "fake_central.h"
#include "on_node.h"
#include "base/meta.h"
#include "base/sizeclass.h"
#include "cache/transfer.h"
#include "span/central.h"

#define CLS	4
#define BATCH	32

static size_t held(unsigned int cls)
{
	struct transfer_stat st;

	transfer_get_stat(cls, &st);
	return st.objs;
}

TEST(batches_pass_without_the_central_list)
{
	void *objs[BATCH], *again[BATCH];
	struct transfer_stat st;
	unsigned int i;

	ASSERT_EQ(BATCH, transfer_get(CLS, objs, BATCH));
	EXPECT_EQ(1, fake_central.gets);
	for (i = 0; i < 100; i++) {
		transfer_put(CLS, objs, BATCH);
		ASSERT_EQ(BATCH, held(CLS));
		ASSERT_EQ(BATCH, transfer_get(CLS, again, BATCH));
		ASSERT_EQ(0, memcmp(objs, again, sizeof(objs)));
	}
	EXPECT_EQ(1, fake_central.gets);
	EXPECT_EQ(0, fake_central.puts);
	transfer_get_stat(CLS, &st);
	EXPECT_EQ(100, st.hits);
	EXPECT_EQ(1, st.misses);
	EXPECT_EQ(0, st.spills);
}

TEST(dry_only_when_empty)
{
	void *objs[BATCH];

	EXPECT_FALSE(transfer_is_dry(0, CLS));
	fake_central.dry = true;
	EXPECT_TRUE(transfer_is_dry(0, CLS));
	ASSERT_EQ(BATCH, transfer_get(CLS, objs, BATCH));
	transfer_put(CLS, objs, 1);
	EXPECT_FALSE(transfer_is_dry(0, CLS));
	ASSERT_EQ(1, transfer_get(CLS, objs, BATCH));
	EXPECT_TRUE(transfer_is_dry(0, CLS));
}

TEST(fewer_than_wanted_are_not_topped_up)
{
	void *objs[BATCH];

	ASSERT_EQ(BATCH, transfer_get(CLS, objs, BATCH));
	transfer_put(CLS, objs, 5);
	EXPECT_EQ(5, transfer_get(CLS, objs, BATCH));
	EXPECT_EQ(1, fake_central.gets);
}

/* What is of another node than the CPU's goes down, to its span. */
TEST(far_objects_go_home)
{
	void *objs[3 * BATCH], *again[BATCH];
	unsigned int i;

	for (i = 0; i < 3 * BATCH;)
		i += transfer_get(CLS, objs + i, 3 * BATCH - i);
	fake_central.nodes = 3;
	on_node(1);
	/* not before there is memory of two */
	transfer_put(CLS, objs, BATCH);
	EXPECT_EQ(0, fake_central.puts);
	ASSERT_EQ(BATCH, transfer_get(CLS, objs, BATCH));
	nodes_apart();
	for (i = 0; i < 3; i++)
		transfer_put(CLS, objs + i * BATCH, BATCH);
	EXPECT_EQ(BATCH, held(CLS));
	EXPECT_EQ(BATCH, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
	ASSERT_EQ(BATCH, transfer_get(CLS, again, BATCH));
	for (i = 0; i < BATCH; i++)
		EXPECT_EQ(1, central_node(again[i]));
}

/* What is given away on one node can be had there again, and nowhere else. */
TEST(domains_keep_what_is_theirs)
{
	void *objs[BATCH], *other[BATCH], *again[BATCH];

	ASSERT_EQ(BATCH, transfer_get_at(1, CLS, objs, BATCH));
	transfer_put_at(1, CLS, objs, BATCH);
	EXPECT_EQ(1, fake_central.gets);
	ASSERT_EQ(BATCH, transfer_get_at(2, CLS, other, BATCH));
	ASSERT_EQ(BATCH, transfer_get_at(0, CLS, again, BATCH));
	EXPECT_EQ(3, fake_central.gets);
	transfer_put_at(0, CLS, again, BATCH);
	ASSERT_EQ(BATCH, transfer_get_at(1, CLS, again, BATCH));
	EXPECT_EQ(0, memcmp(objs, again, sizeof(objs)));
	EXPECT_EQ(3, fake_central.gets);
	transfer_put_at(2, CLS, other, BATCH);
	/* the numbers are over all nodes, and so is what is given back */
	EXPECT_EQ(2 * BATCH, held(CLS));
	transfer_plunder();
	transfer_plunder();
	EXPECT_EQ(0, held(CLS));
	transfer_put_at(15, CLS, again, BATCH);
	EXPECT_EQ(BATCH, held(CLS));
	transfer_flush();
	EXPECT_EQ(0, held(CLS));
	EXPECT_EQ(0, fake_central.out);
	EXPECT_TRUE(transfer_is_valid(CLS));
}

/* Give away in every domain more than any holds; how much stays. */
static size_t domains_fill(unsigned int cls)
{
	void *objs[BATCH];
	unsigned int dom, i, n = sizeclass_info[cls].batch;

	/* each domain in turn, before any of them is full */
	for (dom = 0; dom < TRANSFER_DOMAINS; dom++) {
		n = transfer_get_at(dom, cls, objs, n);
		transfer_put_at(dom, cls, objs, n);
	}
	for (dom = 0; dom < TRANSFER_DOMAINS; dom++)
		for (i = 0; i < 200; i++) {
			n = central_get(cls, objs, n);
			transfer_put_at(dom, cls, objs, n);
		}
	return transfer_is_valid(cls) ? held(cls) : 0;
}

/*
 * However many domains there are, a class holds no more than one would, or two
 * batches in each.
 */
TEST(domains_share_the_limit)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		const struct sizeclass *info = &sizeclass_info[cls];
		size_t least = 2u * info->batch * TRANSFER_DOMAINS;
		size_t most = (128u << 10) / info->size;
		size_t n = domains_fill(cls);
		struct transfer_stat st;

		/* what may be held is said of all domains, too */
		transfer_get_stat(cls, &st);
		EXPECT_LE(least, st.max);
		EXPECT_LE(n, st.max);
		EXPECT_GE(most > least ? most : least, n);
		EXPECT_LE(least, n);
	}
}

TEST(domains_and_fork)
{
	void *objs[BATCH];

	ASSERT_EQ(BATCH, transfer_get_at(3, CLS, objs, BATCH));
	transfer_fork_prepare();
	transfer_fork_parent();
	transfer_put_at(3, CLS, objs, BATCH);
	transfer_fork_prepare();
	transfer_fork_child();
	ASSERT_EQ(BATCH, transfer_get_at(3, CLS, objs, BATCH));
	transfer_put_at(7, CLS, objs, BATCH);
	transfer_flush();
	EXPECT_EQ(0, fake_central.out);
}

/* In every class no more than its limit stays, whatever is put. */
TEST(limits_hold)
{
	static void *objs[64][BATCH];
	struct transfer_stat st;
	unsigned int cls, i;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		unsigned int batch = sizeclass_info[cls].batch;

		for (i = 0; i < 64; i++)
			ASSERT_EQ(batch, transfer_get(cls, objs[i], batch));
		for (i = 0; i < 64; i++)
			transfer_put(cls, objs[i], batch);
		transfer_get_stat(cls, &st);
		ASSERT_LE(2 * batch, st.max);
		ASSERT_GE(st.max, st.objs);
		ASSERT_LT(st.max, st.objs + batch);
		ASSERT_TRUE(transfer_is_valid(cls));
	}
	transfer_flush();
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
}

TEST(overfull_spills)
{
	enum { N = 90 };	/* 128 KiB are 64 batches of 64 bytes */
	static void *objs[N][BATCH];
	struct transfer_stat st;
	unsigned int i;

	for (i = 0; i < N; i++)
		ASSERT_EQ(BATCH, transfer_get(CLS, objs[i], BATCH));
	for (i = 0; i < N; i++)
		transfer_put(CLS, objs[i], BATCH);
	transfer_get_stat(CLS, &st);
	EXPECT_EQ(64 * BATCH, st.max);
	EXPECT_EQ(st.max, st.objs);
	EXPECT_EQ(N - 64, st.spills);
	EXPECT_EQ((long)st.objs, fake_central.out);
	transfer_flush();
	EXPECT_EQ(0, held(CLS));
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
}

/* Room that was outgrown serves others: no more is in use than exists. */
TEST(growing_leaks_nothing)
{
	enum { N = 64 };
	static void *objs[N][BATCH];
	struct meta_stat before, after;
	struct transfer_stat st;
	unsigned int i;

	for (i = 0; i < N; i++)
		ASSERT_EQ(BATCH, transfer_get(CLS, objs[i], BATCH));
	meta_get_stat(&before);
	for (i = 0; i < N; i++)
		transfer_put(CLS, objs[i], BATCH);
	meta_get_stat(&after);
	transfer_get_stat(CLS, &st);
	ASSERT_EQ(N * BATCH, st.objs);
	EXPECT_EQ(N * BATCH * sizeof(void *), after.used - before.used);
	transfer_flush();
}

/* Only what was not needed between two calls goes down. */
TEST(plunder_takes_the_low_water_mark)
{
	void *a[BATCH], *b[BATCH], *c[BATCH];

	transfer_get(CLS, a, BATCH);
	transfer_get(CLS, b, BATCH);
	transfer_put(CLS, a, BATCH);
	transfer_put(CLS, b, BATCH);
	transfer_plunder();
	EXPECT_EQ(2 * BATCH, held(CLS));
	transfer_get(CLS, c, 10);
	transfer_put(CLS, c, 10);
	transfer_plunder();
	EXPECT_EQ(10, held(CLS));
	transfer_plunder();
	EXPECT_EQ(0, held(CLS));
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
	EXPECT_TRUE(transfer_is_valid(CLS));
}

/* How empty the spans of some objects are, in all, and the emptiest. */
static unsigned int empty_sum(void **objs, unsigned int n, unsigned int *most)
{
	uint16_t nfree[BATCH];
	unsigned int i, sum = 0;

	*most = 0;
	central_free_beside(objs, n, nfree);
	for (i = 0; i < n; i++) {
		sum += nfree[i];
		*most = nfree[i] > *most ? nfree[i] : *most;
	}
	return sum;
}

/* What goes is of the emptiest spans; the fake counts them by object number. */
TEST(plunder_takes_from_the_emptiest_spans)
{
	void *objs[BATCH], *left[BATCH];
	unsigned int most, sum;

	ASSERT_EQ(BATCH, transfer_get(CLS, objs, BATCH));
	sum = empty_sum(objs, BATCH, &most);
	transfer_put(CLS, objs, BATCH);
	transfer_plunder();
	/* half of it is the low mark */
	ASSERT_EQ(BATCH / 2, transfer_get(CLS, left, BATCH / 2));
	transfer_put(CLS, left, BATCH / 2);
	transfer_plunder();
	ASSERT_EQ(BATCH / 2, transfer_get(CLS, left, BATCH));
	sum -= empty_sum(left, BATCH / 2, &most);
	/* eight kinds, four objects of each: the four emptiest are gone */
	EXPECT_GE(3, most);
	EXPECT_EQ(4 * (4 + 5 + 6 + 7), sum);
	transfer_put(CLS, left, BATCH / 2);
	transfer_flush();
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
}

/*
 * Of two batches two thirds go; the last of them are taken from a middle kind.  A
 * class with fewer objects to a span, so that one more makes a difference.
 */
TEST(plunder_divides_a_kind)
{
	enum { FEW = CLS + 2, GO = 42, STAY = 2 * BATCH - GO };
	void *objs[2 * BATCH], *left[BATCH];
	unsigned int most, sum;

	ASSERT_GT(128, sizeclass_info[FEW].nobjs);
	ASSERT_EQ(BATCH, transfer_get(FEW, objs, BATCH));
	ASSERT_EQ(BATCH, transfer_get(FEW, objs + BATCH, BATCH));
	transfer_put(FEW, objs, 2 * BATCH);
	transfer_plunder();
	ASSERT_EQ(STAY, transfer_get(FEW, left, STAY));
	transfer_put(FEW, left, STAY);
	transfer_plunder();
	ASSERT_EQ(STAY, held(FEW));
	ASSERT_EQ(STAY, transfer_get(FEW, left, BATCH));
	/* eight objects of each of eight kinds */
	sum = empty_sum(left, STAY, &most);
	EXPECT_EQ(2, most);
	EXPECT_EQ(8 * (0 + 1) + 6 * 2, sum);
	transfer_put(FEW, left, STAY);
	transfer_flush();
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
}

/*
 * What a drain leaves free below the others is used again: the room there is
 * suffices, and nothing is lost when the others move down.
 */
TEST(what_was_drained_leaves_room)
{
	enum { N = 16, MORE = 8 };
	static void *objs[N][BATCH], *more[MORE][BATCH];
	struct meta_stat before, after;
	struct transfer_stat st;
	unsigned int round, i;

	for (i = 0; i < N; i++)
		ASSERT_EQ(BATCH, transfer_get(CLS, objs[i], BATCH));
	for (i = 0; i < N; i++)
		transfer_put(CLS, objs[i], BATCH);
	meta_get_stat(&before);
	for (round = 0; round < 4; round++) {
		/* all but MORE batches are the low mark, and go */
		transfer_plunder();
		for (i = 0; i < MORE; i++)
			ASSERT_EQ(BATCH, transfer_get(CLS, more[i], BATCH));
		for (i = 0; i < MORE; i++)
			transfer_put(CLS, more[i], BATCH);
		transfer_plunder();
		ASSERT_EQ(MORE * BATCH, held(CLS));
		for (i = 0; i < N - MORE; i++)
			ASSERT_EQ(BATCH, central_get(CLS, objs[i], BATCH));
		for (i = 0; i < N - MORE; i++)
			transfer_put(CLS, objs[i], BATCH);
		ASSERT_EQ(N * BATCH, held(CLS));
		ASSERT_TRUE(transfer_is_valid(CLS));
	}
	meta_get_stat(&after);
	EXPECT_EQ(before.used, after.used);
	transfer_get_stat(CLS, &st);
	EXPECT_EQ(0, st.spills);
	transfer_flush();
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
}

TEST(a_recall_gives_back_all_of_a_class)
{
	void *objs[BATCH], *others[BATCH];

	ASSERT_EQ(BATCH, transfer_get_at(1, CLS, objs, BATCH));
	transfer_put_at(1, CLS, objs, BATCH);
	ASSERT_EQ(BATCH, transfer_get(CLS + 1, others, BATCH));
	transfer_put(CLS + 1, others, BATCH);
	EXPECT_FALSE(transfer_wants(CLS));
	transfer_recall(CLS);
	EXPECT_EQ(BATCH, held(CLS));
	fake_central.wants = true;
	EXPECT_TRUE(transfer_wants(CLS));
	transfer_recall(CLS);
	EXPECT_EQ(0, held(CLS));
	EXPECT_EQ(BATCH, held(CLS + 1));
	EXPECT_FALSE(transfer_wants(CLS));
	transfer_flush();
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
}

/*
 * The level before everything was given back is no low mark of what came later.
 */
TEST(plunder_after_a_flush)
{
	void *a[BATCH], *b[BATCH];

	transfer_get(CLS, a, BATCH);
	transfer_get(CLS, b, BATCH);
	transfer_put(CLS, a, BATCH);
	transfer_put(CLS, b, BATCH);
	transfer_plunder();
	transfer_flush();
	EXPECT_TRUE(transfer_is_valid(CLS));
	transfer_get(CLS, a, BATCH);
	transfer_put(CLS, a, BATCH);
	transfer_plunder();
	EXPECT_EQ(BATCH, held(CLS));
	transfer_plunder();
	EXPECT_EQ(0, held(CLS));
	EXPECT_EQ(0, fake_central.out);
}

TEST(limit_zero_keeps_nothing)
{
	void *objs[BATCH];

	transfer_set_limit(0);
	transfer_get(CLS, objs, BATCH);
	transfer_put(CLS, objs, BATCH);
	EXPECT_EQ(0, held(CLS));
	EXPECT_EQ(0, fake_central.out);
}

TEST(no_memory)
{
	void *objs[BATCH];

	fake_central.fail = 1;
	EXPECT_EQ(0, transfer_get(CLS, objs, BATCH));
}

TEST(threads)
{
	static const struct churn all = {
		.get = transfer_get,
		.put = transfer_put,
		.rest = transfer_plunder,
		.cls = CLS,
		.batch = BATCH,
		.rounds = 30000,
	};

	ASSERT_EQ(0, churn(&all));
	EXPECT_TRUE(transfer_is_valid(CLS));
	transfer_flush();
	EXPECT_EQ(0, fake_central.out);
	EXPECT_EQ(0, fake_central.bad);
}

TEST(fork_functions_pair)
{
	void *objs[BATCH];

	transfer_fork_prepare();
	transfer_fork_parent();
	transfer_get(CLS, objs, BATCH);
	transfer_fork_prepare();
	transfer_fork_child();
	transfer_put(CLS, objs, BATCH);
	EXPECT_EQ(BATCH, held(CLS));
}

TEST_HARNESS_MAIN
