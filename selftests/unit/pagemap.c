// SPDX-License-Identifier: GPL-2.0-only
/* pagemap: it knows what it was told, and nothing about any other address. */
#include "../lib/patience.h"

#include "base/pagemap.h"

#define BASE	((uintptr_t)0x123 << 32)

static struct span span(uintptr_t start, uint32_t npages)
{
	struct span s = { .start = start, .npages = npages,
			  .state = SPAN_INUSE };

	return s;
}

static void *at(uintptr_t start, size_t page, size_t off)
{
	return (void *)(start + page * PAGE_SIZE + off);
}

TEST(any_pointer_may_be_asked_about)
{
	static const uintptr_t odd[] = {
		0, 1, 4096, (uintptr_t)1 << (PAGEMAP_BITS - 1),
		((uintptr_t)1 << PAGEMAP_BITS) - 1,
		(uintptr_t)1 << PAGEMAP_BITS, (uintptr_t)1 << 62,
		~(uintptr_t)0, 0xffff800000000000ul,
	};
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		EXPECT_EQ(PAGEMAP_NONE, pagemap_class((void *)odd[i]));
		EXPECT_EQ(NULL, pagemap_span((void *)odd[i]));
		EXPECT_EQ(NULL, pagemap_owner((void *)odd[i]));
	}
	EXPECT_FALSE(pagemap_add((uintptr_t)1 << PAGEMAP_BITS, 1));
}

TEST(small_span)
{
	struct span s = span(BASE + 5 * PAGE_SIZE, 3);
	size_t i;

	ASSERT_TRUE(pagemap_add(s.start, s.npages * PAGE_SIZE));
	pagemap_set(&s, 17);
	EXPECT_EQ(17, s.sizeclass);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(17, pagemap_class(at(s.start, i, 100)));
		EXPECT_EQ(&s, pagemap_span(at(s.start, i, PAGE_SIZE - 1)));
		EXPECT_EQ(&s, pagemap_owner(at(s.start, i, 1)));
	}
	EXPECT_EQ(0, pagemap_class(at(s.start, 3, 0)));
	EXPECT_EQ(NULL, pagemap_span((void *)(s.start - 1)));
	pagemap_clear(&s);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, pagemap_class(at(s.start, i, 0)));
		EXPECT_EQ(NULL, pagemap_span(at(s.start, i, 0)));
	}
}

TEST(large_span)
{
	struct span s = span(BASE + 9 * PAGE_SIZE, 700);

	ASSERT_TRUE(pagemap_add(s.start, s.npages * PAGE_SIZE));
	pagemap_set(&s, PAGEMAP_LARGE);
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class((void *)s.start));
	EXPECT_EQ(&s, pagemap_span((void *)s.start));
	/* no object starts inside of it */
	EXPECT_EQ(0, pagemap_class(at(s.start, 1, 0)));
	EXPECT_EQ(0, pagemap_class(at(s.start, 699, 0)));
	EXPECT_EQ(&s, pagemap_owner(at(s.start, 699, PAGE_SIZE - 1)));
	EXPECT_EQ(NULL, pagemap_owner(at(s.start, 700, 0)));
	pagemap_clear(&s);
	EXPECT_EQ(0, pagemap_class((void *)s.start));
	EXPECT_EQ(NULL, pagemap_owner(at(s.start, 350, 0)));
}

/* In the areas from the first one on, the class is in one array. */
TEST(near_areas)
{
	uintptr_t end = BASE + PAGEMAP_NEAR * AREA_SIZE;
	struct span some[] = {
		span(BASE, 1), span(BASE + AREA_SIZE - PAGE_SIZE, 2),
		span(end - 3 * PAGE_SIZE, 3),
	};
	struct span below = span(BASE - PAGE_SIZE, 1), above = span(end, 1);
	struct span large = span(BASE + 9 * PAGE_SIZE, 5);
	unsigned int i, k;

	EXPECT_FALSE(pagemap_is_near(BASE));
	ASSERT_TRUE(pagemap_add(BASE + 5 * PAGE_SIZE, 1));
	for (i = 0; i < ARRAY_SIZE(some); i++) {
		ASSERT_TRUE(pagemap_add(some[i].start,
					some[i].npages * PAGE_SIZE));
		pagemap_set(&some[i], 20 + i);
	}
	ASSERT_TRUE(pagemap_add(below.start, 1));
	ASSERT_TRUE(pagemap_add(above.start, 1));
	pagemap_set(&below, 30);
	pagemap_set(&above, 31);
	EXPECT_FALSE(pagemap_is_near(BASE - 16));
	EXPECT_FALSE(pagemap_is_near(end));
	EXPECT_FALSE(pagemap_is_near(0));
	EXPECT_FALSE(pagemap_is_near(~(uintptr_t)0));
	for (i = 0; i < ARRAY_SIZE(some); i++)
		for (k = 0; k < some[i].npages * PAGE_SIZE; k++) {
			EXPECT_EQ(k % 16 == 0, pagemap_is_near(some[i].start + k));
			EXPECT_EQ(20 + i, pagemap_class_near(some[i].start + k));
		}
	EXPECT_EQ(0, pagemap_class_near(BASE + PAGE_SIZE));
	EXPECT_EQ(0, pagemap_class_near(some[2].start - 1));
	pagemap_set(&large, PAGEMAP_LARGE);
	EXPECT_EQ(PAGEMAP_LARGE, pagemap_class_near(large.start));
	EXPECT_EQ(0, pagemap_class_near(large.start + PAGE_SIZE));
	pagemap_clear(&large);
	EXPECT_EQ(0, pagemap_class_near(large.start));
	pagemap_mix(&some[1]);
	for (k = 0; k < 2; k++)
		EXPECT_EQ(PAGEMAP_COMPOUND, pagemap_class_near(some[1].start +
							       k * PAGE_SIZE));
	for (i = 0; i < ARRAY_SIZE(some); i++) {
		pagemap_clear(&some[i]);
		EXPECT_EQ(0, pagemap_class_near(some[i].start));
	}
	pagemap_clear(&below);
	pagemap_clear(&above);
}

