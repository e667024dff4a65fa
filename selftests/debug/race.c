// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything against everything: faults while others punch, fork, join, unmap,
 * shrink, read reports, leave or try to unload the module.  No process may see
 * a byte of another, and nothing may be lost.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "module.h"
#include "soak.h"

#define BLOCKS		8
#define WRITERS		3
#define SECONDS		30	/* of each race, in a soak */

/* Shared by the threads of a race. */
struct race {
	struct arena a;
	unsigned int stop;
	unsigned long wrong;
	unsigned long rounds;	/* over all pages, made by writers */
	unsigned long acts;	/* by those they race with */
};

struct thread {
	struct race *r;
	pthread_t thread;
	unsigned int number;
};

static int stopped(struct race *r)
{
	return __atomic_load_n(&r->stop, __ATOMIC_RELAXED);
}

static void acted(struct race *r)
{
	__atomic_fetch_add(&r->acts, 1, __ATOMIC_RELAXED);
}

static void wrong(struct race *r)
{
	__atomic_fetch_add(&r->wrong, 1, __ATOMIC_RELAXED);
}

/*
 * A writer owns every WRITERS-th page.  What it wrote is there in the next
 * round and a moment later, or is zero if somebody punches holes.
 */
static void write_round(struct thread *t, int punched, __u64 last, __u64 value)
{
	struct race *r = t->r;
	size_t page;

	for (page = t->number; page < BLOCKS * BLOCK_PAGES && !stopped(r);
	     page += WRITERS * 7) {
		volatile __u64 *w = (void *)(r->a.base + page * OS_PAGE);
		__u64 seen;

		seen = *w;
		if (seen != last && !(punched && !seen))
			wrong(r);
		*w = value;
		seen = *w;
		if (seen != value && !(punched && !seen))
			wrong(r);
	}
	if (!stopped(r))
		__atomic_fetch_add(&r->rounds, 1, __ATOMIC_RELAXED);
}

static void write_rounds(struct thread *t, int punched)
{
	__u64 last = 0, value;

	for (value = t->number + WRITERS; !stopped(t->r); value += WRITERS) {
		write_round(t, punched, last, value);
		last = value;
	}
}

static void *writer(void *arg)
{
	struct thread *t = arg;

	write_rounds(t, 0);
	return NULL;
}

static void *writer_punched(void *arg)
{
	struct thread *t = arg;

	write_rounds(t, 1);
	return NULL;
}

static void *puncher(void *arg)
{
	struct race *r = arg;
	__u64 rnd = soak_seed(1);

	while (!stopped(r)) {
		size_t n = 1 + soak_below(&rnd, BLOCK_PAGES + 8);
		size_t first = soak_below(&rnd, BLOCKS * BLOCK_PAGES - n);

		if (arena_punch(&r->a, first * OS_PAGE, n * OS_PAGE))
			wrong(r);
		acted(r);
	}
	return NULL;
}

static void *joiner(void *arg)
{
	struct race *r = arg;

	while (!stopped(r)) {
		if (arena_join(&r->a, 0, r->a.size, NULL))
			wrong(r);
		acted(r);
	}
	return NULL;
}

static void *looker(void *arg)
{
	static const char *const files[] = {
		PROC_STAT, PROC_ARENAS, PROC_POOL, PROC_LATENCY,
	};
	struct hugearena_stat st;
	struct hugearena_block b;
	struct race *r = arg;
	char buf[8192];
	size_t i = 0;

	while (!stopped(r)) {
		if (file_read(files[i++ % 4], buf, sizeof(buf)) < 0 ||
		    arena_stat(&r->a, &st) || arena_block(&r->a, i % 8, &b))
			wrong(r);
		acted(r);
	}
	return NULL;
}

/* Allocates and frees memory, so that shrinkers run. */
static void *shrinker(void *arg)
{
	struct race *r = arg;

	while (!stopped(r)) {
		param_write("reserve_max", 8);
		param_write("pool_target_mb", 64);
		usleep(50000);
		(void)!file_write("/proc/sys/vm/drop_caches", "2");
		param_write("pool_target_mb", 0);
		acted(r);
	}
	return NULL;
}

