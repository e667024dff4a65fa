// SPDX-License-Identifier: GPL-2.0-only
/*
 * report: a table for people, one for programs, and a chart.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report.h"

/**
 * struct report_metric - how a metric is shown
 * @key: in the TSV file
 * @title: above its table
 * @unit: of the best value
 * @scale: the best value is divided by it
 * @ratio: cells are ratios to the best; otherwise the values themselves
 */
static const struct report_metric {
	const char *key;
	const char *title;
	const char *unit;
	double scale;
	bool ratio;
} report_metric[TABLE_METRICS] = {
	[TABLE_CPU] = { "cpu", "CPU time (user + system)", "ms", 0.001, true },
	[TABLE_ELAPSED] = { "elapsed", "Elapsed time", "ms", 0.001, true },
	[TABLE_PEAK] = { "peak_rss", "Peak resident set", "MiB", 1024, true },
	[TABLE_MEAN] = { "mean_rss", "Resident set averaged over time", "MiB",
			 1024, true },
	[TABLE_FAULTS] = { "faults", "Page faults", "", 1, false },
	[TABLE_COVERAGE] = { "coverage", "Memory in 2 MiB pages, per cent",
			     "", 0.01, false },
};

static void report_cell(double value, const struct report_metric *metric)
{
	if (isnan(value))
		printf(" %10s", "-");
	else if (metric->ratio)
		printf(" %10.2f", value);
	else
		printf(" %10.0f", value / metric->scale);
}

/* half of what lies between the extremes, the median over the allocators */
static double report_spread(const struct table *table,
			    const struct table_row *row,
			    enum table_metric metric)
{
	struct table_cell half = { .n = 0 };
	struct table_spread spread;
	unsigned int a;

	for (a = 0; a < table->set->n; a++) {
		spread = table_spread_get(&row->cell[a], metric);
		if (isnan(spread.figure) || spread.figure <= 0)
			continue;
		half.run[half.n++].cpu = (spread.high - spread.low) / 2 /
					 spread.figure;
	}
	return table_spread_get(&half, TABLE_CPU).figure;
}

static void report_row(const struct table *table, const struct table_row *row,
		       enum table_metric m)
{
	const struct report_metric *metric = &report_metric[m];
	unsigned int a;
	double value;

	printf("%-14s", row->name);
	for (a = 0; a < table->set->n; a++) {
		value = metric->ratio ?
			table_ratio(table, row, a, m) :
			table_spread_get(&row->cell[a], m).figure;
		report_cell(value, metric);
	}
	if (metric->ratio) {
		value = table_best(table, row, m);
		if (!isnan(value))
			printf(" %10.1f %-3s +-%.0f%%", value / metric->scale,
			       metric->unit,
			       100 * report_spread(table, row, m));
	}
	printf("\n");
}

static void report_failures(const struct table *table)
{
	const struct table_row *row;
	unsigned int i, a;

	for (i = 0; i < table->rows; i++) {
		row = &table->row[i];
		for (a = 0; a < table->set->n; a++)
			if (row->cell[a].failed)
				printf("FAILED: %s with %s, %u of %u runs\n",
				       row->name, table->set->alloc[a].name,
				       row->cell[a].failed,
				       row->cell[a].failed + row->cell[a].n);
	}
}

void report_print(const struct table *table)
{
	const struct report_metric *metric;
	enum table_metric m;
	unsigned int i, a;

	for (m = 0; m < TABLE_METRICS; m++) {
		metric = &report_metric[m];
		printf("\n%s%s\n%-14s", metric->title, metric->ratio ?
		       ", ratio to the best of the row" : "", "");
		for (a = 0; a < table->set->n; a++)
			printf(" %10s", table->set->alloc[a].name);
		printf("%s\n", metric->ratio ? "       best, spread" : "");
		for (i = 0; i < table->rows; i++)
			report_row(table, &table->row[i], m);
		if (!metric->ratio)
			continue;
		printf("%-14s", "geomean");
		for (a = 0; a < table->set->n; a++)
			report_cell(table_geomean(table, a, m), metric);
		printf("\n");
	}
	printf("\n");
	report_failures(table);
}

int report_tsv(const struct table *table, const char *path)
{
	FILE *file = fopen(path, "we");
	const struct table_cell *cell;
	struct table_spread spread;
	enum table_metric m;
	unsigned int i, a;

	if (!file)
		return -errno;
	fprintf(file, "row\tallocator\tmetric\truns\tfigure\tlow\thigh\tratio\n");
	for (i = 0; i < table->rows; i++)
		for (a = 0; a < table->set->n; a++)
			for (m = 0; m < TABLE_METRICS; m++) {
				cell = &table->row[i].cell[a];
				spread = table_spread_get(cell, m);
				fprintf(file,
					"%s\t%s\t%s\t%u\t%.6g\t%.6g\t%.6g\t%.4f\n",
					table->row[i].name,
					table->set->alloc[a].name,
					report_metric[m].key, cell->n,
					spread.figure, spread.low, spread.high,
					table_ratio(table, &table->row[i], a,
						    m));
			}
	for (a = 0; a < table->set->n; a++)
		for (m = 0; m < TABLE_METRICS; m++)
			if (report_metric[m].ratio)
				fprintf(file, "geomean\t%s\t%s\t\t\t\t\t%.4f\n",
					table->set->alloc[a].name,
					report_metric[m].key,
					table_geomean(table, a, m));
	return fclose(file) ? -errno : 0;
}

static void report_rst_rule(FILE *file, unsigned int columns, char c)
{
	unsigned int i, k;

	for (i = 0; i < columns; i++) {
		for (k = 0; k < (i ? 10 : 14); k++)
			fputc(c, file);
		fputc(i + 1 < columns ? ' ' : '\n', file);
	}
}

