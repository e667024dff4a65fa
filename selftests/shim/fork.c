// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork: a child finds a heap it can use, whatever the parent's threads did.
 *
 * FORKS=n in the environment changes how often.
 */
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "load.h"

#define FORKS	60u	/* TCG makes some 10 a second, a host 100 */
#define THREADS	8

extern char **environ;

static unsigned int forks(void)
{
	const char *n = getenv("FORKS");

	return n ? (unsigned int)atoi(n) : FORKS;
}

static bool child_is_fine(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return status == 0;
}

/* The child's work: use every layer, and its parent's objects. */
static void child_work(struct load *l)
{
	struct load mine = { .max = 100000 };

	(void)l;
	load_run(&mine, 300, 42 + (uint64_t)getpid());
	load_drain(&mine);
	_exit(mine.bad != 0);
}

FIXTURE(many) { int unused; };
FIXTURE_SETUP(many) { self->unused = 0; }
FIXTURE_TEARDOWN(many) { }

TEST_F_TIMEOUT(many, threads_allocate_while_forking, 7200)
{
	struct load l = { .max = 300000 };
	unsigned int i, bad = 0, n = forks();

	load_start(&l, THREADS);
	for (i = 0; i < n; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			alarm(60);
			child_work(&l);
		}
		bad += !child_is_fine(pid);
	}
	l.stop = true;
	load_join(&l);
	load_drain(&l);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, l.bad);
	EXPECT_LT(0, l.rounds);
}

/* The child frees what other threads of the parent had allocated. */
TEST(child_owns_a_copy)
{
	struct load l = { .max = 5000, .target = 20000 };
	unsigned int i;

	load_start(&l, THREADS);
	load_join(&l);
	for (i = 0; i < 20; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid) {
			load_drain(&l);
			load_run(&l, 2000, 7);
			load_drain(&l);
			_exit(l.bad != 0);
		}
		EXPECT_TRUE(child_is_fine(pid));
	}
	load_drain(&l);
	EXPECT_EQ(0, l.bad);
}

/*
 * A handler that was registered after ours may allocate: ours takes the locks
 * later.
 */
static unsigned int handled;

static void handler(void)
{
	void *p = malloc(100);

	free(p);
	p = malloc(100000);
	free(p);
	handled++;
}

TEST(other_handlers_may_allocate)
{
	pid_t pid;

	ASSERT_EQ(0, pthread_atfork(handler, handler, handler));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(handled != 2);
	EXPECT_TRUE(child_is_fine(pid));
	EXPECT_EQ(2, handled);
}

TEST(a_child_forks_again)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct load l = { .max = 3000, .target = 5000 };

		load_start(&l, 4);
		pid = fork();
		if (!pid) {
			load_run(&l, 3000, 5);
			_exit(l.bad != 0);
		}
		load_join(&l);
		_exit(!child_is_fine(pid) || l.bad);
	}
	EXPECT_TRUE(child_is_fine(pid));
}

/* Holds the locks of the caches most of the time. */
static void *trimmer(void *stop)
{
	while (!*(volatile bool *)stop)
		malloc_trim(0);
	return NULL;
}

/*
 * A copy of the process that no fork handler prepared: it allocates, or reports
 * that it cannot, but it never waits for a thread that it does not have.
 */
TEST_F_TIMEOUT(many, raw_clones, 7200)
{
	struct load l = { .max = 100000 };
	unsigned int i, bad = 0, said = 0, n = forks();
	pthread_t trims;

	load_start(&l, 2);
	ASSERT_EQ(0, pthread_create(&trims, NULL, trimmer, (void *)&l.stop));
	for (i = 0; i < n && !bad; i++) {
		pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		int status;

		ASSERT_LE(0, pid);
		if (!pid) {
			alarm(300);
			close(STDERR_FILENO);
			free(malloc(100000));
			free(malloc(5000000));
			/* takes every lock there is */
			malloc_trim(0);
			_exit(0);
		}
		while (waitpid(pid, &status, 0) < 0)
			ASSERT_EQ(EINTR, errno);
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
			said++;
		else
			bad += status != 0;
	}
	l.stop = true;
	pthread_join(trims, NULL);
	load_join(&l);
	load_drain(&l);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, l.bad);
	TH_LOG("%u of %u had to give up", said, i);
}

TEST(spawn_while_threads_allocate)
{
	char *const argv[] = { "true", NULL };
	struct load l = { .max = 10000 };
	unsigned int i, bad = 0;

	load_start(&l, 4);
	for (i = 0; i < 60; i++) {
		pid_t pid;

		ASSERT_EQ(0, posix_spawn(&pid, "/bin/true", NULL, NULL, argv,
					 environ));
		bad += !child_is_fine(pid);
	}
	l.stop = true;
	load_join(&l);
	load_drain(&l);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, l.bad);
}

/* A child that runs on the parent's memory while the parent waits. */
TEST(vfork_child_may_allocate)
{
	unsigned int i;

	for (i = 0; i < 60; i++) {
		pid_t pid = vfork();

		ASSERT_LE(0, pid);
		if (!pid) {
			free(malloc(100));
			free(malloc(100000));
			_exit(0);
		}
		EXPECT_TRUE(child_is_fine(pid));
	}
}

static int clone_main(void *data)
{
	load_run(data, 20000, 11);
	return 0;
}

/* A thread that glibc knows nothing of, and that has no sequences. */
TEST(bare_clone_shares_the_heap)
{
	struct load l = { .max = 3000 };
	size_t len = 1 << 20;
	char *stack = malloc(len);
	pid_t pid;

	load_run(&l, 1000, 3);
	pid = clone(clone_main, stack + len, CLONE_VM | SIGCHLD, &l);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(child_is_fine(pid));
	load_run(&l, 1000, 3);
	load_drain(&l);
	EXPECT_EQ(0, l.bad);
	free(stack);
}

TEST_HARNESS_MAIN
