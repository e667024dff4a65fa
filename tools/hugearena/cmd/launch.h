/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * launch: a command on libshim, as a child that can be inspected until its end.
 */
#ifndef TOOLS_LAUNCH_H
#define TOOLS_LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "args.h"

#define LAUNCH_COUNTERS	8

/**
 * struct launch - a child
 * @pid: its process
 * @traced: it stops before it ends, with its memory still there
 * @stopped: it has stopped so: launch_end() lets it go
 * @over: it has ended: @status and @usage are filled in
 * @status: as of waitpid()
 * @usage: what it used
 * @counter: perf events, a negative errno where there is none
 */
struct launch {
	pid_t pid;
	bool traced, stopped, over;
	int status;
	struct rusage usage;
	int counter[LAUNCH_COUNTERS];
};

/**
 * launch_start - start a command
 * @l: filled in
 * @argv: the command line, NULL at its end
 * @preload: run it on libshim
 * @options: for SHIM_OPTIONS, after what is there already; or NULL
 * @counters: count with the processor's counters
 *
 * Return: 0, or an exit status after a complaint: 127 if there is no such
 * command.
 */
int launch_start(struct launch *l, char *const *argv, bool preload,
		 const char *options, bool counters);

/**
 * launch_sampled - launch_start() on libshim, with the heap profile on
 * @l: filled in
 * @t: the command line, and what it has for SHIM_OPTIONS
 * @rate: mean bytes between samples
 *
 * Return: as launch_start().
 */
int launch_sampled(struct launch *l, const struct args_target *t, uint64_t rate);

/**
 * launch_wait - let time pass
 * @l: the child
 * @ms: how long, in milliseconds
 *
 * Passes signals on to the child.  Returns early when it stops before its end,
 * or has ended.
 */
void launch_wait(struct launch *l, int ms);

/* Let a child that has stopped run on, and wait for its end. */
void launch_end(struct launch *l);

/* The exit status that tells how it ended. */
int launch_status(const struct launch *l);

/*
 * The signal that killed it, as "SIGSEGV (Segmentation fault, core dumped)", or
 * NULL.
 */
const char *launch_signal(const struct launch *l);

/* A counter's name and value; false if it is not supported here. */
const char *launch_counter_name(int i);
bool launch_counter(const struct launch *l, int i, uint64_t *value);

/* Why not. */
const char *launch_counter_lacks(const struct launch *l, int i);

#endif
