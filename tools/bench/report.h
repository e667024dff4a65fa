/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * report: a table for people, one for programs, and a chart.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "table.h"

/**
 * report_print - the tables on standard output
 * @table: what was measured
 */
void report_print(const struct table *table);

/**
 * report_tsv - every figure, one line a row, allocator and metric
 * @table: what was measured
 * @path: the file to write
 *
 * Columns: row, allocator, metric, runs, median, low, high, ratio to the best.
 * Rows named "geomean" have the means of the ratios.
 *
 * Return: 0 or -errno.
 */
int report_tsv(const struct table *table, const char *path);

/**
 * report_rst - the CPU and peak ratios, for Documentation/performance.rst
 * @table: what was measured
 * @path: the file to write
 *
 * Return: 0 or -errno.
 */
int report_rst(const struct table *table, const char *path);

/**
 * report_chart - bars of the CPU and peak ratios
 * @table: what was measured
 * @path: the SVG file to write; the gnuplot input stays beside it as .gp
 *
 * Return: 0; -errno; or -ENOENT if gnuplot is not there or fails.
 */
int report_chart(const struct table *table, const char *path);

#endif /* BENCH_REPORT_H */
