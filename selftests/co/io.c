// SPDX-License-Identifier: GPL-2.0-only
/*
 * io: what shim_co_run.h promises of files and sockets, by io_uring where there
 * is one and by epoll.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>

#include "queue.h"

#define MUCH	(4 << 20)

static void *sends_much(void *arg)
{
	char *buf = malloc(MUCH);
	size_t i;

	(void)arg;
	for (i = 0; i < MUCH; i++)
		buf[i] = (char)(i * 7 + (i >> 12));
	outcome = shim_co_write_all(fds[1], buf, MUCH);
	shutdown(fds[1], SHUT_WR);
	free(buf);
	return NULL;
}

static void *receives_much(void *arg)
{
	char buf[5000];
	size_t at = 0;
	ssize_t n, i;

	(void)arg;
	while ((n = shim_co_recv(fds[0], buf, sizeof(buf), 0,
				 SHIM_CO_FOREVER)) > 0) {
		for (i = 0; i < n; i++, at++)
			if (buf[i] != (char)(at * 7 + (at >> 12)))
				return NULL;
	}
	note((int)at);
	return NULL;
}

TEST_F(queue, more_than_the_kernel_holds)
{
	struct shim_co_attr attr = { .stack = 30000 };

	shim_co_go(self->q, sends_much, NULL, NULL);
	shim_co_go(self->q, receives_much, NULL, &attr);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(0, outcome);
	ASSERT_EQ(1, nr_logged);
	EXPECT_EQ(MUCH, logged[0]);
}

static void *waits(void *arg)
{
	outcome = shim_co_wait(fds[0], POLLIN, (intptr_t)arg);
	outcome_errno = errno;
	return NULL;
}

static void *recv_times_out(void *arg)
{
	char c;

	outcome = (int)shim_co_recv(fds[0], &c, 1, 0, (intptr_t)arg);
	outcome_errno = errno;
	return NULL;
}

TEST_F(queue, timeouts)
{
	shim_co_go(self->q, waits, (void *)(5 * MS), NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(0, outcome);
	shim_co_go(self->q, recv_times_out, (void *)(5 * MS), NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(-1, outcome);
	EXPECT_EQ(ETIMEDOUT, outcome_errno);
	/* in time: nothing is left of the deadline */
	ASSERT_EQ(1, write(fds[1], "x", 1));
	shim_co_go(self->q, waits, (void *)(60000 * MS), NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(POLLIN, outcome);
	shim_co_go(self->q, recv_times_out, (void *)(60000 * MS), NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(1, outcome);
}

TEST_F(queue, wait_fails)
{
	int fd = dup(fds[0]);

	close(fd);
	close(fds[0]);
	fds[0] = fd;
	shim_co_go(self->q, waits, (void *)-1, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_TRUE((outcome == -1 && outcome_errno == EBADF) ||
		    (outcome & POLLNVAL));
}

static int listener(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*at = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) }
	};
	if (bind(fd, (struct sockaddr *)at, len) || listen(fd, 100) ||
	    getsockname(fd, (struct sockaddr *)at, &len))
		return -1;
	return fd;
}

static int listen_fd;
static struct sockaddr_in listen_at;

static void *echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[100];
	ssize_t n;

	while ((n = shim_co_recv(fd, buf, sizeof(buf), 0, SHIM_CO_FOREVER)) > 0)
		shim_co_send(fd, buf, (size_t)n, MSG_NOSIGNAL, SHIM_CO_FOREVER);
	close(fd);
	return NULL;
}

static void *accepts(void *arg)
{
	struct sockaddr_in from;
	socklen_t len;
	int fd, i;

	for (i = 0; i < (intptr_t)arg; i++) {
		len = sizeof(from);
		fd = shim_co_accept(listen_fd, (struct sockaddr *)&from, &len,
				    SOCK_CLOEXEC);
		if (fd < 0 || from.sin_family != AF_INET)
			break;
		shim_co_go(NULL, echo, (void *)(intptr_t)fd, NULL);
	}
	return NULL;
}

static int connected;

static void *connects(void *arg)
{
	/* every other one was not to block, and is left as it was */
	int flag = (intptr_t)arg & 1 ? SOCK_NONBLOCK : 0;
	int fd = socket(AF_INET, SOCK_STREAM | flag, 0), i;
	char out[32] = "", in[32];

	if (shim_co_connect(fd, (struct sockaddr *)&listen_at,
			    sizeof(listen_at), 60000 * MS) ||
	    !(fcntl(fd, F_GETFL) & O_NONBLOCK) != !flag) {
		close(fd);
		return NULL;
	}
	for (i = 0; i < 20; i++) {
		snprintf(out, sizeof(out), "%ld:%d", (long)(intptr_t)arg, i);
		shim_co_write_all(fd, out, sizeof(out));
		if (shim_co_recv(fd, in, sizeof(in), MSG_WAITALL, -1) !=
		    sizeof(in) || strcmp(in, out))
			return NULL;
	}
	close(fd);
	connected++;
	return NULL;
}

TEST_F(queue, sockets)
{
	intptr_t i;

	listen_fd = listener(&listen_at);
	ASSERT_LE(0, listen_fd);
	connected = 0;
	shim_co_go(self->q, accepts, (void *)50, NULL);
	for (i = 0; i < 50; i++)
		shim_co_go(self->q, connects, (void *)i, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(50, connected);
	close(listen_fd);
}

static void *connect_refused(void *arg)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	outcome = shim_co_connect(fd, (struct sockaddr *)&listen_at,
				  sizeof(listen_at), 60000 * MS);
	outcome_errno = errno;
	close(fd);
	return NULL;
}

TEST_F(queue, connect_fails)
{
	close(listener(&listen_at));
	shim_co_go(self->q, connect_refused, NULL, NULL);
	EXPECT_EQ(0, shim_co_run(self->q));
	EXPECT_EQ(-1, outcome);
	EXPECT_EQ(ECONNREFUSED, outcome_errno);
}

TEST_HARNESS_MAIN
