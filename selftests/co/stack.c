// SPDX-License-Identifier: GPL-2.0-only
/*
 * stack: what shim_stack.h promises; guards and overflows are in stack_guard.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shim_stack.h>

#include "child.h"
#include "mappings.h"
#include "patience.h"
#include "watched.h"

#define PAGE	4096u

static struct shim_stack_stat stat_now(void)
{
	struct shim_stack_stat st;

	shim_stack_get_stat(&st);
	return st;
}

TEST(order)
{
	EXPECT_EQ(14, shim_stack_order(1));
	EXPECT_EQ(14, shim_stack_order((1u << 14) - PAGE));
	EXPECT_EQ(15, shim_stack_order((1u << 14) - PAGE + 1));
	EXPECT_EQ(30, shim_stack_order((1u << 30) - PAGE));
	errno = 0;
	EXPECT_EQ(0, shim_stack_order(1u << 30));
	EXPECT_EQ(EINVAL, errno);
	errno = 0;
	EXPECT_EQ(NULL, shim_stack_get(13));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_stack_get(31));
}

/* The whole stack of every order can be written, and no two overlap. */
TEST(every_order)
{
	unsigned int order;
	char *s[31];

	for (order = 14; order <= 30; order++) {
		s[order] = shim_stack_get(order);
		ASSERT_NE(NULL, s[order]);
		EXPECT_EQ(((size_t)1 << order) - PAGE, shim_stack_size(s[order]));
		EXPECT_EQ(PAGE, (uintptr_t)s[order] & (((size_t)1 << order) - 1));
		s[order][0] = (char)order;
		((char *)shim_stack_top(s[order]))[-1] = (char)order;
	}
	for (order = 14; order <= 30; order++) {
		EXPECT_EQ((char)order, s[order][0]);
		EXPECT_EQ((char)order, ((char *)shim_stack_top(s[order]))[-1]);
		shim_stack_put(s[order]);
	}
}

TEST(reused)
{
	void *a, *b;

	a = shim_stack_get(16);
	shim_stack_put(a);
	b = shim_stack_get(16);
	EXPECT_EQ(a, b);
	shim_stack_put(b);
	shim_stack_put(NULL);
}

/*
 * Many stacks are guarded, need few mappings, give memory back and are counted.
 */
TEST(many)
{
	enum { MANY = 20000 };
	struct shim_stack_stat st, st2;
	long before = mappings();
	static char *s[MANY];
	int i;

	for (i = 0; i < MANY; i++) {
		s[i] = shim_stack_get(14);
		ASSERT_NE(NULL, s[i]);
		((char *)shim_stack_top(s[i]))[-1] = 1;
		*(int *)s[i] = i;
	}
	st = stat_now();
	EXPECT_EQ(MANY, st.used);
	EXPECT_LE(MANY, st.stacks);
	EXPECT_EQ(st.stacks, st.guarded[0] + st.guarded[1] + st.guarded[2] +
			     st.guarded[3]);
	if (st.guarded[SHIM_STACK_GUARD_ARENA] +
	    st.guarded[SHIM_STACK_GUARD_MADVISE] == st.stacks) {
		EXPECT_GE(before + 16, mappings());
	}
	for (i = 0; i < MANY; i++) {
		ASSERT_EQ(i, *(int *)s[i]);
		shim_stack_put(s[i]);
	}
	st2 = stat_now();
	EXPECT_EQ(0, st2.used);
	EXPECT_EQ(st.stacks, st2.stacks);
	EXPECT_GE(1024, st2.warm);
	EXPECT_LE(MANY - 1024 - 64, st2.cold);
	/* free stacks are reused before new ones are made */
	for (i = 0; i < MANY; i++)
		s[i] = shim_stack_get(14);
	EXPECT_EQ(st.stacks, stat_now().stacks);
	for (i = 0; i < MANY; i++)
		shim_stack_put(s[i]);
}

/* A stack on the warm list keeps a page, one on the cold list none. */
TEST(warm_and_cold)
{
	enum { SOME = 200 };
	char *s[SOME];
	size_t used;
	int i, warm = 0;

	for (i = 0; i < SOME; i++) {
		s[i] = shim_stack_get(15);
		memset(s[i], 1, shim_stack_size(s[i]));
	}
	for (i = 0; i < SOME; i++)
		shim_stack_put(s[i]);
	EXPECT_LE(SOME - 32, stat_now().warm);
	for (i = 0; i < SOME; i++) {
		s[i] = shim_stack_get(15);
		used = shim_stack_used(s[i]);
		EXPECT_TRUE(!used || used == PAGE ||
			    used == (1u << 15) - PAGE);
		warm += used == PAGE;
	}
	/* the caches keep 32, and up to 15 were made but never used */
	EXPECT_LE(SOME - 32 - 15, warm);
	for (i = 0; i < SOME; i++)
		shim_stack_put(s[i]);
	EXPECT_LE(SOME - 32, shim_stack_shrink());
	for (i = 0; i < SOME; i++) {
		s[i] = shim_stack_get(15);
		EXPECT_EQ(0, shim_stack_used(s[i]));
	}
	for (i = 0; i < SOME; i++)
		shim_stack_put(s[i]);
}

