// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stacks and registers of threads keep objects, whatever the threads do: block,
 * switch stacks, take all signals, end before others, or fork.
 */
#include <semaphore.h>
#include <sys/signalfd.h>
#include <ucontext.h>

#include "roots.h"

static void *in_bss[SOME];
static sem_t go, there;
static void *_Atomic hand[SOME];
static pthread_attr_t *attr;

/* Start a thread, and wait until it runs. */
static int start(pthread_t *thread, void *(*fn)(void *arg), void *arg)
{
	int err;

	sem_init(&go, 0, 0);
	sem_init(&there, 0, 0);
	err = pthread_create(thread, attr, fn, arg);
	while (!err && sem_wait(&there))
		;
	return err;
}

/* Let it end. */
static void end(pthread_t thread)
{
	sem_post(&go);
	pthread_join(thread, NULL);
}

/* A thread that never calls the collector: it is handed the objects. */
static void *holder(void *arg)
{
	void *mine[SOME];
	unsigned int i;

	(void)arg;
	for (i = 0; i < SOME; i++) {
		mine[i] = hand[i];
		hand[i] = NULL;
	}
	sem_post(&there);
	while (sem_wait(&go))
		;
	return mine[SOME - 1];
}

TEST(stacks_of_threads_that_never_called)
{
	pthread_t thread;

	fill((void **)hand, 40);
	ASSERT_EQ(0, start(&thread, holder, NULL));
	EXPECT_EQ(SOME, left());
	end(thread);
	EXPECT_GE(STRAY, left());
}

/* A stack lies beside any other memory, which is not scanned with it. */
TEST(what_lies_behind_such_a_stack)
{
	size_t size = 256 << 10;
	pthread_attr_t small;
	pthread_t thread;
	char *p;

	p = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)p);
	fill((void **)(p + size), 40);
	pthread_attr_init(&small);
	ASSERT_EQ(0, pthread_attr_setstack(&small, p, size));
	attr = &small;
	ASSERT_EQ(0, start(&thread, holder, NULL));
	attr = NULL;
	EXPECT_GE(STRAY, left());
	end(thread);
	pthread_attr_destroy(&small);
	munmap(p, 2 * size);
}

static void *wait_blocked(void *arg)
{
	sem_post(&there);
	while (sem_wait(arg))
		;
	return NULL;
}

static void *blocked_holder(void *arg)
{
	void *mine[SOME];

	fill(mine, 40);
	shim_gc_blocked(wait_blocked, arg);
	return mine[0];
}

TEST(a_blocked_thread_keeps_what_it_has)
{
	pthread_t thread;

	ASSERT_EQ(0, start(&thread, blocked_holder, &go));
	EXPECT_EQ(SOME, left());
	end(thread);
}

static ucontext_t out, in;

static void on_other_stack(void)
{
	void *mine[SOME];

	fill(mine, 40);
	if (!collect())
		in_bss[0] = (void *)(uintptr_t)count_left(weak, SOME);
	in_bss[1] = mine[SOME - 1];
	swapcontext(&in, &out);
}

/*
 * A coroutine of another library: the thread runs on a stack that is not its
 * own.
 */
