// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * stop: stops all other threads of the process.
 *
 *	stopper			thread
 *	epoch = e
 *	signal(record)	->	sp = here; stopped = e; wake stopper
 *	wait for stopped	sleep while epoch == e
 *	   ...
 *	epoch = 0; wake	->	return to where it was
 *
 * The handler uses nothing of the C library, only its own frame: the thread may
 * be anywhere, hold any lock, and may not have been seen before.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "gcexport.h"
#include "gcmeta.h"
#include "stop.h"
#include "base/sys.h"

#define EXEMPT_MAX	256
/* x86-64 functions may use 128 bytes below their stack pointer. */
#define RED_ZONE	128
/*
 * A thread that is ready to run answers within milliseconds, or within seconds
 * on a machine with a hundred times as many threads as processors.
 */
#define PATIENCE_MS	10000

struct stop_stat stop_stat;
__thread struct shim_gc_tls shim_gc_tls;

/* The record that came with the signal of shim_gc_tls.pending. */
static __thread struct gcthread *pending_record;

static int signo;
static unsigned int patience_ms = PATIENCE_MS;
static uint32_t epoch;		/* 0: the world runs; futex */
static uint32_t last_epoch;	/* under the registry's lock */
static uint32_t answers;	/* futex of the stopper */
static pid_t exempt_tid[EXEMPT_MAX];

static void futex_wait(uint32_t *word, uint32_t value, uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000),
			       (long)(ns % 1000000000) };

	sys_call6(SYS_futex, (long)word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG,
		  value, ns ? (long)&ts : 0, 0, 0);
}

static void futex_wake(uint32_t *word)
{
	sys_call6(SYS_futex, (long)word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
		  INT32_MAX, 0, 0, 0);
}

static uintptr_t thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

/* Wait until the epoch ends. */
static __attribute__((noinline)) void stand(struct gcthread *t, uint32_t e)
{
	t->sp = (uintptr_t)__builtin_frame_address(0) - RED_ZONE;
	t->tp = thread_pointer();
	/* release: pairs with the acquire in wait_for_all(), for sp and tp */
	__atomic_store_n(&t->stopped, e, __ATOMIC_RELEASE);
	__atomic_add_fetch(&answers, 1, __ATOMIC_RELEASE);
	futex_wake(&answers);
	while (__atomic_load_n(&epoch, __ATOMIC_ACQUIRE) == e)
		futex_wait(&epoch, e, 0);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	struct gcthread *t = info->si_value.sival_ptr;
	uint32_t e = __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);
	pid_t self = (pid_t)sys_call3(SYS_gettid, 0, 0, 0);

	(void)sig;
	(void)context;		/* the registers are in it, on this stack */
	/* too late, or not from us */
	if (!e || info->si_code != SI_QUEUE || info->si_pid != getpid() ||
	    !t || t->tid != self)
		return;
	if (shim_gc_tls.storing) {
		shim_gc_tls.pending = e;
		pending_record = t;
		return;
	}
	stand(t, e);
}

/* Put callee-saved registers on the stack, where they are scanned. */
#define with_registers(call) do {					\
	__builtin_unwind_init();					\
	call;								\
	__asm__ volatile("" ::: "memory");				\
} while (0)

void stop_point(void)
{
	struct gcthread *t = pending_record;
	uint32_t e;

	e = __atomic_exchange_n(&shim_gc_tls.pending, 0, __ATOMIC_RELAXED);
	if (e && e == __atomic_load_n(&epoch, __ATOMIC_ACQUIRE))
		with_registers(stand(t, e));
}

/*
 * Leave the blocked state.  Sequentially consistent: either the stopper reads
 * that we run, and sends a signal, or we read its epoch, and wait.
 */
static void unblock(struct gcthread *t)
{
	uint32_t e;

	for (;;) {
		__atomic_store_n(&t->state, GCTHREAD_RUNNING, __ATOMIC_SEQ_CST);
		e = __atomic_load_n(&epoch, __ATOMIC_SEQ_CST);
		if (!e)
			return;
		__atomic_store_n(&t->state, GCTHREAD_BLOCKED, __ATOMIC_SEQ_CST);
		futex_wait(&epoch, e, 0);
	}
}

