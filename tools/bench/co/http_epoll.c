// SPDX-License-Identifier: GPL-2.0-only
/*
 * http_epoll: what Documentation/examples/http_server.c does, written with epoll
 * and a callback for each event: the peer of bench-co-http.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX	2048
#define EVENTS		256

static const char body[] = "Hello from a coroutine\n";
static int epfd;

struct conn {
	int fd;
	size_t len;
	char buf[REQUEST_MAX];
};

static void conn_end(struct conn *c)
{
	close(c->fd);
	free(c);
}

/* Read what there is, answer each request that is complete. */
static void on_readable(struct conn *c)
{
	char out[1024], *end, *at = c->buf;
	size_t used = 0;
	ssize_t n;

	n = recv(c->fd, c->buf + c->len, REQUEST_MAX - c->len, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_end(c);
		return;
	}
	c->len += (size_t)n;
	while ((end = memmem(at, c->len - (size_t)(at - c->buf), "\r\n\r\n",
			     4))) {
		if (strncmp(at, "GET ", 4) || used > sizeof(out) - 256) {
			conn_end(c);
			return;
		}
		used += (size_t)snprintf(out + used, sizeof(out) - used,
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			"Content-Length: %zu\r\n\r\n%s", sizeof(body) - 1, body);
		at = end + 4;
	}
	c->len -= (size_t)(at - c->buf);
	memmove(c->buf, at, c->len);
	if ((used && send(c->fd, out, used, MSG_DONTWAIT | MSG_NOSIGNAL) !=
	     (ssize_t)used) || c->len == REQUEST_MAX)
		conn_end(c);
}

static void on_connection(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
	struct conn *c;

	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	c->fd = fd;
	ev.data.ptr = c;
	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev))
		conn_end(c);
}

int main(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	struct epoll_event ev = { .events = EPOLLIN }, got[EVENTS];
	socklen_t len = sizeof(a);
	struct rlimit files;
	int listener, i, n;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(listener, 4096) ||
	    getsockname(listener, (struct sockaddr *)&a, &len) ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, listener, &ev)) {
		perror("http_epoll");
		return 1;
	}
	printf("listening on port %d\n", ntohs(a.sin_port));
	fflush(stdout);
	for (;;) {
		n = epoll_wait(epfd, got, EVENTS, -1);
		for (i = 0; i < n; i++) {
			if (got[i].data.ptr)
				on_readable(got[i].data.ptr);
			else
				on_connection(listener);
		}
	}
}
