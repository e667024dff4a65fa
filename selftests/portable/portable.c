// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a program sees of libshim, in C that every C library compiles: run on
 * other compilers' and other libraries' builds by run.  TAP; nothing of the
 * kselftest framework, which not all of them can build.
 *
 * Usage: portable [-l]	-l: sequences must not be in use (no rseq)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include "shim.h"

#pragma weak shim_ctl

/* what the C library says about its threads' sequences */
extern const unsigned int __rseq_size __attribute__((weak));

#define THREADS	4
#define OBJECTS	300

static int cases, failed;

static void check(int ok, const char *what)
{
	printf("%sok %d %s\n", ok ? "" : "not ", ++cases, what);
	failed += !ok;
}

static uint64_t number(const char *name)
{
	uint64_t n = UINT64_MAX;
	size_t len = sizeof(n);

	if (!shim_ctl || shim_ctl(name, &n, &len, NULL, 0))
		return UINT64_MAX;
	return n;
}

/* Is every byte of @p as object_make() wrote it? */
static int object_right(const unsigned char *p, size_t n, int seed)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != (unsigned char)(seed + i))
			return 0;
	return 1;
}

static unsigned char *object_make(size_t n, int seed)
{
	unsigned char *p = malloc(n);
	size_t i;

	for (i = 0; p && i < n; i++)
		p[i] = (unsigned char)(seed + i);
	return p;
}

/* Sizes from 1 byte to some KiB, now and then more than a page. */
static size_t size_of(int i)
{
	return i % 50 ? (size_t)(i * 37 % 4000) + 1 : (size_t)i * 1000 + 1;
}

/* Returns how many objects had wrong contents. */
static void *churn(void *arg)
{
	unsigned char *p[OBJECTS];
	intptr_t wrong = 0;
	int round, i;

	(void)arg;
	for (round = 0; round < 20; round++) {
		for (i = 0; i < OBJECTS; i++)
			p[i] = object_make(size_of(i), round + i);
		for (i = 0; i < OBJECTS; i++) {
			wrong += !p[i] ||
				 !object_right(p[i], size_of(i), round + i);
			free(p[i]);
		}
	}
	return (void *)wrong;
}

static void check_threads_and_forks(void)
{
	intptr_t wrong = 0, bad = 0;
	pthread_t t[THREADS];
	int i, status;
	void *ret;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, churn, NULL))
			abort();
	for (i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(churn(NULL) ? 1 : 0);
		bad += pid < 0 || waitpid(pid, &status, 0) != pid || status;
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &ret);
		wrong += (intptr_t)ret;
	}
	check(!wrong, "threads find what they wrote");
	check(!bad, "children of a process with threads allocate");
}

static void check_realloc(void)
{
	unsigned char *p = object_make(10, 3), *q;
	size_t n, had = 10;
	int ok = !!p;

	for (n = 20; ok && n < 5000000; n = n * 3 / 2) {
		q = realloc(p, n);
		ok = q && object_right(q, had, 3);
		p = q ? q : p;
		for (; ok && had < n; had++)
			p[had] = (unsigned char)(3 + had);
	}
	free(p);
	check(ok, "realloc() keeps what was there");
}

/* Hidden from the compiler, which drops memory that is freed unread. */
static void *volatile escaped;

static void *escape(void *p)
{
	escaped = p;
	return escaped;
}

static void check_calloc(void)
{
	unsigned char *p;
	int ok = 1, i;
	size_t k;

	for (i = 0; i < 200; i++) {
		p = escape(malloc(3000));
		memset(p, 0xff, 3000);
		escape(p);
		free(p);
		p = escape(calloc(30, 100));
		for (k = 0; k < 3000; k++)
			ok &= !p[k];
		free(p);
	}
	check(ok, "calloc() clears");
}

static void check_aligned(void)
{
	size_t align;
	void *p = NULL;
	int ok = 1;

	for (align = 16; align <= (size_t)4 << 20; align *= 2) {
		ok &= !posix_memalign(&p, align, 100) &&
		      !((uintptr_t)p & (align - 1));
		free(p);
		p = aligned_alloc(align, align);
		ok &= p && !((uintptr_t)p & (align - 1));
		free(p);
	}
	check(ok, "alignments up to 4 MiB");
}

/* What threads hand each other: large objects, the rest of each marked at some bytes. */
#define SLOTS	16

struct large {
	size_t size;
	struct large *self;
};

static struct large *slots[SLOTS];

static unsigned char *large_byte(struct large *l, unsigned int i)
{
	size_t from = sizeof(*l), n = l->size - from - 1;

	return (unsigned char *)l + from + n / 8 * i + (i == 8 ? n % 8 : 0);
}

static struct large *large_make(size_t size, int zero)
{
	struct large *l = zero ? calloc(1, size) : malloc(size);
	unsigned int i;

