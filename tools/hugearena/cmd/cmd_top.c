// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena top: processes by memory, live.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "base/out.h"
#include "show/top.h"

struct args {
	struct top top;
	double delay;
	long long count;
	size_t rows;
	bool batch;
};

static const struct argp_option options[] = {
	{ "delay", 'd', "SECONDS", 0, "Time between updates (default 2)", 0 },
	{ "sort", 's', "KEY", 0,
	  "resident, allocated, coverage, faults, cow or cpu", 0 },
	{ "filter", 'f', "TEXT", 0, "Only commands and cgroups that contain TEXT", 0 },
	{ "ours", 'o', NULL, 0, "Only processes with libshim or arenas", 0 },
	{ "batch", 'b', NULL, 0, "Print, without a full screen", 0 },
	{ "count", 'n', "N", 0, "With --batch: N times (default 1)", 0 },
	{ "rows", 'r', "N", 0, "With --batch: at most N processes", 0 },
	{ 0 }
};

static error_t parse(int opt, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	char *end;
	int sort;

	switch (opt) {
	case 'd':
		args->delay = strtod(arg, &end);
		if (end == arg || *end || !(args->delay >= 0.1) ||
		    args->delay > 3600)
			argp_error(state, "SECONDS must be from 0.1 to 3600, not '%s'",
				   arg);
		return 0;
	case 's':
		sort = top_sort_parse(arg);
		if (sort < 0)
			argp_error(state, "cannot sort by '%s'", arg);
		args->top.sort = (enum top_sort)sort;
		return 0;
	case 'f':
		snprintf(args->top.filter, sizeof(args->top.filter), "%s",
			 arg);
		return 0;
	case 'o':
		args->top.ours = true;
		return 0;
	case 'b':
		args->batch = true;
		return 0;
	case 'r':
		args->rows = args_top(arg, state);
		return 0;
	case 'n':
		args->count = args_number(arg, 1, 1000000, state, "N");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Show processes by memory: resident, allocated, coverage by "
	       "huge pages, page faults, copies after fork.\v"
	       "On the screen: arrows move, Enter looks into a process, s "
	       "changes the order, / filters, o shows only processes on "
	       "libshim or arenas, q leaves.",
};

static const char *cover_text(double cover)
{
	static char text[16];

	snprintf(text, sizeof(text), cover < 0 ? "-" : "%.1f %%", cover);
	return text;
}

static void batch_print(const struct top *top, size_t rows)
{
	struct top_sums all;
	size_t i, n = 0;

	printf("%s%8s %-15s %10s %10s %8s %9s %9s %6s %s%s\n",
	       out_style(OUT_BOLD), "PID", "COMMAND", "RESIDENT", "ALLOCATED",
	       "COVERAGE", "FAULTS/s", "COW/s", "CPU", "UNIT OR CGROUP",
	       out_style(OUT_PLAIN));
	for (i = 0; i < top->n && n < rows; i++) {
		const struct top_proc *p = &top->v[i];

		if (!top_shows(top, p))
			continue;
		n++;
		printf("%8d %-15.15s %10s %10s %8s %9.0f %9.0f %6.1f %s\n",
		       p->now.pid, p->now.comm, out_bytes(p->now.rss),
		       p->now.shim_err ? "-" : out_bytes(p->now.allocated),
		       cover_text(sample_coverage(&p->now)), p->faults, p->cow,
		       p->cpu, top_group(p));
	}
	top_sum(top, &all);
	printf("%8s %-15s %10s %10s %8s %9.0f %9.0f %6.1f %s\n", "all",
	       n < all.n ? "with those left" : "", out_bytes(all.rss),
	       out_bytes(all.allocated), "", all.faults, all.cow, all.cpu,
	       n < all.n ? "out" : "");
	if (top->hidden)
		out_note("%u processes of others: coverage and heap: %s",
			 top->hidden, proc_lacks());
}

static json_t *batch_json(const struct top *top, size_t rows)
{
	json_t *root = json_object(), *list = json_array(), *obj;
	struct top_sums all;
	size_t i;

	for (i = 0; i < top->n && json_array_size(list) < rows; i++) {
		const struct top_proc *p = &top->v[i];

		if (!top_shows(top, p))
			continue;
		obj = sample_json(&p->now);
		json_put_real(obj, "faults_per_second", p->faults);
		json_put_real(obj, "cow_pages_per_second", p->cow);
		json_put_real(obj, "cpu_percent", p->cpu);
		json_array_append_new(list, obj);
	}
	json_object_set_new(root, "processes", list);
	top_sum(top, &all);
	obj = json_object();
	json_put_int(obj, "processes", all.n);
	json_put_int(obj, "resident_bytes", all.rss);
	json_put_int(obj, "pss_bytes", all.pss);
	json_put_int(obj, "allocated_bytes", all.allocated);
	json_put_real(obj, "faults_per_second", all.faults);
	json_put_real(obj, "cow_pages_per_second", all.cow);
	json_put_real(obj, "cpu_percent", all.cpu);
	json_object_set_new(root, "all", obj);
	json_put_text(root, "sort", top_sort_name(top->sort));
	json_put_int(root, "hidden", top->hidden);
	json_put_text(root, "hidden_reason", top->hidden ? proc_lacks() : NULL);
	return root;
}

static int batch(struct args *args)
{
	struct timespec pause = {
		.tv_sec = (time_t)args->delay,
		.tv_nsec = (long)((args->delay - (time_t)args->delay) * 1e9),
	};
	int err, ret = CMD_OK;
	long long i;

	for (i = 0; i < args->count && !ret; i++) {
		if (i)
			nanosleep(&pause, NULL);
		err = top_look(&args->top);
		if (err) {
			out_error("cannot list processes: %s", strerror(-err));
			return exit_errno(err);
		}
		if (out_json)
			ret = out_print_json(batch_json(&args->top, args->rows));
		else
			batch_print(&args->top, args->rows);
		fflush(stdout);
	}
	return ret;
}

int cmd_top(int argc, char **argv)
{
	struct args args = { .delay = 2, .count = 1, .rows = SIZE_MAX };
	int ret;

	args_parse(&argp, "top", argc, argv, 0, &args);
	if (out_json || args.batch || !isatty(STDOUT_FILENO))
		ret = batch(&args);
	else
		ret = top_ui(&args.top, args.delay);
	top_free(&args.top);
	return ret;
}
