// SPDX-License-Identifier: GPL-2.0-only
/* When the other side is gone, overlays become whole blocks again. */
#include "harness.h"
#include <pthread.h>
#include <stdbool.h>

#define BLOCKS	8

FIXTURE(rejoin) {
	struct arena a;
	int release;
	pid_t pid;
};

/* Every second page of every block is written while a child lives. */
FIXTURE_SETUP(rejoin)
{
	size_t i;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->release = gate_open();
	self->pid = child_fork();
	ASSERT_LE(0, self->pid);
	if (!self->pid) {
		gate_wait(self->release);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
	for (i = 0; i < self->a.size; i += 2 * OS_PAGE)
		pages_fill(self->a.base + i, OS_PAGE, 2);
	ASSERT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
}

FIXTURE_TEARDOWN(rejoin)
{
	gate_post(self->release);
	arena_drop(&self->a);
}

static void child_ends(struct __test_metadata *_metadata, int release,
		       pid_t pid)
{
	gate_post(release);
	EXPECT_EQ(0, child_wait(pid));
}

/* What setup wrote: even pages by seed 2, odd ones by seed 1. */
static size_t content_wrong(const struct arena *a)
{
	size_t i, wrong = 0;

	for (i = 0; i < a->size; i += 2 * OS_PAGE) {
		wrong += pages_wrong(a->base + i, OS_PAGE, 2);
		wrong += pages_wrong(a->base + i + OS_PAGE, OS_PAGE, 1);
	}
	return wrong;
}

TEST_F(rejoin, by_join)
{
	child_ends(_metadata, self->release, self->pid);
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, self->a.size));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(0, content_wrong(&self->a));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(rejoin, in_the_background)
{
	child_ends(_metadata, self->release, self->pid);
	EXPECT_EQ(BLOCKS, wait_for(arena_count(&self->a,
					       HUGEARENA_BLOCK_WHOLE),
				   BLOCKS));
	/* the worker replaces VMAs last, and with them the old mappings */
	EXPECT_EQ(BLOCKS, wait_for((content_wrong(&self->a),
				    arena_mapped(&self->a)), BLOCKS));
	EXPECT_EQ(0, content_wrong(&self->a));
}

#define WORDS	64	/* of each block, a page apart */

struct hammer {
	struct arena *a;
	pthread_t thread;
	unsigned int stop;
	/* the writer's until it has ended */
	__u32 round;
	unsigned long lost;
};

static __u32 *hammer_word(struct arena *a, size_t i)
{
	return (__u32 *)(a->base + i / WORDS * BLOCK_LEN + i % WORDS * OS_PAGE +
			 128);
}

/*
 * Rewrite every word in each round, and check for the value of the last round.
 */
static void *hammers(void *arg)
{
	struct hammer *h = arg;
	__u32 last;
	size_t i;

	while (!__atomic_load_n(&h->stop, __ATOMIC_RELAXED)) {
		last = h->round;
		for (i = 0; i < BLOCKS * WORDS; i++) {
			__u32 *word = hammer_word(h->a, i);

			h->lost += last && __atomic_load_n(word,
						__ATOMIC_RELAXED) != last;
			__atomic_store_n(word, last + 1, __ATOMIC_RELAXED);
		}
		__atomic_store_n(&h->round, last + 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Wait for one more round than at the time of the call. */
static bool hammer_goes_on(struct hammer *h)
{
	__u32 round = __atomic_load_n(&h->round, __ATOMIC_RELAXED);

	return wait_for(__atomic_load_n(&h->round, __ATOMIC_RELAXED) != round,
			1) == 1;
}

/* Join every block over and over while its pages are written. */
TEST_F(rejoin, writes_meanwhile_are_kept)
{
	struct hammer h = { .a = &self->a };
	size_t i;

	ASSERT_EQ(0, pthread_create(&h.thread, NULL, hammers, &h));
	EXPECT_TRUE(hammer_goes_on(&h));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	child_ends(_metadata, self->release, self->pid);
	EXPECT_EQ(BLOCKS, wait_for(arena_count(&self->a,
					       HUGEARENA_BLOCK_WHOLE),
				   BLOCKS));
	EXPECT_TRUE(hammer_goes_on(&h));
	__atomic_store_n(&h.stop, 1, __ATOMIC_RELAXED);
	pthread_join(h.thread, NULL);
	EXPECT_EQ(0, h.lost);
	for (i = 0; i < BLOCKS * WORDS; i++)
		EXPECT_EQ(h.round, *hammer_word(&self->a, i));
}

TEST_F(rejoin, the_joined_are_counted)
{
	long long before = stat_read("Joined");
	struct hugearena_stat st;

	child_ends(_metadata, self->release, self->pid);
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, self->a.size));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(BLOCKS, st.joined);
	EXPECT_EQ(before + BLOCKS, stat_read("Joined"));
	EXPECT_EQ(0, st.split);
	EXPECT_EQ(BLOCKS, st.blocks);
	EXPECT_EQ(self->a.size, st.resident);
}

TEST_F(rejoin, shared_blocks_stay_as_they_are)
{
	struct hugearena_join j;

	/* the child still reads the bases */
	ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, &j));
	EXPECT_EQ(BLOCKS, j.joined + j.busy);
	EXPECT_EQ(0, content_wrong(&self->a));
	child_ends(_metadata, self->release, self->pid);
	EXPECT_EQ(0, content_wrong(&self->a));
}

TEST_F(rejoin, no_memory_is_left_behind)
{
	long long resident;

	child_ends(_metadata, self->release, self->pid);
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, self->a.size));
	resident = stat_read("Resident");
	arena_drop(&self->a);
	EXPECT_EQ(resident - (long long)(BLOCKS * BLOCK_LEN / 1024),
		  stat_read("Resident"));
}

TEST_HARNESS_MAIN
