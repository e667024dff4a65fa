/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * resident: what a process has in memory, exactly.
 */
#ifndef BENCH_RESIDENT_H
#define BENCH_RESIDENT_H

#include <sys/types.h>

/**
 * struct resident - memory of a process
 * @kb: resident, files included
 * @anon_kb: of that, anonymous memory and memory of the module
 * @huge_kb: of that, in 2 MiB pages and blocks
 */
struct resident {
	double kb;
	double anon_kb;
	double huge_kb;
};

/**
 * resident_read - count what a process has in memory now
 * @pid: the process
 * @resident: filled in
 *
 * Walks the page tables (smaps_rollup): exact, where the counters of
 * /proc/PID/statm are off by up to 64 pages per CPU.  Allocates nothing.
 *
 * Return: 0, or -1 if the process is gone.
 */
int resident_read(pid_t pid, struct resident *resident);

/**
 * resident_peak_kb - the largest resident set so far
 * @pid: the process
 *
 * Return: KiB, 0 if the process is gone.
 */
double resident_peak_kb(pid_t pid);

/**
 * resident_pages_kb - the resident set now, roughly and quickly
 * @pid: the process
 *
 * Return: KiB, 0 if the process is gone.
 */
double resident_pages_kb(pid_t pid);

#endif /* BENCH_RESIDENT_H */
