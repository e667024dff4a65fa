// SPDX-License-Identifier: GPL-2.0-only
/*
 * fork_held: fork() while something is held that another thread waits for.
 *
 * Streams that allocate while they are flushed, a signal handler that forks in
 * the middle of malloc(), fork() handlers that are older than the first
 * allocation.  None of them may hang; the harness ends one that does.  FORKS=n
 * changes how often.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "load.h"

#define FORKS	300u

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

/* Registered before anything of this program allocates. */
static volatile unsigned int early_runs;
static volatile bool in_signal;		/* where nobody may allocate */

static void early_handler(void)
{
	void *p[64];
	unsigned int i;

	if (in_signal)
		return;
	for (i = 0; i < 64; i++)
		p[i] = malloc(1 + i * 700);
	for (i = 0; i < 64; i++)
		free(p[i]);
	free(malloc((size_t)5 << 20));
	early_runs++;
}

__attribute__((constructor(102))) static void early(void)
{
	pthread_atfork(early_handler, early_handler, early_handler);
}

TEST(handlers_older_than_the_first_allocation)
{
	struct load l = { .max = 40000 };
	unsigned int i, bad = 0, before = early_runs;

	load_start(&l, 4);
	for (i = 0; i < 60; i++) {
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(0);
		bad += !child_is_fine(pid);
	}
	l.stop = true;
	load_join(&l);
	load_drain(&l);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, l.bad);
	EXPECT_EQ(before + 120, early_runs);
}

static volatile bool stop;
static unsigned long flushes, lines;

/* What an application's stream may do when it is written to. */
static ssize_t write_allocates(void *cookie, const char *buf, size_t n)
{
	void *p[32];
	unsigned int i;

	(void)cookie;
	(void)buf;
	for (i = 0; i < 32; i++)
		p[i] = malloc(20000 + i * 40000);
	for (i = 0; i < 32; i++)
		free(p[i]);
	return (ssize_t)n;
}

static void *flusher(void *unused)
{
	cookie_io_functions_t io = { .write = write_allocates };
	FILE *f = fopencookie(NULL, "w", io);

	while (!stop) {
		fputs("x", f);
		fflush(NULL);
		__atomic_fetch_add(&flushes, 1, __ATOMIC_RELAXED);
	}
	fclose(f);
	return unused;
}

static void *reader(void *unused)
{
	while (!stop) {
		FILE *f = fopen("/proc/self/maps", "r");
		char *line = NULL;
		size_t room = 0;

		while (f && getline(&line, &room, f) > 0)
			__atomic_fetch_add(&lines, 1, __ATOMIC_RELAXED);
		if (f)
			fclose(f);
		free(line);
	}
	return unused;
}

static void *forker(void *arg)
{
	unsigned int i;

	for (i = 0; i < forks() / 2; i++) {
		pid_t pid = fork();

		if (!pid) {
			free(malloc(100000));
			fflush(NULL);
			_exit(0);
		}
		if (pid < 0 || !child_is_fine(pid))
			__atomic_fetch_add((unsigned int *)arg, 1,
					   __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST(streams_flush_and_allocate)
{
	pthread_t work[4], fork[2];
	unsigned int bad = 0, i;

	ASSERT_EQ(0, pthread_create(&work[0], NULL, flusher, NULL));
	ASSERT_EQ(0, pthread_create(&work[1], NULL, flusher, NULL));
	ASSERT_EQ(0, pthread_create(&work[2], NULL, reader, NULL));
	ASSERT_EQ(0, pthread_create(&work[3], NULL, reader, NULL));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&fork[i], NULL, forker, &bad));
	for (i = 0; i < 2; i++)
		pthread_join(fork[i], NULL);
	stop = true;
	for (i = 0; i < 4; i++)
		pthread_join(work[i], NULL);
	EXPECT_EQ(0, bad);
	EXPECT_LT(0, flushes);
	EXPECT_LT(0, lines);
}

static volatile sig_atomic_t wanted, handled, is_child, failed;

/*
 * The next signal.  One at a time, from the end of the handler on: where fork()
 * takes longer than the pause, a periodic timer would let nothing else run.
 */
static void interrupt_soon(void)
{
	struct itimerval soon = { .it_value = { 0, 700 } };

	setitimer(ITIMER_REAL, &soon, NULL);
}

/* Every second child returns to the code it interrupted. */
static void fork_in_handler(int sig)
{
	pid_t pid;

	(void)sig;
	in_signal = true;
	pid = fork();
	in_signal = false;
	if (!pid) {
		is_child = handled % 2 == 0;
		if (is_child)
			return;
		_exit(0);
	}
	if (pid < 0 || !child_is_fine(pid))
		failed++;
	if (++handled < wanted)
		interrupt_soon();
}

/* Interrupted at any place, with or without the lock held. */
static void work_and_be_interrupted(struct load *l, unsigned int n)
{
	void *p[300];
	unsigned int i, round;

	handled = 0;
	wanted = (int)n;
	interrupt_soon();
	for (round = 0; handled < wanted && !is_child; round++) {
		for (i = 0; i < 300; i++)
			p[i] = malloc(64 + (i * 997 + round) % 60000);
		for (i = 0; i < 300; i++)
			free(p[i]);
	}
	if (is_child) {
		load_run(l, 500, 3);
		_exit(l->bad != 0);
	}
}

TEST(handler_forks_in_malloc)
{
	struct sigaction a = { .sa_handler = fork_in_handler,
			       .sa_flags = SA_RESTART };
	struct load l = { .max = 100000 };

	sigaction(SIGALRM, &a, NULL);
	work_and_be_interrupted(&l, forks());
	signal(SIGALRM, SIG_DFL);
	EXPECT_EQ(0, failed);
	load_run(&l, 500, 4);
	load_drain(&l);
	EXPECT_EQ(0, l.bad);
}

TEST_HARNESS_MAIN
