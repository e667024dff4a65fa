// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks move to another node on request, by HUGEARENA_IOC_MOVE and by
 * parameter empty_node, and no byte is lost.
 */
#include "harness.h"
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "memcg.h"

#define BLOCKS	8
#define WRITERS	3

FIXTURE(move) {
	int dev;
	struct arena a;
	struct hugearena_move_to m;
};

FIXTURE_SETUP(move)
{
	ASSERT_EQ(0, params_reset());
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, arena_make_on(&self->a, self->dev, BLOCKS, 0));
}

FIXTURE_TEARDOWN(move)
{
	arena_drop(&self->a);
	params_reset();
	close(self->dev);
}

static int move_to(const struct arena *a, int node, struct hugearena_move_to *m)
{
	*m = (struct hugearena_move_to){ .len = a->size, .node = node };
	return ioctl(a->fd, HUGEARENA_IOC_MOVE, m);
}

/* How many of its resident pages are on @node, as the kernel reports. */
static long pages_on(const struct arena *a, int node)
{
	size_t i, nr = a->size / OS_PAGE;
	void **pages = calloc(nr, sizeof(*pages));
	int *status = calloc(nr, sizeof(*status));
	long n = -1;

	for (i = 0; pages && i < nr; i++)
		pages[i] = a->base + i * OS_PAGE;
	if (pages && status &&
	    !syscall(SYS_move_pages, 0, nr, pages, NULL, status, 0))
		for (i = 0, n = 0; i < nr; i++)
			n += status[i] == node;
	free(pages);
	free(status);
	return n;
}

/* How many whole blocks are on @node, as the module reports. */
static long blocks_on(const struct arena *a, int node)
{
	struct hugearena_block b;
	size_t i;
	long n = 0;

	for (i = 0; i < a->size / BLOCK_LEN; i++)
		n += !arena_block(a, i, &b) && b.node == node;
	return n;
}

TEST_F(move, whole_blocks_and_pages)
{
	struct hugearena_info info[2];
	struct hugearena_stat st[2];
	size_t rest = self->a.size - 100 * OS_PAGE;

	long long before = stat_read("Moved");

	pages_fill(self->a.base, self->a.size, 1);
	/* the second one consists of pages, and some are missing */
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, 100 * OS_PAGE));
	/* the kernel reports mapped pages only: map again what was split */
	ASSERT_EQ(0, pages_wrong(self->a.base + BLOCK_LEN + 100 * OS_PAGE,
				 BLOCK_LEN - 100 * OS_PAGE, 1));
	ASSERT_EQ(rest / OS_PAGE, pages_on(&self->a, 0));
	ASSERT_EQ(0, arena_stat(&self->a, &st[0]));
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &info[0]));

	ASSERT_EQ(0, move_to(&self->a, 1, &self->m));
	EXPECT_EQ(BLOCKS, self->m.moved);
	EXPECT_EQ(before + BLOCKS, stat_read("Moved"));
	EXPECT_EQ(0, self->m.busy);
	EXPECT_EQ(0, self->m.failed);
	EXPECT_EQ(0, pages_wrong(self->a.base, BLOCK_LEN, 1));
	EXPECT_EQ(0, bytes_other(self->a.base + BLOCK_LEN, OS_PAGE, 0));
	EXPECT_EQ(0, pages_wrong(self->a.base + BLOCK_LEN + 100 * OS_PAGE,
				 self->a.size - BLOCK_LEN - 100 * OS_PAGE, 1));
	/* the page that was just read exists again */
	EXPECT_EQ(rest / OS_PAGE, pages_on(&self->a, 1));
	EXPECT_GE(1, pages_on(&self->a, 0));
	EXPECT_EQ(BLOCKS - 1, blocks_on(&self->a, 1));
	/* the rest is as before: mapped whole, counted once */
	EXPECT_EQ(BLOCKS - 1, arena_mapped(&self->a));
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN, OS_PAGE));
	ASSERT_EQ(0, arena_stat(&self->a, &st[1]));
	EXPECT_EQ(st[0].resident, st[1].resident);
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &info[1]));
	EXPECT_EQ(info[0].user_bytes, info[1].user_bytes);

	/* nothing is left to do, and the blocks can go back */
	ASSERT_EQ(0, move_to(&self->a, 1, &self->m));
	EXPECT_EQ(0, self->m.moved);
	ASSERT_EQ(0, move_to(&self->a, 0, &self->m));
	EXPECT_EQ(BLOCKS, self->m.moved);
	EXPECT_EQ(BLOCKS - 1, blocks_on(&self->a, 0));
}

