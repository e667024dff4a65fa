/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * metrics: the text that Prometheus reads.
 *
 *   metrics.c         families and samples, in either dialect
 *   metrics_module.c  what the module reports
 *   metrics_procs.c   what commands have
 *   metrics_text.c    all of it
 *   metrics_heap.c    heap profiles of processes, as Go's programs serve theirs
 *   metrics_serve.c   by HTTP
 */
#ifndef TOOLS_METRICS_H
#define TOOLS_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/**
 * struct metrics - where it goes
 * @f: the stream
 * @open: OpenMetrics; else the older text format, which node_exporter's textfile
 *	collector wants
 */
struct metrics {
	FILE *f;
	bool open;
};

enum metrics_type {
	METRICS_GAUGE,
	METRICS_COUNTER,
	METRICS_HISTOGRAM,
};

/**
 * metrics_family - begin a family
 * @m: where to
 * @name: without "_total"
 * @type: what it is
 * @unit: "bytes" or "seconds" if the name ends in it, or NULL
 * @help: one sentence
 */
void metrics_family(struct metrics *m, const char *name,
		    enum metrics_type type, const char *unit,
		    const char *help);

/**
 * metrics_sample - a value of the family begun last
 * @m: where to
 * @name: the family's, with "_total" for a counter, "_bucket" and so on
 * @value: the value
 * @...: names and values of labels in turn, then NULL; a value may be any text
 */
void metrics_sample(struct metrics *m, const char *name, double value, ...)
	__attribute__((sentinel));

/* The end of the text. */
void metrics_end(struct metrics *m);

/* All about the module; hugearena_up alone without it. */
void metrics_module(struct metrics *m);

/* What distinguishes processes. */
#define METRICS_COMMAND	1u
#define METRICS_PID	2u
#define METRICS_CGROUP	4u
#define METRICS_UNIT	8u
#define METRICS_POD	16u	/* of Kubernetes, by UID */

/* Processes on libshim or with arenas, added up by METRICS_COMMAND and others. */
void metrics_procs(struct metrics *m, unsigned int labels);

/* The whole text, malloc()ed; NULL without memory.  @procs: labels, or 0. */
char *metrics_text(bool open, unsigned int procs, size_t *len);

/**
 * struct heap_query - which heap profile is wanted
 * @pid: of this process; or 0 and
 * @command: of the process of that name, or
 * @unit: of the service's main process
 * @seconds: what it allocated and freed in so long from now, 0: since the start
 * @text: the older text format instead of profile.proto
 */
struct heap_query {
	pid_t pid;
	const char *command, *unit;
	unsigned int seconds;
	bool text;
};

/**
 * metrics_heap - a heap profile, as "GET /debug/pprof/heap" of Go's programs has
 * @q: which
 * @rate: mean bytes between samples, to switch sampling on where it is off; 0 to
 *	leave it
 * @wait: called to wait for a number of seconds, without the caller's locks
 * @data: the profile, malloc()ed; or a sentence that says why there is none
 * @len: its length
 *
 * Return: an HTTP status.
 */
unsigned int metrics_heap(const struct heap_query *q, uint64_t rate,
			  void (*wait)(unsigned int), char **data, size_t *len);

/* Switch off what metrics_heap() has switched on. */
void metrics_heap_end(void);

/**
 * metrics_targets - processes that can be profiled, for discovery by HTTP
 * @host: where we are reached, "localhost:9101"
 *
 * Return: JSON as Prometheus's http_sd_configs reads it, malloc()ed; NULL
 * without memory.
 */
char *metrics_targets(const char *host);

/**
 * struct serve - what is served by HTTP, and where
 * @address: "127.0.0.1:9101", "[::1]:9101", ":9101" or "9101"
 * @any: allow an address that is not of this machine alone
 * @procs: labels for metrics_procs(), or 0
 * @heap: heap profiles as well
 * @rate: for metrics_heap()
 */
struct serve {
	const char *address;
	bool any, heap;
	unsigned int procs;
	uint64_t rate;
};

/* Answer until a signal ends it; an exit status. */
int metrics_serve(const struct serve *s);

#endif
