// SPDX-License-Identifier: GPL-2.0-only
/*
 * glibc: what the tests of glibc's malloc ask of its public functions, beyond what
 * abi.c asks.  Each test names glibc's of the same subject.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <obstack.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"

#define MIB	((size_t)1 << 20)

#define obstack_chunk_alloc	malloc
#define obstack_chunk_free	free

/* glibc's headers have none of these. */
void *__libc_malloc(size_t size);
void __libc_free(void *p);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);

static volatile size_t zero;	/* hide the size from the compiler */

/* tst-malloc-thread-fail: threads run out of memory in every function. */
static void *run_out(void *arg)
{
	unsigned int *bad = arg, i, failed = 0;
	void **list = NULL, *p;

	for (i = 0; failed < 200; i++) {
		size_t size = (size_t)16 << i % 17;
		int ret = 0;

		errno = 0;
		p = NULL;
		switch (i % 9) {
		case 0:
			p = malloc(size);
			break;
		case 1:
			p = calloc(size, 2);
			break;
		case 2:
			p = realloc(NULL, size);
			break;
		case 3:
			p = memalign(128, size);
			break;
		case 4:
			p = aligned_alloc(128, size);
			break;
		case 5:
			p = valloc(size);
			break;
		case 6:
			p = pvalloc(size);
			break;
		case 7:
			ret = posix_memalign(&p, 128, size);
			*bad += ret != (p ? 0 : ENOMEM);
			break;
		case 8:
			p = list;
			if (!p)
				break;
			list = *list;
			*bad += malloc_usable_size(p) < sizeof(p);
			free(p);
			continue;
		}
		if (!p) {
			*bad += errno != ENOMEM;
			failed++;
			continue;
		}
		*bad += malloc_usable_size(p) < size;
		*(void **)p = list;
		list = p;
	}
	while (list) {
		p = list;
		list = *list;
		free(p);
	}
	return NULL;
}

TEST(threads_run_out_of_memory)
{
	struct rlimit limit = { 192 * MIB, 192 * MIB };
	unsigned int bad[8] = { 0 }, i;
	pthread_t thread[8];

	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, run_out, bad + i));
	/*
	 * the stacks are made: what the program uses now is already the limit
	 */
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &limit));
	for (i = 0; i < 8; i++)
		pthread_join(thread[i], NULL);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(0, bad[i]);
}

/* tst-free-errno: free() of memory that cannot be unmapped. */
TEST(free_at_the_limit_of_mappings)
{
	char *big[8], *small[200];
	unsigned int i;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	for (i = 0; i < 200; i++)
		small[i] = malloc(i * 97);
	for (i = 0; i < 8; i++) {
		big[i] = malloc(16 * MIB + i);
		ASSERT_NE(NULL, big[i]);
		big[i][0] = 1;
		big[i][16 * MIB - 1] = 1;
	}
	/* every other page is of a file, so that neighbours do not join */
	for (i = 0; i < 70000; i++)
		if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) ==
		    MAP_FAILED)
			break;
	if (i == 70000)
		SKIP(return, "vm.max_map_count is raised");
	for (i = 0; i < 200; i++) {
		errno = 1789;
		free(small[i]);
		ASSERT_EQ(1789, errno);
	}
	for (i = 0; i < 8; i += 2) {
		errno = 1789;
		free(big[i]);
		ASSERT_EQ(1789, errno);
	}
	for (i = 1; i < 8; i += 2) {
		ASSERT_EQ(1, big[i][16 * MIB - 1]);
		free(big[i]);
	}
	EXPECT_NE(NULL, malloc(1000));
}

/* tst-malloc-tcache-leak: what a thread had cached is not lost when it ends. */
static void *short_life(void *arg)
{
	void *volatile p = malloc(32);

	free(p);
	(void)arg;
	return malloc(32);
}

TEST(threads_leave_nothing_behind)
{
	size_t before;
	unsigned int i;
	pthread_t t;
	void *p;

	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, pthread_create(&t, NULL, short_life, NULL));
		ASSERT_EQ(0, pthread_join(t, &p));
		free(p);
	}
	before = mallinfo2().uordblks;
	EXPECT_NE(0, before);
	for (i = 0; i < 3000; i++) {
		ASSERT_EQ(0, pthread_create(&t, NULL, short_life, NULL));
		ASSERT_EQ(0, pthread_join(t, &p));
		free(p);
	}
	/* less than one object for every ten threads */
	EXPECT_GT(before + 3000 * 32 / 10, mallinfo2().uordblks);
}

