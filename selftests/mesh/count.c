// SPDX-License-Identifier: GPL-2.0-only
/* Every count of memory includes a meshed page once, and all reports agree. */
#include "objects.h"
#include <sys/ioctl.h>

#define BLOCKS	8
#define RANGES	(BLOCK_LEN / RANGE_LEN - 1)
#define SAVED	(BLOCKS / 2 * RANGES * RANGE_LEN)

FIXTURE(count) {
	struct arena a;
	size_t full;
	__u64 quota;
	long long pages;
};

static __u64 quota_read(void)
{
	struct hugearena_info info = { .user_bytes = 0 };
	int dev = device_open();

	ioctl(dev, HUGEARENA_IOC_INFO, &info);
	close(dev);
	return info.user_bytes;
}

FIXTURE_SETUP(count)
{
	size_t i, b;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, arena_split(&self->a));
	self->full = self->a.size - BLOCKS * OS_PAGE;
	self->quota = quota_read();
	self->pages = stat_read("Pages");
	ASSERT_EQ(self->full, stat_of(&self->a).resident);
	for (b = 0; b < BLOCKS; b += 2)
		for (i = 0; i < RANGES; i++)
			ASSERT_EQ(0, objects_mesh(&self->a,
						  b * BLOCK_LEN + i * RANGE_LEN,
						  (b + 1) * BLOCK_LEN +
						  i * RANGE_LEN, 1));
}

FIXTURE_TEARDOWN(count)
{
	arena_drop(&self->a);
}

TEST_F(count, arena_and_quota)
{
	struct hugearena_stat st = stat_of(&self->a);
	struct arena_line line;

	EXPECT_EQ(self->full - SAVED, st.resident);
	EXPECT_EQ(SAVED, st.meshed);
	EXPECT_EQ(SAVED / OS_PAGE, st.meshes);
	EXPECT_EQ(0, st.unmeshed);
	EXPECT_EQ(self->quota - SAVED, quota_read());
	EXPECT_EQ(self->pages - SAVED / OS_PAGE, stat_read("Pages"));
	EXPECT_EQ(SAVED / 1024, stat_read("Meshed"));
	ASSERT_EQ(0, arena_line_read(st.id, &line));
	EXPECT_EQ(st.resident / 1024, line.resident_kb);
	EXPECT_EQ(SAVED / 1024, line.meshed_kb);
}

TEST_F(count, proportional_set)
{
	size_t at;

	for (at = 0; at < self->a.size; at += OS_PAGE)
		byte_write(self->a.base + at, 1);
	/* both addresses are mapped: Rss has the page twice, Pss once */
	EXPECT_EQ(self->a.size / 1024, smaps_read(self->a.base, "Rss"));
	EXPECT_EQ((self->a.size - SAVED) / 1024,
		  smaps_read(self->a.base, "Pss"));
}

TEST_F(count, blocks_are_flagged)
{
	struct hugearena_block b;
	size_t i;

	ASSERT_EQ(0, arena_punch(&self->a, 2 * BLOCK_LEN, 2 * BLOCK_LEN));
	for (i = 0; i < BLOCKS; i++) {
		ASSERT_EQ(0, arena_block(&self->a, i, &b));
		EXPECT_EQ(i / 2 != 1, !!(b.flags & HUGEARENA_BLOCK_MESHED));
	}
}

TEST_F(count, release_of_either_side)
{
	struct hugearena_range r = { 0, BLOCK_LEN };
	__u64 released;

	/* others keep the memory: only what nobody else had goes */
	ASSERT_EQ(0, arena_release(&self->a, &r, 1, &released));
	EXPECT_EQ(BLOCK_LEN - OS_PAGE - RANGES * RANGE_LEN, released);
	r.offset = 3 * BLOCK_LEN;
	ASSERT_EQ(0, arena_release(&self->a, &r, 1, &released));
	EXPECT_EQ(BLOCK_LEN - OS_PAGE - RANGES * RANGE_LEN, released);
	EXPECT_EQ(SAVED / 2, stat_of(&self->a).meshed);
	/* now these are its last users */
	r.offset = BLOCK_LEN;
	r.len = 2 * BLOCK_LEN;
	ASSERT_EQ(0, arena_release(&self->a, &r, 1, &released));
	EXPECT_EQ(2 * (BLOCK_LEN - OS_PAGE), released);
	EXPECT_EQ((self->full - SAVED) / 2, stat_of(&self->a).resident);
	EXPECT_EQ(SAVED / 2, stat_of(&self->a).meshed);
	EXPECT_EQ(SAVED / 2 / OS_PAGE, stat_of(&self->a).unmeshed);
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	EXPECT_EQ(0, stat_of(&self->a).resident);
	EXPECT_EQ(0, stat_of(&self->a).meshed);
	EXPECT_EQ(self->quota - self->full, quota_read());
}

TEST_F(count, release_page_by_page)
{
	size_t at;

	for (at = 0; at < self->a.size; at += 2 * OS_PAGE)
		ASSERT_EQ(0, arena_punch(&self->a, at, OS_PAGE));
	/* the second page of every range, one page for two slots */
	EXPECT_EQ(SAVED / 2, stat_of(&self->a).resident);
	EXPECT_EQ(SAVED / 2, stat_of(&self->a).meshed);
	for (at = OS_PAGE; at < self->a.size; at += 2 * OS_PAGE)
		ASSERT_EQ(0, arena_punch(&self->a, at, OS_PAGE));
	EXPECT_EQ(0, stat_of(&self->a).resident);
	EXPECT_EQ(0, stat_of(&self->a).meshed);
	EXPECT_EQ(self->quota - self->full, quota_read());
}

TEST_F(count, unmapping_frees_all)
{
	arena_drop(&self->a);
	EXPECT_EQ(0, wait_for(stat_read("Meshed"), 0));
	EXPECT_EQ(self->pages - self->full / OS_PAGE,
		  wait_for(stat_read("Pages"),
			   self->pages - (long long)(self->full / OS_PAGE)));
	EXPECT_EQ(0, arena_make(&self->a, 1));
}

TEST_HARNESS_MAIN
