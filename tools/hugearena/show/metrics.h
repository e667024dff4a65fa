/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * metrics: the text that Prometheus reads.
 *
 *   metrics.c         families and samples, in either dialect
 *   metrics_module.c  what the module reports
 *   metrics_procs.c   what commands have
 *   metrics_text.c    all of it
 *   metrics_serve.c   by HTTP
 */
#ifndef TOOLS_METRICS_H
#define TOOLS_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

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

/* Commands on libshim or with arenas, added up by command name. */
void metrics_procs(struct metrics *m);

/* The whole text, malloc()ed; NULL without memory. */
char *metrics_text(bool open, bool procs, size_t *len);

/**
 * metrics_serve - answer GET /metrics until a signal ends it
 * @address: "127.0.0.1:9101", "[::1]:9101", ":9101" or "9101"
 * @any: allow an address that is not of this machine alone
 * @procs: with metrics_procs()
 *
 * Return: an exit status.
 */
int metrics_serve(const char *address, bool any, bool procs);

#endif
