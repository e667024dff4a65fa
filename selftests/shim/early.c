// SPDX-License-Identifier: GPL-2.0-only
/*
 * early: allocation before main(), before constructors, before the C library is
 * ready, and after main() has returned.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "patience.h"
#include "victim.h"

#define KEPT	300

static char *kept[3][KEPT];

static void keep(char **p)
{
	size_t i;

	for (i = 0; i < KEPT; i++) {
		p[i] = malloc(i * 41 + 1);
		if (!p[i])
			_exit(1);
		memset(p[i], (int)i, i * 41 + 1);
	}
}

static bool is_kept(char **p)
{
	size_t i, k;

	for (i = 0; i < KEPT; i++)
		for (k = 0; k < i * 41 + 1; k++)
			if (p[i][k] != (char)i)
				return false;
	return true;
}

/* Before any constructor, even libc's own. */
static void preinit(void)
{
	keep(kept[0]);
}

__attribute__((section(".preinit_array"), used))
static void (*const preinit_entry)(void) = preinit;

__attribute__((constructor(101))) static void first(void)
{
	keep(kept[1]);
}

__attribute__((constructor)) static void second(void)
{
	keep(kept[2]);
}

/* After main() and every atexit() function. */
__attribute__((destructor(101))) static void last(void)
{
	size_t i;
	char **p;

	for (p = kept[0]; p < kept[0] + 3 * KEPT; p++)
		free(*p);
	keep(kept[0]);
	for (i = 0; i < KEPT; i++)
		free(kept[0][i]);
}

TEST(objects_from_before_main)
{
	EXPECT_TRUE(is_kept(kept[0]));
	EXPECT_TRUE(is_kept(kept[1]));
	EXPECT_TRUE(is_kept(kept[2]));
}

TEST(after_main)
{
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid)
		exit(0);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
