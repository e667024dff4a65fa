// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory fails as after a machine check: the kernel marks the one page, without
 * a callback.  No block with such a page is handed out again, whatever it came
 * from, nor is it freed.
 */
#include "harness.h"
#include <fcntl.h>
#include <signal.h>

#define OFFLINE		"/sys/devices/system/memory/hard_offline_page"
#define BAD_PAGE	9	/* not the first, which stands for all */

/* bits of /proc/kpageflags */
#define KPF_BUDDY	10
#define KPF_HWPOISON	19

FIXTURE(poison) {
	struct arena a;
	__u64 pfn;
	long long bad;
};

FIXTURE_VARIANT(poison) {
	int pool_mb;
	int reserve;
};

FIXTURE_VARIANT_ADD(poison, of_the_allocator) { 0, 0 };
FIXTURE_VARIANT_ADD(poison, of_the_pool) { 16, 0 };
FIXTURE_VARIANT_ADD(poison, kept_for_the_reserve) { 0, 8 };

static long long page_flags(__u64 pfn)
{
	int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	long long flags = -1;

	if (fd >= 0) {
		if (pread(fd, &flags, sizeof(flags), pfn * sizeof(flags)) !=
		    sizeof(flags))
			flags = -1;
		close(fd);
	}
	return flags;
}

static int page_is(__u64 pfn, int bit)
{
	return page_flags(pfn) >> bit & 1;
}

/* Report a machine check at @pfn, through the kernel's own test hook. */
static void memory_fails(__u64 pfn)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx", pfn * OS_PAGE);
	/* EBUSY: the kernel marks the page, but cannot take it away */
	(void)file_write(OFFLINE, text);
}

FIXTURE_SETUP(poison)
{
	struct hugearena_block b;

	if (access(OFFLINE, W_OK) || page_flags(0) < 0)
		SKIP(_exit(255), "this kernel cannot be told of failed memory");
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, pool_fill(variant->pool_mb));
	ASSERT_EQ(0, param_write("reserve_max", variant->reserve));
	ASSERT_EQ(0, arena_make(&self->a, 8));
	/* touch several blocks at once: then the arena gets a reserve */
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	ASSERT_EQ(HUGEARENA_BLOCK_WHOLE, b.state);
	self->pfn = b.pfn;
	self->bad = stat_read("Bad");
	memory_fails(self->pfn + BAD_PAGE);
	ASSERT_TRUE(page_is(self->pfn + BAD_PAGE, KPF_HWPOISON));
}

FIXTURE_TEARDOWN(poison)
{
	arena_drop(&self->a);
	params_reset();
}

TEST_F(poison, is_kept_for_good)
{
	struct pool_line sum;

	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN));
	EXPECT_EQ(self->bad + 1, wait_for(stat_read("Bad"), self->bad + 1));
	ASSERT_EQ(0, pool_sum_read(&sum));
	EXPECT_LE(1, (long long)sum.bad);
	/* nobody uses the page, and the page allocator does not have it */
	EXPECT_TRUE(page_is(self->pfn + BAD_PAGE, KPF_HWPOISON));
	EXPECT_FALSE(page_is(self->pfn, KPF_BUDDY));
	EXPECT_FALSE(page_is(self->pfn + BAD_PAGE, KPF_BUDDY));
}

/* Release and touch again, until everything that is kept has been reused. */
TEST_F(poison, is_not_handed_out)
{
	struct hugearena_block b;
	int round, i, seen = 0;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
		/* the worker clears the blocks that it keeps */
		usleep(100000);
		for (i = 0; i < 8; i++) {
			byte_write(self->a.base + i * BLOCK_LEN, 1);
			ASSERT_EQ(0, arena_block(&self->a, i, &b));
			seen += b.pfn == self->pfn;
		}
	}
	EXPECT_EQ(0, seen);
}

/* A process keeps all of its memory except for the page that failed. */
TEST_F(poison, is_a_signal_to_who_has_it)
{
	char *bad = self->a.base + BAD_PAGE * OS_PAGE;

	ASSERT_EQ(0, madvise(self->a.base, BLOCK_LEN, MADV_DONTNEED));
	EXPECT_EQ(SIGBUS, byte_read_signal(bad));
	EXPECT_EQ(0, byte_read_signal(bad + OS_PAGE));
	EXPECT_EQ(SIGBUS, byte_read_signal(bad));
	EXPECT_EQ(0, pages_wrong(bad + OS_PAGE, 4 * OS_PAGE, 1));
}

/* A copy in the background does not read it either. */
TEST_F(poison, is_not_copied)
{
	struct hugearena_join j = {};

	/*
	 * the other blocks are joined; this one has a page that cannot be
	 * copied
	 */
	ASSERT_EQ(0, arena_punch(&self->a, 0, OS_PAGE));
	byte_write(self->a.base, 1);
	(void)!arena_join(&self->a, 0, BLOCK_LEN, &j);
	EXPECT_EQ(0, pages_wrong(self->a.base + BAD_PAGE * OS_PAGE + OS_PAGE,
				 OS_PAGE, 1));
}

TEST_HARNESS_MAIN
