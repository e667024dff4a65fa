// SPDX-License-Identifier: GPL-2.0-only
/*
 * When collections begin, and who pays for them.
 */
#include <sys/wait.h>

#include "gctest.h"

#define MIB	((size_t)1 << 20)

static struct shim_gc_stat stat_now(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st;
}

/* Make garbage until so many collections have run. */
static __attribute__((noinline)) void waste(size_t size, uint64_t collections)
{
	while (stat_now().collections < collections)
		if (!shim_gc_alloc(size))
			abort();
}

static void *volatile keep[4096];

/*
 * A thread that wants objects of one class sweeps spans of another as it goes,
 * so that all of them are swept when the next collection begins.
 */
TEST(sweeping_is_paid_by_allocation)
{
	struct shim_gc_stat before, st;
	unsigned int i;

	for (i = 0; i < 4096; i++)
		keep[i] = shim_gc_alloc(8000);
	waste(400, stat_now().collections + 2);
	before = stat_now();
	/*
	 * the garbage, at least a goal's worth, lies in spans that are not
	 * swept
	 */
	ASSERT_LE(20 * MIB, before.goal);
	do {
		ASSERT_NE(NULL, shim_gc_alloc_data(3000));
		st = stat_now();
		ASSERT_EQ(before.collections, st.collections);
	} while (st.since < st.goal / 8 * 7);
	/* three quarters of that garbage are gone, and less was added */
	EXPECT_GE(before.heap + st.since - before.goal / 4 * 3, st.heap);
	EXPECT_EQ(0, shim_gc_verify());
}

/*
 * Full spans are no use to a thread that wants objects.  It does not look at
 * all of them at once, but in the end it finds what lies behind them.
 */
#define OF_A_SPAN	8u
#define FULL		2000u
#define EMPTY		16u

static void *volatile held[OF_A_SPAN * (FULL + 100)];

static __attribute__((noinline)) void fill(unsigned int from, unsigned int n,
					   bool keep_them)
{
	unsigned int i;
	void *p;

	for (i = from; i < from + n; i++) {
		p = shim_gc_alloc_data(1024);
		if (!p)
			abort();
		held[i] = keep_them ? p : NULL;
	}
}

TEST(one_allocation_looks_at_few_spans)
{
	const uint64_t span = OF_A_SPAN * 1024;
	uint64_t before;

	/* spans are swept from the newest to the oldest */
	shim_gc_disable();
	fill(0, OF_A_SPAN * EMPTY, false);
	fill(0, OF_A_SPAN * FULL, true);
	shim_gc_enable();
	/* shim_gc_collect() would sweep: another class, past the goal */
	ASSERT_NE(NULL, shim_gc_alloc_data(3000));
	ASSERT_EQ(1, stat_now().collections);
	before = stat_now().heap;
	/* the last one may have room for some */
	fill(OF_A_SPAN * FULL, OF_A_SPAN, true);
	EXPECT_EQ(before + span, stat_now().heap);
	fill(OF_A_SPAN * (FULL + 2), OF_A_SPAN * 50, true);
	EXPECT_GE(before + 40 * span, stat_now().heap);
	EXPECT_EQ(0, shim_gc_verify());
}

static void *volatile large[64];

/*
 * Spans that the program frees itself need no sweeping any more: as long as these
 * are more than what should have been swept, allocation pays nothing.
 */
TEST(what_is_freed_counts_as_swept)
{
	struct shim_gc_stat before, st;
	unsigned int i;

	for (i = 0; i < 64; i++)
		large[i] = shim_gc_alloc(MIB / 2);
	waste(400, stat_now().collections + 2);
	/* half of what is not swept, a goal's worth at least is the rest */
	for (i = 0; i < 64; i++) {
		shim_gc_free(large[i]);
		large[i] = NULL;
	}
	before = stat_now();
	ASSERT_LE(20 * MIB, before.goal);
	ASSERT_GT(before.goal / 16, before.since);
	do {
		ASSERT_NE(NULL, shim_gc_alloc_data(3000));
		st = stat_now();
		ASSERT_EQ(before.collections, st.collections);
	} while (st.since < st.goal / 8);
	/* no garbage is gone, so what was added shows */
	EXPECT_LE(before.heap + (st.since - before.since) / 2, st.heap);
	EXPECT_EQ(0, shim_gc_verify());
}

/* A program that hardly allocates is collected all the same. */
TEST(a_long_time_is_a_reason)
{
	int i;

	setenv("SHIM_GC_PERIOD", "1", 1);
	for (i = 0; i < PATIENCE && !stat_now().collections; i++) {
		ASSERT_NE(NULL, shim_gc_alloc(8192));
		usleep(10000);
	}
	EXPECT_NE(0, stat_now().collections);
	EXPECT_NE(0, stat_now().periodic);
}

/* One that does nothing at all is collected once: after that nothing is new. */
TEST(a_thread_of_its_own_sees_the_time)
{
	int i;

	setenv("SHIM_GC_PERIOD", "1", 1);
	setenv("SHIM_GC_MODE", "hybrid", 1);
	ASSERT_EQ(0, shim_gc_begin());
	for (i = 0; i < PATIENCE && !stat_now().periodic; i++)
		usleep(1000);
	EXPECT_EQ(2, stat_now().collections);
	/* wait three more periods */
	usleep(3500000);
	EXPECT_EQ(2, stat_now().collections);
}

TEST(no_period_at_all)
{
	setenv("SHIM_GC_PERIOD", "0", 1);
	setenv("SHIM_GC_MODE", "hybrid", 1);
	ASSERT_NE(NULL, shim_gc_alloc(100));
	usleep(1500000);
	ASSERT_NE(NULL, shim_gc_alloc(10000));
	EXPECT_EQ(0, stat_now().collections);
}

#ifdef ON_LIBSHIM
static int main_limited(void)
{
	struct shim_gc_stat st;
	char *other;
	unsigned int i, k;

	shim_gc_set_percent(10000);
	/* the heap alone */
	for (i = 0; i < 100000; i++)
		if (!shim_gc_alloc(4000))
			return 2;
	st = stat_now();
	if (!st.collections || st.heap > 64 * MIB) {
		fprintf(stderr, "%lu collections, heap %lu MiB\n",
			st.collections, st.heap >> 20);
		return 3;
	}
	/* malloc() takes half of it: the heap becomes smaller */
	other = malloc(32 * MIB);
	if (!other)
		return 2;
	memset(other, 1, 32 * MIB);
	for (k = 0; k < 3; k++)
		for (i = 0; i < 20000; i++)
			if (!shim_gc_alloc(4000))
				return 2;
	st = stat_now();
	if (st.heap > 34 * MIB) {
		fprintf(stderr, "heap %lu MiB beside 32 of 64\n",
			st.heap >> 20);
		return 4;
	}
	return other[5] - 1;
}

/* SHIM_LIMIT, like a control group's limit, covers everything together. */
TEST(the_limit_of_the_process)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		setenv("SHIM_LIMIT", "64M", 1);
		setenv("PACE_LIMITED", "1", 1);
		execl("/proc/self/exe", program_invocation_name, NULL);
		_exit(9);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

static __attribute__((constructor)) void am_limited(void)
{
	if (getenv("PACE_LIMITED"))
		_exit(main_limited());
}
#endif

TEST_HARNESS_MAIN
