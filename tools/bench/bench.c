// SPDX-License-Identifier: GPL-2.0-only
/*
 * bench: compare allocators, row by row, on this machine.
 *
 * Rounds go through all rows, and in each row through all allocators, one run
 * each, starting with another allocator every round: whatever disturbs the
 * machine disturbs all of them.  Every run is a process of its own with the
 * allocator preloaded; before the first, the program asks the dynamic linker
 * whose malloc() each would get.  A run whose output is not that of the first
 * allocator, glibc, is a failure and does not count; the exit status tells only
 * of failures of libshim and of the benchmark itself, not of the peers'.
 *
 * The program is linked statically and stays below the resident set of any
 * process it measures, see spawn_measure().
 */
#include <argp.h>
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "report.h"
#include "spawn.h"
#include "table.h"

#define BENCH_TIMEOUT	120	/* seconds; the slowest row takes about 1 */
#define BENCH_SKIP	77	/* a script's status: its program is not there */
#define BENCH_EXTRA	8
#define BENCH_WARM_UP	((size_t)32 << 20)	/* until a row's need is known */

/**
 * struct bench - one run of the benchmark
 * @table: rows and columns
 * @set: the allocators
 * @work: path of the workload program
 * @out: folder of the results
 * @apps: folder of the scripts that run real programs
 * @shim: path of libshim
 * @extra: further allocators, name=library
 * @extras: how many
 * @only: comma-separated names of rows, or NULL for all
 * @rounds: the maximum
 * @budget: seconds after which no further round starts
 * @scale: of every workload
 * @error_log: where the programs' standard error goes
 * @start: when it began
 * @failed: something went wrong
 */
struct bench {
	struct table table;
	struct alloc_set set;
	char work[PATH_MAX];
	char out[PATH_MAX];
	char apps[PATH_MAX];
	char shim[PATH_MAX];
	const char *extra[BENCH_EXTRA];
	unsigned int extras;
	char *only;
	unsigned int rounds;
	double budget;
	double scale;
	char error_log[PATH_MAX + 16];
	double start;
	bool failed;
};

static double bench_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Run a program under an allocator (NULL: plain) and keep its output. */
static int bench_capture(struct bench *bench, const struct alloc *alloc,
			 char **argv, char *text, size_t size)
{
	char **envp = alloc_environ(alloc);
	struct spawn_request request = {
		.argv = argv, .envp = envp, .timeout = BENCH_TIMEOUT,
		.error_log = bench->error_log,
	};
	int status;

	status = spawn_capture(&request, text, size);
	alloc_environ_free(envp);
	return status;
}

static void bench_line_cut(char *line)
{
	line[strcspn(line, "\n")] = '\0';
}

/* the file that malloc() comes from under an allocator, "" if that fails */
static void bench_whose(struct bench *bench, const struct alloc *alloc,
			char *file, size_t size)
{
	char *argv[] = { bench->work, (char *)"whose", NULL };

	if (bench_capture(bench, alloc, argv, file, size))
		file[0] = '\0';
	bench_line_cut(file);
}

/* Keep only allocators that serve the workload program. */
static void bench_set_check(struct bench *bench)
{
	struct alloc_set *set = &bench->set;
	char file[PATH_MAX];
	unsigned int i, n = 0;

	for (i = 0; i < set->n; i++) {
		bench_whose(bench, &set->alloc[i], file, sizeof(file));
		if (alloc_is_file(file, set->alloc[i].path)) {
			set->alloc[n++] = set->alloc[i];
			continue;
		}
		warnx("%s does not serve: malloc comes from %s",
		      set->alloc[i].name, *file ? file : "nowhere, it failed");
		bench->failed = true;
	}
	set->n = n;
	if (!n)
		errx(1, "no allocator to measure");
}

