// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena export: metrics for Prometheus, as text, a file or over HTTP.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "read/kmod.h"
#include "show/metrics.h"
#include "base/out.h"

struct args {
	const char *output, *listen;
	bool open, any, heap;
	unsigned int procs;
	uint64_t rate;
};

static const struct argp_option options[] = {
	{ "processes", 'p', NULL, 0,
	  "Include metrics of processes, which reads every process", 0 },
	{ "labels", 'L', "LIST", 0,
	  "Tell processes of a command apart by pid, cgroup, unit, pod", 0 },
	{ "openmetrics", 'O', NULL, 0,
	  "OpenMetrics 1.0 instead of the older text format", 0 },
	{ "output", 'o', "FILE", 0,
	  "Replace FILE at once, for node_exporter's textfile collector", 0 },
	{ "listen", 'l', "[ADDRESS:]PORT", 0,
	  "Serve /metrics over HTTP, on 127.0.0.1 by default", 0 },
	{ "heap", 'H', "SIZE", OPTION_ARG_OPTIONAL,
	  "Serve heap profiles as well, as Go's programs do; SIZE: switch sampling on "
	  "where it is off", 0 },
	{ "any", 'a', NULL, 0,
	  "Allow --listen on an address that other machines reach", 0 },
	{ 0 }
};

/* "unit,pod" as flags. */
static unsigned int labels(char *list, struct argp_state *state)
{
	static char *const names[] = { "pid", "cgroup", "unit", "pod", NULL };
	static const unsigned int flags[] = {
		METRICS_PID, METRICS_CGROUP, METRICS_UNIT, METRICS_POD,
	};
	unsigned int all = 0;
	char *value;
	int i;

	while (*list) {
		i = getsubopt(&list, names, &value);
		if (i < 0 || (value && *value))
			argp_error(state, "there is no label '%s'",
				   value ? value : "");
		else
			all |= flags[i];
	}
	return all;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'p':
		args->procs |= METRICS_COMMAND;
		return 0;
	case 'L':
		args->procs |= METRICS_COMMAND | labels(arg, state);
		return 0;
	case 'O':
		args->open = true;
		return 0;
	case 'o':
		args->output = arg;
		return 0;
	case 'l':
		args->listen = arg;
		return 0;
	case 'H':
		args->heap = true;
		if (arg)
			args->rate = args_rate(arg, state);
		return 0;
	case 'a':
		args->any = true;
		return 0;
	case ARGP_KEY_END:
		if (args->listen && args->output)
			argp_error(state, "--listen and --output exclude each other");
		if (args->heap && !args->listen)
			argp_error(state, "--heap is for --listen");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Write metrics for Prometheus.\v"
	       "Without the module there is hugearena_up 0, and with "
	       "--processes what libshim has.",
};

/* A reader sees either the old file or the new one. */
static int file_replace(const char *path, const char *text, size_t len)
{
	char *tmp;
	int fd, err = 0;

	/* node_exporter reads *.prom only */
	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkstemp(tmp);
	if (fd < 0) {
		err = -errno;
		free(tmp);
		return err;
	}
	if (write(fd, text, len) != (ssize_t)len || fchmod(fd, 0644))
		err = errno ? -errno : -ENOSPC;
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(tmp, path))
		err = -errno;
	if (err)
		unlink(tmp);
	free(tmp);
	return err;
}

/* "name{labels} value" lines as an object each. */
static int text_json(char *text)
{
	json_t *list = json_array(), *obj;
	char *line, *rest, *value;

	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest)) {
		value = strrchr(line, ' ');
		if (line[0] == '#' || !value)
			continue;
		*value = '\0';
		obj = json_object();
		json_put_text(obj, "sample", line);
		json_put_real(obj, "value", strtod(value + 1, NULL));
		json_array_append_new(list, obj);
	}
	return out_print_json(list);
}

int cmd_export(int argc, char **argv)
{
	struct args args = { 0 };
	int err, ret = CMD_OK;
	size_t len;
	char *text;

	args_parse(&argp, "export", argc, argv, 0, &args);
	if (args.listen) {
		const struct serve s = {
			.address = args.listen, .any = args.any,
			.procs = args.procs, .heap = args.heap,
			.rate = args.rate,
		};

		return metrics_serve(&s);
	}
	text = metrics_text(args.open, args.procs, &len);
	if (!text) {
		out_error("no memory");
		return CMD_FAILED;
	}
	if (args.output) {
		err = file_replace(args.output, text, len);
		if (err) {
			out_error("cannot write %s: %s", args.output,
				  strerror(-err));
			ret = exit_errno(err);
		}
	} else if (out_json) {
		ret = text_json(text);
	} else if (fwrite(text, 1, len, stdout) != len || fflush(stdout)) {
		out_error("cannot write: %m");
		ret = CMD_FAILED;
	}
	free(text);
	return ret;
}
