// SPDX-License-Identifier: GPL-2.0-only
/*
 * glibc_more: the second half of glibc.c: what glibc's tests ask of freed
 * memory, of threads that end, and of signals.  Documentation/testing.rst lists
 * glibc's tests and where the behaviour of each is tested here.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"

/*
 * tst-tcfree3: the content of freed memory does not influence an object that
 * contains it.
 */
TEST(a_copy_of_freed_memory_is_no_freed_object)
{
	static const size_t sizes[] = { 16, 32, 100, 1000, 5000, 130000 };
	unsigned char was[64];
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (k = 0; k < ARRAY_SIZE(sizes); k++) {
			size_t n = sizes[i] < 64 ? sizes[i] : 64;
			unsigned char *a = malloc(sizes[i]);
			unsigned char *b = malloc(sizes[k]);

			ASSERT_NE(NULL, a);
			ASSERT_NE(NULL, b);
			memset(b, 0xff, sizes[k]);
			free(a);
			/* whatever it contains now that it is free */
			memcpy(was, a, n);
			memcpy(b, was, n < sizes[k] ? n : sizes[k]);
			free(b);
		}
}

/*
 * tst-safe-linking: a program that writes to freed memory cannot make malloc()
 * return an address of its choice.  Free memory contains nothing that we use.
 */
TEST(what_is_written_after_free_leads_nowhere)
{
	enum { N = 2000 };
	static uintptr_t victim[64];
	static uintptr_t *p[N], *q[N];
	size_t size;
	unsigned int i;

	for (size = 16; size <= 512; size *= 2) {
		for (i = 0; i < N; i++)
			p[i] = malloc(size);
		for (i = 0; i < N; i += 2)
			free(p[i]);
		for (i = 0; i < N; i += 2) {
			p[i][0] = (uintptr_t)victim;
			p[i][1] = (uintptr_t)victim ^ (uintptr_t)p[i] >> 12;
		}
		for (i = 0; i < N; i++) {
			q[i] = malloc(size);
			ASSERT_NE(NULL, q[i]);
			ASSERT_EQ(0, (uintptr_t)q[i] % 16);
			ASSERT_FALSE((uintptr_t)q[i] - (uintptr_t)victim <
				     sizeof(victim));
			memset(q[i], 0x5a, size);
		}
		/* no object in use was handed out again */
		for (i = 1; i < N; i += 2)
			p[i][0] = i;
		for (i = 0; i < N; i++)
			ASSERT_EQ(0x5a5a5a5a5a5a5a5a, q[i][0]);
		for (i = 1; i < N; i += 2) {
			ASSERT_EQ(i, p[i][0]);
			free(p[i]);
		}
		for (i = 0; i < N; i++)
			free(q[i]);
	}
	for (i = 0; i < ARRAY_SIZE(victim); i++)
		EXPECT_EQ(0, victim[i]);
}

/*
 * tst-malloc-thread-exit: threads make their first call, and end, while others
 * do the same.
 */
#define TURNS	4

static void *early_user(void *arg)
{
	void *p = malloc(32);

	pthread_barrier_wait(arg);
	free(p);
	return p;
}

static void *late_user(void *arg)
{
	void *p;

	pthread_barrier_wait(arg);
	p = malloc(32);
	free(p);
	return p;
}

static void *outer(void *arg)
{
	unsigned int *failed = arg, round, i;
	pthread_barrier_t barrier;
	pthread_t thread[TURNS];
	void *p;

	for (round = 0; round < 100; round++) {
		pthread_barrier_init(&barrier, NULL, TURNS + 1);
		for (i = 0; i < TURNS; i++)
			if (pthread_create(&thread[i], NULL, i % 2 ? late_user :
					   early_user, &barrier))
				abort();
		pthread_barrier_wait(&barrier);
		for (i = 0; i < TURNS; i++) {
			pthread_join(thread[i], &p);
			*failed += !p;
		}
		pthread_barrier_destroy(&barrier);
	}
	return NULL;
}