/*
 * Areas inside a span have no map of their own; the span is found nevertheless.
 */
TEST(owner_over_many_areas)
{
	struct span s = span(BASE + 100 * PAGE_SIZE, 5 * AREA_PAGES);
	struct span next = span(s.start + s.npages * PAGE_SIZE, 2);
	size_t i;

	ASSERT_TRUE(pagemap_add(s.start, 1));
	ASSERT_TRUE(pagemap_add(next.start, 1));
	pagemap_set(&s, PAGEMAP_LARGE);
	pagemap_set(&next, 3);
	EXPECT_EQ(NULL, pagemap_area(s.start + 2 * AREA_SIZE));
	for (i = 0; i < 5 * AREA_PAGES; i += 1000)
		EXPECT_EQ(&s, pagemap_owner(at(s.start, i, 5)));
	EXPECT_EQ(&s, pagemap_owner((void *)(next.start - 1)));
	EXPECT_EQ(&next, pagemap_owner((void *)next.start));
	EXPECT_EQ(NULL, pagemap_owner(at(next.start, 2, 0)));
	EXPECT_EQ(NULL, pagemap_owner((void *)(s.start - 1)));
	pagemap_clear(&s);
	EXPECT_EQ(NULL, pagemap_owner((void *)(next.start - 1)));
	EXPECT_EQ(&next, pagemap_owner((void *)next.start));
	pagemap_clear(&next);
}

/* Lower addresses need a longer root; earlier entries stay. */
TEST(a_longer_root)
{
	uintptr_t top = (uintptr_t)1 << PAGEMAP_BITS;
	struct span high = span(top - ((uintptr_t)1 << 40) + PAGE_SIZE, 1);
	struct span low = span(((uintptr_t)0x5500 << 32) + PAGE_SIZE, 1);
	size_t before;

	ASSERT_TRUE(pagemap_add(high.start, 1));
	pagemap_set(&high, 7);
	before = pagemap.count;
	/* a window of a terabyte at the top of the address space: 256 KiB */
	EXPECT_GE(((size_t)1 << 40) / AREA_SIZE + 512, before);
	EXPECT_EQ(NULL, pagemap_area(low.start));
	EXPECT_EQ(NULL, pagemap_owner((void *)low.start));
	ASSERT_TRUE(pagemap_add(low.start, 1));
	pagemap_set(&low, 9);
	EXPECT_LT(before, pagemap.count);
	EXPECT_EQ(&high, pagemap_span((void *)high.start));
	EXPECT_EQ(7, pagemap_class((void *)high.start));
	EXPECT_EQ(9, pagemap_class((void *)low.start));
	EXPECT_EQ(NULL, pagemap_area(low.start - AREA_SIZE));
	pagemap_clear(&high);
	pagemap_clear(&low);
}

TEST(ends_of_the_address_space)
{
	struct span first = span(PAGE_SIZE, 1);
	struct span last = span(((uintptr_t)1 << PAGEMAP_BITS) - PAGE_SIZE, 1);

	ASSERT_TRUE(pagemap_add(first.start, 1));
	ASSERT_TRUE(pagemap_add(last.start, 1));
	pagemap_set(&first, 1);
	pagemap_set(&last, PAGEMAP_LARGE);
	EXPECT_EQ(1, pagemap_class((void *)PAGE_SIZE));
	EXPECT_EQ(&last, pagemap_owner((void *)(last.start + 8191)));
	EXPECT_EQ(NULL, pagemap_owner((void *)0));
	pagemap_clear(&first);
	pagemap_clear(&last);
}

TEST_HARNESS_MAIN
