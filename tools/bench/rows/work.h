/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * work: a workload is one idea about how programs use memory.
 *
 * Every workload is a function that does a fixed amount of work, decided by the
 * environment alone, and returns a checksum of what it read back from its
 * objects.  The checksum is the same under every correct allocator and every
 * schedule of the threads; the runner compares it.  A workload writes what it
 * allocates, as a program would, and frees everything before it returns.
 */
#ifndef BENCH_WORK_H
#define BENCH_WORK_H

#include <stddef.h>
#include <stdint.h>

#include "rand.h"

/**
 * struct work_env - how much of it
 * @scale: the amount of work, 1 for about a quarter second; live memory does
 *	not grow with it
 * @threads: threads that run at once in the workloads that have several
 * @self: path of this program, for workloads that start processes
 */
struct work_env {
	double scale;
	unsigned int threads;
	const char *self;
};

/**
 * struct work - a workload
 * @name: unique, lower case, as shown in the tables
 * @idea: one line: what a program does that looks like this
 * @run: does it; returns the checksum
 */
struct work {
	const char *name;
	const char *idea;
	uint64_t (*run)(const struct work_env *env);
};

/* Each theme is one file and ends with an entry without a name. */
extern const struct work work_pair[];
extern const struct work work_order[];
extern const struct work work_life[];
extern const struct work work_large[];
extern const struct work work_bulk[];
extern const struct work work_thread[];
extern const struct work work_share[];
extern const struct work work_data[];
extern const struct work work_proc[];

/**
 * work_count - how often to do something
 * @env: the environment
 * @n: how often at scale 1
 *
 * Return: at least 1.
 */
static inline uint64_t work_count(const struct work_env *env, uint64_t n)
{
	uint64_t count = (uint64_t)((double)n * env->scale);

	return count ? count : 1;
}

/**
 * work_alloc - malloc() and write the object as its owner would
 * @size: bytes, at least 8
 * @tag: a number kept in the first eight bytes
 *
 * Writes up to 256 bytes and one byte in every OS page.  Ends the program if
 * there is no memory.
 *
 * Return: the object.
 */
void *work_alloc(size_t size, uint64_t tag);

/**
 * work_fill - write an object as its owner would
 * @p: the object
 * @size: its bytes, at least 8
 * @tag: a number kept in the first eight bytes
 */
void work_fill(void *p, size_t size, uint64_t tag);

/**
 * work_tag - read the tag back
 * @p: an object that work_fill() wrote
 *
 * Return: the tag.
 */
static inline uint64_t work_tag(const void *p)
{
	return *(const uint64_t *)p;
}

/**
 * work_check - end the program with a message unless something holds
 * @ok: what must hold
 * @what: the message
 */
void work_check(int ok, const char *what);

/**
 * work_threads_run - run a function in several threads and wait for all
 * @n: how many
 * @fn: the function
 * @args: array of @n arguments
 * @arg_size: bytes of one argument
 */
void work_threads_run(unsigned int n, void *(*fn)(void *arg), void *args,
		      size_t arg_size);

/* What "work child" runs: the life of a small process. */
uint64_t work_child(void);

#endif /* BENCH_WORK_H */
