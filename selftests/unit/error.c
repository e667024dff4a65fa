// SPDX-License-Identifier: GPL-2.0-only
/* error: the formatter, and how reports look. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/error.h"

static size_t format(char *buf, size_t len, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = shim_format(buf, len, fmt, ap);
	va_end(ap);
	return n;
}

TEST(conversions)
{
	char buf[100];

	EXPECT_EQ(3, format(buf, sizeof(buf), "abc"));
	EXPECT_STREQ("abc", buf);
	format(buf, sizeof(buf), "%s|%u|%zu|%x|%p|%%", "text", 0u, (size_t)-1,
	       (uintptr_t)0xbeef, (void *)0x1234);
	EXPECT_STREQ("text|0|18446744073709551615|beef|0x1234|%", buf);
}

TEST(cut_at_the_end)
{
	char buf[8] = "~~~~~~~";

	EXPECT_EQ(4, format(buf, 5, "%s", "longer than that"));
	EXPECT_STREQ("long", buf);
	EXPECT_EQ('~', buf[5]);
	EXPECT_EQ(0, format(buf, 1, "x"));
	EXPECT_STREQ("", buf);
}

static void said_by(void (*fn)(void), char *text, size_t len, int *status)
{
	size_t at = 0;
	ssize_t n;
	int fd[2];
	pid_t pid;

	if (pipe(fd))
		_exit(1);
	pid = fork();
	if (!pid) {
		dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while ((n = read(fd[0], text + at, len - 1 - at)) > 0)
		at += (size_t)n;
	text[at] = '\0';
	close(fd[0]);
	waitpid(pid, status, 0);
}

static void die(void)
{
	shim_die(SHIM_DIE_DOUBLE, (void *)0x5550, 4);
}

static void bug(void)
{
	shim_bug("what", (void *)0x10);
}

static void say_long(void)
{
	char text[2000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	shim_say("%s", text);
}

/* abort() runs a handler, which may fail in turn: there is one backtrace. */
static void die_again(int sig)
{
	(void)sig;
	signal(SIGABRT, SIG_DFL);
	shim_die(SHIM_DIE_FOREIGN, (void *)0x20, 0);
}

static void die_twice(void)
{
	signal(SIGABRT, die_again);
	die();
}

TEST(reports)
{
	char text[8192];
	int status;

	said_by(die, text, sizeof(text), &status);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGABRT, WTERMSIG(status));
	EXPECT_NE(NULL, strstr(text, "libshim: free(): 0x5550 was freed before "
			       "(double free); size class 4, objects of 64 "
			       "bytes\n"));
	EXPECT_NE(NULL, strstr(text, "[0x"));
	said_by(bug, text, sizeof(text), &status);
	EXPECT_EQ(SIGABRT, WTERMSIG(status));
	EXPECT_NE(NULL, strstr(text, "libshim: internal error: what (0x10)\n"));
	said_by(say_long, text, sizeof(text), &status);
	EXPECT_EQ(0, status);
	EXPECT_EQ(511, strlen(text));
	EXPECT_EQ('\n', text[510]);
	said_by(die_twice, text, sizeof(text), &status);
	EXPECT_EQ(SIGABRT, WTERMSIG(status));
	EXPECT_NE(NULL, strstr(text, "0x20 points to nothing"));
}

static void on_signal(int sig)
{
	(void)sig;
}

/* Wait until a process sleeps, for a minute at most. */
static int asleep(pid_t pid)
{
	char path[64], state = 0;
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (i = 0; i < 60000 && state != 'S'; i++) {
		f = fopen(path, "r");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			state = 0;
		if (f)
			fclose(f);
		usleep(1000);
	}
	return state == 'S';
}

/*
 * A signal whose handler asks for no restart, while the pipe is full: it does
 * no harm.
 */
TEST(a_signal_loses_nothing)
{
	struct sigaction act = { .sa_handler = on_signal };
	static char junk[1 << 20];
	char text[100] = "";
	ssize_t n, full;
	size_t at = 0;
	int fd[2], i;
	pid_t pid;

	ASSERT_EQ(0, pipe(fd));
	ASSERT_EQ(0, fcntl(fd[1], F_SETFL, O_NONBLOCK));
	full = write(fd[1], junk, sizeof(junk));
	ASSERT_LT(0, full);
	ASSERT_EQ(0, fcntl(fd[1], F_SETFL, 0));
	ASSERT_EQ(0, sigaction(SIGUSR1, &act, NULL));
	pid = fork();
	if (!pid) {
		dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		shim_say("said");
		_exit(0);
	}
	close(fd[1]);
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(asleep(pid));
		kill(pid, SIGUSR1);
	}
	while (full > 0) {
		n = read(fd[0], junk, (size_t)full);
		ASSERT_LT(0, n);
		full -= n;
	}
	while ((n = read(fd[0], text + at, sizeof(text) - 1 - at)) > 0)
		at += (size_t)n;
	EXPECT_STREQ("libshim: said\n", text);
	ASSERT_EQ(pid, waitpid(pid, &i, 0));
	EXPECT_EQ(0, i);
}

static sigjmp_buf out;

static void jumps_out(int sig)
{
	(void)sig;
	siglongjmp(out, 1);
}

/* Who jumps out of abort() goes on as before: the next report is a whole one. */
TEST(a_handler_may_jump_out)
{
	volatile int i;

	signal(SIGABRT, jumps_out);
	for (i = 0; i < 2; i++) {
		if (!sigsetjmp(out, 1))
			shim_bug("no mistake, but a test", NULL);
		EXPECT_FALSE(shim_is_dying());
	}
	EXPECT_EQ(2, i);
}

TEST_HARNESS_MAIN
