// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena profile: sampled heap profile by call stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "launch.h"
#include "base/out.h"
#include "show/profile.h"
#include "read/sample.h"

/* as Go: a program with a heap of 10 MB has twenty samples */
#define DEFAULT_RATE	((uint64_t)512 << 10)
/*
 * Of a command, which is nobody's service: one with 1 MB has sixteen.  A sample
 * takes a page of its own, so that at worst an eighth is added to the heap.
 */
#define COMMAND_RATE	((uint64_t)64 << 10)
#define DEFAULT_TIME	10
#define DEFAULT_TOP	10

static const char *const what_names[] = {
	[PROFILE_LIVE] = "live",
	[PROFILE_PEAK] = "peak",
	[PROFILE_TOTAL] = "total",
	[PROFILE_GROWTH] = "growth",
};

static const char *const format_names[] = {
	[PROFILE_TABLE] = "table",
	[PROFILE_HEAP] = "heap",
	[PROFILE_PROTO] = "proto",
	[PROFILE_FOLDED] = "folded",
};

struct args {
	struct args_target target;
	uint64_t rate;
	double seconds;
	int what, format;
	unsigned int top;
	const char *output, *load, *base;
};

static const struct argp_option options[] = {
	{ "rate", 'r', "SIZE", 0,
	  "Mean bytes between two samples (default 512K, of a command 64K)", 0 },
	{ "time", 't', "SECONDS", 0,
	  "Watch for this long (default 10 where sampling must be switched on)", 0 },
	{ "what", 'k', "WHAT", 0,
	  "live, peak, total, or growth during --time", 0 },
	{ "format", 'f', "FORMAT", 0,
	  "table, heap (for google-pprof), proto (profile.proto, compressed), folded", 0 },
	{ "output", 'w', "FILE", 0, "Write to FILE instead of standard output", 0 },
	{ "top", 'n', "N", 0, "Number of stacks in a table (default 10)", 0 },
	{ "load", 'l', "FILE", 0,
	  "Not of a process: what --format heap or libshim's profile_file wrote", 0 },
	{ "base", 'b', "FILE", 0, "Less what such a file has", 0 },
	ARGS_TARGET_OPTIONS,
	{ 0 }
};

static int word(const char *arg, const char *const *names, int n,
		struct argp_state *state, const char *what)
{
	int i;

	for (i = 0; i < n; i++)
		if (!strcmp(arg, names[i]))
			return i;
	argp_error(state, "there is no %s '%s'", what, arg);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	char *end;

	switch (key) {
	case 'r':
		args->rate = args_rate(arg, state);
		return 0;
	case 't':
		args->seconds = strtod(arg, &end);
		if (end == arg || *end || !(args->seconds >= 0) ||
		    args->seconds > 1e6)
			argp_error(state, "SECONDS must be a number, not '%s'", arg);
		return 0;
	case 'k':
		args->what = word(arg, what_names, 4, state, "profile");
		return 0;
	case 'f':
		args->format = word(arg, format_names, 4, state, "format");
		return 0;
	case 'w':
		args->output = arg;
		return 0;
	case 'n':
		args->top = args_top(arg, state);
		return 0;
	case 'l':
		args->load = arg;
		return 0;
	case 'b':
		args->base = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (args->load)
			return 0;
		break;
	case ARGP_KEY_ARGS:
		if (args->load)
			argp_error(state, "a process, or --load?");
		break;
	}
	return args_target(key, arg, state, &args->target);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = ARGS_TARGET_DOC,
	.doc = "Show who allocated a process's memory, from samples.\v"
	       "Of a process that runs, sampling is switched on for --time and "
	       "off again, unless it was on (SHIM_OPTIONS=profile=2m). A "
	       "command is sampled from its beginning and shown as it was at "
	       "its peak.",
};

/**
 * struct view - what was seen of a process last
 * @prof: the samples
 * @stacks: the files and mappings that explain them
 *
 * Both are good when the process has ended.
 */
struct view {
	struct prof prof;
	struct stacks stacks;
};

static void view_end(struct view *v)
{
	prof_free(&v->prof);
	stacks_close(&v->stacks);
}

/* Look again; on failure the last view stays. */
static int view_take(struct view *v, const struct shim *shim)
{
	struct view next = { .prof.n = 0 };
	int err = stacks_open(&next.stacks, shim->pid, shim->path);

	if (!err)
		err = prof_read(shim, &next.prof);
	if (err) {
		view_end(&next);
		return err;
	}
	view_end(v);
	*v = next;
	return 0;
}

