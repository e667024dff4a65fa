/* SPDX-License-Identifier: GPL-2.0-only */
/* victim: run the program that misuses malloc(), and see what was reported. */
#ifndef SELFTESTS_SHIM_VICTIM_H
#define SELFTESTS_SHIM_VICTIM_H

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define VICTIM_UNKNOWN	99	/* status for an unknown misuse */

struct victim {
	int status;		/* as wait() has it */
	char said[16384];	/* what it wrote to both outputs */
};

/*
 * Runs victim, which lies beside this program, with @what and an environment of
 * @env alone.  Return: 0, or -1 if it could not be run.
 */
static inline int victim_run(struct victim *v, const char *what, char *env)
{
	char *const envp[] = { env, NULL };
	struct rlimit none = { 0, 0 };
	char path[PATH_MAX];
	size_t at = 0;
	ssize_t n;
	int fd[2];
	pid_t pid;

	n = readlink("/proc/self/exe", path, sizeof(path) - 16);
	if (n < 0 || pipe(fd))
		return -1;
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/victim");
	pid = fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		setrlimit(RLIMIT_CORE, &none);
		dup2(fd[1], 1);
		dup2(fd[1], 2);
		close(fd[0]);
		close(fd[1]);
		execle(path, "victim", what, (char *)NULL, envp);
		_exit(VICTIM_UNKNOWN);
	}
	close(fd[1]);
	while (at < sizeof(v->said) - 1) {
		n = read(fd[0], v->said + at, sizeof(v->said) - 1 - at);
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	v->said[at] = '\0';
	close(fd[0]);
	return waitpid(pid, &v->status, 0) == pid ? 0 : -1;
}

#endif
