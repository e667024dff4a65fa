// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where dirty bits are lost, too many pages are reported, never too few: fork
 * and what follows it unmap blocks.  Where bits cannot be told apart from a
 * relative's, or a PMD could be in the way, the call is refused.
 */
#include "harness.h"
#include <sys/ioctl.h>

#define BLOCKS	4
#define PAGES	(BLOCKS * BLOCK_PAGES)

FIXTURE(lost) {
	struct arena a;
	int go;
	__u64 bits[PAGES / 64];
};

FIXTURE_SETUP(lost)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make_kind(&self->a, BLOCKS, HUGEARENA_KIND_PAGES,
				     0));
	self->go = gate_open();
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(lost)
{
	arena_drop(&self->a);
}

static long take(FIXTURE_DATA(lost) * self)
{
	return arena_dirty(&self->a, 0, self->a.size, self->bits);
}

/* The first result other than EBUSY, within a minute. */
static long take_wait(FIXTURE_DATA(lost) * self)
{
	long n = -1;
	int i;

	for (i = 0; i < 1200 && n < 0; i++) {
		n = take(self);
		if (n < 0 && errno != EBUSY)
			break;
		if (n < 0)
			usleep(50000);
	}
	return n;
}

static pid_t child_waits(FIXTURE_DATA(lost) * self)
{
	pid_t pid = child_fork();

	if (!pid) {
		gate_wait(self->go);
		_exit(0);
	}
	return pid;
}

TEST_F(lost, busy_while_a_child_lives)
{
	pid_t pid;

	ASSERT_EQ(PAGES, take(self));
	pid = child_waits(self);
	ASSERT_LT(0, pid);
	EXPECT_ERRNO(EBUSY, take(self));
	/* even when nothing is shared any more */
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	ASSERT_EQ(0, upkeep_wait(2));
	EXPECT_ERRNO(EBUSY, take(self));
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_LE(0, take_wait(self));
}

TEST_F(lost, busy_in_the_child)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(take(self) == -1 && errno == EBUSY ? 0 : 1);
	EXPECT_EQ(0, child_wait(pid));
}

/*
 * Nobody asked while the child lived: the next call must report its time, too.
 */
TEST_F(lost, what_was_written_before_a_fork)
{
	pid_t pid;
	size_t i;

	ASSERT_EQ(PAGES, take(self));
	ASSERT_EQ(0, take(self));
	for (i = 0; i < PAGES; i += 5)
		byte_write(self->a.base + i * OS_PAGE, 1);
	gate_post(self->go);
	pid = child_waits(self);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_LT(0, take_wait(self));
	for (i = 0; i < PAGES; i += 5)
		EXPECT_EQ(1, self->bits[i / 64] >> i % 64 & 1);
	EXPECT_EQ(0, take(self));
}

TEST_F(lost, what_was_written_while_the_child_lived)
{
	pid_t pid;
	size_t i;

	ASSERT_EQ(PAGES, take(self));
	pid = child_waits(self);
	ASSERT_LT(0, pid);
	for (i = 0; i < PAGES; i += 5)
		byte_write(self->a.base + i * OS_PAGE, 1);
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_LT(0, take_wait(self));
	for (i = 0; i < PAGES; i += 5)
		EXPECT_EQ(1, self->bits[i / 64] >> i % 64 & 1);
	EXPECT_EQ(0, take(self));
}

/*
 * Memory that is new since the fork has bits but no mark.  A relative that
 * gives back its own copy of the same blocks must not clear those.
 */
TEST_F(lost, what_a_child_gives_back)
{
	int done = gate_open();
	pid_t pid;
	size_t i;

	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	ASSERT_LE(0, take(self));
	ASSERT_EQ(0, take(self));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->go);
		pages_fill(self->a.base, self->a.size, 2);
		if (arena_punch(&self->a, 0, self->a.size))
			_exit(1);
		gate_post(done);
		gate_wait(self->go);
		_exit(0);
	}
	for (i = 0; i < PAGES; i += 5)
		byte_write(self->a.base + i * OS_PAGE, 1);
	gate_post(self->go);
	gate_wait(done);
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	ASSERT_LT(0, take_wait(self));
	for (i = 0; i < PAGES; i += 5)
		EXPECT_EQ(1, self->bits[i / 64] >> i % 64 & 1);
}

/* A block's mark is cleared when the whole block is reported, not before. */
TEST_F(lost, a_part_is_reported_until_the_whole_is)
{
	pid_t pid;

	ASSERT_EQ(PAGES, take(self));
	gate_post(self->go);
	pid = child_waits(self);
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(100, wait_for(arena_dirty(&self->a, BLOCK_LEN, 100 * OS_PAGE,
					    self->bits), 100));
	EXPECT_EQ(100, arena_dirty(&self->a, BLOCK_LEN, 100 * OS_PAGE,
				   self->bits));
	EXPECT_EQ(50, arena_dirty(&self->a, BLOCK_LEN + 100 * OS_PAGE,
				  50 * OS_PAGE, self->bits));
	EXPECT_EQ(PAGES, take(self));
	EXPECT_EQ(0, take(self));
}

static int left_alone(FIXTURE_DATA(lost) * self)
{
	byte_write(self->a.base, 2);
	gate_post(self->go);
	/* busy until the parent has dropped its copy */
	if (take_wait(self) != PAGES)
		return 1;
	if (take(self))
		return 2;
	byte_write(self->a.base + 3 * OS_PAGE, 2);
	return take(self) == 1 && self->bits[0] == 8 ? 0 : 3;
}

/* A child that outlives its parent's copy goes on with the tracking. */
TEST_F(lost, in_a_child_that_is_left_alone)
{
	pid_t pid;

	ASSERT_EQ(PAGES, take(self));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(left_alone(self));
	gate_wait(self->go);
	arena_drop(&self->a);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(lost, blocks_mapped_by_pmd_are_refused)
{
	struct arena b;

	ASSERT_EQ(0, arena_make(&b, 1));
	byte_write(b.base, 1);
	EXPECT_ERRNO(EOPNOTSUPP, arena_dirty(&b, 0, BLOCK_LEN, self->bits));
	arena_drop(&b);
}

TEST_F(lost, feature_is_named)
{
	struct hugearena_info info;
	int dev = device_open();

	ASSERT_LE(0, dev);
	ASSERT_EQ(0, ioctl(dev, HUGEARENA_IOC_INFO, &info));
	EXPECT_NE(0, info.features & HUGEARENA_FEAT_DIRTY);
	close(dev);
}

TEST_HARNESS_MAIN