static void bench_set_make(struct bench *bench)
{
	char libc[PATH_MAX];
	unsigned int i;
	int error;

	bench_whose(bench, NULL, libc, sizeof(libc));
	if (!*libc)
		errx(1, "%s does not run, see %s", bench->work,
		     bench->error_log);
	alloc_set_add_known(&bench->set, bench->shim, libc);
	for (i = 0; i < bench->extras; i++) {
		error = alloc_set_add(&bench->set, bench->extra[i], false);
		if (error)
			errx(1, "--alloc %s: %s", bench->extra[i],
			     strerror(-error));
	}
	bench_set_check(bench);
}

static bool bench_row_wanted(const struct bench *bench, const char *name)
{
	size_t length = strlen(name);
	const char *at = bench->only;

	if (!at)
		return true;
	while ((at = strstr(at, name))) {
		if ((at == bench->only || at[-1] == ',') &&
		    (!at[length] || at[length] == ','))
			return true;
		at += length;
	}
	return false;
}

static void bench_rows_work(struct bench *bench)
{
	char *argv[] = { bench->work, (char *)"list", NULL };
	char text[16384], *line, *save, *idea;

	if (bench_capture(bench, NULL, argv, text, sizeof(text)))
		errx(1, "%s does not run, see %s", bench->work,
		     bench->error_log);
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		idea = strchr(line, '\t');
		if (!idea)
			errx(1, "%s: bad list", bench->work);
		*idea++ = '\0';
		if (bench_row_wanted(bench, line))
			table_row_add(&bench->table, line, idea, NULL);
	}
}

/*
 * Every file that malloc is taken from must be the allocator's or, for an
 * executable that takes its address, the program's own stub.
 */
static bool bench_app_served(struct bench *bench, const struct alloc *alloc,
			     char *program)
{
	char whose[PATH_MAX + 16], text[4096], *line, *save;
	char *argv[] = { (char *)"sh", whose, program, NULL };
	bool served = false;

	snprintf(whose, sizeof(whose), "%s/whose.sh", bench->apps);
	setenv("ALLOC", alloc->prefix, 1);
	if (bench_capture(bench, NULL, argv, text, sizeof(text)))
		return false;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (alloc_is_file(line, alloc->path))
			served = true;
		else if (!alloc_is_file(line, program))
			return false;
	}
	return served;
}

static bool bench_app_ready(struct bench *bench, char *script)
{
	char *argv[] = { (char *)"sh", script, (char *)"program", NULL };
	char program[PATH_MAX];
	unsigned int a;
	int status;

	status = bench_capture(bench, NULL, argv, program, sizeof(program));
	bench_line_cut(program);
	if (status == BENCH_SKIP) {
		warnx("%s: its program is not installed", script);
		return false;
	}
	argv[2] = (char *)"prepare";
	if (!status) {
		char nothing[16];

		status = bench_capture(bench, NULL, argv, nothing,
				       sizeof(nothing));
	}
	if (status) {
		warnx("%s failed, see %s", script, bench->error_log);
		bench->failed = true;
		return false;
	}
	for (a = 0; a < bench->set.n; a++) {
		if (bench_app_served(bench, &bench->set.alloc[a], program))
			continue;
		warnx("%s does not serve %s", bench->set.alloc[a].name,
		      program);
		bench->failed = true;
		return false;
	}
	return true;
}

static int bench_is_script(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".sh") && strcmp(entry->d_name, "whose.sh");
}

static void bench_rows_apps(struct bench *bench)
{
	char script[PATH_MAX + NAME_MAX + 2], name[NAME_MAX + 1];
	struct dirent **list;
	int n, i;

	n = scandir(bench->apps, &list, bench_is_script, alphasort);
	if (n < 0)
		err(1, "%s", bench->apps);
	for (i = 0; i < n; i++) {
		snprintf(script, sizeof(script), "%s/%s", bench->apps,
			 list[i]->d_name);
		snprintf(name, sizeof(name), "%.*s",
			 (int)(strrchr(list[i]->d_name, '.') -
			       list[i]->d_name), list[i]->d_name);
		if (bench_row_wanted(bench, name) &&
		    bench_app_ready(bench, script))
			table_row_add(&bench->table, name, "a real program",
				      script);
		free(list[i]);
	}
	free(list);
}

