// SPDX-License-Identifier: GPL-2.0-only
/* percpu_slab: stacks that grow and shrink beside each other, against a model. */
#include <stdlib.h>
#include <string.h>

#include "../lib/patience.h"

#include "cache/percpu_slab.h"

#define MODEL	2048

struct model {
	void *objs[SIZECLASS_COUNT + 1][MODEL];
	unsigned int n[SIZECLASS_COUNT + 1];
};

static struct percpu_slab *slab_make(void)
{
	struct percpu_slab *slab = aligned_alloc(4096, PERCPU_SLAB_BYTES);

	memset(slab, 0, PERCPU_SLAB_BYTES);
	slab_init(slab, PERCPU_SLAB_BYTES);
	return slab;
}

TEST(zeroes_are_a_valid_slab)
{
	static struct percpu_slab zero;
	void *p = &zero;
	unsigned int cls;

	for (cls = 0; cls < PERCPU_CLASSES; cls++) {
		ASSERT_EQ(0, slab_count(&zero, cls));
		ASSERT_EQ(0, slab_pop(&zero, cls, &p, 1));
		ASSERT_EQ(0, slab_push(&zero, cls, &p, 1));
	}
	EXPECT_TRUE(slab_is_valid(slab_make()));
}

/*
 * Every stack is compared with an array, while the stacks move each other
 * about.
 */
TEST(random_against_a_model)
{
	static struct model m;
	struct percpu_slab *slab = slab_make();
	uintptr_t next = 16;
	unsigned int i, k;

	srand(5);
	for (i = 0; i < 300000; i++) {
		unsigned int cls = rand() % SIZECLASS_COUNT + 1;
		unsigned int n = rand() % 40 + 1;
		void *objs[40];

		switch (rand() % 8) {
		case 0:
			n = rand() % 200;
			if (slab_resize(slab, cls, n)) {
				ASSERT_EQ(n, slab->cap[cls]);
				ASSERT_LE(m.n[cls], n);
			} else {
				ASSERT_TRUE(n < m.n[cls] || slab->used + n >
					    PERCPU_SLAB_SLOTS);
			}
			break;
		case 1 ... 4:
			for (k = 0; k < n; k++)
				objs[k] = (void *)(next += 16);
			n = slab_push(slab, cls, objs, n);
			memcpy(m.objs[cls] + m.n[cls], objs, n * sizeof(*objs));
			m.n[cls] += n;
			ASSERT_GE(slab->cap[cls], m.n[cls]);
			break;
		default:
			n = slab_pop(slab, cls, objs, n);
			for (k = 0; k < n; k++)
				ASSERT_EQ(m.objs[cls][--m.n[cls]], objs[k]);
		}
		ASSERT_EQ(m.n[cls], slab_count(slab, cls));
		if (i % 64 == 0)
			ASSERT_TRUE(slab_is_valid(slab));
	}
	EXPECT_TRUE(slab_is_valid(slab));
}

TEST(a_full_slab_refuses)
{
	struct percpu_slab *slab = slab_make();
	unsigned int cls = 1;

	while (slab_resize(slab, cls, 1000))
		cls++;
	EXPECT_LT(1, cls);
	EXPECT_EQ(0, slab->cap[cls]);
	EXPECT_TRUE(slab_is_valid(slab));
	EXPECT_TRUE(slab_resize(slab, 1, 0));
	EXPECT_TRUE(slab_resize(slab, cls, 1000));
	EXPECT_TRUE(slab_is_valid(slab));
}

TEST(a_copy_holds_the_same)
{
	struct percpu_slab *slab = slab_make();
	struct percpu_slab *deep = aligned_alloc(4096, PERCPU_DEEP_BYTES);
	void *objs[3] = { slab, deep, objs }, *got[3];

	memset(deep, 0, PERCPU_DEEP_BYTES);
	slab_resize(slab, 5, 100);
	slab_resize(slab, 9, 10);
	ASSERT_EQ(3, slab_push(slab, 5, objs, 3));
	ASSERT_EQ(1, slab_push(slab, 9, objs, 1));
	slab_copy(deep, slab, PERCPU_DEEP_BYTES);
	ASSERT_TRUE(slab_is_valid(deep));
	EXPECT_FALSE(slab_resize(slab, 20, PERCPU_SLAB_SLOTS));
	EXPECT_TRUE(slab_resize(deep, 20, PERCPU_SLAB_SLOTS));
	EXPECT_TRUE(slab_is_valid(deep));
	EXPECT_EQ(3, slab_pop(deep, 5, got, 3));
	EXPECT_EQ(objs[2], got[0]);
	EXPECT_EQ(objs[0], got[2]);
	EXPECT_EQ(1, slab_pop(deep, 9, got, 3));
	EXPECT_TRUE(slab_is_valid(deep));
}

TEST(what_holds_objects_does_not_shrink_below_them)
{
	struct percpu_slab *slab = slab_make();
	void *objs[3] = { (void *)16, (void *)32, (void *)48 };

	ASSERT_TRUE(slab_resize(slab, 2, 5));
	ASSERT_EQ(3, slab_push(slab, 2, objs, 3));
	EXPECT_FALSE(slab_resize(slab, 2, 2));
	EXPECT_TRUE(slab_resize(slab, 2, 3));
	EXPECT_EQ(0, slab_push(slab, 2, objs, 1));
}

TEST(the_table_is_in_the_slab)
{
	struct percpu_slab *slab = slab_make();
	size_t size;

	for (size = 1; size <= SIZECLASS_SMALL_MAX; size++)
		ASSERT_EQ(sizeclass_of(size), slab->size_class[(size - 1) / 16]);
}

TEST(shape_changes_with_the_stacks)
{
	struct percpu_slab *slab = slab_make();
	void *p = (void *)16;
	uint64_t before;

	slab_resize(slab, 9, 4);
	before = slab_shape(slab);
	EXPECT_EQ(before, slab_shape(slab));
	slab_push(slab, 9, &p, 1);
	EXPECT_NE(before, slab_shape(slab));
}

TEST(an_object_that_is_there_twice)
{
	enum { N = 600 };
	struct percpu_slab *slab = slab_make();
	unsigned int cls = 3, i, k;
	void *p;

	ASSERT_TRUE(slab_resize(slab, cls, N));
	for (i = 0; i < N; i++) {
		p = (void *)(uintptr_t)(0x7000000 + i * 48);
		ASSERT_EQ(1, slab_push(slab, cls, &p, 1));
	}
	EXPECT_EQ(NULL, slab_double(slab, cls, N));
	for (i = 1; i < N; i += 7)
		for (k = 0; k < i; k += 13) {
			void **at = slab->cur[cls] - i, *was = *at;

			*at = slab->cur[cls][-(long)k];
			ASSERT_EQ(*at, slab_double(slab, cls, N));
			ASSERT_EQ(NULL, slab_double(slab, cls, i));
			*at = was;
		}
	EXPECT_EQ(NULL, slab_double(slab, cls + 1, N));
}

TEST(damage_is_noticed)
{
	struct percpu_slab *slab = slab_make();
	void *p = (void *)16;

	slab_resize(slab, 1, 4);
	slab_resize(slab, 2, 4);
	slab_push(slab, 2, &p, 1);
	EXPECT_TRUE(slab_is_valid(slab));
	*slab->cur[2] = NULL;
	EXPECT_FALSE(slab_is_valid(slab));
	*slab->cur[2] = p;
	slab->end[1]++;
	EXPECT_FALSE(slab_is_valid(slab));
}

TEST_HARNESS_MAIN
