// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena run: run a command on libshim and report at its exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "launch.h"
#include "base/out.h"
#include "read/sample.h"
#include "read/shim_prof.h"

#define COUNT_OPTION	"profile=512k"
#define INTERVAL_MS	100
/* A look may cost this part of the time between two. */
#define COST_PART	50

struct args {
	const char *options, *output;
	bool count, plain;
	char **argv;
	int argc;
};

static const struct argp_option options[] = {
	{ "options", 'o', "LIST", 0,
	  "Value of SHIM_OPTIONS, such as \"backend=thp,limit=2g\"; see libshim(7)", 0 },
	{ "count", 'c', NULL, 0,
	  "Estimate the number of allocations by sampling", 0 },
	{ "output", 'w', "FILE", 0, "Write the report to FILE", 0 },
	{ "plain", 'p', NULL, 0,
	  "Run on the system's malloc, for comparison", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'o':
		args->options = arg;
		return 0;
	case 'c':
		args->count = true;
		return 0;
	case 'w':
		args->output = arg;
		return 0;
	case 'p':
		args->plain = true;
		return 0;
	case ARGP_KEY_ARGS:
		args->argv = state->argv + state->next;
		args->argc = state->argc - state->next;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "give a command");
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[--] COMMAND [ARG]...",
	.doc = "Run a command on libshim and report at its exit.\v"
	       "The report is of the command's own process, not of its "
	       "children, and goes to standard error. The exit status is the "
	       "command's.",
};

/**
 * struct result - what is reported
 * @last: the process at its end, or when last seen
 * @at_end: it was at its end
 * @looks: how many samples were taken
 * @peak_allocated: most bytes in live objects of all looks
 * @objects: allocations, estimated; with --count
 * @bytes: their bytes
 */
struct result {
	struct sample last;
	bool at_end;
	unsigned int looks;
	uint64_t began, ended, peak_allocated;
	double objects, bytes;
	int prof_err;
};

static void look(struct result *r, const struct launch *l, struct shim *shim,
		 int *shim_err)
{
	struct kmod_arena *arenas = NULL;
	struct sample now;
	struct prof prof;
	size_t n = 0;

	if (*shim_err)
		*shim_err = shim_open(shim, l->pid);
	kmod_arenas_read(&arenas, &n);
	if (!sample_take(&now, l->pid, shim, shim_err, arenas, n,
			 SAMPLE_ROLLUP) && now.rss) {
		r->last = now;
		r->looks++;
		if (now.allocated > r->peak_allocated)
			r->peak_allocated = now.allocated;
	}
	free(arenas);
	if (*shim_err || !l->stopped)
		return;
	r->prof_err = prof_read(shim, &prof);
	if (!r->prof_err) {
		prof_totals(&prof, &r->objects, &r->bytes);
		prof_free(&prof);
	}
}