TEST(threads_end_while_others_begin)
{
	unsigned int failed[2] = { 0, 0 }, i;
	pthread_t thread[2];

	EXPECT_EQ(1, mallopt(M_ARENA_MAX, 8));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, outer, failed + i));
	for (i = 0; i < 2; i++) {
		pthread_join(thread[i], NULL);
		EXPECT_EQ(0, failed[i]);
	}
}

/*
 * tst-mallocfork3: signals from other threads whose handler makes a child,
 * without fork handlers, in the midst of malloc(), free() and other such
 * children.
 */
#define SENDERS	3

static pthread_t receiver;
static pthread_barrier_t gate;
static volatile sig_atomic_t wrong, ended;

static void child_of_handler(int sig)
{
	int saved = errno, status = 1;
	pid_t pid = _Fork();

	if (!pid)
		_exit(0);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	wrong += pid < 0 || status;
	errno = saved;
}

static void *sender(void *arg)
{
	for (;;) {
		pthread_barrier_wait(&gate);
		if (ended)
			return arg;
		pthread_kill(receiver, SIGUSR1);
		pthread_barrier_wait(&gate);
	}
}

TEST(signals_make_children_in_malloc)
{
	struct sigaction sa = { .sa_handler = child_of_handler,
				.sa_flags = SA_RESTART };
	enum { N = 500 };
	static void *p[N];
	pthread_t thread[SENDERS];
	unsigned int i, k;
	uint64_t x = 9;

	receiver = pthread_self();
	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, pthread_barrier_init(&gate, NULL, SENDERS + 1));
	for (i = 0; i < SENDERS; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, sender, NULL));
	for (i = 0; i < 150; i++) {
		pthread_barrier_wait(&gate);
		for (k = 0; k < 200; k++) {
			unsigned int slot;

			x = x * 6364136223846793005u + 1442695040888963407u;
			slot = (x >> 33) % N;
			free(p[slot]);
			p[slot] = malloc((x >> 40) % 70000);
			ASSERT_NE(NULL, p[slot]);
		}
		pthread_barrier_wait(&gate);
	}
	ended = 1;
	pthread_barrier_wait(&gate);
	for (i = 0; i < SENDERS; i++)
		pthread_join(thread[i], NULL);
	EXPECT_EQ(0, wrong);
	for (i = 0; i < N; i++)
		free(p[i]);
}

/* tst-malloc-too-large: a refused request leaves existing objects usable. */
TEST(far_too_much)
{
	size_t past[] = { (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096, SIZE_MAX - 14,
			  SIZE_MAX - 1, SIZE_MAX };
	volatile size_t n;
	unsigned int i, parts;
	char *p, *q;

	for (i = 0; i < ARRAY_SIZE(past); i++) {
		n = past[i];
		p = malloc(16);
		strcpy(p, "stays");
		errno = 0;
		EXPECT_EQ(NULL, malloc(n));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		q = realloc(p, n);
		EXPECT_EQ(NULL, q);
		EXPECT_EQ(ENOMEM, errno);
		for (parts = 1; parts <= 8; parts *= 2) {
			errno = 0;
			EXPECT_EQ(NULL, calloc(n / parts, parts == 1 ? 1 :
					       parts * 2));
			EXPECT_EQ(ENOMEM, errno);
			errno = 0;
			q = reallocarray(p, n / parts, parts == 1 ? 1 :
					 parts * 2);
			EXPECT_EQ(NULL, q);
			EXPECT_EQ(ENOMEM, errno);
		}
		errno = 0;
		EXPECT_EQ(NULL, memalign(64, n));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, aligned_alloc(64, n));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, valloc(n));
		EXPECT_EQ(ENOMEM, errno);
		errno = 0;
		EXPECT_EQ(NULL, pvalloc(n));
		EXPECT_EQ(ENOMEM, errno);
		EXPECT_EQ(ENOMEM, posix_memalign((void **)&q, 64, n));
		EXPECT_EQ(0, strcmp(p, "stays"));
		free(p);
	}
}

TEST_HARNESS_MAIN
