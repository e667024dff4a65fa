// SPDX-License-Identifier: GPL-2.0-only
/* clock: the kernel's coarse clock, without a system call, without rdtsc. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/patience.h"

#include "base/clock.h"

static uint64_t libc_coarse(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

TEST(agrees_with_the_c_library)
{
	uint64_t before, now, after;
	int i;

	for (i = 0; i < 1000; i++) {
		before = libc_coarse();
		now = clock_coarse();
		after = libc_coarse();
		ASSERT_LE(before, now);
		ASSERT_LE(now, after);
	}
}

/*
 * Neither the system call nor the time stamp counter is used: either would
 * kill.
 */
TEST(asks_nobody)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };
	int status;
	pid_t pid;

	if (!getauxval(AT_SYSINFO_EHDR))
		SKIP(return, "this kernel has no vDSO");
	pid = fork();
	if (!pid) {
		uint64_t then;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
			_exit(2);
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
		then = clock_coarse();
		while (clock_coarse() == then)
			;
		_exit(clock_coarse() <= then);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