/*
 * Before every run, not once: a host takes free 2 MiB pages back within two
 * seconds, and an allocator that uses them would pay for what the others do not
 * have to.
 */
static void bench_warm_up(const struct table_row *row)
{
	size_t bytes = (size_t)(row->peak_kb * 1024);
	int error;

	/* twice the most so far: another allocator may need more */
	bytes = bytes ? 2 * (bytes & ~(size_t)4095) : BENCH_WARM_UP;
	error = spawn_warm_up(bytes);
	if (error)
		warnx("warm-up: %s", strerror(-error));
}

static void bench_cell_run(struct bench *bench, struct table_row *row,
			   unsigned int a, bool watch_coverage)
{
	const struct alloc *alloc = &bench->set.alloc[a];
	char *app[] = { (char *)"sh", row->script, (char *)"run", NULL };
	char scale[32];
	char *work[] = { bench->work, (char *)"run", row->name, scale, NULL };
	struct spawn_cost cost = { .cpu = 0 };
	struct spawn_request request = {
		.argv = row->script ? app : work,
		.timeout = BENCH_TIMEOUT,
		.watch_coverage = watch_coverage,
		.error_log = bench->error_log,
	};
	char **envp;
	int status;

	snprintf(scale, sizeof(scale), "%g", bench->scale);
	setenv("ALLOC", alloc->prefix, 1);
	envp = alloc_environ(row->script ? NULL : alloc);
	request.envp = envp;
	bench_warm_up(row);
	status = spawn_measure(&request, &cost);
	alloc_environ_free(envp);
	if (table_cell_add(row, a, status, &cost))
		return;
	if (alloc->ours || !a)
		bench->failed = true;
	if (status < 0)
		warnx("%s with %s: %s", row->name, alloc->name,
		      strerror(-status));
	else if (status)
		warnx("%s with %s: status %d, see %s", row->name, alloc->name,
		      status, bench->error_log);
	else
		warnx("%s with %s: another output than the others'",
		      row->name, alloc->name);
}

static void bench_progress(const struct bench *bench, unsigned int round,
			   unsigned int row)
{
	bool terminal = isatty(2);

	if (!terminal && row)
		return;
	fprintf(stderr, "%sround %u of %u, row %u of %u, %.0f s%s",
		terminal ? "\r" : "", round + 1, bench->rounds, row + 1,
		bench->table.rows, bench_now() - bench->start,
		terminal ? "   " : "\n");
}

static void bench_rounds_run(struct bench *bench)
{
	double began = bench_now(), longest = 0, round_began;
	unsigned int round, i, a;

	for (round = 0; round < bench->rounds; round++) {
		/* another whole round must fit, or the rows would differ */
		if (round && bench_now() - bench->start + longest >
		    bench->budget)
			break;
		round_began = bench_now();
		for (i = 0; i < bench->table.rows; i++) {
			bench_progress(bench, round, i);
			for (a = 0; a < bench->set.n; a++)
				bench_cell_run(bench, &bench->table.row[i],
					       (a + round) % bench->set.n,
					       !round);
		}
		if (bench_now() - round_began > longest)
			longest = bench_now() - round_began;
	}
	fprintf(stderr, "%s%u rounds of %u rows in %.0f s\n",
		isatty(2) ? "\n" : "", round, bench->table.rows,
		bench_now() - began);
}

static int bench_report(const struct bench *bench)
{
	char path[PATH_MAX + 16];
	int error;

	report_print(&bench->table);
	snprintf(path, sizeof(path), "%s/host.tsv", bench->out);
	error = report_tsv(&bench->table, path);
	if (error) {
		warnx("%s: %s", path, strerror(-error));
		return error;
	}
	printf("written: %s\n", path);
	snprintf(path, sizeof(path), "%s/host.rst", bench->out);
	error = report_rst(&bench->table, path);
	if (error) {
		warnx("%s: %s", path, strerror(-error));
		return error;
	}
	printf("written: %s\n", path);
	snprintf(path, sizeof(path), "%s/host.svg", bench->out);
	error = report_chart(&bench->table, path);
	if (error)
		warnx("no chart: gnuplot is not there or failed");
	else
		printf("written: %s\n", path);
	return 0;
}