TEST(a_stack_that_is_not_the_threads)
{
	size_t size = 256 << 10;
	void *mine[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		mine[i] = shim_gc_alloc(5000);
	getcontext(&in);
	in.uc_stack.ss_sp = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	in.uc_stack.ss_size = size;
	makecontext(&in, on_other_stack, 0);
	swapcontext(&out, &in);
	EXPECT_EQ(SOME, (uintptr_t)in_bss[0]);
	/* and the objects on the thread's own stack are kept as well */
	for (i = 0; i < 4; i++)
		EXPECT_EQ(mine[i], shim_gc_base(mine[i]));
	munmap(in.uc_stack.ss_sp, size);
}

static void *parked[SOME];
static bool is_parked;

static void each_stack(void (*fn)(const void *low, const void *high))
{
	if (is_parked)
		fn(parked, parked + SOME);
}

TEST(stacks_that_a_library_tells_us)
{
	void **copy = calloc(SOME, sizeof(*copy));

	/* parked[] would be a root by itself: hide it behind a mapping */
	shim_gc_on_stacks(each_stack);
	fill(copy, 40);
	is_parked = true;
	memcpy(parked, copy, sizeof(parked));
	EXPECT_EQ(SOME, left());
	free(copy);
}

/* A million stacks, as of coroutines; a hundred of them hold an object. */
#define STACKS		1000000
#define STACK_WORDS	8

static void **stacks;			/* not a root: memory of mmap() */

static void each_of_many(void (*fn)(const void *low, const void *high))
{
	size_t i;

	for (i = 0; i < STACKS; i++)
		fn(stacks + i * STACK_WORDS, stacks + (i + 1) * STACK_WORDS);
}

TEST(a_million_stacks)
{
	size_t len = (size_t)STACKS * STACK_WORDS * sizeof(*stacks), i;

	stacks = mmap(NULL, len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, stacks);
	fill(in_bss, 40);
	for (i = 0; i < SOME; i++)
		stacks[i * (STACKS / SOME) * STACK_WORDS + i % STACK_WORDS] =
			in_bss[i];
	memset(in_bss, 0, sizeof(in_bss));
	shim_gc_on_stacks(each_of_many);
	EXPECT_EQ(SOME, left());
	memset(stacks, 0, len);
	EXPECT_GE(STRAY, left());
	munmap(stacks, len);
}

/* As many threads as a server has; each has an object that nobody else has. */
#define THREADS		500

static sem_t all_there;
static struct shim_gc_weak *mine[THREADS];

static void *one_of_many(void *arg)
{
	void *volatile p = shim_gc_alloc(48);

	*(struct shim_gc_weak **)arg = shim_gc_weak_new(p, SHIM_GC_SHORT);
	sem_post(&all_there);
	while (sem_wait(&go))
		;
	return p;
}

TEST(many_threads)
{
	pthread_t thread[THREADS];
	pthread_attr_t attr;
	unsigned int i;

	sem_init(&go, 0, 0);
	sem_init(&all_there, 0, 0);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], &attr, one_of_many,
					    &mine[i]));
	for (i = 0; i < THREADS; i++)
		while (sem_wait(&all_there))
			;
	/* the collector may run out of patience on a busy machine */
	while (shim_gc_collect())
		ASSERT_EQ(EDEADLK, errno);
	EXPECT_EQ(THREADS, count_left(mine, THREADS));
	for (i = 0; i < THREADS; i++)
		sem_post(&go);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ASSERT_EQ(0, collect());
	EXPECT_GE(THREADS / 20, count_left(mine, THREADS));
}

static void *stubborn(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	/*
	 * the library leaves the collector's signal open, the kernel does not
	 */
	if (arg)
		syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 8);
	else
		pthread_sigmask(SIG_BLOCK, &all, NULL);
	sem_post(&there);
	while (sem_wait(&go))
		;
	return NULL;
}

TEST(a_thread_that_blocks_all_signals)
{
	struct shim_gc_opts opts = { .patience_ms = 200 };
	struct shim_gc_stat st;
	pthread_t thread;

	ASSERT_EQ(0, shim_gc_init(&opts));
	ASSERT_EQ(0, start(&thread, stubborn, NULL));
	/* the collector may run out of patience on a busy machine */
	while (shim_gc_collect())
		ASSERT_EQ(EDEADLK, errno);
	end(thread);

	ASSERT_EQ(0, start(&thread, stubborn, &opts));
	make_garbage(weak, SOME, 64);
	clear_stack();
	EXPECT_ERRNO_(EDEADLK, shim_gc_collect());
	/* nothing is freed, and the program goes on */
	EXPECT_EQ(SOME, count_left(weak, SOME));
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_NE(0, st.failed);
	end(thread);
	while (collect())
		ASSERT_EQ(EDEADLK, errno);
	EXPECT_GE(STRAY, count_left(weak, SOME));
}

static void *waits_for_signals(void *arg)
{
	sigset_t all;
	int sig;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	sem_post(&there);
	while (!sigwait(&all, &sig) && sig != SIGUSR1)
		*(int *)arg = sig;
	return NULL;
}

/*
 * As in servers, one thread takes all signals; the collector's is not among
 * them.
 */
