// SPDX-License-Identifier: GPL-2.0-only
/*
 * After a fork and a write a block is mapped by 4 KiB pages.  Reading it takes
 * a few faults, not one a page, and shows the right content, wherever that is
 * kept.
 */
#include "harness.h"
#include <sys/resource.h>

#define BLOCKS	4
/* one page in 16 for a reader that jumps about, and some for the test itself */
#define FEW	(BLOCKS * BLOCK_PAGES / 16 + 20)

FIXTURE(around) {
	struct arena a;
	int release;
	pid_t child;
};

FIXTURE_SETUP(around)
{
	size_t i;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->release = gate_open();
	self->child = child_holds(self->release);
	ASSERT_LT(0, self->child);
	for (i = 0; i < BLOCKS; i++)
		pages_fill(self->a.base + i * BLOCK_LEN, OS_PAGE, 2);
}

FIXTURE_TEARDOWN(around)
{
	gate_post(self->release);
	EXPECT_EQ(0, child_wait(self->child));
	arena_drop(&self->a);
}

static long faults(void)
{
	struct rusage ru;

	return getrusage(RUSAGE_SELF, &ru) ? -1 : ru.ru_minflt;
}

/*
 * How many pages hold something wrong, the first of each block counted apart.
 */
static size_t wrong(const struct arena *a)
{
	size_t i, n = 0;

	for (i = 0; i < BLOCKS; i++) {
		const char *p = a->base + i * BLOCK_LEN;

		n += pages_wrong(p, OS_PAGE, 2);
		n += pages_wrong(p + OS_PAGE, BLOCK_LEN - OS_PAGE, 1);
	}
	return n;
}

TEST_F(around, reading_on_takes_few_faults)
{
	long before = faults();

	EXPECT_EQ(0, wrong(&self->a));
	TH_LOG("%ld faults for %d blocks", faults() - before, BLOCKS);
	EXPECT_GT(FEW / 2, faults() - before);
	EXPECT_EQ((long long)(self->a.size / 1024),
		  smaps_read(self->a.base, "Rss"));
}

TEST_F(around, reading_backwards_too)
{
	long before = faults();
	size_t i, n = 0;

	for (i = self->a.size; i; i -= OS_PAGE)
		n += pages_wrong(self->a.base + i - OS_PAGE, OS_PAGE,
				 i % BLOCK_LEN == OS_PAGE ? 2 : 1);
	EXPECT_EQ(0, n);
	EXPECT_GT(FEW, faults() - before);
}

/*
 * A page written after it was mapped around a fault is a copy: the child has
 * the old one.
 */
TEST_F(around, what_was_read_can_be_written)
{
	int go = gate_open();
	pid_t pid;

	EXPECT_EQ(0, wrong(&self->a));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(go);
		_exit(wrong(&self->a) != 0);
	}
	EXPECT_EQ(0, wrong(&self->a));
	pages_fill(self->a.base, self->a.size, 3);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
}

/* Pages that are copied or released lie between those that are read. */
TEST_F(around, mixed_with_copies_and_holes)
{
	size_t i, bad = 0;

	for (i = 1; i < BLOCK_PAGES; i += 3)
		pages_fill(self->a.base + i * OS_PAGE, OS_PAGE, 4);
	for (i = 2; i < BLOCK_PAGES; i += 3)
		ASSERT_EQ(0, arena_punch(&self->a, i * OS_PAGE, OS_PAGE));
	for (i = 0; i < BLOCK_PAGES; i++) {
		const char *p = self->a.base + i * OS_PAGE;

		if (i % 3 == 2)
			bad += bytes_other(p, OS_PAGE, 0);
		else
			bad += pages_wrong(p, OS_PAGE,
					   i % 3 ? 4 : i ? 1 : 2);
	}
	EXPECT_EQ(0, bad);
}

/*
 * Nothing is mapped beyond a mapping's ends: map one page between two that the
 * mapping leaves out.
 */
TEST_F(around, only_in_its_mapping)
{
	char *p = self->a.base + 100 * OS_PAGE;

	ASSERT_EQ(0, munmap(p - OS_PAGE, OS_PAGE));
	ASSERT_EQ(0, munmap(p + OS_PAGE, OS_PAGE));
	EXPECT_EQ(0, pages_wrong(p, OS_PAGE, 1));
	EXPECT_EQ(4, smaps_read(p, "Rss"));
	EXPECT_EQ(0, pages_wrong(p + 2 * OS_PAGE, OS_PAGE, 1));
}

TEST_HARNESS_MAIN
