// SPDX-License-Identifier: GPL-2.0-only
/* heap: every policy against a list of blocks; limits, threads, fork, mistakes. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "patience.h"
#include "blocks.h"
#include "dies.h"
#include "seam/seam.h"
#include "shim_heap.h"

#define OBJS	600
#define THREADS	4

static unsigned int seed;

static unsigned int rnd(unsigned int n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 8) % n;
}

static const unsigned int policies[] = {
	SHIM_HEAP_SEGREGATED, SHIM_HEAP_FIRST, SHIM_HEAP_NEXT, SHIM_HEAP_BEST
};

FIXTURE(policy)
{
	struct shim_heap *heap;
};

FIXTURE_VARIANT(policy)
{
	unsigned int flags;
};

FIXTURE_VARIANT_ADD(policy, segregated) { .flags = SHIM_HEAP_SEGREGATED };
FIXTURE_VARIANT_ADD(policy, first) { .flags = SHIM_HEAP_FIRST };
FIXTURE_VARIANT_ADD(policy, next) { .flags = SHIM_HEAP_NEXT };
FIXTURE_VARIANT_ADD(policy, best) { .flags = SHIM_HEAP_BEST };

FIXTURE_SETUP(policy)
{
	self->heap = shim_heap_new(variant->flags);
	ASSERT_NE(NULL, self->heap);
}

FIXTURE_TEARDOWN(policy)
{
	shim_heap_destroy(self->heap);
}

/* What is allocated. */
static struct {
	unsigned char *p;
	size_t size;
	unsigned char fill;
} obj[OBJS];

static bool intact(unsigned int i)
{
	size_t k;

	for (k = 0; k < obj[i].size; k++)
		if (obj[i].p[k] != obj[i].fill)
			return false;
	return true;
}

static bool is_free(const unsigned char *p, size_t size, unsigned int but)
{
	unsigned int i;

	for (i = 0; i < OBJS; i++)
		if (i != but && obj[i].p && p < obj[i].p + obj[i].size &&
		    obj[i].p < p + size)
			return false;
	return true;
}

static size_t any_size(void)
{
	switch (rnd(50)) {
	case 0:
		return rnd(200000);
	case 1:
	case 2:
	case 3:
		return rnd(9000);
	default:
		return rnd(600);
	}
}

static bool step(struct shim_heap *heap)
{
	unsigned int i = rnd(OBJS), what = rnd(10);
	size_t size = any_size(), align = 16, k;
	unsigned char *p;

	if (obj[i].p && what < 6) {
		if (!intact(i))
			return false;
		shim_heap_free(heap, obj[i].p);
		obj[i].p = NULL;
		return true;
	}
	if (obj[i].p) {
		size_t keep = size < obj[i].size ? size : obj[i].size;

		p = shim_heap_realloc(heap, obj[i].p, size);
		for (k = 0; p && k < keep; k++)
			if (p[k] != obj[i].fill)
				return false;
	} else if (what < 7) {
		p = shim_heap_alloc(heap, size);
	} else if (what < 8) {
		p = shim_heap_calloc(heap, 1, size);
		for (k = 0; p && k < size; k++)
			if (p[k])
				return false;
	} else {
		align = (size_t)1 << rnd(16);
		p = shim_heap_aligned(heap, align, size);
	}
	if (!p || (uintptr_t)p % align || (uintptr_t)p % 16 ||
	    shim_heap_usable(heap, p) < size || !is_free(p, size, i) ||
	    shim_heap_owner(p) != heap)
		return false;
	obj[i].p = p;
	obj[i].size = size;
	obj[i].fill = (unsigned char)rnd(256);
	memset(p, obj[i].fill, size);
	return true;
}

static int tick(void *p, size_t size, void *arg)
{
	unsigned int i;

	for (i = 0; i < OBJS; i++)
		if (obj[i].p == p && obj[i].size <= size) {
			++*(size_t *)arg;
			return 0;
		}
	return 1;
}

