/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the sections of vm have in common: figures, and children that wait.
 */
#ifndef BENCH_VM_H
#define BENCH_VM_H

#include <stdbool.h>
#include <sys/types.h>

#define VM_SAMPLES	64

/**
 * struct vm_sample - figures of one kind
 * @n: how many
 * @value: nanoseconds, which are instructions
 */
struct vm_sample {
	unsigned int n;
	double value[VM_SAMPLES];
};

/* Where the module takes a block from. */
enum vm_source {
	VM_RESERVE,
	VM_POOL,
	VM_DEMAND,
	VM_SOURCES
};

/**
 * struct vm_child - a forked process that waits to be told to end
 * @pid: its id
 * @fd: closed to tell it
 * @cost: of fork() itself, in time that passed
 * @cpu: of fork() itself, in time of the thread
 */
struct vm_child {
	pid_t pid;
	int fd;
	double cost;
	double cpu;
};

/* Time that passes: on one CPU, what kernel threads do in it is part of it. */
double vm_now(void);

/* What this thread itself has used. */
double vm_cpu(void);

void vm_sleep_ms(unsigned int ms);

/* One more figure; the median of them, NaN of none. */
void vm_sample_add(struct vm_sample *sample, double value);
double vm_sample_median(struct vm_sample *sample);

/**
 * vm_print - print a row
 * @what: what was measured
 * @ours_name: what of the module
 * @ours: its figure; NaN is an error, of which the exit status tells
 * @peer_name: what it is compared with
 * @peer: the figure of that; NaN leaves the row out
 */
void vm_print(const char *what, const char *ours_name, double ours,
	      const char *peer_name, double peer);

/* Have the module take blocks from one source, as far as it can be told. */
bool vm_source_choose(enum vm_source source);

/* Fork a child that waits; end it. */
void vm_child_start(struct vm_child *child);
void vm_child_end(const struct vm_child *child);

/*
 * A section: forks of a heap that nobody writes to in between, releases of
 * single pages and of many, reads after a write.
 */
void vm_heap(void);

#endif /* BENCH_VM_H */
