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
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* And does it write @what to standard error before it does? */
static inline bool dies_saying(void (*fn)(void), const char *what)
{
	struct rlimit none = { 0, 0 };
	char said[4096];
	size_t len = 0;
	int status, p[2];
	ssize_t n;
	pid_t pid;

	if (pipe(p))
		return false;
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(p[1], 2);
		close(p[1]);
		fn();
		_exit(0);
	}
	close(p[1]);
	while (len < sizeof(said) - 1 &&
	       (n = read(p[0], said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(p[0]);
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGABRT && strstr(said, what);
}

static inline bool dies(void (*fn)(void))
{
	return dies_saying(fn, "");
}

#endif
