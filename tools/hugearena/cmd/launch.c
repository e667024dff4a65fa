// SPDX-License-Identifier: GPL-2.0-only
/*
 * launch: a command on libshim, as a child that can be inspected until its end.
 *
 * The child is seized with ptrace() for one event, its exit, at which its
 * memory can still be read.  Every signal that stops it before is passed on.
 * Called by run, record, profile, leak.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "launch.h"
#include "base/exit.h"
#include "base/out.h"

#define LIBSHIM		"libshim.so.0"

#define CACHE(cache, op, result)					\
	(PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_##op << 8 | \
	 PERF_COUNT_HW_CACHE_RESULT_##result << 16)

static const struct {
	const char *name;
	uint32_t type;
	uint64_t config;
} counters[LAUNCH_COUNTERS] = {
	{ "instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS },
	{ "cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
	{ "dTLB loads", PERF_TYPE_HW_CACHE, CACHE(DTLB, READ, ACCESS) },
	{ "dTLB load misses", PERF_TYPE_HW_CACHE, CACHE(DTLB, READ, MISS) },
	{ "dTLB store misses", PERF_TYPE_HW_CACHE, CACHE(DTLB, WRITE, MISS) },
	{ "iTLB load misses", PERF_TYPE_HW_CACHE, CACHE(ITLB, READ, MISS) },
	{ "cache misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES },
	{ "context switches", PERF_TYPE_SOFTWARE,
	  PERF_COUNT_SW_CONTEXT_SWITCHES },
};

const char *launch_counter_name(int i)
{
	return counters[i].name;
}

static int counter_open(int i, pid_t pid)
{
	struct perf_event_attr attr = {
		.type = counters[i].type,
		.size = sizeof(attr),
		.config = counters[i].config,
		.disabled = 1,
		.enable_on_exec = 1,
		.inherit = 1,
		.exclude_kernel = geteuid() != 0,
		.exclude_hv = 1,
		.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED |
			       PERF_FORMAT_TOTAL_TIME_RUNNING,
	};

	long fd = syscall(SYS_perf_event_open, &attr, pid, -1, -1,
			  PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

const char *launch_counter_lacks(const struct launch *l, int i)
{
	switch (-l->counter[i]) {
	case EACCES:
	case EPERM:
		return "kernel.perf_event_paranoid forbids it";
	case EMFILE:
	case ENOMEM:
		return "too many files, or no memory";
	}
	return "not counted by this processor, or not shown to this VM";
}

bool launch_counter(const struct launch *l, int i, uint64_t *value)
{
	uint64_t v[3];

	if (l->counter[i] < 0 ||
	    read(l->counter[i], v, sizeof(v)) != sizeof(v) || !v[2])
		return false;
	/* the counter ran only part of the time: extrapolate */
	*value = v[2] < v[1] ? (uint64_t)((double)v[0] * (double)v[1] /
					  (double)v[2]) : v[0];
	return true;
}

/* libshim next to this command, where it is built, or where it is installed. */
static bool libshim_find(char *path, size_t size)
{
	const char *set = getenv("HUGEARENA_LIBSHIM");
	char exe[PATH_MAX], *slash;
	ssize_t len;

	if (set && *set) {
		snprintf(path, size, "%s", set);
		return !access(path, R_OK);
	}
	len = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (len > 0) {
		exe[len] = '\0';
		slash = strrchr(exe, '/');
		*slash = '\0';
		snprintf(path, size, "%s/" LIBSHIM, exe);
		if (!access(path, R_OK))
			return true;
		snprintf(path, size, "%s/../lib/" LIBSHIM, exe);
		if (!access(path, R_OK))
			return true;
	}
	snprintf(path, size, HUGEARENA_LIBDIR "/" LIBSHIM);
	return !access(path, R_OK);
}

static void env_append(const char *name, const char *value, char between,
		       bool first)
{
	const char *old = getenv(name);
	char *text;

	if (!old || !*old) {
		setenv(name, value, 1);
		return;
	}
	if (asprintf(&text, "%s%c%s", first ? value : old, between,
		     first ? old : value) < 0)
		return;
	setenv(name, text, 1);
	free(text);
}

static void child(char *const *argv, const char *lib, const char *options,
		  const int *gate, int report)
{
	sigset_t none;
	char c;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	if (lib)
		env_append("LD_PRELOAD", lib, ':', true);
	if (options && *options)
		env_append("SHIM_OPTIONS", options, ',', false);
	close(gate[1]);
	/* wait until the parent has seized us, or is gone */
	while (read(gate[0], &c, 1) < 0 && errno == EINTR)
		;
	execvp(argv[0], argv);
	c = (char)errno;
	if (write(report, &c, 1) != 1)
		_exit(126);
	_exit(127);
}

