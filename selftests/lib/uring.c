// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least of io_uring.  One request is in flight at a time, so the only
 * ordering needed is with the kernel: release on the tail we write, acquire on
 * the tail it writes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "arena.h"
#include "uring.h"

#define URING_ENTRIES	4

#define ring_u32(ring, off)	((unsigned int *)((ring) + (off)))

static void *uring_map(int fd, size_t len, off_t offset)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

int uring_open(struct uring *u)
{
	struct io_uring_params *p = &u->params;
	int err;

	memset(u, 0, sizeof(*u));
	u->fd = syscall(SYS_io_uring_setup, URING_ENTRIES, p);
	if (u->fd < 0)
		return -1;
	u->sq_len = p->sq_off.array + p->sq_entries * sizeof(unsigned int);
	u->cq_len = p->cq_off.cqes +
		    p->cq_entries * sizeof(struct io_uring_cqe);
	u->sqes_len = p->sq_entries * sizeof(struct io_uring_sqe);
	u->sq = uring_map(u->fd, u->sq_len, IORING_OFF_SQ_RING);
	u->cq = uring_map(u->fd, u->cq_len, IORING_OFF_CQ_RING);
	u->sqes = uring_map(u->fd, u->sqes_len, IORING_OFF_SQES);
	if (u->sq && u->cq && u->sqes)
		return 0;
	err = errno;
	uring_close(u);
	errno = err;
	return -1;
}

void uring_close(struct uring *u)
{
	if (u->sq)
		munmap(u->sq, u->sq_len);
	if (u->cq)
		munmap(u->cq, u->cq_len);
	if (u->sqes)
		munmap(u->sqes, u->sqes_len);
	close(u->fd);
	memset(u, 0, sizeof(*u));
	u->fd = -1;
}

int uring_register(struct uring *u, void *base, size_t len)
{
	struct iovec iov = { .iov_base = base, .iov_len = len };

	return syscall(SYS_io_uring_register, u->fd, IORING_REGISTER_BUFFERS,
		       &iov, 1);
}

int uring_unregister(struct uring *u)
{
	return syscall(SYS_io_uring_register, u->fd,
		       IORING_UNREGISTER_BUFFERS, NULL, 0);
}

bool uring_takes_arenas(void)
{
	struct arena a;
	struct uring u;
	bool refused;

	if (uring_open(&u))
		return true;
	if (arena_make(&a, 1)) {
		uring_close(&u);
		return true;
	}
	refused = uring_register(&u, a.base, a.size) && errno == EOPNOTSUPP;
	uring_close(&u);
	arena_drop(&a);
	return !refused;
}

/* Submit one request and wait: its result, negative for an error. */
static int uring_run(struct uring *u, const struct io_uring_sqe *sqe)
{
	const struct io_uring_params *p = &u->params;
	unsigned int *sq_tail = ring_u32(u->sq, p->sq_off.tail);
	unsigned int *cq_head = ring_u32(u->cq, p->cq_off.head);
	unsigned int *cq_tail = ring_u32(u->cq, p->cq_off.tail);
	struct io_uring_cqe *cqes = (void *)(u->cq + p->cq_off.cqes);
	unsigned int slot = *sq_tail & (p->sq_entries - 1);
	unsigned int head = *cq_head;
	int res;

	u->sqes[slot] = *sqe;
	ring_u32(u->sq, p->sq_off.array)[slot] = slot;
	/* pairs with the kernel's acquire of the submission tail */
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, u->fd, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) != 1)
		return -errno;
	/* pairs with the kernel's release of the completion tail */
	if (__atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) == head)
		return -EIO;
	res = cqes[head & (p->cq_entries - 1)].res;
	__atomic_store_n(cq_head, head + 1, __ATOMIC_RELEASE);
	return res;
}

int uring_read_fixed(struct uring *u, int fd, void *addr, size_t len)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_READ_FIXED,
		.fd = fd,
		.addr = (uintptr_t)addr,
		.len = len,
	};

	return uring_run(u, &sqe);
}

int uring_write_fixed(struct uring *u, int fd, const void *addr, size_t len)
{
	struct io_uring_sqe sqe = {
		.opcode = IORING_OP_WRITE_FIXED,
		.fd = fd,
		.addr = (uintptr_t)addr,
		.len = len,
	};

	return uring_run(u, &sqe);
}
