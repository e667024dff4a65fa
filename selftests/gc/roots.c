// SPDX-License-Identifier: GPL-2.0-only
/*
 * What keeps an object, and what does not; see roots_threads.c for stacks.
 */
#include "roots.h"

static void *in_bss[SOME];
static void *in_data[SOME] = { (void *)1 };
static __thread void *in_tls[SOME];

static void drop(void)
{
	unsigned int i;

	for (i = 0; i < SOME; i++)
		shim_gc_weak_free(weak[i]);
}

TEST(nobody_keeps_it)
{
	make_garbage(weak, SOME, 64);
	EXPECT_GE(STRAY, left());
}

TEST(static_data)
{
	fill(in_bss, 48);
	EXPECT_EQ(SOME, left());
	drop();
	fill(in_data, 48);
	EXPECT_EQ(SOME, left());
	memset(in_data, 0, sizeof(in_data));
	EXPECT_GE(STRAY, left());
}

TEST(thread_local_data)
{
	fill(in_tls, 48);
	EXPECT_EQ(SOME, left());
	memset(in_tls, 0, sizeof(in_tls));
	EXPECT_GE(STRAY, left());
}

TEST(malloc_is_no_root_until_it_is_registered)
{
	void **p = calloc(SOME, sizeof(*p));

	fill(p, 48);
	ASSERT_EQ(0, shim_gc_root_add(p, SOME * sizeof(*p)));
	EXPECT_EQ(SOME, left());
	/* the second half is no root any more */
	ASSERT_EQ(0, shim_gc_root_remove(p + SOME / 2, SOME / 2 * sizeof(*p)));
	ASSERT_EQ(0, collect());
	EXPECT_LE(SOME / 2, count_left(weak, SOME));
	EXPECT_GE(SOME / 2 + STRAY, count_left(weak, SOME));
	ASSERT_EQ(0, shim_gc_root_remove(p, SOME * sizeof(*p)));
	EXPECT_GE(STRAY, left());
	EXPECT_ERRNO_(EINVAL, shim_gc_root_add(p, 0));
	free(p);
}

/* One call removes everything within its range, however it was added. */
TEST(roots_that_were_added_in_pieces)
{
	void **p = calloc(SOME, sizeof(*p));
	unsigned int i, n = SOME / 5;

	fill(p, 48);
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, shim_gc_root_add(p + i * n, n * sizeof(*p)));
	EXPECT_LE(5 * n, left());
	ASSERT_EQ(0, shim_gc_root_remove(p, SOME * sizeof(*p)));
	EXPECT_GE(STRAY, left());
	free(p);
}

TEST(a_root_that_was_unmapped_is_left_out)
{
	void **p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct shim_gc_stat st;

	ASSERT_NE(MAP_FAILED, p);
	ASSERT_EQ(0, shim_gc_root_add(p, 8192));
	ASSERT_EQ(0, collect());
	munmap(p, 8192);
	ASSERT_EQ(0, collect());
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_EQ(1, st.roots_lost);
	ASSERT_EQ(0, shim_gc_root_remove(p, 8192));
	ASSERT_EQ(0, collect());
	shim_gc_get_stat(&st, sizeof(st));
	EXPECT_EQ(1, st.roots_lost);
}

/* Pointers to the inside, past the end, disguised, or in data. */
TEST(kinds_of_pointers)
{
	uintptr_t hidden[SOME];
	char *inner[SOME], *after[SOME];
	void **data;
	unsigned int i;

	fill((void **)inner, 100);
	for (i = 0; i < SOME; i++)
		inner[i] += 50;
	EXPECT_EQ(SOME, left());
	memset(inner, 0, sizeof(inner));
	drop();

	/* on a stack only: a compiler may keep no more of an array */
	fill((void **)after, 128);
	for (i = 0; i < SOME; i++)
		after[i] += 128;
	EXPECT_EQ(SOME, left());
	memset(after, 0, sizeof(after));
	drop();

	fill((void **)hidden, 100);
	for (i = 0; i < SOME; i++)
		hidden[i] ^= ~0ul;
	EXPECT_GE(STRAY, left());
	drop();

	data = shim_gc_alloc_data(SOME * sizeof(*data));
	fill(data, 100);
	EXPECT_GE(STRAY, left());
	/* used, so that the compiler keeps them */
	EXPECT_NE(NULL, data);
	EXPECT_EQ(NULL, inner[0]);
	EXPECT_EQ(NULL, after[0]);
}

TEST(typed_objects_keep_what_their_type_says)
{
	static const unsigned int offset[] = { 8 };
	static const struct shim_gc_type type = {
		.size = 24, .nr = 1, .repeat = true, .offset = offset,
	};
	struct elem { void *no, *yes, *neither; } *e;
	unsigned int i;

	e = shim_gc_alloc_typed(&type, SOME);
	for (i = 0; i < SOME; i++)
		e[i].yes = shim_gc_alloc(32);
	for (i = 0; i < SOME; i++)
		weak[i] = shim_gc_weak_new(e[i].yes, SHIM_GC_SHORT);
	EXPECT_EQ(SOME, left());
	for (i = 0; i < SOME; i++) {
		e[i].no = e[i].yes;
		e[i].yes = NULL;
	}
	EXPECT_GE(STRAY, left());
	EXPECT_NE(NULL, e[0].no);
}

TEST(pins_count)
{
	void **p = in_bss;
	unsigned int i;

	fill(p, 40);
	for (i = 0; i < SOME; i++) {
		ASSERT_EQ(0, shim_gc_pin(p[i]));
		ASSERT_EQ(0, shim_gc_pin(p[i]));
		p[i] = (void *)~(uintptr_t)p[i];
	}
	for (i = 0; i < SOME; i++)
		ASSERT_EQ(0, shim_gc_unpin((void *)~(uintptr_t)p[i]));
	EXPECT_EQ(SOME, left());
	for (i = 0; i < SOME; i++)
		ASSERT_EQ(0, shim_gc_unpin((void *)~(uintptr_t)p[i]));
	EXPECT_GE(STRAY, left());
	EXPECT_ERRNO_(EINVAL, shim_gc_unpin(&p));
	EXPECT_ERRNO_(EINVAL, shim_gc_pin(&p));
}

TEST_HARNESS_MAIN
