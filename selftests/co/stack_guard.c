// SPDX-License-Identifier: GPL-2.0-only
/*
 * stack_guard: guards of stacks, the best that this machine has and every lesser
 * one, and what is reported when a stack overflows.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shim_stack.h>

#include "child.h"
#include "mappings.h"
#include "patience.h"
#include "watched.h"

#define PAGE	4096u

static void overflow(void)
{
	char *s = shim_stack_get(14);

	shim_stack_name(s, "worker 7");
	s[-1] = 1;
}

static void overflow_far(void)
{
	char *s = shim_stack_get(14);

	s[-(int)PAGE] = 1;
}

static void other_fault(void)
{
	shim_stack_get(14);
	*(volatile char *)16 = 1;
}

static void own_handler(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	_exit(info->si_addr ? 42 : 43);
}

static void overflow_handled(void)
{
	struct sigaction sa = { 0 };
	char *s;

	sa.sa_sigaction = own_handler;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &sa, NULL);
	s = shim_stack_get(14);
	s[-1] = 1;
}

static void killed(void)
{
	shim_stack_get(14);
	raise(SIGSEGV);
}

/*
 * The test's own process has no stacks yet, so that each child finds the signal
 * handler as the process left it.
 */
TEST(overflow_reported)
{
	char said[8192];
	int status;

	status = child(overflow, said, sizeof(said));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_NE(NULL, strstr(said, "stack overflow: stack worker 7: all 12288 bytes are used"));
	/* the backtrace: at least one line a frame */
	EXPECT_NE(NULL, strstr(said, "[0x"));

	status = child(overflow_far, said, sizeof(said));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_NE(NULL, strstr(said, "stack overflow"));
}

/* Other faults do not concern us: no message, and the signal as usual. */
TEST(other_faults)
{
	char said[8192];
	int status;

	status = child(other_fault, said, sizeof(said));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_STREQ("", said);
	status = child(killed, said, sizeof(said));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_STREQ("", said);
}

TEST(own_handler_called)
{
	char said[8192];
	int status = child(overflow_handled, said, sizeof(said));

	EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	EXPECT_NE(NULL, strstr(said, "stack overflow"));
}

static sigjmp_buf back;

static void jump(int sig)
{
	(void)sig;
	siglongjmp(back, 1);
}

/* Every guard holds, whichever kind the environment allows. */
static void guards(void)
{
	enum { SOME = 300 };
	static char *s[SOME];
	struct shim_stack_stat st;
	volatile int held = 0, i;

	signal(SIGSEGV, jump);
	for (i = 0; i < SOME; i++)
		s[i] = shim_stack_get(14);
	/* replaces ours: nothing is reported */
	signal(SIGSEGV, jump);
	for (i = 0; i < SOME; i++) {
		s[i][0] = 1;
		if (sigsetjmp(back, 1))
			held++;
		else
			s[i][-1 - i] = 1;
	}
	shim_stack_get_stat(&st);
	/* also after the memory was given back */
	for (i = 0; i < SOME; i++)
		shim_stack_put(s[i]);
	shim_stack_shrink();
	for (i = 0; i < SOME; i++)
		s[i] = shim_stack_get(14);
	for (i = 0; i < SOME; i++) {
		if (sigsetjmp(back, 1))
			held++;
		else
			s[i][-1] = 1;
	}
	if (st.guarded[SHIM_STACK_GUARD_NONE] == st.stacks && !held)
		_exit(10);
	if (!st.guarded[SHIM_STACK_GUARD_NONE] && held == 2 * SOME)
		_exit(11 + !st.guarded[SHIM_STACK_GUARD_MPROTECT] +
		      2 * !!st.guarded[SHIM_STACK_GUARD_ARENA]);
	_exit(99);
}

#define GUARD_INSTALL	102	/* madvise() of Linux 6.13 */

static bool kernel_has_guards(void)
{
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has = p != MAP_FAILED && !madvise(p, PAGE, GUARD_INSTALL);

	munmap(p, PAGE);
	return has;
}

