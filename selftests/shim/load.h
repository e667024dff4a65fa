/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * load: threads that allocate, check what they wrote, free, and exchange
 * objects, until told to stop.  Any object that overlaps another, or is handed
 * out twice, is found by its contents.
 */
#ifndef SELFTESTS_SHIM_LOAD_H
#define SELFTESTS_SHIM_LOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOAD_SLOTS	512	/* objects a thread keeps */
#define LOAD_SHARED	256	/* objects that pass between threads */

struct load {
	pthread_t thread[64];
	unsigned int nthreads;
	size_t max;		/* largest size */
	bool migrate;		/* move to another CPU now and then */
	volatile bool stop;
	uint64_t target;	/* rounds each thread makes, 0: until stopped */
	uint64_t rounds;	/* atomic: rounds made by all */
	uint64_t bad;		/* atomic: objects with wrong contents */
	void *shared[LOAD_SHARED];
};

/* Allocates, checks and frees for @rounds in the calling thread. */
void load_run(struct load *l, uint64_t rounds, uint64_t seed);

void load_start(struct load *l, unsigned int nthreads);

/* Waits until the threads have made their rounds, or were stopped. */
void load_join(struct load *l);

/* Frees what passed between the threads. */
void load_drain(struct load *l);

/* The next of a sequence of random numbers; *@state is not 0. */
uint64_t load_random(uint64_t *state);

#endif
