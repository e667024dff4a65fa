/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * symbols: the symbols of a file that a process has mapped.
 */
#ifndef TOOLS_SYMBOLS_H
#define TOOLS_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proc.h"

/* A file, mapped to read its symbols. */
struct elf {
	const char *data;
	size_t size;
};

/**
 * elf_open - open the file behind a mapping
 * @elf: filled in; elf_close() it
 * @pid: the process
 * @m: one of its mappings
 *
 * The very file where the caller may ask for it (root), else the one that has
 * its name now.
 *
 * Return: 0 or a negative errno.
 */
int elf_open(struct elf *elf, pid_t pid, const struct map *m);
void elf_close(struct elf *elf);

/**
 * elf_find - the address of a symbol
 * @elf: the file
 * @base: where its first byte is mapped
 * @name: the symbol
 *
 * Return: the address in the process, or 0.
 */
uint64_t elf_find(const struct elf *elf, uint64_t base, const char *name);

/**
 * elf_functions - every function
 * @elf: the file
 * @base: where its first byte is mapped
 * @fn: called with address, size (0 if not known), name and @arg
 * @arg: for @fn
 */
void elf_functions(const struct elf *elf, uint64_t base,
		   void (*fn)(uint64_t addr, uint64_t size, const char *name,
			      void *arg), void *arg);

#endif