/*
 * Sample for so long, and look at times, as nothing can be read any more once
 * the process has ended.  Looking takes a twentieth of the time at most.
 * Returns 0 or a negative errno: -ESRCH if it has ended.
 */
static int watch(struct view *v, const struct shim *shim, double seconds)
{
	uint64_t began = sample_now(), now = began, next = 0, from;
	uint64_t all = (uint64_t)(seconds * 1e9);
	struct timespec pause = { .tv_nsec = 50000000 };
	int err = 0;

	while (now - began < all && proc_exists(shim->pid)) {
		nanosleep(&pause, NULL);
		from = sample_now();
		if (from >= next) {
			if (view_take(v, shim) && v->prof.stack)
				break;
			next = 21 * sample_now() - 20 * from;
		}
		now = sample_now();
		out_progress("sampling", now - began, all);
	}
	out_progress(NULL, 0, 0);
	err = view_take(v, shim);
	if (err && v->prof.stack) {
		out_error("the process ended after %.1f s: this is what was recorded",
			  (double)(now - began) / 1e9);
		err = -ESRCH;
	}
	return err;
}

/* Wait for the first allocation of a process that has only just begun. */
static int ready_wait(struct shim *shim, double seconds)
{
	uint64_t end = sample_now() + (uint64_t)(seconds * 1e9);
	struct timespec pause = { .tv_nsec = 10000000 };
	int ready;

	while (!(ready = shim_ready(shim)) && sample_now() < end)
		nanosleep(&pause, NULL);
	return ready > 0 ? 0 : ready ? ready : -EAGAIN;
}

/*
 * The address in @to of what is at an address of @from: the same place of the
 * same file, wherever it was loaded.  0 if @to has not mapped it.
 */
static uint64_t translate(const struct maps *from, const struct maps *to,
			  uint64_t addr)
{
	const struct map *m = NULL;
	uint64_t offset;
	size_t i;

	for (i = 0; i < from->n; i++)
		if (addr >= from->v[i].start && addr < from->v[i].end)
			m = &from->v[i];
	if (!m || !m->name[0])
		return 0;
	offset = addr - m->start + m->offset;
	for (i = 0; i < to->n; i++) {
		const struct map *t = &to->v[i];

		if (!strcmp(t->name, m->name) && offset >= t->offset &&
		    offset - t->offset < t->end - t->start)
			return t->start + offset - t->offset;
	}
	return 0;
}

/* A profile of a file, and the mappings that its addresses are in. */
static int view_load(struct view *v, const char *path)
{
	FILE *f = fopen(path, "re");
	size_t len = 0;
	char *maps;
	int err;

	if (!f)
		return -errno;
	err = prof_load(f, &v->prof, &maps, &len);
	fclose(f);
	if (err)
		return err;
	err = stacks_load(&v->stacks, maps, len);
	free(maps);
	return err;
}

/* What is subtracted, in addresses of what it is subtracted from. */
static int base_load(const char *path, struct prof *base,
		     const struct stacks *to)
{
	struct view v = { .prof.n = 0 };
	int err = view_load(&v, path);
	size_t i, k;

	for (i = 0; !err && i < v.prof.n; i++) {
		struct prof_stack *s = &v.prof.stack[i];

		for (k = 0; k < s->nframes; k++) {
			/* the return address may be behind the last byte */
			uint64_t at = translate(&v.stacks.maps, &to->maps,
						(uintptr_t)s->frame[k] - 1);

			if (at)
				s->frame[k] = (void *)(uintptr_t)(at + 1);
		}
	}
	*base = v.prof;
	stacks_close(&v.stacks);
	if (err)
		prof_free(base);
	return err;
}

static int emit(const struct args *args, struct view *view,
		struct prof *before)
{
	struct profile p = {
		.what = (enum profile_what)args->what,
		.prof = &view->prof,
		.before = before,
		.top = args->top,
		.stacks = view->stacks,
	};
	FILE *f = stdout;
	int err = 0;

	if (args->base) {
		err = base_load(args->base, before, &view->stacks);
		if (err) {
			out_error("cannot read %s: %s", args->base,
				  err == -EINVAL ? "no heap profile" :
				  strerror(-err));
			return err;
		}
	}
	if (args->output) {
		f = fopen(args->output, "we");
		if (!f)
			err = -errno;
	}
	if (!err)
		err = profile_make(&p);
	if (!err && out_json)
		err = profile_json(&p, f);
	else if (!err)
		err = profile_write(&p, (enum profile_format)args->format, f);
	if (f && f != stdout && fclose(f) && !err)
		err = -errno;
	profile_free(&p);
	/* what it has looked up is freed with the view */
	view->stacks = p.stacks;
	return err;
}

