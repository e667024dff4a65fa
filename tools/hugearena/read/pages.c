// SPDX-License-Identifier: GPL-2.0-only
/*
 * pages: single OS pages of a process.  Called by map, cmd_record and cost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pages.h"

#define KPF_THP		22

/* Linux 6.7's <linux/fs.h>, which older systems do not have. */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, anyof, ret;
};

#define SCAN_IOCTL	_IOWR('f', 16, struct scan)
#define SCAN_PRESENT	(1u << 3)
#define SCAN_HUGE	(1u << 6)

int pages_open(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int pages_read(int fd, uint64_t addr, uint64_t *entry, size_t n)
{
	ssize_t got = pread(fd, entry, n * sizeof(*entry),
			    (off_t)(addr / OS_PAGE * sizeof(*entry)));

	if (got < 0)
		return -errno;
	return got == (ssize_t)(n * sizeof(*entry)) ? 0 : -EFAULT;
}

int pages_present(int fd, uint64_t block)
{
	uint64_t entry[OS_BLOCK_PAGES];
	int err = pages_read(fd, block, entry, OS_BLOCK_PAGES), n = 0;
	unsigned int i;

	if (err)
		return err;
	for (i = 0; i < OS_BLOCK_PAGES; i++)
		n += !!(entry[i] & PAGES_PRESENT);
	return n;
}

static int scan_huge(int fd, uint64_t addr)
{
	struct scan_region region = { 0 };
	struct scan q = {
		.size = sizeof(q),
		.start = addr & ~(uint64_t)(OS_PAGE - 1),
		.end = (addr & ~(uint64_t)(OS_PAGE - 1)) + OS_PAGE,
		.vec = (uintptr_t)&region,
		.vec_len = 1,
		.anyof = SCAN_PRESENT,
		.ret = SCAN_PRESENT | SCAN_HUGE,
	};
	int ret = ioctl(fd, SCAN_IOCTL, &q);

	if (ret < 0)
		return -errno;
	return ret && region.categories & SCAN_HUGE;
}

static int flags_huge(int fd, uint64_t addr)
{
	uint64_t block = addr & ~(uint64_t)(OS_BLOCK_PAGES * OS_PAGE - 1);
	uint64_t entry[OS_BLOCK_PAGES], flags;
	int err = pages_read(fd, block, entry, OS_BLOCK_PAGES), kpf;
	uint64_t first;
	unsigned int i;
	bool read;

	if (err)
		return err;
	first = PAGES_PFN(entry[0]);
	for (i = 0; i < OS_BLOCK_PAGES; i++) {
		if (!(entry[i] & PAGES_PRESENT))
			return 0;
		if (!PAGES_PFN(entry[i]))
			return -EPERM;
		if (PAGES_PFN(entry[i]) != first + i)
			return 0;
	}
	kpf = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
	if (kpf < 0)
		return -errno;
	read = pread(kpf, &flags, sizeof(flags),
		     (off_t)(first * sizeof(flags))) == sizeof(flags);
	close(kpf);
	if (!read)
		return -EIO;
	return first % OS_BLOCK_PAGES == 0 && flags >> KPF_THP & 1;
}

int pages_huge(int fd, uint64_t addr)
{
	int ret = scan_huge(fd, addr);

	return ret >= 0 ? ret : flags_huge(fd, addr);
}
