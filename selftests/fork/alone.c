// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page of an overlay's base is mapped alone: what the overlay covers is never
 * seen again, whatever became of the page tables in between.
 */
#include "harness.h"
#include <pthread.h>

/* Pages written after the fork, read after it, and never touched. */
#define OWN	0
#define BASE	5

FIXTURE(alone) {
	struct arena a;
	int release;
	pid_t child;
};

/* A block with an overlay that has page OWN, which is mapped. */
FIXTURE_SETUP(alone)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, 1));
	pages_fill(self->a.base, BLOCK_LEN, 1);
	self->release = gate_open();
	self->child = child_holds(self->release);
	ASSERT_LE(0, self->child);
	pages_fill(self->a.base + OWN * OS_PAGE, OS_PAGE, 2);
}

FIXTURE_TEARDOWN(alone)
{
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(self->child));
	arena_drop(&self->a);
}

/* How many pages of the block hold something wrong. */
static size_t block_wrong(const struct arena *a)
{
	return pages_wrong(a->base + OWN * OS_PAGE, OS_PAGE, 2) +
	       pages_wrong(a->base + (OWN + 1) * OS_PAGE,
			   BLOCK_LEN - (OWN + 1) * OS_PAGE, 1);
}

static size_t base_page_wrong(const struct arena *a)
{
	return pages_wrong(a->base + BASE * OS_PAGE, OS_PAGE, 1);
}

/* A table of PTEs is in place and empty. */
TEST_F(alone, in_an_empty_table)
{
	ASSERT_EQ(0, madvise(self->a.base + OWN * OS_PAGE, OS_PAGE,
			     MADV_DONTNEED));
	EXPECT_EQ(0, base_page_wrong(&self->a));
	EXPECT_EQ(0, block_wrong(&self->a));
}

/* There may be no table at all: newer kernels free one that they emptied. */
TEST_F(alone, without_a_table)
{
	ASSERT_EQ(0, madvise(self->a.base, BLOCK_LEN, MADV_DONTNEED));
	EXPECT_EQ(0, base_page_wrong(&self->a));
	EXPECT_EQ(0, block_wrong(&self->a));
}

TEST_F(alone, in_a_table_that_is_in_use)
{
	EXPECT_EQ(0, base_page_wrong(&self->a));
	EXPECT_EQ(0, block_wrong(&self->a));
}

TEST_F(alone, and_then_written)
{
	ASSERT_EQ(0, madvise(self->a.base + OWN * OS_PAGE, OS_PAGE,
			     MADV_DONTNEED));
	EXPECT_EQ(0, base_page_wrong(&self->a));
	pages_fill(self->a.base + BASE * OS_PAGE, OS_PAGE, 3);
	EXPECT_EQ(0, pages_wrong(self->a.base + BASE * OS_PAGE, OS_PAGE, 3));
	EXPECT_EQ(0, pages_wrong(self->a.base + (BASE + 1) * OS_PAGE,
				 OS_PAGE, 1));
	EXPECT_EQ(0, pages_wrong(self->a.base + OWN * OS_PAGE, OS_PAGE, 2));
}

/* Take the tables away while another thread faults pages in. */
struct emptier {
	struct arena *a;
	unsigned int stop;
};

static void *emptier_body(void *arg)
{
	struct emptier *e = arg;

	while (!__atomic_load_n(&e->stop, __ATOMIC_RELAXED))
		madvise(e->a->base, BLOCK_LEN, MADV_DONTNEED);
	return NULL;
}

TEST_F(alone, while_tables_come_and_go)
{
	struct emptier e = { .a = &self->a };
	size_t wrong = 0;
	pthread_t t;
	int i;

	ASSERT_EQ(0, pthread_create(&t, NULL, emptier_body, &e));
	for (i = 0; i < 200; i++)
		wrong += block_wrong(&self->a);
	__atomic_store_n(&e.stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_EQ(0, wrong);
}

TEST_HARNESS_MAIN