/* A child sees one value in each page, however long it looks. */
static int sees_a_snapshot(struct race *r)
{
	__u64 *first = calloc(BLOCKS * BLOCK_PAGES, sizeof(*first));
	int round, bad = 0;
	size_t page;

	for (round = 0; round < 3; round++) {
		for (page = 0; page < BLOCKS * BLOCK_PAGES; page += 5) {
			volatile __u64 *w =
				(void *)(r->a.base + page * OS_PAGE);

			if (!round)
				first[page] = *w;
			else
				bad |= *w != first[page];
		}
		usleep(1000);
	}
	/* and what it writes is its own */
	for (page = 0; page < BLOCKS * BLOCK_PAGES; page += 97) {
		volatile __u64 *w = (void *)(r->a.base + page * OS_PAGE);

		*w = ~0ULL;
		bad |= *w != ~0ULL;
	}
	return bad;
}

static void *forker(void *arg)
{
	struct race *r = arg;

	while (!stopped(r)) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(sees_a_snapshot(r));
		}
		if (pid < 0 || child_wait(pid))
			wrong(r);
		acted(r);
	}
	return NULL;
}

/* Parts of the mapping are removed and restored, protections change. */
static void *remapper(void *arg)
{
	struct race *r = arg;
	__u64 rnd = soak_seed(7);

	while (!stopped(r)) {
		size_t n = 1 + soak_below(&rnd, BLOCK_PAGES);
		size_t first = soak_below(&rnd, BLOCKS * BLOCK_PAGES - n);
		char *at = r->a.base + first * OS_PAGE;

		if (mmap(at, n * OS_PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, r->a.fd, first * OS_PAGE) !=
		    at)
			wrong(r);
		acted(r);
	}
	return NULL;
}

#define OTHERS_MAX	4

FIXTURE(writers) {
	struct thread t[WRITERS];
	struct held before;
	struct race r;
};

/* Let the writers race with the given threads for a while. */
FIXTURE_VARIANT(writers) {
	const char *name;

	void *(*write)(void *arg);

	void *(*others[OTHERS_MAX])(void *arg);
};

FIXTURE_VARIANT_ADD(writers, punch) {
	"race-punch", writer_punched, { puncher }
};

FIXTURE_VARIANT_ADD(writers, join) {
	"race-join", writer_punched, { puncher, joiner }
};

FIXTURE_VARIANT_ADD(writers, fork) {
	"race-fork", writer, { forker }
};

FIXTURE_VARIANT_ADD(writers, fork_join) {
	"race-fork-join", writer, { forker, joiner }
};

FIXTURE_VARIANT_ADD(writers, shrink) {
	"race-shrink", writer_punched, { puncher, shrinker }
};

FIXTURE_VARIANT_ADD(writers, look) {
	"race-look", writer_punched, { puncher, looker, joiner }
};

FIXTURE_VARIANT_ADD(writers, remap) {
	/* what is unmapped is released */
	"race-remap", writer_punched, { remapper }
};

FIXTURE_VARIANT_ADD(writers, everybody) {
	"race-all", writer_punched, { puncher, forker, joiner, looker }
};

FIXTURE_SETUP(writers)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, held_read(&self->before));
	ASSERT_EQ(0, arena_make(&self->r.a, BLOCKS));
}

FIXTURE_TEARDOWN(writers)
{
	arena_drop(&self->r.a);
	params_reset();
	EXPECT_EQ(0, held_back_to(&self->before));
}

/* Every writer has come back to its pages, and @others made progress. */
static int has_raced(struct race *r, int others)
{
	return __atomic_load_n(&r->rounds, __ATOMIC_RELAXED) >= 3 * WRITERS &&
	       __atomic_load_n(&r->acts, __ATOMIC_RELAXED) >=
	       3 * (unsigned long)others;
}

