// SPDX-License-Identifier: GPL-2.0-only
/*
 * table: measurements, and their summary.
 *
 * Medians, because other work on the machine only ever adds to a run; means of
 * peaks, because the kernel counts pages on each CPU and adds up 32 at a time: in
 * small processes a peak is wrong by up to a tenth, in either direction from one
 * run to the next.  Ratios to the best of the row, so that no allocator is the
 * yardstick; geometric means, so that a ratio of 2 and one of 1/2 cancel.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

#define TABLE_TIME_MIN	0.010	/* noise here is tens of microseconds */

void table_row_add(struct table *table, const char *name, const char *idea,
		   const char *script)
{
	struct table_row *row = &table->row[table->rows];

	if (table->rows == TABLE_ROWS)
		errx(1, "more than %d rows", TABLE_ROWS);
	memset(row, 0, sizeof(*row));
	row->name = strdup(name);
	row->idea = strdup(idea);
	row->script = script ? strdup(script) : NULL;
	row->cell = calloc(table->set->n, sizeof(*row->cell));
	if (!row->name || !row->idea || !row->cell || (script && !row->script))
		err(1, "no memory");
	table->rows++;
}

bool table_cell_add(struct table_row *row, unsigned int a, int status,
		    const struct spawn_cost *cost)
{
	struct table_cell *cell = &row->cell[a];

	if (!status && !a && !row->known) {
		row->digest = cost->digest;
		row->known = true;
	}
	if (status || (row->known && cost->digest != row->digest) ||
	    cell->n == TABLE_ROUNDS) {
		cell->failed++;
		return false;
	}
	cell->run[cell->n++] = *cost;
	if (cost->peak_kb > row->peak_kb)
		row->peak_kb = cost->peak_kb;
	return true;
}

static double table_value(const struct spawn_cost *cost,
			  enum table_metric metric)
{
	switch (metric) {
	case TABLE_CPU:
		return cost->cpu;
	case TABLE_ELAPSED:
		return cost->elapsed;
	case TABLE_PEAK:
		return cost->peak_kb;
	case TABLE_MEAN:
		return cost->mean_kb;
	case TABLE_FAULTS:
		return cost->faults;
	case TABLE_COVERAGE:
		return cost->coverage < 0 ? NAN : cost->coverage;
	case TABLE_METRICS:
		break;
	}
	return NAN;
}

static int table_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct table_spread table_spread_get(const struct table_cell *cell,
				     enum table_metric metric)
{
	struct table_spread spread = { NAN, NAN, NAN };
	double value[TABLE_ROUNDS], sum = 0;
	unsigned int n = 0, i;

	for (i = 0; i < cell->n; i++) {
		value[n] = table_value(&cell->run[i], metric);
		if (!isnan(value[n]))
			sum += value[n++];
	}
	if (!n)
		return spread;
	qsort(value, n, sizeof(value[0]), table_compare);
	spread.low = value[0];
	spread.high = value[n - 1];
	spread.figure = metric == TABLE_PEAK ?
		sum / n : (value[(n - 1) / 2] + value[n / 2]) / 2;
	return spread;
}

double table_best(const struct table *table, const struct table_row *row,
		  enum table_metric metric)
{
	double best = NAN, figure;
	unsigned int a;

	for (a = 0; a < table->set->n; a++) {
		figure = table_spread_get(&row->cell[a], metric).figure;
		if (isnan(best) || figure < best)
			best = figure;
	}
	if ((metric == TABLE_CPU || metric == TABLE_ELAPSED) &&
	    best < TABLE_TIME_MIN)
		return NAN;
	return best;
}

double table_ratio(const struct table *table, const struct table_row *row,
		   unsigned int a, enum table_metric metric)
{
	double best = table_best(table, row, metric);

	return table_spread_get(&row->cell[a], metric).figure / best;
}

double table_geomean(const struct table *table, unsigned int a,
		     enum table_metric metric)
{
	double sum = 0, ratio, mine;
	unsigned int n = 0, i, b;

	for (i = 0; i < table->rows; i++) {
		mine = NAN;
		for (b = 0; b < table->set->n; b++) {
			ratio = table_ratio(table, &table->row[i], b, metric);
			if (isnan(ratio))
				break;
			if (b == a)
				mine = ratio;
		}
		if (b < table->set->n)
			continue;
		sum += log(mine);
		n++;
	}
	return n ? exp(sum / n) : NAN;
}
