// SPDX-License-Identifier: GPL-2.0-only
/*
 * Meshed pages across fork: each side keeps what it had, whichever block either
 * of them drops, while they live together and afterwards.
 */
#include "objects.h"
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define BLOCKS	4
#define A	0
#define B	(BLOCK_LEN + 6 * OS_PAGE)
#define NONE	(3 * BLOCK_LEN - OS_PAGE)

FIXTURE(fork) {
	struct arena a;
	/* the parent has done its part, and the child may check */
	int go, went;
};

static int fill_and_mesh(struct arena *a)
{
	if (arena_split(a))
		return -1;
	objects_fill(a, A, 0, 'a');
	objects_fill(a, B, 1, 'b');
	return objects_mesh(a, A, B, 1);
}

FIXTURE_SETUP(fork)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	ASSERT_EQ(0, fill_and_mesh(&self->a));
	self->go = gate_open();
	self->went = gate_open();
}

FIXTURE_TEARDOWN(fork)
{
	arena_drop(&self->a);
}

/* Are both ranges as they were at the fork? */
static int as_forked(const struct arena *a)
{
	return !objects_wrong(a, A, 0, 'a') && !objects_wrong(a, A, 1, 'b') &&
	       !objects_wrong(a, B, 0, 'a') && !objects_wrong(a, B, 1, 'b');
}

/* Wait until upkeep has ended the copy-on-write; 0, or -1. */
static int uncow_wait(const struct arena *a)
{
	const struct hugearena_move move = { 0, 1 };

	return wait_for(arena_mesh(a, NONE, A, OS_PAGE, &move, 1), -ENOENT) ==
	       -ENOENT ? 0 : -1;
}

TEST_F(fork, each_side_has_its_own)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->go);
		if (!as_forked(&self->a))
			_exit(1);
		objects_fill(&self->a, A, 0, 'x');
		objects_fill(&self->a, B, 1, 'y');
		_exit(objects_wrong(&self->a, A, 0, 'x') ||
		      objects_wrong(&self->a, B, 1, 'y') ? 2 : 0);
	}
	objects_fill(&self->a, A, 0, 'A');
	objects_fill(&self->a, B, 1, 'B');
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'A'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'B'));
}

TEST_F(fork, busy_while_a_relative_lives)
{
	pid_t pid = child_holds(self->go);

	ASSERT_LT(0, pid);
	EXPECT_EQ(-EBUSY, objects_mesh(&self->a, BLOCK_LEN, 2 * BLOCK_LEN, 1));
	/* nor blocks that are new, and nobody else's */
	ASSERT_EQ(0, arena_punch(&self->a, 2 * BLOCK_LEN, 2 * BLOCK_LEN));
	memset(self->a.base + 2 * BLOCK_LEN, 0, 2 * BLOCK_LEN);
	ASSERT_EQ(0, arena_punch(&self->a, NONE, OS_PAGE));
	ASSERT_EQ(0, arena_punch(&self->a, NONE + BLOCK_LEN, OS_PAGE));
	EXPECT_EQ(-EBUSY, objects_mesh(&self->a, 2 * BLOCK_LEN, 3 * BLOCK_LEN,
				       1));
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, uncow_wait(&self->a));
	EXPECT_EQ(0, objects_mesh(&self->a, BLOCK_LEN, 2 * BLOCK_LEN, 1));
	EXPECT_EQ(0, objects_mesh(&self->a, BLOCK_LEN + 8 * OS_PAGE,
				  3 * BLOCK_LEN, 1));
}

/*
 * The parent drops one of the blocks, so that it alone has the other, and
 * writes to it.
 */
TEST_F(fork, parent_drops_one_and_writes_the_other)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		/* both as they were, or one of them, as the parent has it */
		if (arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN))
			_exit(1);
		gate_post(self->went);
		gate_wait(self->go);
		_exit(objects_wrong(&self->a, A, 0, 'a') ||
		      objects_wrong(&self->a, A, 1, 'b') ? 2 : 0);
	}
	gate_wait(self->went);
	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN));
	objects_fill(&self->a, B, 0, 'X');
	objects_fill(&self->a, B, 1, 'B');
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'B'));
}

/* The same, but nothing else is shared: upkeep ends the copy-on-write first. */
TEST_F(fork, each_has_one_block_and_nothing_is_shared)
{
	pid_t pid;

	ASSERT_EQ(0, arena_punch(&self->a, 2 * BLOCK_LEN, 2 * BLOCK_LEN));
	pid = child_fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		if (arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN))
			_exit(1);
		gate_post(self->went);
		gate_wait(self->go);
		_exit(objects_wrong(&self->a, A, 0, 'a') ||
		      objects_wrong(&self->a, A, 1, 'b') ? 2 : 0);
	}
	gate_wait(self->went);
	ASSERT_EQ(0, arena_punch(&self->a, 0, BLOCK_LEN));
	ASSERT_EQ(0, uncow_wait(&self->a));
	objects_fill(&self->a, B, 0, 'X');
	objects_fill(&self->a, B, 1, 'B');
	EXPECT_EQ(0, stat_of(&self->a).meshed);
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'B'));
}

