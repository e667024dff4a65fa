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

/* As args_number(), for a process; the process need not exist. */
pid_t args_pid(const char *text, struct argp_state *state);

/**
 * struct args_target - whom a subcommand is about
 * @pid: a process, or 0
 * @argv: a command line otherwise
 * @argc: its words
 */
struct args_target {
	pid_t pid;
	char **argv;
	int argc;
};

/**
 * args_target - part of a parser: the words after the options
 * @key: what the parser was called with
 * @state: of the parser
 * @t: filled in
 *
 * A number is a process; anything else, and whatever comes after "--", is a
 * command line.
 *
 * Return: as a parser does.
 */
error_t args_target(int key, struct argp_state *state, struct args_target *t);

/* The same where only a process will do. */
error_t args_process(int key, char *arg, struct argp_state *state, pid_t *pid);

#endif
