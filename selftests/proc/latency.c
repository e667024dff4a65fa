// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/hugearena/latency: a histogram for each source, which every fault adds
 * to.
 */
#include "harness.h"
#include <time.h>

#define BUCKETS	32

static const char *const sources[] = {
	"reserve", "pool", "demand", "small", "map", "cow",
};

/*
 * Read the line of @source, its numbers into @bucket unless that is NULL; its
 * sum, or -1 if the line is malformed.
 */
static long long histogram_read(const char *source, unsigned long long *bucket)
{
	unsigned long long value;
	char line[1024], *word, *rest, *end;
	long long sum = -1;
	FILE *f = fopen(PROC_LATENCY, "re");
	int n;

	if (!f)
		return -1;
	while (sum < 0 && fgets(line, sizeof(line), f)) {
		word = strtok_r(line, " \n", &rest);
		if (!word || strcmp(word, source))
			continue;
		for (n = 0, sum = 0; n < BUCKETS; n++) {
			word = strtok_r(NULL, " \n", &rest);
			if (!word)
				break;
			value = strtoull(word, &end, 10);
			if (*end)
				break;
			sum += value;
			if (bucket)
				bucket[n] = value;
		}
		if (n < BUCKETS || strtok_r(NULL, " \n", &rest)) {
			sum = -1;
			break;
		}
	}
	fclose(f);
	return sum;
}

static long long histogram_sum(const char *source)
{
	return histogram_read(source, NULL);
}

TEST(header_and_sources)
{
	char line[1024];
	size_t i = 0;
	FILE *f = fopen(PROC_LATENCY, "re");

	ASSERT_NE(NULL, f);
	ASSERT_NE(NULL, fgets(line, sizeof(line), f));
	EXPECT_EQ('#', line[0]);
	while (fgets(line, sizeof(line), f)) {
		ASSERT_LT(i, ARRAY_SIZE(sources));
		EXPECT_EQ(0, strncmp(line, sources[i], strlen(sources[i])));
		EXPECT_EQ(' ', line[strlen(sources[i])]);
		i++;
	}
	EXPECT_EQ(ARRAY_SIZE(sources), i);
	fclose(f);
}

TEST(every_source_has_its_buckets)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sources); i++)
		EXPECT_LE(0, histogram_sum(sources[i]));
}

ARENA_FIXTURE(latency, 8)

TEST_F(latency, a_fault_is_one_sample)
{
	long long demand = histogram_sum("demand"), map = histogram_sum("map");
	long long small = histogram_sum("small");

	pages_fill(self->a.base, 5 * BLOCK_LEN, 1);
	EXPECT_EQ(demand + 5, histogram_sum("demand"));
	ASSERT_EQ(0, madvise(self->a.base, self->a.size, MADV_DONTNEED));
	byte_write(self->a.base, 1);
	EXPECT_EQ(map + 1, histogram_sum("map"));
	ASSERT_EQ(0, arena_punch(&self->a, OS_PAGE, OS_PAGE));
	byte_write(self->a.base + OS_PAGE, 1);
	EXPECT_EQ(small + 1, histogram_sum("small"));
}

static unsigned long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (unsigned long long)t.tv_sec * 1000000000ULL + t.tv_nsec;
}

/*
 * One fault adds 1 to one bucket; bucket n is for less than 2^n ns.  That is no
 * more than the process itself waited, and no less than it takes to clear 2
 * MiB: 4 us even at 512 GB/s.
 */
TEST_F(latency, a_sample_is_where_its_time_is)
{
	unsigned long long before[BUCKETS], after[BUCKETS], took;
	int i, n, changed;

	for (i = 0; i < 8; i++) {
		ASSERT_LE(0, histogram_read("demand", before));
		took = now();
		byte_write(self->a.base + i * BLOCK_LEN, 1);
		took = now() - took;
		ASSERT_LE(0, histogram_read("demand", after));
		changed = -1;
		for (n = 0; n < BUCKETS; n++) {
			if (before[n] == after[n])
				continue;
			EXPECT_EQ(-1, changed);
			EXPECT_EQ(before[n] + 1, after[n]);
			changed = n;
		}
		ASSERT_LE(12, changed);
		/* the last bucket is for everything longer, too */
		EXPECT_LE(1ULL << (changed - 1), took);
	}
}

TEST_F(latency, a_copy_is_one_sample)
{
	long long cow;
	int go = gate_open();
	pid_t pid;

	pages_fill(self->a.base, self->a.size, 1);
	cow = histogram_sum("cow");
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(go);
		_exit(0);
	}
	byte_write(self->a.base, 1);
	EXPECT_EQ(cow + 1, histogram_sum("cow"));
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
