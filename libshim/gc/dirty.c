// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dirty: which pages were written to, as reported by the kernel.
 */
#include <fcntl.h>
#include <unistd.h>

#include <errno.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>

#include "base/sys.h"
#include "dirty.h"
#include "gcarena.h"

#define OS_PAGE		((uintptr_t)4096)
#define SOFT_DIRTY	(1ull << 55)	/* of a word of pagemap */
#define WORDS		512		/* read at once: of 2 MiB */
#define REGIONS		64

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY	1
#endif
#define FEATURE_WP_UNPOPULATED	(1ull << 13)	/* Linux 6.4 */
#define FEATURE_WP_ASYNC	(1ull << 15)	/* Linux 6.7 */

/* ioctl() of pagemap, Linux 6.7 */
struct scan {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};

struct region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

#define SCAN			_IOWR('f', 16, struct scan)
#define SCAN_PROTECT		1ull
#define SCAN_CHECK_ASYNC	2ull
#define SCAN_WRITTEN		2ull

/* kept open, since closing it ends the write protection */
static int uffd = -1;
static enum dirty_source source;

static bool write_4(void)
{
	long fd = sys_call6(SYS_openat, AT_FDCWD,
			    (long)"/proc/self/clear_refs",
			    O_WRONLY | O_CLOEXEC, 0, 0, 0);
	long n;

	if (fd < 0)
		return false;
	n = sys_call3(SYS_write, fd, (long)"4", 1);
	sys_call3(SYS_close, fd, 0, 0);
	return n == 1;
}

static long open_pagemap(void)
{
	return sys_call6(SYS_openat, AT_FDCWD, (long)"/proc/self/pagemap",
			 O_RDONLY | O_CLOEXEC, 0, 0, 0);
}

static bool is_dirty(uintptr_t p)
{
	uint64_t word = SOFT_DIRTY;
	long fd = open_pagemap();

	if (fd < 0)
		return true;
	if (sys_call6(SYS_pread64, fd, (long)&word, sizeof(word),
		      (long)(p / OS_PAGE * sizeof(word)), 0, 0) != sizeof(word))
		word = SOFT_DIRTY;
	sys_call3(SYS_close, fd, 0, 0);
	return word & SOFT_DIRTY;
}

static long scan(uintptr_t low, uintptr_t high, uint64_t flags,
		 struct region *region, uintptr_t *end)
{
	struct scan arg = {
		.size = sizeof(arg),
		.flags = flags | SCAN_CHECK_ASYNC,
		.start = low,
		.end = high,
		.vec = (uintptr_t)region,
		.vec_len = region ? REGIONS : 0,
		.category_mask = SCAN_WRITTEN,
		.return_mask = SCAN_WRITTEN,
	};
	long fd = open_pagemap(), n;

	if (fd < 0)
		return fd;
	n = sys_call3(SYS_ioctl, fd, SCAN, (long)&arg);
	sys_call3(SYS_close, fd, 0, 0);
	*end = arg.walk_end;
	return n;
}

static bool has_uffd(uintptr_t page)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = FEATURE_WP_UNPOPULATED | FEATURE_WP_ASYNC,
	};
	struct region region[REGIONS];
	uintptr_t end;
	long fd;

	fd = sys_call3(SYS_userfaultfd,
		       O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY, 0, 0);
	if (fd < 0)
		return false;
	if (!sys_call3(SYS_ioctl, fd, UFFDIO_API, (long)&api)) {
		uffd = (int)fd;
		dirty_add(page, page + OS_PAGE);
		if (dirty_clear_range(page, page + OS_PAGE) &&
		    !scan(page, page + OS_PAGE, 0, region, &end)) {
			*(volatile char *)page = 1;
			if (scan(page, page + OS_PAGE, 0, region, &end) == 1)
				return true;
		}
	}
	sys_call3(SYS_close, fd, 0, 0);
	uffd = -1;
	return false;
}

bool dirty_by_module(void)
{
	if (gcarena_make())
		source = DIRTY_MODULE;
	return source == DIRTY_MODULE;
}

/*
 * A kernel without soft-dirty bits may accept the write all the same, so test
 * whether it works.
 */
