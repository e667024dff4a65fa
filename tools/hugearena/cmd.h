/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd: the subcommands of hugearena, and what they agree about.
 *
 * A subcommand is a function with main()'s arguments, argv[0] being the name of
 * the subcommand; what it returns is the exit status.
 */
#ifndef TOOLS_CMD_H
#define TOOLS_CMD_H

#include <argp.h>
#include <stdbool.h>
#include <sys/types.h>

/* Exit statuses, the same for every subcommand. */
enum {
	CMD_OK		= 0,
	CMD_FAILED	= 1,	/* what was asked could not be done */
	CMD_USAGE	= 2,	/* the command line makes no sense */
	CMD_NO_MODULE	= 3,	/* needs hugearena.ko, which is not loaded */
	CMD_NO_RIGHT	= 4,	/* needs rights the caller does not have */
	CMD_FOUND	= 5,	/* a check found what it looks for */
};

int cmd_status(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_pool(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_wss(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_profile(int argc, char **argv);
int cmd_leak(int argc, char **argv);

/**
 * cmd_parse - parse a subcommand's command line
 * @argp: its options; --json and --help are added
 * @name: "status" and so on
 * @flags: ARGP_IN_ORDER where a command line follows, or 0
 * @input: handed to @argp's parser
 *
 * Does not return if the command line is wrong or only asks for help.
 */
void cmd_parse(const struct argp *argp, const char *name, int argc,
	       char **argv, unsigned int flags, void *input);

/**
 * cmd_number - an argument that must be a number
 * @text: the argument
 * @min: least value
 * @max: greatest value
 * @state: of the parser, for the complaint
 * @what: what it is, for the complaint
 *
 * Does not return if it is not.
 */
long long cmd_number(const char *text, long long min, long long max,
		     struct argp_state *state, const char *what);

/**
 * cmd_bytes - an argument that must be an amount: a number, with K, M, G or T
 */
unsigned long long cmd_bytes(const char *text, struct argp_state *state,
			     const char *what);

/* As cmd_number(), for a process; the process need not exist. */
pid_t cmd_pid(const char *text, struct argp_state *state);

/**
 * struct cmd_target - whom a subcommand is about
 * @pid: a process, or 0
 * @argv: a command line otherwise
 * @argc: its words
 */
struct cmd_target {
	pid_t pid;
	char **argv;
	int argc;
};

/**
 * cmd_target - part of a parser: the words after the options
 * @key: what the parser was called with
 * @state: of the parser
 * @t: filled in
 *
 * A number is a process; anything else, and whatever comes after "--", is a
 * command line.
 *
 * Return: as a parser does.
 */
error_t cmd_target(int key, struct argp_state *state, struct cmd_target *t);

/* The same where only a process will do. */
error_t cmd_process(int key, char *arg, struct argp_state *state, pid_t *pid);

/**
 * cmd_errno - the exit status that tells an errno
 * @err: errno or its negative
 */
int cmd_errno(int err);

#endif
