// SPDX-License-Identifier: GPL-2.0-only
/*
 * snapshot: the memory of a process at one moment, kept by a fork of it.
 *
 * The fork is a system call that ptrace() has a thread of the process execute:
 *
 *   process   clone(CLONE_VM | CLONE_FILES)	a helper on the same memory
 *   helper    clone(CLONE_FILES)		the copy, which stays stopped
 *   helper    is killed			the copy is init's child now
 *   process   wait4(helper)			nothing is left of it
 *
 * A child of the process itself would be seen by its wait(), and would be left
 * as a zombie if this command died.  The helper has no exit signal, so that the
 * process gets no SIGCHLD, and only this wait4() sees it.
 *
 * The instruction is one of the vdso's.  All signals are blocked during this;
 * then registers and mask are what they were, and the thread stops once more as
 * it was stopped at first, so that the kernel continues the system call that
 * was interrupted as if nothing had happened.  Only if this command is killed
 * between the two does the process run on with strange registers; no signal but
 * SIGKILL ends it there, and it takes as long as the fork.
 *
 * Called by leak.
 */
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <linux/ptrace.h>	/* after the other: it has what glibc lacks */
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "snapshot.h"

#define RSEQ_CS	8	/* offset of the sequence's address in struct rseq */

#define OPTIONS	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | \
		 PTRACE_O_TRACEFORK)

#if defined(__x86_64__)
static const unsigned char insn[] = { 0x0f, 0x05 };
#elif defined(__aarch64__)
static const unsigned char insn[] = { 0x01, 0x00, 0x00, 0xd4 };
#else
#error "how does a system call look here?"
#endif

/**
 * struct hand - a thread that executes system calls for us
 * @tid: the thread
 * @at: address of an instruction for one
 * @regs: the registers it had
 * @mask: the signals it had blocked
 * @stopped: SIGSTOP arrived in the meantime, which cannot be blocked
 */
struct hand {
	pid_t tid;
	uint64_t at;
	struct user_regs_struct regs;
	uint64_t mask;
	bool stopped;
};

static int regs_move(enum __ptrace_request how, pid_t tid,
		     struct user_regs_struct *regs)
{
	struct iovec v = { regs, sizeof(*regs) };

	return ptrace(how, tid, NT_PRSTATUS, &v) ? -errno : 0;
}

static void call_set(struct user_regs_struct *regs, uint64_t at, long nr,
		     const uint64_t *arg)
{
#if defined(__x86_64__)
	regs->rip = at;
	regs->rax = (unsigned long long)nr;
	/* it is not in a system call, so there is none to restart */
	regs->orig_rax = ~0ULL;
	regs->rdi = arg[0];
	regs->rsi = arg[1];
	regs->rdx = arg[2];
	regs->r10 = arg[3];
	regs->r8 = arg[4];
#else
	regs->pc = at;
	regs->regs[8] = (unsigned long long)nr;
	memcpy(regs->regs, arg, 5 * sizeof(*arg));
#endif
}

static long long result_get(const struct user_regs_struct *regs)
{
#if defined(__x86_64__)
	return (long long)regs->rax;
#else
	return (long long)regs->regs[0];
#endif
}

