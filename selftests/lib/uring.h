/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One request at a time on liburing, with a registered buffer, whose pages stay
 * pinned until it is unregistered or the ring is closed.
 *
 * A program that uses these is linked with -luring; the image of the VM takes in
 * the shared libraries that its programs need.
 */
#ifndef SELFTESTS_LIB_URING_H
#define SELFTESTS_LIB_URING_H

#include <liburing.h>
#include <stdbool.h>
#include <stddef.h>

/* One request is in flight at a time. */
#define URING_ENTRIES	1

/* Register @len bytes at @base as buffer 0; 0 or a negative errno. */
int uring_register(struct io_uring *ring, void *base, size_t len);

/*
 * May memory of an arena be registered?  Not if the kernel says EOPNOTSUPP, as
 * those before 6.5 do for every file that is neither shmem's nor hugetlb's.
 * A failure of any other kind is left to the test that meets it.
 */
bool uring_takes_arenas(void);

/*
 * Read from @fd into, or write to @fd from, the registered buffer, and wait: the
 * result of the request, negative for an error.
 */
int uring_read_fixed(struct io_uring *ring, int fd, void *addr, size_t len);
int uring_write_fixed(struct io_uring *ring, int fd, const void *addr,
		      size_t len);

#endif