TEST(guards_hold)
{
	/* by MADV_GUARD_INSTALL, or by mprotect() where the kernel lacks it */
	int best = kernel_has_guards() ? 12 : 11;
	char said[8192];
	int status;

	status = child(guards, said, sizeof(said));
	EXPECT_TRUE(WIFEXITED(status));
	/* an arena of the module, where there is one, has guards of its own */
	EXPECT_EQ(access("/dev/hugearena", R_OK | W_OK) ? best : 14,
		  WEXITSTATUS(status));
	EXPECT_STREQ("", said);

	setenv("SHIM_STACK_GUARD", "madvise", 1);
	status = child(guards, said, sizeof(said));
	EXPECT_EQ(best, WEXITSTATUS(status));

	setenv("SHIM_STACK_GUARD", "mprotect", 1);
	status = child(guards, said, sizeof(said));
	EXPECT_EQ(11, WEXITSTATUS(status));
	EXPECT_STREQ("", said);

	/* running without guards is reported, and counted */
	setenv("SHIM_STACK_GUARD", "none", 1);
	status = child(guards, said, sizeof(said));
	EXPECT_EQ(10, WEXITSTATUS(status));
	EXPECT_NE(NULL, strstr(said, "have no guard: SHIM_STACK_GUARD=none"));

	setenv("SHIM_STACK_GUARD", "brick", 1);
	status = child(guards, said, sizeof(said));
	EXPECT_NE(NULL, strstr(said, "SHIM_STACK_GUARD=brick"));
	unsetenv("SHIM_STACK_GUARD");
}

static long map_count_max(void)
{
	FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
	long max = 65530;

	if (f) {
		if (fscanf(f, "%ld", &max) != 1)
			max = 65530;
		fclose(f);
	}
	return max;
}

/* mprotect() guards leave half of the mappings to the program. */
static void mprotect_half(void)
{
	long max = map_count_max(), i;
	struct shim_stack_stat st;

	for (i = 0; i < max / 2; i++)
		if (!shim_stack_get(14))
			_exit(1);
	shim_stack_get_stat(&st);
	if (st.guarded[SHIM_STACK_GUARD_MPROTECT] < (uint64_t)max / 4 - 16 ||
	    st.guarded[SHIM_STACK_GUARD_MPROTECT] > (uint64_t)max / 4 ||
	    st.guarded[SHIM_STACK_GUARD_NONE] < (uint64_t)max / 4 - 16)
		_exit(2);
	if (mappings() > max / 2 + 100)
		_exit(3);
	_exit(0);
}

TEST(mappings_left)
{
	char said[8192];
	int status;

	SKIP_IF_WATCHED("whoever watches has mappings, too");
	if (map_count_max() > 200000)
		SKIP(return, "vm.max_map_count is raised");
	setenv("SHIM_STACK_GUARD", "mprotect", 1);
	status = child(mprotect_half, said, sizeof(said));
	EXPECT_EQ(0, status);
	EXPECT_NE(NULL, strstr(said, "half of vm.max_map_count"));
	unsetenv("SHIM_STACK_GUARD");
}

static void *thread_overflows(void *arg)
{
	shim_stack_thread();
	*(volatile char *)((char *)arg - 1) = 1;
	return NULL;
}

static void overflow_thread(void)
{
	void *s = shim_stack_get(shim_stack_order(THREAD_STACK(128 << 10)));
	pthread_attr_t attr;
	pthread_t t;

	shim_stack_name(s, "a thread's");
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, s, shim_stack_size(s));
	pthread_create(&t, &attr, thread_overflows, s);
	pthread_join(t, NULL);
}

TEST(overflow_in_thread)
{
	char said[8192];
	int status = child(overflow_thread, said, sizeof(said));

	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	EXPECT_NE(NULL, strstr(said, "stack a thread's"));
}

TEST_HARNESS_MAIN
