// SPDX-License-Identifier: GPL-2.0-only
/*
 * An object is aligned, zeroed, as large as was asked for, found from inside,
 * and freed once.
 */
#include "../unit/dies.h"

#include "gctest.h"

TEST(sizes_alignment_and_zero)
{
	size_t size, i;
	char *p;

	for (size = 0; size < 70000; size += 1 + size / 7) {
		p = shim_gc_alloc(size);
		ASSERT_NE(NULL, p);
		EXPECT_EQ(0, (uintptr_t)p % 16);
		EXPECT_LE(size, shim_gc_size(p));
		EXPECT_GE(size + size / 4 + 8192, shim_gc_size(p));
		for (i = 0; i < shim_gc_size(p); i++)
			ASSERT_EQ(0, p[i]);
		memset(p, 0xaa, shim_gc_size(p));
	}
	/* the same memory again: what is handed out next is zero, too */
	ASSERT_EQ(0, collect());
	for (size = 0; size < 70000; size += 1 + size / 7) {
		p = shim_gc_alloc(size);
		ASSERT_NE(NULL, p);
		for (i = 0; i < shim_gc_size(p); i++)
			ASSERT_EQ(0, p[i]);
	}
	EXPECT_EQ(0, shim_gc_verify());
}

static void **large[4];
static struct shim_gc_weak *leaf[4 * 256];

static __attribute__((noinline)) void fill_large(void)
{
	static const size_t size[] = { 100 << 10, 200 << 10, 1 << 20, 5 << 20 };
	size_t i, k, n, at;
	void *p;

	for (i = 0; i < 4; i++) {
		large[i] = shim_gc_alloc(size[i]);
		n = size[i] / sizeof(void *);
		for (k = 0; k < 256; k++) {
			/* the first word and the last, and some in between */
			at = k * (n - 1) / 255;
			p = shim_gc_alloc(48);
			large[i][at] = p;
			leaf[i * 256 + k] = shim_gc_weak_new(p, SHIM_GC_SHORT);
		}
	}
}

TEST(large_objects_are_scanned_to_their_end)
{
	fill_large();
	ASSERT_EQ(0, collect());
	EXPECT_EQ(4 * 256, count_left(leaf, 4 * 256));
	memset(large, 0, sizeof(large));
	ASSERT_EQ(0, collect());
	EXPECT_GE(2 * 256, count_left(leaf, 4 * 256));
}

TEST(base_and_size)
{
	char *p = shim_gc_alloc(100), *large = shim_gc_alloc(1 << 20);
	int local = 0;

	EXPECT_EQ(p, shim_gc_base(p));
	EXPECT_EQ(p, shim_gc_base(p + 99));
	EXPECT_EQ(large, shim_gc_base(large + 500000));
	EXPECT_EQ(NULL, shim_gc_base(&local));
	EXPECT_EQ(NULL, shim_gc_base(NULL));
	EXPECT_EQ(NULL, shim_gc_base((void *)~0ul));
	EXPECT_EQ(0, shim_gc_size(&local));
	EXPECT_LE(1 << 20, shim_gc_size(large));
}

TEST(tiny_objects_share_a_block)
{
	char *a = shim_gc_alloc_data(3), *b = shim_gc_alloc_data(8);
	char *c = shim_gc_alloc_data(4), *d = shim_gc_alloc_data(12);

	EXPECT_EQ(0, (uintptr_t)b % 8);
	EXPECT_EQ(0, (uintptr_t)c % 4);
	EXPECT_EQ(0, (uintptr_t)d % 4);
	EXPECT_EQ(shim_gc_base(a), shim_gc_base(b));
	strcpy(a, "ab");
	strcpy(b, "1234567");
	/* one of them keeps the block, and freeing one keeps the other */
	shim_gc_free(a);
	ASSERT_EQ(0, collect());
	EXPECT_STREQ("1234567", b);
	EXPECT_ERRNO_(EINVAL, shim_gc_finalizer(b + 1, NULL, NULL, 0));
}

TEST(realloc_keeps_what_is_there)
{
	unsigned char *p = NULL;
	size_t size, i;

	for (size = 1; size < 300000; size = size * 3 / 2 + 1) {
		p = shim_gc_realloc(p, size);
		ASSERT_NE(NULL, p);
		for (i = 0; i < size * 2 / 3; i++)
			if (i < (size - 1) * 2 / 3)
				ASSERT_EQ((unsigned char)i, p[i]);
		for (i = 0; i < size; i++)
			p[i] = (unsigned char)i;
	}
	p = shim_gc_realloc(p, 10);
	for (i = 0; i < 10; i++)
		EXPECT_EQ(i, p[i]);
	EXPECT_EQ(NULL, shim_gc_realloc(p, 0));
}

