// SPDX-License-Identifier: GPL-2.0-only
/* After fork no process sees what another one writes, over generations. */
#include "harness.h"
#include <signal.h>

#define BLOCKS	3

FIXTURE(isolate) {
	struct arena a;
};

/* The blocks are whole, or were split into pages before the fork. */
FIXTURE_VARIANT(isolate) {
	int split;
	int pool_mb;
};

FIXTURE_VARIANT_ADD(isolate, blocks) { 0, 0 };
FIXTURE_VARIANT_ADD(isolate, pages) { 1, 0 };
FIXTURE_VARIANT_ADD(isolate, pool) { 0, 64 };

FIXTURE_SETUP(isolate)
{
	size_t i;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, pool_fill(variant->pool_mb));
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	for (i = 0; variant->split && i < BLOCKS; i++)
		ASSERT_EQ(0, arena_punch(&self->a, i * BLOCK_LEN +
					 511 * OS_PAGE, OS_PAGE));
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(isolate)
{
	arena_drop(&self->a);
	params_reset();
}

static int inherits(void *arg)
{
	struct arena *a = arg;

	return pages_wrong(a->base, a->size, 1) != 0;
}

TEST_F(isolate, child_inherits)
{
	EXPECT_EQ(0, child_run(inherits, &self->a));
}

static int rewrites(void *arg)
{
	struct arena *a = arg;

	pages_fill(a->base, a->size, 2);
	return pages_wrong(a->base, a->size, 2) != 0;
}

TEST_F(isolate, child_writes_unseen)
{
	EXPECT_EQ(0, child_run(rewrites, &self->a));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(isolate, child_writes_unseen_while_it_lives)
{
	int wrote = gate_open(), done = gate_open();
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		pages_fill(self->a.base, self->a.size, 2);
		gate_post(wrote);
		gate_wait(done);
		_exit(pages_wrong(self->a.base, self->a.size, 2) != 0);
	}
	gate_wait(wrote);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	pages_fill(self->a.base, self->a.size, 3);
	gate_post(done);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
}

TEST_F(isolate, parent_writes_unseen)
{
	int wrote = gate_open();
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(wrote);
		_exit(pages_wrong(self->a.base, self->a.size, 1) != 0);
	}
	pages_fill(self->a.base, self->a.size, 2);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_F(isolate, parent_writes_unseen_by_a_child_that_had_read)
{
	int read = gate_open(), wrote = gate_open();
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		size_t wrong = pages_wrong(self->a.base, self->a.size, 1);

		gate_post(read);
		gate_wait(wrote);
		wrong += pages_wrong(self->a.base, self->a.size, 1);
		_exit(wrong != 0);
	}
	gate_wait(read);
	pages_fill(self->a.base, self->a.size, 2);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_F(isolate, one_byte_changes_one_byte)
{
	int wrote = gate_open();
	size_t at = BLOCK_LEN + 5 * OS_PAGE + 100;
	pid_t pid;

	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(wrote);
		/* the child wrote its byte beside the parent's */
		byte_write(self->a.base + at + 1, 'c');
		_exit(byte_read(self->a.base + at) != 0 ||
		      pages_wrong(self->a.base, self->a.size, 1));
	}
	byte_write(self->a.base + at, 'p');
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ('p', byte_read(self->a.base + at));
	EXPECT_EQ(0, byte_read(self->a.base + at + 1));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

/* Each generation rewrites, forks the next, and keeps its own. */
static int generation(struct arena *a, unsigned int n, unsigned int last)
{
	int bad = 0;
	pid_t pid;

	bad |= pages_wrong(a->base, a->size, n) ? 1 : 0;
	pages_fill(a->base, a->size, n + 1);
	if (n < last) {
		pid = child_fork();
		if (pid < 0)
			return 2;
		if (!pid)
			_exit(generation(a, n + 1, last));
		/* write while the next generation reads */
		pages_fill(a->base, a->size / 2, n + 100);
		bad |= child_wait(pid);
		bad |= pages_wrong(a->base, a->size / 2, n + 100) ? 4 : 0;
		bad |= pages_wrong(a->base + a->size / 2, a->size / 2, n + 1) ?
		       8 : 0;
	} else {
		bad |= pages_wrong(a->base, a->size, n + 1) ? 16 : 0;
	}
	return bad;
}

TEST_F(isolate, five_generations)
{
	EXPECT_EQ(0, generation(&self->a, 1, 5));
}

TEST_F(isolate, many_children_at_once)
{
	enum { CHILDREN = 8 };
	int go = gate_open(), i;
	pid_t pid[CHILDREN];

	for (i = 0; i < CHILDREN; i++) {
		pid[i] = child_fork();
		ASSERT_LE(0, pid[i]);
		if (!pid[i]) {
			gate_wait(go);
			if (pages_wrong(self->a.base, self->a.size, 1))
				_exit(1);
			pages_fill(self->a.base, self->a.size, 10 + i);
			_exit(pages_wrong(self->a.base, self->a.size,
					  10 + i) ? 2 : 0);
		}
	}
	pages_fill(self->a.base, self->a.size, 2);
	for (i = 0; i < CHILDREN; i++)
		gate_post(go);
	for (i = 0; i < CHILDREN; i++)
		EXPECT_EQ(0, child_wait(pid[i]));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 2));
}

TEST_F(isolate, what_was_absent_is_zero_on_both_sides)
{
	int wrote = gate_open();
	pid_t pid;

	ASSERT_EQ(0, arena_punch(&self->a, 2 * BLOCK_LEN, BLOCK_LEN));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(wrote);
		_exit(bytes_other(self->a.base + 2 * BLOCK_LEN, BLOCK_LEN,
				  0) != 0);
	}
	pages_fill(self->a.base + 2 * BLOCK_LEN, BLOCK_LEN, 5);
	gate_post(wrote);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base + 2 * BLOCK_LEN, BLOCK_LEN,
				 5));
}

TEST_F(isolate, parent_is_intact_after_a_child_was_killed)
{
	int wrote = gate_open();
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		pages_fill(self->a.base, self->a.size / 2, 2);
		gate_post(wrote);
		pause();
		_exit(1);
	}
	gate_wait(wrote);
	kill(pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	pages_fill(self->a.base, self->a.size, 3);
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 3));
}

TEST_HARNESS_MAIN
