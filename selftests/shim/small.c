// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small process is small by every measure that can be limited: data, locked
 * memory, address space.  It may take 4 MiB more than with the C library's
 * malloc().
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"

#define MIB	((size_t)1 << 20)
#define LEAST	(4 * MIB)
/* What such a program has besides its code with the C library's malloc(): 0.9 MiB. */
#define PROGRAM	MIB

/* A line of /proc/self/status, in bytes, without malloc(). */
static size_t status(const char *key)
{
	static char text[8192];
	const char *at;
	FILE *f = fopen("/proc/self/status", "r");
	size_t n;

	if (!f)
		return 0;
	setvbuf(f, NULL, _IONBF, 0);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	at = strstr(text, key);
	return at ? strtoul(at + strlen(key), NULL, 10) * 1024 : 0;
}

static void *volatile kept;

TEST(data)
{
	kept = malloc(100);
	ASSERT_NE(NULL, kept);
	ASSERT_LT(0, status("VmData:"));
	EXPECT_GT(LEAST, status("VmData:"));
}

TEST(locked)
{
	size_t files;

	kept = malloc(100);
	files = status("VmExe:") + status("VmLib:");
	if (mlockall(MCL_CURRENT))
		SKIP(return, "mlockall() is not allowed here");
	EXPECT_GT(LEAST + PROGRAM + files, status("VmLck:"));
	EXPECT_GT(LEAST + PROGRAM + files, status("VmRSS:"));
}

/* The limit is set before the program starts. */
static int run_limited(int what, size_t bytes)
{
	struct rlimit limit = { bytes, bytes };
	int wstatus = -1;
	pid_t pid = fork();

	if (!pid) {
		if (setrlimit(what, &limit))
			_exit(2);
		execl("/proc/self/exe", "small", "limited", (char *)NULL);
		_exit(3);
	}
	waitpid(pid, &wstatus, 0);
	return wstatus;
}

TEST(starts_under_a_limit_on_data)
{
	EXPECT_EQ(0, run_limited(RLIMIT_DATA, 2 * LEAST));
}

static long faults(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return use.ru_minflt;
}

/* Page faults of a fork, in the parent and in a child that does nothing. */
static long fork_faults(void)
{
	long before = faults();
	int wstatus = 0;
	pid_t pid = fork();

	if (!pid)
		_exit((int)(faults() < 255 ? faults() : 255));
	if (pid < 0 || waitpid(pid, &wstatus, 0) != pid || !WIFEXITED(wstatus))
		return -1;
	return faults() - before + WEXITSTATUS(wstatus);
}

/* The least of some forks: the first ones touch pages for the first time. */
static long least_fork_faults(void)
{
	long least = fork_faults(), n;
	int i;

	for (i = 0; i < 4; i++) {
		n = fork_faults();
		if (n < least)
			least = n;
	}
	return least;
}

static void *wait_for_end(void *fd)
{
	char c;

	return read(*(int *)fd, &c, 1) ? fd : NULL;
}

/* glibc 2.32 and later */
extern char __libc_single_threaded __attribute__((weak));

/*
 * With a second thread the locks are held, which copies the pages that they are
 * in: 13 faults without, 42 with them, of which the C library causes some.
 */
TEST(the_fork_of_a_lone_thread_copies_no_locks)
{
	long alone, together;
	pthread_t thread;
	int fd[2];

	if (!&__libc_single_threaded)
		SKIP(return, "the C library does not tell how many threads there are");
	free(malloc(100));
	alone = least_fork_faults();
	ASSERT_LT(0, alone);
	ASSERT_EQ(0, pipe(fd));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wait_for_end, &fd[0]));
	together = least_fork_faults();
	close(fd[1]);
	pthread_join(thread, NULL);
	close(fd[0]);
	TH_LOG("%ld faults alone, %ld with a thread", alone, together);
	EXPECT_GT(together, 2 * alone);
}

/* The work of a program with little memory. */
static int limited(void)
{
	char *p = malloc(1000000);

	if (!p)
		return 1;
	memset(p, 1, 1000000);
	free(p);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "limited"))
		return limited();
	return test_harness_run(argc, argv);
}
