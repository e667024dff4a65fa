/* SPDX-License-Identifier: GPL-2.0-only */
/* child: run code that ends its process, in a child. */
#ifndef SELFTESTS_CO_CHILD_H
#define SELFTESTS_CO_CHILD_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Run @fn in a child.  @said gets what it wrote to standard error; its wait
 * status is returned.
 */
static inline int child(void (*fn)(void), char *said, size_t len)
{
	struct rlimit none = { 0, 0 };
	int fd[2], status;
	size_t at = 0;
	ssize_t n;
	pid_t pid;

	if (pipe(fd))
		return -1;
	pid = fork();
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		fn();
		_exit(0);
	}
	close(fd[1]);
	while ((n = read(fd[0], said + at, len - 1 - at)) > 0)
		at += (size_t)n;
	said[at] = '\0';
	close(fd[0]);
	waitpid(pid, &status, 0);
	return status;
}

#endif
