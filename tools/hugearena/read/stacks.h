/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stacks: call stacks of a process, by name.
 *
 * Symbols and lines are read by libdwfl, names of C++ are demangled by libiberty.
 * What was opened stays good when the process has ended.
 */
#ifndef TOOLS_STACKS_H
#define TOOLS_STACKS_H

#include <elfutils/libdwfl.h>
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proc.h"

/**
 * struct function - where a function begins; the name is libdwfl's
 */
struct function {
	uint64_t addr, size;
	const char *name;
};

/**
 * struct stacks - the functions of a process
 * @pid: the process
 * @maps: its mappings
 * @skip: path of the file whose frames at the top are left out: libshim's
 * @dwfl: its files; a file that is not there any more has no names
 * @fn: functions of the files that were asked about, by address
 * @loaded: by mapping: its file's functions are in @fn
 */
struct stacks {
	pid_t pid;
	struct maps maps;
	const char *skip;
	Dwfl *dwfl;
	struct function *fn;
	size_t n, room;
	bool *loaded;
};

#define STACKS_INLINED	8	/* functions at one address that are told apart */

/**
 * struct source - where in the source an address is
 * @function: demangled, "?" if it is not known
 * @file: path, or NULL without debugging information
 * @line: number in @file
 */
struct source {
	char function[256];
	const char *file;
	int line;
};

/* 0 or a negative errno; stacks_close() it.  The process must be there. */
int stacks_open(struct stacks *st, pid_t pid, const char *skip);

/**
 * stacks_load - the same of a process that is gone
 * @st: filled in; stacks_close() it
 * @text: its /proc/PID/maps
 * @len: bytes of this
 *
 * Names come from the files of these paths, as they are now.
 *
 * Return: 0 or a negative errno.
 */
int stacks_load(struct stacks *st, char *text, size_t len);
void stacks_close(struct stacks *st);

/* How many frames at the top are the allocator's own. */
unsigned int stacks_own(struct stacks *st, void *const *frame,
			unsigned int n);

/* A return address by name: "main", or "libc.so.6+0x29d90"; good until the next. */
const char *stacks_name(struct stacks *st, const void *frame);

/**
 * stacks_source - the functions that a return address is in
 * @st: the process
 * @frame: the address
 * @src: filled in: what was inlined, the innermost first, then the function
 *
 * Return: how many, 1 to STACKS_INLINED.
 */
unsigned int stacks_source(struct stacks *st, const void *frame,
			   struct source src[STACKS_INLINED]);

json_t *stacks_json(struct stacks *st, void *const *frame, unsigned int n);

/* Indented, a line a function with its place in the source; numbered if wanted. */
void stacks_print(struct stacks *st, void *const *frame, unsigned int n,
		  FILE *f, bool number);

#endif
