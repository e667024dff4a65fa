/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * heaps: every process on this machine that has libshim.
 */
#ifndef TOOLS_HEAPS_H
#define TOOLS_HEAPS_H

#include <jansson.h>
#include <stddef.h>

#include "read/shim.h"

/**
 * struct heap_line - a process with libshim
 * @pid: the process
 * @comm: its command name
 * @cgroup: its control group
 * @unit: the unit of systemd's that this is, or ""
 * @backend: where its memory comes from: "kmod", "thp", "none yet"
 * @rss: resident bytes of the process
 * @heap: its heap, if @err is 0; no lists
 * @err: from shim_open() or shim_heap_read(): -EPROTO for another version
 */
struct heap_line {
	pid_t pid;
	char comm[32], cgroup[256], unit[128];
	const char *backend;
	uint64_t rss;
	struct shim_heap heap;
	int err;
};

/**
 * struct heaps - all of them, most allocated bytes first
 * @v: processes
 * @n: how many
 * @hidden: processes that could not be looked into
 */
struct heaps {
	struct heap_line *v;
	size_t n;
	unsigned int hidden;
};

/* Look at all processes; 0 or a negative errno.  heaps_free() it. */
int heaps_read(struct heaps *h);
void heaps_free(struct heaps *h);

json_t *heaps_json(const struct heaps *h);
void heaps_print(const struct heaps *h);

#endif
