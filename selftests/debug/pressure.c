// SPDX-License-Identifier: GPL-2.0-only
/*
 * Not enough memory: a cgroup at its limit, a machine at its end, an empty
 * pool, no free huge page.  A service continues, or is killed by the OOM
 * killer; the module gives everything back.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "memcg.h"
#include "soak.h"

#define LIMIT	(16 * MIB)

FIXTURE(pressure) {
	struct held before;
	struct memcg m;
};

FIXTURE_SETUP(pressure)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, held_read(&self->before));
}

FIXTURE_TEARDOWN(pressure)
{
	params_reset();
	EXPECT_EQ(0, memcg_drop(&self->m));
	EXPECT_EQ(0, held_back_to(&self->before));
}

/* Use more memory than there is.  Return: how it ended, 256 and a signal. */
static int takes_it_all(void *arg)
{
	size_t blocks = *(size_t *)arg, i;
	struct arena a;

	if (arena_make(&a, blocks))
		return 1;
	for (i = 0; i < blocks; i++) {
		pages_fill(a.base + i * BLOCK_LEN, BLOCK_LEN, i);
		/* some blocks consist of pages */
		if (i % 8 == 3)
			arena_punch(&a, i * BLOCK_LEN, OS_PAGE);
	}
	return 0;
}

static int takes_it_all_forked(void *arg)
{
	size_t blocks = *(size_t *)arg, i;
	struct arena a;
	pid_t pid;

	if (arena_make(&a, blocks))
		return 1;
	for (i = 0; i < 4; i++)
		pages_fill(a.base + i * BLOCK_LEN, BLOCK_LEN, i);
	pid = fork();
	for (i = 0; i < blocks; i++)
		pages_fill(a.base + i * BLOCK_LEN, BLOCK_LEN, 100 + i);
	return pid ? child_wait(pid) : 0;
}

struct in_memcg {
	struct memcg *m;
	int (*fn)(void *arg);
	size_t blocks;
};

static int runs_in_memcg(void *arg)
{
	struct in_memcg *in = arg;

	return memcg_enter(in->m) ? 1 : in->fn(&in->blocks);
}

/* Killed by the OOM killer; SIGBUS would mean no memory without an OOM kill. */
static int ended_by_pressure(int status)
{
	return status == 256 + SIGKILL || status == 256 + SIGBUS;
}

TEST_F_TIMEOUT(pressure, memcg_limit, 3600)
{
	int (*fns[])(void *arg) = { takes_it_all, takes_it_all_forked };
	struct in_memcg in = { .m = &self->m, .blocks = 32 };
	unsigned long n = soak_count(50), i, bad = 0;

	if (memcg_make(&self->m, "pressure"))
		SKIP(return, "no memory cgroup");
	ASSERT_EQ(0, memcg_write(&self->m, "memory.max", LIMIT));
	for (i = 0; i < n; i++) {
		int status;

		in.fn = fns[i % 2];
		param_write("reserve_max", i % 3 ? 8 : 0);
		status = child_run(runs_in_memcg, &in);
		if (!ended_by_pressure(status)) {
			TH_LOG("run %lu ended with %d", i, status);
			bad++;
		}
		bad += held_back_to(&self->before) != 0;
	}
	soak_report("memcg-limit", n, i, bad);
	EXPECT_EQ(0, bad);
}

static int first_to_go(void *arg)
{
	if (file_write("/proc/self/oom_score_adj", "1000"))
		return 1;
	return takes_it_all(arg);
}

TEST_F_TIMEOUT(pressure, out_of_memory, 3600)
{
	unsigned long n = soak_count(50), i, bad = 0;
	long long kb = meminfo_read("MemTotal");
	size_t blocks = kb / 2048 + 1;
	pid_t spares[MEMORY_SPARES];

	/* a machine of gigabytes takes too long to fill */
	if (kb > 1024 * 1024 && !getenv("COUNT"))
		SKIP(return, "more than 1 GiB of memory: set COUNT");
	for (i = 0; i < n; i++) {
		int status;

		EXPECT_EQ(0, memory_spares_start(spares));
		status = child_run(first_to_go, &blocks);
		memory_spares_end(spares);
		if (!ended_by_pressure(status)) {
			TH_LOG("run %lu ended with %d", i, status);
			bad++;
		}
		bad += held_back_to(&self->before) != 0;
	}
	soak_report("global-oom", n, i, bad);
	EXPECT_EQ(0, bad);
}

TEST_F(pressure, an_empty_pool_is_no_obstacle)
{
	struct hugearena_stat st;
	struct arena a;

	ASSERT_EQ(0, pool_fill(4));
	ASSERT_EQ(0, arena_make(&a, 6));
	pages_fill(a.base, a.size, 1);
	EXPECT_EQ(0, pages_wrong(a.base, a.size, 1));
	ASSERT_EQ(0, arena_stat(&a, &st));
	EXPECT_LE(2, st.fault_pool);
	EXPECT_LT(0, st.fault_demand + st.fault_reserve);
	arena_drop(&a);
}

#define FAIL_PAGE_ALLOC	"/sys/kernel/debug/fail_page_alloc/"

static int huge_pages_fail(int on)
{
	static const char *const files[][2] = {
		{ "ignore-gfp-wait", "N" },
		{ "ignore-gfp-highmem", "N" },
		{ "min-order", "9" },
		{ "verbose", "0" },
		{ "interval", "1" },
		{ "times", "-1" },
	};
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), FAIL_PAGE_ALLOC "%s",
			 files[i][0]);
		if (file_write(path, files[i][1]))
			return -1;
	}
	return file_write(FAIL_PAGE_ALLOC "probability", on ? "100" : "0");
}

/* Fragmented memory, as on a machine that has run for weeks. */
TEST_F(pressure, no_huge_page_to_be_had)
{
	struct hugearena_stat st;
	struct arena a;
	pid_t pid;

	if (huge_pages_fail(1))
		SKIP(return, "no fault injection in this kernel");
	ASSERT_EQ(0, arena_make(&a, 3));
	pages_fill(a.base, a.size, 1);
	EXPECT_EQ(0, pages_wrong(a.base, a.size, 1));
	ASSERT_EQ(0, arena_stat(&a, &st));
	EXPECT_EQ(0, st.blocks);
	EXPECT_EQ(3, st.split);
	pid = fork();
	if (!pid) {
		pages_fill(a.base, BLOCK_LEN, 2);
		_exit(pages_wrong(a.base + BLOCK_LEN, 2 * BLOCK_LEN, 1) != 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(a.base, a.size, 1));
	EXPECT_EQ(0, arena_punch(&a, OS_PAGE, BLOCK_LEN));
	EXPECT_EQ(0, bytes_other(a.base + OS_PAGE, BLOCK_LEN, 0));
	/* and they are joined when huge pages are available again */
	ASSERT_EQ(0, huge_pages_fail(0));
	EXPECT_EQ(0, arena_join_wait(&a, 0, a.size));
	EXPECT_EQ(3, arena_count(&a, HUGEARENA_BLOCK_WHOLE));
	arena_drop(&a);
}

TEST_HARNESS_MAIN
