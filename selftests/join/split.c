// SPDX-License-Identifier: GPL-2.0-only
/* Whole blocks are split on request, and nothing of them is given back. */
#include "harness.h"
#include <fcntl.h>
#include <pthread.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define BLOCKS	3

FIXTURE(split) {
	struct arena a;
	struct hugearena_join j;
};

/* Block 1 is split already, by the lack of its page 10. */
FIXTURE_SETUP(split)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS + 1));
	pages_fill(self->a.base, BLOCKS * BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN + 10 * OS_PAGE, OS_PAGE));
}

FIXTURE_TEARDOWN(split)
{
	arena_drop(&self->a);
}

static size_t all_wrong(const struct arena *a)
{
	char *hole = a->base + BLOCK_LEN + 10 * OS_PAGE;

	return pages_wrong(a->base, hole - a->base, 1) +
	       bytes_other(hole, OS_PAGE, 0) +
	       pages_wrong(hole + OS_PAGE,
			   (BLOCKS - 1) * BLOCK_LEN - 11 * OS_PAGE, 1);
}

TEST_F(split, those_that_are_whole)
{
	long long split = stat_read("Split"), now;
	struct hugearena_stat st, then;

	ASSERT_EQ(0, arena_apart(&self->a, 0, self->a.size, &self->j));
	EXPECT_EQ(BLOCKS - 1, self->j.joined);
	EXPECT_EQ(0, self->j.busy);
	EXPECT_EQ(0, self->j.failed);
	/* upkeep may come at any time, and joins those that lack nothing */
	do {
		ASSERT_EQ(0, arena_stat(&self->a, &st));
		now = stat_read("Split");
		ASSERT_EQ(0, arena_stat(&self->a, &then));
	} while (then.joined != st.joined);
	EXPECT_EQ(BLOCKS - st.joined, st.split);
	EXPECT_EQ(st.joined, st.blocks);
	EXPECT_EQ(BLOCKS * BLOCK_LEN - OS_PAGE, st.resident);
	EXPECT_EQ(split + BLOCKS - 1 - (long long)st.joined, now);
	/* the last one was never touched */
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
	EXPECT_EQ(0, all_wrong(&self->a));
}

TEST_F(split, again_does_nothing)
{
	struct hugearena_stat st;

	ASSERT_EQ(0, arena_apart(&self->a, 0, self->a.size, NULL));
	ASSERT_EQ(0, arena_apart(&self->a, 0, self->a.size, &self->j));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	/* only what upkeep has joined in between */
	EXPECT_GE(st.joined, self->j.joined);
	EXPECT_EQ(0, self->j.busy);
	EXPECT_EQ(0, self->j.failed);
}

TEST_F(split, and_join)
{
	unsigned int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, arena_apart(&self->a, 0, self->a.size, &self->j));
		/* at first block 1 is split already */
		ASSERT_EQ(i ? BLOCKS : BLOCKS - 1, self->j.joined);
		/* upkeep joins them, too, or is in the middle of it */
		ASSERT_EQ(0, arena_join(&self->a, 0, self->a.size, NULL));
		ASSERT_EQ(BLOCKS, wait_for(arena_count(&self->a,
						       HUGEARENA_BLOCK_WHOLE),
					   BLOCKS));
		ASSERT_EQ(0, all_wrong(&self->a));
	}
}

TEST_F(split, not_what_is_pinned)
{
	struct iovec iov = { self->a.base + OS_PAGE, OS_PAGE };
	char buf[OS_PAGE];
	int p[2];

	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ((ssize_t)OS_PAGE, vmsplice(p[1], &iov, 1, 0));
	ASSERT_EQ(0, arena_apart(&self->a, 0, BLOCK_LEN, &self->j));
	EXPECT_EQ(0, self->j.joined);
	EXPECT_EQ(1, self->j.busy);
	/* what the pipe has is the page itself */
	byte_write(self->a.base + OS_PAGE, 'x');
	ASSERT_EQ((ssize_t)OS_PAGE, read(p[0], buf, OS_PAGE));
	EXPECT_EQ('x', buf[0]);
	close(p[0]);
	close(p[1]);
	pages_fill(self->a.base, BLOCK_LEN, 1);
	ASSERT_EQ(0, arena_apart(&self->a, 0, BLOCK_LEN, &self->j));
	EXPECT_EQ(1, self->j.joined);
	EXPECT_EQ(0, all_wrong(&self->a));
}

/* What a relative has is left alone, and both keep what is theirs. */
TEST_F(split, not_beside_a_relative)
{
	int p[2], status;
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(p));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(p[1]);
		_exit(read(p[0], &c, 1) != 1 || all_wrong(&self->a));
	}
	ASSERT_EQ(0, arena_apart(&self->a, 0, BLOCK_LEN, &self->j));
	EXPECT_EQ(0, self->j.joined);
	EXPECT_EQ(1, self->j.busy);
	EXPECT_EQ(0, all_wrong(&self->a));
	ASSERT_EQ(1, write(p[1], "", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	close(p[0]);
	close(p[1]);
}

/* A thread that writes all the time loses nothing. */
static int stop;
static unsigned long wrong, rounds;

static void *writer(void *arg)
{
	volatile unsigned long *p = arg;
	unsigned long n;

	for (n = 1; !__atomic_load_n(&stop, __ATOMIC_RELAXED); n++) {
		wrong += *p != n - 1;
		*p = n;
		__atomic_store_n(&rounds, n, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F(split, under_a_writer)
{
	char *at = self->a.base + 20 * OS_PAGE;
	unsigned int i;
	pthread_t t;

	memset(at, 0, OS_PAGE);
	ASSERT_EQ(0, pthread_create(&t, NULL, writer, at));
	for (i = 0; i < 50; i++) {
		unsigned long seen = __atomic_load_n(&rounds, __ATOMIC_RELAXED);

		EXPECT_EQ(0, arena_apart(&self->a, 0, BLOCK_LEN, NULL));
		wait_for(__atomic_load_n(&rounds, __ATOMIC_RELAXED) > seen, 1);
		EXPECT_EQ(0, arena_join(&self->a, 0, BLOCK_LEN, NULL));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(t, NULL);
	EXPECT_EQ(0, wrong);
	pages_fill(at, OS_PAGE, 1);
	pages_fill(self->a.base, BLOCK_LEN, 1);
	EXPECT_EQ(0, all_wrong(&self->a));
}

TEST_HARNESS_MAIN
