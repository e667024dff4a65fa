// SPDX-License-Identifier: GPL-2.0-only
/* fork and exec, vfork, and a parent that leaves its child behind. */
#include "harness.h"

#define BLOCKS	16

FIXTURE(exec) {
	struct arena a;
};

FIXTURE_SETUP(exec)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(exec)
{
	arena_drop(&self->a);
}

/* Started again as "PROGRAM exit N": exits with N. */
static void __attribute__((constructor)) exit_as_told(void)
{
	char cmdline[256];
	ssize_t len;
	char *arg;

	len = file_read("/proc/self/cmdline", cmdline, sizeof(cmdline));
	if (len <= 0)
		return;
	arg = cmdline + strlen(cmdline) + 1;
	if (arg < cmdline + len && !strcmp(arg, "exit"))
		_exit(atoi(arg + strlen(arg) + 1));
}

static int exec_self(void *arg)
{
	(void)arg;
	execl("/proc/self/exe", "exec", "exit", "42", NULL);
	return 1;
}

TEST_F(exec, fork_and_exec)
{
	int i;

	for (i = 0; i < 10; i++) {
		EXPECT_EQ(42, child_run(exec_self, NULL));
		EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1 + i));
		pages_fill(self->a.base, self->a.size, 2 + i);
	}
}

TEST_F(exec, nothing_is_copied_when_the_child_execs)
{
	struct hugearena_stat st;

	EXPECT_EQ(42, child_run(exec_self, NULL));
	pages_fill(self->a.base, self->a.size, 2);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(0, st.cow_pages);
	EXPECT_EQ(0, st.cow_blocks);
	EXPECT_EQ(self->a.size, st.resident);
}

TEST_F(exec, vfork_and_exec)
{
	long long forks = stat_read("Forks");
	pid_t pid = vfork();

	if (!pid) {
		execl("/proc/self/exe", "exec", "exit", "7", NULL);
		_exit(1);
	}
	ASSERT_LT(0, pid);
	EXPECT_EQ(7, child_wait(pid));
	/* vfork() shares the address space: no arena was forked */
	EXPECT_EQ(forks, stat_read("Forks"));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(exec, descriptor_is_not_passed_to_exec)
{
	long long before = stat_read("Resident");

	EXPECT_EQ(42, child_run(exec_self, NULL));
	EXPECT_EQ(before, wait_for(stat_read("Resident"), before));
}

/* A child forks a grandchild and ends; the grandchild has everything. */
TEST_F(exec, daemonised)
{
	int gone = gate_open(), done[2], status = -1;
	pid_t pid;

	ASSERT_EQ(0, pipe(done));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		pages_fill(self->a.base, self->a.size, 2);
		/* it survives its parent, so only a clock can end it */
		pid = fork();
		if (pid)
			_exit(pid < 0);
		alarm(200);
		gate_wait(gone);
		status = pages_wrong(self->a.base, self->a.size, 2) ? 1 : 0;
		pages_fill(self->a.base, self->a.size, 3);
		status |= pages_wrong(self->a.base, self->a.size, 3) ? 2 : 0;
		if (write(done[1], &status, sizeof(status)) < 0)
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	gate_post(gone);
	ASSERT_EQ(sizeof(status), read(done[0], &status, sizeof(status)));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

/* The maker is gone; what its child inherited works. */
TEST_F(exec, the_maker_may_go)
{
	int gone = gate_open(), done[2], status = -1;
	struct arena b;
	pid_t pid;

	ASSERT_EQ(0, pipe(done));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (arena_make(&b, 4))
			_exit(1);
		pages_fill(b.base, b.size, 5);
		/* it survives its parent, so only a clock can end it */
		pid = fork();
		if (pid)
			_exit(pid < 0);
		alarm(200);
		gate_wait(gone);
		status = pages_wrong(b.base, b.size, 5) ? 1 : 0;
		pages_fill(b.base, b.size, 6);
		status |= pages_wrong(b.base, b.size, 6) ? 2 : 0;
		status |= arena_punch(&b, 0, b.size) ? 4 : 0;
		status |= bytes_other(b.base, b.size, 0) ? 8 : 0;
		if (write(done[1], &status, sizeof(status)) < 0)
			_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, child_wait(pid));
	gate_post(gone);
	ASSERT_EQ(sizeof(status), read(done[0], &status, sizeof(status)));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