TEST(trim)
{
	char *s = shim_stack_get(18);
	size_t size = shim_stack_size(s);
	char *top = shim_stack_top(s);

	memset(s, 1, size);
	EXPECT_EQ(size, shim_stack_used(s));
	/* while a quarter is in use, nothing goes */
	EXPECT_EQ(0, shim_stack_trim(s, top - size / 4));
	EXPECT_EQ(size, shim_stack_used(s));
	/*
	 * with less in use half stays, then half of that, never less than is in
	 * use
	 */
	EXPECT_EQ(size / 2 / PAGE * PAGE, shim_stack_trim(s, top - 5 * PAGE));
	EXPECT_EQ(32 * PAGE, shim_stack_used(s));
	EXPECT_EQ(16 * PAGE, shim_stack_trim(s, top - 5 * PAGE));
	EXPECT_EQ(0, shim_stack_trim(s, top - 5 * PAGE));
	EXPECT_EQ(1, top[-5 * (int)PAGE]);
	EXPECT_EQ(0, s[0]);
	EXPECT_EQ(2, stat_now().trims);
	shim_stack_put(s);
}

/* Without address space there is an errno; with little, areas are smaller. */
static void no_space(void)
{
	struct rlimit all, little;
	struct shim_stack_stat st;
	void *s;
	int n = 0;

	getrlimit(RLIMIT_AS, &all);
	little = all;
	little.rlim_cur = 80 << 20;
	setrlimit(RLIMIT_AS, &little);
	while ((s = shim_stack_get(20)))
		n++;
	if (errno != ENOMEM || n < 20)
		_exit(1);
	setrlimit(RLIMIT_AS, &all);
	if (!shim_stack_get(20))
		_exit(2);
	shim_stack_get_stat(&st);
	_exit(st.used == (uint64_t)n + 1 ? 0 : 3);
}

TEST(address_space)
{
	char said[8192];

	SKIP_IF_WATCHED("whoever watches needs address space, too");
	EXPECT_EQ(0, child(no_space, said, sizeof(said)));
}

static void put_twice(void)
{
	void *s = shim_stack_get(16);

	shim_stack_put(s);
	shim_stack_put(s);
}

static void put_other(void)
{
	static char other[64];

	shim_stack_put(other);
}

static void put_middle(void)
{
	char *s = shim_stack_get(16);

	shim_stack_put(s + PAGE);
}

TEST(misuse)
{
	char said[8192];

	EXPECT_EQ(SIGABRT, WTERMSIG(child(put_twice, said, sizeof(said))));
	EXPECT_NE(NULL, strstr(said, "not a stack in use"));
	EXPECT_EQ(SIGABRT, WTERMSIG(child(put_other, said, sizeof(said))));
	EXPECT_EQ(SIGABRT, WTERMSIG(child(put_middle, said, sizeof(said))));
}

static void depths(void)
{
	char *s = shim_stack_get(16);

	memset((char *)shim_stack_top(s) - 9000, 1, 9000);
	shim_stack_put(s);
	s = shim_stack_get(16);
	((char *)shim_stack_top(s))[-1] = 1;
	shim_stack_put(s);
	exit(0);
}

TEST(debug)
{
	char said[8192];

	setenv("SHIM_STACK_DEBUG", "1", 1);
	EXPECT_EQ(0, child(depths, said, sizeof(said)));
	EXPECT_NE(NULL, strstr(said, "stacks of 64 KiB that went 4 KiB deep or less: 1"));
	EXPECT_NE(NULL, strstr(said, "stacks of 64 KiB that went 12 KiB deep or less: 1"));
	unsetenv("SHIM_STACK_DEBUG");
}

static void *thread_takes(void *arg)
{
	void **s = arg;
	int i;

	for (i = 0; i < 100; i++) {
		s[i] = shim_stack_get(14);
		*(char *)s[i] = 1;
	}
	return NULL;
}

static void *thread_gives(void *arg)
{
	void **s = arg;
	int i;

	for (i = 0; i < 100; i++)
		shim_stack_put(s[i]);
	return NULL;
}

