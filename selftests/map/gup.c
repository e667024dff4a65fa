// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel reads and writes an arena on behalf of its owner:
 * get_user_pages().
 */
#include "harness.h"
#include <fcntl.h>
#include <sys/uio.h>
#include "uring.h"

#define BLOCKS	4

FIXTURE(gup) {
	struct arena a;
	char *plain;
};

FIXTURE_SETUP(gup)
{
	ASSERT_EQ(0, params_reset());
	ASSERT_EQ(0, arena_make(&self->a, BLOCKS));
	self->plain = mmap(NULL, self->a.size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->plain);
}

FIXTURE_TEARDOWN(gup)
{
	munmap(self->plain, self->a.size);
	arena_drop(&self->a);
}

TEST_F(gup, process_vm_readv)
{
	struct iovec local = { self->plain, self->a.size };
	struct iovec remote = { self->a.base, self->a.size };

	pages_fill(self->a.base, self->a.size, 1);
	ASSERT_EQ((ssize_t)self->a.size,
		  process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(0, memcmp(self->plain, self->a.base, self->a.size));
}

TEST_F(gup, process_vm_writev_into_untouched)
{
	struct iovec local = { self->plain, self->a.size };
	struct iovec remote = { self->a.base, self->a.size };

	pages_fill(self->plain, self->a.size, 1);
	ASSERT_EQ((ssize_t)self->a.size,
		  process_vm_writev(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(0, memcmp(self->plain, self->a.base, self->a.size));
	EXPECT_EQ(BLOCKS, arena_count(&self->a, HUGEARENA_BLOCK_WHOLE));
}

TEST_F(gup, pipe)
{
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	pages_fill(self->a.base, 4 * OS_PAGE, 1);
	ASSERT_EQ(4 * OS_PAGE, write(fds[1], self->a.base, 4 * OS_PAGE));
	ASSERT_EQ(4 * OS_PAGE, read(fds[0], self->a.base + BLOCK_LEN,
				    4 * OS_PAGE));
	EXPECT_EQ(0, memcmp(self->a.base, self->a.base + BLOCK_LEN,
			    4 * OS_PAGE));
}

TEST_F(gup, vmsplice)
{
	struct iovec iov = { self->a.base + OS_PAGE, 4 * OS_PAGE };
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	pages_fill(self->a.base, BLOCK_LEN, 1);
	ASSERT_EQ(4 * OS_PAGE, vmsplice(fds[1], &iov, 1, 0));
	ASSERT_EQ(4 * OS_PAGE, read(fds[0], self->plain, 4 * OS_PAGE));
	EXPECT_EQ(0, memcmp(self->a.base + OS_PAGE, self->plain, 4 * OS_PAGE));
}

TEST_F(gup, io_uring_registered_buffer)
{
	struct io_uring u;
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	if (!uring_takes_arenas())
		SKIP(return, "this kernel cannot register memory of files");
	ASSERT_EQ(0, io_uring_queue_init(URING_ENTRIES, &u, 0));
	pages_fill(self->a.base, BLOCK_LEN, 1);
	ASSERT_EQ(0, uring_register(&u, self->a.base, 2 * BLOCK_LEN));
	ASSERT_EQ(4 * OS_PAGE, uring_write_fixed(&u, fds[1],
						 self->a.base + OS_PAGE,
						 4 * OS_PAGE));
	ASSERT_EQ(4 * OS_PAGE, uring_read_fixed(&u, fds[0], self->a.base +
						BLOCK_LEN, 4 * OS_PAGE));
	EXPECT_EQ(0, memcmp(self->a.base + OS_PAGE, self->a.base + BLOCK_LEN,
			    4 * OS_PAGE));
	EXPECT_EQ(0, io_uring_unregister_buffers(&u));
	io_uring_queue_exit(&u);
}

TEST_F(gup, proc_self_mem)
{
	char byte = 'x';
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	ASSERT_EQ(1, pwrite(fd, &byte, 1, (uintptr_t)self->a.base + 4097));
	EXPECT_EQ('x', byte_read(self->a.base + 4097));
	byte_write(self->a.base + 4097, 'y');
	ASSERT_EQ(1, pread(fd, &byte, 1, (uintptr_t)self->a.base + 4097));
	EXPECT_EQ('y', byte);
	close(fd);
}

TEST_HARNESS_MAIN
