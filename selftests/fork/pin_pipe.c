// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that sit in a pipe (vmsplice) while the process forks.  What was
 * spliced must come out as it was or as its owner wrote it since; never as
 * the other side wrote it.
 */
#include "harness.h"
#include <fcntl.h>
#include <sys/uio.h>

#define BLOCKS	4
#define LEN	(8 * OS_PAGE)

FIXTURE(pin_pipe) {
	struct arena a;
	int pipe[2];
	char *at;
	char buf[LEN];
};

FIXTURE_SETUP(pin_pipe)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, pipe(self->pipe));
	self->at = self->a.base + BLOCK_LEN + 5 * OS_PAGE;
	memset(self->a.base, 'o', self->a.size);
}

FIXTURE_TEARDOWN(pin_pipe)
{
	arena_drop(&self->a);
}

static ssize_t splice_in(int fd, void *at)
{
	struct iovec iov = { at, LEN };

	return vmsplice(fd, &iov, 1, 0);
}

TEST_F(pin_pipe, child_writes_do_not_reach_the_pipe)
{
	pid_t pid;

	ASSERT_EQ((ssize_t)LEN, splice_in(self->pipe[1], self->at));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		memset(self->a.base, 'c', self->a.size);
		_exit(bytes_other(self->a.base, self->a.size, 'c') != 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
	EXPECT_EQ(0, bytes_other(self->buf, LEN, 'o'));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 'o'));
}

TEST_F(pin_pipe, parent_writes_do_not_reach_the_childs_pipe)
{
	int spliced = gate_open(), wrote = gate_open();
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (splice_in(self->pipe[1], self->at) != LEN)
			_exit(1);
		gate_post(spliced);
		gate_wait(wrote);
		if (read(self->pipe[0], self->buf, LEN) != LEN)
			_exit(2);
		_exit(bytes_other(self->buf, LEN, 'o') ? 3 : 0);
	}
	gate_wait(spliced);
	memset(self->a.base, 'p', self->a.size);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(pin_pipe, spliced_by_the_child_before_it_writes)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (splice_in(self->pipe[1], self->at) != LEN)
			_exit(1);
		memset(self->a.base, 'c', self->a.size);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	/* the child has ended; its pages in the pipe are not reused */
	memset(self->a.base, 'p', self->a.size);
	ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
	EXPECT_NE('p', self->buf[0]);
	EXPECT_EQ(0, bytes_other(self->buf, LEN, self->buf[0]));
}

TEST_F(pin_pipe, child_inherits_what_is_spliced)
{
	pid_t pid;

	ASSERT_EQ((ssize_t)LEN, splice_in(self->pipe[1], self->at));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(bytes_other(self->a.base, self->a.size, 'o') != 0);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(pin_pipe, fork_counts_the_eager_copy)
{
	struct hugearena_stat before, after;
	long long copied = stat_read("ForkCopied");
	pid_t pid;

	ASSERT_EQ(0, arena_stat(&self->a, &before));
	ASSERT_EQ((ssize_t)LEN, splice_in(self->pipe[1], self->at));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(0);
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, arena_stat(&self->a, &after));
	EXPECT_EQ(copied + 1, stat_read("ForkCopied"));
}

TEST_HARNESS_MAIN