/* A thread's cached stacks outlive the thread. */
TEST(threads)
{
	void *s[4][100];
	struct shim_stack_stat st;
	pthread_t t[4];
	int round, i;

	for (round = 0; round < 10; round++) {
		for (i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, thread_takes, s[i]);
		for (i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		EXPECT_EQ(400, stat_now().used);
		for (i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, thread_gives, s[3 - i]);
		for (i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		st = stat_now();
		EXPECT_EQ(0, st.used);
		EXPECT_EQ(0, st.cached);
		EXPECT_GE(400 + 4 * 16, st.stacks);
	}
}

static char own_signals[65536];
static pthread_key_t after_all;
static bool has_own;

/* Made after libshim's: called behind it as the thread ends. */
static void look_at_signals(void *arg)
{
	stack_t ss;

	(void)arg;
	has_own = !sigaltstack(NULL, &ss) && ss.ss_sp == own_signals &&
		  !(ss.ss_flags & SS_DISABLE);
}

static void *replaces_signals(void *arg)
{
	stack_t ss = { .ss_sp = own_signals, .ss_size = sizeof(own_signals) };
	stack_t was;

	shim_stack_put(shim_stack_get(14));
	/* there is one for the report of an overflow */
	if (sigaltstack(NULL, &was) || was.ss_flags & SS_DISABLE ||
	    sigaltstack(&ss, NULL) || pthread_setspecific(after_all, arg))
		return NULL;
	return arg;
}

/* A program's own signal stack is its own as long as the thread lives. */
TEST(own_signal_stack_stays)
{
	pthread_t t;
	void *ret;

	shim_stack_put(shim_stack_get(14));
	ASSERT_EQ(0, pthread_key_create(&after_all, look_at_signals));
	ASSERT_EQ(0, pthread_create(&t, NULL, replaces_signals, &has_own));
	ASSERT_EQ(0, pthread_join(t, &ret));
	ASSERT_EQ(&has_own, ret);
	EXPECT_TRUE(has_own);
}

#define ENDING		3
#define ENDING_STACK	THREAD_STACK(256 << 10)

struct ending {
	pthread_t thread;
	char *stack;
	int go[2];
};

static void *thread_ends(void *arg)
{
	struct ending *e = arg;
	void *s = shim_stack_get(14);
	char c;

	*(char *)s = 1;
	shim_stack_put(s);
	/* begun, and not to end before it is told to */
	if (write(e->go[0], "b", 1) != 1 || read(e->go[0], &c, 1) != 1)
		return e;
	return NULL;
}

/* Threads end in every order, and leave nothing behind that points to them. */
TEST(threads_end_in_every_order)
{
	static const int orders[][ENDING] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct ending e[ENDING];
	pthread_attr_t attr;
	unsigned int o;
	void *failed;
	int i, k;
	char c;

	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		for (i = 0; i < ENDING; i++) {
			ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0,
						e[i].go));
			/* its own variables lie there, too */
			e[i].stack = mmap(NULL, ENDING_STACK, PROT_READ |
					  PROT_WRITE, MAP_PRIVATE |
					  MAP_ANONYMOUS, -1, 0);
			ASSERT_NE(MAP_FAILED, e[i].stack);
			pthread_attr_init(&attr);
			ASSERT_EQ(0, pthread_attr_setstack(&attr, e[i].stack,
							   ENDING_STACK));
			ASSERT_EQ(0, pthread_create(&e[i].thread, &attr,
						    thread_ends, &e[i]));
			pthread_attr_destroy(&attr);
			ASSERT_EQ(1, read(e[i].go[1], &c, 1));
		}
		for (i = 0; i < ENDING; i++) {
			k = orders[o][i];
			ASSERT_EQ(1, write(e[k].go[1], "e", 1));
			ASSERT_EQ(0, pthread_join(e[k].thread, &failed));
			EXPECT_EQ(NULL, failed);
			/* for good: the next one must not be put there */
			ASSERT_EQ(0, mprotect(e[k].stack, ENDING_STACK,
					      PROT_NONE));
			close(e[k].go[0]);
			close(e[k].go[1]);
			EXPECT_EQ(0, stat_now().used);
		}
		EXPECT_EQ(0, stat_now().cached);
	}
}

static int stop;

static void *thread_churns(void *arg)
{
	void *s[8];
	int i;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 8; i++)
			s[i] = shim_stack_get(14 + (i & 1));
		for (i = 0; i < 8; i++)
			shim_stack_put(s[i]);
	}
	return NULL;
}

/* The child has every stack that the parent's threads did not hold. */
TEST(fork_while_busy)
{
	pthread_t t[3];
	int i, status;
	pid_t pid;

	for (i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, thread_churns, NULL);
	for (i = 0; i < 200; i++) {
		pid = fork();
		if (!pid) {
			struct shim_stack_stat st;
			char *s = shim_stack_get(14);

			*s = 1;
			shim_stack_get_stat(&st);
			/*
			 * at most 8 a thread were in use, and 16 on their way
			 * between its cache and the lists
			 */
			_exit(st.used > 3 * (8 + 16) + 1);
		}
		waitpid(pid, &status, 0);
		ASSERT_EQ(0, status);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	EXPECT_EQ(0, stat_now().used);
}

TEST_HARNESS_MAIN
