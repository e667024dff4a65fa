/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * top: what the files of the subcommand share.
 *
 *   cmd_top.c   the command line, and output without a screen
 *   top_list.c  the list of processes
 *   top_ui.c    the screen
 */
#ifndef TOOLS_TOP_H
#define TOOLS_TOP_H

#include <stdbool.h>

#include "read/sample.h"

enum top_sort {
	TOP_RESIDENT,
	TOP_ALLOCATED,
	TOP_COVERAGE,
	TOP_FAULTS,
	TOP_COW,
	TOP_CPU,
	TOP_SORTS,
};

/**
 * struct top_proc - a process
 * @now: what it is like
 * @faults: page faults a second
 * @cpu: percent of one CPU
 * @cow: 4 KiB pages copied after fork, a second; a block counts as 512
 * @shim: its libshim
 * @shim_err: from shim_open()
 * @tries: how often it was found without libshim
 * @seen: the last look found it
 * @fresh: that was its first
 */
struct top_proc {
	struct sample now;
	double faults, cow, cpu;
	struct shim shim;
	int shim_err;
	unsigned int tries;
	bool seen, fresh;
};

/**
 * struct top - all of them, sorted
 * @v: processes
 * @n: how many
 * @sort: the order
 * @filter: only commands that contain it, "" for all
 * @ours: only processes with libshim or arenas
 * @hidden: processes that the caller may not look into
 */
struct top {
	struct top_proc *v;
	size_t n, room;
	enum top_sort sort;
	char filter[32];
	bool ours;
	unsigned int hidden;
};

/* Look at all processes again; 0 or a negative errno. */
int top_look(struct top *top);
void top_free(struct top *top);

/* Is a process to be shown? */
bool top_shows(const struct top *top, const struct top_proc *p);

/**
 * struct top_sums - of the processes that are shown
 * @n: how many
 * @rss: resident, what several share counted for each
 * @pss: the same, what is shared counted once; of those that could be read
 * @allocated: in heaps of libshim
 * @faults: a second
 * @cow: a second
 * @cpu: percent of one CPU
 */
struct top_sums {
	size_t n;
	uint64_t rss, pss, allocated;
	double faults, cow, cpu;
};

void top_sum(const struct top *top, struct top_sums *sums);

/* Where it belongs, for a column: its unit, else its cgroup. */
const char *top_group(const struct top_proc *p);

/* "resident" and so on; @name to a value or -1. */
const char *top_sort_name(enum top_sort sort);
int top_sort_parse(const char *name);

/* Run the screen until the user has enough; an exit status. */
int top_ui(struct top *top, double delay);

#endif
