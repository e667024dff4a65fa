// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics_serve: /metrics, and heap profiles by choice, over HTTP, on this
 * machine's own address.
 *
 * A thread a connection, and one of them at work: a scraper comes once in some
 * seconds.  Only who waits for what a process will allocate lets others go on.
 */
#include <errno.h>
#include <limits.h>
#include <microhttpd.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/exit.h"
#include "metrics.h"
#include "base/out.h"

#define OPEN_TYPE	"application/openmetrics-text; version=1.0.0; charset=utf-8"
#define TEXT_TYPE	"text/plain; version=0.0.4; charset=utf-8"
#define CONNECTIONS	8
#define TIMEOUT_S	10
#define SECONDS_MAX	3600

static pthread_mutex_t work = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ending = PTHREAD_COND_INITIALIZER;
static bool ended;	/* guarded by work */

/* With work held, which others may have meanwhile. */
static void wait_seconds(unsigned int seconds)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += seconds;
	while (!ended &&
	       pthread_cond_timedwait(&ending, &work, &until) != ETIMEDOUT)
		;
}

static enum MHD_Result answer(struct MHD_Connection *c, unsigned int status,
			      const char *type, char *text, size_t len,
			      enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r;
	enum MHD_Result ret;

	r = MHD_create_response_from_buffer(len, text, mode);
	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result answer_words(struct MHD_Connection *c,
				    unsigned int status, const char *words)
{
	return answer(c, status, "text/plain", (char *)words, strlen(words),
		      MHD_RESPMEM_PERSISTENT);
}

static const char *parameter(struct MHD_Connection *c, const char *name)
{
	const char *value = MHD_lookup_connection_value(c,
							MHD_GET_ARGUMENT_KIND,
							name);

	return value && *value ? value : NULL;
}

/* A number among the parameters, 0 without it; false if it is none. */
static bool number(struct MHD_Connection *c, const char *name, unsigned int max,
		   unsigned int *value)
{
	const char *text = parameter(c, name);
	unsigned long n;
	char *end;

	*value = 0;
	if (!text)
		return true;
	n = strtoul(text, &end, 10);
	*value = (unsigned int)n;
	return *text >= '0' && *text <= '9' && !*end && n <= max;
}

static enum MHD_Result answer_heap(struct MHD_Connection *c,
				   const struct serve *s)
{
	struct heap_query q = {
		.command = parameter(c, "command"),
		.unit = parameter(c, "unit"),
	};
	unsigned int status, pid, debug;
	char *data = NULL;
	size_t len = 0;

	if (!number(c, "pid", INT_MAX, &pid) ||
	    !number(c, "seconds", SECONDS_MAX, &q.seconds) ||
	    !number(c, "debug", 2, &debug))
		return answer_words(c, MHD_HTTP_BAD_REQUEST,
				    "pid, seconds and debug are numbers\n");
	q.pid = (pid_t)pid;
	q.text = debug > 0;
	MHD_set_connection_option(c, MHD_CONNECTION_OPTION_TIMEOUT,
				  q.seconds + 2 * TIMEOUT_S);
	pthread_mutex_lock(&work);
	status = metrics_heap(&q, s->rate, wait_seconds, &data, &len);
	pthread_mutex_unlock(&work);
	if (!data)
		return answer_words(c, MHD_HTTP_INTERNAL_SERVER_ERROR,
				    "no memory\n");
	return answer(c, status, status == MHD_HTTP_OK && !q.text ?
		      "application/octet-stream" : "text/plain; charset=utf-8",
		      data, len, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result answer_targets(struct MHD_Connection *c)
{
	const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND,
						       MHD_HTTP_HEADER_HOST);
	char *text;

	pthread_mutex_lock(&work);
	text = metrics_targets(host ? host : "localhost");
	pthread_mutex_unlock(&work);
	if (!text)
		return answer_words(c, MHD_HTTP_INTERNAL_SERVER_ERROR,
				    "no memory\n");
	return answer(c, MHD_HTTP_OK, "application/json", text, strlen(text),
		      MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result answer_metrics(struct MHD_Connection *c,
				      const struct serve *s)
{
	const char *accept;
	size_t len;
	char *text;
	bool open;

	accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND,
					     MHD_HTTP_HEADER_ACCEPT);
	open = accept && strstr(accept, "application/openmetrics-text");
	pthread_mutex_lock(&work);
	text = metrics_text(open, s->procs, &len);
	pthread_mutex_unlock(&work);
	if (!text)
		return answer_words(c, MHD_HTTP_INTERNAL_SERVER_ERROR,
				    "no memory\n");
	return answer(c, MHD_HTTP_OK, open ? OPEN_TYPE : TEXT_TYPE, text, len,
		      MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *c,
			      const char *url, const char *method,
			      const char *version, const char *data,
			      size_t *size, void **state)
{
	const struct serve *s = cls;

	(void)version;
	(void)data;
	(void)size;
	(void)state;
	if (strcmp(method, MHD_HTTP_METHOD_GET) &&
	    strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_words(c, MHD_HTTP_METHOD_NOT_ALLOWED,
				    "only GET\n");
	if (!strcmp(url, "/metrics"))
		return answer_metrics(c, s);
	if (s->heap && !strcmp(url, "/debug/pprof/heap"))
		return answer_heap(c, s);
	if (s->heap && !strcmp(url, "/targets"))
		return answer_targets(c);
	return answer_words(c, MHD_HTTP_NOT_FOUND, s->heap ?
			    "there are /metrics, /debug/pprof/heap and /targets\n" :
			    "there is only /metrics\n");
}

/* "host:port" into its two; host may be missing, or in brackets. */
static bool address_split(const char *address, char *host, size_t size,
			  const char **port)
{
	const char *colon = strrchr(address, ':');
	size_t len;

	snprintf(host, size, "127.0.0.1");
	*port = colon ? colon + 1 : address;
	if (!**port || strspn(*port, "0123456789") != strlen(*port))
		return false;
	len = colon ? (size_t)(colon - address) : 0;
	if (len >= size)
		return false;
	if (len > 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	if (len) {
		memcpy(host, address, len);
		host[len] = '\0';
	}
	return true;
}

static bool is_loopback(const struct sockaddr *sa)
{
	static const unsigned char one[16] = { [15] = 1 };

	if (sa->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr)
		       >> 24 == 127;
	return !memcmp(&((const struct sockaddr_in6 *)sa)->sin6_addr, one, 16);
}

static int resolve(const char *address, bool any, struct addrinfo **ai)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	const char *port;
	char host[64];
	int err;

	if (!address_split(address, host, sizeof(host), &port)) {
		out_error("'%s' is not ADDRESS:PORT", address);
		return CMD_USAGE;
	}
	err = getaddrinfo(host, port, &hints, ai);
	if (err) {
		out_error("'%s': %s", address, gai_strerror(err));
		return CMD_USAGE;
	}
	if (!any && !is_loopback((*ai)->ai_addr)) {
		out_error("%s can be reached from other machines; use --any "
			  "to do it", address);
		freeaddrinfo(*ai);
		return CMD_USAGE;
	}
	return CMD_OK;
}

int metrics_serve(const struct serve *s)
{
	struct MHD_Daemon *daemon;
	struct addrinfo *ai;
	const union MHD_DaemonInfo *info;
	sigset_t set;
	int ret, sig;

	ret = resolve(s->address, s->any, &ai);
	if (ret)
		return ret;
	/* the daemon's threads inherit the mask: the signals are ours */
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	errno = 0;
	daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD |
				  MHD_USE_THREAD_PER_CONNECTION |
				  (ai->ai_family == AF_INET6 ?
				   MHD_USE_IPv6 : 0), 0, NULL, NULL, handle,
				  (void *)s, MHD_OPTION_SOCK_ADDR, ai->ai_addr,
				  MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
				  MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
				  MHD_OPTION_END);
	freeaddrinfo(ai);
	if (!daemon) {
		out_error("cannot listen on %s: %s", s->address,
			  errno ? strerror(errno) : "unknown error");
		return CMD_FAILED;
	}
	info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
	fprintf(stderr, "hugearena: serving /metrics%s on port %d\n",
		s->heap ? " and heap profiles" : "", info ? info->port : 0);
	sigwait(&set, &sig);
	pthread_mutex_lock(&work);
	ended = true;
	pthread_cond_broadcast(&ending);
	pthread_mutex_unlock(&work);
	MHD_stop_daemon(daemon);
	metrics_heap_end();
	return CMD_OK;
}
