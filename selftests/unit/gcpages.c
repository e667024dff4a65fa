// SPDX-License-Identifier: GPL-2.0-only
/*
 * gcpages: the collector's pages in a process without libshim, where short runs
 * that were put back are kept for the next.
 */
#include <stdint.h>
#include <string.h>

#include "../lib/patience.h"

#include "gc/gcpages.h"

#define PAGE	8192u
#define LONGEST	16u		/* pages of a run that is kept */
#define KEPT	256u		/* pages that may always be kept */
#define MANY	1000u

static void *get(size_t npages, bool *is_zero)
{
	void *handle, *p = gcpages_get(npages, false, NULL, &handle, is_zero);

	if (!p || handle || (uintptr_t)p % PAGE)
		return NULL;
	return p;
}

static bool is_all_zero(const char *p, size_t len)
{
	return !*p && !memcmp(p, p + 1, len - 1);
}

/* The same run again and again, however often, and never taken for zero. */
TEST(a_run_is_used_again)
{
	size_t npages;
	bool is_zero;
	void *p;
	int i;

	ASSERT_TRUE(gcpages_are_own());
	for (npages = 1; npages <= LONGEST; npages++) {
		p = get(npages, &is_zero);
		ASSERT_NE(NULL, p);
		EXPECT_TRUE(is_zero);
		EXPECT_TRUE(is_all_zero(p, npages * PAGE));
		memset(p, 1, npages * PAGE);
		for (i = 0; i < 1000; i++) {
			gcpages_put(NULL, p, npages);
			ASSERT_EQ(p, get(npages, &is_zero));
			ASSERT_FALSE(is_zero);
		}
		gcpages_put(NULL, p, npages);
	}
}

TEST(a_long_run_goes_back)
{
	bool is_zero;
	char *p;
	int i;

	for (i = 0; i < 3; i++) {
		p = get(LONGEST + 1, &is_zero);
		ASSERT_NE(NULL, p);
		EXPECT_TRUE(is_zero);
		EXPECT_TRUE(is_all_zero(p, (LONGEST + 1) * PAGE));
		memset(p, 1, (LONGEST + 1) * PAGE);
		gcpages_put(NULL, p, LONGEST + 1);
	}
}

/* 2 MiB are kept, and a quarter of what is out when they are put back. */
TEST(not_everything_is_kept)
{
	static void *page[MANY];
	unsigned int i, again = 0, round;
	bool is_zero;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++) {
			page[i] = get(1, &is_zero);
			ASSERT_NE(NULL, page[i]);
			again += !is_zero;
		}
		if (round) {
			EXPECT_LE(KEPT, again);
			EXPECT_GE(KEPT + MANY / 4, again);
		} else {
			EXPECT_EQ(0, again);
		}
		again = 0;
		for (i = 0; i < MANY; i++)
			gcpages_put(NULL, page[i], 1);
	}
}

TEST_HARNESS_MAIN
