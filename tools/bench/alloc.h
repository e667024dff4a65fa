/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * alloc: the allocators that are compared.
 */
#ifndef BENCH_ALLOC_H
#define BENCH_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#define ALLOC_MAX	12
#define ALLOC_VARS	8

/**
 * struct alloc - one contestant
 * @name: as shown in the tables
 * @path: the library that is preloaded
 * @ours: it is libshim
 * @vars: NAME=VALUE for the environment, LD_PRELOAD first
 * @nvars: how many
 * @prefix: the same as one string, "env LD_PRELOAD=... ", for scripts
 */
struct alloc {
	const char *name;
	char *path;
	bool ours;
	char *vars[ALLOC_VARS];
	unsigned int nvars;
	char *prefix;
};

/**
 * struct alloc_set - those of this run
 * @alloc: the contestants
 * @n: how many
 *
 * The C library's comes first: its output is what the others' must be.
 */
struct alloc_set {
	struct alloc alloc[ALLOC_MAX];
	unsigned int n;
};

/**
 * alloc_set_add - one more contestant
 * @set: the set
 * @spec: "name=library[,VARIABLE=VALUE...]"; the library is a path or a name
 *	in the usual directories
 * @ours: it is libshim
 *
 * Return: 0; -EINVAL if @spec is not of that form, -ENOENT without the library,
 * -E2BIG if the set is full.
 */
int alloc_set_add(struct alloc_set *set, const char *spec, bool ours);

/**
 * alloc_set_add_known - glibc, libshim and Debian's other three
 * @set: the set
 * @shim: path of libshim.so.0
 * @libc: path of the C library
 *
 * Says on standard error which are not there.  The module's backend takes part
 * where /dev/hugearena opens.
 */
void alloc_set_add_known(struct alloc_set *set, const char *shim,
			 const char *libc);

/**
 * alloc_environ - the environment for a program that uses an allocator
 * @alloc: the allocator, NULL for a plain environment
 *
 * The caller's environment without LD_PRELOAD and without any variable that
 * tunes an allocator; with @alloc's variables.
 *
 * Return: an array for exec(), freed with alloc_environ_free().
 */
char **alloc_environ(const struct alloc *alloc);

/**
 * alloc_environ_free - free what alloc_environ() made
 * @envp: the array
 */
void alloc_environ_free(char **envp);

/**
 * alloc_is_file - do two paths name one file
 * @a: a path
 * @b: another
 *
 * Return: whether they do, symbolic links followed.
 */
bool alloc_is_file(const char *a, const char *b);

#endif /* BENCH_ALLOC_H */
