// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena: one command to see and steer what hugearena.ko and libshim do.
 *
 * Finds the subcommand and gives it the rest of the command line.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "out.h"

#ifndef HUGEARENA_VERSION
#define HUGEARENA_VERSION	"0.1"
#endif

struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
};

static const struct cmd cmds[] = {
	{ "status", cmd_status, "the machine and every arena at a glance" },
	{ "top", cmd_top, "processes by memory, live" },
	{ "map", cmd_map, "a process's address space, blocks, page tables" },
	{ "run", cmd_run, "run a command on libshim and report at its exit" },
	{ "record", cmd_record, "sample a process into a file" },
	{ "report", cmd_report, "turn a recording into a page to look at" },
	{ "profile", cmd_profile, "sampled heap profile by call stack" },
	{ "leak", cmd_leak, "objects that nothing points to any more" },
	{ "wss", cmd_wss, "a process's working set by accessed bits" },
	{ "pool", cmd_pool, "show or set the pool of zeroed blocks" },
	{ "export", cmd_export, "metrics for Prometheus" },
};

#define NR_CMDS	(sizeof(cmds) / sizeof(cmds[0]))

static void usage(FILE *f)
{
	size_t i;

	fprintf(f, "Usage: hugearena COMMAND [OPTION]...\n\n");
	for (i = 0; i < NR_CMDS; i++)
		fprintf(f, "  %-9s %s\n", cmds[i].name, cmds[i].what);
	fprintf(f, "\n'hugearena COMMAND --help' lists options, 'man\n"
		"hugearena-COMMAND' explains.  Every command knows --json.\n\n"
		"Exit status: 0 done, 1 failed, 2 wrong usage, 3 needs the\n"
		"module, 4 needs more rights, 5 a check found something.\n");
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	(void)arg;
	switch (key) {
	case 'J':
		out_json = true;
		return 0;
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

void cmd_parse(const struct argp *argp, const char *name, int argc,
	       char **argv, unsigned int flags, void *input)
{
	static const struct argp_option options[] = {
		{ "json", 'J', NULL, 0, "Write JSON", 1 },
		{ 0 }
	};
	const struct argp_child children[] = { { argp, 0, NULL, 0 }, { 0 } };
	const struct argp all = {
		options, parse_common, argp->args_doc, argp->doc, children,
		NULL, NULL
	};
	static char full[64];

	snprintf(full, sizeof(full), "hugearena %s", name);
	argv[0] = full;
	program_invocation_name = full;
	program_invocation_short_name = full;
	argp_err_exit_status = CMD_USAGE;
	argp_parse(&all, argc, argv, flags, NULL, input);
}

long long cmd_number(const char *text, long long min, long long max,
		     struct argp_state *state, const char *what)
{
	long long value;
	char *end;

	errno = 0;
	value = strtoll(text, &end, 0);
	if (errno || end == text || *end || value < min || value > max)
		argp_error(state, "%s must be a number from %lld to %lld, not '%s'",
			   what, min, max, text);
	return value;
}

unsigned long long cmd_bytes(const char *text, struct argp_state *state,
			     const char *what)
{
	static const char units[] = "kmgt";
	unsigned long long value;
	const char *unit;
	char *end;
	int shift = 0;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		argp_error(state, "%s must be an amount, not '%s'", what, text);
	if (*end) {
		unit = strchr(units, *end | 0x20);
		if (!unit || end[1])
			argp_error(state, "%s: '%s' is no unit, use K, M, G, T",
				   what, end);
		else
			shift = 10 * (int)(unit - units + 1);
	}
	if (value << shift >> shift != value)
		argp_error(state, "%s: '%s' is too much", what, text);
	return value << shift;
}

pid_t cmd_pid(const char *text, struct argp_state *state)
{
	return (pid_t)cmd_number(text, 1, INT_MAX, state, "PID");
}

error_t cmd_target(int key, struct argp_state *state, struct cmd_target *t)
{
	const char *word;

	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "which process, or which command?");
	if (key != ARGP_KEY_ARGS)
		return ARGP_ERR_UNKNOWN;
	t->argv = state->argv + state->next;
	t->argc = state->argc - state->next;
	word = t->argv[0];
	if (strcmp(state->argv[state->next - 1], "--") &&
	    strspn(word, "0123456789") == strlen(word)) {
		if (t->argc > 1)
			argp_error(state, "one process at a time");
		t->pid = cmd_pid(word, state);
	}
	state->next = state->argc;
	return 0;
}

error_t cmd_process(int key, char *arg, struct argp_state *state, pid_t *pid)
{
	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "which process? Give its PID");
	if (key != ARGP_KEY_ARG || state->arg_num)
		return ARGP_ERR_UNKNOWN;
	*pid = cmd_pid(arg, state);
	return 0;
}

int cmd_errno(int err)
{
	err = err < 0 ? -err : err;
	if (err == EPERM || err == EACCES)
		return CMD_NO_RIGHT;
	return CMD_FAILED;
}

int main(int argc, char **argv)
{
	size_t i;

	out_init();
	if (argc < 2) {
		usage(stderr);
		return CMD_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    (!strcmp(argv[1], "help") && argc == 2)) {
		usage(stdout);
		return CMD_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		puts("hugearena " HUGEARENA_VERSION);
		return CMD_OK;
	}
	if (!strcmp(argv[1], "help")) {
		char page[64];

		snprintf(page, sizeof(page), "hugearena-%s", argv[2]);
		execlp("man", "man", page, (char *)NULL);
		out_error("cannot run man: %m; try 'hugearena %s --help'",
			  argv[2]);
		return CMD_FAILED;
	}
	for (i = 0; i < NR_CMDS; i++)
		if (!strcmp(argv[1], cmds[i].name))
			return cmds[i].run(argc - 1, argv + 1);
	out_error("no command '%s'; 'hugearena --help' lists them", argv[1]);
	return CMD_USAGE;
}