static void watch(struct launch *l, struct result *r)
{
	struct shim shim = { .mem = -1 };
	int shim_err = -ENOENT, wait = 1;
	uint64_t begin, cost;

	r->began = sample_now();
	r->prof_err = -ENODATA;
	while (!l->over && !l->stopped) {
		launch_wait(l, wait);
		if (l->over)
			break;
		begin = sample_cpu();
		look(r, l, &shim, &shim_err);
		cost = (sample_cpu() - begin) / 1000000 * COST_PART;
		wait = cost > INTERVAL_MS ? (int)cost : INTERVAL_MS;
	}
	r->at_end = l->stopped;
	r->ended = sample_now();
	shim_close(&shim);
	launch_end(l);
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static json_t *result_json(const struct launch *l, const struct result *r,
			   const struct args *args)
{
	json_t *root = json_object(), *list = json_array(), *obj;
	uint64_t value;
	int i;

	for (i = 0; i < args->argc; i++) {
		json_t *word = json_string(args->argv[i]);

		json_array_append_new(list, word ? word : json_string("?"));
	}
	json_object_set_new(root, "command", list);
	json_put_int(root, "exit_status", (uint64_t)launch_status(l));
	json_put_text(root, "killed_by", launch_signal(l));
	json_put_real(root, "elapsed_seconds",
		      (double)(r->ended - r->began) / 1e9);
	json_put_real(root, "user_seconds", seconds(l->usage.ru_utime));
	json_put_real(root, "system_seconds", seconds(l->usage.ru_stime));
	json_put_int(root, "peak_resident_bytes",
		     (uint64_t)l->usage.ru_maxrss << 10);
	json_put_int(root, "peak_allocated_bytes", r->peak_allocated);
	json_put_bool(root, "read_at_end", r->at_end);
	json_put_int(root, "looks", r->looks);
	json_object_set_new(root, "process", r->looks ?
			    sample_json(&r->last) : json_null());
	if (!r->prof_err) {
		json_put_real(root, "allocations_estimated", r->objects);
		json_put_real(root, "allocated_ever_bytes_estimated",
			      r->bytes);
	}
	obj = json_object();
	for (i = 0; i < LAUNCH_COUNTERS; i++) {
		if (launch_counter(l, i, &value))
			json_put_int(obj, launch_counter_name(i), value);
		else
			json_put_text(obj, launch_counter_name(i), NULL);
	}
	json_object_set_new(root, "counters", obj);
	return root;
}

static void row(FILE *f, const char *label, const char *value,
		const char *remark)
{
	fprintf(f, "%20s  %-24s %s\n", value, label, remark);
}

static void arena_print(FILE *f, const struct kmod_arena *a)
{
	row(f, "whole blocks", out_count(a->blocks), "");
	row(f, "split blocks", out_count(a->split), "");
	row(f, "faults: reserve", out_count(a->f_reserve), "");
	row(f, "faults: pool", out_count(a->f_pool), "");
	row(f, "faults: demand", out_count(a->f_demand), "");
	row(f, "faults: small", out_count(a->f_small), "");
	row(f, "faults: map", out_count(a->f_map), "");
	if (a->forks || a->cow_pages || a->cow_blocks) {
		row(f, "forks", out_count(a->forks), "");
		row(f, "pages copied", out_count(a->cow_pages),
		    "after fork");
		row(f, "blocks copied", out_count(a->cow_blocks), "");
	}
}

static void heap_print(FILE *f, const struct result *r, const struct args *args)
{
	const struct sample *s = &r->last;

	if (s->shim_err) {
		fprintf(f, "%20s  %-24s %s\n", "not known", "heap",
			args->plain ? "on the system's malloc" :
				      shim_strerror(s->shim_err));
		return;
	}
	if (!r->prof_err) {
		char text[32];

		snprintf(text, sizeof(text), "~ %s",
			 out_count((uint64_t)(r->objects + 0.5)));
		row(f, "allocations", text, "estimated by sampling");
		snprintf(text, sizeof(text), "~ %s",
			 out_bytes((uint64_t)r->bytes));
		row(f, "allocated in total", text, "");
	} else {
		row(f, "allocations", "not counted", "--count estimates them");
	}
	row(f, "peak allocated", out_bytes(r->peak_allocated), "of all looks");
	row(f, "allocated", out_bytes(s->allocated),
	    r->at_end ? "at the end" : "when last seen");
	row(f, "in CPU caches", out_bytes(s->cached), "");
	row(f, "free in spans", out_bytes(s->central), "");
	row(f, "free pages", out_bytes(s->idle), "");
	row(f, "given back", out_bytes(s->released), "");
}

static void report(FILE *f, const struct launch *l, const struct result *r,
		   const struct args *args)
{
	const struct sample *s = &r->last;
	char text[32];
	uint64_t value;
	int i;

	fputs("\n hugearena: ", f);
	for (i = 0; i < args->argc; i++)
		fprintf(f, "%s%s", i ? " " : "", args->argv[i]);
	fputs("\n\n", f);
	if (launch_signal(l))
		fprintf(f, "%20s  %s\n\n", "killed by", launch_signal(l));
	row(f, "peak resident",
	    out_bytes((uint64_t)l->usage.ru_maxrss << 10), "");
	if (r->looks) {
		row(f, "resident", out_bytes(s->rss),
		    r->at_end ? "at the end" : "when last seen");
		row(f, "coverage", s->rollup_err ? "not known" :
		    out_percent(s->pmd, s->rss), "of it by 2 MiB mappings");
		heap_print(f, r, args);
		if (s->arenas)
			arena_print(f, &s->arena);
		else
			row(f, "faults by source", "not known",
			    kmod_present() ? "the process had no arena" :
			    "hugearena.ko is not loaded");
	} else {
		fprintf(f, "%20s  it ended before it could be inspected\n",
			"");
	}
	row(f, "page faults", out_count((uint64_t)l->usage.ru_minflt +
					(uint64_t)l->usage.ru_majflt),
	    "of all kinds");
	for (i = 0; i < LAUNCH_COUNTERS; i++)
		if (launch_counter(l, i, &value))
			row(f, launch_counter_name(i), out_count(value), "");
		else
			row(f, launch_counter_name(i), "-",
			    launch_counter_lacks(l, i));
	snprintf(text, sizeof(text), "%.3f s",
		 (double)(r->ended - r->began) / 1e9);
	row(f, "elapsed", text, "");
	snprintf(text, sizeof(text), "%.3f s", seconds(l->usage.ru_utime));
	row(f, "user", text, "");
	snprintf(text, sizeof(text), "%.3f s", seconds(l->usage.ru_stime));
	row(f, "system", text, "");
	fputc('\n', f);
}

int cmd_run(int argc, char **argv)
{
	struct args args = { 0 };
	struct result r = { 0 };
	char list[1024];
	struct launch l;
	FILE *f = stderr;
	int ret;

	args_parse(&argp, "run", argc, argv, ARGP_IN_ORDER, &args);
	snprintf(list, sizeof(list), "%s%s%s", args.options ? args.options : "",
		 args.options && args.count ? "," : "",
		 args.count ? COUNT_OPTION : "");
	if (args.output) {
		f = fopen(args.output, "we");
		if (!f) {
			out_error("cannot write %s: %m", args.output);
			return CMD_FAILED;
		}
	}
	ret = launch_start(&l, args.argv, !args.plain, list, true);
	if (ret)
		return ret;
	watch(&l, &r);
	if (out_json) {
		json_t *root = result_json(&l, &r, &args);

		json_dumpf(root, f, JSON_INDENT(2));
		fputc('\n', f);
		json_decref(root);
	} else {
		report(f, &l, &r, &args);
	}
	if (f != stderr && fclose(f)) {
		out_error("cannot write %s: %m", args.output);
		return CMD_FAILED;
	}
	return launch_status(&l);
}