/*
 * The child ends with pages that carry its inode: the parent's must not depend
 * on it.
 */
TEST_F(fork, child_writes_beside_them_and_ends)
{
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		gate_wait(self->go);
		/*
		 * only the child has block 1 now: it moves it to its own inode
		 */
		pages_fill(self->a.base + BLOCK_LEN, 4 * OS_PAGE, 2);
		_exit(as_forked(&self->a) ? 0 : 1);
	}
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, uncow_wait(&self->a));
	objects_fill(&self->a, A, 0, 'A');
	EXPECT_EQ(0, objects_wrong(&self->a, A, 1, 'b'));
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'A'));
}

/*
 * Pipes' inodes come from the same cache as an arena's, of which each CPU keeps
 * what was freed there.  So many on each CPU take all that is free: an inode
 * that was freed belongs to a pipe then.
 */
#define PIPES	1000
#define FILES	65536

static int pipe_fd[FILES], nr_pipe_fds;

/* What is freed where is luck, a little: it is not every time that it is met. */
#define ROUNDS	5

static int freed_inodes_take(void)
{
	struct rlimit files = { FILES, FILES };
	int i, cpu, nr = sysconf(_SC_NPROCESSORS_CONF);
	cpu_set_t all, one;

	/* an inode is freed when a grace period has passed: that waits for one */
	for (i = 0; i < 2; i++)
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
			return -1;
	if (setrlimit(RLIMIT_NOFILE, &files) ||
	    sched_getaffinity(0, sizeof(all), &all))
		return -1;
	for (cpu = 0; cpu < nr; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		if (sched_setaffinity(0, sizeof(one), &one))
			return -1;
		/* and some for what else is open */
		for (i = 0; i < PIPES && nr_pipe_fds + 64 < FILES;
		     i++, nr_pipe_fds += 2)
			if (pipe(pipe_fd + nr_pipe_fds))
				return -1;
	}
	return sched_setaffinity(0, sizeof(all), &all);
}

/* The same, and memory of the child's inode is somebody else's afterwards. */
TEST_F(fork, the_childs_inode_stays_as_long_as_its_pages)
{
	long long arenas = stat_read("Arenas");
	pid_t pid;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		pid = child_fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			gate_wait(self->go);
			pages_fill(self->a.base + BLOCK_LEN, 4 * OS_PAGE, 2);
			_exit(as_forked(&self->a) ? 0 : 1);
		}
		ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, BLOCK_LEN));
		gate_post(self->go);
		EXPECT_EQ(0, child_wait(pid));
		EXPECT_EQ(arenas, wait_for(stat_read("Arenas"), arenas));
		EXPECT_EQ(0, uncow_wait(&self->a));
		ASSERT_EQ(0, freed_inodes_take());
		/* mapped, written, and unmapped: the kernel marks them dirty */
		objects_fill(&self->a, A, 0, 'A');
		EXPECT_EQ(0, objects_wrong(&self->a, A, 1, 'b'));
		EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'A'));
		EXPECT_EQ(0, arena_punch(&self->a, 0, self->a.size));
		while (nr_pipe_fds)
			close(pipe_fd[--nr_pipe_fds]);
		ASSERT_EQ(0, fill_and_mesh(&self->a));
	}
}

TEST_F(fork, counts_are_exact_afterwards)
{
	size_t full = self->a.size - BLOCKS * OS_PAGE;
	pid_t pid = child_fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		struct hugearena_stat st = stat_of(&self->a);

		_exit(st.resident == full - RANGE_LEN &&
		      st.meshed == RANGE_LEN ? 0 : 1);
	}
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, uncow_wait(&self->a));
	EXPECT_EQ(full - RANGE_LEN, stat_of(&self->a).resident);
	EXPECT_EQ(RANGE_LEN, stat_of(&self->a).meshed);
	objects_fill(&self->a, B, 1, 'B');
	EXPECT_EQ(0, objects_wrong(&self->a, A, 1, 'B'));
	/*
	 * with writes while the child lives, each slot gets a page of its own
	 */
	pid = child_holds(self->go);
	ASSERT_LT(0, pid);
	objects_fill(&self->a, A, 0, 'A');
	objects_fill(&self->a, B, 1, 'C');
	gate_post(self->go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, uncow_wait(&self->a));
	EXPECT_EQ(full, stat_of(&self->a).resident);
	EXPECT_EQ(0, stat_of(&self->a).meshed);
	EXPECT_EQ(0, objects_wrong(&self->a, A, 0, 'A'));
	EXPECT_EQ(0, objects_wrong(&self->a, B, 1, 'C'));
}

TEST_HARNESS_MAIN
