// SPDX-License-Identifier: GPL-2.0-only
/* HUGEARENA_IOC_VIEW: inspect another process's arena, without changing it. */
#include "harness.h"
#include <signal.h>
#include <sys/ioctl.h>

#define SOMEBODY	54321
#define BLOCKS		4

/* What the other process tells us about its arena. */
struct told {
	__u64 id;
	int ready;
};

FIXTURE(view) {
	int dev;
	struct told *told;
	pid_t pid;
	struct hugearena_view v;
	struct arena a;
};

static int other(void *arg)
{
	struct told *told = arg;
	struct hugearena_stat st;
	struct arena a;

	if (arena_make(&a, BLOCKS))
		return 1;
	pages_fill(a.base, 3 * BLOCK_LEN, 1);
	if (arena_punch(&a, OS_PAGE, OS_PAGE) || arena_stat(&a, &st))
		return 2;
	told->id = st.id;
	gate_post(told->ready);
	pause();
	return 3;
}

FIXTURE_SETUP(view)
{
	ASSERT_EQ(0, params_reset());
	self->dev = device_open();
	ASSERT_LE(0, self->dev);
	self->told = mmap(NULL, OS_PAGE, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->told);
	self->told->ready = gate_open();
	self->pid = child_start(other, self->told);
	ASSERT_LT(0, self->pid);
	gate_wait(self->told->ready);
	self->v.id = self->told->id;
	/* a view can do as much as this of what an arena can */
	self->a.fd = ioctl(self->dev, HUGEARENA_IOC_VIEW, &self->v);
	self->a.size = BLOCKS * BLOCK_LEN;
	ASSERT_LE(0, self->a.fd);
}

FIXTURE_TEARDOWN(view)
{
	kill(self->pid, SIGKILL);
	child_wait(self->pid);
	close(self->a.fd);
	close(self->dev);
}

TEST_F(view, stat)
{
	struct hugearena_stat st;

	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(self->v.id, st.id);
	EXPECT_EQ(self->a.size, st.size);
	EXPECT_EQ(2, st.blocks);
	EXPECT_EQ(1, st.split);
	EXPECT_EQ(3 * BLOCK_LEN - OS_PAGE, st.resident);
}

TEST_F(view, blocks)
{
	struct hugearena_block b;

	EXPECT_EQ(2, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
	EXPECT_EQ(2, arena_mapped(&self->a));
	EXPECT_EQ(1, arena_count(&self->a, HUGEARENA_BLOCK_SPLIT));
	ASSERT_EQ(0, arena_block(&self->a, 0, &b));
	EXPECT_EQ(BLOCK_PAGES - 1, b.pages);
}

TEST_F(view, nothing_else)
{
	struct hugearena_range r = { 0, BLOCK_LEN };

	EXPECT_EQ(-1, arena_release(&self->a, &r, 1, NULL));
	EXPECT_EQ(-1, arena_join(&self->a, 0, BLOCK_LEN, NULL));
	EXPECT_EQ(-1, arena_punch(&self->a, 0, BLOCK_LEN));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, BLOCK_LEN, PROT_READ, MAP_SHARED,
				   self->a.fd, 0));
	EXPECT_EQ(2, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
}

TEST_F(view, keeps_nothing_alive)
{
	long long resident = stat_read("Resident");
	struct hugearena_stat st;

	kill(self->pid, SIGKILL);
	EXPECT_EQ(256 + SIGKILL, child_wait(self->pid));
	EXPECT_EQ(resident - 3 * 2048 + 4,
		  wait_for(stat_read("Resident"), resident - 3 * 2048 + 4));
	/* it shows what is left of the arena, which is nothing */
	if (!arena_stat(&self->a, &st)) {
		EXPECT_EQ(0, st.resident);
	}
	/* for teardown */
	self->pid = child_start(other, self->told);
}

TEST_F(view, no_such_arena)
{
	self->v.id = 1ULL << 60;
	EXPECT_ERRNO(ESRCH, ioctl(self->dev, HUGEARENA_IOC_VIEW, &self->v));
}

TEST_F(view, unknown_bits)
{
	self->v.flags = 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->dev, HUGEARENA_IOC_VIEW, &self->v));
	self->v.flags = 0;
	self->v.pad = 1;
	EXPECT_ERRNO(EINVAL, ioctl(self->dev, HUGEARENA_IOC_VIEW, &self->v));
}

TEST_F(view, bad_address)
{
	EXPECT_ERRNO(EFAULT, ioctl(self->dev, HUGEARENA_IOC_VIEW, 16));
}

struct asks {
	int dev;
	struct hugearena_view v;
};

static int ask_as_somebody(void *arg)
{
	struct asks *asks = arg;

	if (user_become(SOMEBODY))
		return 1;
	if (ioctl(asks->dev, HUGEARENA_IOC_VIEW, &asks->v) != -1)
		return 2;
	return errno == EPERM ? 0 : 3;
}

TEST_F(view, only_for_cap_sys_ptrace)
{
	struct asks asks = { self->dev, self->v };

	EXPECT_EQ(0, child_run(ask_as_somebody, &asks));
}

TEST_HARNESS_MAIN
