// SPDX-License-Identifier: GPL-2.0-only
/* fallocate() on an arena: PUNCH_HOLE | KEEP_SIZE and nothing else. */
#include "harness.h"
#include <fcntl.h>

ARENA_FIXTURE(fallocate, 2)

TEST_F(fallocate, other_modes_are_not_supported)
{
	static const int modes[] = {
		0,
		FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
		FALLOC_FL_UNSHARE_RANGE,
	};
	size_t i;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		EXPECT_ERRNO(EOPNOTSUPP, fallocate(self->a.fd, modes[i], 0,
						   BLOCK_LEN));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(fallocate, punch_without_keep_size)
{
	EXPECT_ERRNO(EOPNOTSUPP, fallocate(self->a.fd, FALLOC_FL_PUNCH_HOLE,
					   0, BLOCK_LEN));
}

TEST_F(fallocate, negative_and_empty_ranges)
{
	EXPECT_ERRNO(EINVAL, arena_punch(&self->a, -BLOCK_LEN, BLOCK_LEN));
	EXPECT_ERRNO(EINVAL, arena_punch(&self->a, 0, 0));
}

TEST_F(fallocate, punch_of_nothing_works)
{
	EXPECT_EQ(0, arena_punch(&self->a, 0, self->a.size));
}

TEST_HARNESS_MAIN
