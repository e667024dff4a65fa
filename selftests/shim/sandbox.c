// SPDX-License-Identifier: GPL-2.0-only
/*
 * sandbox: system calls that are refused.
 *
 * From the start, each in turn and all at once, with various errnos; and later,
 * when a worker enters its sandbox after the first allocation, with EPERM and
 * by death.  The program runs itself for the former.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "load.h"

#define MIB	((size_t)1 << 20)
#define NR_MAX	16
#define NO_SUCH_CALL	38	/* as from a kernel without the call */

/*
 * The system calls that the library makes beyond those of any allocator, and
 * those for its memory.
 */
static const int refused[] = {
	SYS_sched_getaffinity, SYS_membarrier, SYS_clock_gettime, SYS_getpid,
	SYS_sched_yield, SYS_prctl, SYS_madvise, SYS_mremap, SYS_statx,
	SYS_ioctl, SYS_getrandom, SYS_personality,
};

#define NR_REFUSED	(sizeof(refused) / sizeof(refused[0]))

/* Answer @action to the @n calls in @nr, and allow the others. */
static int filter(const int *nr, unsigned int n, uint32_t action)
{
	struct sock_filter code[NR_MAX + 3];
	struct sock_fprog prog = { (unsigned short)(n + 3), code };
	unsigned int i;

	code[0] = (struct sock_filter)
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr));
	for (i = 0; i < n; i++)
		code[i + 1] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr[i],
				 (unsigned char)(n - i), 0);
	code[n + 1] = (struct sock_filter)
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

/*
 * Use every layer, and whatever makes each of them call the kernel, with
 * objects of up to @most bytes.
 */
static int work(size_t most)
{
	struct load l = { .max = 200000 };
	size_t i, n = 20000;
	char **p = malloc(n * sizeof(*p));
	char *q;

	for (i = 0; i < n; i++) {
		p[i] = malloc(1000);
		if (!p[i])
			return 1;
		memset(p[i], 1, 1000);
	}
	for (i = 0; i < n; i++)
		free(p[i]);
	free(p);
	for (i = (size_t)1 << 20; i <= most; i *= 2) {
		q = malloc(i);
		if (!q)
			return 2;
		memset(q, 2, i);
		q = realloc(q, i + i / 4);
		if (!q || q[i - 1] != 2)
			return 3;
		free(q);
	}
	load_run(&l, 2000, 9);
	malloc_trim(0);
	load_run(&l, 2000, 10);
	return l.bad ? 4 : 0;
}

static int work_with_threads(size_t most)
{
	struct load l = { .max = 20000, .target = 2000, .migrate = true };

	load_start(&l, 4);
	malloc_trim(0);
	load_join(&l);
	malloc_trim(0);
	load_drain(&l);
	return l.bad || work(most);
}

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   1000 + WTERMSIG(status);
}

/* Run the program again with @n system calls refused from the start. */
static int from_the_start(const int *nr, unsigned int n, int error)
{
	pid_t pid = fork();

	if (!pid) {
		setenv("SANDBOX_WORK", "1", 1);
		if (filter(nr, n, SECCOMP_RET_ERRNO | (unsigned int)error))
			_exit(99);
		execl("/proc/self/exe", "sandbox", NULL);
		_exit(98);
	}
	return status_of(pid);
}

TEST(refused_from_the_start)
{
	static const int errors[] = { EPERM, NO_SUCH_CALL, EINVAL };
	unsigned int i, k;

	for (k = 0; k < 3; k++) {
		for (i = 0; i < NR_REFUSED; i++)
			EXPECT_EQ(0, from_the_start(&refused[i], 1, errors[k]))
				TH_LOG("call %d, errno %d", refused[i],
				       errors[k]);
		EXPECT_EQ(0, from_the_start(refused, NR_REFUSED, errors[k]));
	}
}

