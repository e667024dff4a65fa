// SPDX-License-Identifier: GPL-2.0-only
/* sizeclass: every size, every offset. */
#include "../lib/patience.h"

#include "base/sizeclass.h"

#define PAGE	8192u

TEST(smallest_class_that_fits)
{
	size_t size;

	for (size = 1; size <= SIZECLASS_MAX; size++) {
		unsigned int cls = sizeclass_of(size);

		ASSERT_LE(1, cls);
		ASSERT_GE(SIZECLASS_COUNT, cls);
		ASSERT_LE(size, sizeclass_info[cls].size);
		if (cls > 1)
			ASSERT_GT(size, sizeclass_info[cls - 1].size);
	}
}

TEST(waste_is_bounded)
{
	unsigned int cls;

	for (cls = 2; cls <= SIZECLASS_COUNT; cls++) {
		unsigned int size = sizeclass_info[cls].size;
		unsigned int least = sizeclass_info[cls - 1].size + 1;

		if (size > 128) {
			ASSERT_GE(size / 5, size - least);
		} else {
			ASSERT_GE(15, size - least);
		}
	}
}

TEST(spans_hold_what_they_say)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		const struct sizeclass *c = &sizeclass_info[cls];
		unsigned int bytes = c->npages * PAGE;

		ASSERT_EQ(bytes / c->size, c->nobjs);
		ASSERT_GE(512, c->nobjs);
		ASSERT_GE(bytes / 8, bytes % c->size);
		ASSERT_EQ(0, c->size % 16);
		ASSERT_LE(2, c->batch);
		ASSERT_GE(SIZECLASS_BATCH_MAX, c->batch);
	}
}

TEST(reciprocal_divides_every_offset)
{
	unsigned int cls, off;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		const struct sizeclass *c = &sizeclass_info[cls];

		for (off = 0; off < c->npages * PAGE; off++)
			ASSERT_EQ(off / c->size, (uint64_t)off * c->recip >> 32);
	}
}

TEST(aligned_requests)
{
	size_t size, align;

	for (align = 16; align <= PAGE; align *= 2) {
		for (size = 1; size <= SIZECLASS_MAX; size++) {
			unsigned int cls = sizeclass_of_aligned(size, align);

			if (!cls) {
				/* the last class is a power of two */
				ASSERT_LT(SIZECLASS_MAX - align, size);
				continue;
			}
			ASSERT_LE(size, sizeclass_info[cls].size);
			ASSERT_EQ(0, sizeclass_info[cls].size % align);
		}
	}
}

TEST_HARNESS_MAIN