static void block(struct gcthread *t, uintptr_t sp)
{
	t->sp = sp;
	t->tp = thread_pointer();
	/* release: pairs with the acquire in is_still(), for sp and tp */
	__atomic_store_n(&t->state, GCTHREAD_BLOCKED, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) void *
blocked_here(struct gcthread *t, void *(*fn)(void *arg), void *arg)
{
	void *ret;

	block(t, (uintptr_t)__builtin_frame_address(0) - RED_ZONE);
	ret = fn(arg);
	unblock(t);
	return ret;
}

void *stop_blocked(void *(*fn)(void *arg), void *arg)
{
	struct gcthread *t = gcthread_self();
	void *ret;

	if (!t || t->state == GCTHREAD_BLOCKED)
		return fn(arg);
	with_registers(ret = blocked_here(t, fn, arg));
	return ret;
}

void *stop_active(void *(*fn)(void *arg), void *arg)
{
	struct gcthread *t = gcthread_self();
	uintptr_t sp;
	void *ret;

	if (!t || t->state != GCTHREAD_BLOCKED)
		return fn(arg);
	sp = t->sp;
	unblock(t);
	ret = fn(arg);
	block(t, sp);
	return ret;
}

/*
 * Valid before the start, too, because threads inherit signal masks set then.
 */
int stop_signal(void)
{
	/* not at either end, from which programs and the C library allocate */
	return signo ? signo : SIGRTMAX - 5;
}

int stop_init(int sig, unsigned int ms)
{
	struct sigaction sa;

	if (ms)
		patience_ms = ms;
	signo = sig ? sig : stop_signal();
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_signal;
	/*
	 * not on an alternate stack, which would separate the registers from
	 * the thread's stack
	 */
	sa.sa_flags = SA_SIGINFO | SA_RESTART;
	sigfillset(&sa.sa_mask);
	sigdelset(&sa.sa_mask, SIGSEGV);
	sigdelset(&sa.sa_mask, SIGBUS);
	return sigaction(signo, &sa, NULL) ? errno : 0;
}

void stop_exempt(pid_t tid, bool exempt)
{
	bool done = false;
	unsigned int i;
	pid_t want;

	for (i = 0; i < EXEMPT_MAX && !done; i++) {
		want = exempt ? 0 : tid;
		done = __atomic_compare_exchange_n(&exempt_tid[i], &want,
						   exempt ? tid : 0, false,
						   __ATOMIC_RELAXED,
						   __ATOMIC_RELAXED);
	}
}

static bool is_exempt(pid_t tid)
{
	unsigned int i;

	for (i = 0; i < EXEMPT_MAX; i++)
		if (__atomic_load_n(&exempt_tid[i], __ATOMIC_RELAXED) == tid)
			return true;
	return false;
}

static bool is_stopped(const struct gcthread *t)
{
	uint32_t e = __atomic_load_n(&epoch, __ATOMIC_RELAXED);

	return __atomic_load_n(&t->stopped, __ATOMIC_ACQUIRE) == e ||
	       __atomic_load_n(&t->state, __ATOMIC_SEQ_CST) ==
	       GCTHREAD_BLOCKED;
}

/* Send the signal, with the record. */
static long ask(struct gcthread *t)
{
	siginfo_t info;

	memset(&info, 0, sizeof(info));
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_ptr = t;
	stop_stat.nr_signals++;
	return sys_call6(SYS_rt_tgsigqueueinfo, getpid(), t->tid, signo,
			 (long)&info, 0, 0);
}

struct dirent64 {
	uint64_t ino;
	int64_t off;
	uint16_t len;
	uint8_t type;
	char name[];
};

/* PF_IO_WORKER: the kernel's own thread, which does a call for io_uring. */
#define IO_WORKER	0x10ul

/*
 * Is it a thread that never answers signals?  A main thread that ended before
 * the others stays on the kernel's list, and io_uring's workers are on it
 * (since Linux 5.12).  Neither has a stack to scan.
 */
static bool is_deaf(pid_t tid)
{
	char buf[256], *end = buf + sizeof("/proc/self/task/") - 1;
	char digits[12];
	unsigned int n = 0;
	long fd, len;

	memcpy(buf, "/proc/self/task/", (size_t)(end - buf));
	for (; tid; tid /= 10)
		digits[n++] = (char)('0' + tid % 10);
	while (n)
		*end++ = digits[--n];
	memcpy(end, "/stat", sizeof("/stat"));
	fd = sys_call6(SYS_openat, AT_FDCWD, (long)buf, O_RDONLY | O_CLOEXEC,
		       0, 0, 0);
	/* without a free descriptor this cannot be determined */
	if (fd < 0)
		return fd == -ENOENT || fd == -ESRCH;
	len = sys_call3(SYS_read, fd, (long)buf, sizeof(buf) - 1);
	sys_call3(SYS_close, fd, 0, 0);
	if (len <= 0)
		return len == -ESRCH;
	buf[len] = 0;
	end = strrchr(buf, ')');
	if (!end || !end[1])
		return false;
	end += 2;
	if (*end == 'Z' || *end == 'X')
		return true;
	/* behind the state: parent, group, session, terminal, its group, flags */
	for (n = 0; n < 6 && end; n++)
		end = strchr(end + 1, ' ');
	return end && strtoul(end, NULL, 10) & IO_WORKER;
}

/*
 * The kernel's list ends early if the thread that it has reached exits at that
 * moment.  The directory's link count is the number of threads plus 2.
 */
static bool is_complete(int dir, unsigned long entries)
{
	struct stat st;

	return !sys_call3(SYS_fstat, dir, (long)&st, 0) &&
	       st.st_nlink == entries + 2;
}

/*
 * Read the kernel's list once, and signal every thread that has not been.
 * Return: how many threads have not stopped yet, or a negative errno; -EAGAIN
 * if the list was incomplete and all threads on it are stopped.
 */
static long ask_all(int dir, pid_t self, uint32_t pass)
{
	char buf[4096] __attribute__((aligned(8)));
	unsigned long entries = 0;
	long n, at, busy = 0;

	if (sys_call3(SYS_lseek, dir, 0, SEEK_SET))
		return -EIO;
	while ((n = sys_call3(SYS_getdents64, dir, (long)buf, sizeof(buf))) >
	       0) {
		for (at = 0; at < n;) {
			struct dirent64 *d = (void *)(buf + at);
			pid_t tid = atoi(d->name);
			struct gcthread *t;

			at += d->len;
			if (tid <= 0)
				continue;
			entries++;
			if (tid == self || is_exempt(tid))
				continue;
			t = gcthread_find(tid);
			if (!t)
				return -ENOMEM;
			t->seen = pass;
			if (is_stopped(t))
				continue;
			if (t->asked == epoch) {
				busy += !is_deaf(tid);
				continue;
			}
			/*
			 * not seen before: a signal in vain would cost a wait
			 */
			if (!t->is_own && !t->stopped && is_deaf(tid))
				continue;
			busy++;
			/* a full signal queue has room again in a moment */
			if (!ask(t))
				t->asked = epoch;
		}
	}
	if (n < 0)
		return n;
	return busy || is_complete(dir, entries) ? busy : -EAGAIN;
}

/* Is there a live thread with a record that was not on the kernel's list? */
static bool is_one_missing(pid_t self, uint32_t pass)
{
	struct gcthread *t;

	for (t = gcthread_next(NULL); t; t = gcthread_next(t))
		if (t->seen != pass && t->tid != self && !is_exempt(t->tid) &&
		    sys_call3(SYS_tgkill, getpid(), t->tid, 0) != -ESRCH)
			return true;
	return false;
}

/* Free the records of threads that have ended unnoticed. */
static void forget_dead(pid_t self, uint32_t pass)
{
	struct gcthread *t;

	stop_stat.last_threads = 1;
	for (t = gcthread_next(NULL); t; t = gcthread_next(t)) {
		if (t->seen == pass)
			stop_stat.last_threads++;
		else if (t->tid != self)
			gcthread_forget(t);
	}
}

/*
 * Sleep until this many have answered, but at most a tenth of a second, since
 * some may have ended instead.  Return: false if the time is up.
 */
static bool wait_for(uint32_t wanted, uint64_t end)
{
	uint64_t now = sys_clock(CLOCK_MONOTONIC), until = now + 100000000;
	uint32_t n;

	while (now < until) {
		n = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);
		if ((int32_t)(n - wanted) >= 0)
			break;
		futex_wait(&answers, n, until - now);
		now = sys_clock(CLOCK_MONOTONIC);
	}
	return now < end;
}

