/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that one place refers to, and how many of them a collection leaves.
 */
#ifndef SELFTESTS_GC_ROOTS_H
#define SELFTESTS_GC_ROOTS_H

#include "gctest.h"

static struct shim_gc_weak *weak[SOME];

/* Puts objects into an array, and weak references to them into weak[]. */
static __attribute__((noinline)) void fill(void **to, size_t size)
{
	unsigned int i;

	for (i = 0; i < SOME; i++) {
		to[i] = shim_gc_alloc(size);
		weak[i] = shim_gc_weak_new(to[i], SHIM_GC_SHORT);
	}
}

/* How many a collection leaves; more than there are if it failed. */
static unsigned int left(void)
{
	return collect() ? SOME + 1 : count_left(weak, SOME);
}

#endif /* SELFTESTS_GC_ROOTS_H */