static const struct argp_option bench_options[] = {
	{ "quick", 'q', NULL, 0, "Three rounds of a third of the work, in three minutes", 0 },
	{ "alloc", 'a', "NAME=LIBRARY[,VAR=VALUE]", 0,
	  "Compare a further allocator", 0 },
	{ "rows", 'r', "NAME,...", 0, "Only these rows", 0 },
	{ "rounds", 'n', "N", 0, "At most so many rounds (7)", 0 },
	{ "budget", 'b', "SECONDS", 0,
	  "Start no round that would end later (850)", 0 },
	{ "scale", 's', "FACTOR", 0, "Amount of work of each run (1)", 0 },
	{ "shim", 'l', "PATH", 0, "libshim.so.0 to measure", 0 },
	{ "apps", 'p', "FOLDER", 0, "Scripts that run real programs", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 }
};

static error_t bench_option(int key, char *arg, struct argp_state *state)
{
	struct bench *bench = state->input;

	switch (key) {
	case 'q':
		bench->rounds = 3;
		bench->scale = 0.35;
		bench->budget = 165;	/* 15 s for checks, warm-up, chart */
		break;
	case 'a':
		if (bench->extras == BENCH_EXTRA)
			argp_error(state, "too many allocators");
		bench->extra[bench->extras++] = arg;
		break;
	case 'r':
		bench->only = arg;
		break;
	case 'n':
		bench->rounds = (unsigned int)atoi(arg);
		if (!bench->rounds || bench->rounds > TABLE_ROUNDS)
			argp_error(state, "1 to %d rounds", TABLE_ROUNDS);
		break;
	case 'b':
		bench->budget = atof(arg);
		break;
	case 's':
		bench->scale = atof(arg);
		if (bench->scale <= 0)
			argp_error(state, "the scale must be above 0");
		break;
	case 'l':
		snprintf(bench->shim, sizeof(bench->shim), "%s", arg);
		break;
	case 'p':
		snprintf(bench->apps, sizeof(bench->apps), "%s", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* Everything is found from where this program is: build/bench/bench. */
static void bench_paths(struct bench *bench)
{
	char self[PATH_MAX], data[PATH_MAX + 8];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		err(1, "/proc/self/exe");
	self[n] = '\0';
	snprintf(bench->out, sizeof(bench->out), "%s", dirname(self));
	if (strlen(bench->out) + 32 > PATH_MAX)
		errx(1, "%s: too long a path", bench->out);
	snprintf(bench->work, sizeof(bench->work), "%.*s/rows/work",
		 PATH_MAX - 32, bench->out);
	snprintf(bench->apps, sizeof(bench->apps), "%.*s/apps",
		 PATH_MAX - 32, bench->out);
	snprintf(bench->shim, sizeof(bench->shim), "%.*s/../libshim.so.0",
		 PATH_MAX - 32, bench->out);
	snprintf(bench->error_log, sizeof(bench->error_log), "%s/errors.log",
		 bench->out);
	unlink(bench->error_log);
	snprintf(data, sizeof(data), "%s/data", bench->out);
	if (mkdir(data, 0777) && errno != EEXIST)
		err(1, "%s", data);
	setenv("DATA", data, 1);
	/* the distribution's programs, whatever the user has before them */
	setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin", 1);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = bench_options,
		.parser = bench_option,
		.doc = "Compare allocators on this machine by what some sixty programs cost.",
	};
	static struct bench bench = {
		.rounds = 7, .budget = 850, .scale = 1
	};

	bench.start = bench_now();
	bench_paths(&bench);
	argp_parse(&argp, argc, argv, 0, NULL, &bench);
	bench_set_make(&bench);
	bench.table.set = &bench.set;
	bench_rows_work(&bench);
	bench_rows_apps(&bench);
	if (!bench.table.rows)
		errx(1, "no rows");
	bench_rounds_run(&bench);
	if (bench_report(&bench))
		bench.failed = true;
	return bench.failed ? 1 : 0;
}