bool dirty_init(void *page, bool own)
{
	volatile char *byte = page;
	int i;

	byte[0] = 1;
	for (i = 0; i < 2; i++) {
		if (!write_4() || is_dirty((uintptr_t)page))
			break;
		byte[0] = 2;
		if (!is_dirty((uintptr_t)page))
			break;
	}
	if (i == 2)
		source = DIRTY_SOFT;
	else if (own && has_uffd((uintptr_t)page))
		source = DIRTY_UFFD;
	return source != DIRTY_NOBODY;
}

enum dirty_source dirty_source(void)
{
	return source;
}

bool dirty_is_by_range(void)
{
	return uffd >= 0;
}

/* dirty_clear_range() finds a range that cannot be watched. */
void dirty_add(uintptr_t low, uintptr_t high)
{
	struct uffdio_register arg = {
		.range = { low, high - low },
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	if (uffd >= 0)
		sys_call3(SYS_ioctl, uffd, UFFDIO_REGISTER, (long)&arg);
}

void dirty_remove(uintptr_t low, uintptr_t high)
{
	struct uffdio_range arg = { low, high - low };

	if (uffd >= 0)
		sys_call3(SYS_ioctl, uffd, UFFDIO_UNREGISTER, (long)&arg);
}

bool dirty_clear_range(uintptr_t low, uintptr_t high)
{
	uintptr_t end;

	return scan(low, high, SCAN_PROTECT, NULL, &end) >= 0 && end == high;
}

/*
 * While a child or a parent shares the module's arena, nothing is cleared and
 * everything counts as written to, which is right if slow.
 */
bool dirty_clear(void)
{
	long n;

	if (source != DIRTY_MODULE)
		return write_4();
	n = gcarena_read_dirty();
	return n >= 0 || n == -EBUSY;
}

bool dirty_can_read(void)
{
	return source == DIRTY_MODULE;
}

long dirty_read(void)
{
	long n = source == DIRTY_MODULE ? gcarena_read_dirty() : -1;

	return n < 0 ? -1 : n;
}

void dirty_range(uintptr_t *low, uintptr_t *high)
{
	gcarena_range(low, high);
}

static void each_written(uintptr_t low, uintptr_t high,
			 void (*fn)(uintptr_t low, uintptr_t high, void *arg),
			 void *arg)
{
	struct region region[REGIONS];
	uintptr_t end;
	long n, i;

	while (low < high) {
		n = scan(low, high, 0, region, &end);
		if (n < 0 || end <= low) {
			fn(low, high, arg);
			return;
		}
		for (i = 0; i < n; i++)
			fn(region[i].start, region[i].end, arg);
		low = end;
	}
}

void dirty_each(uintptr_t low, uintptr_t high,
		void (*fn)(uintptr_t low, uintptr_t high, void *arg),
		void *arg)
{
	uint64_t word[WORDS];
	uintptr_t from = 0, p;
	long fd, n, i;

	if (source == DIRTY_MODULE) {
		gcarena_each_dirty(low, high, fn, arg);
		return;
	}
	if (uffd >= 0) {
		each_written(low, high, fn, arg);
		return;
	}
	fd = open_pagemap();
	if (fd < 0) {
		fn(low, high, arg);
		return;
	}
	for (p = low; p < high;) {
		n = (long)((high - p) / OS_PAGE);
		if (n > WORDS)
			n = WORDS;
		n = sys_call6(SYS_pread64, fd, (long)word,
			      n * (long)sizeof(word[0]),
			      (long)(p / OS_PAGE * sizeof(word[0])), 0, 0) /
		    (long)sizeof(word[0]);
		if (n <= 0) {
			fn(from ? from : p, high, arg);
			from = 0;
			break;
		}
		for (i = 0; i < n; i++, p += OS_PAGE) {
			if (word[i] & SOFT_DIRTY) {
				from = from ? from : p;
			} else if (from) {
				fn(from, p, arg);
				from = 0;
			}
		}
	}
	if (from)
		fn(from, high, arg);
	sys_call3(SYS_close, fd, 0, 0);
}

bool dirty_fork_child(void)
{
	if (uffd < 0)
		return true;
	sys_call3(SYS_close, uffd, 0, 0);
	uffd = -1;
	source = DIRTY_NOBODY;
	return false;
}