TEST_F_TIMEOUT(writers, see_their_own, 3600)
{
	unsigned long seconds = soak_count(SECONDS);
	struct race *r = &self->r;
	pthread_t o[OTHERS_MAX];
	int i, n;

	if (seconds < 3)
		seconds = 3;
	for (i = 0; i < WRITERS; i++) {
		self->t[i].r = r;
		self->t[i].number = i;
		ASSERT_EQ(0, pthread_create(&self->t[i].thread, NULL,
					    variant->write, &self->t[i]));
	}
	for (n = 0; n < OTHERS_MAX && variant->others[n]; n++)
		ASSERT_EQ(0, pthread_create(&o[n], NULL, variant->others[n],
					    r));
	sleep(seconds);
	/* that may be too short for some of them on a busy machine */
	EXPECT_EQ(1, wait_for(has_raced(r, n), 1));
	__atomic_store_n(&r->stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < WRITERS; i++)
		pthread_join(self->t[i].thread, NULL);
	for (i = 0; i < n; i++)
		pthread_join(o[i], NULL);
	soak_report(variant->name, seconds, seconds, r->wrong);
	EXPECT_EQ(0, r->wrong);
}

FIXTURE(race) {
	struct held before;
	struct race r;
};

FIXTURE_SETUP(race)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, held_read(&self->before));
	ASSERT_EQ(0, arena_make(&self->r.a, BLOCKS));
}

FIXTURE_TEARDOWN(race)
{
	arena_drop(&self->r.a);
	params_reset();
	EXPECT_EQ(0, held_back_to(&self->before));
}

struct report_race {
	unsigned int stop;
};

static void *reports(void *arg)
{
	struct report_race *r = arg;
	char buf[8192];

	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED))
		file_read(PROC_ARENAS, buf, sizeof(buf));
	return NULL;
}

/* Read a report about processes that are just leaving. */
TEST_F_TIMEOUT(race, reports_while_processes_leave, 3600)
{
	unsigned long n = soak_count(2000), i, bad = 0;
	struct report_race r = {};
	pthread_t t[2];

	byte_write(self->r.a.base, 1);
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, reports, &r));
	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(byte_read(self->r.a.base) != 1);
		bad += pid < 0 || child_wait(pid);
	}
	__atomic_store_n(&r.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	soak_report("race-reports", n, n, bad);
	EXPECT_EQ(0, bad);
}

/*
 * There is always a child that shares what its parent is writing.  Old versions
 * of a page must not pile up.
 */
TEST_F_TIMEOUT(race, overlapping_children_keep_memory_bounded, 3600)
{
	unsigned long n = soak_count(1000), i, bad = 0;
	long long most = 0, now;
	pid_t last = 0, pid;

	if (n < 40)
		n = 40;
	pages_fill(self->r.a.base, self->r.a.size, 1);
	for (i = 0; i < n; i++) {
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
		}
		ASSERT_LT(0, pid);
		if (last) {
			kill(last, SIGKILL);
			child_wait(last);
		}
		last = pid;
		/* half of a block is written again each time */
		pages_fill(self->r.a.base, BLOCK_LEN / 2, i + 2);
		now = stat_read("Resident");
		most = now > most ? now : most;
		bad += pages_wrong(self->r.a.base, BLOCK_LEN / 2, i + 2) != 0;
	}
	kill(last, SIGKILL);
	child_wait(last);
	/*
	 * the arena, one version for each of the two, and some layers between
	 * them
	 */
	EXPECT_GT((long long)(self->r.a.size + 8 * BLOCK_LEN) / 1024, most) {
		TH_LOG("%lld kB for %zu kB", most, self->r.a.size / 1024);
	}
	soak_report("overlapping-children", n, i, bad);
	EXPECT_EQ(0, bad);
}

struct unloader {
	unsigned int stop;
	unsigned long asked, refused;
};

static void *unloads(void *arg)
{
	struct unloader *u = arg;

	while (u->asked < soak_count(1000)) {
		u->asked++;
		u->refused += module_unload() == -1;
	}
	return NULL;
}

TEST_F_TIMEOUT(race, unloading_is_refused_under_load, 3600)
{
	struct unloader u = {};
	struct arena a;
	pthread_t t;

	byte_write(self->r.a.base, 1);
	ASSERT_EQ(0, pthread_create(&t, NULL, unloads, &u));
	while (pthread_tryjoin_np(t, NULL)) {
		if (arena_make(&a, 2))
			break;
		pages_fill(a.base, BLOCK_LEN / 4, 1);
		arena_drop(&a);
	}
	EXPECT_TRUE(module_loaded());
	EXPECT_EQ(u.asked, u.refused);
	soak_report("rmmod-busy", u.asked, u.asked, u.asked - u.refused);
}

TEST_HARNESS_MAIN
