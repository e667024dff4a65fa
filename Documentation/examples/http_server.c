// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * http_server: HTTP/1.1 with keep-alive: a coroutine a connection, a region a
 * request, a heap a tenant.
 *
 *	cc -O2 http_server.c -o http_server -lshim-co -lshim-box
 *	./http_server [-p PORT] [-t THREADS] [-i SECONDS] [-e] [-k]
 *
 *	GET /t/NAME/set?KEY=VALUE&...	store
 *	GET /t/NAME/get			all keys and values
 *	GET /t/NAME/drop		forget the tenant
 *	GET, HEAD of anything else	a line of text
 *
 * Each connection is read from top to bottom, as with a thread a connection; it
 * costs a page instead of a thread.  What a request needs comes from one region,
 * which is reset when the answers were sent: nothing of it is freed by hand, on
 * no path.  A tenant's store is in a heap of its own, with a limit, and dropping
 * it is one call.
 *
 * -e waits by epoll even where io_uring is to be had.
 * -k parks connections that were idle for a second: then they cost less than a
 * page.  Port 0, the default, is any; the one it got is printed.  What is
 * malformed is closed with 400, what is idle for a minute (-i) without a word.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <shim_co.h>
#include <shim_heap.h>
#include <shim_region.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <unistd.h>

#define SECOND	INT64_C(1000000000)
#define REQUEST_MAX	2048
#define ANSWERS_MAX	65536		/* bytes that are sent together */
#define TENANTS	64
#define TENANT_MAX	((size_t)4 << 20)	/* bytes of one */
#define SPARES	16			/* regions a worker keeps */

static const char body[] = "Hello from a coroutine\n";
static int port, threads = 1;
static bool by_epoll, park;
static int64_t idle_max = 60 * SECOND;

struct pair {
	struct pair *next;
	char *name;
	char *value;
};

struct tenant {
	char name[32];
	struct pair *pairs;
	struct shim_heap *heap;
};

/* The lock is held for no longer than it takes to look something up. */
static pthread_mutex_t tenants_lock = PTHREAD_MUTEX_INITIALIZER;
static struct tenant tenants[TENANTS];

/* One thread: a listening socket and a queue of its own. */
struct worker {
	struct shim_co_queue *queue;
	int listener;
	pthread_t thread;
	struct conn *idle;		/* that may be parked */
	struct shim_region *spare[SPARES];
	unsigned int nr_spare;
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

/*
 * A request's memory.  Others of the thread answer while this one waits to send,
 * so each has a region of its own.
 */
static struct shim_region *region_take(struct worker *w)
{
	return w->nr_spare ? w->spare[--w->nr_spare] : shim_region_new(0, 0);
}

static void region_give(struct worker *w, struct shim_region *r)
{
	if (!r)
		return;
	if (w->nr_spare == SPARES) {
		shim_region_free(r);
		return;
	}
	shim_region_reset(r);
	w->spare[w->nr_spare++] = r;
}

static char *region_dup(struct shim_region *r, const char *s, size_t len)
{
	char *p = shim_region_alloc(r, len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = '\0';
	}
	return p;
}

/* What is to be sent, in a region. */
struct out {
	struct shim_region *region;
	char *text;
	size_t len, room;
};

static bool out_add(struct out *o, const char *s, size_t len)
{
	if (o->len + len > o->room) {
		size_t room = 2 * (o->len + len) + 512;
		char *more = shim_region_alloc(o->region, room);

		if (!more)
			return false;
		if (o->len)
			memcpy(more, o->text, o->len);
		o->text = more;
		o->room = room;
	}
	memcpy(o->text + o->len, s, len);
	o->len += len;
	return true;
}

static inline bool out_line(struct out *o, const char *s)
{
	return out_add(o, s, strlen(s));
}

/* "k=v&k=v" up to a blank, into the region; *@list is NULL if there is none. */
static bool query_parse(struct shim_region *r, const char *s, struct pair **list)
{
	*list = NULL;
	while (*s && *s != ' ') {
		size_t len = strcspn(s, "& "), eq = strcspn(s, "=& ");
		const char *value = s + eq + (eq < len);
		struct pair *p = shim_region_alloc(r, sizeof(*p));

		if (!p)
			return false;
		p->name = region_dup(r, s, eq);
		p->value = region_dup(r, value, (size_t)(s + len - value));
		p->next = *list;
		*list = p;
		if (!p->name || !p->value)
			return false;
		s += len + (s[len] == '&');
	}
	return true;
}

/* By name, made if there is none; the lock is held. */
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
	if (!none)
		return NULL;
	none->heap = shim_heap_new(SHIM_HEAP_SEGREGATED);
	if (!none->heap)
		return NULL;
	shim_heap_set_limit(none->heap, TENANT_MAX);
	memcpy(none->name, name, len);
	return none;
}

static void tenant_drop(struct tenant *t)
{
	shim_heap_destroy(t->heap);
	memset(t, 0, sizeof(*t));
}

static char *tenant_dup(struct tenant *t, const char *s)
{
	size_t len = strlen(s) + 1;
	char *p = shim_heap_alloc(t->heap, len);

	return p ? memcpy(p, s, len) : NULL;
}

static bool tenant_set(struct tenant *t, const struct pair *q)
{
	char *value = tenant_dup(t, q->value);
	struct pair *p;

	if (!value)
		return false;
	for (p = t->pairs; p; p = p->next)
		if (!strcmp(p->name, q->name)) {
			shim_heap_free(t->heap, p->value);
			p->value = value;
			return true;
		}
	p = shim_heap_alloc(t->heap, sizeof(*p));
	if (p)
		p->name = tenant_dup(t, q->name);
	if (!p || !p->name) {
		shim_heap_free(t->heap, p);
		shim_heap_free(t->heap, value);
		return false;
	}
	p->value = value;
	p->next = t->pairs;
	t->pairs = p;
	return true;
}

