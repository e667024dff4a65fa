/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of this directory share: how often a test does its work, how
 * it says so, and whether the module has given everything back.
 */
#ifndef SELFTESTS_DEBUG_SOAK_H
#define SELFTESTS_DEBUG_SOAK_H

#include <linux/types.h>

/*
 * How many rounds a test does: $COUNT if it is set, else @figure times $SCALE,
 * at least 1.  A figure is what a soak with SCALE=1 demands; an ordinary check,
 * without SCALE, does a hundredth of it.
 */
unsigned long soak_count(unsigned long figure);

/* $SEED, or @standard without it. */
__u64 soak_seed(__u64 standard);

/*
 * Print a line for build/soak.tsv: what was asked for, how much of it was done,
 * and how much of that went wrong.
 */
void soak_report(const char *test, unsigned long asked, unsigned long done,
		 unsigned long failures);

/* The next number of a seeded sequence; @state is not 0. */
static inline __u64 soak_random(__u64 *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A number below @n. */
static inline __u64 soak_below(__u64 *state, __u64 n)
{
	return (soak_random(state) >> 16) % n;
}

/**
 * struct held - what the module holds, from /proc/hugearena
 * @arenas: number of arenas
 * @resident_kb: memory in blocks and pages
 * @blocks: whole blocks
 * @pages: 4 KiB pages in split ones
 * @out: blocks that the pool has handed out
 */
struct held {
	long long arenas, resident_kb, blocks, pages, out;
};

int held_read(struct held *h);

/*
 * Wait up to a minute until no more is held than @before.  Return: 0, or -1
 * after printing what is left.
 */
int held_back_to(const struct held *before);

#endif
