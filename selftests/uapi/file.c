// SPDX-License-Identifier: GPL-2.0-only
/*
 * An arena file: what kind of descriptor it is, and for which process it
 * works.
 */
#include "harness.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

ARENA_FIXTURE(file, 4)

TEST_F(file, is_close_on_exec)
{
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->a.fd, F_GETFD) & FD_CLOEXEC);
}

TEST_F(file, is_read_write)
{
	EXPECT_EQ(O_RDWR, fcntl(self->a.fd, F_GETFL) & O_ACCMODE);
}

TEST_F(file, is_regular_and_has_the_size)
{
	struct stat st;

	ASSERT_EQ(0, fstat(self->a.fd, &st));
	EXPECT_TRUE(S_ISREG(st.st_mode));
	EXPECT_EQ(self->a.size, (size_t)st.st_size);
}

TEST_F(file, cannot_be_resized)
{
	EXPECT_EQ(-1, ftruncate(self->a.fd, 8 * BLOCK_LEN));
	EXPECT_EQ(-1, ftruncate(self->a.fd, BLOCK_LEN));
	EXPECT_EQ(0, byte_write_signal(self->a.base + self->a.size - 1, 1));
}

TEST_F(file, cannot_be_read_or_written)
{
	char c = 0;

	EXPECT_EQ(-1, read(self->a.fd, &c, 1));
	EXPECT_EQ(-1, write(self->a.fd, &c, 1));
}

TEST_F(file, cannot_be_reopened)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->a.fd);
	EXPECT_EQ(-1, open(path, O_RDWR));
	EXPECT_EQ(-1, open(path, O_RDONLY));
}

TEST_F(file, data_outlive_the_descriptor)
{
	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ(0, close(self->a.fd));
	EXPECT_EQ(0, pages_wrong(self->a.base, self->a.size, 1));
	EXPECT_EQ(0, munmap(self->a.base, self->a.size));
	self->a.base = NULL;
}

TEST_F(file, closed_and_unmapped_leaves_nothing)
{
	long long arenas = stat_read("Arenas");
	long long resident = stat_read("Resident");
	struct arena b;

	ASSERT_EQ(0, arena_make(&b, 4));
	pages_fill(b.base, b.size, 1);
	EXPECT_EQ(arenas + 1, stat_read("Arenas"));
	EXPECT_EQ(resident + 4 * 2048, stat_read("Resident"));
	arena_drop(&b);
	EXPECT_EQ(arenas, wait_for(stat_read("Arenas"), arenas));
	EXPECT_EQ(resident, wait_for(stat_read("Resident"), resident));
}

/* What a process that only got the file may do with it: nothing. */
static int stranger(int fd)
{
	struct hugearena_block block;
	struct arena a = { .fd = fd, .size = 4 * BLOCK_LEN };
	struct hugearena_range r = { 0, BLOCK_LEN };
	struct hugearena_stat st;

	if (fd < 0)
		return 1;
	if (mmap(NULL, BLOCK_LEN, PROT_READ, MAP_SHARED, fd, 0) !=
	    MAP_FAILED || errno != EPERM)
		return 2;
	if (arena_stat(&a, &st) != -1 || errno != ENXIO)
		return 3;
	if (arena_block(&a, 0, &block) != -1 || errno != ENXIO)
		return 4;
	if (arena_release(&a, &r, 1, NULL) != -1 || errno != ENXIO)
		return 5;
	if (arena_join(&a, 0, BLOCK_LEN, NULL) != -1 || errno != ENXIO)
		return 6;
	if (arena_punch(&a, 0, BLOCK_LEN) != -1 || errno != ENXIO)
		return 7;
	return 0;
}

static int stranger_receive(void *arg)
{
	return stranger(fd_receive(*(int *)arg));
}

TEST_F(file, is_useless_to_a_stranger)
{
	struct arena b;
	int sock[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	/*
	 * the stranger is forked before the arena is made, so it inherits none
	 * of it
	 */
	pid = child_start(stranger_receive, &sock[1]);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, arena_make(&b, 4));
	pages_fill(b.base, b.size, 3);
	ASSERT_EQ(0, fd_send(sock[0], b.fd));
	EXPECT_EQ(0, child_wait(pid));
	EXPECT_EQ(0, pages_wrong(b.base, b.size, 3));
	arena_drop(&b);
}

TEST_HARNESS_MAIN
