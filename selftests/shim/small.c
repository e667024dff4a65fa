// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small process is small by every measure that can be limited: data, locked
 * memory, address space.  It may take 4 MiB more than with the C library's
 * malloc().
 */
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
	EXPECT_GT(LEAST + files, status("VmLck:"));
	EXPECT_GT(LEAST + files, status("VmRSS:"));
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