bool stop_world(void)
{
	static uint32_t pass;	/* under the registry's lock */
	pid_t self = (pid_t)sys_call3(SYS_gettid, 0, 0, 0);
	uint64_t end = sys_clock(CLOCK_MONOTONIC) +
		       patience_ms * 1000000ull;
	uint32_t seen;
	long busy, dir;

	dir = sys_call6(SYS_openat, AT_FDCWD, (long)"/proc/self/task",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
	if (dir < 0) {
		stop_stat.nr_failed++;
		return false;
	}
	if (!++last_epoch)
		++last_epoch;
	__atomic_store_n(&epoch, last_epoch, __ATOMIC_SEQ_CST);
	for (;;) {
		seen = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);
		/*
		 * Threads that were still running may have made others while
		 * the list was read: one pass must find all of them stopped.
		 */
		busy = ask_all((int)dir, self, ++pass);
		if (!busy && is_one_missing(self, pass))
			busy = -EAGAIN;
		if (busy <= 0 && busy != -EAGAIN)
			break;
		if (busy == -EAGAIN)
			busy = 0;
		if (!wait_for(seen + (uint32_t)busy, end)) {
			busy = -ETIMEDOUT;
			break;
		}
	}
	sys_call3(SYS_close, dir, 0, 0);
	if (busy) {
		stop_stat.nr_failed++;
		stop_start();
		return false;
	}
	forget_dead(self, pass);
	stop_stat.nr_stops++;
	return true;
}

void stop_start(void)
{
	__atomic_store_n(&epoch, 0, __ATOMIC_SEQ_CST);
	futex_wake(&epoch);
}

void stop_fork_child(void)
{
	memset(exempt_tid, 0, sizeof(exempt_tid));
	epoch = 0;
}
