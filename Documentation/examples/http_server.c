// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * http_server: HTTP/1.1 with keep-alive, a coroutine a connection.
 *
 *	cc -O2 http_server.c -o http_server -lshim-co
 *	./http_server [-p PORT] [-t THREADS] [-k]
 *
 * Each connection is read from top to bottom, as with a thread a connection; it
 * costs a page instead of a thread.  -k parks connections that were idle for a
 * second: then they cost less than a page.  Port 0, the default, is any; the
 * one it got is printed.  Answers GET and HEAD with a line of text, closes what
 * is malformed with 400, and what is idle for a minute.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <shim_co.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND	INT64_C(1000000000)
#define IDLE	(60 * SECOND)
#define REQUEST_MAX	2048

static const char body[] = "Hello from a coroutine\n";
static int port, threads = 1;
static bool park;

/* One thread: a listening socket and a queue of its own. */
struct worker {
	struct shim_co_queue *queue;
	int listener;
	pthread_t thread;
	struct conn *idle;		/* that may be parked */
};

struct conn {
	struct worker *worker;
	struct shim_co *co;
	int fd;
	int64_t waits;			/* grows with each request */
	int64_t seen;			/* what the janitor saw */
	struct conn *next;
	struct conn **prev;
};

/* The end of the first request in @buf, or NULL if it is not complete. */
static char *request_end(char *buf, size_t len)
{
	char *end = memmem(buf, len, "\r\n\r\n", 4);

	return end ? end + 4 : NULL;
}

/* Has the request a header @name with @value in it? */
static bool has_header(const char *req, const char *end, const char *name,
		       const char *value)
{
	size_t len = strlen(name);
	const char *line;

	for (line = req; line && line < end; ) {
		line = memmem(line, (size_t)(end - line), "\r\n", 2);
		if (!line)
			break;
		line += 2;
		if ((size_t)(end - line) > len && !strncasecmp(line, name, len))
			return strcasestr(line, value) &&
			       strcasestr(line, value) < end;
	}
	return false;
}

/* One answer into @out; its length.  *@keep: the connection goes on. */
static size_t answer(char *out, size_t room, const char *req, const char *end,
		     bool *keep)
{
	bool head = !strncmp(req, "HEAD ", 5);
	const char *status = "200 OK";

	*keep = !has_header(req, end, "Connection:", "close");
	if (!head && strncmp(req, "GET ", 4)) {
		status = "400 Bad Request";
		*keep = false;
	}
	return (size_t)snprintf(out, room,
				"HTTP/1.1 %s\r\nContent-Type: text/plain\r\n"
				"Content-Length: %zu\r\n%s\r\n%s", status,
				sizeof(body) - 1,
				*keep ? "" : "Connection: close\r\n",
				head ? "" : body);
}