/* A worker that has allocated, and then enters the sandbox. */
static int later(uint32_t action, bool threads)
{
	static const int extra[] = {
		SYS_openat, SYS_getcpu, SYS_sched_setaffinity,
#ifdef SYS_open
		SYS_open,
#endif
	};
	int nr[NR_MAX], status;
	unsigned int i, n = 0;
	pid_t pid = fork();

	if (pid)
		return status_of(pid);
	free(malloc(100));
	for (i = 0; i < NR_REFUSED; i++)
		/* every allocator is expected to use these */
		if (action != SECCOMP_RET_KILL_PROCESS ||
		    (refused[i] != SYS_madvise && refused[i] != SYS_mremap))
			nr[n++] = refused[i];
	for (i = 0; i < sizeof(extra) / sizeof(extra[0]); i++)
		nr[n++] = extra[i];
	if (filter(nr, n, action))
		_exit(99);
	status = threads ? work_with_threads(64 * MIB) :
			   work(64 * MIB);
	_exit(status);
}

TEST(refused_later)
{
	EXPECT_EQ(0, later(SECCOMP_RET_ERRNO | EPERM, false));
	EXPECT_EQ(0, later(SECCOMP_RET_ERRNO | NO_SUCH_CALL, false));
	EXPECT_EQ(0, later(SECCOMP_RET_ERRNO | EPERM, true));
}

/* On anonymous memory, since the module's backend always needs ioctl(). */
static int killed_with(const char *options)
{
	pid_t pid = fork();

	if (!pid) {
		setenv("SHIM_BACKEND", "thp", 1);
		setenv("SHIM_OPTIONS", options, 1);
		setenv("SANDBOX_WORK", "killed", 1);
		execl("/proc/self/exe", "sandbox", NULL);
		_exit(98);
	}
	return status_of(pid);
}

TEST(killed_later)
{
	EXPECT_EQ(0, killed_with(""));
}

/*
 * With a limit, files of control groups are read now and then, but not in a
 * sandbox.
 */
TEST(killed_later_with_a_limit)
{
	EXPECT_EQ(0, killed_with("limit=1g"));
	EXPECT_EQ(0, killed_with("limit=100m"));
}

/* prctl() is ours, and otherwise does what it always does. */
TEST(prctl_is_prctl)
{
	char name[16] = "";

	EXPECT_EQ(0, prctl(PR_SET_NAME, "sand", 0, 0, 0));
	EXPECT_EQ(0, prctl(PR_GET_NAME, name, 0, 0, 0));
	EXPECT_STREQ("sand", name);
	EXPECT_EQ(0, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	EXPECT_EQ(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EXPECT_EQ(1, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	errno = 0;
	EXPECT_EQ(-1, prctl(-1, 0, 0, 0, 0));
	EXPECT_EQ(EINVAL, errno);
}

static sigjmp_buf back;

static void on_abort(int sig)
{
	siglongjmp(back, sig);
}

/*
 * As test frameworks do it: the handler of SIGABRT lets the program continue.
 */
TEST(a_handler_goes_on_after_a_report)
{
	char *volatile p = malloc(100);
	char *volatile q;
	int i;
	volatile int failed = 0;

	signal(SIGABRT, on_abort);
	for (i = 0; i < 3; i++) {
		p = malloc(100);
		free(p);
		if (!sigsetjmp(back, 1)) {
			free(p);
			failed = 1000000;	/* not found */
		}
	}
	for (i = 0; i < 100000; i++) {
		q = malloc(5000);
		failed += !q;
		if (i % 2)
			free(q);
	}
	EXPECT_EQ(0, failed);
}

/* The program ran itself, in a sandbox or on the way to one: no tests then. */
__attribute__((constructor)) static void in_the_sandbox(void)
{
	const char *what = getenv("SANDBOX_WORK");

	if (what && !strcmp(what, "killed"))
		_exit(later(SECCOMP_RET_KILL_PROCESS, false));
	/* runs dozens of times, so it does less, for slow machines */
	if (what)
		_exit(work(16 * MIB) || work_with_threads(16 * MIB));
}

TEST_HARNESS_MAIN
