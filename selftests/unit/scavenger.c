// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scavenger: memory goes back within the calls that free it, the swing of a
 * heap stays, and the process gets no other thread.  Nothing here depends on
 * the speed of the machine: each test waits for what must happen, and fails
 * only if it never does.
 */
#include <dirent.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "pageheap/pageheap.h"
#include "pageheap/scavenger.h"

#define MIB	((size_t)1 << 20)
#define SPANS	4096
#define PATIENCE	60	/* seconds until something never happens */

static struct span *s[SPANS];

FIXTURE(scavenger)
{
};

FIXTURE_SETUP(scavenger)
{
}

FIXTURE_TEARDOWN(scavenger)
{
}

static struct pageheap_stat stat_now(void)
{
	struct pageheap_stat st;

	pageheap_get_stat(&st);
	return st;
}

static void fill(int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (!s[i])
			s[i] = pageheap_alloc(8, 1);
}

/* Free all but one in @each. */
static void drop(int n, int each)
{
	int i;

	for (i = 0; i < n; i++)
		if (i % each && s[i]) {
			pageheap_free(s[i]);
			s[i] = NULL;
		}
}

/* Time passes while others allocate and free a little. */
static bool wait_for(bool (*true_now)(void))
{
	struct span *t[64];
	int i, k;

	for (i = 0; i < PATIENCE * 1000; i++) {
		if (true_now())
			return true;
		for (k = 0; k < 64; k++)
			t[k] = pageheap_alloc(1, 1);
		for (k = 0; k < 64; k++)
			pageheap_free(t[k]);
		usleep(1000);
	}
	return false;
}

static int tasks(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* A sanitizer has threads of its own. */
static int tasks_before;

/* A 16th of what is in use may stay, plus a 32nd as slack, plus 4 MiB. */
static bool is_lean(void)
{
	struct pageheap_stat st = stat_now();

	return st.free <= st.inuse / 16 + st.inuse / 32 + 4 * MIB;
}

/* Neither time nor a call is needed: a process that sleeps is lean. */
TEST_F(scavenger, goes_back_in_the_call)
{
	tasks_before = tasks();
	fill(SPANS);		/* 256 MiB */
	drop(SPANS, 10);
	EXPECT_TRUE(is_lean());
	EXPECT_LT(0, stat_now().nr_split);
	EXPECT_LT(0, stat_now().scavenger_drains);
	/* free runs go as one range, and some went in parts before */
	EXPECT_LE(stat_now().released, fake_now().released);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake_now().bad);
	/* a single-threaded process stays one */
	EXPECT_EQ(tasks_before, tasks());
}

TEST_F(scavenger, whole_blocks_first)
{
	int i;

	fill(SPANS);
	for (i = SPANS / 8; i < SPANS; i++) {
		pageheap_free(s[i]);
		s[i] = NULL;
	}
	EXPECT_TRUE(is_lean());
	EXPECT_EQ(0, fake_now().split);
	EXPECT_LT(200 * MIB, fake_now().released);
}

/* One call frees everything: one call gives it back. */
TEST_F(scavenger, one_large_span)
{
	struct span *big = pageheap_alloc(256 * MIB / PAGE_SIZE, 1);

	pageheap_free(big);
	EXPECT_TRUE(is_lean());
	EXPECT_GE(8, stat_now().nr_release);
}

TEST_F(scavenger, little_is_not_worth_a_call)
{
	fill(32);
	drop(32, 2);
	EXPECT_EQ(0, stat_now().released);
	EXPECT_EQ(0, stat_now().scavenger_drains);
}

TEST_F(scavenger, switched_off)
{
	shim_conf.scavenger = false;
	fill(SPANS);
	drop(SPANS, 10);
	EXPECT_EQ(0, stat_now().released);
	pageheap_trim(0);
	EXPECT_EQ(0, stat_now().free);
}

/* A huge page of which a part is given back is split later, or by trim(). */
TEST_F(scavenger, huge_pages_are_owed)
{
	struct pageheap_stat st;
	size_t paid;

	fill(SPANS);
	drop(SPANS, 4);
	EXPECT_LT(32 * MIB, stat_now().owed);
	EXPECT_GT(fake_now().split, fake_now().paid);
	EXPECT_TRUE(pageheap_is_valid());
	/* if they were used again, they would take twice the memory */
	paid = fake_now().paid;
	fill(SPANS);
	st = stat_now();
	EXPECT_LT(paid, fake_now().paid);
	EXPECT_GT(272 * MIB, st.inuse + st.free + st.owed);
	EXPECT_TRUE(pageheap_is_valid());
	drop(SPANS, 3);
	pageheap_trim(0);
	EXPECT_EQ(0, stat_now().owed);
	EXPECT_EQ(0, fake_now().bad);
}

/*
 * Free pages next to what is given back go with it: one range for a free run.
 */
TEST_F(scavenger, a_free_run_is_one_range)
{
	struct span *t[256];
	size_t ranges;
	int i;

	shim_conf.scavenger = false;
	fill(32 * 16);		/* 32 MiB: it consists of blocks from then on */
	for (i = 0; i < 256; i++)
		t[i] = pageheap_alloc(1, 1);
	for (i = 0; i < 128; i += 2)
		pageheap_free(t[i]);
	pageheap_trim(0);
	EXPECT_EQ(64, fake_now().ranges);
	for (i = 1; i < 127; i += 2)
		pageheap_free(t[i]);
	ranges = fake_now().ranges;
	pageheap_trim(0);
	EXPECT_EQ(ranges + 1, fake_now().ranges);
	EXPECT_EQ(127 * PAGE_SIZE, stat_now().released);
	EXPECT_TRUE(pageheap_is_valid());
}