/* The next stop; its status, or a negative errno if there is none. */
static int stop_wait(pid_t tid)
{
	int status;

	while (waitpid(tid, &status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSTOPPED(status) ? status : -ESRCH;
}

/*
 * Execute one system call.  A process that it made is in @child, and has
 * stopped before its first instruction.
 */
static int call(struct hand *h, long nr, const uint64_t *arg, long long *ret,
		pid_t *child)
{
	struct user_regs_struct regs = h->regs;
	unsigned long message;
	int err, status, inside = 0;

	call_set(&regs, h->at, nr, arg);
	err = regs_move(PTRACE_SETREGSET, h->tid, &regs);
	/* it stops where the call begins, for a process made, where it ends */
	while (!err && inside < 2) {
		if (ptrace(PTRACE_SYSCALL, h->tid, NULL, NULL))
			return -errno;
		status = stop_wait(h->tid);
		if (status < 0)
			return status;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			inside++;
		} else if (status >> 16 == PTRACE_EVENT_CLONE ||
			   status >> 16 == PTRACE_EVENT_FORK) {
			if (ptrace(PTRACE_GETEVENTMSG, h->tid, NULL, &message))
				return -errno;
			*child = (pid_t)message;
			status = stop_wait(*child);
			if (status < 0)
				return status;
		} else if (WSTOPSIG(status) != SIGTRAP) {
			h->stopped = true;
		}
	}
	if (!err)
		err = regs_move(PTRACE_GETREGSET, h->tid, &regs);
	*ret = result_get(&regs);
	return err ? err : *ret < 0 ? (int)*ret : 0;
}

/* Where the process has an instruction for system calls. */
static int insn_find(pid_t pid, uint64_t *at)
{
	struct maps maps;
	char path[64], *code;
	int fd, err = proc_maps(pid, &maps, false);
	size_t i;

	if (err)
		return err;
	err = -ENOEXEC;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	for (i = 0; fd >= 0 && err && i < maps.n; i++) {
		const struct map *m = &maps.v[i];
		size_t len = m->end - m->start;
		char *found;

		if (strcmp(m->name, "[vdso]"))
			continue;
		code = malloc(len);
		if (code && pread(fd, code, len, (off_t)m->start) ==
			    (ssize_t)len) {
			found = memmem(code, len, insn, sizeof(insn));
			if (found) {
				*at = m->start + (uint64_t)(found - code);
				err = 0;
			}
		}
		free(code);
	}
	if (fd >= 0)
		close(fd);
	proc_maps_free(&maps);
	return err;
}

static uint64_t *ip_of(struct user_regs_struct *regs)
{
#if defined(__x86_64__)
	return (uint64_t *)&regs->rip;
#else
	return (uint64_t *)&regs->pc;
#endif
}

/* Words of the thread's memory. */
static int words_peek(pid_t tid, uint64_t addr, uint64_t *word, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		errno = 0;
		word[i] = (uint64_t)ptrace(PTRACE_PEEKDATA, tid,
					   addr + (uint64_t)i * 8, NULL);
		if (errno)
			return -errno;
	}
	return 0;
}

/*
 * A thread that is stopped inside a restartable sequence must restart it.  The
 * kernel sees to that as long as the thread stands there: not once its next
 * instruction has been another, as for us.  So do as the kernel would.
 */
static int sequence_abort(struct hand *h)
{
	struct ptrace_rseq_configuration conf;
	uint64_t area, cs[4];	/* version and flags, start, length, abort */
	long len = ptrace(PTRACE_GET_RSEQ_CONFIGURATION, h->tid,
			  sizeof(conf), &conf);
	int err;

	if (len < 0)
		return -errno;
	if (!conf.rseq_abi_pointer)
		return 0;
	err = words_peek(h->tid, conf.rseq_abi_pointer + RSEQ_CS, &area, 1);
	if (!err && area)
		err = words_peek(h->tid, area, cs, 4);
	if (!err && area && *ip_of(&h->regs) - cs[1] < cs[2])
		*ip_of(&h->regs) = cs[3];
	return err;
}

static int hand_take(struct hand *h, pid_t tid)
{
	uint64_t all = ~0ULL;
	int err = regs_move(PTRACE_GETREGSET, tid, &h->regs);

	h->tid = tid;
	if (!err)
		err = sequence_abort(h);
	if (!err && ptrace(PTRACE_GETSIGMASK, tid, sizeof(h->mask), &h->mask))
		err = -errno;
	if (!err && ptrace(PTRACE_SETOPTIONS, tid, NULL, OPTIONS))
		err = -errno;
	if (!err && ptrace(PTRACE_SETSIGMASK, tid, sizeof(all), &all))
		err = -errno;
	return err;
}

/*
 * Give the thread back what it had, and stop it once more on its way out of the
 * kernel: there the kernel looks whether a system call was interrupted.
 */
