// SPDX-License-Identifier: GPL-2.0-only
/*
 * pressure: near libshim's limit free stacks keep no memory.  This program is
 * linked with libshim; it runs itself again with a limit.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <shim.h>
#include <shim_stack.h>

#include "patience.h"

#define LIMIT	"64m"
#define STACKS	400
#define PIECE	((size_t)100 << 10)
#define PIECES	1000

__attribute__((constructor)) static void begin(void)
{
	if (getenv("SHIM_OPTIONS"))
		return;
	setenv("SHIM_OPTIONS", "limit=" LIMIT, 1);
	execl("/proc/self/exe", "pressure", NULL);
	abort();
}

static void *stacks[STACKS], *pieces[PIECES];

/* Free stacks that keep a page each; the count is returned. */
static size_t warm(void)
{
	struct shim_stack_stat st;

	shim_stack_get_stat(&st);
	return st.warm;
}

/* The number of free stacks that keep none. */
static size_t cold(void)
{
	struct shim_stack_stat st;

	shim_stack_get_stat(&st);
	return st.cold;
}

static void stacks_come_and_go(void)
{
	int i;

	for (i = 0; i < STACKS; i++) {
		stacks[i] = shim_stack_get(SHIM_STACK_ORDER_MIN);
		if (stacks[i])
			memset((char *)shim_stack_top(stacks[i]) - 64, 1, 64);
	}
	for (i = 0; i < STACKS; i++)
		shim_stack_put(stacks[i]);
}

static void heap_comes_and_goes(int n)
{
	int i;

	for (i = 0; i < n; i++) {
		pieces[i] = malloc(PIECE);
		if (pieces[i])
			memset(pieces[i], 1, PIECE);
	}
	for (i = 0; i < n; i++)
		free(pieces[i]);
}

TEST(far_from_the_limit_they_stay_warm)
{
	stacks_come_and_go();
	ASSERT_LT(STACKS / 4, warm());
	heap_comes_and_goes(PIECES / 20);
	EXPECT_LT(STACKS / 4, warm());
}

TEST(near_the_limit_they_do_not)
{
	size_t all;
	int i;

	stacks_come_and_go();
	ASSERT_LT(STACKS / 4, warm());
	all = warm() + cold();
	for (i = 0; i < 100 && warm(); i++)
		heap_comes_and_goes(PIECES);
	EXPECT_EQ(0, warm());
	EXPECT_EQ(all, cold());
	/* and they are used again, before any new ones */
	stacks_come_and_go();
	EXPECT_NE(NULL, stacks[STACKS - 1]);
	EXPECT_GT(all, cold());
}

TEST_HARNESS_MAIN
