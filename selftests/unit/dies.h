/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dies: does a function abort the process?
 *
 * The harness takes SIGABRT for a failed assertion of its own, so TEST_SIGNAL()
 * cannot say this.
 */
#ifndef UNIT_DIES_H
#define UNIT_DIES_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool dies(void (*fn)(void))
{
	struct rlimit none = { 0, 0 };
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(open("/dev/null", O_WRONLY), 2);
		fn();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGABRT;
}

#endif
