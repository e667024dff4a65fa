// SPDX-License-Identifier: GPL-2.0-only
/* What was never written reads as zero. */
#include "harness.h"

#define BLOCKS	16

ARENA_FIXTURE(zero, BLOCKS)

TEST_F(zero, by_reading)
{
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 0));
}

TEST_F(zero, around_one_written_byte)
{
	size_t at = 5 * BLOCK_LEN + 777777;

	byte_write(self->a.base + at, 1);
	EXPECT_EQ(0, bytes_other(self->a.base, at, 0));
	EXPECT_EQ(0, bytes_other(self->a.base + at + 1, self->a.size - at - 1,
				 0));
}

TEST_F(zero, a_read_does_not_spoil_a_later_write)
{
	EXPECT_EQ(0, byte_read(self->a.base + 4095));
	byte_write(self->a.base + 4096, 7);
	EXPECT_EQ(0, byte_read(self->a.base + 4095));
	EXPECT_EQ(7, byte_read(self->a.base + 4096));
	EXPECT_EQ(0, byte_read(self->a.base + 4097));
}

TEST_F(zero, a_block_after_the_pool_was_used)
{
	ASSERT_EQ(0, pool_fill(16));
	EXPECT_EQ(0, bytes_other(self->a.base, self->a.size, 0));
	EXPECT_EQ(0, param_write("pool_target_mb", 0));
}

TEST_F(zero, a_block_of_the_reserve)
{
	struct hugearena_stat st = { 0 };
	int round;
	size_t i;

	ASSERT_EQ(0, param_write("reserve_max", 8));
	/* the reserve grows with the faults; released memory goes back to it */
	for (round = 0; round < 600 && st.fault_reserve < BLOCKS; round++) {
		for (i = 0; i < BLOCKS; i++) {
			char *p = self->a.base + i * BLOCK_LEN;

			ASSERT_EQ(0, bytes_other(p, BLOCK_LEN, 0));
			memset(p, 'x', BLOCK_LEN);
		}
		usleep(20000);
		ASSERT_EQ(0, arena_stat(&self->a, &st));
		ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	}
	EXPECT_LE(BLOCKS, st.fault_reserve);
	EXPECT_EQ(0, param_write("reserve_max", 0));
}

TEST_HARNESS_MAIN
