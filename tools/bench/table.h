/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * table: measurements, and their summary.
 */
#ifndef BENCH_TABLE_H
#define BENCH_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "alloc.h"
#include "spawn.h"

#define TABLE_ROWS	96
#define TABLE_ROUNDS	31

/* What is compared; coverage and faults are shown but have no ratio. */
enum table_metric {
	TABLE_CPU,
	TABLE_ELAPSED,
	TABLE_PEAK,
	TABLE_MEAN,
	TABLE_FAULTS,
	TABLE_COVERAGE,
	TABLE_METRICS
};

/**
 * struct table_cell - one allocator in one row
 * @n: runs that succeeded
 * @failed: runs that did not, or whose output was wrong
 * @run: what they cost
 */
struct table_cell {
	unsigned int n;
	unsigned int failed;
	struct spawn_cost run[TABLE_ROUNDS];
};

/**
 * struct table_row - one workload
 * @name: its name
 * @idea: one line on it
 * @script: path of the script for a real program, NULL for our own workload
 * @digest: of the output that all must have, valid if @known
 * @known: the first allocator has succeeded
 * @peak_kb: the largest peak of all runs so far
 * @cell: one for each allocator
 */
struct table_row {
	char *name;
	char *idea;
	char *script;
	uint64_t digest;
	bool known;
	double peak_kb;
	struct table_cell *cell;
};

/**
 * struct table - the whole of it
 * @set: the allocators, the columns
 * @row: the workloads
 * @rows: how many
 */
struct table {
	const struct alloc_set *set;
	struct table_row row[TABLE_ROWS];
	unsigned int rows;
};

/**
 * struct table_spread - a metric of one cell over its runs
 * @figure: the middle run, for peaks their mean; NaN without a run
 * @low: the least
 * @high: the most
 */
struct table_spread {
	double figure;
	double low;
	double high;
};

/**
 * table_row_add - one more workload
 * @table: the table; its set must be complete
 * @name: copied
 * @idea: copied
 * @script: copied, or NULL
 */
void table_row_add(struct table *table, const char *name, const char *idea,
		   const char *script);

/**
 * table_cell_add - one more run
 * @row: the workload
 * @a: which allocator
 * @status: what spawn_measure() returned
 * @cost: what it filled in
 *
 * The first run of the first allocator sets the output that all must have; until
 * there is one, any output is right.
 *
 * Return: whether the run counts.
 */
bool table_cell_add(struct table_row *row, unsigned int a, int status,
		    const struct spawn_cost *cost);

/**
 * table_spread_get - the figure and the extremes of a cell
 * @cell: the cell
 * @metric: which
 *
 * Return: the three; NaN if there is no run.
 */
struct table_spread table_spread_get(const struct table_cell *cell,
				     enum table_metric metric);

/**
 * table_best - the smallest figure of a row
 * @table: the table
 * @row: the row
 * @metric: which
 *
 * Return: it, NaN if no cell has one or, for times, if it is below 10 ms: such
 * a row is about memory, and a ratio of its times would be of noise.
 */
double table_best(const struct table *table, const struct table_row *row,
		  enum table_metric metric);

/**
 * table_ratio - a cell against the best of its row
 * @table: the table
 * @row: the row
 * @a: which allocator
 * @metric: which
 *
 * Return: at least 1; NaN where there is none.
 */
double table_ratio(const struct table *table, const struct table_row *row,
		   unsigned int a, enum table_metric metric);

/**
 * table_geomean - the ratios of one allocator over all rows
 * @table: the table
 * @a: which allocator
 * @metric: which
 *
 * Only over rows where every allocator has a figure, so that all are compared
 * on the same rows.
 *
 * Return: the geometric mean, NaN if there is no such row.
 */
double table_geomean(const struct table *table, unsigned int a,
		     enum table_metric metric);

#endif /* BENCH_TABLE_H */
