// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a registered io_uring buffer is released: what arrives in the
 * buffer later must not show up in any memory that was handed out since.
 */
#include "harness.h"
#include "uring.h"

#define BLOCKS	4
#define LEN	(4 * OS_PAGE)

FIXTURE(pin_uring) {
	struct arena a;
	struct io_uring u;
	int pipe[2];
	char *at;
	char buf[LEN];
};

FIXTURE_VARIANT(pin_uring) {
	int pool_mb;
	int reserve;
};

FIXTURE_VARIANT_ADD(pin_uring, demand) { 0, 0 };
FIXTURE_VARIANT_ADD(pin_uring, pool) { 8, 0 };
FIXTURE_VARIANT_ADD(pin_uring, reserve) { 0, 8 };

FIXTURE_SETUP(pin_uring)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("reserve_max", variant->reserve));
	ASSERT_EQ(0, pool_fill(variant->pool_mb));
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, pipe(self->pipe));
	ASSERT_EQ(0, io_uring_queue_init(URING_ENTRIES, &self->u, 0));
	memset(self->a.base, 'o', self->a.size);
	self->at = self->a.base + BLOCK_LEN;
	ASSERT_EQ(0, uring_register(&self->u, self->at, BLOCK_LEN));
}

FIXTURE_TEARDOWN(pin_uring)
{
	io_uring_queue_exit(&self->u);
	arena_drop(&self->a);
	params_reset();
}

static int arrive(struct io_uring *u, int pipe[2], char *at, char *buf, char c)
{
	memset(buf, c, LEN);
	if (write(pipe[1], buf, LEN) != LEN)
		return -1;
	return uring_read_fixed(u, pipe[0], at, LEN) == LEN ? 0 : -1;
}

TEST_F(pin_uring, released_block_gets_fresh_memory)
{
	struct arena b;

	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	memset(self->at, 'n', BLOCK_LEN);
	ASSERT_EQ(0, arena_make(&b, 64));
	memset(b.base, 'b', b.size);
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf, 'x'));
	EXPECT_EQ(0, bytes_other(self->a.base, BLOCK_LEN, 'o'));
	EXPECT_EQ(0, bytes_other(self->at, BLOCK_LEN, 'n'));
	EXPECT_EQ(0, bytes_other(b.base, b.size, 'b'));
	arena_drop(&b);
}

TEST_F(pin_uring, nor_later_when_the_worker_has_had_time)
{
	long long recycled;
	struct pool_line sum;
	struct arena b;
	size_t i;

	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	/*
	 * another block, which is not pinned, is released and zeroed meanwhile
	 */
	recycled = stat_read("Recycled");
	ASSERT_EQ(0, arena_punch(&self->a, 2 * BLOCK_LEN, BLOCK_LEN));
	if (variant->pool_mb) {
		EXPECT_EQ(recycled + 1, wait_for(stat_read("Recycled"),
						 recycled + 1));
		EXPECT_EQ(0, wait_for((pool_sum_read(&sum), sum.dirty), 0));
	}
	ASSERT_EQ(0, upkeep_wait(1));
	ASSERT_EQ(0, arena_make(&b, 64));
	for (i = 0; i < 64; i++)
		byte_write(b.base + i * BLOCK_LEN, 0);
	(void)byte_read(self->at);
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf, 'x'));
	EXPECT_EQ(0, bytes_other(self->at, BLOCK_LEN, 0));
	EXPECT_EQ(0, bytes_other(b.base, b.size, 0));
	arena_drop(&b);
}

TEST_F(pin_uring, pages_released_beside_live_ones)
{
	size_t half = BLOCK_LEN / 2;

	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, half));
	EXPECT_EQ(0, bytes_other(self->at, half, 0));
	EXPECT_EQ(0, bytes_other(self->at + half, half, 'o'));
	/* the half that remains stays connected with its registered buffer */
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at + half, self->buf,
			    'x'));
	EXPECT_EQ(0, bytes_other(self->at + half, LEN, 'x'));
}

/*
 * A whole block that is pinned is never split, so it is split before: the hole is
 * filled as the buffer is registered, and from then on the block could be joined
 * but for the pins.
 */
TEST_F(pin_uring, a_pinned_block_is_not_joined_away_from_its_buffer)
{
	struct hugearena_join j;

	ASSERT_EQ(0, io_uring_unregister_buffers(&self->u));
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN + 100 * OS_PAGE,
				 OS_PAGE));
	ASSERT_EQ(0, uring_register(&self->u, self->at, BLOCK_LEN));
	ASSERT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));

	ASSERT_EQ(0, arena_join(&self->a, BLOCK_LEN, BLOCK_LEN, &j));
	EXPECT_EQ(0, j.joined);
	EXPECT_EQ(1, j.busy);
	/* nor by the worker, which joins blocks of which every page lives */
	ASSERT_EQ(0, upkeep_wait(2));
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	ASSERT_EQ(0, arrive(&self->u, self->pipe, self->at, self->buf, 'x'));
	EXPECT_EQ(0, bytes_other(self->at, LEN, 'x'));
	EXPECT_EQ(0, bytes_other(self->at + LEN, 100 * OS_PAGE - LEN, 'o'));

	/* with the buffer gone it is joined, and holds what arrived */
	ASSERT_EQ(0, io_uring_unregister_buffers(&self->u));
	ASSERT_EQ(0, arena_join_wait(&self->a, BLOCK_LEN, BLOCK_LEN));
	EXPECT_EQ(0, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	EXPECT_EQ(0, bytes_other(self->at, LEN, 'x'));
	EXPECT_EQ(0, bytes_other(self->at + 100 * OS_PAGE, OS_PAGE, 0));
	EXPECT_EQ(0, bytes_other(self->at + 101 * OS_PAGE,
				 BLOCK_LEN - 101 * OS_PAGE, 'o'));
}

static const char *why_not(void)
{
	return uring_takes_arenas() ? NULL :
	       "this kernel cannot register memory of files";
}

TEST_HARNESS_MAIN_UNLESS(why_not)
