// SPDX-License-Identifier: GPL-2.0-only
/*
 * One request at a time on liburing, with a registered buffer.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/uio.h>
#include "arena.h"
#include "uring.h"

int uring_register(struct io_uring *ring, void *base, size_t len)
{
	struct iovec iov = { .iov_base = base, .iov_len = len };

	return io_uring_register_buffers(ring, &iov, 1);
}

bool uring_takes_arenas(void)
{
	struct io_uring ring;
	struct arena a;
	bool refused;

	if (io_uring_queue_init(URING_ENTRIES, &ring, 0))
		return true;
	if (arena_make(&a, 1)) {
		io_uring_queue_exit(&ring);
		return true;
	}
	refused = uring_register(&ring, a.base, a.size) == -EOPNOTSUPP;
	io_uring_queue_exit(&ring);
	arena_drop(&a);
	return !refused;
}

/* Submit the one request that was prepared and wait for its result. */
static int uring_run(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int ret;

	ret = io_uring_submit_and_wait(ring, 1);
	if (ret < 0)
		return ret;
	ret = io_uring_peek_cqe(ring, &cqe);
	if (ret)
		return ret;
	ret = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return ret;
}

int uring_read_fixed(struct io_uring *ring, int fd, void *addr, size_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_read_fixed(sqe, fd, addr, len, 0, 0);
	return uring_run(ring);
}

int uring_write_fixed(struct io_uring *ring, int fd, const void *addr,
		      size_t len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	if (!sqe)
		return -EBUSY;
	io_uring_prep_write_fixed(sqe, fd, addr, len, 0, 0);
	return uring_run(ring);
}
