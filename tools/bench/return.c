// SPDX-License-Identifier: GPL-2.0-only
/*
 * return: what stays resident after free(), allocators side by side.
 *
 * Runs the program heap under each allocator, story by story, and puts what it
 * prints in a table.  Each story runs twice: once with an idle time, in which an
 * allocator can give memory back, and once without; the next phase of the first
 * against that of the second is what giving back has cost.
 */
#include <argp.h>
#include <err.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "spawn.h"

#define RETURN_TIMEOUT	300
#define RETURN_EXTRA	8

static const char *const return_stories[] = {
	"mixed", "clustered", "small", "runs", "tiny", "same", "stride",
	"keys", "server", "bloat",
};

#define RETURN_STORIES	(sizeof(return_stories) / sizeof(return_stories[0]))

/**
 * struct return_bench - one run of it
 * @set: the allocators
 * @heap: path of the program heap
 * @shim: path of libshim
 * @out: folder of the results
 * @error_log: where standard error goes
 * @extra: further allocators
 * @extras: how many
 * @only: names of the stories to run, NULL for all
 * @mib: size of the heaps
 * @idle: seconds of idle time
 * @busy: seconds of the server story
 * @tsv: the results
 */
struct return_bench {
	struct alloc_set set;
	char heap[PATH_MAX];
	char shim[PATH_MAX];
	char out[PATH_MAX];
	char error_log[PATH_MAX];
	const char *extra[RETURN_EXTRA];
	unsigned int extras;
	const char *only;
	const char *mib;
	const char *idle;
	const char *busy;
	FILE *tsv;
};

static double return_value(const char *text, const char *key)
{
	size_t length = strlen(key);
	const char *line;

	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, length) && line[length] == ' ')
			return strtod(line + length, NULL);
	}
	return NAN;
}

static int return_run(struct return_bench *bench, const struct alloc *alloc,
		      const char *story, const char *idle, char *text,
		      size_t size)
{
	char *argv[] = {
		bench->heap, (char *)story, (char *)bench->mib, (char *)idle,
		(char *)bench->busy, NULL
	};
	char **envp = alloc_environ(alloc);
	struct spawn_request request = {
		.argv = argv, .envp = envp, .timeout = RETURN_TIMEOUT,
		.error_log = bench->error_log,
	};
	int status;

	status = spawn_capture(&request, text, size);
	alloc_environ_free(envp);
	return status;
}

/* "key value" lines become lines of the results */
static void return_tsv(struct return_bench *bench, const struct alloc *alloc,
		       const char *story, const char *text)
{
	const char *line, *blank, *end;

	for (line = text; (end = strchr(line, '\n')); line = end + 1) {
		blank = memchr(line, ' ', (size_t)(end - line));
		if (blank)
			fprintf(bench->tsv, "%s\t%s\t%.*s\t%.*s\n", story,
				alloc->name, (int)(blank - line), line,
				(int)(end - blank - 1), blank + 1);
	}
}

static int return_row(struct return_bench *bench, const struct alloc *alloc,
		      const char *story)
{
	char text[4096], without[4096];
	double live, peak, live_peak, next, next_without;

	if (return_run(bench, alloc, story, bench->idle, text, sizeof(text)) ||
	    return_run(bench, alloc, story, "0", without, sizeof(without))) {
		printf("%-10s failed, see %s\n", alloc->name, bench->error_log);
		return 1;
	}
	live = return_value(text, "live") / 1024;
	live_peak = return_value(text, "live_peak") / 1024;
	peak = return_value(text, "peak_kb");
	next = return_value(text, "next_cpu");
	next_without = return_value(without, "next_cpu");
	printf("%-10s %8.0f %8.0f %8.0f %8.0f %8.2f %8.2f %8.0f%% %8.2f\n",
	       alloc->name, live / 1024, return_value(text, "freed_kb") / 1024,
	       return_value(text, "idle_kb") / 1024,
	       return_value(text, "trim_kb") / 1024,
	       return_value(text, "idle_kb") / live_peak, peak / live_peak,
	       100 * return_value(text, "idle_coverage"), next / next_without);
	return_tsv(bench, alloc, story, text);
	fprintf(bench->tsv, "%s\t%s\tnext_cpu_without\t%.6f\n", story,
		alloc->name, next_without);
	fflush(stdout);
	return 0;
}

