/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * spawn: run a program once and say what it cost.
 */
#ifndef BENCH_SPAWN_H
#define BENCH_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct spawn_cost - what one run of a program cost
 * @cpu: seconds of user and system time, children included
 * @elapsed: seconds
 * @peak_kb: largest resident set of any one of its processes
 * @mean_kb: resident set of the process and its children, averaged over time
 * @faults: page faults, children included
 * @coverage: the part of anonymous memory in 2 MiB pages when the resident set
 *	was about largest, 0 to 1; negative if it was not measured
 * @digest: of what it wrote to its standard output
 */
struct spawn_cost {
	double cpu;
	double elapsed;
	double peak_kb;
	double mean_kb;
	double faults;
	double coverage;
	uint64_t digest;
};

/**
 * struct spawn_request - what to run
 * @argv: program (looked up in PATH) and arguments, NULL-terminated
 * @envp: its environment, NULL-terminated
 * @timeout: seconds after which it is killed and counts as failed
 * @watch_coverage: read smaps_rollup while it runs, which delays it a little
 * @error_log: file that its standard error is appended to, NULL for ours
 */
struct spawn_request {
	char *const *argv;
	char *const *envp;
	unsigned int timeout;
	bool watch_coverage;
	const char *error_log;
};

/**
 * spawn_measure - run a program to its end
 * @request: what to run
 * @cost: filled in if it ended with status 0
 *
 * The caller must be small: Linux counts the resident set that a process had
 * before exec() into its peak.
 *
 * Return: 0; the exit status; 128 and the signal that ended it; or -errno if it
 * could not be started.
 */
int spawn_measure(const struct spawn_request *request,
		  struct spawn_cost *cost);

/**
 * spawn_capture - run a program and keep what it prints
 * @request: what to run; coverage is ignored
 * @out: buffer for its standard output, NUL-terminated, cut if too small
 * @size: bytes of @out
 *
 * Return: as spawn_measure().
 */
int spawn_capture(const struct spawn_request *request, char *out, size_t size);

/**
 * spawn_warm_up - make the machine ready to hand out memory
 * @bytes: how much, a multiple of 4 KiB
 *
 * Touches that much, in 2 MiB pages, in a process that then ends.  The host of a
 * virtual machine takes free 2 MiB pages back within two seconds, and a first
 * touch of what it took is some twenty times slower.
 *
 * Return: 0, or -errno.
 */
int spawn_warm_up(size_t bytes);

#endif /* BENCH_SPAWN_H */
