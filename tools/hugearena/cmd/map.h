/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * map: what the files of the subcommand share.
 *
 *   cmd_map.c     the layout
 *   map_blocks.c  --blocks
 *   map_walk.c    --walk
 */
#ifndef TOOLS_MAP_H
#define TOOLS_MAP_H

#include "read/proc.h"
#include "read/shim.h"

/**
 * struct map_job - what is looked at
 * @pid: the process
 * @maps: its mappings, those of libshim's heap marked
 * @shim: its libshim, if @shim_err is 0
 * @shim_err: from shim_open() or shim_heap_read()
 * @heap: its heap with blocks, if @shim_err is 0
 */
struct map_job {
	pid_t pid;
	struct maps maps;
	struct shim shim;
	int shim_err;
	struct shim_heap heap;
};

/* Each prints, and returns an exit status. */
int map_blocks(struct map_job *job);
int map_walk(struct map_job *job, uint64_t addr, unsigned int around);

#endif