/* What a tenant is asked; the text of its answer into @o, or a status. */
static const char *tenant_do(const char *what, struct tenant *t, struct out *o)
{
	struct pair *p;

	if (!strncmp(what, "/set?", 5)) {
		if (!query_parse(o->region, what + 5, &p))
			return "503 Service Unavailable";
		for (; p; p = p->next)
			if (!tenant_set(t, p))
				return "507 Insufficient Storage";
		return out_add(o, "stored\n", 7) ? NULL :
						   "503 Service Unavailable";
	}
	if (!strncmp(what, "/drop ", 6)) {
		tenant_drop(t);
		return out_add(o, "dropped\n", 8) ? NULL :
						    "503 Service Unavailable";
	}
	if (strncmp(what, "/get ", 5))
		return "404 Not Found";
	for (p = t->pairs; p; p = p->next)
		if (!out_add(o, p->name, strlen(p->name)) ||
		    !out_add(o, "=", 1) ||
		    !out_add(o, p->value, strlen(p->value)) ||
		    !out_add(o, "\n", 1))
			return "503 Service Unavailable";
	return NULL;
}

/* "/t/NAME/...": the same; nothing of @path is ours to write to. */
static const char *tenant_answer(const char *path, struct out *o)
{
	size_t len = strcspn(path + 3, "/ \r");
	const char *status = "404 Not Found";
	struct tenant *t;

	pthread_mutex_lock(&tenants_lock);
	t = tenant_get_maybe_null(path + 3, len);
	if (t)
		status = tenant_do(path + 3 + len, t, o);
	pthread_mutex_unlock(&tenants_lock);
	return status;
}

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
	const char *line = req, *found;

	while ((line = memchr(line, '\n', (size_t)(end - line))) &&
	       ++line < end) {
		if ((size_t)(end - line) <= len || strncasecmp(line, name, len))
			continue;
		found = strcasestr(line, value);
		return found && found < end;
	}
	return false;
}

/* One answer to the end of @all; *@keep: the connection goes on. */
static bool answer(struct out *all, const char *req, const char *end, bool *keep)
{
	bool is_head = !strncmp(req, "HEAD ", 5);
	struct out text = { .region = all->region };
	const char *status = NULL, *content = body;
	size_t len = sizeof(body) - 1;
	char head[64];
	int n;

	*keep = !has_header(req, end, "Connection:", "close");
	if (!is_head && strncmp(req, "GET ", 4)) {
		status = "400 Bad Request";
		*keep = false;
		len = 0;
	} else if (!is_head && !strncmp(req + 4, "/t/", 3)) {
		status = tenant_answer(req + 4, &text);
		content = text.text;
		len = status ? 0 : text.len;
	}
	n = snprintf(head, sizeof(head), "Content-Length: %zu\r\n\r\n", len);
	return out_line(all, "HTTP/1.1 ") &&
	       out_line(all, status ? status : "200 OK") &&
	       out_line(all, "\r\nContent-Type: text/plain\r\n") &&
	       (*keep || out_line(all, "Connection: close\r\n")) &&
	       out_add(all, head, (size_t)n) &&
	       (is_head || !len || out_add(all, content, len));
}

static bool send_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len) {
		n = shim_co_send(fd, p, len, MSG_NOSIGNAL, idle_max);
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
	if (park && !*len && shim_co_wait(c->fd, POLLIN, idle_max) <= 0)
		return false;
	n = shim_co_recv(c->fd, buf + *len, REQUEST_MAX - *len, 0, idle_max);
	if (n <= 0)
		return false;
	*len += (size_t)n;
	buf[*len] = '\0';	/* no search runs past it */
	return true;
}

/* All requests that are complete in @buf; false to close. */
static bool serve(struct conn *c, char *buf, size_t *len)
{
	struct out out = { .region = region_take(c->worker) };
	char *end, *at = buf;
	bool ok = out.region, keep = true;

	while (ok && keep &&
	       (end = request_end(at, *len - (size_t)(at - buf)))) {
		ok = answer(&out, at, end, &keep);
		at = end;
		/* several answers go together, but not any number of them */
		if (ok && out.len > ANSWERS_MAX) {
			ok = send_all(c->fd, out.text, out.len);
			shim_region_reset(out.region);
			out = (struct out){ .region = out.region };
		}
	}
	*len -= (size_t)(at - buf);
	memmove(buf, at, *len);
	if (ok && out.len)
		ok = send_all(c->fd, out.text, out.len);
	region_give(c->worker, out.region);
	return ok && keep && *len < REQUEST_MAX;
}

/*
 * The buffer is in a frame that is gone while the connection is idle: an idle
 * stack is some hundred bytes deep.
 */
static __attribute__((noinline)) bool exchange(struct conn *c)
{
	char buf[REQUEST_MAX + 1];
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
	return !park || shim_co_wait(c->fd, POLLIN, idle_max) > 0;
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

	w->queue = shim_co_queue_new(by_epoll ? SHIM_CO_EPOLL : 0);
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

	while ((opt = getopt(argc, argv, "p:t:i:ek")) != -1) {
		switch (opt) {
		case 'p':
			port = atoi(optarg);
			break;
		case 't':
			threads = atoi(optarg);
			break;
		case 'i':
			idle_max = atoi(optarg) * SECOND;
			break;
		case 'e':
			by_epoll = true;
			break;
		case 'k':
			park = true;
			break;
		default:
			fprintf(stderr,
				"Usage: %s [-p PORT] [-t THREADS] [-i SECONDS] [-e] [-k]\n",
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
