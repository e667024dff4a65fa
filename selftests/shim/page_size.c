// SPDX-License-Identifier: GPL-2.0-only
/*
 * page_size: on a kernel with pages of more than 4 KiB a program ends with a
 * sentence at its first allocation, and does not run with memory that the kernel
 * refuses to give back or to protect in part.
 *
 * There is no such kernel for x86-64, and Debian has none with 64 KiB.  All that a
 * program sees of it is what the kernel writes to its stack at execve(), so that
 * is changed before its first instruction.  Linked statically: a dynamic linker
 * would refuse libraries that are aligned to less.
 */
#include "../lib/patience.h"

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define VICTIM	"PAGE_SIZE_VICTIM"

/* The program that is started once more, by start(). */
static void __attribute__((constructor)) victim(void)
{
	if (getenv(VICTIM))
		_exit(malloc(100) ? 0 : 1);
}

static unsigned long peek(pid_t pid, unsigned long at)
{
	return (unsigned long)ptrace(PTRACE_PEEKDATA, pid, at, NULL);
}

/* Where the stack begins that execve() has made: argc, argv, the environment. */
static unsigned long stack_of(pid_t pid)
{
	unsigned long at = 0;
	char name[64], text[1024];
	ssize_t n;
	char *p;
	int fd, i;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* the 28th field; behind the name in brackets comes the third */
	p = strrchr(text, ')');
	for (i = 2; p && i < 28; i++)
		p = strchr(p + 1, ' ');
	if (p)
		at = strtoul(p + 1, NULL, 10);
	return at;
}

/* Have a process that has just been started find pages of @page bytes. */
static bool fake(pid_t pid, unsigned long page)
{
	const unsigned long word = sizeof(long);
	unsigned long at = stack_of(pid), key;

	if (!at)
		return false;
	/* argv's end and the environment's are zeroes, then come pairs */
	at += (peek(pid, at) + 2) * word;
	while (peek(pid, at))
		at += word;
	for (at += word; (key = peek(pid, at)) != AT_NULL; at += 2 * word)
		if (key == AT_PAGESZ)
			return !ptrace(PTRACE_POKEDATA, pid, at + word, page);
	return false;
}

/*
 * Start this program as a victim with pages of @page bytes, and read what it says.
 * Returns its wait status, or -1.
 */
static int start(unsigned long page, char *said, size_t max)
{
	static char *const argv[] = { "page_size", NULL };
	static char *const env[] = { VICTIM "=1", NULL };
	const struct rlimit none = {};
	int status = -1, out[2];
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		dup2(out[1], STDERR_FILENO);
		setrlimit(RLIMIT_CORE, &none);
		if (!ptrace(PTRACE_TRACEME, 0, NULL, NULL))
			execve("/proc/self/exe", argv, env);
		_exit(2);
	}
	close(out[1]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		/* no such word on its stack: then it is not what is tested */
		if (!fake(pid, page))
			kill(pid, SIGKILL);
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		while ((n = read(out[0], said + len, max - 1 - len)) > 0)
			len += (size_t)n;
		if (waitpid(pid, &status, 0) != pid)
			status = -1;
	}
	said[len] = '\0';
	close(out[0]);
	return status;
}

static char said[4096];

TEST(of_4_kib_are_served)
{
	int status = start(4096, said, sizeof(said));

	EXPECT_TRUE(WIFEXITED(status) && !WEXITSTATUS(status)) {
		TH_LOG("status %d: %s", status, said);
	}
	EXPECT_EQ(NULL, strstr(said, "libshim needs pages"));
}

static void refused(struct __test_metadata *_metadata, unsigned long page)
{
	int status = start(page, said, sizeof(said));
	char want[128];

	snprintf(want, sizeof(want),
		 "libshim: this kernel has pages of %lu bytes, but libshim needs pages of 4096\n",
		 page);
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
		TH_LOG("status %d", status);
	}
	EXPECT_NE(NULL, strstr(said, want)) {
		TH_LOG("it said: %s", said);
	}
}

TEST(of_16_kib_are_refused)
{
	refused(_metadata, 16384);
}

TEST(of_64_kib_are_refused)
{
	refused(_metadata, 65536);
}

TEST_HARNESS_MAIN
