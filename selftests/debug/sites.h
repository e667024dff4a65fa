/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The operations of failnth: what each needs, does and may end with.
 */
#ifndef SELFTESTS_DEBUG_SITES_H
#define SELFTESTS_DEBUG_SITES_H

#include <stdbool.h>
#include <sys/types.h>
#include "arena.h"

/* What an operation has to work with. */
struct ground {
	int dev;
	struct arena a;
	pid_t child;
	int child_go;
	int fd;			/* something to close at the end */
	unsigned long id;
};

/**
 * struct site - an operation
 * @name: what it is called
 * @prepare: make what it needs; 0 or an errno
 * @act: do it; 0, an errno, or 256 plus a signal
 * @allowed: errnos and signals it may end with, 0 at the end
 * @check: is the memory as it should be?  @err is what @act returned
 * @pool: it takes blocks, so that it is worth while with a full pool, too
 */
struct site {
	const char *name;
	int (*prepare)(struct ground *g);
	int (*act)(struct ground *g);
	int allowed[6];
	int (*check)(struct ground *g, int err);
	bool pool;
};

extern const struct site sites[];
extern const size_t nr_sites;

/*
 * The pages that the checks look at in the round in which allocation @n fails:
 * all of them in the first rounds, then one in 16, different ones each time,
 * since a fault takes a debug kernel long.
 */
void sample_set(int n);

/* How many pages of the sample differ from what pages_fill(..., 1) wrote. */
size_t sample_wrong(const char *base, size_t len);

/* Clean up after a round. */
void ground_clear(struct ground *g);

#endif
