// SPDX-License-Identifier: GPL-2.0-only
/*
 * arena: stacks in the module's pages arena: guarded without mappings, counted by
 * the module, given back, and the child's own after fork.
 */
#include <string.h>

#include <shim_co.h>
#include <shim_stack.h>

#include "harness.h"
#include "mappings.h"

#define STACKS	3000

/* Resident KiB of this process's arenas of stacks, and how many there are. */
static long resident(int *arenas)
{
	FILE *f = fopen("/proc/hugearena/arenas", "r");
	long kb, sum = 0;
	char line[1024], name[64];
	int pid;

	*arenas = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*d %d %63s %*d %ld", &pid, name, &kb) != 3 ||
		    pid != getpid() || strcmp(name, "stacks"))
			continue;
		sum += kb;
		++*arenas;
	}
	if (f)
		fclose(f);
	return sum;
}

TEST(guarded_and_given_back)
{
	long before = mappings(), kb;
	struct shim_stack_stat st;
	static char *s[STACKS];
	int arenas, i;

	ASSERT_EQ(0, params_reset());
	for (i = 0; i < STACKS; i++) {
		s[i] = shim_stack_get(16);
		ASSERT_NE(NULL, s[i]);
		((char *)shim_stack_top(s[i]))[-1] = 1;
	}
	shim_stack_get_stat(&st);
	EXPECT_EQ(st.stacks, st.guarded[SHIM_STACK_GUARD_ARENA]);
	EXPECT_GE(before + 12, mappings());
	kb = resident(&arenas);
	EXPECT_LE(1, arenas);
	EXPECT_EQ(STACKS * 4, kb);
	/* it grew, down to the guard */
	memset(s[0], 2, shim_stack_size(s[0]));
	EXPECT_EQ(STACKS * 4 + 14 * 4, resident(&arenas));
	EXPECT_EQ(15 * 4096, shim_stack_used(s[0]));
	EXPECT_EQ(8 * 4096 - 4096,
		  shim_stack_trim(s[0], (char *)shim_stack_top(s[0]) - 100));
	EXPECT_EQ(8 * 4096, shim_stack_used(s[0]));
	for (i = 0; i < STACKS; i++)
		shim_stack_put(s[i]);
	shim_stack_shrink();
	EXPECT_EQ(0, resident(&arenas));
}

static void *three(void *arg)
{
	long n;

	for (n = 1; n < 3; n++)
		shim_co_yield((void *)n);
	return arg;
}

/* The child has the suspended coroutines, and each side its own copy. */
TEST(forked)
{
	static struct shim_co *co[200];
	int i, status;
	pid_t pid;

	for (i = 0; i < 200; i++) {
		co[i] = shim_co_new(three, (void *)3, NULL);
		ASSERT_NE(NULL, co[i]);
		ASSERT_EQ((void *)1, shim_co_resume(co[i], NULL));
	}
	pid = fork();
	for (i = 0; i < 200; i++)
		if (shim_co_resume(co[i], NULL) != (void *)2 ||
		    shim_co_resume(co[i], NULL) != (void *)3)
			break;
	if (!pid)
		_exit(i != 200);
	EXPECT_EQ(200, i);
	waitpid(pid, &status, 0);
	EXPECT_EQ(0, status);
	for (i = 0; i < 200; i++)
		shim_co_free(co[i]);
}

TEST(parked)
{
	static struct shim_co *co[500];
	int i, arenas;
	long before;

	for (i = 0; i < 500; i++) {
		co[i] = shim_co_new(three, (void *)3, NULL);
		shim_co_resume(co[i], NULL);
	}
	before = resident(&arenas);
	for (i = 0; i < 500; i++)
		EXPECT_EQ(0, shim_co_park(co[i]));
	EXPECT_EQ(before - 500 * 4, resident(&arenas));
	for (i = 0; i < 500; i++) {
		EXPECT_EQ((void *)2, shim_co_resume(co[i], NULL));
		shim_co_free(co[i]);
	}
}

TEST_HARNESS_MAIN