/* tst-mallinfo2: fields are wide, and small objects are counted. */
TEST(small_objects_are_counted)
{
	struct mallinfo2 before = mallinfo2(), after;
	void *p[20];
	size_t i, total = 0;

	ASSERT_EQ(sizeof(size_t), sizeof(before.arena));
	for (i = 1; i < 20; i++) {
		p[i] = malloc(160 * i);
		total += 160 * i;
	}
	after = mallinfo2();
	EXPECT_LE(before.uordblks + total, after.uordblks);
	for (i = 1; i < 20; i++)
		free(p[i]);
}

/* A value wider than an int is reported as the largest int, not truncated. */
TEST(narrow_fields_end_where_they_are_full)
{
	const size_t len = (size_t)5 << 30;	/* 1 GiB, of 32 bits */
	struct mallinfo2 wide;
	struct mallinfo info;
	char *p = malloc(len);

	ASSERT_NE(NULL, p);
	/* never touched, so that it costs only address space */
	wide = mallinfo2();
	EXPECT_LE(len, wide.uordblks);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	info = mallinfo();
#pragma GCC diagnostic pop
	EXPECT_EQ(INT_MAX, info.arena);
	EXPECT_EQ(INT_MAX, info.uordblks);
	free(p);
}

/* tst-malloc_info: called while threads have memory, and after they ended. */
static pthread_barrier_t barrier;

static void *hold(void *arg)
{
	void **list = NULL, **next;
	size_t i;

	for (i = 0; i < 8 * MIB; i += 40) {
		next = malloc(40);
		if (!next)
			break;
		*next = list;
		list = next;
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (; list; list = next) {
		next = *list;
		free(list);
	}
	(void)arg;
	return NULL;
}

static bool info_is_whole(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	bool ok;

	ok = f && !malloc_info(0, f);
	fclose(f);
	ok &= len > 30 && !strncmp(text, "<malloc version=", 16) &&
	      !strcmp(text + len - 10, "</malloc>\n");
	free(text);
	return ok;
}

TEST(info_while_threads_allocate)
{
	pthread_t thread[4];
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, 5);
	for (i = 0; i < 4; i++)
		ASSERT_EQ(0, pthread_create(&thread[i], NULL, hold, NULL));
	pthread_barrier_wait(&barrier);
	EXPECT_TRUE(info_is_whole());
	EXPECT_LE(4 * 8 * MIB, mallinfo2().uordblks);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	EXPECT_TRUE(info_is_whole());
}

/*
 * tst-malloc-stats-cancellation: a thread that is to be cancelled prints all of
 * it, in the form that programs parse.
 */
static void *say_stats(void *arg)
{
	int old;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
	malloc_stats();
	pthread_testcancel();
	return arg;
}

