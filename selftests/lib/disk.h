/* SPDX-License-Identifier: GPL-2.0-only */
/* A disk for O_DIRECT input and output. */
#ifndef SELFTESTS_LIB_DISK_H
#define SELFTESTS_LIB_DISK_H

/*
 * A file of 16 MiB or more that really bypasses the page cache, so that the
 * caller's pages are what the device reads and writes: an unnamed file in
 * $TMPDIR or /var/tmp, or the whole of /dev/ram0 (brd).  -1 if there is none.
 */
int disk_open(void);

/*
 * A block device whose page cache grows by what is read of it: /dev/ram0, opened
 * for reading; -1 if there is none.
 */
int disk_open_cached(void);

#endif
