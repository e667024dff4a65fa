/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the collector's tests have in common.
 */
#ifndef SELFTESTS_GC_GCTEST_H
#define SELFTESTS_GC_GCTEST_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "patience.h"
#include "shim_gc.h"

/* @_call returns -1 with this errno. */
#define EXPECT_ERRNO_(_errno, _call) do {				\
	errno = 0;							\
	EXPECT_EQ(-1, (long)(_call));					\
	EXPECT_EQ((_errno), errno);					\
} while (0)

/* Pointers that calls have left on the stack are no roots: overwrite them. */
static __attribute__((noinline, unused)) void clear_stack(void)
{
	volatile char a[16384];
	size_t i;

	for (i = 0; i < sizeof(a); i++)
		a[i] = 0;
}

static __attribute__((unused)) int collect(void)
{
	clear_stack();
	return shim_gc_collect();
}

/* Makes @n objects that nobody keeps, each with a weak reference. */
static __attribute__((noinline, unused)) void
make_garbage(struct shim_gc_weak **weak, unsigned int n, size_t size)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		weak[i] = shim_gc_weak_new(shim_gc_alloc(size), SHIM_GC_SHORT);
}

/* How many of them are still there. */
static __attribute__((unused)) unsigned int
count_left(struct shim_gc_weak **weak, unsigned int n)
{
	unsigned int i, left = 0;

	for (i = 0; i < n; i++)
		left += !!shim_gc_weak_get(weak[i]);
	return left;
}

/*
 * Any word on the stack may look like an address: of a hundred objects that
 * nobody keeps, a few may stay.
 */
#define PATIENCE	100000	/* times a millisecond */
#define SOME		100
#define STRAY		4

#endif
