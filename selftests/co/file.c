// SPDX-License-Identifier: GPL-2.0-only
/*
 * file: reading and writing files whose readiness cannot be polled.
 *
 * epoll refuses a regular file and poll() calls it ready, whether or not its
 * pages are in memory.  preadv2() and pwritev2() are this program's own, so that
 * every call with RWF_NOWAIT finds that it would have to wait for the disk.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <shim_co.h>

#include "patience.h"

static int tries;
static bool absent;		/* nothing is in memory */

static ssize_t nowait(long call, int fd, const struct iovec *v, int n,
		      off_t at, int flags)
{
	tries++;
	if (absent && flags & RWF_NOWAIT) {
		/* a caller that spins would never end by itself */
		if (tries > 1000)
			abort();
		errno = EAGAIN;
		return -1;
	}
	return syscall(call, fd, v, n, (unsigned long)at, 0, flags);
}

ssize_t preadv2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	return nowait(SYS_preadv2, fd, v, n, at, flags);
}

ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t at, int flags)
{
	return nowait(SYS_pwritev2, fd, v, n, at, flags);
}

FIXTURE(file) {
	int fd;
};

FIXTURE_SETUP(file)
{
	char name[] = "/tmp/co_file.XXXXXX";

	self->fd = mkstemp(name);
	ASSERT_LE(0, self->fd);
	unlink(name);
	absent = true;
	tries = 0;
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

static char text[20000], back[sizeof(text)];
static ssize_t wrote, got;

static void *there_and_back(void *arg)
{
	int fd = (int)(intptr_t)arg;

	wrote = shim_co_write_all(fd, text, sizeof(text));
	lseek(fd, 0, SEEK_SET);
	got = shim_co_read(fd, back, sizeof(back));
	return NULL;
}

TEST_F(file, by_epoll)
{
	struct shim_co_queue *q = shim_co_queue_new(SHIM_CO_EPOLL);

	ASSERT_NE(NULL, q);
	memset(text, 'x', sizeof(text));
	ASSERT_EQ(0, shim_co_go(q, there_and_back,
				(void *)(intptr_t)self->fd, NULL));
	EXPECT_EQ(0, shim_co_run(q));
	EXPECT_EQ(0, wrote);
	EXPECT_EQ(sizeof(text), got);
	EXPECT_EQ(0, memcmp(text, back, sizeof(text)));
	EXPECT_GT(20, tries);
	shim_co_queue_free(q);
}

TEST_F(file, by_a_thread)
{
	memset(text, 'y', sizeof(text));
	there_and_back((void *)(intptr_t)self->fd);
	EXPECT_EQ(0, wrote);
	EXPECT_EQ(sizeof(text), got);
	EXPECT_EQ(0, memcmp(text, back, sizeof(text)));
	EXPECT_GT(20, tries);
}

TEST_HARNESS_MAIN
