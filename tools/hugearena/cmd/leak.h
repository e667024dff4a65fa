/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * leak: what the files of the subcommand share.
 *
 *   cmd_leak.c    the command line, groups, output
 *   leak_mark.c   which objects can be reached
 */
#ifndef TOOLS_LEAK_H
#define TOOLS_LEAK_H

#include "read/shim.h"
#include "read/stop.h"

enum leak_mark {
	LEAK_NONE,		/* free, or not visited yet */
	LEAK_REACHED,
	LEAK_INNER,		/* lost, another lost object points to it */
	LEAK_LOST,		/* lost, nothing points to it */
};

/**
 * struct leak - a heap and what of it can be reached
 * @shim: the process, which stands still, or a copy of it
 * @heap: read with SHIM_OBJECTS
 * @maps: its mappings
 * @stop: its registers
 * @mark: enum leak_mark of each object
 * @first: of each entry of @heap.objects, where its marks begin in @mark
 * @n: marks
 * @area: from address bits 26 and up to entries of @heap.objects; see .c
 * @low: no object is below
 * @high: nor from there on
 * @copy: of each entry of @heap.objects, its memory, or NULL
 * @room: bytes that @copy may still take
 * @deadline: give up then, on sample_now()'s clock; 0 for never
 */
struct leak {
	const struct shim *shim;
	struct shim_heap heap;
	struct maps maps;
	const struct stop *stop;
	unsigned char *mark;
	size_t *first;
	size_t n;
	struct leak_area *area;
	size_t nr_areas;
	uint64_t low, high;
	char **copy;
	uint64_t room;
	uint64_t deadline;
};

/**
 * struct leak_cost - what a search takes
 * @objects: live objects
 * @bytes: memory to be scanned
 * @seconds: how long that takes, at the speed of a sample
 */
struct leak_cost {
	uint64_t objects, bytes;
	double seconds;
};

/**
 * leak_find - mark every object of a process
 * @leak: @shim and @stop set, the rest zero; leak_free() it
 *
 * Return: 0 or a negative errno; -ETIME at the deadline.
 */
int leak_find(struct leak *leak);

/**
 * leak_estimate - how long would leak_find() take?
 * @shim: the process, which runs
 * @cost: filled in
 *
 * Reads the heap as leak_find() does, and looks through a part of it.
 *
 * Return: 0 or a negative errno.
 */
int leak_estimate(const struct shim *shim, struct leak_cost *cost);
void leak_free(struct leak *leak);

#endif