/* A process that runs: switch on, wait, look, switch off. */
static int profile_pid(const struct args *args)
{
	struct view view = { .prof.n = 0 };
	struct prof before = { 0 };
	double seconds = args->seconds;
	struct shim shim;
	bool switched;
	int err;

	err = shim_open(&shim, args->target.pid);
	if (err)
		return err;
	err = ready_wait(&shim, seconds > 0 ? seconds : DEFAULT_TIME);
	if (err) {
		shim_close(&shim);
		return err;
	}
	switched = !shim.conf.profile;
	if (switched && seconds <= 0)
		seconds = DEFAULT_TIME;
	if (switched)
		err = prof_switch(&shim, args->rate);
	if (!err && args->what == PROFILE_GROWTH) {
		if (seconds <= 0)
			seconds = DEFAULT_TIME;
		err = prof_read(&shim, &before);
	}
	if (!err)
		err = watch(&view, &shim, seconds);
	if (switched && prof_switch(&shim, 0) && !err)
		err = -ESRCH;
	if (!err && switched)
		out_error("only what was allocated in the last %g s is in this profile",
			  seconds);
	/* what was sampled is kept when the process ends first */
	if (!err || (err == -ESRCH && view.prof.stack))
		err = emit(args, &view, &before);
	view_end(&view);
	prof_free(&before);
	shim_close(&shim);
	return err;
}

/* A command: sampled from the beginning, read before its memory goes. */
static int profile_command(const struct args *args, int *status)
{
	struct view view = { .prof.n = 0 };
	struct prof before = { 0 };
	struct shim shim;
	struct launch l;
	int err = 0;

	*status = launch_sampled(&l, &args->target, args->rate);
	if (*status)
		return 0;
	do {
		launch_wait(&l, args->seconds > 0 ?
			    (int)(args->seconds * 1000) : 1000000);
	} while (!l.stopped && !l.over && args->seconds <= 0);
	if (l.over) {
		err = -ESRCH;
	} else {
		err = shim_open(&shim, l.pid);
		if (!err) {
			err = view_take(&view, &shim);
			if (!err)
				err = emit(args, &view, &before);
			shim_close(&shim);
		}
	}
	launch_end(&l);
	view_end(&view);
	*status = launch_status(&l);
	return err;
}

static int profile_file(const struct args *args)
{
	struct view view = { .prof.n = 0 };
	struct prof before = { 0 };
	int err = view_load(&view, args->load);

	if (err)
		out_error("cannot read %s: %s", args->load, err == -EINVAL ?
			  "no heap profile" : strerror(-err));
	else
		err = emit(args, &view, &before);
	view_end(&view);
	prof_free(&before);
	return err;
}

int cmd_profile(int argc, char **argv)
{
	struct args args = {
		.what = -1, .top = DEFAULT_TOP,
	};
	int err, status = CMD_OK;

	args_parse(&argp, "profile", argc, argv, ARGP_IN_ORDER, &args);
	if (args.what < 0)
		args.what = args.target.pid || args.load || args.base ?
			    PROFILE_LIVE : PROFILE_PEAK;
	if (!args.rate)
		args.rate = args.target.pid ? DEFAULT_RATE : COMMAND_RATE;
	if (args.base && args.format == PROFILE_HEAP) {
		out_error("text for google-pprof has no differences: take table, folded or proto");
		return CMD_USAGE;
	}
	if ((args.base || args.load) && args.what != PROFILE_LIVE &&
	    args.what != PROFILE_TOTAL) {
		out_error("a file has live and total only");
		return CMD_USAGE;
	}
	if (args.load)
		return profile_file(&args) ? CMD_FAILED : CMD_OK;
	if (args.what == PROFILE_GROWTH && !args.target.pid) {
		out_error("growth is of a process that runs: give its PID");
		return CMD_USAGE;
	}
	err = args.target.pid ? profile_pid(&args) :
			 profile_command(&args, &status);
	if (err) {
		out_error("cannot profile: %s", err == -ENODATA ?
			  "nothing is being sampled" : err == -EAGAIN ?
			  "the process has not allocated anything yet" :
			  shim_strerror(err));
		return exit_errno(err);
	}
	return status;
}
