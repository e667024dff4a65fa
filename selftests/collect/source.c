// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode dirty takes the first source of dirty bits that works: the module, the
 * kernel's soft-dirty bits, userfaultfd, else threads stop for the whole mark.
 * Whichever it is, no store is lost.  Sources are hidden by mounting /dev/null
 * over the file that they need, in a mount namespace of the test's own.
 */
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "edges.h"

static bool hide(const char *path)
{
	static bool alone;

	if (!alone && (unshare(CLONE_NEWNS) ||
		       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)))
		return false;
	alone = true;
	return !mount("/dev/null", path, NULL, MS_BIND, NULL);
}

static struct shim_gc_stat stat_now(void)
{
	struct shim_gc_stat st;

	shim_gc_get_stat(&st, sizeof(st));
	return st;
}

#ifndef ON_LIBSHIM
/* PAGEMAP_SCAN and write protection without a waiter: Linux 6.7. */
static bool kernel_has_scan(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;

	if (uname(&u) || sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 7);
}
#endif

/* CONFIG_MEM_SOFT_DIRTY: a page just written to has bit 55. */
static bool kernel_has_soft_dirty(void)
{
	static char page[8192];
	char *p = (char *)(((uintptr_t)page + 4095) & -4096UL);
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	*(volatile char *)p = 1;
	if (fd < 0 || pread(fd, &entry, 8, (uintptr_t)p / 4096 * 8) != 8)
		entry = 0;
	if (fd >= 0)
		close(fd);
	return entry >> 55 & 1;
}

static enum shim_gc_dirty last_source(void)
{
#ifndef ON_LIBSHIM
	if (kernel_has_scan())
		return SHIM_GC_DIRTY_UFFD;
#endif
	return SHIM_GC_DIRTY_NOBODY;
}

/* What is expected of the first source. */
static enum shim_gc_dirty first_source(void)
{
#ifdef ON_LIBSHIM
	return SHIM_GC_DIRTY_MODULE;
#else
	return kernel_has_soft_dirty() ? SHIM_GC_DIRTY_SOFT : last_source();
#endif
}

/* Both ways to lose an object, with every source. */
static unsigned int play(enum shim_gc_dirty want)
{
	struct shim_gc_stat st;
	unsigned int whole;

	if (init(SHIM_GC_DIRTY))
		return 1000;
	st = stat_now();
	if (st.dirty != want ||
	    st.mode != (want == SHIM_GC_DIRTY_NOBODY ? SHIM_GC_STOP :
						       SHIM_GC_DIRTY))
		return 1001;
	prepare_holders();
	prepare();
	shim_gc_set_verify(true);
	if (want == SHIM_GC_DIRTY_NOBODY) {
		take_edges(false);
		give_edges(false);
		if (collect())
			return 1002;
	} else if (run_cycle_twice(take_edges, give_edges)) {
		return 1003;
	}
	whole = count_whole();
	if (want != SHIM_GC_DIRTY_NOBODY) {
		prepare();
		if (run_cycle(move_edges, false))
			return 1004;
		whole = whole < count_whole() ? whole : count_whole();
	}
	st = stat_now();
	if (st.missed || shim_gc_verify())
		return 1005;
	return whole;
}

TEST(the_first_that_works)
{
	EXPECT_EQ(SOME, play(first_source()));
}

TEST(soft_dirty_bits_without_the_module)
{
	if (!kernel_has_soft_dirty())
		SKIP(return, "this kernel has no soft-dirty bits");
	ASSERT_TRUE(hide("/dev/hugearena"));
	EXPECT_EQ(SOME, play(SHIM_GC_DIRTY_SOFT));
}

TEST(then_userfaultfd)
{
	ASSERT_TRUE(hide("/dev/hugearena"));
	ASSERT_TRUE(hide("/proc/self/clear_refs"));
	EXPECT_EQ(SOME, play(last_source()));
}

TEST(and_nothing_at_last)
{
	ASSERT_TRUE(hide("/dev/hugearena"));
	ASSERT_TRUE(hide("/proc/self/clear_refs"));
	ASSERT_TRUE(hide("/proc/self/pagemap"));
	EXPECT_EQ(SOME, play(SHIM_GC_DIRTY_NOBODY));
}

static int in_child(void)
{
	unsigned int whole = count_whole();

	prepare();
	/* userfaultfd does not survive fork(): threads stop in the child then */
	if (stat_now().mode == SHIM_GC_STOP) {
		move_edges(false);
		if (collect())
			return 2;
	} else if (run_cycle(move_edges, false)) {
		return 2;
	}
	if (whole != SOME || count_whole() != SOME || stat_now().missed)
		return 3;
	return shim_gc_verify() ? 4 : 0;
}

static void (*volatile libc_free)(void *p) = free;

static bool dies_of_free(size_t size)
{
	int status, null;
	pid_t pid = fork();

	if (!pid) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, STDERR_FILENO);
		libc_free(shim_gc_alloc(size));
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGABRT;
}

/* Memory of the collector's own arena is none of malloc()'s either. */
TEST(an_object_is_not_freed_by_malloc)
{
	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	EXPECT_TRUE(dies_of_free(100));
	EXPECT_TRUE(dies_of_free(1 << 20));
}

static int go[2];
static pid_t child;

static void give_and_fork(bool arg)
{
	char c;

	give_edges(arg);
	/*
	 * fork() would wait for the end of the collection; arm64 has no system call
	 * of that name
	 */
	child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (child)
		return;
	close(go[1]);
	if (read(go[0], &c, 1) < 0)
		_exit(9);
	_exit(0);
}

static void give_and_wait(bool arg)
{
	int status;

	give_edges(arg);
	close(go[1]);
	waitpid(child, &status, 0);
}

/* A child that lives while marking goes on, and ends before it does. */
TEST(a_child_in_between)
{
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	prepare_holders();
	prepare();
	shim_gc_set_verify(true);
	/* it is made between the two looks, and lives through the second */
	ASSERT_EQ(0, run_cycle_twice(take_edges, give_and_fork));
	ASSERT_LT(0, child);
	EXPECT_EQ(SOME, count_whole());
	/* it lives at the first look of the next collection */
	prepare();
	ASSERT_EQ(0, run_cycle_twice(take_edges, give_and_wait));
	EXPECT_EQ(SOME, count_whole());
	EXPECT_EQ(0, stat_now().missed);
	EXPECT_EQ(2, stat_now().concurrent);
}

/* A child has a heap and a source of its own; the parent's stay right. */
TEST(a_child_collects)
{
	int status, i;
	pid_t pid;

	ASSERT_EQ(0, init(SHIM_GC_DIRTY));
	prepare_holders();
	prepare();
	ASSERT_EQ(0, run_cycle(move_edges, false));
	for (i = 0; i < 3; i++) {
		pid = fork();
		if (!pid)
			_exit(in_child());
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
		prepare();
		ASSERT_EQ(0, run_cycle(move_edges, false));
		EXPECT_EQ(SOME, count_whole());
	}
}

TEST_HARNESS_MAIN
