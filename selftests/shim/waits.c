// SPDX-License-Identifier: GPL-2.0-only
/*
 * waits: who waits long for a lock of the library's.
 *
 * A thread is interrupted inside malloc_trim() again and again, and its handler goes on
 * for longer than the wait after which a copy of the process would be ended.  Whoever
 * waits meanwhile goes on when it is over: another thread, a child that shares the
 * memory, a process whose filter kills for a file.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "patience.h"

#define TIMES	2	/* that somebody is made to wait for long */

static volatile int stop, inside;

/* Between two waits of the library's that are ended and the third. */
static void on_signal(int sig)
{
	struct timespec left = { 1, 400000000 };

	(void)sig;
	inside = 1;
	while (nanosleep(&left, &left) && errno == EINTR)
		;
	inside = 0;
}

static void *trims(void *arg)
{
	while (!stop) {
		free(malloc(3000000));
		malloc_trim(0);
	}
	return arg;
}

/* Takes every lock there is. */
static void take_all(void)
{
	free(malloc(3000000));
	malloc_trim(0);
}

static int status_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

/* Allowed to do more than the C library promises. */
static int child_of_ours(void)
{
	pid_t pid = vfork();

	if (!pid) {
		take_all();
		_exit(0);
	}
	return status_of(pid);
}

static int waiter(void)
{
	take_all();
	return 0;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * How often does it not go well?  Where the thread held no lock, or the waiter began
 * late, nothing was asked: once more then.
 */
static int while_interrupted(int (*waits)(void))
{
	struct sigaction act = { .sa_handler = on_signal };
	int i, bad = 0, waited = 0;
	double since;
	pthread_t t;

	sigaction(SIGUSR1, &act, NULL);
	if (pthread_create(&t, NULL, trims, NULL))
		return -1;
	for (i = 0; waited < TIMES && !bad; i++) {
		usleep(5000 + 1000 * (i % 8));
		pthread_kill(t, SIGUSR1);
		while (!inside)
			usleep(1000);
		since = now();
		bad += waits() != 0;
		waited += now() - since > 1.1;
		while (inside)
			usleep(1000);
	}
	stop = 1;
	pthread_join(t, NULL);
	return bad;
}

TEST(another_thread)
{
	EXPECT_EQ(0, while_interrupted(waiter));
}

TEST(child_that_shares_the_memory)
{
	EXPECT_EQ(0, while_interrupted(child_of_ours));
}

/*
 * The calls that can tell whether there is another thread.  @announced: by prctl() of
 * the C library, which libshim has its own of; otherwise, as if it had been there before
 * the program, files may be opened.
 */
static int kills(bool announced)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
			 announced ? SYS_openat : SYS_unshare, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (!announced)
		return syscall(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		       syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
			       &prog);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int status_in_a_sandbox(bool announced)
{
	pid_t pid;

	free(malloc(100));
	pid = fork();
	if (!pid)
		_exit(kills(announced) ? 99 : while_interrupted(waiter) != 0);
	return status_of(pid);
}

TEST(in_a_sandbox)
{
	EXPECT_EQ(0, status_in_a_sandbox(true));
}

TEST(in_a_sandbox_of_before)
{
	EXPECT_EQ(0, status_in_a_sandbox(false));
}

TEST_HARNESS_MAIN
