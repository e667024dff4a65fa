// SPDX-License-Identifier: GPL-2.0-only
/*
 * http: requests to the server among the examples, and its answers.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"

FIXTURE(http) {
	pid_t pid;
	int port;
};

FIXTURE_VARIANT(http) {
	const char *option;
};

FIXTURE_VARIANT_ADD(http, plain) {
	.option = NULL,
};

FIXTURE_VARIANT_ADD(http, parked) {
	.option = "-k",
};

FIXTURE_SETUP(http)
{
	int out[2], n = 0;
	FILE *f;

	ASSERT_EQ(0, pipe(out));
	self->pid = fork();
	if (!self->pid) {
		/* a test that fails leaves without taking it down */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], 1);
		close(out[0]);
		execl("obj/http_server", "http_server", variant->option, NULL);
		_exit(127);
	}
	close(out[1]);
	f = fdopen(out[0], "r");
	n = fscanf(f, "listening on port %d", &self->port);
	ASSERT_EQ(1, n);
	fclose(f);
}

FIXTURE_TEARDOWN(http)
{
	int status;

	kill(self->pid, SIGTERM);
	waitpid(self->pid, &status, 0);
	/* it had not ended before */
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static int dial(int port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
		.sin_port = htons((unsigned short)port),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Read until @want answers or the end arrived; how many answers there are. */
static int answers(int fd, int want, char *buf, size_t len)
{
	size_t at = 0;
	int n = 0;
	ssize_t got;
	char *p;

	while (n < want && (got = read(fd, buf + at, len - 1 - at)) > 0) {
		at += (size_t)got;
		buf[at] = '\0';
		for (n = 0, p = buf; (p = strstr(p, "from a coroutine\n")); p++)
			n++;
	}
	buf[at] = '\0';
	return n;
}

static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/* How many of the server's coroutines are parked, as the command says. */
static int parked(pid_t pid)
{
	static const char key[] = "\"parked\": ";
	static char text[1 << 16];
	char line[128], *at;
	size_t n;
	FILE *f;

	snprintf(line, sizeof(line), "../../hugearena co --json %d", pid);
	f = popen(line, "r");
	if (!f)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	at = strstr(text, key);
	return pclose(f) || !at ? -1 : atoi(at + sizeof(key) - 1);
}

/* Wait up to a minute until @want of them are.  Return: the last count. */
static int parked_until(pid_t pid, int want)
{
	int i, n = -1;

	for (i = 0; i < 600 && n < want; i++) {
		n = parked(pid);
		usleep(100000);
	}
	return n;
}

TEST_F(http, keeps_alive)
{
	char buf[8192];
	int fd[100], i, round;

	for (i = 0; i < 100; i++) {
		fd[i] = dial(self->port);
		ASSERT_LE(0, fd[i]);
	}
	for (round = 0; round < 3; round++) {
		for (i = 0; i < 100; i++)
			ASSERT_EQ(sizeof(get) - 1,
				  (size_t)write(fd[i], get, sizeof(get) - 1));
		for (i = 0; i < 100; i++) {
			EXPECT_EQ(1, answers(fd[i], 1, buf, sizeof(buf)));
			EXPECT_EQ(&buf[0], strstr(buf, "HTTP/1.1 200 OK\r\n"));
		}
		/* connections that are silent for a while are parked */
		if (variant->option && !round)
			EXPECT_LE(100, parked_until(self->pid, 100));
	}
	for (i = 0; i < 100; i++)
		close(fd[i]);
}

TEST_F(http, in_pieces_and_pipelined)
{
	int fd = dial(self->port), i;
	char many[30 * sizeof(get)] = "", buf[16384];

	for (i = 0; i < (int)sizeof(get) - 1; i++) {
		ASSERT_EQ(1, write(fd, get + i, 1));
		if (i % 9 == 0)
			usleep(1000);
	}
	EXPECT_EQ(1, answers(fd, 1, buf, sizeof(buf)));
	for (i = 0; i < 30; i++)
		strcat(many, get);
	ASSERT_EQ(strlen(many), (size_t)write(fd, many, strlen(many)));
	EXPECT_EQ(30, answers(fd, 30, buf, sizeof(buf)));
	close(fd);
}

/*
 * What ends a connection: a request to close, nonsense, too long a request, a
 * hang-up.
 */
TEST_F(http, ends)
{
	static const char bye[] = "GET / HTTP/1.1\r\nconnection: close\r\n\r\n";
	static const char bad[] = "BREW /pot HTTP/1.1\r\n\r\n";
	char buf[8192], junk[5000];
	int fd;

	fd = dial(self->port);
	ASSERT_LT(0, write(fd, bye, sizeof(bye) - 1));
	EXPECT_EQ(1, answers(fd, 2, buf, sizeof(buf)));
	EXPECT_NE(NULL, strstr(buf, "Connection: close"));
	close(fd);
	fd = dial(self->port);
	ASSERT_LT(0, write(fd, bad, sizeof(bad) - 1));
	answers(fd, 2, buf, sizeof(buf));
	EXPECT_EQ(&buf[0], strstr(buf, "HTTP/1.1 400 "));
	close(fd);
	fd = dial(self->port);
	memset(junk, 'x', sizeof(junk));
	send(fd, junk, sizeof(junk), MSG_NOSIGNAL);
	EXPECT_EQ(0, answers(fd, 1, buf, sizeof(buf)));
	close(fd);
	fd = dial(self->port);
	ASSERT_LT(0, write(fd, "GET", 3));
	close(fd);
	/* and the server continues */
	fd = dial(self->port);
	ASSERT_LT(0, write(fd, get, sizeof(get) - 1));
	EXPECT_EQ(1, answers(fd, 1, buf, sizeof(buf)));
	close(fd);
}

/* Ask for @path on a new connection; @buf gets the whole answer. */
static void ask(int port, const char *path, char *buf, size_t len)
{
	size_t at = 0;
	ssize_t got;
	int fd = dial(port);

	dprintf(fd, "GET %s HTTP/1.1\r\nConnection: close\r\n\r\n", path);
	while ((got = read(fd, buf + at, len - 1 - at)) > 0)
		at += (size_t)got;
	buf[at] = '\0';
	close(fd);
}

static const char *text_of(const char *buf)
{
	const char *text = strstr(buf, "\r\n\r\n");

	return strncmp(buf, "HTTP/1.1 200 OK", 15) || !text ? "" : text + 4;
}

TEST_F(http, tenants)
{
	char buf[8192];

	ask(self->port, "/t/one/set?a=1&b=2", buf, sizeof(buf));
	EXPECT_STREQ("stored\n", text_of(buf));
	ask(self->port, "/t/two/set?a=3", buf, sizeof(buf));
	ask(self->port, "/t/one/set?a=4&c", buf, sizeof(buf));
	ask(self->port, "/t/one/get", buf, sizeof(buf));
	EXPECT_NE(NULL, strstr(text_of(buf), "a=4\n"));
	EXPECT_NE(NULL, strstr(text_of(buf), "b=2\n"));
	EXPECT_NE(NULL, strstr(text_of(buf), "c=\n"));
	ask(self->port, "/t/two/get", buf, sizeof(buf));
	EXPECT_STREQ("a=3\n", text_of(buf));
	ask(self->port, "/t/one/drop", buf, sizeof(buf));
	EXPECT_STREQ("dropped\n", text_of(buf));
	ask(self->port, "/t/one/get", buf, sizeof(buf));
	EXPECT_EQ(0, strncmp(buf, "HTTP/1.1 200 OK", 15));
	EXPECT_STREQ("", text_of(buf));
	ask(self->port, "/t//get", buf, sizeof(buf));
	EXPECT_EQ(0, strncmp(buf, "HTTP/1.1 404 ", 13));
	ask(self->port, "/t/one/other", buf, sizeof(buf));
	EXPECT_EQ(0, strncmp(buf, "HTTP/1.1 404 ", 13));
}

/* A tenant has 4 MiB; when it is full, the others still have theirs. */
TEST_F(http, a_tenant_has_a_limit)
{
	char path[2048], buf[8192], value[1900];
	bool full = false;
	int i;

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	for (i = 0; i < 4096 && !full; i++) {
		snprintf(path, sizeof(path), "/t/big/set?k%d=%s", i, value);
		ask(self->port, path, buf, sizeof(buf));
		full = !strncmp(buf, "HTTP/1.1 507 ", 13);
		ASSERT_TRUE(full || !strcmp("stored\n", text_of(buf)));
	}
	EXPECT_TRUE(full);
	/* most of the limit can be used */
	EXPECT_LT(1500, i);
	ask(self->port, "/t/small/set?a=1", buf, sizeof(buf));
	EXPECT_STREQ("stored\n", text_of(buf));
	ask(self->port, "/t/big/drop", buf, sizeof(buf));
	EXPECT_STREQ("dropped\n", text_of(buf));
	ask(self->port, "/t/big/set?a=1", buf, sizeof(buf));
	EXPECT_STREQ("stored\n", text_of(buf));
}

TEST_HARNESS_MAIN
