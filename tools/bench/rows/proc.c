// SPDX-License-Identifier: GPL-2.0-only
/*
 * proc: what an allocator costs a program that hardly allocates.
 *
 * Most processes of a system are small and short.  Their CPU time is the
 * allocator's start, their resident set its first pages.
 */
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

#define PROC_OBJECTS	200

/* the life of a small process: 200 objects of 16 B to 2 KiB */
uint64_t work_child(void)
{
	void *object[PROC_OBJECTS];
	struct work_rand r;
	uint64_t sum = 1;
	int i;

	work_rand_init(&r, 50);
	for (i = 0; i < PROC_OBJECTS; i++)
		object[i] = work_alloc(work_rand_size(&r, 4, 11), (uint64_t)i);
	for (i = 0; i < PROC_OBJECTS; i++) {
		sum += work_tag(object[i]);
		free(object[i]);
	}
	return sum;
}

static void proc_wait(pid_t pid)
{
	int status;

	work_check(waitpid(pid, &status, 0) == pid, "waitpid");
	work_check(WIFEXITED(status) && !WEXITSTATUS(status), "child failed");
}

static uint64_t proc_exec(const struct work_env *env)
{
	uint64_t count = work_count(env, 300), i;
	char *argv[] = { (char *)"work", (char *)"child", NULL };
	pid_t pid;

	for (i = 0; i < count; i++) {
		work_check(!posix_spawn(&pid, env->self, NULL, NULL, argv,
					environ), "posix_spawn");
		proc_wait(pid);
	}
	return count;
}

#define PROC_HEAP	100000

/* A server that forks a worker for each request; the worker writes a little. */
static uint64_t proc_fork(const struct work_env *env)
{
	uint64_t count = work_count(env, 120), sum = 0, i;
	static void *heap[PROC_HEAP];
	pid_t pid;

	for (i = 0; i < PROC_HEAP; i++)
		heap[i] = work_alloc(256, i);
	for (i = 0; i < count; i++) {
		pid = fork();
		work_check(pid >= 0, "fork");
		if (!pid) {
			sum = work_child();
			for (i = 0; i < PROC_HEAP; i += 500)
				free(heap[i]);
			_exit(sum ? 0 : 1);
		}
		proc_wait(pid);
	}
	for (i = 0; i < PROC_HEAP; i++) {
		sum += work_tag(heap[i]);
		free(heap[i]);
	}
	return sum;
}

static uint64_t proc_empty(const struct work_env *env)
{
	(void)env;
	return work_child();
}

const struct work work_proc[] = {
	{ "empty", "a process of 200 objects: its resident set", proc_empty },
	{ "procs", "300 such processes, one after another", proc_exec },
	{ "prefork", "120 forks of a process with a 26 MiB heap", proc_fork },
	{ NULL, NULL, NULL }
};
