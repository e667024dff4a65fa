// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is charged for a shared arena: its maker's quota, whichever process
 * touches it, and the memory cgroup of the task that touches it first.
 */
#include "peer.h"
#include "memcg.h"

#define SOMEBODY	54321
#define LIMIT_MB	8
#define LIMIT_BLOCKS	(LIMIT_MB / 2)
#define BLOCKS		16

FIXTURE(pays) {
	struct memcg cg;
	int dev;
	int sv[2];
};

FIXTURE_SETUP(pays)
{
	ASSERT_EQ(0, params_reset());
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, self->sv));
}

FIXTURE_TEARDOWN(pays)
{
	EXPECT_EQ(0, memcg_drop(&self->cg));
	params_reset();
}

struct maker {
	int dev, sock;
	unsigned long long bytes;	/* of its user, as of the last request */
};

static int makes(void *arg)
{
	struct maker *m = arg;
	struct hugearena_create c = {
		.size = BLOCKS * BLOCK_LEN,
		.flags = HUGEARENA_CREATE_SHARED,
		.node = HUGEARENA_NODE_LOCAL,
	};
	struct hugearena_info info;
	int fd;

	if (user_become(SOMEBODY))
		return 1;
	fd = arena_create_on(m->dev, &c);
	if (fd < 0 || fd_send(m->sock, fd) || hear(m->sock) != 'l')
		return 2;
	if (ioctl(m->dev, HUGEARENA_IOC_INFO, &info))
		return 3;
	return info.user_bytes == LIMIT_MB * MIB ? 0 : 4;
}

/* Touch one block after the other; how many before SIGBUS, all if none. */
static size_t touch_until_sigbus(struct arena *a)
{
	size_t i;

	for (i = 0; i < a->size / BLOCK_LEN; i++)
		if (byte_write_signal(a->base + i * BLOCK_LEN, 1) == SIGBUS)
			break;
	return i;
}

/* The toucher is the superuser, who may exceed a limit of his own. */
TEST_F(pays, quota_of_the_maker)
{
	struct maker m = { .dev = self->dev, .sock = self->sv[1] };
	struct hugearena_info info[2];
	struct arena a = {};
	pid_t pid;

	ASSERT_EQ(0, param_write("user_mb", LIMIT_MB));
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &info[0]));
	pid = child_start(makes, &m);
	ASSERT_LT(0, pid);
	a.fd = fd_receive(self->sv[0]);
	ASSERT_LE(0, a.fd);
	ASSERT_EQ(0, peer_map(&a, PROT_READ | PROT_WRITE));
	EXPECT_EQ(LIMIT_BLOCKS, touch_until_sigbus(&a));
	/* reading gets it no memory, and neither does populating */
	EXPECT_EQ(SIGBUS, byte_read_signal(a.base + LIMIT_BLOCKS * BLOCK_LEN));
	EXPECT_NE(0, madvise(a.base, a.size, MADV_POPULATE_WRITE));
	ASSERT_EQ(0, ioctl(self->dev, HUGEARENA_IOC_INFO, &info[1]));
	EXPECT_EQ(info[0].user_bytes, info[1].user_bytes);
	ASSERT_EQ(0, say(self->sv[0], 'l'));
	EXPECT_EQ(0, child_wait(pid));
	/* not even when the maker is gone */
	EXPECT_EQ(SIGBUS, byte_write_signal(a.base + LIMIT_BLOCKS * BLOCK_LEN,
					    1));
	ASSERT_EQ(0, arena_punch(&a, 0, BLOCK_LEN));
	EXPECT_EQ(0, byte_write_signal(a.base + LIMIT_BLOCKS * BLOCK_LEN, 1));
	EXPECT_EQ(SIGBUS, byte_write_signal(a.base, 1));
	arena_drop(&a);
}

static int others_touch(void *arg)
{
	struct arena *a = arg;

	return touch_until_sigbus(a);
}

/* Two processes that touch at the same time get no more than one would. */
TEST_F(pays, quota_once_for_many_processes)
{
	struct maker m = { .dev = self->dev, .sock = self->sv[1] };
	struct hugearena_stat st;
	struct arena a = {};
	pid_t pid, child[4];
	int i;

	ASSERT_EQ(0, param_write("user_mb", LIMIT_MB));
	pid = child_start(makes, &m);
	ASSERT_LT(0, pid);
	a.fd = fd_receive(self->sv[0]);
	ASSERT_LE(0, a.fd);
	ASSERT_EQ(0, peer_map(&a, PROT_READ | PROT_WRITE));
	for (i = 0; i < 4; i++)
		child[i] = child_start(others_touch, &a);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(LIMIT_BLOCKS, child_wait(child[i]));
	ASSERT_EQ(0, arena_stat(&a, &st));
	EXPECT_EQ(LIMIT_MB * MIB, st.resident);
	ASSERT_EQ(0, say(self->sv[0], 'l'));
	EXPECT_EQ(0, child_wait(pid));
	arena_drop(&a);
}

struct toucher {
	struct memcg *cg;
	struct arena *a;
};

/*
 * How many blocks the group pays for when half of the arena is touched in it.
 */
static int touches_in_group(void *arg)
{
	struct toucher *t = arg;
	long long before, after;

	if (memcg_enter(t->cg))
		return 200;
	before = memcg_read(t->cg, "memory.current");
	pages_fill(t->a->base, t->a->size / 2, 1);
	after = memcg_read(t->cg, "memory.current");
	return (int)((after - before + (long long)MIB) / (long long)BLOCK_LEN);
}

TEST_F(pays, memory_cgroup_of_who_touches)
{
	struct hugearena_stat st;
	struct toucher t;
	struct arena a;

	/* a reserve would hold memory charged to others */
	ASSERT_EQ(0, param_write("reserve_max", 8));
	ASSERT_EQ(0, memcg_make(&self->cg, "shared"));
	ASSERT_EQ(0, shared_make(&a, BLOCKS));
	t.cg = &self->cg;
	t.a = &a;
	EXPECT_EQ(BLOCKS / 2, child_run(touches_in_group, &t));
	/* the memory exists already: the second group pays nothing */
	EXPECT_EQ(0, child_run(touches_in_group, &t));
	/* and released memory is not kept for the next group */
	ASSERT_EQ(0, arena_punch(&a, 0, a.size));
	EXPECT_EQ(BLOCKS / 2, child_run(touches_in_group, &t));
	ASSERT_EQ(0, arena_stat(&a, &st));
	EXPECT_EQ(0, st.reserve);
	EXPECT_EQ(0, st.fault_reserve);
	EXPECT_EQ(BLOCKS, st.fault_demand);
	arena_drop(&a);
}

TEST_HARNESS_MAIN
