// SPDX-License-Identifier: GPL-2.0-only
/* percpu_stack: stacks grow where it helps, within the budget. */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "fake_transfer.h"
#include "cache/percpu_int.h"
#include "cache/transfer.h"

#define CLS	4
#define BATCH	32

static struct percpu_slab *slab_make_of(size_t bytes)
{
	struct percpu_slab *slab = aligned_alloc(4096, bytes);

	memset(slab, 0, bytes);
	slab_init(slab, bytes);
	return slab;
}

static struct percpu_slab *slab_make(void)
{
	return slab_make_of(PERCPU_SLAB_BYTES);
}

static void miss(struct percpu_slab *slab, unsigned int cls,
		 enum percpu_miss how)
{
	stack_grow(slab, cls, stack_missed(slab, cls, how));
}

TEST(doubles_up_to_a_batch)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i, last = 0;

	for (i = 0; i < 10; i++) {
		miss(slab, CLS, PERCPU_UNDERFLOW);
		ASSERT_TRUE(slab_is_valid(slab));
		if (last && last < BATCH)
			ASSERT_EQ(last * 2, slab->cap[CLS]);
		last = slab->cap[CLS];
	}
	/* in one direction only: it gets no deeper than that */
	EXPECT_EQ(BATCH, slab->cap[CLS]);
}

/* Objects that share cache lines are of some use only where there are several. */
TEST(begins_with_some_lines)
{
	struct percpu_slab *slab = slab_make();
	unsigned int cls, cap;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		const struct sizeclass *info = &sizeclass_info[cls];

		miss(slab, cls, PERCPU_UNDERFLOW);
		cap = slab->cap[cls];
		EXPECT_GE(info->batch, cap);
		EXPECT_GE(info->size < 64 ? 256 : 4 * info->size,
			  cap * info->size);
		EXPECT_LE(info->size < 64 ? 256 - info->size : 0,
			  cap * info->size);
	}
}

TEST(grows_when_it_misses_in_both_directions)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i;

	for (i = 0; i < 1000; i++)
		miss(slab, CLS, i % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	/* by half at a time, up to the budget of 256 KiB */
	EXPECT_GE(((size_t)256 << 10) / 64, slab->cap[CLS]);
	EXPECT_LE(((size_t)256 << 10) / 64 * 2 / 3, slab->cap[CLS]);
	EXPECT_TRUE(slab_is_valid(slab));
}