TEST(a_thread_that_waits_for_all_signals)
{
	int other = 0, i;
	pthread_t thread;

	ASSERT_EQ(0, start(&thread, waits_for_signals, &other));
	ASSERT_TRUE(a_thread_sleeps_in(SYS_rt_sigtimedwait));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(0, shim_gc_collect());
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, other);
	ASSERT_EQ(0, pthread_create(&thread, NULL, waits_for_signals, &other));
	pthread_cancel(thread);
	pthread_join(thread, NULL);
}

static void *reads_signals(void *arg)
{
	struct signalfd_siginfo info;
	sigset_t all;
	int fd;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	fd = signalfd(-1, &all, SFD_CLOEXEC);
	sem_post(&there);
	if (read(fd, &info, sizeof(info)) == sizeof(info))
		*(int *)arg = (int)info.ssi_signo;
	close(fd);
	return NULL;
}

TEST(a_thread_that_reads_all_signals)
{
	pthread_t thread;
	int sig = 0, i;

	ASSERT_EQ(0, start(&thread, reads_signals, &sig));
	ASSERT_TRUE(a_thread_sleeps_in(SYS_read));
	for (i = 0; i < 10; i++)
		EXPECT_EQ(0, shim_gc_collect());
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
	EXPECT_EQ(SIGUSR1, sig);
}

static bool is_blocked, is_marking;

static void on_mark(enum shim_gc_event event)
{
	if (event != SHIM_GC_EVENT_MARK)
		return;
	__atomic_store_n(&is_marking, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&is_blocked, __ATOMIC_ACQUIRE))
		usleep(1000);
}

static void *blocks_while_marking(void *arg)
{
	sigset_t all, old;

	while (!__atomic_load_n(&is_marking, __ATOMIC_ACQUIRE))
		usleep(1000);
	sigfillset(&all);
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &old, 8);
	__atomic_store_n(&is_blocked, true, __ATOMIC_RELEASE);
	while (sem_wait(&go))
		;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, 8);
	return arg;
}

/* The collection beside the program cannot end: the heap grows meanwhile. */
TEST(a_thread_that_blocks_signals_while_marking)
{
	struct shim_gc_opts opts = {
		.mode = SHIM_GC_HYBRID, .patience_ms = 100
	};
	pthread_t thread;
	int i;

	ASSERT_EQ(0, shim_gc_init(&opts));
	shim_gc_on_event(on_mark);
	sem_init(&go, 0, 0);
	ASSERT_EQ(0, pthread_create(&thread, NULL, blocks_while_marking, NULL));
	for (i = 0; i < PATIENCE &&
	     !__atomic_load_n(&is_blocked, __ATOMIC_ACQUIRE); i++) {
		ASSERT_NE(NULL, shim_gc_alloc(64 << 10));
		if (i > 400)
			usleep(1000);
	}
	for (i = 0; i < 400; i++)
		ASSERT_NE(NULL, shim_gc_alloc(64 << 10));
	end(thread);
	ASSERT_EQ(0, shim_gc_collect());
}

static void *endless(void *arg)
{
	sem_post(arg);
	for (;;)
		pause();
	return NULL;
}

static void *_Atomic main_is_gone;

static void *after_main(void *arg)
{
	unsigned int i;

	(void)arg;
	pthread_join((pthread_t)arg, NULL);
	for (i = 0; i < 3; i++)
		if (shim_gc_collect())
			_exit(2);
	_exit(0);
}

/* The first thread ends before the others: the kernel still lists it. */
TEST(main_thread_ends_first)
{
	pthread_t thread;
	int status;
	pid_t pid = fork();

	if (!pid) {
		sem_init(&there, 0, 0);
		if (pthread_create(&thread, NULL, endless, &there) ||
		    pthread_create(&thread, NULL, after_main,
				   (void *)pthread_self()))
			_exit(3);
		pthread_exit(NULL);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	(void)main_is_gone;
}

TEST(the_child_of_a_fork_collects)
{
	pthread_t thread;
	int status;
	pid_t pid;

	fill((void **)hand, 40);
	ASSERT_EQ(0, start(&thread, holder, NULL));
	pid = fork();
	if (!pid) {
		/* the holder does not exist here */
		if (collect() || shim_gc_verify())
			_exit(2);
		_exit(count_left(weak, SOME) > STRAY);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(SOME, left());
	end(thread);
}

TEST_HARNESS_MAIN
