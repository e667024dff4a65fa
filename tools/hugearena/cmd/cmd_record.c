// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena record: sample a process into a file.
 *
 * The file is JSON, a document a line: first what was recorded, then a sample a
 * line, in order of time, as "top --json" has them, with
 *
 *   t		seconds since the beginning
 *   blocks	a sign for each block of the heap by address, '0' to ':' for
 *		tenths in spans; 'a' to 'k' where the block is split
 *   latency	the module's histograms, of the whole machine
 *
 * A file that was cut off is valid up to its last whole line.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "launch.h"
#include "base/out.h"
#include "read/pages.h"
#include "read/sample.h"

#define DEFAULT_FILE	"hugearena.rec"
#define DEFAULT_INTERVAL	0.5
/* Unless an interval is asked for, looking may take this part of the time. */
#define COST_PART	20

struct args {
	const char *output;
	double interval, seconds;
	bool no_blocks, partly;
	struct args_target target;
};

static const struct argp_option options[] = {
	{ "output", 'w', "FILE", 0, "Default " DEFAULT_FILE, 0 },
	{ "interval", 'i', "SECONDS", 0,
	  "Time between samples (default 0.5, or more if they cost too much)", 0 },
	{ "time", 't', "SECONDS", 0, "Stop after this time", 0 },
	{ "no-blocks", 'B', NULL, 0, "Leave out the heap map", 0 },
	{ "partly", 'P', NULL, 0,
	  "Of another user's process, record what can be read", 0 },
	ARGS_TARGET_OPTIONS,
	{ 0 }
};

static double seconds(const char *arg, struct argp_state *state)
{
	char *end;
	double value = strtod(arg, &end);

	if (end == arg || *end || !(value >= 0.01) || value > 1e7)
		argp_error(state, "SECONDS must be at least 0.01, not '%s'", arg);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'w':
		args->output = arg;
		return 0;
	case 'i':
		args->interval = seconds(arg, state);
		return 0;
	case 't':
		args->seconds = seconds(arg, state);
		return 0;
	case 'P':
		args->partly = true;
		return 0;
	case 'B':
		args->no_blocks = true;
		return 0;
	}
	return args_target(key, arg, state, &args->target);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = ARGS_TARGET_DOC,
	.doc = "Sample a process into a file, until it ends or Ctrl-C.\v"
	       "'hugearena report' makes a page of it.",
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

static json_t *blocks_json(const struct shim *shim)
{
	struct shim_heap heap;
	json_t *text;
	char *signs;
	size_t i;

	if (shim_heap_read(shim, &heap, SHIM_BLOCKS))
		return NULL;
	signs = malloc(heap.nr_blocks + 1);
	for (i = 0; signs && i < heap.nr_blocks; i++) {
		const struct shim_block *b = &heap.blocks[i];

		signs[i] = (char)((b->whole ? '0' : 'a') +
				  b->used * 10 / (int)BLOCK_PAGES);
	}
	text = signs ? json_stringn(signs, heap.nr_blocks) : NULL;
	free(signs);
	shim_heap_free(&heap);
	return text;
}

static json_t *latency_json(void)
{
	struct kmod_latency lat[KMOD_SOURCES];
	size_t n;

	return kmod_latency_read(lat, &n) ? NULL : kmod_latency_json(lat, n);
}

struct recording {
	const struct args *args;
	FILE *f;
	struct shim shim;
	int shim_err;
	bool full;		/* the file takes no more */
	int unread_shim;	/* why, of the last sample: 0 if it was read */
	int unread_rollup;
	uint64_t began;
	uint64_t samples;
};

static int line_write(struct recording *rec, json_t *line)
{
	int err;

	errno = 0;
	err = json_dumpf(line, rec->f, JSON_COMPACT);
	json_decref(line);
	if (!err && fputc('\n', rec->f) != EOF && !fflush(rec->f))
		return 0;
	rec->full = true;
	return errno ? -errno : -EIO;
}

