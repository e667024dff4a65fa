// SPDX-License-Identifier: GPL-2.0-only
/*
 * spawn: run a program once and say what it cost.
 *
 * CPU time, peak and faults are the kernel's own account, read when the process
 * is gone (wait4); only the average of the resident set and the coverage are
 * sampled, by reading /proc at most 200 times a second.  One thread, one child
 * at a time, no lock.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "resident.h"
#include "spawn.h"

#define SPAWN_SAMPLE_MS	5
#define SPAWN_TREE_MAX	32	/* processes of one tree that are sampled */

/**
 * struct spawn_sample - what was seen while a process ran
 * @request: what it was started with
 * @kb_seconds: resident set over time
 * @seconds: length of that time
 * @seen_kb: largest resident set so far
 * @looked_kb: resident set when the coverage was last measured
 * @coverage: what it was
 */
struct spawn_sample {
	const struct spawn_request *request;
	double kb_seconds;
	double seconds;
	double seen_kb;
	double looked_kb;
	double coverage;
};

static double spawn_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* the children of a process's first thread, as text; "" without any */
static void spawn_children(pid_t pid, char *list, size_t size)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, list, size - 1);
		close(fd);
	}
	list[n > 0 ? n : 0] = '\0';
}

/* the process and its descendants, by way of their first threads */
static unsigned int spawn_tree(pid_t pid, pid_t *tree, unsigned int n)
{
	char list[512], *at = list, *end;
	long child;

	if (n == SPAWN_TREE_MAX)
		return n;
	tree[n++] = pid;
	spawn_children(pid, list, sizeof(list));
	for (child = strtol(at, &end, 10); end != at && child > 0;
	     child = strtol(at, &end, 10)) {
		n = spawn_tree((pid_t)child, tree, n);
		at = end;
	}
	return n;
}

static void spawn_look(struct spawn_sample *sample, pid_t pid, double kb)
{
	struct resident resident;

	if (resident_read(pid, &resident) || resident.anon_kb <= 0)
		return;
	sample->coverage = resident.huge_kb / resident.anon_kb;
	sample->looked_kb = kb;
}

static void spawn_sample_take(struct spawn_sample *sample, pid_t pid,
			      double seconds)
{
	pid_t tree[SPAWN_TREE_MAX], largest = pid;
	double kb = 0, one, most = 0;
	unsigned int n, i;

	n = spawn_tree(pid, tree, 0);
	for (i = 0; i < n; i++) {
		one = resident_pages_kb(tree[i]);
		kb += one;
		if (one > most) {
			most = one;
			largest = tree[i];
		}
	}
	if (kb <= 0)
		return;		/* gone between poll() and here */
	sample->kb_seconds += kb * seconds;
	sample->seconds += seconds;
	if (most > sample->seen_kb)
		sample->seen_kb = most;
	/* 10 %: some tens of looks in the life of the largest process */
	if (sample->request->watch_coverage &&
	    most > 1.1 * sample->looked_kb)
		spawn_look(sample, largest, most);
}

/* Runs in the child; does not return. */
static void spawn_exec(const struct spawn_request *request, int out)
{
	int in = open("/dev/null", O_RDONLY);
	int log = -1;

	setpgid(0, 0);
	if (request->error_log)
		log = open(request->error_log, O_WRONLY | O_CREAT | O_APPEND,
			   0666);
	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 ||
	    (log >= 0 && dup2(log, 2) < 0))
		_exit(126);
	execvpe(request->argv[0], request->argv, request->envp);
	dprintf(2, "%s: %s\n", request->argv[0], strerror(errno));
	_exit(127);
}

static int spawn_start(const struct spawn_request *request, int out,
		       pid_t *pid)
{
	int pidfd, error;

	*pid = fork();
	if (*pid < 0)
		return -errno;
	if (!*pid)
		spawn_exec(request, out);
	/* on both sides, so that the group exists for kill() */
	setpgid(*pid, *pid);
	pidfd = (int)syscall(SYS_pidfd_open, *pid, 0);
	if (pidfd < 0) {
		error = -errno;
		kill(-*pid, SIGKILL);
		waitpid(*pid, NULL, 0);
		return error;
	}
	return pidfd;
}

