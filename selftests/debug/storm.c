// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thousand signals a second while threads allocate. malloc() must never fail
 * because of them, nor let an EINTR from within show.  Works with any
 * allocator: preload the one in question.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/time.h>
#include "kselftest.h"
#include "soak.h"

#define FIGURE	60	/* seconds */
#define THREADS	4
#define LIVE	512

static unsigned int stop;
static volatile unsigned long signals;
static unsigned long wrong, rounds;

static void on_alarm(int sig)
{
	(void)sig;
	signals++;
}

static void *allocates(void *arg)
{
	unsigned char *live[LIVE] = {};
	size_t len[LIVE] = {};
	__u64 rnd = (unsigned long)arg + 1;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		size_t i = soak_below(&rnd, LIVE), n;

		if (live[i] && (live[i][0] != (i & 0xff) ||
				live[i][len[i] - 1] != (i & 0xff)))
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		errno = 0;
		free(live[i]);
		n = 1 + soak_below(&rnd, soak_below(&rnd, 64) ? 2000 : 3000000);
		live[i] = malloc(n);
		if (!live[i] || errno)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		if (!live[i])
			continue;
		len[i] = n;
		live[i][0] = i;
		live[i][n - 1] = i;
		__atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int main(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
	unsigned long seconds = soak_count(FIGURE);
	time_t end = time(NULL) + seconds;
	pthread_t t[THREADS];
	long i;

	ksft_print_header();
	ksft_set_plan(1);
	/* without SA_RESTART: every call that sleeps is interrupted */
	sigaction(SIGALRM, &sa, NULL);
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, allocates, (void *)i))
			ksft_exit_fail_msg("no thread\n");
	setitimer(ITIMER_REAL, &every, NULL);
	/* a thread may get nothing done in all that time on a busy machine */
	while (time(NULL) < end || signals <= seconds ||
	       !__atomic_load_n(&rounds, __ATOMIC_RELAXED))
		usleep(100000);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	ksft_print_msg("%lu signals, %lu allocations\n", signals, rounds);
	soak_report("signal-storm", seconds, seconds, wrong);
	ksft_test_result(!wrong && signals > seconds && rounds,
			 "%lu seconds of signals\n", seconds);
	ksft_finished();
}
