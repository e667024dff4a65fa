/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbols: where a symbol of a mapped file is in a process.
 */
#ifndef TOOLS_SYMBOLS_H
#define TOOLS_SYMBOLS_H

#include <stdint.h>

#include "proc.h"

/**
 * symbol_find - the address of a symbol in a process
 * @pid: the process
 * @m: the mapping of a file's first byte
 * @name: the symbol
 * @addr: filled in
 *
 * Looks into the very file where the caller may ask for it (root), else into
 * the one that has its name now.
 *
 * Return: 0, or a negative errno; -ENOENT if the file has no such symbol.
 */
int symbol_find(pid_t pid, const struct map *m, const char *name,
		uint64_t *addr);

/**
 * symbol_find_in - the same in a library or in the program itself
 * @pid: the process
 * @library: how the library's file begins, such as "libshim-co"
 * @name: the symbol
 * @addr: filled in
 *
 * Return: 0, -ENOENT if neither has it, or what kept from looking.
 */
int symbol_find_in(pid_t pid, const char *library, const char *name,
		   uint64_t *addr);

#endif
