// SPDX-License-Identifier: GPL-2.0-only
/*
 * unseen: a program cannot tell that its malloc() works in the background.
 *
 * A single-threaded process stays one, in what the kernel shows and in what it
 * allows; the table of descriptors is the program's own; no thread keeps rights
 * that it gave up.  Free memory goes back nevertheless, in a forked child as
 * well.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "shim.h"

#define MIB	((size_t)1 << 20)

/* As much work as a heap can cause: a burst of objects that are all freed. */
static void burst(size_t bytes)
{
	size_t n = bytes / 1000, i;
	char **p = malloc(n * sizeof(*p));

	for (i = 0; i < n; i++) {
		p[i] = malloc(1000);
		memset(p[i], 1, 1000);
	}
	for (i = 0; i < n; i++)
		free(p[i]);
	free(p);
}

static void large(size_t bytes)
{
	char *p = malloc(bytes);

	memset(p, 1, bytes);
	free(p);
}

static long rss(void)
{
	long size, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%ld %ld", &size, &pages) != 2)
		pages = -1;
	if (f)
		fclose(f);
	return pages * 4096;
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

TEST(one_thread_stays_one)
{
	int i;

	for (i = 0; i < 4; i++) {
		large(64 * MIB);
		EXPECT_EQ(1, tasks());
		burst(64 * MIB);
		EXPECT_EQ(1, tasks());
	}
}

static uint64_t looks(void)
{
	size_t len = sizeof(uint64_t);
	uint64_t n = 0;

	shim_ctl("scavenger.looks", &n, &len, NULL, 0);
	return n;
}

/*
 * What was freed last goes back when its time has come in a process that does
 * little then, in no call that misses a cache, let alone frees a page.
 */
TEST(who_sleeps_after_a_fall_has_ticks)
{
	static void *p[64 * MIB / 1000];
	uint64_t before, i;

	for (i = 0; i < sizeof(p) / sizeof(p[0]); i++) {
		p[i] = malloc(1000);
		memset(p[i], 1, 1000);
	}
	for (i = 0; i < sizeof(p) / sizeof(p[0]); i++)
		if (i % 5)
			free(p[i]);
	before = looks();
	while (looks() < before + 5) {
		usleep(20000);
		free(malloc(100));
	}
	/* of what it has it may only ask how large it is */
	before = looks();
	while (looks() < before + 3) {
		usleep(5000);
		malloc_usable_size(p[0]);
	}
	for (i = 0; i < sizeof(p) / sizeof(p[0]); i += 5)
		free(p[i]);
}

/* Run @call_it in a child after a burst of @bytes; its return value. */
static int after_burst(size_t bytes, int (*call_it)(void))
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (bytes)
			large(bytes);
		_exit(call_it() ? errno : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int namespace_of_users(void)
{
	return unshare(CLONE_NEWUSER);
}

/* A process with threads could not unshare that. */
TEST(a_namespace_may_be_had)
{
	if (after_burst(0, namespace_of_users))
		SKIP(return, "no user namespaces here");
	EXPECT_EQ(0, after_burst(6 * MIB, namespace_of_users));
	EXPECT_EQ(0, after_burst(64 * MIB, namespace_of_users));
}

/* The descriptor that was closed last is the next one to be opened. */
TEST(descriptors_are_the_programs)
{
	int i, fd, bad = 0;

	close(0);
	ASSERT_EQ(0, open("/dev/null", O_RDONLY));
	burst(200 * MIB);
	for (i = 0; i < 100000; i++) {
		close(0);
		fd = open("/dev/null", O_RDONLY);
		bad += fd != 0;
		if (i % 10000 == 0)
			large(40 * MIB);
	}
	EXPECT_EQ(0, bad);
}

/* Each thread's status lists its ids and capabilities. */
static int threads_with_rights(void)
{
	DIR *d = opendir("/proc/self/task");
	char path[64], line[128];
	struct dirent *e;
	int n = 0;
	FILE *f;

	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/status",
			 e->d_name);
		f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			n += !strncmp(line, "CapEff:", 7) &&
			     strtoull(line + 7, NULL, 16);
		if (f)
			fclose(f);
	}
	closedir(d);
	return n;
}

TEST(rights_are_given_up)
{
	if (getuid())
		SKIP(return, "not root: there is nothing to give up");
	large(64 * MIB);
	burst(64 * MIB);
	ASSERT_EQ(0, setgroups(0, NULL));
	ASSERT_EQ(0, setgid(65534));
	ASSERT_EQ(0, setuid(65534));
	EXPECT_EQ(0, threads_with_rights());
}

/* Nobody has to make a call: the process may sleep from here on. */
TEST(what_is_free_is_gone)
{
	long before = rss();

	burst(300 * MIB);
	EXPECT_GT(before + 24 * (long)MIB, rss());
}

TEST(what_was_large_is_gone)
{
	long before = rss();

	large(300 * MIB);
	EXPECT_GT(before + 24 * (long)MIB, rss());
}

TEST(a_daemon_is_as_small)
{
	int status;
	pid_t pid;

	burst(300 * MIB);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(rss() > 48 * (long)MIB);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

/* A child that the C library knows nothing of. */
TEST(raw_clone_of_one_thread)
{
	int i, status;
	pid_t pid;

	for (i = 0; i < 100; i++) {
		if (i % 20 == 0)
			burst(40 * MIB);
		pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
		ASSERT_LE(0, pid);
		if (!pid) {
			burst(4 * MIB);
			large(4 * MIB);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
}

TEST_HARNESS_MAIN
