/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The least of io_uring, by its three system calls: one request at a time,
 * and registered buffers, which pin their pages until the ring is closed.
 */
#ifndef SELFTESTS_LIB_URING_H
#define SELFTESTS_LIB_URING_H

#include <stdbool.h>
#include <stddef.h>
#include <linux/io_uring.h>

struct uring {
	int fd;
	size_t sq_len, cq_len, sqes_len;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
	struct io_uring_params params;
};

/* Set a ring up; 0, or -1 and errno. */
int uring_open(struct uring *u);
void uring_close(struct uring *u);

/* Register @len bytes at @base as buffer 0, long-term pinned; 0 or -1. */
int uring_register(struct uring *u, void *base, size_t len);
int uring_unregister(struct uring *u);

/*
 * May memory of an arena be registered?  Not if the kernel says EOPNOTSUPP, as
 * those before 6.5 do for every file that is neither shmem's nor hugetlb's.
 * What fails in another way is left to the test that meets it.
 */
bool uring_takes_arenas(void);

/* Read from @fd into, or write to @fd from, the registered buffer. */
int uring_read_fixed(struct uring *u, int fd, void *addr, size_t len);
int uring_write_fixed(struct uring *u, int fd, const void *addr, size_t len);

#endif
