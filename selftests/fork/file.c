// SPDX-License-Identifier: GPL-2.0-only
/* An inherited arena file acts on the caller's own copy. */
#include "harness.h"

#define BLOCKS	4

FIXTURE(file) {
	struct arena a;
};

FIXTURE_SETUP(file)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(file)
{
	arena_drop(&self->a);
}

static int release_all(void *arg)
{
	struct hugearena_range r = { 0, BLOCKS * BLOCK_LEN };
	struct arena *a = arg;
	__u64 released;

	if (arena_release(a, &r, 1, &released) || released != a->size)
		return 1;
	return bytes_other(a->base, a->size, 0) ? 2 : 0;
}

TEST_F(file, release_is_the_callers)
{
	EXPECT_EQ(0, child_run(release_all, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

static int blocks_are_mine(void *arg)
{
	struct arena *a = arg;

	if (arena_punch(a, 0, BLOCK_LEN))
		return 1;
	return arena_count(a, HUGEARENA_BLOCK_WHOLE) == BLOCKS - 1 ? 0 : 2;
}

TEST_F(file, blocks_are_the_callers)
{
	EXPECT_EQ(0, child_run(blocks_are_mine, &self->a));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
}

static int unmap_and_ask(void *arg)
{
	struct arena *a = arg;
	struct hugearena_stat st;

	if (munmap(a->base, a->size))
		return 1;
	/* nothing is left of the copy: ENXIO, or an empty one */
	if (arena_stat(a, &st))
		return errno == ENXIO ? 0 : 2;
	return st.resident ? 3 : 0;
}

TEST_F(file, unmapping_in_the_child_ends_its_copy)
{
	EXPECT_EQ(0, child_run(unmap_and_ask, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

static int map_elsewhere(void *arg)
{
	struct arena *a = arg;

	if (mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0) !=
	    MAP_FAILED)
		return 1;
	return errno == EBUSY || errno == EPERM ? 0 : 2;
}

TEST_F(file, child_cannot_map_it_twice)
{
	EXPECT_EQ(0, child_run(map_elsewhere, &self->a));
}

static int remap_after_unmap(void *arg)
{
	struct arena *a = arg;
	char *p;

	if (munmap(a->base, a->size))
		return 1;
	p = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	/* if it may be mapped at all, it must not show the parent's data */
	return p != MAP_FAILED && bytes_other(p, a->size, 0) ? 2 : 0;
}

TEST_F(file, child_gets_no_data_back_by_mapping_again)
{
	EXPECT_EQ(0, child_run(remap_after_unmap, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(file, two_arenas_in_one_fork)
{
	struct arena b;
	pid_t pid;

	ASSERT_EQ(0, arena_make(&b, BLOCKS));
	pages_fill(b.base, b.size, 2);
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (pages_wrong(self->a.base, self->a.size, 1) ||
		    pages_wrong(b.base, b.size, 2))
			_exit(1);
		pages_fill(self->a.base, self->a.size, 3);
		pages_fill(b.base, b.size, 4);
		if (arena_punch(&b, 0, BLOCK_LEN))
			_exit(2);
		_exit(pages_wrong(self->a.base, self->a.size, 3) ? 3 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(0, pages_wrong(b.base, b.size, 2));
	arena_drop(&b);
}

TEST_HARNESS_MAIN
