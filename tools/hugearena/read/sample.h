/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample: a process in numbers at one moment, for top, run, record and export.
 */
#ifndef TOOLS_SAMPLE_H
#define TOOLS_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "kmod.h"
#include "shim.h"

/**
 * struct sample - the numbers; bytes where they are sizes
 * @pid: the process
 * @comm: its command name
 * @cgroup: its control group, and the unit that this is, or ""
 * @unit: the same
 * @when: CLOCK_MONOTONIC, in ns
 * @cpu: CPU time since it began, in ns
 * @rss: resident
 * @pss: resident, what is shared counted in part; 0 with @rollup_err
 * @pmd: resident through 2 MiB entries; 0 with @rollup_err
 * @swap: swapped out
 * @minor: page faults without input/output
 * @major: page faults with
 * @rollup_err: why smaps_rollup could not be read, or 0
 * @arenas: arenas it has
 * @arena: their sums; name and id without meaning
 * @shim_err: why its heap could not be read, or 0
 * @allocated: bytes in live objects
 * @cached: bytes of free objects in caches
 * @central: bytes of free objects in spans
 * @idle: bytes free in the page heap that have memory
 * @mapped: bytes of address space the heap has
 * @inuse: bytes in spans
 * @released: bytes the heap gave back, ever
 */
struct sample {
	pid_t pid;
	char comm[32], cgroup[256], unit[128];
	uint64_t when, cpu;
	uint64_t rss, pss, pmd, swap, minor, major;
	int rollup_err;
	unsigned int arenas;
	struct kmod_arena arena;
	int shim_err;
	uint64_t allocated, cached, central, idle, mapped, inuse, released;
};

/* What to read: smaps_rollup takes the process's mmap_lock for a moment. */
#define SAMPLE_ROLLUP	1

/**
 * sample_take - take a sample of a process
 * @out: filled in
 * @pid: the process
 * @shim: from shim_open(); opened again if the process has begun another program
 * @shim_err: from shim_open(), and from then on
 * @arenas: from kmod_arenas_read(), or NULL
 * @n: how many
 * @flags: SAMPLE_ROLLUP
 *
 * Return: 0, or a negative errno if there is no such process.
 */
int sample_take(struct sample *out, pid_t pid, struct shim *shim,
		int *shim_err, const struct kmod_arena *arenas, size_t n,
		unsigned int flags);

/* The part of resident bytes that 2 MiB mappings serve, 0 to 100; -1. */
double sample_coverage(const struct sample *s);

json_t *sample_json(const struct sample *s);

/* CLOCK_MONOTONIC in ns, and the CPU time of this command. */
uint64_t sample_now(void);
uint64_t sample_cpu(void);

#endif
