// SPDX-License-Identifier: GPL-2.0-only
/*
 * At a quota the reserve is given back before a process is killed: it is the
 * process's own memory, of which it does not know.
 */
#include "harness.h"
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SOMEBODY	54321
#define BLOCKS		16

/**
 * struct full - a process whose arenas hold exactly what its user may hold
 * @dev: the device
 * @elsewhere: it writes to another arena than the one with the reserve
 * @ready: it holds @held bytes
 * @limited: these are the limit now
 * @held: shared with the parent
 */
struct full {
	int dev;
	bool elsewhere;
	int ready, limited;
	__u64 *held;
};

FIXTURE(reserve) {
	struct full full;
};

FIXTURE_VARIANT(reserve) {
	bool elsewhere;
};

/* Half of a block is to come, in small pages. */
FIXTURE_VARIANT_ADD(reserve, of_this_arena) {
	.elsewhere = false,
};

/* A whole block is to come. */
FIXTURE_VARIANT_ADD(reserve, of_another_arena) {
	.elsewhere = true,
};

FIXTURE_SETUP(reserve)
{
	struct full *f = &self->full;

	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("reserve_max", 2));
	f->elsewhere = variant->elsewhere;
	f->dev = device_open();
	ASSERT_LE(0, f->dev);
	f->ready = gate_open();
	f->limited = gate_open();
	f->held = mmap(NULL, OS_PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, f->held);
}

FIXTURE_TEARDOWN(reserve)
{
	params_reset();
	munmap(self->full.held, OS_PAGE);
	close(self->full.limited);
	close(self->full.ready);
	close(self->full.dev);
}

static int hold(const struct full *f, struct arena *a)
{
	struct hugearena_info info;

	pages_fill(a->base, BLOCK_LEN, 1);
	/* with no more than two blocks the reserve does not grow any more */
	if (arena_punch(a, 0, BLOCK_LEN / 2) || !reserve_grow(a, 1, 2))
		return 101;
	if (ioctl(f->dev, HUGEARENA_IOC_INFO, &info))
		return 102;
	*f->held = info.user_bytes;
	return 0;
}

static int write_at_quota(void *arg)
{
	const struct full *f = arg;
	struct arena a, b;
	size_t at;
	int err;

	err = user_become(SOMEBODY) ||
	      arena_make_on(&a, f->dev, BLOCKS, HUGEARENA_NODE_LOCAL) ||
	      arena_make_on(&b, f->dev, 1, HUGEARENA_NODE_LOCAL) ? 100 :
	      hold(f, &a);
	gate_post(f->ready);
	if (err)
		return err;
	gate_wait(f->limited);
	for (at = 0; at < BLOCK_LEN / 2; at += OS_PAGE)
		if (byte_write_signal((f->elsewhere ? b.base : a.base) + at, 2))
			return 103;
	return 0;
}

TEST_F(reserve, goes_before_the_process)
{
	struct full *f = &self->full;
	pid_t pid = child_start(write_at_quota, f);

	ASSERT_LT(0, pid);
	gate_wait(f->ready);
	EXPECT_EQ(0, *f->held % MIB);
	EXPECT_EQ(0, param_write("user_mb", *f->held / MIB));
	gate_post(f->limited);
	EXPECT_EQ(0, child_wait(pid));
}

TEST_HARNESS_MAIN
