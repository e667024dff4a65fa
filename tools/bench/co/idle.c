// SPDX-License-Identifier: GPL-2.0-only
/*
 * idle: open connections to a server of HTTP, ask each once, and keep them open: what
 * a server pays for a connection that has nothing to say.
 *
 *	idle PORT CONNECTIONS
 *
 * One line when all have been answered; it ends when standard input does.  Loopback
 * addresses from 127.0.0.2 on are used in turn, as one has not so many ports.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH	1000	/* under way at a time: less than a backlog of 4096 */
#define PORTS	20000	/* of an address; there are 28 thousand */

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT	24
#endif

static const char ask[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

static int open_one(int port, long nr)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK + 1 + (in_addr_t)
				    (nr / PORTS)) },
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
		.sin_port = htons((unsigned short)port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		err(1, "socket %ld", nr);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connection %ld", nr);
	if (write(fd, ask, sizeof(ask) - 1) != (ssize_t)sizeof(ask) - 1)
		err(1, "request %ld", nr);
	return fd;
}

static void hear(int fd, long nr)
{
	char buf[1024];
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, buf + len, sizeof(buf) - 1 - len);
		if (n <= 0)
			errx(1, "answer %ld: none", nr);
		len += (size_t)n;
		buf[len] = '\0';
	} while (len < sizeof(buf) - 1 && !strstr(buf, "coroutine\n"));
	if (strncmp(buf, "HTTP/1.1 200 ", 13))
		errx(1, "answer %ld: %.20s", nr, buf);
}

int main(int argc, char **argv)
{
	int port = argc == 3 ? atoi(argv[1]) : 0, fd[BATCH], i, n;
	long all = argc == 3 ? atol(argv[2]) : 0, nr;
	struct rlimit files = { (rlim_t)all + 64, (rlim_t)all + 64 };
	char c;

	if (!port || !all) {
		fprintf(stderr, "Usage: idle PORT CONNECTIONS\n");
		return 2;
	}
	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "RLIMIT_NOFILE %ld", all + 64);
	for (nr = 0; nr < all; nr += n) {
		n = all - nr < BATCH ? (int)(all - nr) : BATCH;
		for (i = 0; i < n; i++)
			fd[i] = open_one(port, nr + i);
		for (i = 0; i < n; i++)
			hear(fd[i], nr + i);
	}
	printf("answered %ld\n", all);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}
