/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * pages: single OS pages of a process, from /proc/PID/pagemap.
 */
#ifndef TOOLS_PAGES_H
#define TOOLS_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define OS_PAGE		4096u
#define OS_BLOCK_PAGES	512u

#define PAGES_PRESENT	(1ULL << 63)
#define PAGES_PFN(e)	((e) & ((1ULL << 55) - 1))

/* Open a process's pagemap; a file or a negative errno. */
int pages_open(pid_t pid);

/**
 * pages_read - entries of a run of pages
 * @fd: from pages_open()
 * @addr: address of the first
 * @entry: filled in; frame numbers are 0 without CAP_SYS_ADMIN
 * @n: how many
 *
 * Return: 0 or a negative errno.
 */
int pages_read(int fd, uint64_t addr, uint64_t *entry, size_t n);

/* How many of a block's 512 pages are present; a negative errno. */
int pages_present(int fd, uint64_t block);

/**
 * pages_huge - is an address mapped by a 2 MiB entry?
 * @fd: from pages_open()
 * @addr: the address
 *
 * Asks PAGEMAP_SCAN (Linux 6.7), else concludes it from frame numbers and
 * /proc/kpageflags, which need CAP_SYS_ADMIN.
 *
 * Return: 1, 0, or a negative errno if it cannot be known.
 */
int pages_huge(int fd, uint64_t addr);

#endif
