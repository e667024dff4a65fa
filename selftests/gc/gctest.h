/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the collector's tests have in common.
 */
#ifndef SELFTESTS_GC_GCTEST_H
#define SELFTESTS_GC_GCTEST_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Makes @n objects that nothing refers to, each with a weak reference. */
static __attribute__((noinline, unused)) void
make_garbage(struct shim_gc_weak **weak, unsigned int n, size_t size)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		weak[i] = shim_gc_weak_new(shim_gc_alloc(size), SHIM_GC_SHORT);
}

/* How many of them still exist. */
static __attribute__((unused)) unsigned int
count_left(struct shim_gc_weak **weak, unsigned int n)
{
	unsigned int i, left = 0;

	for (i = 0; i < n; i++)
		left += !!shim_gc_weak_get(weak[i]);
	return left;
}

/* Does file @name of one of this process's threads begin with @text? */
static __attribute__((unused)) bool a_thread_has(const char *name,
						 const char *text)
{
	DIR *d = opendir("/proc/self/task");
	char path[300], seen[64];
	struct dirent *e;
	bool has = false;

	while (d && !has && (e = readdir(d))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/%s", e->d_name,
			 name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		has = f && fgets(seen, sizeof(seen), f) &&
		      !strncmp(seen, text, strlen(text));
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return has;
}

/* Wait for that; false if it never happens. */
static __attribute__((unused)) bool a_thread_gets(const char *name,
						  const char *text)
{
	int i;

	for (i = 0; i < 100000 && !a_thread_has(name, text); i++)
		usleep(1000);
	return i < 100000;
}

/* Wait until a thread sleeps in system call @nr. */
static __attribute__((unused)) bool a_thread_sleeps_in(long nr)
{
	char text[32];

	snprintf(text, sizeof(text), "%ld ", nr);
	return a_thread_gets("syscall", text);
}

/*
 * Any word on the stack may look like an address: of a hundred objects that
 * nobody keeps, a few may stay.
 */
#define PATIENCE	100000	/* times, a millisecond each */
#define SOME		100
#define STRAY		4

#endif
