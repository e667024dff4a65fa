/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cases: cases of CPU time, which need no counter of instructions.
 */
#ifndef BENCH_BOX_CASES_H
#define BENCH_BOX_CASES_H

/**
 * cpu_names - print the names of the cases of CPU time, each after "cpu "
 *
 * Return: 0.
 */
int cpu_names(void);

/**
 * cpu_case - run one and print its result
 * @name: which
 *
 * Return: 0, or 2 if there is no such case.
 */
int cpu_case(const char *name);

#endif
