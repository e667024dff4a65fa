// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a process does to its copy costs its relatives no fault, whether it
 * forks, gives memory back or writes.
 */
#include "harness.h"
#include <limits.h>
#include <sys/resource.h>

#define BLOCKS	8
#define ROUNDS	20

FIXTURE(relatives) {
	struct arena a;
	int release;
	pid_t holder;
};

/*
 * Another child shares everything, so that no block becomes the parent's own
 * meanwhile; the background would fold it then, and unmap it.
 */
FIXTURE_SETUP(relatives)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	pages_fill(self->a.base, self->a.size, 1);
	self->release = gate_open();
	self->holder = child_holds(self->release);
	ASSERT_LT(0, self->holder);
}

FIXTURE_TEARDOWN(relatives)
{
	gate_post(self->release);
	child_wait(self->holder);
	arena_drop(&self->a);
}

static long minor_faults(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}

/*
 * Run @fn in the other child, and count the faults that it costs this process.
 */
static long faults_by(struct arena *a, pid_t pid, int go, int done)
{
	long before;
	size_t i;

	if (pid < 0)
		return LONG_MAX;

	for (i = 0; i < a->size; i += OS_PAGE)
		byte_write(a->base + i, 3);
	before = minor_faults();
	gate_post(go);
	gate_wait(done);
	for (i = 0; i < a->size; i += OS_PAGE)
		byte_write(a->base + i, 4);
	before = minor_faults() - before;
	gate_post(go);
	return child_wait(pid) ? LONG_MAX : before;
}

static void punches(struct arena *a)
{
	size_t i;

	if (arena_punch(a, 0, a->size))
		_exit(1);
	for (i = 0; i < a->size; i += BLOCK_LEN)
		byte_write(a->base + i, 9);
}

static void forks(struct arena *a)
{
	pid_t pid = child_fork();

	if (!pid)
		_exit(0);
	if (pid < 0 || child_wait(pid))
		_exit(1);
	byte_write(a->base, 9);
}

static void writes(struct arena *a)
{
	pages_fill(a->base, a->size, 5);
}

static pid_t other_start(struct arena *a, void (*fn)(struct arena *a), int go,
			 int done)
{
	pid_t pid = child_fork();
	int i;

	if (pid)
		return pid;
	gate_wait(go);
	for (i = 0; i < ROUNDS; i++)
		fn(a);
	gate_post(done);
	gate_wait(go);
	_exit(0);
}

static long cost(struct arena *a, void (*fn)(struct arena *a))
{
	int go = gate_open(), done = gate_open();

	return faults_by(a, other_start(a, fn, go, done), go, done);
}

/* The process's own stack, which a fork shares with the child, costs some. */
#define STACK_FAULTS	4

TEST_F(relatives, a_child_that_gives_back)
{
	EXPECT_GE(STACK_FAULTS, cost(&self->a, punches));
}

TEST_F(relatives, a_child_that_forks)
{
	EXPECT_GE(STACK_FAULTS, cost(&self->a, forks));
}

TEST_F(relatives, a_child_that_writes)
{
	EXPECT_GE(STACK_FAULTS, cost(&self->a, writes));
}

TEST_HARNESS_MAIN
