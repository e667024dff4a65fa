// SPDX-License-Identifier: GPL-2.0-only
/*
 * addresses: how much of a limited address space (ulimit -v, RLIMIT_AS) a
 * program can use.  Run by addresses.sh, which sets the limit.
 *
 * Memory is had in blocks of 2 MiB, and a large object that began with a block
 * would leave the rest of its last one: 41 % of the address space for objects
 * of 2.4 MiB.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "patience.h"

#define MIB	((size_t)1 << 20)

static size_t mapped_now(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	if (!f || fscanf(f, "%zu", &pages) != 1)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

FIXTURE(addresses) {
};

FIXTURE_VARIANT(addresses) {
	size_t size;
	unsigned int percent;	/* of what the limit leaves; glibc uses 97 to 100 */
};

/* nine tenths, and what an object's size class or an odd last object takes */
FIXTURE_VARIANT_ADD(addresses, small) { 1000, 90 };
FIXTURE_VARIANT_ADD(addresses, span) { 20000, 90 };
FIXTURE_VARIANT_ADD(addresses, pages) { 100000, 87 };
FIXTURE_VARIANT_ADD(addresses, half_a_block) { 1000000, 90 };
FIXTURE_VARIANT_ADD(addresses, over_a_block) { 2100000, 93 };
FIXTURE_VARIANT_ADD(addresses, over_a_block_more) { 2500000, 93 };
FIXTURE_VARIANT_ADD(addresses, blocks) { 5000000, 92 };
FIXTURE_VARIANT_ADD(addresses, many_blocks) { 12000000, 85 };

FIXTURE_SETUP(addresses)
{
}

FIXTURE_TEARDOWN(addresses)
{
}

TEST_F(addresses, can_be_used)
{
	struct rlimit limit;
	size_t left, got = 0, n = 0, i;
	char **all;

	ASSERT_EQ(0, getrlimit(RLIMIT_AS, &limit));
	ASSERT_EQ(256 * MIB, limit.rlim_cur);
	all = calloc(256 * MIB / variant->size, sizeof(*all));
	ASSERT_NE(NULL, all);
	left = mapped_now();
	ASSERT_NE(0, left);
	left = 256 * MIB - left;
	while (n < 256 * MIB / variant->size) {
		all[n] = malloc(variant->size);
		if (!all[n])
			break;
		memset(all[n], (int)(n % 251), variant->size);
		got += variant->size;
		n++;
	}
	TH_LOG("%zu of %zu MiB", got / MIB, left / MIB);
	EXPECT_LE(variant->percent, got * 100 / left);
	/* none lies over another one, and what is freed can be had again */
	for (i = 0; i < n; i++) {
		ASSERT_EQ((char)(i % 251), all[i][0]);
		ASSERT_EQ((char)(i % 251), all[i][variant->size - 1]);
	}
	for (i = 0; i < n; i++)
		free(all[i]);
	for (i = 0; i < n * 9 / 10; i++) {
		all[i] = malloc(variant->size);
		ASSERT_NE(NULL, all[i]);
	}
}

TEST_HARNESS_MAIN
