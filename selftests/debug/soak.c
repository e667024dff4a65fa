// SPDX-License-Identifier: GPL-2.0-only
/* Counts, seeds, reports and the module's balance; see soak.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "report.h"
#include "soak.h"

#define CHECK_SCALE	0.01

unsigned long soak_count(unsigned long figure)
{
	const char *count = getenv("COUNT"), *scale = getenv("SCALE");
	double n = count ? strtod(count, NULL) :
			   figure * (scale ? strtod(scale, NULL) :
					     CHECK_SCALE);

	return n < 1 ? 1 : n;
}

__u64 soak_seed(__u64 standard)
{
	const char *seed = getenv("SEED");
	__u64 n = seed ? strtoull(seed, NULL, 0) : standard;

	return n ? n : 1;
}

void soak_report(const char *test, unsigned long asked, unsigned long done,
		 unsigned long failures)
{
	printf("# soak: %s %lu %lu %lu\n", test, asked, done, failures);
	fflush(stdout);
}

int held_read(struct held *h)
{
	struct pool_line pool;

	h->arenas = stat_read("Arenas");
	h->resident_kb = stat_read("Resident");
	h->blocks = stat_read("Blocks");
	h->pages = stat_read("Pages");
	if (h->arenas < 0 || pool_sum_read(&pool))
		return -1;
	h->out = pool.out;
	return 0;
}

int held_back_to(const struct held *before)
{
	struct held now;
	int i;

	for (i = 0; i < 1200; i++) {
		if (held_read(&now))
			return -1;
		if (!memcmp(&now, before, sizeof(now)))
			return 0;
		usleep(50000);
	}
	printf("# left: arenas %lld, resident %lld kB, blocks %lld, ",
	       now.arenas - before->arenas,
	       now.resident_kb - before->resident_kb,
	       now.blocks - before->blocks);
	printf("pages %lld, out of the pool %lld\n",
	       now.pages - before->pages, now.out - before->out);
	return -1;
}
