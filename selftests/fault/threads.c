// SPDX-License-Identifier: GPL-2.0-only
/* Threads that fault at once: on one block, on many, and beside each other. */
#include "harness.h"
#include <pthread.h>

#define THREADS	8
#define BLOCKS	32

FIXTURE(threads) {
	struct arena a;
	pthread_barrier_t start;
};

FIXTURE_SETUP(threads)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, pthread_barrier_init(&self->start, NULL, THREADS));
}

FIXTURE_TEARDOWN(threads)
{
	arena_drop(&self->a);
}

struct toucher {
	pthread_t thread;
	struct arena *a;
	pthread_barrier_t *start;
	unsigned int id;
};

/* Run @body in THREADS threads. */
static int run_all(struct arena *a, pthread_barrier_t *start,
		   void *(*body)(void *arg))
{
	struct toucher t[THREADS];
	unsigned int i;

	for (i = 0; i < THREADS; i++) {
		t[i].a = a;
		t[i].start = start;
		t[i].id = i;
		if (pthread_create(&t[i].thread, NULL, body, &t[i]))
			return -1;
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i].thread, NULL);
	return 0;
}

/* All threads in every block, each at its own byte. */
static void *touch_same(void *arg)
{
	struct toucher *t = arg;
	size_t b;

	for (b = 0; b < BLOCKS; b++) {
		pthread_barrier_wait(t->start);
		byte_write(t->a->base + b * BLOCK_LEN + t->id, t->id + 1);
	}
	return NULL;
}

TEST_F(threads, the_same_block)
{
	struct hugearena_stat st;
	unsigned int b, i;

	ASSERT_EQ(0, run_all(&self->a, &self->start, touch_same));
	for (b = 0; b < BLOCKS; b++)
		for (i = 0; i < THREADS; i++)
			ASSERT_EQ((char)(i + 1),
				  byte_read(self->a.base + b * BLOCK_LEN +
					    i));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(self->a.size, st.resident);
	EXPECT_EQ(BLOCKS, st.fault_demand);
}

/* Every eighth block belongs to one thread. */
static void *touch_other(void *arg)
{
	struct toucher *t = arg;
	size_t b;

	pthread_barrier_wait(t->start);
	for (b = t->id; b < BLOCKS; b += THREADS)
		pages_fill(t->a->base + b * BLOCK_LEN, BLOCK_LEN, 1);
	return NULL;
}

TEST_F(threads, different_blocks)
{
	struct hugearena_stat st;

	ASSERT_EQ(0, run_all(&self->a, &self->start, touch_other));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(BLOCKS, st.fault_demand);
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

/* Half of the threads read where the others write. */
static void *touch_read_write(void *arg)
{
	struct toucher *t = arg;
	size_t b;

	for (b = 0; b < BLOCKS; b++) {
		char *at = t->a->base + b * BLOCK_LEN;

		pthread_barrier_wait(t->start);
		if (t->id & 1)
			(void)byte_read(at + 4096);
		else
			byte_write(at + t->id, t->id + 1);
	}
	return NULL;
}

TEST_F(threads, readers_and_writers)
{
	unsigned int b, i;

	ASSERT_EQ(0, run_all(&self->a, &self->start, touch_read_write));
	for (b = 0; b < BLOCKS; b++)
		for (i = 0; i < THREADS; i += 2)
			ASSERT_EQ((char)(i + 1),
				  byte_read(self->a.base + b * BLOCK_LEN +
					    i));
}

/* Fault while another thread keeps removing the mapping. */
static void *touch_dontneed(void *arg)
{
	struct toucher *t = arg;
	char *at = t->a->base + t->id * 64;
	unsigned int i;

	byte_write(at, 0);
	pthread_barrier_wait(t->start);
	for (i = 1; i < 100; i++) {
		if (byte_read(at) != (char)(i - 1))
			return arg;
		byte_write(at, i);
		madvise(t->a->base, BLOCK_LEN, MADV_DONTNEED);
	}
	return NULL;
}

TEST_F(threads, against_dontneed)
{
	unsigned int i;

	ASSERT_EQ(0, run_all(&self->a, &self->start, touch_dontneed));
	for (i = 0; i < THREADS; i++)
		EXPECT_EQ(99, byte_read(self->a.base + i * 64));
}

TEST_HARNESS_MAIN