static void report_rst_table(FILE *file, const struct table *table,
			     enum table_metric m)
{
	unsigned int columns = table->set->n + 2, i, a;
	double value;

	fprintf(file, "%s, ratio to the best of the row:\n\n",
		report_metric[m].title);
	report_rst_rule(file, columns, '=');
	fprintf(file, "%-14s", "row");
	for (a = 0; a < table->set->n; a++)
		fprintf(file, " %-10s", table->set->alloc[a].name);
	fprintf(file, " best, %s\n", report_metric[m].unit);
	report_rst_rule(file, columns, '=');
	for (i = 0; i <= table->rows; i++) {
		fprintf(file, "%-14s", i < table->rows ? table->row[i].name :
							 "**geomean**");
		for (a = 0; a < table->set->n; a++) {
			value = i < table->rows ?
				table_ratio(table, &table->row[i], a, m) :
				table_geomean(table, a, m);
			if (isnan(value))
				fprintf(file, " %-10s", "--");
			else
				fprintf(file, " %-10.2f", value);
		}
		value = i < table->rows ?
			table_best(table, &table->row[i], m) : NAN;
		if (isnan(value))
			fprintf(file, " --\n");
		else
			fprintf(file, " %.1f\n", value / report_metric[m].scale);
	}
	report_rst_rule(file, columns, '=');
	fprintf(file, "\n");
}

/* What is no ratio: the values themselves, without a mean of the rows. */
static void report_rst_values(FILE *file, const struct table *table,
			      enum table_metric m)
{
	const struct report_metric *metric = &report_metric[m];
	unsigned int columns = table->set->n + 1, i, a;
	char text[32];
	double value;

	fprintf(file, "%s:\n\n", metric->title);
	report_rst_rule(file, columns, '=');
	fprintf(file, "%-14s", "row");
	for (a = 0; a < table->set->n; a++)
		fprintf(file, " %-*s", a + 1 < table->set->n ? 10 : 0,
			table->set->alloc[a].name);
	fprintf(file, "\n");
	report_rst_rule(file, columns, '=');
	for (i = 0; i < table->rows; i++) {
		fprintf(file, "%-14s", table->row[i].name);
		for (a = 0; a < table->set->n; a++) {
			value = table_spread_get(&table->row[i].cell[a],
						 m).figure;
			if (isnan(value))
				snprintf(text, sizeof(text), "--");
			else
				snprintf(text, sizeof(text), "%.0f",
					 value / metric->scale);
			fprintf(file, " %-*s", a + 1 < table->set->n ? 10 : 0,
				text);
		}
		fprintf(file, "\n");
	}
	report_rst_rule(file, columns, '=');
	fprintf(file, "\n");
}

int report_rst(const struct table *table, const char *path)
{
	FILE *file = fopen(path, "we");

	if (!file)
		return -errno;
	report_rst_table(file, table, TABLE_CPU);
	report_rst_table(file, table, TABLE_PEAK);
	report_rst_table(file, table, TABLE_MEAN);
	report_rst_values(file, table, TABLE_COVERAGE);
	return fclose(file) ? -errno : 0;
}

static void report_chart_data(FILE *file, const struct table *table,
			      enum table_metric m)
{
	unsigned int i, a;
	double ratio;

	fprintf(file, "$%s << END\n", report_metric[m].key);
	for (i = 0; i <= table->rows; i++) {
		fprintf(file, "\"%s\"", i < table->rows ? table->row[i].name :
							  "GEOMEAN");
		for (a = 0; a < table->set->n; a++) {
			ratio = i < table->rows ?
				table_ratio(table, &table->row[i], a, m) :
				table_geomean(table, a, m);
			if (isnan(ratio))
				fprintf(file, " ?");
			else
				fprintf(file, " %.4f", ratio);
		}
		fprintf(file, "\n");
	}
	fprintf(file, "END\n");
}

static void report_chart_plot(FILE *file, const struct table *table,
			      enum table_metric m)
{
	unsigned int a;

	fprintf(file, "set title \"%s, ratio to the best of the row\"\nplot",
		report_metric[m].title);
	for (a = 0; a < table->set->n; a++)
		fprintf(file, "%s $%s using %u%s title \"%s\"", a ? "," : "",
			report_metric[m].key, a + 2,
			a ? "" : ":xtic(1)", table->set->alloc[a].name);
	fprintf(file, "\n");
}

int report_chart(const struct table *table, const char *path)
{
	char script[4096], command[8192];
	FILE *file;
	int status;

	snprintf(script, sizeof(script), "%s.gp", path);
	file = fopen(script, "we");
	if (!file)
		return -errno;
	report_chart_data(file, table, TABLE_CPU);
	report_chart_data(file, table, TABLE_PEAK);
	report_chart_data(file, table, TABLE_MEAN);
	/* beyond 4 times the best the length of a bar tells nothing more */
	fprintf(file,
		"set terminal svg size 2000,1650 noenhanced font 'sans,12'\n"
		"set output '%s'\n"
		"set datafile missing '?'\n"
		"set style data histograms\n"
		"set style histogram clustered gap 1\n"
		"set style fill solid 0.9 noborder\n"
		"set xtics rotate by -45 scale 0\n"
		"set ytics 0.5\nset grid ytics\nset yrange [0.9:4]\n"
		"set key top right horizontal\n"
		"set multiplot layout 3,1\n", path);
	report_chart_plot(file, table, TABLE_CPU);
	report_chart_plot(file, table, TABLE_PEAK);
	report_chart_plot(file, table, TABLE_MEAN);
	fprintf(file, "unset multiplot\n");
	if (fclose(file))
		return -errno;
	snprintf(command, sizeof(command), "gnuplot '%s'", script);
	status = system(command);
	return status ? -ENOENT : 0;
}
