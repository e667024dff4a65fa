// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * dirty: which pages were written to, by the kernel.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/sys.h"
#include "dirty.h"
#include "gcmeta.h"

#define OS_PAGE		((uintptr_t)4096)
#define SOFT_DIRTY	(1ull << 55)	/* of a word of pagemap */
#define WORDS		512		/* read at once: of 2 MiB */

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

/* A kernel without soft-dirty bits accepts the write, or does not: try it. */
bool dirty_init(void)
{
	volatile char *page = gcmeta_map(OS_PAGE);
	bool ok = false;

	if (!page)
		return false;
	page[0] = 1;
	if (write_4() && !is_dirty((uintptr_t)page)) {
		page[0] = 2;
		ok = is_dirty((uintptr_t)page);
	}
	gcmeta_unmap((void *)page, OS_PAGE);
	return ok;
}

bool dirty_clear(void)
{
	return write_4();
}

long dirty_each(uintptr_t low, uintptr_t high,
		void (*fn)(uintptr_t low, uintptr_t high, void *arg),
		void *arg)
{
	uint64_t word[WORDS];
	uintptr_t from = 0, p;
	long fd = open_pagemap(), n, i, pages = 0;

	if (fd < 0) {
		fn(low, high, arg);
		return -1;
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
			pages = -1;
			break;
		}
		for (i = 0; i < n; i++, p += OS_PAGE) {
			if (word[i] & SOFT_DIRTY) {
				from = from ? from : p;
				pages++;
			} else if (from) {
				fn(from, p, arg);
				from = 0;
			}
		}
	}
	if (from)
		fn(from, high, arg);
	sys_call3(SYS_close, fd, 0, 0);
	return pages;
}
