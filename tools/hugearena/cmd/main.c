// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena: one command to see and steer what hugearena.ko and libshim do.
 *
 * Finds the subcommand and gives it the rest of the command line.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "base/out.h"

struct cmd {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *what;
};

static const struct cmd cmds[] = {
	{ "status", cmd_status, "the machine and all arenas at a glance" },
	{ "doctor", cmd_doctor, "why a service is not on blocks, and how to fix it" },
	{ "adopt", cmd_adopt, "put a service of systemd on libshim, or off again" },
	{ "top", cmd_top, "processes by memory, live" },
	{ "map", cmd_map, "a process's address space, blocks, page tables" },
	{ "run", cmd_run, "run a command on libshim and report at its exit" },
	{ "record", cmd_record, "sample a process into a file" },
	{ "report", cmd_report, "turn a recording into a page to look at" },
	{ "profile", cmd_profile, "sampled heap profile by call stack" },
	{ "leak", cmd_leak, "objects that nothing points to any more" },
	{ "co", cmd_co, "coroutines: states, depths, where they wait" },
	{ "gc", cmd_gc, "the garbage collector: phases, goals, stops" },
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
	out_error("unknown command '%s'; 'hugearena --help' lists them", argv[1]);
	return CMD_USAGE;
}
