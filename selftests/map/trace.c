// SPDX-License-Identifier: GPL-2.0-only
/* A debugger reads and writes an arena of its tracee. */
#include "harness.h"
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

ARENA_FIXTURE(trace, 2)

/* A tracee with its own copy of the arena, stopped; exits 0 if poked. */
static int tracee(void *arg)
{
	struct arena *a = arg;

	byte_write(a->base + 100, 'c');
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		return 1;
	raise(SIGSTOP);
	return byte_read(a->base + 200) == 'p' ? 0 : 2;
}

TEST_F(trace, peek_and_poke)
{
	char *base = self->a.base;
	int status;
	pid_t pid;
	long word;

	byte_write(base + 100, 'm');
	pid = child_start(tracee, &self->a);
	ASSERT_LT(0, pid);
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	word = ptrace(PTRACE_PEEKDATA, pid, base + 100, NULL);
	EXPECT_EQ('c', word & 0xff);
	EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, pid, base + 200, 'p'));
	EXPECT_EQ(0, ptrace(PTRACE_CONT, pid, NULL, NULL));
	EXPECT_EQ(0, child_wait(pid));
	/* everything belonged to the child's copy */
	EXPECT_EQ('m', byte_read(base + 100));
	EXPECT_EQ(0, byte_read(base + 200));
}

static int sleeper(void *arg)
{
	(void)arg;
	pause();
	return 0;
}

TEST_F(trace, process_vm_writev_reaches_the_child_only)
{
	static char buf[4 * OS_PAGE];
	struct iovec local = { buf, sizeof(buf) };
	struct iovec remote = { self->a.base, sizeof(buf) };
	pid_t pid;

	pages_fill(self->a.base, self->a.size, 1);
	pid = child_start(sleeper, NULL);
	ASSERT_LT(0, pid);
	memset(buf, 'w', sizeof(buf));
	ASSERT_EQ((ssize_t)sizeof(buf),
		  process_vm_writev(pid, &local, 1, &remote, 1, 0));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	memset(buf, 0, sizeof(buf));
	ASSERT_EQ((ssize_t)sizeof(buf),
		  process_vm_readv(pid, &local, 1, &remote, 1, 0));
	EXPECT_EQ(0, bytes_other(buf, sizeof(buf), 'w'));
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_wait(pid));
}

TEST_HARNESS_MAIN
