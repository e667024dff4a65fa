// SPDX-License-Identifier: GPL-2.0-only
/*
 * A disk for O_DIRECT input and output. tmpfs accepts O_DIRECT since 6.6 and
 * copies all the same, so file systems in memory are left out.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include "arena.h"
#include "disk.h"

#define DISK_SIZE	(16 * MIB)

static int disk_open_file(const char *dir)
{
	struct statfs fs;
	int fd;

	fd = open(dir, O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (!fstatfs(fd, &fs) && fs.f_type != TMPFS_MAGIC &&
	    fs.f_type != RAMFS_MAGIC && fs.f_type != OVERLAYFS_SUPER_MAGIC &&
	    !posix_fallocate(fd, 0, DISK_SIZE))
		return fd;
	close(fd);
	return -1;
}

int disk_open(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	fd = disk_open_file(dir ? dir : "/var/tmp");
	if (fd >= 0)
		return fd;
	fd = open("/dev/ram0", O_RDWR | O_DIRECT | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (lseek(fd, 0, SEEK_END) >= (off_t)DISK_SIZE)
		return fd;
	close(fd);
	return -1;
}

int disk_open_cached(void)
{
	return open("/dev/ram0", O_RDONLY | O_CLOEXEC);
}
