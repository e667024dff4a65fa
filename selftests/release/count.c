// SPDX-License-Identifier: GPL-2.0-only
/* Released memory is no longer in any count of what is resident. */
#include "harness.h"
#include <sys/ioctl.h>

#define BLOCKS	8

ARENA_FIXTURE(count, BLOCKS)

TEST_F(count, arena_numbers)
{
	struct hugearena_stat st;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, 3 * BLOCK_LEN));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(5, st.blocks);
	EXPECT_EQ(5 * BLOCK_LEN, st.resident);
	EXPECT_EQ(3 * BLOCK_LEN, st.released);
}

TEST_F(count, arena_numbers_of_pages)
{
	struct hugearena_stat st;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_punch(&self->a, 10 * OS_PAGE, 30 * OS_PAGE));
	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(BLOCKS - 1, st.blocks);
	EXPECT_EQ(1, st.split);
	EXPECT_EQ(self->a.size - 30 * OS_PAGE, st.resident);
	EXPECT_EQ(30 * OS_PAGE, st.released);
}

TEST_F(count, module_numbers)
{
	static const char *const keys[] = {
		"Resident", "Released", "Blocks", "Split", "Pages", "Splits",
	};
	static const long long want[] = { -2048 - 40, 2048 + 40, -2, 1, 502,
					  1 };
	long long before[ARRAY_SIZE(keys)];
	size_t i;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		before[i] = stat_read(keys[i]);
		ASSERT_LE(0, before[i]);
	}
	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN + 10 * OS_PAGE));
	for (i = 0; i < ARRAY_SIZE(keys); i++)
		EXPECT_EQ(before[i] + want[i], stat_read(keys[i])) {
			TH_LOG("key %zu", i);
		}
}

TEST_F(count, process_rss)
{
	long long before;

	pages_fill(self->a.base, self->a.size, 1);
	before = smaps_read(self->a.base, "Rss");
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(before - 2048, smaps_read(self->a.base, "Rss"));
}

TEST_F(count, users_bytes)
{
	struct hugearena_info info;
	int dev = device_open();
	__u64 before;

	ASSERT_LE(0, dev);
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, ioctl(dev, HUGEARENA_IOC_INFO, &info));
	before = info.user_bytes;
	ASSERT_EQ(0, arena_punch(&self->a, OS_PAGE,
				 3 * BLOCK_LEN + 5 * OS_PAGE));
	ASSERT_EQ(0, ioctl(dev, HUGEARENA_IOC_INFO, &info));
	EXPECT_EQ(before - 3 * BLOCK_LEN - 5 * OS_PAGE, info.user_bytes);
	close(dev);
}

TEST_F(count, memory_comes_back_to_the_system)
{
	long long before = memfree_read(), noise = 16 * 1024;
	struct arena b;

	ASSERT_EQ(0, arena_make(&b, 128));
	pages_fill(b.base, b.size, 1);
	EXPECT_LT(128 * 2048 - noise, before - memfree_read());
	ASSERT_EQ(0, arena_punch(&b, 0, b.size));
	EXPECT_EQ(1, wait_for(memfree_read() > before - noise, 1));
	arena_drop(&b);
}

TEST_HARNESS_MAIN