/* As memmove(), whatever overlaps. */
TEST(a_copy_may_overlap)
{
	enum { N = 24 };
	uintptr_t *a = shim_gc_alloc(N * sizeof(*a)), model[N];
	unsigned int from, to, i, n;

	for (n = 0; n <= N; n++)
		for (from = 0; from + n <= N; from++)
			for (to = 0; to + n <= N; to++) {
				for (i = 0; i < N; i++) {
					a[i] = i;
					model[i] = i;
				}
				shim_gc_copy(a + to, a + from, n * sizeof(*a));
				memmove(model + to, model + from,
					n * sizeof(*a));
				ASSERT_EQ(0, memcmp(a, model, sizeof(model)));
			}
}

TEST(free_gives_back_at_once)
{
	char *p = shim_gc_alloc(1000), *q = shim_gc_alloc(1 << 20);

	shim_gc_free(NULL);
	shim_gc_free(p);
	EXPECT_EQ(NULL, shim_gc_base(p));
	shim_gc_free(q);
	EXPECT_EQ(NULL, shim_gc_base(q));
	EXPECT_EQ(0, shim_gc_verify());
}

static void free_twice(void)
{
	char *p = shim_gc_alloc(64);

	shim_gc_free(p);
	shim_gc_free(p);
}

static void free_interior(void)
{
	shim_gc_free((char *)shim_gc_alloc(64) + 16);
}

static void free_foreign(void)
{
	int local;

	shim_gc_alloc(1);
	shim_gc_free(&local);
}

/* Hide the call: the compiler knows free(), and would act on what it knows. */
static void (*volatile libc_free)(void *p) = free;
static void *(*volatile libc_realloc)(void *p, size_t size) = realloc;

static void free_by_malloc(void)
{
	libc_free(shim_gc_alloc(100));
}

static void free_large_by_malloc(void)
{
	libc_free(shim_gc_alloc(1 << 20));
}

static void realloc_by_malloc(void)
{
	libc_realloc(shim_gc_alloc(100), 200);
}

/* malloc()'s objects are never taken for ours: the process ends. */
TEST(an_object_is_not_freed_by_malloc)
{
	EXPECT_TRUE(dies_saying(free_by_malloc, "a collected object"));
	EXPECT_TRUE(dies_saying(free_large_by_malloc, "a collected object"));
	EXPECT_TRUE(dies_saying(realloc_by_malloc, "a collected object"));
}

TEST(wrong_frees_end_the_process)
{
	EXPECT_TRUE(dies(free_twice));
	EXPECT_TRUE(dies(free_interior));
	EXPECT_TRUE(dies(free_foreign));
}

static volatile size_t too_much = SIZE_MAX;

TEST(too_much_is_refused)
{
	static const struct shim_gc_type type = { .size = 8, .repeat = true };

	EXPECT_EQ(NULL, shim_gc_alloc(too_much));
	EXPECT_EQ(ENOMEM, errno);
	EXPECT_EQ(NULL, shim_gc_alloc_data(SIZE_MAX / 2));
	EXPECT_EQ(ENOMEM, errno);
	errno = 0;
	EXPECT_EQ(NULL, shim_gc_alloc_typed(&type, SIZE_MAX / 8));
	EXPECT_EQ(ENOMEM, errno);
	errno = 0;
	EXPECT_EQ(NULL, shim_gc_alloc_typed(NULL, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, shim_gc_verify());
}

/* The heap is bounded although nothing is freed by hand. */
TEST(a_limit_is_kept_by_collecting)
{
	struct shim_gc_stat st;
	unsigned int i;

	shim_gc_set_limit(8 << 20);
	shim_gc_set_percent(10000);
	for (i = 0; i < 200000; i++)
		ASSERT_NE(NULL, shim_gc_alloc(500));
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_LE(10, st.collections);
	EXPECT_GE(10 << 20, st.heap);
}

TEST(what_is_disabled_does_not_collect)
{
	struct shim_gc_stat st;
	unsigned int i;

	shim_gc_disable();
	for (i = 0; i < 100000; i++)
		ASSERT_NE(NULL, shim_gc_alloc(100));
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_EQ(0, st.collections);
	shim_gc_enable();
	for (i = 0; i < 100000; i++)
		ASSERT_NE(NULL, shim_gc_alloc(100));
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_NE(0, st.collections);
}

TEST(settings_are_checked)
{
	struct shim_gc_opts opts = { .percent = 20000 };

	EXPECT_ERRNO_(EINVAL, shim_gc_init(&opts));
	opts.percent = 50;
	opts.signal = SIGUSR1;
	EXPECT_ERRNO_(EINVAL, shim_gc_init(&opts));
	opts.signal = 0;
	EXPECT_EQ(0, shim_gc_init(&opts));
	EXPECT_ERRNO_(EBUSY, shim_gc_init(&opts));
	EXPECT_EQ(50, shim_gc_set_percent(100));
	EXPECT_ERRNO_(EINVAL, shim_gc_set_percent(0));
}

TEST_HARNESS_MAIN
