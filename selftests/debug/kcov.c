// SPDX-License-Identifier: GPL-2.0-only
/* Coverage of the module; see kcov.h. */
#include <fcntl.h>
#include <stddef.h>
#include <unistd.h>
#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "kcov.h"

#define KCOV_FILE	"/sys/kernel/debug/kcov"
#define TRACE_LEN	262144	/* places a single call may reach */
#define SEEN_LEN	65536	/* the module has some thousand places */

static unsigned long *trace;	/* the kernel writes: a count, then places */
static unsigned long seen[SEEN_LEN];	/* hashed, open addressing */
static unsigned int total;

int kcov_begin(void)
{
	int fd = open(KCOV_FILE, O_RDWR | O_CLOEXEC);
	void *p;

	if (fd < 0)
		return -1;
	if (ioctl(fd, KCOV_INIT_TRACE, TRACE_LEN))
		goto fail;
	p = mmap(NULL, TRACE_LEN * sizeof(*trace), PROT_READ | PROT_WRITE,
		 MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		goto fail;
	if (ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		goto fail;
	trace = p;
	/* the file stays open, and so tracing stays on */
	return 0;
fail:
	close(fd);
	return -1;
}

void kcov_forget(void)
{
	trace = NULL;
}

/* Remember a place; 1 if it was new. */
static unsigned int place_add(unsigned long pc)
{
	size_t i = pc * 0x9e3779b97f4a7c15UL >> 48;

	while (seen[i] && seen[i] != pc)
		i = (i + 1) % SEEN_LEN;
	if (seen[i] || total == SEEN_LEN / 2)
		return 0;
	seen[i] = pc;
	total++;
	return 1;
}

unsigned int kcov_new(void)
{
	unsigned long n, i;
	unsigned int new = 0;

	if (!trace)
		return 0;
	n = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);
	for (i = 1; i <= n && i < TRACE_LEN; i++)
		new += place_add(trace[i]);
	__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
	return new;
}

unsigned int kcov_total(void)
{
	return total;
}
