// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "args.h"
#include "base/exit.h"
#include "base/out.h"

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

void args_parse(const struct argp *argp, const char *name, int argc,
		char **argv, unsigned int flags, void *input)
{
	static const struct argp_option options[] = {
		{ "json", 'J', NULL, 0, "Write JSON", 1 },
		{ 0 }
	};
	/* without its texts, which the parent has too: both would be printed */
	const struct argp bare = {
		argp->options, argp->parser, NULL, NULL, argp->children,
		argp->help_filter, argp->argp_domain
	};
	const struct argp_child children[] = { { &bare, 0, NULL, 0 }, { 0 } };
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

long long args_number(const char *text, long long min, long long max,
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

unsigned long long args_bytes(const char *text, struct argp_state *state,
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
			argp_error(state, "%s: '%s' is not a unit, use K, M, G or T",
				   what, end);
		else
			shift = 10 * (int)(unit - units + 1);
	}
	if (value << shift >> shift != value)
		argp_error(state, "%s: '%s' is too large", what, text);
	return value << shift;
}

unsigned long long args_rate(const char *text, struct argp_state *state)
{
	unsigned long long rate = args_bytes(text, state, "the rate");

	if (!rate)
		argp_error(state, "the rate must be at least 1");
	return rate;
}

unsigned int args_top(const char *text, struct argp_state *state)
{
	return (unsigned int)args_number(text, 1, 1000000, state, "N");
}

/* As args_number(), for a process; the process need not exist. */
static pid_t args_pid(const char *text, struct argp_state *state)
{
	return (pid_t)args_number(text, 1, INT_MAX, state, "PID");
}

error_t args_target(int key, char *arg, struct argp_state *state,
		    struct args_target *t)
{
	const char *word;

	if (key == 'o') {
		t->options = arg;
		return 0;
	}
	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "give a process or a command");
	if (key != ARGP_KEY_ARGS)
		return ARGP_ERR_UNKNOWN;
	t->argv = state->argv + state->next;
	t->argc = state->argc - state->next;
	word = t->argv[0];
	if (strcmp(state->argv[state->next - 1], "--") &&
	    strspn(word, "0123456789") == strlen(word)) {
		if (t->argc > 1)
			argp_error(state, "only one process at a time");
		t->pid = args_pid(word, state);
	}
	state->next = state->argc;
	return 0;
}

error_t args_process(int key, char *arg, struct argp_state *state, pid_t *pid)
{
	if (key == ARGP_KEY_NO_ARGS)
		argp_error(state, "give the PID of a process");
	if (key != ARGP_KEY_ARG || state->arg_num)
		return ARGP_ERR_UNKNOWN;
	*pid = args_pid(arg, state);
	return 0;
}
