// SPDX-License-Identifier: GPL-2.0-only
/* A split block with a pinned page stays split. */
#include "harness.h"
#include <fcntl.h>
#include <sys/uio.h>

#define LEN	(4 * OS_PAGE)

FIXTURE(pinned) {
	struct arena a;
	int pipe[2];
	char buf[LEN];
};

FIXTURE_SETUP(pinned)
{
	struct iovec iov;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, 1));
	ASSERT_EQ(0, pipe(self->pipe));
	memset(self->a.base, 'o', self->a.size);
	ASSERT_EQ(0, arena_punch(&self->a, 100 * OS_PAGE, OS_PAGE));
	iov.iov_base = self->a.base + 8 * OS_PAGE;
	iov.iov_len = LEN;
	ASSERT_EQ((ssize_t)LEN, vmsplice(self->pipe[1], &iov, 1, 0));
}

FIXTURE_TEARDOWN(pinned)
{
	arena_drop(&self->a);
}

TEST_F(pinned, is_busy)
{
	long long busy = stat_read("JoinBusy");
	struct hugearena_join j;

	ASSERT_EQ(0, arena_join(&self->a, 0, BLOCK_LEN, &j));
	EXPECT_EQ(0, j.joined);
	EXPECT_EQ(1, j.busy);
	EXPECT_EQ(busy + 1, stat_read("JoinBusy"));
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	EXPECT_EQ(0, bytes_other(self->a.base, 100 * OS_PAGE, 'o'));
}

TEST_F(pinned, joins_when_it_is_let_go)
{
	ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
	EXPECT_EQ(0, bytes_other(self->buf, LEN, 'o'));
	ASSERT_EQ(0, arena_join_wait(&self->a, 0, BLOCK_LEN));
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(0, bytes_other(self->a.base, 100 * OS_PAGE, 'o'));
	EXPECT_EQ(0, bytes_other(self->a.base + 100 * OS_PAGE, OS_PAGE, 0));
}

TEST_HARNESS_MAIN
