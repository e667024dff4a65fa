// SPDX-License-Identifier: GPL-2.0-only
/*
 * What must be refused: every way to somebody else's memory, or to more than
 * one's own share.
 */
#define _GNU_SOURCE
#include "harness.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include "soak.h"

#define SOMEBODY	54321
#define ELSE		54322
#define BLOCKS		4

FIXTURE(rights) {
	struct arena a;
	struct held before;
};

FIXTURE_SETUP(rights)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, held_read(&self->before));
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
}

FIXTURE_TEARDOWN(rights)
{
	arena_drop(&self->a);
	params_reset();
	EXPECT_EQ(0, held_back_to(&self->before));
}

static int has_nothing(void *arg)
{
	struct hugearena_range r = { 0, BLOCK_LEN };
	struct hugearena_stat st;
	int fd = *(int *)arg;
	struct arena a = { .fd = fd, .size = BLOCK_LEN };
	char path[64];
	void *p;

	if (user_become(SOMEBODY))
		return 1;
	p = mmap(NULL, BLOCK_LEN, PROT_READ, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED || errno != EPERM)
		return 2;
	if (!ioctl(fd, HUGEARENA_IOC_STAT, &st) || errno != ENXIO)
		return 3;
	if (!arena_release(&a, &r, 1, NULL) || errno != ENXIO)
		return 4;
	if (!arena_punch(&a, 0, BLOCK_LEN) || errno != ENXIO)
		return 5;
	if (!arena_join(&a, 0, BLOCK_LEN, NULL) || errno != ENXIO)
		return 6;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (open(path, O_RDWR) >= 0)
		return 7;
	if (!ftruncate(fd, 0) || !fchmod(fd, 0777))
		return 8;
	if (read(fd, path, 1) >= 0 || write(fd, path, 1) >= 0)
		return 9;
	return 0;
}

static int receives(void *arg)
{
	int *sv = ((void **)arg)[0], fd;
	struct arena *a = ((void **)arg)[1];

	/* the copy that fork made is unmapped; only the file is left */
	munmap(a->base, a->size);
	close(a->fd);
	fd = fd_receive(sv[1]);
	return fd < 0 ? 20 : has_nothing(&fd);
}

TEST_F(rights, a_passed_file_gives_no_memory)
{
	void *arg[2];
	int sv[2];
	pid_t pid;

	arg[0] = sv;
	arg[1] = &self->a;
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sv));
	pid = child_start(receives, arg);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, fd_send(sv[0], self->a.fd));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	close(sv[0]);
	close(sv[1]);
}

static int views(void *arg)
{
	struct hugearena_view v = { .id = *(__u64 *)arg };
	int dev = device_open();

	if (dev < 0 || user_become(SOMEBODY))
		return 1;
	return ioctl(dev, HUGEARENA_IOC_VIEW, &v) < 0 && errno == EPERM ?
	       0 : 2;
}

static int views_as_root_of_a_namespace(void *arg)
{
	struct hugearena_view v = { .id = *(__u64 *)arg };
	int dev = device_open();

	if (dev < 0 || user_become(SOMEBODY))
		return 1;
	if (unshare(CLONE_NEWUSER))
		return 99;
	return ioctl(dev, HUGEARENA_IOC_VIEW, &v) < 0 && errno == EPERM ?
	       0 : 2;
}

TEST_F(rights, others_cannot_look_at_it)
{
	struct hugearena_stat st;
	int status;

	ASSERT_EQ(0, arena_stat(&self->a, &st));
	EXPECT_EQ(0, child_run(views, &st.id));
	status = child_run(views_as_root_of_a_namespace, &st.id);
	if (status == 99)
		SKIP(return, "no user namespaces here");
	EXPECT_EQ(0, status);
}

static int takes_more_than_its_quota(void *arg)
{
	int dev = *(int *)arg;
	struct arena a;
	int i, got = 0;

	if (user_become(SOMEBODY))
		return 101;
	/* CAP_SYS_RESOURCE over one's own namespace is not enough */
	(void)!unshare(CLONE_NEWUSER);
	if (arena_make_on(&a, dev, 16, HUGEARENA_NODE_LOCAL))
		return 102;
	for (i = 0; i < 16; i++)
		got += !byte_write_signal(a.base + i * BLOCK_LEN, 1);
	return got;
}

TEST_F(rights, a_namespace_lifts_no_quota)
{
	int dev = device_open();

	ASSERT_LE(0, dev);
	ASSERT_EQ(0, param_write("user_mb", 8));
	EXPECT_EQ(4, child_run(takes_more_than_its_quota, &dev));
	close(dev);
}

static int charges_nobody_else(void *arg)
{
	struct hugearena_info info;
	int dev = *(int *)arg, i;
	struct arena a;
	pid_t pid;

	if (setresuid(-1, ELSE, -1) ||
	    arena_make_on(&a, dev, 4, HUGEARENA_NODE_LOCAL))
		return 1;
	pid = child_fork();
	if (!pid) {
		/* a child with another identity writes to its copy */
		if (seteuid(0) || user_become(SOMEBODY))
			_exit(2);
		for (i = 0; i < 4; i++)
			byte_write(a.base + i * BLOCK_LEN, 1);
		if (ioctl(dev, HUGEARENA_IOC_INFO, &info))
			_exit(3);
		_exit(info.user_bytes ? 4 : 0);
	}
	return child_wait(pid);
}

TEST_F(rights, a_copy_is_paid_by_who_made_the_arena)
{
	int dev = device_open();

	ASSERT_LE(0, dev);
	EXPECT_EQ(0, child_run(charges_nobody_else, &dev));
	close(dev);
}

static int traces(void *arg)
{
	pid_t pid = *(pid_t *)arg;

	if (user_become(SOMEBODY))
		return 1;
	return ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0 ? 0 : 2;
}

TEST_F(rights, a_stranger_cannot_trace_its_owner)
{
	struct iovec local, remote;
	pid_t pid = getpid();
	char buf[8];

	EXPECT_EQ(0, child_run(traces, &pid));
	/* a process with the right sees what the owner sees */
	strcpy(self->a.base + 100, "mine");
	local = (struct iovec){ buf, 5 };
	remote = (struct iovec){ self->a.base + 100, 5 };
	EXPECT_EQ(5, process_vm_readv(pid, &local, 1, &remote, 1, 0));
	EXPECT_STREQ("mine", buf);
}

TEST_HARNESS_MAIN