TEST_F(policy, objects_are_apart_and_stay_as_they_are)
{
	struct shim_heap_stat st;
	size_t seen, live, i;
	int k;

	seed = 7;
	for (k = 0; k < 60000; k++) {
		ASSERT_TRUE(step(self->heap)) TH_LOG("step %d", k);
		if (k % 200)
			continue;
		ASSERT_TRUE(shim_heap_is_valid(self->heap));
		for (i = live = 0; i < OBJS; i++)
			live += !!obj[i].p;
		seen = 0;
		ASSERT_EQ(0, shim_heap_walk(self->heap, tick, &seen));
		ASSERT_EQ(live, seen);
		shim_heap_get_stat(self->heap, &st);
		ASSERT_EQ(live, st.objects);
	}
	for (i = 0; i < OBJS; i++) {
		if (obj[i].p)
			EXPECT_TRUE(intact((unsigned int)i));
		shim_heap_free(self->heap, obj[i].p);
	}
	ASSERT_TRUE(shim_heap_is_valid(self->heap));
	shim_heap_get_stat(self->heap, &st);
	EXPECT_EQ(0, st.objects);
	EXPECT_EQ(0, st.used);
	/* The first piece, and one to spare. */
	EXPECT_LE(st.held, (size_t)2 * 65536);
}

/* Address and failure of every request are those of the block list. */
static bool as_blocks(unsigned int policy, size_t len)
{
	static struct blocks b;
	char *mem = aligned_alloc(16, len), *p, *base = NULL;
	struct shim_heap *heap = shim_heap_at(mem, len, policy);
	struct shim_heap_stat st;
	bool good = heap;
	int k;

	memset(obj, 0, sizeof(obj));
	blocks_init(&b, policy);
	for (k = 0; good && k < 30000; k++) {
		unsigned int i = rnd(OBJS);
		size_t size = rnd(20) ? rnd(400) : rnd(4000);
		long at;

		if (obj[i].p) {
			shim_heap_free(heap, obj[i].p);
			good = blocks_free(&b, obj[i].p - (unsigned char *)
					   base);
			obj[i].p = NULL;
		} else {
			p = shim_heap_alloc(heap, size);
			if (!base) {
				base = p;
				shim_heap_get_stat(heap, &st);
				/* all that is left, up to the last tag */
				blocks_space(&b, (size_t)(mem + len - base));
			}
			at = blocks_alloc(&b, size);
			good = p ? at == p - base : at < 0;
			obj[i].p = (unsigned char *)p;
		}
		if (k % 500 == 0)
			good = good && shim_heap_is_valid(heap);
	}
	shim_heap_get_stat(heap, &st);
	good = good && st.held == len && st.steps > 0;
	shim_heap_destroy(heap);
	free(mem);
	return good;
}

TEST(a_request_gets_the_block_that_the_policy_says)
{
	unsigned int p;

	for (p = 1; p < 4; p++)
		for (seed = 1; seed < 5; seed++) {
			unsigned int s = seed;

			EXPECT_TRUE(as_blocks(policies[p], 20000u * s));
			EXPECT_TRUE(as_blocks(policies[p], 1 << 20));
			seed = s;
		}
}

TEST_F(policy, a_limit_is_kept)
{
	struct shim_heap_stat st;
	size_t limit, n;

	for (limit = 65536; limit < 1 << 20; limit += 24576) {
		struct shim_heap *heap = shim_heap_new(variant->flags);

		ASSERT_NE(NULL, heap);
		shim_heap_set_limit(heap, limit);
		for (n = 0; shim_heap_alloc(heap, 10 + n * 7 % 9000); n++)
			;
		EXPECT_EQ(ENOMEM, errno);
		shim_heap_get_stat(heap, &st);
		EXPECT_LE(st.held, limit);
		EXPECT_EQ(limit, st.limit);
		EXPECT_EQ(n, st.objects);
		EXPECT_TRUE(shim_heap_is_valid(heap));
		shim_heap_set_limit(heap, 0);
		EXPECT_NE(NULL, shim_heap_alloc(heap, 100000));
		shim_heap_destroy(heap);
	}
}