/* A lone thread's may hold all that a program frees at once: 8 MiB. */
TEST(a_lone_threads_stacks_are_deep)
{
	struct percpu_slab *slab = slab_make_of(PERCPU_DEEP_BYTES);
	unsigned int i;

	percpu.rseq = true;
	percpu.limit = 1;
	/* by turns, but never many of one kind: no bulk */
	for (i = 0; i < 4000; i++)
		miss(slab, CLS, i / 15 % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	EXPECT_GE((size_t)256 << 10, slab->bytes);
	for (i = 0; i < 4000; i++)
		miss(slab, CLS, i / 16 % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	EXPECT_GE((size_t)8 << 20, slab->bytes);
	EXPECT_LE(((size_t)8 << 20) * 2 / 3, slab->bytes);
	EXPECT_TRUE(stack_is_deep(slab));
	EXPECT_TRUE(slab_is_valid(slab));
	/* not where threads run side by side, nor in the small slab of a CPU */
	slab = slab_make_of(PERCPU_DEEP_BYTES);
	percpu.limit = 2;
	for (i = 0; i < 4000; i++)
		miss(slab, CLS, i / 16 % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	EXPECT_GE((size_t)1 << 20, slab->bytes);
	slab = slab_make();
	percpu.limit = 1;
	for (i = 0; i < 4000; i++)
		miss(slab, CLS, i / 16 % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	EXPECT_GE(PERCPU_SLAB_SLOTS, slab->used);
	EXPECT_TRUE(slab_is_valid(slab));
}

/* What is more than the budget goes back, from each class in proportion. */
TEST(a_surplus_is_shed)
{
	struct percpu_slab *slab = slab_make_of(PERCPU_DEEP_BYTES);
	static void *objs[30000];
	size_t half = (size_t)128 << 10;

	percpu.rseq = true;
	slab_resize(slab, 2, 30000);
	slab_resize(slab, 4, 30000);
	slab_resize(slab, 6, 100);
	EXPECT_TRUE(stack_is_deep(slab));
	EXPECT_FALSE(stack_has_surplus(slab));
	transfer_get(2, objs, 20000);
	slab_push(slab, 2, objs, 20000);
	transfer_get(4, objs, 30000);
	slab_push(slab, 4, objs, 30000);
	transfer_get(6, objs, 10);
	slab_push(slab, 6, objs, 10);
	EXPECT_TRUE(stack_has_surplus(slab));
	/* not from the class that is wanted */
	stack_shed(slab, 6);
	EXPECT_EQ(10, slab_count(slab, 6));
	EXPECT_LE(20000 * half / (20000 * 32 + 30000 * 64 + 10 * 96) - 1,
		  slab_count(slab, 2));
	EXPECT_GE(half, slab_count(slab, 2) * 32 + slab_count(slab, 4) * 64);
	EXPECT_LT(0, slab_count(slab, 4));
	EXPECT_FALSE(stack_has_surplus(slab));
	EXPECT_TRUE(slab_is_valid(slab));
	EXPECT_EQ((long)(slab_count(slab, 2) + slab_count(slab, 4) + 10),
		  fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
	/* a budget that somebody has set is no surplus */
	percpu_set_budget((size_t)4 << 20);
	EXPECT_FALSE(stack_is_deep(slab));
}

/* One miss in each direction makes one step, which uses the misses up. */
TEST(a_step_takes_two_misses)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i, cap;

	while (slab->cap[CLS] < BATCH)
		miss(slab, CLS, PERCPU_UNDERFLOW);
	cap = slab->cap[CLS];
	/* the known direction already counts for the first one */
	miss(slab, CLS, PERCPU_OVERFLOW);
	EXPECT_LT(cap, slab->cap[CLS]);
	for (i = 0; i < 8; i++) {
		cap = slab->cap[CLS];
		miss(slab, CLS, PERCPU_UNDERFLOW);
		EXPECT_EQ(cap, slab->cap[CLS]);
		miss(slab, CLS, PERCPU_OVERFLOW);
		EXPECT_LT(cap, slab->cap[CLS]);
	}
	EXPECT_TRUE(slab_is_valid(slab));
}

TEST(classes_share_the_budget)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i, cls;

	percpu_set_budget(200000);
	for (i = 0; i < 20000; i++) {
		cls = i % SIZECLASS_COUNT + 1;
		miss(slab, cls, i / SIZECLASS_COUNT % 2 ? PERCPU_OVERFLOW :
							  PERCPU_UNDERFLOW);
	}
	EXPECT_TRUE(slab_is_valid(slab));
	/* the first few of a class are always allowed */
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		miss(slab, cls, PERCPU_UNDERFLOW);
		ASSERT_LT(0, slab->cap[cls]);
	}
	/* one class alone gets room from those that do not miss any more */
	for (i = 0; i < 4000; i++)
		miss(slab, CLS, i % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	EXPECT_LT(400, slab->cap[CLS]);
	EXPECT_GE(200000, slab->bytes);
}

TEST(room_taken_from_a_class_flushes_its_objects)
{
	struct percpu_slab *slab = slab_make();
	void *objs[64];
	unsigned int i;

	percpu_set_budget(100000);
	for (i = 0; i < 100; i++)
		miss(slab, 30, i % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	ASSERT_EQ(64, transfer_get(30, objs, 64));
	ASSERT_EQ(64, slab_push(slab, 30, objs, 64));
	for (i = 0; i < 10000; i++)
		miss(slab, CLS, i % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	EXPECT_TRUE(slab_is_valid(slab));
	EXPECT_GT(64, slab_count(slab, 30));
	EXPECT_EQ((long)slab_count(slab, 30), fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

TEST(a_few_small_objects_keep_their_room)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i;

	percpu_set_budget(200000);
	while (slab->cap[1] < BATCH)
		miss(slab, 1, PERCPU_UNDERFLOW);
	for (i = 0; i < 100; i++)
		miss(slab, 20, i % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	ASSERT_LE(100000, slab->bytes);
	for (i = 0; i < 20000; i++)
		miss(slab, 30, i % 2 ? PERCPU_OVERFLOW : PERCPU_UNDERFLOW);
	EXPECT_GT(10000, slab->cap[20] * sizeclass_info[20].size);
	EXPECT_EQ(BATCH, slab->cap[1]);
}

TEST(budget_follows_the_heap)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i;

	/* it grows by half, so that the budget is at least two thirds full */
	for (i = 0; i < 2000; i++)
		miss(slab, SIZECLASS_COUNT, i % 2 ? PERCPU_OVERFLOW :
						    PERCPU_UNDERFLOW);
	EXPECT_GE((size_t)256 << 10, slab->bytes);
	EXPECT_LE(((size_t)256 << 10) * 2 / 3, slab->bytes);
	/* and fuller where threads run side by side */
	percpu.limit = 2;
	for (i = 0; i < 2000; i++)
		miss(slab, SIZECLASS_COUNT, i % 2 ? PERCPU_OVERFLOW :
						    PERCPU_UNDERFLOW);
	EXPECT_GE((size_t)1 << 20, slab->bytes);
	EXPECT_LE(((size_t)1 << 20) * 2 / 3, slab->bytes);
	percpu.limit = 1;
	fake_transfer.usage = (size_t)1 << 30;
	for (i = 0; i < 2000; i++)
		miss(slab, SIZECLASS_COUNT, i % 2 ? PERCPU_OVERFLOW :
						    PERCPU_UNDERFLOW);
	EXPECT_GE((size_t)4 << 20, slab->bytes);
	EXPECT_LE(((size_t)4 << 20) * 2 / 3, slab->bytes);
}

TEST(pressure_stops_growth)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i;

	fake_transfer.pressure = 2;
	for (i = 0; i < 2000; i++)
		miss(slab, SIZECLASS_COUNT, i % 2 ? PERCPU_OVERFLOW :
						    PERCPU_UNDERFLOW);
	EXPECT_GE((size_t)64 << 10, slab->bytes);
}

TEST(drain_keeps_what_it_is_told_to)
{
	struct percpu_slab *slab = slab_make();
	void *objs[100];

	slab_resize(slab, CLS, 100);
	transfer_get(CLS, objs, 100);
	slab_push(slab, CLS, objs, 100);
	stack_drain(slab, CLS, 33);
	EXPECT_EQ(33, slab_count(slab, CLS));
	EXPECT_EQ(33, fake_transfer.out);
	stack_drain(slab, CLS, 50);
	EXPECT_EQ(33, slab_count(slab, CLS));
	stack_drain(slab, CLS, 0);
	EXPECT_EQ(0, fake_transfer.out);
	EXPECT_EQ(0, fake_transfer.bad);
}

TEST(more_goes_at_once_in_a_long_row)
{
	struct percpu_slab *slab = slab_make();
	unsigned int i;

	slab_resize(slab, CLS, 16 * BATCH);
	EXPECT_EQ(BATCH, stack_batch(slab, CLS));
	for (i = 0; i < 100; i++)
		miss(slab, CLS, PERCPU_OVERFLOW);
	EXPECT_EQ(4 * BATCH, stack_batch(slab, CLS));
	/* the other way may be a short one */
	miss(slab, CLS, PERCPU_UNDERFLOW);
	EXPECT_EQ(BATCH, stack_batch(slab, CLS));
	for (i = 0; i < 100; i++)
		miss(slab, CLS, PERCPU_UNDERFLOW);
	/* no more than the stack has room for */
	slab_resize(slab, CLS, 2 * BATCH);
	EXPECT_EQ(BATCH, stack_batch(slab, CLS));
}

TEST_HARNESS_MAIN
