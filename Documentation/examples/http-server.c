// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * http-server: a small real server: a region a request, a heap a tenant.
 *
 * Each tenant has a store of keys and values in a heap of its own, with a limit;
 * what a request needs is taken from one region, which is reset when the answer
 * was sent.  There is no free() of a request's objects, and dropping a tenant is
 * one call.
 *
 *	GET /t/NAME/set?KEY=VALUE&...	store
 *	GET /t/NAME/get			all keys and values
 *	GET /t/NAME/drop		forget the tenant
 *
 * With -DBY_HAND the same by malloc() and free(), for comparison.  At SIGTERM it
 * says how many requests it answered and what CPU time they took.
 *
 *	cc -O2 http-server.c -lshim-box && ./a.out 8080
 */
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef BY_HAND
#include <shim_heap.h>
#include <shim_region.h>
#endif

#define CONNS	1024
#define TENANTS	64
#define LIMIT	((size_t)4 << 20)	/* of a tenant */
#define BUF	8192

struct pair {
	struct pair *next;
	char *name;
	char *value;
};

struct tenant {
	char name[32];
	struct pair *pairs;
	size_t n;
#ifndef BY_HAND
	struct shim_heap *heap;
#endif
};

struct request {
	char *path;
	struct pair *query;
	struct pair *headers;
};

static struct conn {
	size_t len;
	char buf[BUF];
} conns[CONNS];

static struct tenant tenants[TENANTS];
static unsigned long answered;
static int stop;

#ifdef BY_HAND
/* What a request allocates, to be freed one by one. */
static void **mine;
static size_t nr_mine, room_mine;

static void *req_alloc(size_t size)
{
	void *p = malloc(size);

	if (p && nr_mine == room_mine) {
		void **more = realloc(mine, (room_mine + 64) * sizeof(*mine));

		if (!more) {
			free(p);
			return NULL;
		}
		mine = more;
		room_mine += 64;
	}
	if (p)
		mine[nr_mine++] = p;
	return p;
}

static void req_end(void)
{
	while (nr_mine)
		free(mine[--nr_mine]);
}

static void *tenant_alloc(struct tenant *t, size_t size)
{
	(void)t;
	return malloc(size);
}

static void tenant_free(struct tenant *t, void *p)
{
	(void)t;
	free(p);
}
#else
static struct shim_region *region;

static void *req_alloc(size_t size)
{
	return shim_region_alloc(region, size);
}

static void req_end(void)
{
	shim_region_reset(region);
}

static void *tenant_alloc(struct tenant *t, size_t size)
{
	return shim_heap_alloc(t->heap, size);
}

static void tenant_free(struct tenant *t, void *p)
{
	shim_heap_free(t->heap, p);
}
#endif