static void hand_return(struct hand *h)
{
	int status = 0;

	ptrace(PTRACE_SETOPTIONS, h->tid, NULL, 0L);
	regs_move(PTRACE_SETREGSET, h->tid, &h->regs);
	ptrace(PTRACE_INTERRUPT, h->tid, NULL, NULL);
	do {
		if (ptrace(PTRACE_CONT, h->tid, NULL, NULL))
			break;
		status = stop_wait(h->tid);
	} while (status >= 0 && status >> 16 != PTRACE_EVENT_STOP);
	ptrace(PTRACE_SETSIGMASK, h->tid, sizeof(h->mask), &h->mask);
}

static void kill_wait(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
}

/* With a hand that is ready. */
static int fork_make(struct hand *h, pid_t *copy)
{
	/* no exit signal: the lowest byte of the flags */
	const uint64_t helper_arg[5] = { CLONE_VM | CLONE_FILES | CLONE_FS };
	const uint64_t copy_arg[5] = { CLONE_FILES | CLONE_FS };
	struct hand helper = { .at = h->at };
	uint64_t wait_arg[5] = { 0, 0, __WALL, 0 };
	long long nr, ret;
	int err;

	helper.tid = 0;
	err = call(h, SYS_clone, helper_arg, &nr, &helper.tid);
	if (err)
		return err;
	*copy = 0;
	/* from here on both die with us */
	if (ptrace(PTRACE_SETOPTIONS, helper.tid, NULL,
		   OPTIONS | PTRACE_O_EXITKILL))
		err = -errno;
	if (!err)
		err = regs_move(PTRACE_GETREGSET, helper.tid, &helper.regs);
	if (!err)
		err = call(&helper, SYS_clone, copy_arg, &ret, copy);
	kill_wait(helper.tid);
	wait_arg[0] = (uint64_t)nr;
	if (!call(h, SYS_wait4, wait_arg, &ret, &helper.tid) && !err)
		return 0;
	if (*copy)
		kill_wait(*copy);
	return err ? err : -ECHILD;
}

int snapshot_take(const struct stop *stop, pid_t pid, pid_t *copy)
{
	struct hand h = { 0 };
	sigset_t all, old;
	int err = insn_find(pid, &h.at);

	if (err)
		return err;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	err = hand_take(&h, stop->v[0].tid);
	if (!err)
		err = fork_make(&h, copy);
	if (h.tid)
		hand_return(&h);
	if (h.stopped)
		kill(pid, SIGSTOP);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return err;
}

void snapshot_end(pid_t copy)
{
	kill_wait(copy);
}

/* Does somebody wait for news of forks by userfaultfd(2)? */
static bool fork_is_watched(pid_t pid)
{
	unsigned long long features;
	bool watched = false;
	struct dirent *d;
	char line[300];
	DIR *dir;

	snprintf(line, sizeof(line), "/proc/%d/fdinfo", pid);
	dir = opendir(line);
	while (dir && (d = readdir(dir))) {
		FILE *f;

		snprintf(line, sizeof(line), "fdinfo/%.255s", d->d_name);
		f = proc_open(pid, line);
		/* "API: aa:FEATURES:IOCTLS"; bit 1 of them is EVENT_FORK */
		while (f && fgets(line, sizeof(line), f))
			if (sscanf(line, "API:%*x:%llx", &features) == 1)
				watched |= features >> 1 & 1;
		if (f)
			fclose(f);
	}
	if (dir)
		closedir(dir);
	return watched;
}

static bool is_stopped(pid_t pid)
{
	FILE *f = proc_open(pid, "status");
	char line[128], state = '?';

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "State: %c", &state) == 1)
			break;
	if (f)
		fclose(f);
	return state == 'T';
}

const char *snapshot_refused(pid_t pid)
{
	if (is_stopped(pid))
		return "it is stopped, and loses nothing without one";
	if (proc_status(pid, "Seccomp") > 0)
		return "it has a seccomp filter, which may kill it for a fork";
	if (fork_is_watched(pid))
		return "its forks wait for a reader of userfaultfd";
	return NULL;
}
