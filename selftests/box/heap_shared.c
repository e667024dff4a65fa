// SPDX-License-Identifier: GPL-2.0-only
/*
 * heap_shared: processes share a heap and are killed in it: after every fifth
 * instruction of an operation, and often at any moment.  Nothing may break or
 * hang, and a kill may lose no more than the one object that was being
 * allocated or freed.  On a memfd here, on a shared arena as ../heaps.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patience.h"
#include "heap_file.h"
#include "shim_heap.h"

#define WORKERS	4
#define SLOTS	64	/* of each worker */
/*
 * Kills for each policy.  The environment may ask for more; an emulated machine
 * gets fewer.
 */
#ifndef KILLS
#define KILLS	50
#endif
/*
 * Instructions between two places where an operation is ended by a kill.  Where
 * another process must step through them, each takes two switches of processes,
 * milliseconds in an emulated machine.
 */
#if !defined(STRIDE) && defined(__x86_64__)
#define STRIDE	5
#elif !defined(STRIDE)
#define STRIDE	17
#endif
#define STIR	8	/* stir the memory after this many kills */

/* Lies in the heap, as its root; names objects by their distance from it. */
struct table {
	int64_t obj[WORKERS][SLOTS];
	uint32_t ready;
};

static void *map_shared(int fd)
{
	return mmap(NULL, HEAP_FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

FIXTURE(shared)
{
	int fd;
	void *mem;
	struct shim_heap *heap;
	struct table *table;
};

FIXTURE_VARIANT(shared)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(shared, first) { .flags = SHIM_HEAP_FIRST };
FIXTURE_VARIANT_ADD(shared, next) { .flags = SHIM_HEAP_NEXT };
FIXTURE_VARIANT_ADD(shared, best) { .flags = SHIM_HEAP_BEST };

FIXTURE_SETUP(shared)
{
	self->fd = heap_file_make();
	ASSERT_LE(0, self->fd);
	self->mem = map_shared(self->fd);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->heap = shim_heap_at(self->mem, HEAP_LEN,
				  variant->flags | SHIM_HEAP_SHARED);
	ASSERT_NE(NULL, self->heap);
	self->table = shim_heap_calloc(self->heap, 1, sizeof(*self->table));
	ASSERT_NE(NULL, self->table);
	shim_heap_set_root(self->heap, self->table);
}

FIXTURE_TEARDOWN(shared)
{
	shim_heap_destroy(self->heap);
	munmap(self->mem, HEAP_FILE_LEN);
	close(self->fd);
}

/* An object stores its own position and length. */
static bool good(const struct table *t, unsigned int w, unsigned int i)
{
	const uint32_t *p = (const void *)((const char *)t + t->obj[w][i]);
	uint32_t k;

	if (!t->obj[w][i])
		return true;
	if (p[0] != w || p[1] != i || p[2] > 500)
		return false;
	for (k = 3; k < 3 + p[2]; k++)
		if (p[k] != w * 1000 + i)
			return false;
	return true;
}

static bool change(struct shim_heap *heap, struct table *t, unsigned int w,
		   unsigned int i, uint32_t n)
{
	int64_t *obj = &t->obj[w][i];
	uint32_t *p, k;

	if (*obj) {
		if (!good(t, w, i))
			return false;
		p = (uint32_t *)(void *)((char *)t + *obj);
		/*
		 * nothing refers to it until it is freed: a kill here may lose
		 * it
		 */
		__atomic_store_n(obj, 0, __ATOMIC_RELEASE);
		shim_heap_free(heap, p);
		return true;
	}
	p = shim_heap_alloc(heap, (3 + n) * sizeof(*p));
	if (!p)
		return true;
	p[0] = w;
	p[1] = i;
	p[2] = n;
	for (k = 3; k < 3 + n; k++)
		p[k] = w * 1000 + i;
	__atomic_store_n(obj, (char *)p - (char *)t, __ATOMIC_RELEASE);
	return true;
}

static void work(int fd, unsigned int w, unsigned int seed)
{
	/* map the heap at another address than the parent's */
	void *pad = mmap(NULL, (w + 1) * 65536, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *mem = map_shared(fd);
	struct shim_heap *heap = shim_heap_open(mem, HEAP_LEN);
	struct table *t = heap ? shim_heap_root(heap) : NULL;

	if (!t || pad == MAP_FAILED)
		_exit(2);
	__atomic_fetch_add(&t->ready, 1, __ATOMIC_RELAXED);
	for (;;)
		if (!change(heap, t, w, (unsigned int)rand_r(&seed) % SLOTS,
			    (unsigned int)rand_r(&seed) % 300))
			_exit(3);
}

static size_t live_objects(const struct table *t)
{
	size_t n = 1;	/* the table */
	unsigned int w, i;

	for (w = 0; w < WORKERS; w++)
		for (i = 0; i < SLOTS; i++)
			n += !!t->obj[w][i];
	return n;
}

static bool all_good(const struct table *t)
{
	unsigned int w, i;

	for (w = 0; w < WORKERS; w++)
		for (i = 0; i < SLOTS; i++)
			if (!good(t, w, i))
				return false;
	return true;
}

static pid_t start(int fd, unsigned int w, unsigned int seed)
{
	pid_t pid = fork();

	if (!pid) {
		/* end with the test, however that ends */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		work(fd, w, seed);
	}
	return pid;
}

static uint64_t rollbacks(struct shim_heap *heap)
{
	struct shim_heap_stat st;

	shim_heap_get_stat(heap, &st);
	return st.rollbacks;
}

TEST_F(shared, killed_at_any_moment)
{
	const char *wish = getenv("KILLS");
	const int kills = wish ? atoi(wish) : KILLS;
	struct shim_heap_stat st;
	unsigned int seed = 42, w;
	pid_t pid[WORKERS];
	int k, status;

	for (w = 0; w < WORKERS; w++)
		pid[w] = start(self->fd, w, w);
	/* go on until at least one was killed while it held the heap's lock */
	for (k = 0; k < kills || !rollbacks(self->heap); k++) {
		/* wait until each worker has started on the heap */
		while (__atomic_load_n(&self->table->ready, __ATOMIC_RELAXED) <
		       (uint32_t)(WORKERS + k))
			sched_yield();
		usleep((useconds_t)rand_r(&seed) % 1000);
		w = (unsigned int)rand_r(&seed) % WORKERS;
		ASSERT_EQ(0, kill(pid[w], SIGKILL));
		ASSERT_EQ(pid[w], waitpid(pid[w], &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_TRUE(shim_heap_is_valid(self->heap));
		if (k % STIR == 0)
			ASSERT_EQ(0, heap_file_stir(self->fd));
		pid[w] = start(self->fd, w, (unsigned int)(k + WORKERS));
	}
	for (w = 0; w < WORKERS; w++) {
		ASSERT_EQ(0, kill(pid[w], SIGKILL));
		ASSERT_EQ(pid[w], waitpid(pid[w], &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status)) TH_LOG("status %x", status);
	}
	EXPECT_TRUE(shim_heap_is_valid(self->heap));
	EXPECT_TRUE(all_good(self->table));
	shim_heap_get_stat(self->heap, &st);
	EXPECT_LE(st.objects, live_objects(self->table) +
		  (size_t)k + WORKERS);
	EXPECT_GE(st.objects, live_objects(self->table));
	if (wish) {
		printf("# soak: policy%u %d %d 0\n", variant->flags, kills, k);
		fflush(stdout);	/* the harness ends its child with _exit() */
	}
	TH_LOG("%d kills, %zu in the heap's lock, %zu objects lost", k,
	       (size_t)st.rollbacks, st.objects - live_objects(self->table));
}

#if defined(__x86_64__)
/*
 * The processor stops the child after each instruction.  The child counts them
 * itself, so that a step needs no other process to be scheduled.
 */
static volatile unsigned int steps;

static void on_step(int sig)
{
	(void)sig;
	if (!steps--)
		kill(getpid(), SIGKILL);
}

static void change_for(struct shim_heap *heap, struct table *t, unsigned int i,
		       unsigned int n)
{
	struct sigaction sa = { .sa_handler = on_step };

	sigaction(SIGTRAP, &sa, NULL);
	steps = n;
	/* set the trap flag; step over the compiler's red zone first */
	__asm__ volatile("leaq -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "orq $0x100, (%%rsp)\n\t"
			 "popfq\n\t"
			 "leaq 128(%%rsp), %%rsp\n\t" ::: "memory", "cc");
	_exit(!change(heap, t, 0, i, 2));
}

/*
 * Let a child do one operation, and kill it after @n of its instructions.
 * Return: 0, 1 if the operation had ended before that, or -1.
 */
static int step_and_kill(struct shim_heap *heap, struct table *t,
			 unsigned int i, unsigned int n)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		change_for(heap, t, i, n);
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? 0 : -1;
	return WEXITSTATUS(status) ? -1 : 1;
}
#else
/*
 * Let a child do one operation, and kill it after @n of its instructions.
 * Return: 0, 1 if the operation had ended before that, or -1.
 */
static int step_and_kill(struct shim_heap *heap, struct table *t,
			 unsigned int i, unsigned int n)
{
	bool ended = false;
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(!change(heap, t, 0, i, 2));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	while (n-- && !ended) {
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid)
			return -1;
		ended = !WIFSTOPPED(status);
	}
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return 0;
	}
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 1 : -1;
}
#endif

TEST_F(shared, killed_all_along_an_operation)
{
	struct shim_heap_stat st;
	unsigned int i, n, kills = 0, base, most = 0;

	/* holes of all sizes, so that there is something to join and cut */
	for (i = 0; i < SLOTS; i++)
		ASSERT_TRUE(change(self->heap, self->table, 0, i, i * 7));
	for (i = 0; i < SLOTS; i += 3)
		ASSERT_TRUE(change(self->heap, self->table, 0, i, i * 7));
	/*
	 * one slot is free and one is not; each policy is killed at other steps
	 */
	for (i = 20; i < 22; i++) {
		int ended = 0;

		for (n = variant->flags; !ended; n += STRIDE) {
			bool was = self->table->obj[0][i];

			ended = step_and_kill(self->heap, self->table, i, n);
			ASSERT_LE(0, ended);
			kills += !ended;
			ASSERT_TRUE(shim_heap_is_valid(self->heap)) {
				TH_LOG("%s, killed after %u instructions",
				       was ? "free" : "alloc", n);
			}
			ASSERT_TRUE(all_good(self->table));
			/* the same operation again */
			if (was != !!self->table->obj[0][i])
				ASSERT_TRUE(change(self->heap, self->table, 0,
						   i, 2));
		}
		if (n > most)
			most = n;
	}
	shim_heap_get_stat(self->heap, &st);
	base = (unsigned int)live_objects(self->table);
	EXPECT_LE(st.objects, base + kills);
	EXPECT_LE(10, st.rollbacks);
	TH_LOG("%u kills, %zu in the lock, %zu objects lost", kills,
	       (size_t)st.rollbacks, st.objects - base);
}

TEST_HARNESS_MAIN
