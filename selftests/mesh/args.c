// SPDX-License-Identifier: GPL-2.0-only
/* HUGEARENA_IOC_MESH refuses every field that is not as documented. */
#include "objects.h"
#include <sys/ioctl.h>

#define BLOCKS	4

FIXTURE(args) {
	struct arena a;
	struct hugearena_move moves[4];
	struct hugearena_pair pairs[2];
	struct hugearena_mesh m;
};

FIXTURE_SETUP(args)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, arena_split(&self->a));
	self->moves[0] = (struct hugearena_move){ 0, 64 };
	self->moves[1] = (struct hugearena_move){ RANGE_LEN - 64, 64 };
	self->moves[2] = (struct hugearena_move){ 0, RANGE_LEN };
	self->pairs[0] = (struct hugearena_pair){
		.src = BLOCK_LEN, .len = RANGE_LEN, .nr_moves = 2,
	};
	self->pairs[1] = (struct hugearena_pair){
		.dst = 2 * BLOCK_LEN, .src = 3 * BLOCK_LEN, .len = RANGE_LEN,
		.nr_moves = 1,
	};
	self->m = (struct hugearena_mesh){
		.pairs = (uintptr_t)self->pairs,
		.moves = (uintptr_t)self->moves,
		.nr = 2, .nr_moves = 3,
	};
}

FIXTURE_TEARDOWN(args)
{
	arena_drop(&self->a);
}

static int mesh(FIXTURE_DATA(args) * self)
{
	return ioctl(self->a.fd, HUGEARENA_IOC_MESH, &self->m);
}

#define REFUSED(_field, _value) do {					\
	__auto_type was = (_field);					\
									\
	(_field) = (_value);						\
	EXPECT_ERRNO(EINVAL, mesh(self));				\
	(_field) = was;							\
} while (0)

TEST_F(args, good)
{
	ASSERT_EQ(0, mesh(self));
	EXPECT_EQ(2, self->m.meshed);
	EXPECT_EQ(0, self->m.busy);
	EXPECT_EQ(2 * RANGE_LEN, self->m.freed);
	EXPECT_EQ(0, self->pairs[0].result);
	EXPECT_EQ(0, self->pairs[1].result);
}

TEST_F(args, of_the_call)
{
	REFUSED(self->m.nr, 0);
	REFUSED(self->m.nr, HUGEARENA_MESH_MAX + 1);
	REFUSED(self->m.nr, ~0U);
	REFUSED(self->m.nr_moves, 2);
	REFUSED(self->m.nr_moves, 4);
	REFUSED(self->m.nr_moves, HUGEARENA_MESH_MOVES_MAX + 1);
	REFUSED(self->m.flags, 1);
	REFUSED(self->m.flags, 1U << 31);
	REFUSED(self->m.pad, 1);
	REFUSED(self->m.meshed, 1);
	REFUSED(self->m.busy, 1);
	REFUSED(self->m.freed, 1);
	EXPECT_EQ(0, mesh(self));
}

TEST_F(args, of_a_pair)
{
	struct hugearena_pair *p = &self->pairs[1];

	REFUSED(p->dst, 1);
	REFUSED(p->src, OS_PAGE + 64);
	REFUSED(p->dst, BLOCKS * BLOCK_LEN);
	REFUSED(p->src, -OS_PAGE);
	/* across the end of a block */
	REFUSED(p->dst, BLOCK_LEN - OS_PAGE);
	REFUSED(p->src, BLOCK_LEN - OS_PAGE);
	/* overlapping ranges */
	REFUSED(p->dst, 3 * BLOCK_LEN);
	REFUSED(p->dst, 3 * BLOCK_LEN + OS_PAGE);
	REFUSED(p->len, 0);
	REFUSED(p->len, OS_PAGE + 1);
	REFUSED(p->len, HUGEARENA_MESH_LEN_MAX + OS_PAGE);
	REFUSED(p->len, ~0U);
	REFUSED(p->nr_moves, 2);
	REFUSED(p->nr_moves, ~0U);
	REFUSED(p->result, -EBUSY);
	REFUSED(p->pad, 1);
	EXPECT_EQ(0, mesh(self));
}

TEST_F(args, of_a_move)
{
	struct hugearena_move *move = &self->moves[2];

	REFUSED(move->len, 0);
	REFUSED(move->len, RANGE_LEN + 1);
	REFUSED(move->len, ~0U);
	REFUSED(move->at, 1);
	REFUSED(move->at, RANGE_LEN);
	REFUSED(move->at, ~0U);
	EXPECT_EQ(0, mesh(self));
}

/* With one bad pair nothing is done at all. */
TEST_F(args, a_refused_call_does_nothing)
{
	self->pairs[1].pad = 1;
	EXPECT_ERRNO(EINVAL, mesh(self));
	EXPECT_EQ(0, stat_of(&self->a).meshes);
}

TEST_F(args, bad_addresses)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_MESH, 16));
	self->m.pairs = 16;
	EXPECT_ERRNO(EFAULT, mesh(self));
	self->m.pairs = (uintptr_t)self->pairs;
	self->m.moves = 16;
	EXPECT_ERRNO(EFAULT, mesh(self));
	EXPECT_EQ(0, stat_of(&self->a).meshes);
}

/* The arguments may lie in the memory that is meshed. */
TEST_F(args, in_the_arena_itself)
{
	char *p = self->a.base + BLOCK_LEN;

	memcpy(p, self->moves, sizeof(self->moves));
	memcpy(p + 64, self->pairs, sizeof(self->pairs));
	self->m.moves = (uintptr_t)p;
	self->m.pairs = (uintptr_t)p + 64;
	EXPECT_EQ(0, mesh(self));
	EXPECT_EQ(2, self->m.meshed);
}

TEST_HARNESS_MAIN
