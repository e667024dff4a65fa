// SPDX-License-Identifier: GPL-2.0-only
/* Meshes and joins of pages that sit in a pipe. */
#include "objects.h"
#include <fcntl.h>
#include <sys/uio.h>

#define BLOCKS	4
#define A	0
#define B	(BLOCK_LEN + 6 * OS_PAGE)
#define C	(2 * BLOCK_LEN + 2 * OS_PAGE)

FIXTURE(pinned) {
	struct arena a;
	int pipe[2];
	char buf[RANGE_LEN];
};

FIXTURE_SETUP(pinned)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, arena_split(&self->a));
	ASSERT_EQ(0, pipe(self->pipe));
	objects_fill(&self->a, A, 0, 'a');
	objects_fill(&self->a, B, 1, 'b');
	objects_fill(&self->a, C, 2, 'c');
}

FIXTURE_TEARDOWN(pinned)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	arena_drop(&self->a);
}

static int pin(FIXTURE_DATA(pinned) * self, size_t offset)
{
	struct iovec iov = { self->a.base + offset, RANGE_LEN };

	return vmsplice(self->pipe[1], &iov, 1, 0) == RANGE_LEN ? 0 : -1;
}

static int unpin(FIXTURE_DATA(pinned) * self)
{
	return read(self->pipe[0], self->buf, RANGE_LEN) == RANGE_LEN ? 0 : -1;
}

TEST_F(pinned, what_goes_is_busy)
{
	ASSERT_EQ(0, pin(self, B));
	EXPECT_EQ(-EBUSY, objects_mesh(&self->a, A, B, 1));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
	ASSERT_EQ(0, unpin(self));
	EXPECT_EQ(0, objects_mesh(&self->a, A, B, 1));
}

TEST_F(pinned, what_stays_may_be)
{
	ASSERT_EQ(0, pin(self, A));
	EXPECT_EQ(0, objects_mesh(&self->a, A, B, 1));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
	ASSERT_EQ(0, unpin(self));
}

/* A pin is the page's, whichever address it was made by. */
TEST_F(pinned, through_the_other_address)
{
	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	ASSERT_EQ(0, pin(self, A));
	EXPECT_EQ(-EBUSY, objects_mesh(&self->a, C, B, 1));
	ASSERT_EQ(0, unpin(self));
	EXPECT_EQ(0, objects_mesh(&self->a, C, B, 1));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'a'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
	EXPECT_EQ(0, objects_wrong(&self->a, C, 2, 'c'));
}

/* A mapping at the other address is no pin. */
TEST_F(pinned, a_mapping_is_no_pin)
{
	struct hugearena_join join;

	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	byte_write(self->a.base + A, 'a');
	byte_write(self->a.base + B + OBJECT_LEN, 'b');
	EXPECT_EQ(0, objects_mesh(&self->a, C, B, 1));
	byte_write(self->a.base + C + 2 * OBJECT_LEN, 'c');
	byte_write(self->a.base + B + OBJECT_LEN, 'b');
	ASSERT_EQ(0, arena_join(&self->a, BLOCK_LEN, BLOCK_LEN, &join));
	EXPECT_EQ(1, join.joined);
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
}

TEST_F(pinned, join_of_a_meshed_block_waits)
{
	struct hugearena_join join;

	ASSERT_EQ(0, objects_mesh(&self->a, A, B, 1));
	ASSERT_EQ(0, pin(self, B));
	ASSERT_EQ(0, arena_join(&self->a, BLOCK_LEN, BLOCK_LEN, &join));
	EXPECT_EQ(1, join.busy);
	ASSERT_EQ(0, unpin(self));
	EXPECT_EQ(0, arena_join_wait(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'b'));
}

TEST_HARNESS_MAIN