int launch_start(struct launch *l, char *const *argv, bool preload,
		 const char *options, bool count)
{
	char lib[PATH_MAX + 32], err = 0;
	int gate[2], report[2], i;
	sigset_t block;
	ssize_t n;

	memset(l, 0, sizeof(*l));
	for (i = 0; i < LAUNCH_COUNTERS; i++)
		l->counter[i] = -ENODATA;
	if (preload && !libshim_find(lib, sizeof(lib))) {
		out_error("cannot find " LIBSHIM ": set HUGEARENA_LIBSHIM");
		return CMD_FAILED;
	}
	if (pipe2(gate, O_CLOEXEC) || pipe2(report, O_CLOEXEC)) {
		out_error("pipe: %m");
		return CMD_FAILED;
	}
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, NULL);
	signal(SIGINT, SIG_IGN);	/* the child gets it, too */
	signal(SIGQUIT, SIG_IGN);
	fflush(NULL);
	l->pid = fork();
	if (l->pid < 0) {
		out_error("fork: %m");
		return CMD_FAILED;
	}
	if (!l->pid)
		child(argv, preload ? lib : NULL, options, gate, report[1]);
	close(report[1]);
	close(gate[0]);
	l->traced = !ptrace(PTRACE_SEIZE, l->pid, NULL,
			    (void *)(long)PTRACE_O_TRACEEXIT);
	for (i = 0; count && i < LAUNCH_COUNTERS; i++)
		l->counter[i] = counter_open(i, l->pid);
	close(gate[1]);
	do {
		n = read(report[0], &err, 1);
	} while (n < 0 && errno == EINTR);
	close(report[0]);
	if (n == 1) {
		out_error("cannot run %s: %s", argv[0], strerror(err));
		kill(l->pid, SIGKILL);
		launch_end(l);
		return err == ENOENT ? 127 : 126;
	}
	return 0;
}

int launch_sampled(struct launch *l, const struct args_target *t, uint64_t rate)
{
	char *list;
	int ret;

	if (asprintf(&list, "%s%sprofile=%llu", t->options ? t->options : "",
		     t->options ? "," : "", (unsigned long long)rate) < 0) {
		out_error("no memory");
		return CMD_FAILED;
	}
	ret = launch_start(l, t->argv, true, list, false);
	free(list);
	return ret;
}

/* Something happened to the child; true if the caller should look. */
static bool event(struct launch *l, int status)
{
	int sig = WSTOPSIG(status), what = status >> 16;

	if (!WIFSTOPPED(status)) {
		l->over = true;
		l->status = status;
		return true;
	}
	if (what == PTRACE_EVENT_EXIT) {
		l->stopped = true;
		return true;
	}
	if (what == PTRACE_EVENT_STOP && sig != SIGTRAP)
		ptrace(PTRACE_LISTEN, l->pid, NULL, NULL);
	else
		ptrace(PTRACE_CONT, l->pid, NULL,
		       (void *)(long)(what ? 0 : sig));
	return false;
}

void launch_wait(struct launch *l, int ms)
{
	struct timespec now, until, left;
	sigset_t set;
	int status;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	while (!l->over && !l->stopped) {
		if (wait4(l->pid, &status, WNOHANG | __WALL, &l->usage) > 0) {
			if (event(l, status))
				return;
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec = until.tv_sec - now.tv_sec;
		left.tv_nsec = until.tv_nsec - now.tv_nsec;
		if (left.tv_nsec < 0) {
			left.tv_nsec += 1000000000;
			left.tv_sec--;
		}
		if (left.tv_sec < 0)
			return;
		sigtimedwait(&set, NULL, &left);
	}
}

void launch_end(struct launch *l)
{
	int status;

	if (l->stopped)
		ptrace(PTRACE_CONT, l->pid, NULL, NULL);
	l->stopped = false;
	while (!l->over) {
		if (wait4(l->pid, &status, __WALL, &l->usage) < 0) {
			if (errno == EINTR)
				continue;
			l->over = true;
			return;
		}
		event(l, status);
		if (l->stopped)
			ptrace(PTRACE_CONT, l->pid, NULL, NULL);
		l->stopped = false;
	}
}

const char *launch_signal(const struct launch *l)
{
	static char text[96];
	const char *name, *what;
	int sig;

	if (!WIFSIGNALED(l->status))
		return NULL;
	sig = WTERMSIG(l->status);
	name = sigabbrev_np(sig);
	what = sigdescr_np(sig);
	if (name)
		snprintf(text, sizeof(text), "SIG%s (%s%s)", name,
			 what ? what : "?",
			 WCOREDUMP(l->status) ? ", core dumped" : "");
	else
		snprintf(text, sizeof(text), "signal %d", sig);
	return text;
}

int launch_status(const struct launch *l)
{
	return WIFSIGNALED(l->status) ? 128 + WTERMSIG(l->status) :
					WEXITSTATUS(l->status);
}