TEST_F(policy, what_cannot_be_is_refused)
{
	volatile size_t huge = SIZE_MAX;
	char mem[2048] __attribute__((aligned(16)));
	void *p = shim_heap_alloc(self->heap, 100);

	ASSERT_NE(NULL, p);
	EXPECT_EQ(NULL, shim_heap_alloc(self->heap, huge));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(NULL, shim_heap_alloc(self->heap, huge / 2));
	EXPECT_EQ(NULL, shim_heap_calloc(self->heap, huge / 2, 4));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(NULL, shim_heap_aligned(self->heap, 4096, huge - 100));
	errno = 0;
	EXPECT_EQ(NULL, shim_heap_aligned(self->heap, 24, 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_heap_aligned(self->heap, 65536, 8));
	EXPECT_EQ(NULL, shim_heap_aligned(self->heap, 0, 8));
	EXPECT_EQ(NULL, shim_heap_realloc(self->heap, p, huge));
	EXPECT_EQ(ENOMEM, errno);
	shim_heap_free(self->heap, p);
	shim_heap_free(self->heap, NULL);
	shim_heap_destroy(NULL);
	errno = 0;
	EXPECT_EQ(NULL, shim_heap_new(64));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_heap_at(mem, sizeof(mem), SHIM_HEAP_SEGREGATED));
	EXPECT_EQ(NULL, shim_heap_at(mem, 100, SHIM_HEAP_FIRST));
	EXPECT_EQ(NULL, shim_heap_at(mem + 1, 1500, SHIM_HEAP_FIRST));
	EXPECT_EQ(NULL, shim_heap_at(NULL, 4096, SHIM_HEAP_FIRST));
	memset(mem, 0, sizeof(mem));
	EXPECT_EQ(NULL, shim_heap_open(mem, sizeof(mem)));
	EXPECT_EQ(NULL, shim_heap_owner(mem));
	EXPECT_EQ(NULL, shim_heap_owner(NULL));
	EXPECT_EQ(NULL, shim_heap_owner((void *)huge));
}

/* A heap is opened where all of it is, and only one that processes share. */
TEST(what_is_not_all_there_is_not_opened)
{
	static char mem[8192] __attribute__((aligned(16)));
	struct shim_heap *heap;

	heap = shim_heap_at(mem, sizeof(mem), SHIM_HEAP_FIRST | SHIM_HEAP_SHARED);
	ASSERT_NE(NULL, heap);
	EXPECT_EQ(heap, shim_heap_open(mem, sizeof(mem)));
	errno = 0;
	EXPECT_EQ(NULL, shim_heap_open(mem, sizeof(mem) - 16));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(NULL, shim_heap_open(mem, 16));
	EXPECT_EQ(NULL, shim_heap_open(mem + 16, sizeof(mem) - 16));
	EXPECT_EQ(NULL, shim_heap_open(NULL, sizeof(mem)));
	/* a heap of one process */
	heap = shim_heap_at(mem, sizeof(mem), SHIM_HEAP_FIRST);
	ASSERT_NE(NULL, heap);
	errno = 0;
	EXPECT_EQ(NULL, shim_heap_open(mem, sizeof(mem)));
	EXPECT_EQ(EINVAL, errno);
	shim_heap_destroy(heap);
}

static struct shim_heap *shared;
static void *slot[1000];

static void *churn(void *arg)
{
	unsigned int s = (unsigned int)(uintptr_t)arg;
	uintptr_t bad = 0;
	int k;

	for (k = 0; k < 40000; k++) {
		unsigned int i = (unsigned int)rand_r(&s) % 1000;
		size_t size = (size_t)rand_r(&s) % 500 + 16;
		size_t *p = shim_heap_alloc(shared, size);

		if (!p) {
			bad++;
			continue;
		}
		p[0] = size;
		p[1] = (uintptr_t)p;
		/* for whichever thread takes it, mostly another one */
		p = __atomic_exchange_n(&slot[i], p, __ATOMIC_ACQ_REL);
		if (p) {
			bad += p[1] != (uintptr_t)p ||
			       shim_heap_usable(shared, p) < p[0];
			shim_heap_free(shared, p);
		}
	}
	return (void *)bad;
}

static void *destroy(void *arg)
{
	shim_heap_destroy(arg);
	return NULL;
}

TEST_F(policy, any_thread_allocates_frees_and_destroys)
{
	pthread_t t[THREADS];
	uintptr_t i;
	void *bad;

	shared = shim_heap_new(variant->flags);
	ASSERT_NE(NULL, shared);
	for (i = 0; i < THREADS; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, churn, (void *)i));
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &bad);
		EXPECT_EQ(NULL, bad);
	}
	EXPECT_TRUE(shim_heap_is_valid(shared));
	ASSERT_EQ(0, pthread_create(&t[0], NULL, destroy, shared));
	pthread_join(t[0], NULL);
	for (i = 0; i < 1000; i++)
		ASSERT_EQ(NULL, shim_heap_owner(slot[i]));
}

static int stop;

