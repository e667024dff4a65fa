// SPDX-License-Identifier: GPL-2.0-only
/*
 * stop: a process held still, with the registers of its threads.
 *
 * Threads are made while others are being stopped, so the list is read until
 * one reading finds none that is new.  If this command dies, the kernel
 * resumes all of them.  A thread that waits in the kernel for what only another
 * can do (vfork(), a disk) does not stop before that: it is waited for, but not
 * for ever, while the others stand.  Called by cmd_co and leak.
 */
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <time.h>

#include "stop.h"
#include "proc.h"

/* In ns: as long as somebody at a terminal may wait, a watchdog may not. */
#define PATIENCE	5000000000ULL

static bool known(const struct stop *s, pid_t tid)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->v[i].tid == tid)
			return true;
	return false;
}

static int room_make(struct stop *s)
{
	struct stop_thread *v = realloc(s->v, (s->n + 1) * sizeof(*v));

	if (!v)
		return -ENOMEM;
	s->v = v;
	memset(&v[s->n], 0, sizeof(*v));
	return 0;
}

static int regs_get(struct stop_thread *t, pid_t tid)
{
	struct user_regs_struct regs = { 0 };
	struct iovec to = { &regs, sizeof(regs) };

	_Static_assert(sizeof(regs) <= sizeof(t->reg), "room for all");
	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &to))
		return -errno;
	memcpy(t->reg, &regs, sizeof(regs));
#if defined(__x86_64__)
	t->sp = regs.rsp;
#else
	t->sp = regs.sp;
#endif
	t->tid = tid;
	return 0;
}

/* Has a thread ended?  The first one stays as a zombie while others run. */
static bool is_over(pid_t pid, pid_t tid)
{
	char name[64], line[512], *at = NULL;
	FILE *f;

	snprintf(name, sizeof(name), "task/%d/stat", tid);
	f = proc_open(pid, name);
	if (f && fgets(line, sizeof(line), f))
		at = strrchr(line, ')');
	if (f)
		fclose(f);
	return !f || (at && (at[2] == 'Z' || at[2] == 'X'));
}

/* The next news of a thread: 0, or a negative errno. */
static int news_wait(pid_t tid, int *status)
{
	struct timespec pause = { .tv_nsec = 50000 };
	uint64_t waited = 0;
	pid_t got;

	while (!(got = waitpid(tid, status, __WALL | WNOHANG))) {
		if (waited > PATIENCE)
			return -EBUSY;
		nanosleep(&pause, NULL);
		waited += (uint64_t)pause.tv_nsec;
		if (pause.tv_nsec < 1000000)
			pause.tv_nsec *= 2;
	}
	return got < 0 ? -errno : 0;
}

/* Stop one thread; 1 if it was gone before. */
static int thread_stop(struct stop *s, pid_t pid, pid_t tid)
{
	int status, err = room_make(s);

	if (err)
		return err;
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
		err = -errno;
		return err == -ESRCH || is_over(pid, tid) ? 1 : err;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return errno == ESRCH ? 1 : -errno;
	err = news_wait(tid, &status);
	if (err)
		return err;
	if (!WIFSTOPPED(status))
		return 1;
	/* a signal was being delivered: it must not be lost */
	while (status >> 16 != PTRACE_EVENT_STOP) {
		if (ptrace(PTRACE_CONT, tid, NULL,
			   (void *)(long)WSTOPSIG(status)) ||
		    news_wait(tid, &status) || !WIFSTOPPED(status))
			return 1;
	}
	err = regs_get(&s->v[s->n], tid);
	if (err)
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
	else
		s->n++;
	return err;
}

/* Stop threads that are new; how many, or a negative errno. */
static int round_stop(struct stop *s, pid_t pid)
{
	int found = 0, err = 0;
	struct dirent *d;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (err >= 0 && (d = readdir(dir))) {
		if (!isdigit((unsigned char)d->d_name[0]) ||
		    known(s, atoi(d->d_name)))
			continue;
		err = thread_stop(s, pid, atoi(d->d_name));
		found += !err;
	}
	closedir(dir);
	return err < 0 ? err : found;
}

int stop_begin(struct stop *s, pid_t pid)
{
	int ret;

	memset(s, 0, sizeof(*s));
	do {
		ret = round_stop(s, pid);
	} while (ret > 0);
	if (!ret && !s->n)
		ret = -ESRCH;
	if (ret)
		stop_end(s);
	return ret;
}

int stop_exiting(struct stop *s, pid_t pid)
{
	int err;

	memset(s, 0, sizeof(*s));
	err = room_make(s);
	if (err)
		return err;
	err = regs_get(&s->v[0], pid);
	if (!err)
		s->n = 1;
	return err;
}

void stop_resume(const struct stop *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		ptrace(PTRACE_DETACH, s->v[i].tid, NULL, NULL);
}

void stop_end(struct stop *s)
{
	stop_resume(s);
	stop_free(s);
}

void stop_free(struct stop *s)
{
	free(s->v);
	s->v = NULL;
	s->n = 0;
}
