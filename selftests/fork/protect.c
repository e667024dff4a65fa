// SPDX-License-Identifier: GPL-2.0-only
/* mprotect() around a fork, and VMAs split before it. */
#include "harness.h"

#define BLOCKS	8
#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(protect) {
	struct arena a;
};

FIXTURE_SETUP(protect)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(protect)
{
	arena_drop(&self->a);
}

static int child_goes_round(void *arg)
{
	struct arena *a = arg;

	if (mprotect(a->base, a->size, PROT_READ) ||
	    pages_wrong(a->base, a->size, 1) ||
	    mprotect(a->base, a->size, RW))
		return 1;
	pages_fill(a->base, a->size, 2);
	return pages_wrong(a->base, a->size, 2) ? 2 : 0;
}

TEST_F(protect, child_to_read_only_and_back)
{
	EXPECT_EQ(0, child_run(child_goes_round, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(protect, parent_read_only_at_the_fork)
{
	int wrote = gate_open();
	pid_t pid;

	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, PROT_READ));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(wrote);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, RW));
	pages_fill(self->a.base, self->a.size, 2);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_F(protect, read_only_on_both_sides_then_write)
{
	int wrote = gate_open();
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (mprotect(self->a.base, self->a.size, PROT_READ) ||
		    pages_wrong(self->a.base, self->a.size, 1))
			_exit(1);
		gate_wait(wrote);
		if (pages_wrong(self->a.base, self->a.size, 1))
			_exit(2);
		if (mprotect(self->a.base, self->a.size, RW))
			_exit(3);
		pages_fill(self->a.base, self->a.size, 3);
		_exit(pages_wrong(self->a.base, self->a.size, 3) ? 4 : 0);
	}
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, PROT_READ));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	ASSERT_EQ(0, mprotect(self->a.base, self->a.size, RW));
	pages_fill(self->a.base, self->a.size, 2);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

static int child_rewrites(void *arg)
{
	struct arena *a = arg;

	if (pages_wrong(a->base, a->size, 1))
		return 1;
	pages_fill(a->base, a->size, 2);
	return pages_wrong(a->base, a->size, 2) ? 2 : 0;
}

/* Cut the arena into VMAs at places that are not block boundaries. */
static int vmas_split(struct arena *a)
{
	static const size_t at[] = { 3, 100, 511, 512, 1300, 2047 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(at); i++)
		if (mprotect(a->base + at[i] * OS_PAGE, OS_PAGE, PROT_NONE))
			return -1;
	for (i = 0; i < ARRAY_SIZE(at); i++)
		if (mprotect(a->base + at[i] * OS_PAGE, OS_PAGE, RW))
			return -1;
	return 0;
}

TEST_F(protect, split_vmas)
{
	ASSERT_EQ(0, vmas_split(&self->a));
	EXPECT_EQ(0, child_run(child_rewrites, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	pages_fill(self->a.base, self->a.size, 3);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
}

TEST_F(protect, vmas_split_after_the_fork)
{
	int wrote = gate_open();
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (vmas_split(&self->a))
			_exit(3);
		gate_wait(wrote);
		_exit(child_rewrites(&self->a));
	}
	ASSERT_EQ(0, vmas_split(&self->a));
	pages_fill(self->a.base, self->a.size, 3);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
}

TEST_F(protect, a_hole_unmapped_before_the_fork)
{
	char *tail = self->a.base + 3 * BLOCK_LEN + 7 * OS_PAGE;
	size_t len = self->a.base + self->a.size - tail;
	pid_t pid;

	ASSERT_EQ(0, munmap(self->a.base + 2 * BLOCK_LEN,
			    BLOCK_LEN + 7 * OS_PAGE));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pages_wrong(self->a.base, 2 * BLOCK_LEN, 1) ||
		    pages_wrong(tail, len, 1))
			_exit(1);
		pages_fill(tail, len, 2);
		_exit(pages_wrong(tail, len, 2) ? 2 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, 2 * BLOCK_LEN, 1));
	EXPECT_EQ(0, pages_wrong(tail, len, 1));
}

static int child_has_none(void *arg)
{
	struct arena *a = arg;

	return maps_count(a->base, a->size);
}

TEST_F(protect, dontfork_leaves_the_child_without)
{
	ASSERT_EQ(0, madvise(self->a.base, self->a.size, MADV_DONTFORK));
	EXPECT_EQ(0, child_run(child_has_none, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	if (madvise(self->a.base, self->a.size, MADV_DOFORK)) {
		/* newer kernels take it back from no mapping of a device's */
		EXPECT_EQ(EINVAL, errno);
		EXPECT_EQ(0, child_run(child_has_none, &self->a));
	} else {
		EXPECT_EQ(0, child_run(child_rewrites, &self->a));
	}
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(protect, half_unmapped_in_the_child)
{
	int gone = gate_open(), done = gate_open();
	size_t half = self->a.size / 2;
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (munmap(self->a.base, half))
			_exit(1);
		gate_post(gone);
		gate_wait(done);
		_exit(pages_wrong(self->a.base + half, half, 1) ? 2 : 0);
	}
	gate_wait(gone);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	pages_fill(self->a.base, self->a.size, 2);
	gate_post(done);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_HARNESS_MAIN
