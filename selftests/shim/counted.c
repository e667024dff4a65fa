// SPDX-License-Identifier: GPL-2.0-only
/*
 * counted: a profile counts each byte once, whichever way it is allocated.
 *
 * Samples are by chance, one in RATE bytes: where 300 are to be expected, no
 * fewer than 180 and no more than 420 are seven times the deviation of 17. A
 * sample has a page of its own, by which it is recognised here.  A program with
 * this environment runs itself again, with a profile.
 */
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "patience.h"

#define RATE	((size_t)64 << 10)
#define BYTES	(300 * RATE)

__attribute__((constructor)) static void begin(void)
{
	if (getenv("SHIM_OPTIONS"))
		return;
	setenv("SHIM_OPTIONS", "profile=64k", 1);
	execl("/proc/self/exe", "counted", NULL);
	abort();
}

static bool is_sample(void *p)
{
	return malloc_usable_size(p) >= 8192;
}

#define EXPECT_300(_n) do {						\
	EXPECT_LT(180, _n);						\
	EXPECT_GT(420, _n);						\
} while (0)

TEST(malloc_counts_what_is_asked)
{
	unsigned int n = 0;
	size_t i;
	void *p;

	for (i = 0; i < BYTES / 1000; i++) {
		p = malloc(1000);
		n += is_sample(p);
		free(p);
	}
	EXPECT_300(n);
}

TEST(calloc_and_alignment_count_as_malloc)
{
	unsigned int n = 0;
	size_t i;
	void *p;

	for (i = 0; i < BYTES / 2000; i++) {
		p = calloc(10, 100);
		n += is_sample(p);
		free(p);
		ASSERT_EQ(0, posix_memalign(&p, 64, 1000));
		n += is_sample(p);
		free(p);
	}
	EXPECT_300(n);
}

static void *no_sample(size_t size)
{
	void *p = malloc(size);

	while (p && is_sample(p)) {
		free(p);
		p = malloc(size);
	}
	return p;
}

/* From one class to the next and back: the growth counts, a cut does not. */
TEST(realloc_counts_what_it_adds)
{
	unsigned int up = 0, down = 0;
	void *p = no_sample(1000);
	size_t i;

	for (i = 0; i < BYTES / 1024; i++) {
		p = realloc(p, 2000);
		ASSERT_NE(NULL, p);
		if (is_sample(p)) {
			up++;
			free(p);
			p = no_sample(2000);
		}
		p = realloc(p, 1000);
		ASSERT_NE(NULL, p);
		if (is_sample(p)) {
			down++;
			free(p);
			p = no_sample(1000);
		}
	}
	EXPECT_300(up);
	EXPECT_EQ(0, down);
	free(p);
}

TEST_HARNESS_MAIN