TEST(stats_of_a_cancelled_thread)
{
	static const char *const lines[] = {
		"Arena 0:\n", "system bytes     = ", "in use bytes     = ",
		"Total (incl. mmap):\n", "max mmap regions = ",
		"max mmap bytes   = ",
	};
	static char text[1 << 16];
	unsigned int i;
	size_t len = 0;
	pthread_t t;
	int pipes[2];
	void *how;
	ssize_t n;
	pid_t pid;

	ASSERT_EQ(0, pipe(pipes));
	pid = fork();
	if (!pid) {
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[0]);
		close(pipes[1]);
		pthread_barrier_init(&barrier, NULL, 2);
		pthread_create(&t, NULL, say_stats, NULL);
		pthread_barrier_wait(&barrier);
		pthread_cancel(t);
		pthread_barrier_wait(&barrier);
		pthread_join(t, &how);
		_exit(how != PTHREAD_CANCELED);
	}
	close(pipes[1]);
	while (len < sizeof(text) - 1 &&
	       (n = read(pipes[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	close(pipes[0]);
	ASSERT_EQ(pid, waitpid(pid, (int *)&i, 0));
	EXPECT_EQ(0, i);
	EXPECT_EQ(0, strncmp(text, lines[0], strlen(lines[0])));
	for (i = 0; i < ARRAY_SIZE(lines); i++)
		EXPECT_NE(NULL, strstr(text, lines[i])) {
			TH_LOG("no line: %s", lines[i]);
		}
}

/* tst-mallopt: every parameter is accepted. */
TEST(parameters_are_known)
{
	EXPECT_EQ(1, mallopt(M_CHECK_ACTION, 1));
	EXPECT_EQ(1, mallopt(M_MMAP_MAX, 65536));
	EXPECT_EQ(1, mallopt(M_MMAP_THRESHOLD, 65536));
	EXPECT_EQ(1, mallopt(M_MXFAST, 0));
	EXPECT_EQ(1, mallopt(M_PERTURB, 0xa5));
	EXPECT_EQ(1, mallopt(M_TOP_PAD, 65536));
	EXPECT_EQ(1, mallopt(M_TRIM_THRESHOLD, -1));
}

/*
 * tst-obstack: objects cut from our chunks have the alignment that was asked
 * for.
 */
TEST(obstacks)
{
	struct obstack obs;
	unsigned int i;
	size_t align;

	for (align = 2; align <= 64; align *= 2) {
		obstack_init(&obs);
		obstack_alignment_mask(&obs) = (int)align - 1;
		obstack_finish(&obs);
		for (i = 0; i < 1000; i++) {
			char *p = obstack_alloc(&obs, 15);

			ASSERT_EQ(0, (uintptr_t)p % align);
			memset(p, (int)i, 15);
		}
		obstack_free(&obs, NULL);
	}
}

/* tst-trim1: live objects stay intact when the heap is trimmed at any time. */
TEST(trim_among_objects)
{
	enum { N = 10000 };
	static unsigned char *p[N];
	unsigned char *q;
	unsigned int i, k;

	for (i = 0; i < N; i++) {
		p[i] = malloc(200);
		ASSERT_NE(NULL, p[i]);
		memset(p[i], (int)i, 200);
	}
	malloc_trim(0);
	for (i = 0; i < N; i++)
		if (i % 13)
			free(p[i]);
	malloc_trim(0);
	q = malloc(30000);
	ASSERT_NE(NULL, q);
	memset(q, 2, 30000);
	malloc_trim(0);
	for (i = 0; i < N; i += 13)
		for (k = 0; k < 200; k++)
			ASSERT_EQ((unsigned char)i, p[i][k]);
	for (k = 0; k < 30000; k++)
		ASSERT_EQ(2, q[k]);
}

/* mallocbug: sizes that change by a few bytes, many times over. */
TEST(sizes_that_change)
{
	enum { N = 200 };
	unsigned char *p[N] = { NULL };
	size_t len[N] = { 0 };
	unsigned int i, round;
	uint64_t x = 1;
	size_t k, n;

	for (round = 0; round < 20000; round++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		i = (x >> 33) % N;
		n = 1 + (x >> 40) % 3000;
		for (k = 0; k < len[i]; k++)
			ASSERT_EQ((unsigned char)(i + k), p[i][k]);
		p[i] = realloc(p[i], n);
		ASSERT_NE(NULL, p[i]);
		for (k = 0; k < n && k < len[i]; k++)
			ASSERT_EQ((unsigned char)(i + k), p[i][k]);
		len[i] = n;
		for (k = 0; k < n; k++)
			p[i][k] = (unsigned char)(i + k);
	}
}

/*
 * tst-malloc-backtrace: a report of misuse comes to its end, whatever it needs.
 */
TEST(a_report_ends)
{
	int status, fd;
	pid_t pid = fork();

	if (!pid) {
		char *volatile p = malloc(64);

		fd = open("/dev/null", O_WRONLY);
		dup2(fd, STDERR_FILENO);
		free(p);
		free(p);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGABRT, WTERMSIG(status));
}

/* glibc's other names are ours, too: there is one heap. */
TEST(other_names)
{
	void *p = __libc_malloc(100);

	ASSERT_NE(NULL, p);
	EXPECT_LE(100, malloc_usable_size(p));
	p = realloc(p, 200);
	free(p);
	p = __libc_memalign(4096, 100);
	EXPECT_EQ(0, (uintptr_t)p % 4096);
	free(p);
	p = __libc_valloc(1);
	EXPECT_EQ(0, (uintptr_t)p % 4096);
	free(p);
	p = __libc_pvalloc(1);
	EXPECT_LE(4096, malloc_usable_size(p));
	free(p);
	p = __libc_calloc(10, 10);
	EXPECT_EQ(0, *(char *)p);
	p = __libc_realloc(p, 1000);
	EXPECT_LE(1000, malloc_usable_size(p));
	__libc_free(p);
	p = malloc(10);
	__libc_free(p);
}

/* malloc() can give what the kernel gives to mmap(MAP_NORESERVE). */
TEST(more_than_a_terabyte)
{
	size_t shift, n;
	char *p, *q;

	for (shift = 30; shift <= 43; shift++) {
		n = ((size_t)1 << shift) + 4096;
		p = mmap(NULL, n + 64 * MIB, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			break;
		munmap(p, n + 64 * MIB);
		q = malloc(n);
		ASSERT_NE(NULL, q) {
			TH_LOG("2^%zu", shift);
		}
		q[0] = 1;
		q[n - 1] = 2;
		EXPECT_LE(n, malloc_usable_size(q));
		free(q);
	}
	/* otherwise this machine proves nothing */
	EXPECT_LT(32, shift + zero);
}

TEST_HARNESS_MAIN
