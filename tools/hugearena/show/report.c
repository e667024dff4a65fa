// SPDX-License-Identifier: GPL-2.0-only
/*
 * report: a recording in memory, as columns of numbers.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "report.h"

double report_max(const struct report *r, enum report_col col)
{
	double max = NAN;
	size_t i;

	for (i = 0; i < r->n; i++)
		max = fmax(max, r->col[col][i]);
	return max;
}

double report_last(const struct report *r, enum report_col col)
{
	size_t i;

	for (i = r->n; i > 0; i--)
		if (!isnan(r->col[col][i - 1]))
			return r->col[col][i - 1];
	return NAN;
}

uint64_t report_count(const struct report *r, size_t i, enum report_col col)
{
	double n;

	if (!i || isnan(r->col[col][i]))
		return 0;
	n = r->col[col][i] * (r->col[COL_TIME][i] - r->col[COL_TIME][i - 1]);
	return n > 0 ? (uint64_t)(n + 0.5) : 0;
}

double report_mean(const struct report *r, enum report_col col)
{
	double sum = 0;
	size_t i, n = 0;

	for (i = 0; i < r->n; i++) {
		if (isnan(r->col[col][i]))
			continue;
		sum += r->col[col][i];
		n++;
	}
	return n ? sum / (double)n : NAN;
}

const struct plot report_plots[CARD_LATENCY] = {
	[CARD_MEMORY] = {
		.title = "Memory", .bytes = true, .nr = 4,
		.col = { COL_RESIDENT, COL_HUGE, COL_ALLOCATED, COL_FREE },
		.name = { "resident", "in 2 MiB pages", "allocated",
			  "kept free by libshim" },
	},
	[CARD_COVERAGE] = {
		.title = "Coverage by 2 MiB pages",
		.suffix = " %", .nr = 1, .col = { COL_COVERAGE },
		.name = { "of resident memory" },
	},
	[CARD_FAULTS] = {
		.title = "Page faults of all kinds", .suffix = "/s", .nr = 1,
		.col = { COL_FAULTS }, .name = { "faults" },
	},
	[CARD_SOURCES] = {
		.title = "Faults of arenas by source", .suffix = "/s", .nr = 5,
		.col = { COL_RESERVE, COL_POOL, COL_DEMAND, COL_SMALL,
			 COL_COW },
		.name = { "reserve", "pool", "demand", "4 KiB",
			  "pages copied after fork" },
	},
};

const char *report_title(enum report_card card)
{
	return card == CARD_LATENCY ? "Fault time by source" :
	       card == CARD_BLOCKS ? "Heap map over time" :
				     report_plots[card].title;
}

static bool had_module(const struct report *r)
{
	return json_is_true(json_object_get(r->header, "module"));
}

static uint64_t latency_sum(const struct report *r)
{
	uint64_t sum = 0;
	size_t i;
	int k;

	for (i = 0; i < r->nr_latency; i++)
		for (k = 0; k < KMOD_BUCKETS; k++)
			sum += r->latency[i].bucket[k];
	return sum;
}

const char *report_lacks(const struct report *r, enum report_card card)
{
	switch (card) {
	case CARD_COVERAGE:
		if (isnan(report_max(r, COL_COVERAGE)))
			return "Not known: recorded without CAP_SYS_PTRACE, by somebody who "
			       "is not the owner of the process. A recording by root has it.";
		return NULL;
	case CARD_FAULTS:
		if (isnan(report_max(r, COL_FAULTS)))
			return "A rate needs two samples: a longer recording has it, or one "
			       "with a shorter --interval.";
		return NULL;
	case CARD_SOURCES:
		if (!isnan(report_max(r, COL_DEMAND)))
			return NULL;
		if (!had_module(r))
			return "hugearena.ko was not loaded. A recording after 'modprobe "
			       "hugearena' of a process on blocks has it.";
		return "The process had no arena. 'hugearena doctor PID' says why it"
		       " is not on blocks; a recording when it is has this.";
	case CARD_LATENCY:
		if (latency_sum(r))
			return NULL;
		if (!r->nr_latency)
			return "hugearena.ko was not loaded. A recording after 'modprobe "
			       "hugearena', while a process on blocks grows, has it.";
		return "No arena of the machine had a fault meanwhile. A recording "
		       "while a process on blocks starts or grows has it.";
	case CARD_BLOCKS:
		if (r->max_blocks)
			return NULL;
		return "The process did not run on libshim, could not be looked "
		       "into, or --no-blocks was given. 'hugearena record -- "
		       "COMMAND' has it.";
	default:
		return NULL;
	}
}

int report_cell(const struct report *r, size_t col, size_t cols, size_t row,
		size_t rows, bool *split)
{
	const char *blocks = r->blocks[col * r->n / cols];
	size_t len = blocks ? strlen(blocks) : 0, n = 0, nr_split = 0;
	size_t i = row * r->max_blocks / rows;
	size_t to = (row + 1) * r->max_blocks / rows;
	int sum = 0;

	for (; i < to && i < len; i++) {
		bool s = blocks[i] >= 'a';

		sum += blocks[i] - (s ? 'a' : '0');
		nr_split += s;
		n++;
	}
	*split = 2 * nr_split > n;
	return n ? (int)((sum + (int)n / 2) / (int)n) : -1;
}

/* A member of an object, or of an object in it; NAN if it is not there. */
static double number(json_t *line, const char *in, const char *key)
{
	json_t *value = json_object_get(in ? json_object_get(line, in) : line,
					key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

/* What counts up, as it is in the file; made rates of later. */
static void sample_read(struct report *r, size_t i, json_t *line)
{
	json_t *blocks = json_object_get(line, "blocks");
	double **c = r->col;

	c[COL_TIME][i] = number(line, NULL, "t");
	c[COL_RESIDENT][i] = number(line, NULL, "resident_bytes");
	c[COL_HUGE][i] = number(line, NULL, "pages_2m_bytes");
	c[COL_COVERAGE][i] = number(line, NULL, "coverage_percent");
	c[COL_ALLOCATED][i] = number(line, "heap", "allocated_bytes");
	c[COL_FREE][i] = number(line, "heap", "cached_bytes") +
			 number(line, "heap", "central_free_bytes") +
			 number(line, "heap", "idle_bytes");
	c[COL_FAULTS][i] = number(line, NULL, "minor_faults") +
			   number(line, NULL, "major_faults");
	c[COL_RESERVE][i] = number(line, "arena", "faults_reserve");
	c[COL_POOL][i] = number(line, "arena", "faults_pool");
	c[COL_DEMAND][i] = number(line, "arena", "faults_demand");
	c[COL_SMALL][i] = number(line, "arena", "faults_small");
	c[COL_COW][i] = number(line, "arena", "cow_pages") +
			512 * number(line, "arena", "cow_blocks");
	if (json_is_string(blocks)) {
		r->blocks[i] = strdup(json_string_value(blocks));
		if (r->blocks[i] && strlen(r->blocks[i]) > r->max_blocks)
			r->max_blocks = strlen(r->blocks[i]);
	}
}

static void rates_make(struct report *r)
{
	size_t i;
	int c;

	for (c = COL_FAULTS; c < COL_NR; c++) {
		double *v = r->col[c];

		for (i = r->n; i-- > 1;) {
			double dt = r->col[COL_TIME][i] -
				    r->col[COL_TIME][i - 1];
			/* a program that was restarted counts from 0 */
			double more = v[i] - v[i - 1];

			v[i] = dt > 0 ? (more < 0 ? 0 : more / dt) : NAN;
		}
		if (r->n)
			v[0] = NAN;
	}
}

/* What the histograms gained from the first line that has them to the last. */
static void latency_make(struct report *r, json_t *first, json_t *last)
{
	const char *source;
	json_t *list;
	int k;

	json_object_foreach(last, source, list) {
		struct kmod_latency *lat = &r->latency[r->nr_latency];
		json_t *before = json_object_get(first, source);

		if (r->nr_latency == KMOD_SOURCES)
			break;
		snprintf(lat->source, sizeof(lat->source), "%s", source);
		for (k = 0; k < KMOD_BUCKETS; k++) {
			json_int_t n, b;

			n = json_integer_value(json_array_get(list,
							      (size_t)k));
			b = json_integer_value(json_array_get(before,
							      (size_t)k));
			lat->bucket[k] = n > b ? (uint64_t)(n - b) : 0;
		}
		r->nr_latency++;
	}
}

static int room_make(struct report *r, size_t n)
{
	int c;

	for (c = 0; c < COL_NR; c++) {
		r->col[c] = calloc(n ? n : 1, sizeof(double));
		if (!r->col[c])
			return -ENOMEM;
	}
	r->blocks = calloc(n ? n : 1, sizeof(*r->blocks));
	return r->blocks ? 0 : -ENOMEM;
}

static size_t lines_count(FILE *f)
{
	size_t n = 0;
	int c;

	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	rewind(f);
	return n;
}

int report_read(struct report *r, FILE *f)
{
	json_t *first = NULL, *last = NULL, *line;
	size_t lines = lines_count(f);
	int err = room_make(r, lines);
	json_error_t error;

	while (!err && (line = json_loadf(f, JSON_DISABLE_EOF_CHECK, &error))) {
		json_t *lat = json_object_get(line, "latency");

		if (!r->header) {
			json_t *record = json_object_get(line,
							 "hugearena_record");

			if (!json_is_integer(record))
				err = -EINVAL;
			r->header = line;
			continue;
		}
		out_progress("reading", r->n, lines);
		if (r->n < lines)
			sample_read(r, r->n++, line);
		if (lat) {
			if (!first)
				first = json_incref(lat);
			json_decref(last);
			last = json_incref(lat);
		}
		json_decref(line);
	}
	out_progress(NULL, 0, 0);
	if (!r->header)
		err = -EINVAL;
	if (!err && first && last)
		latency_make(r, first, last);
	json_decref(first);
	json_decref(last);
	if (!err)
		rates_make(r);
	return err;
}

void report_free(struct report *r)
{
	size_t i;
	int c;

	for (i = 0; r->blocks && i < r->n; i++)
		free(r->blocks[i]);
	free(r->blocks);
	for (c = 0; c < COL_NR; c++)
		free(r->col[c]);
	json_decref(r->header);
}
