// SPDX-License-Identifier: GPL-2.0-only
/* Releasing on one side of a fork takes nothing from the other. */
#include "harness.h"

#define BLOCKS	8

FIXTURE(punch) {
	struct arena a;
	int released, checked;
};

/* The way to release, and how much of it. */
FIXTURE_VARIANT(punch) {
	int (*release)(const struct arena *a, size_t offset, size_t len);
	size_t offset, len;
};

static int by_madvise(const struct arena *a, size_t offset, size_t len)
{
	return madvise(a->base + offset, len, MADV_REMOVE);
}

static int by_ioctl(const struct arena *a, size_t offset, size_t len)
{
	struct hugearena_range r = { offset, len };

	return arena_release(a, &r, 1, NULL);
}

FIXTURE_VARIANT_ADD(punch, fallocate_blocks) {
	arena_punch, 2 * BLOCK_LEN, 3 * BLOCK_LEN,
};

FIXTURE_VARIANT_ADD(punch, fallocate_pages) {
	arena_punch, 2 * BLOCK_LEN + 9 * OS_PAGE, 70 * OS_PAGE,
};

FIXTURE_VARIANT_ADD(punch, madvise_blocks) {
	by_madvise, 2 * BLOCK_LEN, 3 * BLOCK_LEN,
};

FIXTURE_VARIANT_ADD(punch, madvise_pages) {
	by_madvise, 2 * BLOCK_LEN + 9 * OS_PAGE, 70 * OS_PAGE,
};

FIXTURE_VARIANT_ADD(punch, ioctl_blocks) {
	by_ioctl, 2 * BLOCK_LEN, 3 * BLOCK_LEN,
};

FIXTURE_VARIANT_ADD(punch, ioctl_pages) {
	by_ioctl, 2 * BLOCK_LEN + 9 * OS_PAGE, 70 * OS_PAGE,
};

FIXTURE_SETUP(punch)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->released = gate_open();
	self->checked = gate_open();
}

FIXTURE_TEARDOWN(punch)
{
	arena_drop(&self->a);
}

/*
 * Bytes inside the range that are not zero, plus pages outside it that changed.
 */
static size_t release_wrong(const struct arena *a, size_t offset, size_t len)
{
	return bytes_other(a->base + offset, len, 0) +
	       pages_wrong(a->base, offset, 1) +
	       pages_wrong(a->base + offset + len, a->size - offset - len, 1);
}

TEST_F(punch, in_the_child)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		if (variant->release(&self->a, variant->offset, variant->len))
			_exit(1);
		gate_post(self->released);
		gate_wait(self->checked);
		_exit(release_wrong(&self->a, variant->offset,
				    variant->len) ? 2 : 0);
	}
	gate_wait(self->released);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	gate_post(self->checked);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(punch, in_the_parent)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->released);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
	ASSERT_EQ(0, variant->release(&self->a, variant->offset,
				      variant->len));
	EXPECT_EQ(0, release_wrong(&self->a, variant->offset, variant->len));
	gate_post(self->released);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, release_wrong(&self->a, variant->offset, variant->len));
}

TEST_F(punch, in_the_child_after_it_wrote)
{
	size_t end = variant->offset + variant->len;
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		/* every other page: overlays take the place of blocks */
		for (size_t i = 0; i < self->a.size; i += 2 * OS_PAGE)
			pages_fill(self->a.base + i, OS_PAGE, 1);
		if (variant->release(&self->a, variant->offset, variant->len))
			_exit(1);
		if (release_wrong(&self->a, variant->offset, variant->len))
			_exit(2);
		pages_fill(self->a.base + variant->offset, variant->len, 1);
		_exit(pages_wrong(self->a.base, end, 1) ? 3 : 0);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(punch, on_both_sides_then_rewritten)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->released);
		if (variant->release(&self->a, variant->offset, variant->len))
			_exit(1);
		pages_fill(self->a.base, self->a.size, 2);
		_exit(pages_wrong(self->a.base, self->a.size, 2) ? 2 : 0);
	}
	ASSERT_EQ(0, variant->release(&self->a, variant->offset,
				      variant->len));
	pages_fill(self->a.base, self->a.size, 3);
	gate_post(self->released);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
}

TEST_HARNESS_MAIN