static int return_story(struct return_bench *bench, const char *story)
{
	unsigned int i;
	int failed = 0;

	printf("\n%s\n%-10s %8s %8s %8s %8s %8s %8s %9s %8s\n", story, "",
	       "live", "freed", "idle", "trim", "idle/", "peak/", "coverage",
	       "next");
	printf("%-10s %8s %8s %8s %8s %8s %8s %9s %8s\n", "", "MiB", "MiB",
	       "MiB", "MiB", "livepeak", "livepeak", "", "phase");
	for (i = 0; i < bench->set.n; i++)
		failed |= return_row(bench, &bench->set.alloc[i], story);
	return failed;
}

static const struct argp_option return_options[] = {
	{ "quick", 'q', NULL, 0, "256 MiB and ten busy seconds", 0 },
	{ "alloc", 'a', "NAME=LIBRARY[,VAR=VALUE]", 0,
	  "Compare a further allocator", 0 },
	{ "shim", 'l', "PATH", 0, "libshim.so.0 to measure", 0 },
	{ "stories", 's', "NAME,...", 0,
	  "Only these of mixed, clustered, small, runs, tiny, same, stride, keys, server, bloat",
	  0 },
	{ "idle", 'i', "SECONDS", 0, "Idle time (2)", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static error_t return_option(int key, char *arg, struct argp_state *state)
{
	struct return_bench *bench = state->input;

	switch (key) {
	case 'q':
		bench->mib = "256";
		bench->busy = "10";
		break;
	case 'a':
		if (bench->extras == RETURN_EXTRA)
			argp_error(state, "too many allocators");
		bench->extra[bench->extras++] = arg;
		break;
	case 'l':
		snprintf(bench->shim, sizeof(bench->shim), "%s", arg);
		break;
	case 's':
		bench->only = arg;
		break;
	case 'i':
		bench->idle = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void return_paths(struct return_bench *bench)
{
	char self[PATH_MAX - 32], *folder;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		err(1, "/proc/self/exe");
	self[n] = '\0';
	folder = dirname(self);
	snprintf(bench->heap, sizeof(bench->heap), "%s/heap", folder);
	snprintf(bench->shim, sizeof(bench->shim), "%s/../libshim.so.0",
		 folder);
	snprintf(bench->out, sizeof(bench->out), "%s/return.tsv", folder);
	snprintf(bench->error_log, sizeof(bench->error_log),
		 "%s/return-errors.log", folder);
	unlink(bench->error_log);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = return_options,
		.parser = return_option,
		.doc = "Compare what stays resident after free().",
	};
	static struct return_bench bench = {
		.mib = "1024", .idle = "2", .busy = "60"
	};
	int failed = 0;
	size_t i;

	return_paths(&bench);
	argp_parse(&argp, argc, argv, 0, NULL, &bench);
	alloc_set_add_known(&bench.set, bench.shim, "libc.so.6");
	for (i = 0; i < bench.extras; i++)
		if (alloc_set_add(&bench.set, bench.extra[i], false))
			errx(1, "--alloc %s: not found", bench.extra[i]);
	bench.tsv = fopen(bench.out, "we");
	if (!bench.tsv)
		err(1, "%s", bench.out);
	fprintf(bench.tsv, "story\tallocator\tkey\tvalue\n");
	printf("%s MiB, %s s idle, server for %s s\n", bench.mib, bench.idle,
	       bench.busy);
	spawn_warm_up((size_t)1 << 30);
	for (i = 0; i < RETURN_STORIES; i++)
		if (!bench.only || strstr(bench.only, return_stories[i]))
			failed |= return_story(&bench, return_stories[i]);
	if (fclose(bench.tsv))
		err(1, "%s", bench.out);
	printf("\nwritten: %s\n", bench.out);
	return failed;
}
