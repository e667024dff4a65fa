// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that sit in a pipe while their block is released: they are not handed
 * out until the pipe has released them.
 */
#include "harness.h"
#include <fcntl.h>
#include <sys/uio.h>

#define BLOCKS	8
#define LEN	(8 * OS_PAGE)

FIXTURE(pin_pipe) {
	struct arena a;
	int pipe[2];
	char buf[LEN];
};

FIXTURE_VARIANT(pin_pipe) {
	int pool_mb;
	int reserve;
};

FIXTURE_VARIANT_ADD(pin_pipe, demand) { 0, 0 };
FIXTURE_VARIANT_ADD(pin_pipe, pool) { 16, 0 };
FIXTURE_VARIANT_ADD(pin_pipe, reserve) { 0, 8 };

FIXTURE_SETUP(pin_pipe)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("reserve_max", variant->reserve));
	ASSERT_EQ(0, pool_fill(variant->pool_mb));
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, pipe(self->pipe));
	memset(self->a.base, 'o', self->a.size);
}

FIXTURE_TEARDOWN(pin_pipe)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	arena_drop(&self->a);
	params_reset();
}

static int splice_in(int fd, void *at)
{
	struct iovec iov = { at, LEN };

	return vmsplice(fd, &iov, 1, 0) == LEN ? 0 : -1;
}

TEST_F(pin_pipe, whole_block_is_not_reused)
{
	struct arena b;

	ASSERT_EQ(0, splice_in(self->pipe[1], self->a.base + BLOCK_LEN));
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	/* all memory that can be allocated is overwritten */
	ASSERT_EQ(0, arena_make(&b, 64));
	memset(b.base, 'b', b.size);
	memset(self->a.base, 'a', self->a.size);
	ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
	EXPECT_EQ(0, bytes_other(self->buf, LEN, 'o'));
	arena_drop(&b);
}

TEST_F(pin_pipe, pinned_is_counted)
{
	long long before = stat_read("Pinned");

	ASSERT_EQ(0, splice_in(self->pipe[1], self->a.base + BLOCK_LEN));
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(before + 1, stat_read("Pinned"));
	ASSERT_EQ(0, arena_punch(&self->a, 2 * BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(before + 1, stat_read("Pinned"));
}

TEST_F(pin_pipe, pages_of_a_block_are_not_reused)
{
	size_t at = BLOCK_LEN + 3 * OS_PAGE;
	char c;

	ASSERT_EQ(0, splice_in(self->pipe[1], self->a.base + at));
	ASSERT_EQ(0, arena_punch(&self->a, at, LEN));
	EXPECT_EQ(0, bytes_other(self->a.base + at, LEN, 0));
	EXPECT_EQ(0, bytes_other(self->a.base + BLOCK_LEN, 3 * OS_PAGE, 'o'));
	EXPECT_EQ(0, bytes_other(self->a.base + at + LEN, OS_PAGE, 'o'));
	/*
	 * zeroed in place or replaced: the pipe yields the one content or the
	 * other
	 */
	ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
	c = self->buf[0];
	EXPECT_TRUE(c == 0 || c == 'o');
	EXPECT_EQ(0, bytes_other(self->buf, LEN, c));
}

TEST_F(pin_pipe, the_rest_of_a_pinned_block_keeps_its_data)
{
	ASSERT_EQ(0, splice_in(self->pipe[1], self->a.base + BLOCK_LEN));
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN + 256 * OS_PAGE,
				 256 * OS_PAGE));
	EXPECT_EQ(0, bytes_other(self->a.base + BLOCK_LEN, 256 * OS_PAGE,
				 'o'));
	EXPECT_EQ(0, bytes_other(self->a.base + BLOCK_LEN + 256 * OS_PAGE,
				 256 * OS_PAGE, 0));
}

TEST_F(pin_pipe, closing_the_arena_leaves_the_pipe_its_pages)
{
	struct arena b;

	ASSERT_EQ(0, splice_in(self->pipe[1], self->a.base));
	arena_drop(&self->a);
	ASSERT_EQ(0, arena_make(&b, 64));
	memset(b.base, 'b', b.size);
	ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
	EXPECT_EQ(0, bytes_other(self->buf, LEN, 'o'));
	arena_drop(&b);
}

TEST_F(pin_pipe, nothing_is_leaked)
{
	long long before = stat_read("Resident"), free, i;

	free = memfree_read();
	for (i = 0; i < 50; i++) {
		memset(self->a.base + BLOCK_LEN, 'o', BLOCK_LEN);
		ASSERT_EQ(0, splice_in(self->pipe[1],
				       self->a.base + BLOCK_LEN));
		ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
		ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
		EXPECT_EQ(0, bytes_other(self->buf, LEN, 'o'));
	}
	memset(self->a.base + BLOCK_LEN, 'o', BLOCK_LEN);
	EXPECT_EQ(before, stat_read("Resident"));
	/* fifty blocks are 100 MiB */
	EXPECT_EQ(1, wait_for(memfree_read() > free - 16 * 1024, 1));
}

TEST_HARNESS_MAIN