static void *until_stopped(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct shim_heap *heap = shim_heap_new(SHIM_HEAP_SEGREGATED);
		void *p = shim_heap_alloc(arg, 100);

		shim_heap_free(arg, p);
		shim_heap_destroy(heap);
	}
	return NULL;
}

TEST_F(policy, a_child_of_a_fork_can_go_on)
{
	pthread_t t[2];
	int i, status;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&t[i], NULL, until_stopped,
					    self->heap));
	for (i = 0; i < 100; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct shim_heap *heap = shim_heap_new(variant->flags);
			void *p = shim_heap_alloc(self->heap, 5000);

			shim_heap_free(self->heap, p);
			_exit(!p || !shim_heap_alloc(heap, 10) ||
			      !shim_heap_is_valid(self->heap));
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static unsigned int mistake_policy;

static void free_twice(void)
{
	struct shim_heap *heap = shim_heap_new(mistake_policy);
	void *p = shim_heap_alloc(heap, 50), *q = shim_heap_alloc(heap, 50);

	shim_heap_free(heap, p);
	if (q)
		shim_heap_free(heap, p);
}

static void free_inside(void)
{
	struct shim_heap *heap = shim_heap_new(mistake_policy);
	char *p = shim_heap_alloc(heap, 400);

	shim_heap_free(heap, memset(p, 0, 400) + 32);
}

static void free_elsewhere(void)
{
	struct shim_heap *heap = shim_heap_new(mistake_policy);
	struct shim_heap *other = shim_heap_new(mistake_policy);

	shim_heap_free(heap, shim_heap_alloc(other, 50));
}

static void free_of_malloc(void)
{
	struct shim_heap *heap = shim_heap_new(mistake_policy);

	shim_heap_free(heap, malloc(100));
}

static void free_large_inside(void)
{
	struct shim_heap *heap = shim_heap_new(mistake_policy);
	char *p = shim_heap_alloc(heap, 40000);

	shim_heap_free(heap, memset(p, 0, 40000) + 16);
}

#define HOLES		8000
#define HOLE		((size_t)46368 / 2)	/* its size includes the tag */

static void *holes_make(void *heap)
{
	static void *p[HOLES];
	int i;

	for (i = 0; i < HOLES; i++)
		p[i] = shim_heap_alloc(heap, HOLE - 8);
	for (i = 0; i < HOLES; i += 2)
		shim_heap_free(heap, p[i]);
	return p[HOLES - 1];
}

/*
 * Freed in this order (steps of the golden section of 2^64), the holes would
 * make a tree as deep as a list.
 */
TEST(a_tree_of_holes_needs_no_deep_stack)
{
	size_t len = (HOLES + 1) * HOLE;
	pthread_attr_t attr;
	pthread_t thread;
	void *last, *mem;

	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, pthread_attr_init(&attr));
	/* 64 KiB, or the least there is: 128 KiB on arm64 */
	ASSERT_EQ(0, pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN >
					       64 << 10 ? PTHREAD_STACK_MIN :
							  64 << 10));
	ASSERT_EQ(0, pthread_create(&thread, &attr, holes_make,
				    shim_heap_at(mem, len, SHIM_HEAP_FIRST)));
	pthread_join(thread, &last);
	pthread_attr_destroy(&attr);
	EXPECT_NE(NULL, last);
	EXPECT_TRUE(shim_heap_is_valid(mem));
	shim_heap_destroy(mem);
	munmap(mem, len);
}

static void free_by_libc(void)
{
	free(shim_heap_alloc(shim_heap_new(mistake_policy), 50));
}

static void overflow(void)
{
	struct shim_heap *heap = shim_heap_new(mistake_policy);
	char *p = shim_heap_alloc(heap, 40), *q = shim_heap_alloc(heap, 40);

	memset(p, 0x41, q ? 64 : 0);
	shim_heap_free(heap, p);
}

TEST_F(policy, mistakes_are_reported)
{
	mistake_policy = variant->flags;
	EXPECT_TRUE(dies(free_twice));
	EXPECT_TRUE(dies(free_inside));
	EXPECT_TRUE(dies(free_large_inside));
	EXPECT_TRUE(dies(free_elsewhere));
	EXPECT_TRUE(dies(free_of_malloc));
	if (seam_is_here())
		EXPECT_TRUE(dies(free_by_libc));
	if (variant->flags != SHIM_HEAP_SEGREGATED)
		EXPECT_TRUE(dies(overflow));
}

TEST_HARNESS_MAIN