static int spawn_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

/* Wait for the end, taking samples, then kill the rest of the group. */
static int spawn_watch(struct spawn_sample *sample, pid_t pid, int pidfd,
		       struct spawn_cost *cost)
{
	double start = spawn_now(), then = start, now;
	struct pollfd fd = { .fd = pidfd, .events = POLLIN };
	struct rusage usage;
	int status, ready;

	do {
		ready = poll(&fd, 1, SPAWN_SAMPLE_MS);
		now = spawn_now();
		if (!ready)
			spawn_sample_take(sample, pid, now - then);
		then = now;
		if (now - start > sample->request->timeout)
			kill(-pid, SIGKILL);
	} while (ready <= 0);
	if (wait4(pid, &status, 0, &usage) != pid)
		return -errno;
	kill(-pid, SIGKILL);
	cost->elapsed = now - start;
	cost->cpu = (double)usage.ru_utime.tv_sec +
		    (double)usage.ru_utime.tv_usec / 1e6 +
		    (double)usage.ru_stime.tv_sec +
		    (double)usage.ru_stime.tv_usec / 1e6;
	cost->peak_kb = (double)usage.ru_maxrss;
	cost->faults = (double)(usage.ru_minflt + usage.ru_majflt);
	cost->coverage = sample->coverage;
	/* too short to be sampled: it had about its peak all the time */
	cost->mean_kb = sample->seconds > 0 ?
			sample->kb_seconds / sample->seconds : cost->peak_kb;
	return spawn_status(status);
}

/* FNV-1a of a file's bytes */
static uint64_t spawn_digest(int fd)
{
	uint64_t digest = 14695981039346656037ULL;
	unsigned char buf[4096];
	off_t at = 0;
	ssize_t n, i;

	while ((n = pread(fd, buf, sizeof(buf), at)) > 0) {
		for (i = 0; i < n; i++)
			digest = (digest ^ buf[i]) * 1099511628211ULL;
		at += n;
	}
	return digest;
}

static int spawn_run(const struct spawn_request *request, int out,
		     struct spawn_cost *cost)
{
	struct spawn_sample sample = { .request = request, .coverage = -1 };
	int pidfd, status;
	pid_t pid;

	pidfd = spawn_start(request, out, &pid);
	if (pidfd < 0)
		return pidfd;
	status = spawn_watch(&sample, pid, pidfd, cost);
	close(pidfd);
	return status;
}

int spawn_measure(const struct spawn_request *request,
		  struct spawn_cost *cost)
{
	int out = memfd_create("output", MFD_CLOEXEC);
	int status;

	if (out < 0)
		return -errno;
	status = spawn_run(request, out, cost);
	if (!status)
		cost->digest = spawn_digest(out);
	close(out);
	return status;
}

int spawn_capture(const struct spawn_request *request, char *text, size_t size)
{
	struct spawn_request plain = *request;
	int out = memfd_create("output", MFD_CLOEXEC);
	struct spawn_cost cost;
	int status;
	ssize_t n;

	if (out < 0)
		return -errno;
	plain.watch_coverage = false;
	status = spawn_run(&plain, out, &cost);
	n = pread(out, text, size - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(out);
	return status;
}

/* Touch memory in 2 MiB pages; it goes when the process ends. */
static int spawn_touch(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -1;
	/* a kernel without them has nothing to advise, and no such trouble */
	madvise(p, bytes, MADV_HUGEPAGE);
	return madvise(p, bytes, MADV_POPULATE_WRITE);
}

int spawn_warm_up(size_t bytes)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(spawn_touch(bytes) ? 1 : 0);
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return spawn_status(status) ? -ENOMEM : 0;
}