static char *req_dup(const char *s, size_t len)
{
	char *p = req_alloc(len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

static struct pair *pair_add(struct pair **list, const char *name, size_t nlen,
			     const char *value, size_t vlen)
{
	struct pair *p = req_alloc(sizeof(*p));

	if (!p)
		return NULL;
	p->name = req_dup(name, nlen);
	p->value = req_dup(value, vlen);
	p->next = *list;
	*list = p;
	return p->name && p->value ? p : NULL;
}

/* "k=v&k=v" */
static int parse_query(struct request *r, const char *s)
{
	while (*s) {
		size_t len = strcspn(s, "&"), eq = strcspn(s, "=&");
		const char *value = s + eq + (eq < len);

		if (!pair_add(&r->query, s, eq, value,
			      (size_t)(s + len - value)))
			return -1;
		s += len + (s[len] == '&');
	}
	return 0;
}

static int parse(struct request *r, const char *s)
{
	const char *end, *line;
	char *query;

	if (strncmp(s, "GET ", 4))
		return -1;
	s += 4;
	end = s + strcspn(s, " \r\n");
	r->path = req_dup(s, (size_t)(end - s));
	if (!r->path)
		return -1;
	query = strchr(r->path, '?');
	if (query) {
		*query++ = '\0';
		if (parse_query(r, query))
			return -1;
	}
	for (line = strstr(end, "\r\n"); line && line[2] != '\r';
	     line = strstr(line + 2, "\r\n")) {
		const char *name = line + 2, *colon = strchr(name, ':');
		const char *eol = strstr(name, "\r\n");

		if (!colon || !eol || colon > eol)
			break;
		if (!pair_add(&r->headers, name, (size_t)(colon - name),
			      colon + 1, (size_t)(eol - colon - 1)))
			return -1;
	}
	return 0;
}

static struct tenant *tenant_get_maybe_null(const char *name, size_t len)
{
	struct tenant *t, *none = NULL;

	if (!len || len >= sizeof(t->name))
		return NULL;
	for (t = tenants; t < tenants + TENANTS; t++) {
		if (!t->name[0])
			none = none ? none : t;
		else if (!strncmp(t->name, name, len) && !t->name[len])
			return t;
	}
	t = none;
	if (!t)
		return NULL;
#ifndef BY_HAND
	t->heap = shim_heap_new(SHIM_HEAP_SEGREGATED);
	if (!t->heap)
		return NULL;
	shim_heap_set_limit(t->heap, LIMIT);
#endif
	memcpy(t->name, name, len);
	return t;
}

static void tenant_drop(struct tenant *t)
{
#ifdef BY_HAND
	while (t->pairs) {
		struct pair *p = t->pairs;

		t->pairs = p->next;
		free(p->name);
		free(p->value);
		free(p);
	}
#else
	shim_heap_destroy(t->heap);
#endif
	memset(t, 0, sizeof(*t));
}

static char *tenant_dup(struct tenant *t, const char *s)
{
	size_t len = strlen(s) + 1;
	char *p = tenant_alloc(t, len);

	return p ? memcpy(p, s, len) : NULL;
}

static int tenant_set(struct tenant *t, const struct pair *q)
{
	char *value = tenant_dup(t, q->value);
	struct pair *p;

	if (!value)
		return -1;
	for (p = t->pairs; p; p = p->next)
		if (!strcmp(p->name, q->name)) {
			tenant_free(t, p->value);
			p->value = value;
			return 0;
		}
	p = tenant_alloc(t, sizeof(*p));
	if (p)
		p->name = tenant_dup(t, q->name);
	if (!p || !p->name) {
		tenant_free(t, p);
		tenant_free(t, value);
		return -1;
	}
	p->value = value;
	p->next = t->pairs;
	t->pairs = p;
	t->n++;
	return 0;
}

/* The answer's body, or NULL: no memory, or no such thing. */
static char *answer(struct request *r)
{
	struct tenant *t;
	char *body, *end;
	struct pair *p;
	size_t len, room = 1;

	if (strncmp(r->path, "/t/", 3))
		return NULL;
	len = strcspn(r->path + 3, "/");
	t = tenant_get_maybe_null(r->path + 3, len);
	if (!t)
		return NULL;
	if (!strcmp(r->path + 3 + len, "/set")) {
		for (p = r->query; p; p = p->next)
			if (tenant_set(t, p))
				return NULL;
		return req_dup("stored\n", 7);
	}
	if (!strcmp(r->path + 3 + len, "/drop")) {
		tenant_drop(t);
		return req_dup("dropped\n", 8);
	}
	if (strcmp(r->path + 3 + len, "/get"))
		return NULL;
	for (p = t->pairs; p; p = p->next)
		room += strlen(p->name) + strlen(p->value) + 2;
	body = req_alloc(room);
	if (!body)
		return NULL;
	end = body;
	for (p = t->pairs; p; p = p->next) {
		end = stpcpy(stpcpy(end, p->name), "=");
		end = stpcpy(stpcpy(end, p->value), "\n");
	}
	*end = '\0';
	return body;
}

static int send_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int serve(int fd, const char *text)
{
	struct request r = { 0 };
	char *body = parse(&r, text) ? NULL : answer(&r);
	const char *status = body ? "200 OK" : "404 Not Found";
	size_t len = body ? strlen(body) : 0;
	char *out = req_alloc(len + 200);
	int n, ret = -1;

	if (out) {
		n = snprintf(out, len + 200,
			     "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s",
			     status, len, body ? body : "");
		ret = send_all(fd, out, (size_t)n);
	}
	answered++;
	req_end();
	return ret;
}

/* Answers all requests that are complete; -1 closes. */
static int readable(int fd)
{
	struct conn *c = &conns[fd];
	ssize_t n = recv(fd, c->buf + c->len, BUF - 1 - c->len, 0);
	char *end;

	if (n <= 0)
		return -1;
	c->len += (size_t)n;
	c->buf[c->len] = '\0';
	while ((end = strstr(c->buf, "\r\n\r\n"))) {
		size_t used = (size_t)(end + 4 - c->buf);

		if (serve(fd, c->buf))
			return -1;
		c->len -= used;
		memmove(c->buf, c->buf + used, c->len + 1);
	}
	return c->len == BUF - 1 ? -1 : 0;
}

static void on_term(int sig)
{
	(void)sig;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

static int listen_on(int port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 128))
		err(1, "port %d", port);
	return fd;
}

static void take_conn(int ep, int listener)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	ev.data.fd = fd;
	if (fd >= CONNS || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev)) {
		close(fd);
		return;
	}
	conns[fd].len = 0;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_term };
	struct epoll_event ev[64] = { { .events = EPOLLIN } };
	int listener = listen_on(argc > 1 ? atoi(argv[1]) : 8080);
	int ep = epoll_create1(EPOLL_CLOEXEC), i, n;
	struct rusage ru;
	double us;

	sigaction(SIGTERM, &sa, NULL);
	ev[0].data.fd = listener;
	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, listener, ev))
		err(1, "epoll");
#ifndef BY_HAND
	region = shim_region_new(0, 0);
	if (!region)
		err(1, "region");
#endif
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		n = epoll_wait(ep, ev, 64, -1);
		for (i = 0; i < n; i++) {
			if (ev[i].data.fd == listener)
				take_conn(ep, listener);
			else if (readable(ev[i].data.fd))
				close(ev[i].data.fd);
		}
	}
	for (i = 0; i < TENANTS; i++)
		if (tenants[i].name[0])
			tenant_drop(&tenants[i]);
#ifndef BY_HAND
	shim_region_free(region);
#else
	free(mine);
#endif
	getrusage(RUSAGE_SELF, &ru);
	us = (double)ru.ru_utime.tv_sec * 1e6 + (double)ru.ru_utime.tv_usec;
	printf("%lu requests, %.2f us of user time each, %ld KiB at most\n",
	       answered, answered ? us / (double)answered : 0, ru.ru_maxrss);
	return 0;
}