TEST_F(move, a_part_of_the_arena)
{
	pages_fill(self->a.base, self->a.size, 1);
	self->m.offset = 2 * BLOCK_LEN;
	self->m.len = 3 * BLOCK_LEN;
	self->m.node = 1;
	ASSERT_EQ(0, ioctl(self->a.fd, HUGEARENA_IOC_MOVE, &self->m));
	EXPECT_EQ(3, self->m.moved);
	EXPECT_EQ(3, blocks_on(&self->a, 1));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

struct writer {
	pthread_t thread;
	struct arena *a;
	int id;
	const int *stop;
	unsigned long wrong, rounds;
};

/* Has a word of its own in every page. */
static void *writes(void *arg)
{
	struct writer *w = arg;
	size_t nr = w->a->size / OS_PAGE, i;
	unsigned int n = 0;

	while (!__atomic_load_n(w->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < nr; i++) {
			unsigned int *p = (void *)(w->a->base + i * OS_PAGE +
						   64 * (1 + w->id));

			w->wrong += __atomic_load_n(p, __ATOMIC_RELAXED) != n;
			__atomic_store_n(p, n + 1, __ATOMIC_RELAXED);
		}
		n++;
		__atomic_store_n(&w->rounds, n, __ATOMIC_RELAXED);
	}
	return NULL;
}

TEST_F(move, under_writers)
{
	struct writer w[WRITERS] = {};
	unsigned long moved = 0;
	int i, stop = 0;

	memset(self->a.base, 0, self->a.size);
	/* one of them consists of pages */
	ASSERT_EQ(0, arena_punch(&self->a, BLOCK_LEN - OS_PAGE, OS_PAGE));
	for (i = 0; i < WRITERS; i++) {
		w[i].a = &self->a;
		w[i].id = i;
		w[i].stop = &stop;
		ASSERT_EQ(0, pthread_create(&w[i].thread, NULL, writes, &w[i]));
	}
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, move_to(&self->a, !(i % 2), &self->m));
		EXPECT_EQ(0, self->m.failed);
		moved += self->m.moved;
	}
	for (i = 0; i < WRITERS; i++)
		EXPECT_LT(2, wait_for(w[i].rounds > 2 ? 3 : 0, 3));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < WRITERS; i++) {
		pthread_join(w[i].thread, NULL);
		EXPECT_EQ(0, w[i].wrong);
	}
	EXPECT_LT(BLOCKS * 10, moved);
}

TEST_F(move, what_a_child_shares_stays)
{
	int go = gate_open();
	pid_t pid;

	pages_fill(self->a.base, self->a.size, 1);
	pid = child_holds(go);
	ASSERT_LT(0, pid);
	/* one block is the parent's own again, in pages over a base */
	byte_write(self->a.base + 100, 1);
	ASSERT_EQ(0, move_to(&self->a, 1, &self->m));
	EXPECT_EQ(0, self->m.moved);
	EXPECT_EQ(BLOCKS, self->m.busy);
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
	byte_write(self->a.base + 100, 0);
	EXPECT_EQ(BLOCKS, wait_for((move_to(&self->a, 1, &self->m),
				    blocks_on(&self->a, 1)), BLOCKS));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
}

