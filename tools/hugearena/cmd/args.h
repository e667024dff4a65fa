/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * args: what every subcommand's command line has in common, on argp.
 */
#ifndef TOOLS_ARGS_H
#define TOOLS_ARGS_H

#include <argp.h>
#include <stdbool.h>
#include <sys/types.h>

/**
 * args_parse - parse a subcommand's command line
 * @argp: its options; --json and --help are added
 * @name: "status" and so on
 * @flags: ARGP_IN_ORDER where a command line follows, or 0
 * @input: handed to @argp's parser
 *
 * Does not return if the command line is wrong or only asks for help.
 */
void args_parse(const struct argp *argp, const char *name, int argc,
		char **argv, unsigned int flags, void *input);

/**
 * args_number - an argument that must be a number
 * @text: the argument
 * @min: least value
 * @max: greatest value
 * @state: of the parser, for the complaint
 * @what: what it is, for the complaint
 *
 * Does not return if it is not.
 */
long long args_number(const char *text, long long min, long long max,
		      struct argp_state *state, const char *what);

/**
 * args_bytes - an argument that must be an amount: a number, with K, M, G or T
 */
unsigned long long args_bytes(const char *text, struct argp_state *state,
			      const char *what);

/* As args_bytes(), for the mean bytes between two samples: at least 1. */
unsigned long long args_rate(const char *text, struct argp_state *state);

/* As args_number(), for how many lines there are to be. */
unsigned int args_top(const char *text, struct argp_state *state);

/**
 * struct args_target - whom a subcommand is about
 * @pid: a process, or 0
 * @argv: a command line otherwise
 * @argc: its words
 * @options: SHIM_OPTIONS of the command, or NULL
 */
struct args_target {
	pid_t pid;
	char **argv;
	int argc;
	const char *options;
};

/* What args_target() takes, for the subcommand's table and its help. */
#define ARGS_TARGET_OPTIONS \
	{ "options", 'o', "LIST", 0, "For SHIM_OPTIONS of COMMAND", 0 }
#define ARGS_TARGET_DOC	"PID\n-- COMMAND [ARG]..."

/**
 * args_target - part of a parser: --options, and the words after the options
 * @key: what the parser was called with
 * @arg: the same
 * @state: of the parser
 * @t: filled in
 *
 * A number is a process; anything else, and whatever comes after "--", is a
 * command line.
 *
 * Return: as a parser does.
 */
error_t args_target(int key, char *arg, struct argp_state *state,
		    struct args_target *t);

/* The same for a subcommand that takes a process only. */
error_t args_process(int key, char *arg, struct argp_state *state, pid_t *pid);

#endif
