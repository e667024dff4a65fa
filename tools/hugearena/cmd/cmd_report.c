// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena report: turn a recording into a page to look at.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "cmd.h"
#include "base/out.h"
#include "show/report.h"

struct args {
	const char *input, *html, *png;
};

static const struct argp_option options[] = {
	{ "output", 'o', "FILE", 0, "Name of the page (default report.html)", 0 },
	{ "png", 'p', "FILE", 0, "Also draw a picture, with gnuplot", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'o':
		args->html = arg;
		return 0;
	case 'p':
		args->png = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			return ARGP_ERR_UNKNOWN;
		args->input = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Turn a recording (hugearena.rec) into a page to look at.\v"
	       "The page is one file that needs nothing from a network. With "
	       "--json the numbers, as columns.",
};

static const char *const col_names[COL_NR] = {
	[COL_TIME] = "seconds",
	[COL_RESIDENT] = "resident_bytes",
	[COL_HUGE] = "pages_2m_bytes",
	[COL_ALLOCATED] = "allocated_bytes",
	[COL_FREE] = "free_bytes",
	[COL_COVERAGE] = "coverage_percent",
	[COL_FAULTS] = "faults_per_second",
	[COL_RESERVE] = "faults_reserve_per_second",
	[COL_POOL] = "faults_pool_per_second",
	[COL_DEMAND] = "faults_demand_per_second",
	[COL_SMALL] = "faults_small_per_second",
	[COL_COW] = "cow_pages_per_second",
};

static int columns_json(const struct report *r)
{
	json_t *root = json_object(), *cols = json_object(), *list;
	size_t i;
	int c;

	json_object_set(root, "header", r->header);
	for (c = 0; c < COL_NR; c++) {
		list = json_array();
		for (i = 0; i < r->n; i++)
			json_array_append_new(list, isnan(r->col[c][i]) ?
					      json_null() :
					      json_real(r->col[c][i]));
		json_object_set_new(cols, col_names[c], list);
	}
	json_object_set_new(root, "columns", cols);
	return out_print_json(root);
}

static int html_write(const struct report *r, const char *path)
{
	FILE *f = fopen(path, "we");
	int err;

	if (!f) {
		out_error("cannot write %s: %m", path);
		return CMD_FAILED;
	}
	err = report_html(r, f);
	if (fclose(f) && !err)
		err = -errno;
	if (err) {
		out_error("cannot write %s: %s", path, strerror(-err));
		return CMD_FAILED;
	}
	return CMD_OK;
}

int cmd_report(int argc, char **argv)
{
	struct args args = { .input = "hugearena.rec" };
	struct report r = { 0 };
	int err, ret = CMD_OK;
	FILE *f;

	args_parse(&argp, "report", argc, argv, 0, &args);
	f = fopen(args.input, "re");
	if (!f) {
		out_error("cannot read %s: %m", args.input);
		return CMD_FAILED;
	}
	err = report_read(&r, f);
	fclose(f);
	if (err || !r.n) {
		out_error("%s: %s", args.input, err == -EINVAL ?
			  "not a recording of hugearena record" :
			  err ? strerror(-err) : "it has no samples");
		ret = CMD_FAILED;
	} else if (out_json) {
		ret = columns_json(&r);
	}
	/* with --json, a page only if it was asked for */
	if (!ret && (args.html || !out_json))
		ret = html_write(&r, args.html ? args.html : "report.html");
	if (!ret && args.png) {
		err = report_png(&r, args.png);
		if (err) {
			out_error("%s: %s", args.png, err == -ENOENT ?
				  "gnuplot is not installed: 'apt-get install "
				  "gnuplot-nox'" : "gnuplot failed");
			ret = CMD_FAILED;
		}
	}
	report_free(&r);
	return ret;
}
