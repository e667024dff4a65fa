/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report: a recording, and how it is drawn.
 *
 *   report.c       a recording as columns of numbers
 *   report_html.c  the page
 *   report_svg.c   its plots
 *   report_png.c   the same by gnuplot
 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "read/kmod.h"

/* Columns of numbers, one for each thing that is plotted over time. */
enum report_col {
	COL_TIME,
	COL_RESIDENT,
	COL_HUGE,
	COL_ALLOCATED,
	COL_FREE,		/* caches, spans, pages that libshim keeps */
	COL_COVERAGE,
	COL_FAULTS,		/* a second, like the following */
	COL_RESERVE,
	COL_POOL,
	COL_DEMAND,
	COL_SMALL,
	COL_COW,
	COL_NR,
};

/**
 * struct report - a recording
 * @header: its first line
 * @n: samples
 * @col: their numbers; NAN where one was not known
 * @blocks: their heap maps, or NULL
 * @max_blocks: the longest of these
 * @latency: faults by their time during the recording, of the whole machine
 * @nr_latency: sources
 */
struct report {
	json_t *header;
	size_t n;
	double *col[COL_NR];
	char **blocks;
	size_t max_blocks;
	struct kmod_latency latency[KMOD_SOURCES];
	size_t nr_latency;
};

/**
 * report_read - read a recording
 * @r: zeroed; report_free() it whatever is returned
 * @f: a file of 'hugearena record'
 *
 * Return: 0, -EINVAL if it is none, -ENOMEM.
 */
int report_read(struct report *r, FILE *f);

void report_free(struct report *r);

/* The greatest and the last known value of a column; NAN if there is none. */
double report_max(const struct report *r, enum report_col col);
double report_last(const struct report *r, enum report_col col);
/* The mean, weighted by nothing. */
double report_mean(const struct report *r, enum report_col col);

/* Write the page; 0 or a negative errno. */
int report_html(const struct report *r, FILE *f);

/* Have gnuplot draw it; 0 or a negative errno. */
int report_png(const struct report *r, const char *path);

/**
 * struct plot - lines over time
 * @title: its heading
 * @bytes: values are bytes; else plain numbers
 * @suffix: behind a value: " %", "/s"
 * @nr: lines
 * @col: what each shows
 * @name: and is called
 */
struct plot {
	const char *title;
	bool bytes;
	const char *suffix;
	unsigned int nr;
	enum report_col col[6];
	const char *name[6];
};

void svg_plot(FILE *f, const struct report *r, const struct plot *p);
void svg_latency(FILE *f, const struct report *r);
void svg_blocks(FILE *f, const struct report *r);

/* A text, with what HTML minds replaced. */
void html_text(FILE *f, const char *text);

#endif
