// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress: many threads at once that are moved, stopped and interrupted.
 *
 * Run as it is, and by stress_locked.sh without restartable sequences.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "load.h"
#include "shim.h"

#define ROUNDS	300000u

static struct load l;

static unsigned int stress_finish(void)
{
	load_join(&l);
	load_drain(&l);
	return (unsigned int)l.bad;
}

TEST(threads_keep_their_objects)
{
	l = (struct load){ .max = 40000, .target = ROUNDS };
	load_start(&l, 8);
	EXPECT_EQ(0, stress_finish());
	EXPECT_EQ(8 * ROUNDS, l.rounds);
}

TEST(migrating_threads_keep_their_objects)
{
	l = (struct load){ .max = 4000, .target = ROUNDS, .migrate = true };
	load_start(&l, 8);
	EXPECT_EQ(0, stress_finish());
	EXPECT_EQ(8 * ROUNDS, l.rounds);
}

static volatile unsigned int signals;

static void on_alarm(int sig)
{
	(void)sig;
	signals++;
}

TEST(signals_do_not_disturb)
{
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction act = { .sa_handler = on_alarm };

	l = (struct load){ .max = 2000, .target = 2 * ROUNDS };
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	load_start(&l, 4);
	EXPECT_EQ(0, stress_finish());
	EXPECT_LT(0, signals);
}

/*
 * Its parent stops and continues it, which preempts it anywhere: 500 times,
 * each of which was seen to stop it.  It works until it is told to end.
 */
TEST(stopped_and_continued)
{
	int status, i, end[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(end));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(end[1]);
		l = (struct load){ .max = 2000 };
		load_start(&l, 4);
		while (read(end[0], &c, 1) < 0)
			;
		l.stop = true;
		_exit(stress_finish() || l.rounds < 4 * 1000);
	}
	close(end[0]);
	for (i = 0; i < 500; i++) {
		kill(pid, SIGSTOP);
		ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
		ASSERT_TRUE(WIFSTOPPED(status));
		kill(pid, SIGCONT);
		ASSERT_EQ(pid, waitpid(pid, &status, WCONTINUED));
		ASSERT_TRUE(WIFCONTINUED(status));
		usleep(500);
	}
	close(end[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* Threads that come and go leave their caches to the CPUs. */
TEST(threads_come_and_go)
{
	unsigned int i;

	l = (struct load){ .max = 1000, .target = 500 };
	for (i = 0; i < 200; i++) {
		load_start(&l, 8);
		load_join(&l);
	}
	load_drain(&l);
	EXPECT_EQ(0, l.bad);
	EXPECT_EQ(200 * 8 * 500, l.rounds);
}

/* stress_locked.sh runs all of this again without the registration. */
TEST(caches_are_as_glibc_was_told)
{
	const char *tunables = getenv("GLIBC_TUNABLES");
	uint64_t want = !(tunables && strstr(tunables, "rseq=0"));
	size_t len = sizeof(uint64_t);
	uint64_t rseq = 2;

	ASSERT_EQ(0, shim_ctl("cache.rseq", &rseq, &len, NULL, 0));
	EXPECT_EQ(want, rseq);
}

TEST_HARNESS_MAIN