/* A heap that has swung keeps what it will need again. */
TEST_F(scavenger, what_swings_stays)
{
	size_t released;

	fill(SPANS);
	drop(SPANS, 10);
	EXPECT_TRUE(is_lean());
	fill(SPANS);
	released = fake_now().released;
	drop(SPANS, 10);
	EXPECT_LT(100 * MIB, stat_now().demand);
	/* except for what was more than before */
	EXPECT_GT(released + 16 * MIB, fake_now().released);
	EXPECT_LT(100 * MIB, stat_now().free);
	/* but it goes when somebody asks for it */
	pageheap_trim(0);
	EXPECT_EQ(0, stat_now().free);
}

static bool has_gone(void)
{
	return stat_now().released >= 8 * MIB;
}

/*
 * Memory too little to go at once goes when nobody has needed it for a while.
 */
TEST_F(scavenger, with_time_the_rest_goes)
{
	fill(SPANS);
	/* 16 of 256 MiB: less than 3/32 and 4 MiB, more than a 32nd */
	drop(SPANS / 16, SPANS);
	EXPECT_EQ(0, stat_now().released);
	EXPECT_TRUE(wait_for(has_gone));
	EXPECT_LT(0, stat_now().scavenger_looks);
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake_now().bad);
}

static bool has_joined(void)
{
	return stat_now().nr_join >= 8;
}

TEST_F(scavenger, joins_what_fills_up_again)
{
	struct span *big, *t[8][32];
	int i, k;

	big = pageheap_alloc(32 * MIB / PAGE_SIZE, 1);
	for (i = 0; i < 8; i++)
		for (k = 0; k < 32; k++)
			t[i][k] = pageheap_alloc(8, 1);
	for (i = 0; i < 8; i++)
		for (k = 28; k < 32; k++)
			pageheap_free(t[i][k]);
	pageheap_trim(0);
	EXPECT_EQ(8, stat_now().blocks_split);
	for (i = 0; i < 8; i++)
		for (k = 28; k < 32; k++) {
			t[i][k] = pageheap_alloc(8, 1);
			memset((void *)t[i][k]->start, i, PAGE_SIZE);
		}
	pageheap_free(big);
	EXPECT_TRUE(wait_for(has_joined));
	EXPECT_EQ(8, fake_now().joined);
	EXPECT_TRUE(pageheap_is_valid());
}

static bool has_failed(void)
{
	return stat_now().nr_join_fail > 0;
}

TEST_F(scavenger, join_may_fail)
{
	struct span *big, *t[32];
	int k;

	fake.refuse_join = true;
	big = pageheap_alloc(32 * MIB / PAGE_SIZE, 1);
	for (k = 0; k < 32; k++)
		t[k] = pageheap_alloc(8, 1);
	pageheap_free(t[1]);
	pageheap_trim(0);
	t[1] = pageheap_alloc(8, 1);
	pageheap_free(big);
	EXPECT_TRUE(wait_for(has_failed));
	EXPECT_EQ(0, stat_now().nr_join);
	EXPECT_TRUE(pageheap_is_valid());
}

/*
 * The layers above are asked now and then, and the time they work is limited.
 */
TEST_F(scavenger, tells_the_layers_above)
{
	struct span *big = pageheap_alloc(32 * MIB / PAGE_SIZE, 1);
	int i;

	EXPECT_FALSE(scavenger_idle_due());
	EXPECT_TRUE(wait_for(scavenger_idle_due));
	EXPECT_TRUE(scavenger_has_time());
	for (i = 0; i < 1000 && scavenger_has_time(); i++)
		;
	EXPECT_GT(1000, i);
	EXPECT_FALSE(scavenger_has_time());
	pageheap_free(big);
}

/* A forked child gives back as its parent would. */
TEST_F(scavenger, child_of_fork)
{
	int status;
	pid_t pid;

	fill(SPANS);
	drop(SPANS, 10);
	pageheap_fork_prepare();
	pid = fork();
	if (!pid) {
		bool ok;

		pageheap_fork_child();
		ok = is_lean() && pageheap_is_valid();
		drop(SPANS, SPANS);
		ok = ok && is_lean() && pageheap_is_valid();
		fill(SPANS);
		drop(SPANS, 7);
		ok = ok && pageheap_is_valid();
		pageheap_trim(0);
		_exit(ok && !stat_now().free ? 0 : 1);
	}
	pageheap_fork_parent();
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_lean());
}

/* Allocates and frees meanwhile: memory that is given back is not in use. */
TEST_F(scavenger, against_allocation)
{
	uint64_t state = 7;
	long round;
	int i;

	for (round = 0; round < 400000; round++) {
		state = state * 6364136223846793005ull + 1442695040888963407ull;
		i = (int)(state >> 40) % SPANS;
		if (s[i]) {
			uintptr_t *word = (uintptr_t *)s[i]->start;

			ASSERT_EQ((uintptr_t)s[i], *word);
			pageheap_free(s[i]);
			s[i] = NULL;
		} else if (round % 100000 < 30000 || state >> 62 == 0) {
			s[i] = pageheap_alloc(1 + (size_t)i % 40, 1);
			*(uintptr_t *)s[i]->start = (uintptr_t)s[i];
		}
		if (round % 50000 == 0)
			ASSERT_TRUE(pageheap_is_valid());
	}
	EXPECT_TRUE(pageheap_is_valid());
	EXPECT_EQ(0, fake_now().bad);
}

TEST_HARNESS_MAIN
