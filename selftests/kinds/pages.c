// SPDX-License-Identifier: GPL-2.0-only
/* An arena of HUGEARENA_KIND_PAGES: 4 KiB at a time, and never a block. */
#include "harness.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#define BLOCKS	4

FIXTURE(pages) {
	struct arena a;
	struct hugearena_stat st;
};

FIXTURE_SETUP(pages)
{
	ASSERT_EQ(0, params_reset());
	/* blocks are available, so that using none is a choice */
	ASSERT_EQ(0, pool_fill(16));
	ASSERT_EQ(0, arena_make_kind(&self->a, BLOCKS, HUGEARENA_KIND_PAGES,
				     0));
}

FIXTURE_TEARDOWN(pages)
{
	arena_drop(&self->a);
	params_reset();
}

TEST_F(pages, a_touch_is_a_page)
{
	byte_write(self->a.base, 1);
	byte_write(self->a.base + 3 * BLOCK_LEN - 1, 1);
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(2 * OS_PAGE, self->st.resident);
	EXPECT_EQ(2, self->st.fault_small);
	EXPECT_EQ(0, self->st.blocks);
	EXPECT_EQ(2, self->st.split);
	EXPECT_EQ(HUGEARENA_KIND_PAGES, self->st.kind);
	EXPECT_EQ(0, self->st.flags);
	EXPECT_EQ(8, smaps_read(self->a.base, "Rss"));
}

TEST_F(pages, reports_name_the_kind)
{
	struct arena_line line;
	struct arena b;

	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	ASSERT_EQ(0, arena_line_read(self->st.id, &line));
	EXPECT_STREQ("pages", line.kind);
	ASSERT_EQ(0, arena_make(&b, 1));
	ASSERT_EQ(0, arena_stat(&b, &self->st));
	EXPECT_EQ(HUGEARENA_KIND_BLOCKS, self->st.kind);
	ASSERT_EQ(0, arena_line_read(self->st.id, &line));
	EXPECT_STREQ("blocks", line.kind);
	arena_drop(&b);
}

TEST_F(pages, join_is_refused)
{
	pages_fill(self->a.base, self->a.size, 1);
	EXPECT_ERRNO(EOPNOTSUPP, arena_join(&self->a, 0, BLOCK_LEN, NULL));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

/*
 * When upkeep has joined a full block of the other kind, it has seen ours, too.
 */
TEST_F(pages, upkeep_leaves_a_full_one)
{
	struct arena b;

	ASSERT_EQ(0, arena_make(&b, 1));
	pages_fill(self->a.base, self->a.size, 1);
	pages_fill(b.base, b.size, 1);
	ASSERT_EQ(0, arena_punch(&b, 0, OS_PAGE));
	byte_write(b.base, 1);
	EXPECT_EQ(1, wait_for(arena_count(&b, HUGEARENA_BLOCK_WHOLE), 1));
	/* a second time, in case the other arena came first */
	ASSERT_EQ(0, arena_punch(&b, 0, OS_PAGE));
	byte_write(b.base, 1);
	EXPECT_EQ(1, wait_for(arena_count(&b, HUGEARENA_BLOCK_WHOLE), 1));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	ASSERT_EQ(0, arena_stat(&self->a, &self->st));
	EXPECT_EQ(0, self->st.joined);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	arena_drop(&b);
}

TEST_F(pages, quota_counts_pages)
{
	struct hugearena_info info;
	int dev = device_open();
	__u64 before;
	size_t i;

	ASSERT_LE(0, dev);
	ASSERT_EQ(0, ioctl(dev, HUGEARENA_IOC_INFO, &info));
	before = info.user_bytes;
	for (i = 0; i < 100; i++)
		byte_write(self->a.base + i * 3 * OS_PAGE, 1);
	ASSERT_EQ(0, ioctl(dev, HUGEARENA_IOC_INFO, &info));
	EXPECT_EQ(before + 100 * OS_PAGE, info.user_bytes);
	ASSERT_EQ(0, arena_punch(&self->a, 0, 30 * OS_PAGE));
	ASSERT_EQ(0, ioctl(dev, HUGEARENA_IOC_INFO, &info));
	EXPECT_EQ(before + 90 * OS_PAGE, info.user_bytes);
	close(dev);
}

TEST_F(pages, fork_keeps_the_sides_apart)
{
	int wrote = gate_open();
	pid_t pid;

	pages_fill(self->a.base, 2 * BLOCK_LEN, 1);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(wrote);
		if (pages_wrong(self->a.base, 2 * BLOCK_LEN, 1))
			_exit(1);
		pages_fill(self->a.base + BLOCK_LEN, 2 * BLOCK_LEN, 3);
		_exit(pages_wrong(self->a.base + BLOCK_LEN, 2 * BLOCK_LEN, 3) ?
		      2 : 0);
	}
	pages_fill(self->a.base, BLOCK_LEN, 2);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, BLOCK_LEN, 2));
	EXPECT_EQ(0, pages_wrong(self->a.base + BLOCK_LEN, BLOCK_LEN, 1));
	EXPECT_EQ(0, bytes_other(self->a.base + 2 * BLOCK_LEN, BLOCK_LEN, 0));
	/* the child is gone: the copies it caused go, and no block is made */
	EXPECT_EQ(3 * BLOCK_LEN, wait_for((arena_stat(&self->a, &self->st),
					   (long long)self->st.resident),
					  (long long)(3 * BLOCK_LEN)));
	EXPECT_EQ(0, self->st.blocks);
}

/* fork itself copies a pinned block, into pages here, too. */
TEST_F(pages, fork_copies_a_pinned_one_into_pages)
{
	struct iovec iov;
	int p[2];
	pid_t pid;

	pages_fill(self->a.base, BLOCK_LEN, 1);
	iov.iov_base = self->a.base;
	iov.iov_len = OS_PAGE;
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(OS_PAGE, vmsplice(p[1], &iov, 1, 0));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pages_wrong(self->a.base, BLOCK_LEN, 1))
			_exit(1);
		_exit(arena_count(&self->a, HUGEARENA_BLOCK_SPLIT) == 1 ?
		      0 : 2);
	}
	EXPECT_EQ(0, child_wait(pid));
	close(p[0]);
	close(p[1]);
}

TEST_HARNESS_MAIN
