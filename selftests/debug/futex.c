// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shared futexes know a page by inode and index.  A block that came from the
 * parent must have become the child's own before the child can write to it
 * without a fault; map/inherit has what happens with one.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <sys/prctl.h>
#include "futex.h"

#define BLOCKS	2

FIXTURE(futex) {
	struct arena a;
	int gate[2];
};

FIXTURE_SETUP(futex)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	self->gate[0] = gate_open();
	self->gate[1] = gate_open();
	pages_fill(self->a.base, self->a.size, 1);
}

FIXTURE_TEARDOWN(futex)
{
	arena_drop(&self->a);
}

static __u32 *futex_word(struct arena *a)
{
	return (__u32 *)(a->base + BLOCK_LEN + 64);
}

/*
 * The child read the block, then its parent dropped it and wrote to it again.
 * Sharing has ended, and the child's write causes no fault.
 */
TEST_F(futex, a_child_left_alone_with_a_block)
{
	struct futex_waiter w = { .word = futex_word(&self->a), .value = 7 };
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pages_wrong(self->a.base, self->a.size, 1))
			_exit(2);
		gate_post(self->gate[0]);
		gate_wait(self->gate[1]);
		__atomic_store_n(w.word, w.value, __ATOMIC_RELAXED);
		if (futex_waiter_start(&w))
			_exit(3);
		gate_post(self->gate[0]);
		gate_wait(self->gate[1]);
		/* it still sleeps, where its own process can wake it */
		if (futex_wake(w.word) != 1)
			_exit(4);
		pthread_join(w.thread, NULL);
		_exit(w.error ? 5 : 0);
	}
	gate_wait(self->gate[0]);
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	pages_fill(self->a.base, self->a.size, 2);
	ASSERT_EQ(0, upkeep_wait(2));
	gate_post(self->gate[1]);
	gate_wait(self->gate[0]);
	EXPECT_EQ(0, futex_wake(w.word));
	gate_post(self->gate[1]);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
