// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers registered with io_uring (pinned for long) while the process forks:
 * what arrives in the buffer later belongs to the process that registered it,
 * and to no other.
 */
#include "harness.h"
#include "uring.h"

#define BLOCKS	4
#define LEN	(4 * OS_PAGE)

FIXTURE(pin_uring) {
	struct arena a;
	struct io_uring u;
	int pipe[2];
	char *at;
	char buf[LEN];
};

FIXTURE_SETUP(pin_uring)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, io_uring_queue_init(URING_ENTRIES, &self->u, 0));
	self->at = self->a.base + BLOCK_LEN + 5 * OS_PAGE;
	memset(self->a.base, 'o', self->a.size);
}

FIXTURE_TEARDOWN(pin_uring)
{
	io_uring_queue_exit(&self->u);
	arena_drop(&self->a);
}

/* Send data, filled with @c, into the registered buffer. */
static int arrive(struct io_uring *u, int pipe[2], char *at, char *buf, char c)
{
	memset(buf, c, LEN);
	if (write(pipe[1], buf, LEN) != LEN)
		return -1;
	return uring_read_fixed(u, pipe[0], at, LEN) == LEN ? 0 : -1;
}

TEST_F(pin_uring, arrivals_after_fork_are_the_parents)
{
	int arrived = gate_open();
	pid_t pid;

	ASSERT_EQ(0, uring_register(&self->u, self->a.base + BLOCK_LEN,
				    BLOCK_LEN));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(arrived);
		_exit(bytes_other(self->a.base, self->a.size, 'o') != 0);
	}
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf, 'x'));
	EXPECT_EQ(0, bytes_other(self->at, LEN, 'x'));
	gate_post(arrived);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, bytes_other(self->at, LEN, 'x'));
}

TEST_F(pin_uring, the_parent_and_its_buffer_stay_together)
{
	pid_t pid;
	char c;

	ASSERT_EQ(0, uring_register(&self->u, self->a.base + BLOCK_LEN,
				    BLOCK_LEN));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		memset(self->a.base, 'c', self->a.size);
		_exit(0);
	}
	/* the parent's write goes to the page that the ring reads */
	memset(self->at, 'w', LEN);
	ASSERT_EQ((int)LEN, uring_write_fixed(&self->u, self->pipe[1],
					      self->at, LEN));
	ASSERT_EQ((ssize_t)LEN, read(self->pipe[0], self->buf, LEN));
	EXPECT_EQ(0, bytes_other(self->buf, LEN, 'w'));
	for (c = 'a'; c < 'f'; c++) {
		ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf,
				    c));
		EXPECT_EQ(0, bytes_other(self->at, LEN, c));
	}
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf, 'z'));
	EXPECT_EQ(0, bytes_other(self->at, LEN, 'z'));
}

TEST_F(pin_uring, twenty_forks_with_a_registered_buffer)
{
	pid_t pid;
	int i;

	ASSERT_EQ(0, uring_register(&self->u, self->a.base, self->a.size));
	for (i = 0; i < 20; i++) {
		pid = child_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			memset(self->a.base, 'c', self->a.size);
			_exit(0);
		}
		ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf,
				    'A' + i));
		EXPECT_EQ(0, bytes_other(self->at, LEN, 'A' + i));
		EXPECT_EQ(0, child_wait(pid));
		EXPECT_EQ(0, bytes_other(self->at, LEN, 'A' + i));
	}
}

TEST_F(pin_uring, registered_by_the_child)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct io_uring u;
		int err;

		/* memory of its own, written, so that none of it is shared */
		memset(self->a.base, 'c', self->a.size);
		if (io_uring_queue_init(URING_ENTRIES, &u, 0))
			_exit(1);
		err = uring_register(&u, self->a.base + BLOCK_LEN, BLOCK_LEN);
		/* EFAULT is allowed while the arena is still shared */
		if (err)
			_exit(err == -EFAULT ? 0 : 2);
		if (arrive(&u, self->pipe, self->at, self->buf, 'x'))
			_exit(3);
		_exit(bytes_other(self->at, LEN, 'x') ? 4 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 'o'));
}

TEST_F(pin_uring, can_be_registered_again_after_the_child_is_gone)
{
	int i, ret = -1;
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(0);
	EXPECT_EQ(0, child_wait(pid));
	/* the next write ends the sharing, or the background does */
	for (i = 0; i < 1200; i++) {
		memset(self->a.base, 'p', self->a.size);
		ret = uring_register(&self->u, self->a.base, self->a.size);
		if (ret != -EFAULT)
			break;
		usleep(50000);
	}
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf, 'x'));
	EXPECT_EQ(0, bytes_other(self->at, LEN, 'x'));
}

TEST_F(pin_uring, released_while_registered_and_forked)
{
	int wrote = gate_open(), arrived = gate_open();
	pid_t pid;

	ASSERT_EQ(0, uring_register(&self->u, self->a.base + BLOCK_LEN,
				    BLOCK_LEN));
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		memset(self->a.base + BLOCK_LEN, 'c', BLOCK_LEN);
		/* the ring writes to memory that was released meanwhile */
		gate_post(wrote);
		gate_wait(arrived);
		_exit(bytes_other(self->a.base + BLOCK_LEN, BLOCK_LEN,
				  'c') != 0);
	}
	gate_wait(wrote);
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf, 'x'));
	gate_post(arrived);
	EXPECT_EQ(0, child_wait(pid));
}

static const char *why_not(void)
{
	return uring_takes_arenas() ? NULL :
	       "this kernel cannot register memory of files";
}

TEST_HARNESS_MAIN_UNLESS(why_not)