static int header_write(struct recording *rec, pid_t pid)
{
	json_t *line = json_object();
	struct utsname uts;
	char text[512] = "";
	time_t now = time(NULL);
	struct tm tm;
	int i;

	uname(&uts);
	for (i = 0; !rec->args->target.pid && i < rec->args->target.argc; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%s%s", i ? " " : "", rec->args->target.argv[i]);
	if (rec->args->target.pid)
		proc_comm(pid, text, 32);
	json_put_int(line, "hugearena_record", 1);
	json_put_text(line, "command", text);
	json_put_int(line, "pid", (uint64_t)pid);
	json_put_text(line, "host", uts.nodename);
	json_put_text(line, "kernel", uts.release);
	json_put_real(line, "interval_seconds", rec->args->interval ?
		      rec->args->interval : DEFAULT_INTERVAL);
	json_put_bool(line, "module", kmod_present());
	if (gmtime_r(&now, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm))
		json_put_text(line, "began", text);
	return line_write(rec, line);
}

/* -ESRCH when the process is gone. */
static int sample_write(struct recording *rec, pid_t pid)
{
	struct kmod_arena *arenas = NULL;
	struct sample s;
	json_t *line, *more;
	size_t n = 0;
	int err;

	if (rec->shim_err)
		rec->shim_err = shim_open(&rec->shim, pid);
	kmod_arenas_read(&arenas, &n);
	err = sample_take(&s, pid, &rec->shim, &rec->shim_err, arenas, n,
			  SAMPLE_ROLLUP);
	free(arenas);
	if (err)
		return err;
	if (!s.rss)
		return -ESRCH;
	rec->unread_shim = s.shim_err;
	rec->unread_rollup = s.rollup_err;
	line = sample_json(&s);
	json_put_real(line, "t", (double)(s.when - rec->began) / 1e9);
	more = rec->shim_err || rec->args->no_blocks ? NULL :
						       blocks_json(&rec->shim);
	if (more)
		json_object_set_new(line, "blocks", more);
	more = latency_json();
	if (more)
		json_object_set_new(line, "latency", more);
	rec->samples++;
	return line_write(rec, line);
}

static void pause_for(double s, struct launch *l)
{
	struct timespec t = {
		.tv_sec = (time_t)s,
		.tv_nsec = (long)((s - (double)(time_t)s) * 1e9),
	};

	if (l)
		launch_wait(l, (int)(s * 1000));
	else
		nanosleep(&t, NULL);
}

static int sampling(struct recording *rec, pid_t pid, struct launch *l)
{
	uint64_t begin, end;
	double left, cost;
	int err = 0;

	rec->began = sample_now();
	while (!err && !interrupted) {
		begin = sample_cpu();
		err = sample_write(rec, pid);
		end = sample_cpu();
		if (l && (l->stopped || l->over))
			break;
		if (rec->args->seconds &&
		    (double)(sample_now() - rec->began) / 1e9 >=
		    rec->args->seconds)
			break;
		out_progress("samples", rec->samples, 0);
		cost = (double)(end - begin) / 1e9;
		left = rec->args->interval ? rec->args->interval - cost :
		       DEFAULT_INTERVAL - cost > cost * COST_PART ?
		       DEFAULT_INTERVAL - cost : cost * COST_PART;
		if (left < 0.001)
			left = 0.001;
		pause_for(left, l);
	}
	out_progress(NULL, 0, 0);
	return err == -ESRCH && rec->samples ? 0 : err;
}

static bool is_forbidden(int err)
{
	return err == -EACCES || err == -EPERM;
}

/* What is missing in the recording, and why. */
static void warn(const struct recording *rec, pid_t pid)
{
	if (!rec->samples)
		return;
	if (is_forbidden(rec->unread_rollup))
		out_error("process %d: coverage, PSS and the heap are not in "
			  "the recording: %s", pid, proc_lacks());
	else if (rec->unread_shim)
		out_error("process %d: no heap and no heap map in the "
			  "recording: %s", pid,
			  shim_strerror(rec->unread_shim));
	if (!kmod_present())
		out_error("no faults by source and no fault times in the "
			  "recording: hugearena.ko is not loaded");
}

/* Said before the file is touched: an exit status, CMD_OK if it can be done. */
static int refuse(const struct args *args)
{
	pid_t pid = args->target.pid;
	int fd;

	if (!pid)
		return CMD_OK;
	if (!proc_exists(pid)) {
		out_error("cannot record %d: there is no such process", pid);
		return CMD_FAILED;
	}
	fd = pages_open(pid);
	if (fd >= 0)
		close(fd);
	if (!is_forbidden(fd) || args->partly)
		return CMD_OK;
	out_error("cannot look into %d: %s; --partly records what anybody can "
		  "see", pid, proc_lacks());
	return CMD_NO_RIGHT;
}

static int record(struct recording *rec)
{
	const struct args *args = rec->args;
	struct sigaction act = { .sa_handler = on_signal };
	struct launch l;
	pid_t pid = args->target.pid;
	int err, ret = 0;

	if (!pid) {
		ret = launch_start(&l, args->target.argv, true,
				   args->target.options, false);
		if (ret)
			return ret;
		pid = l.pid;
	}
	sigaction(SIGTERM, &act, NULL);
	if (args->target.pid)
		sigaction(SIGINT, &act, NULL);
	err = header_write(rec, pid);
	if (!err)
		err = sampling(rec, pid, args->target.pid ? NULL : &l);
	if (!args->target.pid) {
		if (interrupted || args->seconds)
			kill(pid, SIGTERM);
		launch_end(&l);
		ret = launch_status(&l);
	}
	warn(rec, pid);
	if (rec->full) {
		out_error("cannot write %s: %s", args->output, strerror(-err));
		ret = CMD_FAILED;
	} else if (err) {
		out_error("cannot record %d: %s", pid, err == -ESRCH ?
			  "there is no such process" : strerror(-err));
		ret = exit_errno(err);
	}
	return ret;
}

int cmd_record(int argc, char **argv)
{
	struct args args = { .output = DEFAULT_FILE };
	struct recording rec = {
		.args = &args, .shim = { .mem = -1 }, .shim_err = -ENOENT,
	};
	int ret;

	args_parse(&argp, "record", argc, argv, ARGP_IN_ORDER, &args);
	ret = refuse(&args);
	if (ret)
		return ret;
	rec.f = fopen(args.output, "we");
	if (!rec.f) {
		out_error("cannot write %s: %m", args.output);
		return CMD_FAILED;
	}
	ret = record(&rec);
	if (fclose(rec.f) && !rec.full) {
		out_error("cannot write %s: %m", args.output);
		ret = CMD_FAILED;
	}
	shim_close(&rec.shim);
	if (out_json) {
		json_t *root = json_object();

		json_put_text(root, "file", args.output);
		json_put_int(root, "samples", rec.samples);
		json_put_int(root, "exit_status", (uint64_t)ret);
		out_print_json(root);
	} else if (rec.samples) {
		fprintf(stderr, "hugearena: %" PRIu64 " samples in %s\n",
			rec.samples, args.output);
	}
	return ret;
}
