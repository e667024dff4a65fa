// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scavenger: memory goes back without a call, what swings stays, the thread
 * comes and goes.  Nothing here depends on how fast the machine is: each test
 * waits for what must happen, and fails only if it never does.
 */
#include <dirent.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#include "base/conf.h"
#include "fake_backend.h"
#include "pageheap/pageheap.h"

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

/* Keep one in @each. */
static void drop(int n, int each)
{
	int i;

	for (i = 0; i < n; i++)
		if (i % each && s[i]) {
			pageheap_free(s[i]);
			s[i] = NULL;
		}
}

static bool wait_for(bool (*true_now)(void))
{
	int i;

	for (i = 0; i < PATIENCE * 100; i++) {
		if (true_now())
			return true;
		usleep(10000);
	}
	return false;
}

/* By its name: a sanitizer has threads of its own. */
static int scavengers(void)
{
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	char path[64], name[32];
	int n = 0;
	FILE *f;

	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm",
			 e->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		n += fgets(name, sizeof(name), f) &&
		     !strcmp(name, "shim-scavenger\n");
		fclose(f);
	}
	closedir(d);
	return n;
}

static bool is_there(void)
{
	return scavengers() == 1;
}

static bool is_gone(void)
{
	return scavengers() == 0;
}

/* A tenth of what is in use may stay, and 4 MiB are not worth a thread. */
static bool is_lean(void)
{
	struct pageheap_stat st = stat_now();

	return st.free <= st.inuse / 10 + 4 * MIB;
}

TEST_F_TIMEOUT(scavenger, goes_back_by_itself, 120)
{
	fill(SPANS);		/* 256 MiB */
	EXPECT_EQ(0, scavengers());
	drop(SPANS, 10);
	EXPECT_TRUE(wait_for(is_lean));
	EXPECT_LT(0, stat_now().nr_split);
	EXPECT_EQ(1, stat_now().scavenger_starts);
	EXPECT_EQ(stat_now().released, fake_now().released);
	EXPECT_TRUE(pageheap_is_valid());
	/* nothing more to do: no thread */
	EXPECT_TRUE(wait_for(is_gone));
	EXPECT_EQ(0, fake_now().bad);
}

TEST_F_TIMEOUT(scavenger, whole_blocks_first, 120)
{
	int i;

	fill(SPANS);
	for (i = SPANS / 8; i < SPANS; i++) {
		pageheap_free(s[i]);
		s[i] = NULL;
	}
	EXPECT_TRUE(wait_for(is_lean));
	EXPECT_EQ(0, fake_now().split);
	EXPECT_LT(200 * MIB, fake_now().released);
}

TEST_F_TIMEOUT(scavenger, little_is_not_worth_a_thread, 120)
{
	fill(32);
	drop(32, 2);
	usleep(50000);
	EXPECT_EQ(0, scavengers());
	EXPECT_EQ(0, stat_now().scavenger_starts);
}

static bool has_learned(void)
{
	return stat_now().demand > 100 * MIB;
}

/* A heap that has swung keeps what it will take again. */
TEST_F_TIMEOUT(scavenger, what_swings_stays, 120)
{
	size_t released;

	fill(SPANS);
	drop(SPANS, 10);
	EXPECT_TRUE(wait_for(is_lean));
	fill(SPANS);
	drop(SPANS, 10);
	EXPECT_TRUE(wait_for(has_learned));
	released = fake_now().released;
	sleep(3);
	/* but for what was more than before */
	EXPECT_GT(released + 16 * MIB, fake_now().released);
	EXPECT_LT(100 * MIB, stat_now().free);
	/* but it goes when it is asked for */
	pageheap_trim(0);
	EXPECT_EQ(0, stat_now().free);
}

static bool has_joined(void)
{
	return stat_now().nr_join >= 8;
}

TEST_F_TIMEOUT(scavenger, joins_what_fills_up_again, 120)
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
	pageheap_free(big);	/* wakes it */
	EXPECT_TRUE(wait_for(has_joined));
	EXPECT_EQ(8, fake_now().joined);
	EXPECT_EQ(0, stat_now().blocks_split);
	EXPECT_TRUE(pageheap_is_valid());
}

static bool has_failed(void)
{
	return stat_now().nr_join_fail > 0;
}

TEST_F_TIMEOUT(scavenger, join_may_fail, 120)
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
	EXPECT_EQ(1, stat_now().blocks_split);
	EXPECT_EQ(0, stat_now().nr_join);
	EXPECT_TRUE(pageheap_is_valid());
}

/* No thread: the memory goes in the time of those who free. */
TEST_F_TIMEOUT(scavenger, without_a_thread, 120)
{
	int i;

	shim_conf.scavenger = false;
	fill(SPANS);
	drop(SPANS, 10);
	for (i = 0; i < PATIENCE * 1000 && !is_lean(); i++) {
		struct span *t[64];
		int k;

		for (k = 0; k < 64; k++)
			t[k] = pageheap_alloc(1, 1);
		for (k = 0; k < 64; k++)
			pageheap_free(t[k]);
		usleep(1000);
	}
	EXPECT_TRUE(is_lean());
	EXPECT_EQ(0, scavengers());
	EXPECT_EQ(0, stat_now().scavenger_starts);
	EXPECT_TRUE(pageheap_is_valid());
}

static int calls;

static void count(void)
{
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
}

static bool was_called(void)
{
	return __atomic_load_n(&calls, __ATOMIC_RELAXED) > 2;
}

/* Whoever holds spans is asked as well, while there is a thread. */
TEST_F_TIMEOUT(scavenger, asks_the_layers_above, 120)
{
	pageheap_on_idle(count);
	fill(SPANS);
	drop(SPANS, 10);
	EXPECT_TRUE(wait_for(was_called));
}

/* The child of a fork has no thread, and makes its own. */
TEST_F_TIMEOUT(scavenger, child_of_fork, 120)
{
	int status;
	pid_t pid;

	fill(SPANS);
	drop(SPANS, 10);
	EXPECT_TRUE(wait_for(is_there));
	pageheap_fork_prepare();
	pid = fork();
	if (!pid) {
		bool ok;

		pageheap_fork_child();
		ok = is_gone() && pageheap_is_valid();
		fill(SPANS);
		drop(SPANS, 7);
		ok = ok && wait_for(is_lean) && pageheap_is_valid();
		_exit(ok ? 0 : 1);
	}
	pageheap_fork_parent();
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(wait_for(is_lean));
}

/* Allocate and free against it: what is given back is nobody's. */
TEST_F_TIMEOUT(scavenger, against_allocation, 120)
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
