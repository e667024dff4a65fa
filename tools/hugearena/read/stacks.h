/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stacks: call stacks of a process, by name.
 */
#ifndef TOOLS_STACKS_H
#define TOOLS_STACKS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proc.h"

/**
 * struct function - where a function begins
 */
struct function {
	uint64_t addr, size;
	char *name;
};

/**
 * struct stacks - the functions of a process
 * @pid: the process
 * @maps: its mappings
 * @skip: path of the file whose frames at the top are left out: libshim's
 * @fn: functions of the files that were asked about, by address
 * @loaded: by mapping: its file's functions are in @fn
 */
struct stacks {
	pid_t pid;
	struct maps maps;
	const char *skip;
	struct function *fn;
	size_t n, room;
	bool *loaded;
};

/* 0 or a negative errno; stacks_close() it.  The process must be there. */
int stacks_open(struct stacks *st, pid_t pid, const char *skip);
void stacks_close(struct stacks *st);

/* How many frames at the top are the allocator's own. */
unsigned int stacks_own(struct stacks *st, void *const *frame,
			unsigned int n);

/* A return address by name: "main", or "libc.so.6+0x29d90". */
const char *stacks_name(struct stacks *st, const void *frame);

json_t *stacks_json(struct stacks *st, void *const *frame, unsigned int n);

/* Indented, a line a frame, after a '#'. */
void stacks_print(struct stacks *st, void *const *frame, unsigned int n);

#endif
