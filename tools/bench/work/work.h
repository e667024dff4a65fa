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
extern const struct work work_thread[];
extern const struct work work_share[];
extern const struct work work_data[];
extern const struct work work_proc[];

/**
 * struct work_rand - a source of numbers, the same on every run
 * @state: never 0
 */
struct work_rand {
	uint64_t state;
};

/**
 * work_rand_init - start a sequence
 * @r: the source
 * @seed: any number; equal seeds give equal sequences
 */
static inline void work_rand_init(struct work_rand *r, uint64_t seed)
{
	r->state = (seed + 1) * 0x9e3779b97f4a7c15ULL;
	if (!r->state)
		r->state = 1;
}

/**
 * work_rand_next - the next number
 * @r: the source
 *
 * Marsaglia's xorshift with Vigna's multiplier: a few cycles, so that the
 * allocator is what is measured.
 *
 * Return: 64 bits, the upper ones the best.
 */
static inline uint64_t work_rand_next(struct work_rand *r)
{
	uint64_t x = r->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	r->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/**
 * work_rand_below - a number below a bound
 * @r: the source
 * @n: the bound, 1 to 2^32
 *
 * Return: 0 to @n - 1.
 */
static inline uint64_t work_rand_below(struct work_rand *r, uint64_t n)
{
	return ((work_rand_next(r) >> 32) * n) >> 32;
}

/**
 * work_rand_size - a size, each doubling as likely as the next
 * @r: the source
 * @low_log2: 2^low_log2 is the smallest size
 * @high_log2: 2^high_log2 is above the largest
 *
 * Most objects of most programs are small; a logarithmic distribution has as
 * many of 16 to 32 bytes as of 1 to 2 KiB.
 *
 * Return: the size.
 */
static inline size_t work_rand_size(struct work_rand *r, unsigned int low_log2,
				    unsigned int high_log2)
{
	unsigned int log2 = low_log2 +
			    work_rand_below(r, high_log2 - low_log2);

	return ((size_t)1 << log2) + work_rand_below(r, (uint64_t)1 << log2);
}

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
