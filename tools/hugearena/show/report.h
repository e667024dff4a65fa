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
/* How many of a column of rates came with one sample; 0 if that is not known. */
uint64_t report_count(const struct report *r, size_t i, enum report_col col);
/* The mean, weighted by nothing. */
double report_mean(const struct report *r, enum report_col col);

/* Write the page; 0 or a negative errno. */
int report_html(const struct report *r, FILE *f);

/* Have gnuplot draw it; 0 or a negative errno. */
int report_png(const struct report *r, const char *path);

/* What the page and the picture have, in this order. */
enum report_card {
	CARD_MEMORY,
	CARD_COVERAGE,
	CARD_FAULTS,
	CARD_SOURCES,
	CARD_LATENCY,
	CARD_BLOCKS,
	CARD_NR,
};

/**
 * report_lacks - is a card empty?
 * @r: a recording
 * @card: of it
 *
 * Return: NULL if there is something to show, else what would fill it.
 */
const char *report_lacks(const struct report *r, enum report_card card);

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

/* The plots of the cards before CARD_LATENCY, and the titles of all. */
extern const struct plot report_plots[CARD_LATENCY];
const char *report_title(enum report_card card);

/* A heap map has at most this many cells. */
#define MAP_COLS	100u
#define MAP_ROWS	64u

/**
 * report_cell - a cell of the heap map
 * @r: a recording with blocks
 * @col: of @cols columns: samples
 * @row: of @rows rows: blocks
 * @split: set if most of its blocks are split
 *
 * Return: how full in tenths, the mean of its blocks; -1 for none.
 */
int report_cell(const struct report *r, size_t col, size_t cols, size_t row,
		size_t rows, bool *split);

void svg_plot(FILE *f, const struct report *r, enum report_card card);
void svg_latency(FILE *f, const struct report *r);
void svg_blocks(FILE *f, const struct report *r);

/* A text, with what HTML minds replaced. */
void html_text(FILE *f, const char *text);

#endif