TEST_F(move, what_is_pinned_stays)
{
	char buf[OS_PAGE];
	struct iovec iov = { self->a.base + BLOCK_LEN, OS_PAGE };
	int p[2];

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, pipe(p));
	ASSERT_EQ(OS_PAGE, vmsplice(p[1], &iov, 1, 0));
	ASSERT_EQ(0, move_to(&self->a, 1, &self->m));
	EXPECT_EQ(BLOCKS - 1, self->m.moved);
	EXPECT_EQ(1, self->m.busy);
	/* the pipe holds the page itself: a write to it shows in the pipe */
	byte_write(self->a.base + BLOCK_LEN + 5, 'x');
	ASSERT_EQ(OS_PAGE, read(p[0], buf, OS_PAGE));
	EXPECT_EQ('x', buf[5]);
	ASSERT_EQ(0, move_to(&self->a, 1, &self->m));
	EXPECT_EQ(1, self->m.moved);
	EXPECT_EQ('x', byte_read(self->a.base + BLOCK_LEN + 5));
	close(p[0]);
	close(p[1]);
}

#define SOMEBODY	54321

/* Both copies are charged for a moment: at the quota nothing moves. */
static int moves_at_quota(void *arg)
{
	struct hugearena_move_to m;
	struct arena a;

	if (user_become(SOMEBODY) || arena_make_on(&a, *(int *)arg, 4, 0))
		return 1;
	pages_fill(a.base, a.size, 1);
	if (move_to(&a, 1, &m) || m.moved || m.failed != 4)
		return 2;
	if (arena_punch(&a, 0, BLOCK_LEN) || move_to(&a, 1, &m))
		return 3;
	if (m.moved != 3 || m.failed)
		return 4;
	return pages_wrong(a.base + BLOCK_LEN, 3 * BLOCK_LEN, 1) ? 5 : 0;
}

TEST_F(move, not_past_the_quota)
{
	ASSERT_EQ(0, param_write("user_mb", 8));
	EXPECT_EQ(0, child_run(moves_at_quota, &self->dev));
}

static int fills_in_group(void *arg)
{
	struct memcg *cg = ((void **)arg)[0];
	struct arena *a = ((void **)arg)[1];

	if (memcg_enter(cg))
		return 1;
	pages_fill(a->base, a->size, 1);
	return 0;
}

/* A task of another group moves it; the group that paid goes on paying. */
TEST_F(move, the_memory_cgroup_stays)
{
	struct arena a;
	void *arg[] = { NULL, &a };
	struct memcg cg;
	long long before;

	ASSERT_EQ(0, memcg_make(&cg, "move"));
	ASSERT_EQ(0, arena_make_kind(&a, BLOCKS, HUGEARENA_KIND_BLOCKS,
				     HUGEARENA_CREATE_SHARED));
	arg[0] = &cg;
	ASSERT_EQ(0, child_run(fills_in_group, arg));
	before = memcg_read(&cg, "memory.current");
	ASSERT_LT((long long)(BLOCKS * BLOCK_LEN - BLOCK_LEN), before);
	/* to a node with none of it, and back */
	ASSERT_EQ(0, move_to(&a, 0, &self->m));
	ASSERT_EQ(0, move_to(&a, 1, &self->m));
	EXPECT_EQ(BLOCKS, self->m.moved);
	EXPECT_EQ(0, pages_wrong(a.base, a.size, 1));
	EXPECT_LT(before - (long long)BLOCK_LEN,
		  memcg_read(&cg, "memory.current"));
	EXPECT_GT(before + (long long)BLOCK_LEN,
		  memcg_read(&cg, "memory.current"));
	arena_drop(&a);
	EXPECT_EQ(0, memcg_drop(&cg));
}

static int moves_beyond_its_policy(void *arg)
{
	struct arena *a = arg;
	struct hugearena_move_to m;
	unsigned long mask = 1;

	if (syscall(SYS_set_mempolicy, MPOL_BIND, &mask, 8 * sizeof(mask)))
		return 1;
	byte_write(a->base, 1);
	return move_to(a, 1, &m) && errno == EACCES ? 0 : 2;
}