static bool send_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len) {
		n = shim_co_send(fd, p, len, MSG_NOSIGNAL, IDLE);
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

/* Read into @buf behind *@len; false when the connection is over. */
static bool receive(struct conn *c, char *buf, size_t *len)
{
	ssize_t n;

	c->waits++;
	/* a wait for readiness may be parked, a read into the stack may not */
	if (park && !*len && shim_co_wait(c->fd, POLLIN, IDLE) <= 0)
		return false;
	n = shim_co_recv(c->fd, buf + *len, REQUEST_MAX - *len, 0, IDLE);
	if (n <= 0)
		return false;
	*len += (size_t)n;
	return true;
}

/* All requests that are complete in @buf; false to close. */
static bool serve(struct conn *c, char *buf, size_t *len)
{
	char out[1024], *end, *at = buf;
	size_t used = 0;
	bool keep = true;

	while (keep && (end = request_end(at, *len - (size_t)(at - buf)))) {
		used += answer(out + used, sizeof(out) - used, at, end, &keep);
		at = end;
		/* several answers go together, as long as one more has room */
		if (used > sizeof(out) - 256) {
			if (!send_all(c->fd, out, used))
				return false;
			used = 0;
		}
	}
	*len -= (size_t)(at - buf);
	memmove(buf, at, *len);
	return (!used || send_all(c->fd, out, used)) && keep &&
	       *len < REQUEST_MAX;
}

/*
 * The buffer is in a frame that is gone while the connection is idle: an idle
 * stack is some hundred bytes deep.
 */
static __attribute__((noinline)) bool exchange(struct conn *c)
{
	char buf[REQUEST_MAX];
	size_t len = 0;

	do {
		if (!receive(c, buf, &len) || !serve(c, buf, &len))
			return false;
	} while (len);
	return true;
}

static bool idle(struct conn *c)
{
	c->waits++;
	return !park || shim_co_wait(c->fd, POLLIN, IDLE) > 0;
}

static void *connection(void *arg)
{
	struct conn *c = arg;
	int one = 1;

	c->co = shim_co_self();
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	while (idle(c) && exchange(c))
		;
	close(c->fd);
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	free(c);
	return NULL;
}

static struct conn *conn_new(struct worker *w, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->worker = w;
	c->fd = fd;
	c->prev = &w->idle;
	c->next = w->idle;
	if (c->next)
		c->next->prev = &c->next;
	w->idle = c;
	return c;
}

static void *acceptor(void *arg)
{
	struct shim_co_attr attr = { .name = "connection" };
	struct worker *w = arg;
	struct conn *c;
	int fd;

	for (;;) {
		fd = shim_co_accept(w->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			/* out of descriptors or memory: others will go */
			shim_co_sleep(SECOND / 100);
			continue;
		}
		c = conn_new(w, fd);
		if (!c || shim_co_go(NULL, connection, c, &attr)) {
			close(fd);
			if (c)
				w->idle = c->next;
			free(c);
		}
	}
	return NULL;
}

/* Each second: who still waits for the request it waited for then is parked. */
static void *janitor(void *arg)
{
	struct worker *w = arg;
	struct conn *c;

	for (;;) {
		shim_co_sleep(SECOND);
		for (c = w->idle; c; c = c->next) {
			if (c->co && c->seen == c->waits)
				shim_co_park(c->co);
			c->seen = c->waits;
		}
	}
	return NULL;
}

static int listen_on(int at)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
		.sin_port = htons((unsigned short)at),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, 4096)) {
		perror("http_server: listen");
		exit(1);
	}
	return fd;
}

static int port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	return getsockname(fd, (struct sockaddr *)&a, &len) ? 0 :
							      ntohs(a.sin_port);
}

static void *work(void *arg)
{
	struct shim_co_attr accepts = { .name = "accept" };
	struct shim_co_attr parks = { .name = "janitor" };
	struct worker *w = arg;

	w->queue = shim_co_queue_new(0);
	if (!w->queue || shim_co_go(w->queue, acceptor, w, &accepts) ||
	    (park && shim_co_go(w->queue, janitor, w, &parks))) {
		perror("http_server");
		exit(1);
	}
	shim_co_run(w->queue);
	return NULL;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	struct worker *w;
	int opt, i;

	while ((opt = getopt(argc, argv, "p:t:k")) != -1) {
		switch (opt) {
		case 'p':
			port = atoi(optarg);
			break;
		case 't':
			threads = atoi(optarg);
			break;
		case 'k':
			park = true;
			break;
		default:
			fprintf(stderr, "Usage: %s [-p PORT] [-t THREADS] [-k]\n",
				argv[0]);
			return 2;
		}
	}
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	w = calloc((size_t)threads, sizeof(*w));
	for (i = 0; i < threads; i++) {
		w[i].listener = listen_on(port);
		port = port_of(w[i].listener);
	}
	printf("listening on port %d\n", port);
	fflush(stdout);
	for (i = 1; i < threads; i++)
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	work(&w[0]);
	return 0;
}