	if (!l)
		return NULL;
	l->size = size;
	for (i = 0; i <= 8; i++) {
		if (zero && *large_byte(l, i))
			return NULL;
		*large_byte(l, i) = (unsigned char)(size / 997 + i);
	}
	l->self = l;
	return l;
}

static int large_right(struct large *l)
{
	unsigned int i;

	for (i = 0; i <= 8; i++)
		if (*large_byte(l, i) != (unsigned char)(l->size / 997 + i))
			return 0;
	return l->self == l;
}

/* One by one, of every length up to 1 MiB, by turns.  Returns how many were wrong. */
static void *exchange(void *arg)
{
	uint32_t r = (uint32_t)(uintptr_t)arg * 7919 + 1;
	intptr_t wrong = 0;
	struct large *l;
	size_t size;
	int i;

	for (i = 0; i < 4000; i++) {
		r = r * 1664525 + 1013904223;
		size = 33000 + (r >> 8) % (r >> 30 ? 230000 : 1000000);
		l = large_make(size, i % 8 == 0);
		wrong += !l;
		l = __atomic_exchange_n(&slots[(r >> 4) % SLOTS], l,
					__ATOMIC_ACQ_REL);
		wrong += l && !large_right(l);
		if (l && i % 5 == 0) {
			struct large *m = realloc(l, l->size + 9000);

			wrong += !m || m->self != l;
			l = m ? m : l;
			l->self = l;
			wrong += !large_right(l);
		}
		free(l);
	}
	return (void *)wrong;
}

static void check_large(void)
{
	pthread_t t[THREADS];
	intptr_t wrong = 0;
	uintptr_t i;
	void *ret;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], NULL, exchange, (void *)(i + 1)))
			abort();
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &ret);
		wrong += (intptr_t)ret;
	}
	for (i = 0; i < SLOTS; i++) {
		wrong += slots[i] && !large_right(slots[i]);
		free(slots[i]);
		slots[i] = NULL;
	}
	check(!wrong, "large objects of all lengths, from thread to thread");
}

static void check_twice(void)
{
	void *p = escape(malloc(100000));
	int status = 0;
	pid_t pid;

	fflush(stdout);
	free(p);
	pid = fork();
	if (!pid) {
		close(2);
		free(escape(p));
		_exit(0);
	}
	check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	      WTERMSIG(status) == SIGABRT,
	      "a large object that is freed twice is reported");
}

/*
 * Where others left holes of one or two pages: objects whose spans are longer than
 * that get shorter ones.
 */
#define HOLED	30000
#define LONGER	3000

static size_t longer_of(int i)
{
	return 1100 + (size_t)i * 53 % 6000;
}

static void check_holes(void)
{
	static unsigned char *holed[HOLED], *longer[LONGER];
	int wrong = 0, i;

	for (i = 0; i < HOLED; i++)
		holed[i] = object_make(200, i);
	/* 40 of them are a page */
	for (i = 0; i < HOLED; i++)
		if (i / 40 % 3) {
			free(holed[i]);
			holed[i] = NULL;
		}
	for (i = 0; i < LONGER; i++)
		longer[i] = object_make(longer_of(i), i);
	for (i = 0; i < LONGER; i += 2) {
		wrong += !object_right(longer[i], longer_of(i), i);
		free(longer[i]);
		longer[i] = object_make(longer_of(i), i);
	}
	for (i = 0; i < LONGER; i++) {
		wrong += !object_right(longer[i], longer_of(i), i);
		free(longer[i]);
	}
	for (i = 0; i < HOLED; i++) {
		wrong += holed[i] && !object_right(holed[i], 200, i);
		free(holed[i]);
	}
	check(!wrong, "objects in the holes that others left");
}

static void check_errno(void)
{
	volatile size_t much = SIZE_MAX / 2 + 1;
	void *p = escape(malloc(100));

	errno = 12345;
	free(p);
	check(errno == 12345, "free() leaves errno alone");
	errno = 0;
	p = escape(malloc(much));
	check(!p && errno == ENOMEM, "too much is ENOMEM");
	free(p);
}

int main(int argc, char **argv)
{
	uint64_t before = number("allocated"), after;
	void *p;

	(void)argv;
	printf("TAP version 13\n");
	check(!!shim_ctl, "libshim is what malloc() is");
	p = malloc(1 << 20);
	after = number("allocated");
	check(p && after != UINT64_MAX && after >= before + (1 << 20),
	      "an allocation is counted");
	free(p);
	check_threads_and_forks();
	check_realloc();
	check_calloc();
	check_aligned();
	check_large();
	check_twice();
	check_holes();
	check_errno();
	if (argc > 1 || !&__rseq_size || !__rseq_size)
		check(!number("cache.rseq"), "sequences are not in use");
	else
		check(number("cache.rseq") == 1, "sequences are in use");
	printf("1..%d\n", cases);
	return failed != 0;
}