TEST_F(move, arguments_are_checked)
{
	static const struct hugearena_move_to bad[] = {
		{ .len = 0 },
		{ .len = OS_PAGE },
		{ .len = BLOCK_LEN, .offset = OS_PAGE },
		{ .len = BLOCK_LEN, .offset = BLOCKS * BLOCK_LEN },
		{ .len = (BLOCKS + 1) * BLOCK_LEN },
		{ .len = BLOCK_LEN, .node = -1 },
		{ .len = BLOCK_LEN, .node = 1000 },
		{ .len = BLOCK_LEN, .flags = 1 },
		{ .len = BLOCK_LEN, .moved = 1 },
		{ .len = BLOCK_LEN, .busy = 1 },
		{ .len = BLOCK_LEN, .failed = 1 },
		{ .len = BLOCK_LEN, .pad = 1 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		self->m = bad[i];
		EXPECT_ERRNO(EINVAL, ioctl(self->a.fd, HUGEARENA_IOC_MOVE,
					   &self->m));
	}
	EXPECT_ERRNO(EFAULT, ioctl(self->a.fd, HUGEARENA_IOC_MOVE, NULL));
	EXPECT_EQ(0, child_run(moves_beyond_its_policy, &self->a));
}

/* How much of the pool is on a node. */
static long long pool_on(int node)
{
	struct pool_line l;

	return pool_line_read(node, &l) ? -1 :
	       (long long)(l.clean + l.dirty + l.out);
}

TEST_F(move, a_node_is_emptied)
{
	int go = gate_open();
	struct arena b;
	pid_t pid;

	ASSERT_EQ(0, pool_fill(32));
	ASSERT_LT(0, pool_on(0));
	ASSERT_EQ(0, arena_make_on(&b, self->dev, BLOCKS, 0));
	/* from the pool, not from the pool, and in pages */
	pages_fill(self->a.base, self->a.size, 1);
	pages_fill(b.base, b.size, 2);
	ASSERT_EQ(0, arena_punch(&b, 0, OS_PAGE));
	pid = child_holds(go);
	ASSERT_LT(0, pid);
	pages_fill(b.base + OS_PAGE, BLOCK_LEN - OS_PAGE, 3);

	ASSERT_EQ(0, param_write("empty_node", 0));
	EXPECT_EQ(0, param_read("empty_node"));
	/* what a child shares must wait for the child */
	gate_post(go);
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, wait_for(blocks_on(&self->a, 0) + blocks_on(&b, 0), 0));
	EXPECT_EQ(0, wait_for(pages_on(&self->a, 0) + pages_on(&b, 0), 0));
	EXPECT_EQ(0, wait_for(pool_on(0), 0));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(0, pages_wrong(b.base + OS_PAGE, BLOCK_LEN - OS_PAGE, 3));
	EXPECT_EQ(0, pages_wrong(b.base + BLOCK_LEN, b.size - BLOCK_LEN, 2));
	/*
	 * nor does anything new come there, though the arena asks for that node
	 */
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	pages_fill(self->a.base, self->a.size, 4);
	EXPECT_EQ(0, pages_on(&self->a, 0));
	EXPECT_LT(0, stat_read("Moved"));

	ASSERT_EQ(0, param_write("empty_node", -1));
	ASSERT_EQ(0, arena_punch(&self->a, 0, self->a.size));
	pages_fill(self->a.base, self->a.size, 5);
	/* perhaps not all of it: another node's part of the pool comes first */
	EXPECT_LT(0, pages_on(&self->a, 0));
	arena_drop(&b);
}

static const char *why_not(void)
{
	return access("/sys/devices/system/node/node1", F_OK) ?
	       "one NUMA node only" : NULL;
}

TEST_HARNESS_MAIN_UNLESS(why_not)
