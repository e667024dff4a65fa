// SPDX-License-Identifier: GPL-2.0-only
/* An arena is mapped by PMDs, and every way of looking agrees on that. */
#include "harness.h"
#include <fcntl.h>
#include <linux/kernel-page-flags.h>
#include <sys/ioctl.h>

#define BLOCKS	4

ARENA_FIXTURE(huge, BLOCKS)

TEST_F(huge, aligned_by_the_kernel)
{
	EXPECT_EQ(0, (uintptr_t)self->a.base % BLOCK_LEN);
}

TEST_F(huge, untouched_is_absent)
{
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
	EXPECT_EQ(0, smaps_read(self->a.base, "Rss"));
}

TEST_F(huge, one_touch_maps_one_block)
{
	byte_write(self->a.base + BLOCK_LEN + 12345, 1);
	EXPECT_EQ(BLOCK_LEN / 1024, smaps_pmd_mapped(self->a.base));
	EXPECT_EQ(BLOCK_LEN / 1024, smaps_read(self->a.base, "Rss"));
	EXPECT_EQ(1, arena_mapped(&self->a));
	EXPECT_EQ(BLOCKS - 1, arena_count(&self->a, HUGEARENA_BLOCK_ABSENT));
}

TEST_F(huge, every_touched_block_is_mapped_by_a_pmd)
{
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_EQ(self->a.size / 1024, smaps_pmd_mapped(self->a.base));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(huge, block_tells_pages_node_and_state)
{
	struct hugearena_block b;

	byte_write(self->a.base, 1);
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	EXPECT_EQ(BLOCK_PAGES, b.pages);
	EXPECT_EQ(HUGEARENA_BLOCK_WHOLE, b.state);
	EXPECT_LE(0, b.node);
	EXPECT_EQ(0, b.flags & (HUGEARENA_BLOCK_SHARED |
				HUGEARENA_BLOCK_POOL));
	ASSERT_EQ(0, arena_block(&self->a, 1, &b));
	EXPECT_EQ(0, b.pages);
	EXPECT_EQ(HUGEARENA_BLOCK_ABSENT, b.state);
	EXPECT_EQ(0, b.flags);
	EXPECT_EQ(-1, b.node);
	EXPECT_EQ(0, b.pfn);
}

/* The page frame that pagemap shows at @p. */
static __u64 pagemap_frame(const void *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	__u64 entry = 0;

	if (fd < 0)
		return 0;
	if (pread(fd, &entry, 8, (uintptr_t)p / OS_PAGE * 8) != 8)
		entry = 0;
	close(fd);
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

TEST_F(huge, pagemap_shows_one_run_of_frames)
{
	struct hugearena_block b;
	size_t i;

	byte_write(self->a.base, 1);
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	for (i = 0; i < BLOCK_PAGES; i++)
		ASSERT_EQ(b.pfn + i,
			  pagemap_frame(self->a.base + i * OS_PAGE));
}

TEST_F(huge, the_frames_are_one_compound_page)
{
	struct hugearena_block b;
	__u64 flags[BLOCK_PAGES];
	size_t i;
	int fd;

	byte_write(self->a.base, 1);
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(sizeof(flags), pread(fd, flags, sizeof(flags), b.pfn * 8));
	close(fd);
	EXPECT_TRUE(flags[0] >> KPF_COMPOUND_HEAD & 1);
	for (i = 1; i < BLOCK_PAGES; i++)
		ASSERT_TRUE(flags[i] >> KPF_COMPOUND_TAIL & 1);
}

TEST_F(huge, dontneed_drops_the_mapping_and_keeps_the_data)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, madvise(self->a.base, self->a.size, MADV_DONTNEED));
	EXPECT_EQ(0, arena_mapped(&self->a));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(BLOCKS, arena_mapped(&self->a));
}

TEST_F(huge, dontneed_of_a_page_keeps_the_data)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, madvise(self->a.base + 3 * OS_PAGE, OS_PAGE,
			     MADV_DONTNEED));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(self->a.size / 1024, smaps_read(self->a.base, "Rss"));
}

TEST_F(huge, advice_never_loses_data)
{
	static const int advice[] = {
		MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_HUGEPAGE, MADV_RANDOM, MADV_WILLNEED,
		MADV_MERGEABLE, MADV_POPULATE_READ, 25 /* MADV_COLLAPSE */,
	};
	size_t i;

	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; i < ARRAY_SIZE(advice); i++) {
		/* the kernel decides whether it accepts or refuses that */
		madvise(self->a.base, self->a.size, advice[i]);
		EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1)) {
			TH_LOG("after advice %d", advice[i]);
		}
	}
}

TEST_F(huge, accessed_and_dirty_bits_name_the_touched_blocks)
{
	struct hugearena_block vec[BLOCKS];
	struct hugearena_blocks b = {
		.vec = (uintptr_t)vec,
		.nr = BLOCKS,
		.flags = HUGEARENA_BLOCKS_CLEAR,
	};
	unsigned int i;

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(BLOCKS, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, &b));
	for (i = 0; i < BLOCKS; i++) {
		EXPECT_TRUE(vec[i].flags & HUGEARENA_BLOCK_ACCESSED);
		EXPECT_TRUE(vec[i].flags & HUGEARENA_BLOCK_DIRTY);
	}
	/*
	 * Clearing need not flush the TLB, where a stale entry hides the next
	 * access: a change of protection does.
	 */
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, PROT_READ));
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size,
			      PROT_READ | PROT_WRITE));
	ASSERT_EQ(BLOCKS, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, &b));
	(void)byte_read(self->a.base + 2 * BLOCK_LEN + 5);
	b.flags = 0;
	ASSERT_EQ(BLOCKS, ioctl(self->a.fd, HUGEARENA_IOC_BLOCKS, &b));
	for (i = 0; i < BLOCKS; i++)
		EXPECT_EQ(i == 2,
			  !!(vec[i].flags & HUGEARENA_BLOCK_ACCESSED));
}

TEST_HARNESS_MAIN
