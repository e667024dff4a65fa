// SPDX-License-Identifier: GPL-2.0-only
/* user_mb: how much one user's arenas may hold together. */
#include "harness.h"
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>

#define SOMEBODY	54321
#define LIMIT_MB	8
#define LIMIT_BLOCKS	(LIMIT_MB / 2)

FIXTURE(user) {
	int dev;
};

FIXTURE_SETUP(user)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, param_write("user_mb", LIMIT_MB));
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
}

FIXTURE_TEARDOWN(user)
{
	params_reset();
	close(self->dev);
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

static int fill_one(void *arg)
{
	struct arena a;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, *(int *)arg, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	return touch_until_sigbus(&a);
}

TEST_F(user, past_it_is_sigbus)
{
	EXPECT_EQ(LIMIT_BLOCKS, child_run(fill_one, &self->dev));
}

TEST_F(user, refusals_are_counted)
{
	long long before = stat_read("QuotaDenied");

	EXPECT_EQ(LIMIT_BLOCKS, child_run(fill_one, &self->dev));
	EXPECT_LT(before, stat_read("QuotaDenied"));
}

TEST_F(user, freed_with_the_process)
{
	int i;

	for (i = 0; i < 5; i++)
		EXPECT_EQ(LIMIT_BLOCKS, child_run(fill_one, &self->dev));
}

static int fill_two(void *arg)
{
	struct arena a, b;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, *(int *)arg, 3, HUGEARENA_NODE_LOCAL) ||
	    arena_make_on(&b, *(int *)arg, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	return touch_until_sigbus(&a) * 10 + touch_until_sigbus(&b);
}

TEST_F(user, covers_all_arenas_of_the_user)
{
	EXPECT_EQ(30 + LIMIT_BLOCKS - 3, child_run(fill_two, &self->dev));
}

static int release_and_go_on(void *arg)
{
	char *next;
	struct arena a;
	size_t i;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, *(int *)arg, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	if (touch_until_sigbus(&a) != LIMIT_BLOCKS)
		return 101;
	if (arena_punch(&a, 0, BLOCK_LEN))
		return 102;
	next = a.base + LIMIT_BLOCKS * BLOCK_LEN;
	for (i = 0; i < BLOCK_LEN; i += OS_PAGE)
		if (byte_write_signal(next + i, 1))
			return 103;
	if (byte_write_signal(a.base, 1) != SIGBUS)
		return 104;
	/* memory that is there stays usable */
	return byte_write_signal(a.base + BLOCK_LEN, 2) ? 105 : 0;
}

TEST_F(user, released_memory_can_be_used_again)
{
	EXPECT_EQ(0, child_run(release_and_go_on, &self->dev));
}

static int info_of_user(void *arg)
{
	struct hugearena_info info;
	struct arena a;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, *(int *)arg, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	touch_until_sigbus(&a);
	if (ioctl(*(int *)arg, HUGEARENA_IOC_INFO, &info))
		return 101;
	if (info.user_limit != LIMIT_MB * MIB)
		return 102;
	return info.user_bytes == LIMIT_MB * MIB ? 0 : 103;
}

TEST_F(user, info_tells)
{
	EXPECT_EQ(0, child_run(info_of_user, &self->dev));
}

static int fill_as_other(void *arg)
{
	struct arena a;

	if (user_become(SOMEBODY + 1) ||
	    arena_make_on(&a, *(int *)arg, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	return touch_until_sigbus(&a);
}

static int fill_and_hold(void *arg)
{
	struct arena a;
	int *fds = arg;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, fds[0], 16, HUGEARENA_NODE_LOCAL))
		return 100;
	touch_until_sigbus(&a);
	gate_post(fds[1]);
	pause();
	return 0;
}

TEST_F(user, another_user_has_its_own)
{
	int fds[2] = { self->dev, gate_open() };
	pid_t pid = child_start(fill_and_hold, fds);

	ASSERT_LT(0, pid);
	gate_wait(fds[1]);
	EXPECT_EQ(LIMIT_BLOCKS, child_run(fill_as_other, &self->dev));
	/* the first is still full */
	EXPECT_EQ(0, child_run(fill_one, &self->dev));
	kill(pid, SIGKILL);
	child_wait(pid);
}

TEST_F(user, cap_sys_resource_exceeds_it)
{
	struct arena a;

	ASSERT_EQ(0, arena_make(&a, 16));
	EXPECT_EQ(16, touch_until_sigbus(&a));
	arena_drop(&a);
}

static int fork_over_limit(void *arg)
{
	struct arena a;
	size_t i;
	pid_t pid;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, *(int *)arg, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	if (touch_until_sigbus(&a) != LIMIT_BLOCKS)
		return 101;
	pages_fill(a.base, LIMIT_BLOCKS * BLOCK_LEN, 1);
	pid = child_fork();
	if (pid < 0)
		return 102;
	if (!pid) {
		/* reading shared memory needs no quota, writing to it does */
		if (pages_wrong(a.base, LIMIT_BLOCKS * BLOCK_LEN, 1))
			_exit(1);
		for (i = 0; i < LIMIT_BLOCKS; i++)
			if (byte_write_signal(a.base + i * BLOCK_LEN, 1) ==
			    SIGBUS)
				_exit(0);
		_exit(2);
	}
	if (child_wait(pid))
		return 103;
	return pages_wrong(a.base, LIMIT_BLOCKS * BLOCK_LEN, 1) ? 104 : 0;
}

TEST_F(user, copies_after_fork_are_limited_too)
{
	EXPECT_EQ(0, child_run(fork_over_limit, &self->dev));
}

static int madvise_past(void *arg)
{
	struct arena a;

	if (user_become(SOMEBODY) ||
	    arena_make_on(&a, *(int *)arg, 16, HUGEARENA_NODE_LOCAL))
		return 100;
	if (!madvise(a.base, a.size, MADV_POPULATE_WRITE))
		return 101;
	return errno == EFAULT || errno == EHWPOISON ? 0 : 102;
}

TEST_F(user, populate_past_it_fails)
{
	EXPECT_EQ(0, child_run(madvise_past, &self->dev));
}

TEST_F(user, raised_at_run_time)
{
	ASSERT_EQ(0, param_write("user_mb", 2 * LIMIT_MB));
	EXPECT_EQ(2 * LIMIT_BLOCKS, child_run(fill_one, &self->dev));
	ASSERT_EQ(0, param_write("user_mb", 0));
	EXPECT_EQ(16, child_run(fill_one, &self->dev));
}

/* One of the ids that newuidmap gives a user for a namespace of his. */
struct subuid {
	int dev, uid;
	int ready, mapped, filled, leave;
};

static int fill_in_namespace(void *arg)
{
	struct subuid *s = arg;
	struct arena a;
	size_t n;

	if (user_become(SOMEBODY))
		return 100;
	if (unshare(CLONE_NEWUSER)) {
		gate_post(s->ready);
		gate_post(s->filled);
		return 99;
	}
	gate_post(s->ready);
	gate_wait(s->mapped);
	if (setuid(s->uid) ||
	    arena_make_on(&a, s->dev, 16, HUGEARENA_NODE_LOCAL)) {
		gate_post(s->filled);
		return 101;
	}
	n = touch_until_sigbus(&a);
	gate_post(s->filled);
	gate_wait(s->leave);
	return n;
}

/*
 * Start it, give it the namespace's ids, wait until it has all that it can get
 */
static pid_t subuid_start(struct subuid *s)
{
	char path[64], map[64];
	pid_t pid;

	s->ready = gate_open();
	s->mapped = gate_open();
	s->filled = gate_open();
	s->leave = gate_open();
	pid = child_start(fill_in_namespace, s);
	if (pid < 0)
		return -1;
	gate_wait(s->ready);
	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	snprintf(map, sizeof(map), "0 %d 1\n1 100000 100\n", SOMEBODY);
	(void)file_write(path, map);
	gate_post(s->mapped);
	gate_wait(s->filled);
	return pid;
}

TEST_F(user, ids_of_a_namespace_are_its_owners)
{
	struct subuid one = { .dev = self->dev, .uid = 1 };
	struct subuid two = { .dev = self->dev, .uid = 2 };
	pid_t first, second;
	int got;

	first = subuid_start(&one);
	ASSERT_LT(0, first);
	second = subuid_start(&two);
	ASSERT_LT(0, second);
	/* nor is anything left for the owner of the ids */
	got = child_run(fill_one, &self->dev);
	gate_post(one.leave);
	gate_post(two.leave);
	one.uid = child_wait(first);
	two.uid = child_wait(second);
	if (one.uid == 99)
		SKIP(return, "no user namespaces here");
	EXPECT_EQ(LIMIT_BLOCKS, one.uid);
	EXPECT_EQ(0, two.uid);
	EXPECT_EQ(0, got);
}

TEST_HARNESS_MAIN
