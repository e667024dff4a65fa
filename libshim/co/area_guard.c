// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * area_guard: areas of anonymous memory, and the kinds of guards that they can
 * have.
 *
 * Keeps true: a record tells the guard that its slot really has.  A kind of
 * guard that failed is not tried again: either the kernel does not know
 * MADV_GUARD_INSTALL, or max_map_count leaves no mappings.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "area.h"
#include "base/error.h"
#include "base/sys.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102	/* Linux 6.13 */
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise	440
#endif
/*
 * Linux 6.13, from which on process_madvise() accepts any advice for the
 * caller's own process.
 */
#define SELF			(-10000)	/* PIDFD_SELF_THREAD_GROUP */

/*
 * Written with the lock of any order held, and only ever lowered, so that races
 * do no harm.
 */
static enum shim_stack_guard best = SHIM_STACK_GUARD_MADVISE;
static size_t mprotects, mprotects_max;
static bool alone;	/* process_madvise() is refused for our own memory */
static bool told;

static int anon_map(struct area *a)
{
	size_t align = (size_t)1 << a->order;
	size_t len = a->bytes + align;
	long at = sys_mmap(0, len, PROT_READ | PROT_WRITE, MAP_PRIVATE |
			   MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	uintptr_t base;

	if (sys_failed(at))
		return (int)-at;
	/*
	 * slots are aligned: unmap what is before the first and after the last
	 */
	base = ((uintptr_t)at + align - 1) & ~(align - 1);
	if (base > (uintptr_t)at)
		sys_munmap((uintptr_t)at, base - (uintptr_t)at);
	if ((uintptr_t)at + len > base + a->bytes)
		sys_munmap(base + a->bytes,
			   (uintptr_t)at + len - base - a->bytes);
	/* a stack that touches one page gets one page, not a huge one */
	sys_madvise(base, a->bytes, MADV_NOHUGEPAGE);
	a->base = (char *)base;
	return 0;
}

static size_t map_count_max(void)
{
	long fd = sys_open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	char digits[32];
	size_t max = 0;
	long i, n;

	if (sys_failed(fd))
		return 65530;	/* the kernel's default */
	n = sys_call3(SYS_read, fd, (long)digits, sizeof(digits));
	sys_call3(SYS_close, fd, 0, 0);
	for (i = 0; i < n && digits[i] >= '0' && digits[i] <= '9'; i++)
		max = 10 * max + (size_t)(digits[i] - '0');
	return max;
}

/* Apply @advice to many ranges; false if the kernel does not know it. */
static bool advise(const struct area_range *r, size_t nr, int advice)
{
	struct iovec v[32];
	size_t i, n;
	long ret;

	while (nr) {
		n = nr < 32 ? nr : 32;
		for (i = 0; i < n; i++) {
			v[i].iov_base = r[i].low;
			v[i].iov_len = (size_t)(r[i].high - r[i].low);
		}
		ret = -EBADF;
		if (n > 1 && !__atomic_load_n(&alone, __ATOMIC_RELAXED))
			ret = sys_call6(SYS_process_madvise, SELF, (long)v,
					(long)n, advice, 0, 0);
		if (ret < 0) {
			if (n > 1)
				__atomic_store_n(&alone, true,
						 __ATOMIC_RELAXED);
			ret = sys_madvise((uintptr_t)v[0].iov_base,
					  v[0].iov_len, advice);
			if (ret)
				return false;
			ret = (long)v[0].iov_len;
		}
		/* a part may have been done: continue behind it */
		while (nr && (size_t)ret >= (size_t)(r->high - r->low)) {
			ret -= r->high - r->low;
			r++;
			nr--;
		}
	}
	return true;
}

static bool guard_madvise(struct area *a, size_t first, size_t nr)
{
	struct area_range r[32];
	size_t i, n;

	for (; nr; first += n, nr -= n) {
		n = nr < 32 ? nr : 32;
		for (i = 0; i < n; i++) {
			r[i].low = a->base + ((first + i) << a->order);
			r[i].high = r[i].low + SLOT_PAGE;
		}
		if (!advise(r, n, MADV_GUARD_INSTALL))
			return false;
	}
	return true;
}

static bool guard_mprotect(struct area *a, size_t i)
{
	uintptr_t low = (uintptr_t)a->base + (i << a->order);
	size_t n = __atomic_add_fetch(&mprotects, 1, __ATOMIC_RELAXED);

	if (!mprotects_max)
		mprotects_max = map_count_max() / 4 + 1;
	/* a guard costs two mappings: leave half of them to the program */
	return n < mprotects_max &&
	       !sys_call3(SYS_mprotect, (long)low, SLOT_PAGE, PROT_NONE);
}

static void anon_guard(struct area *a, size_t first, size_t nr)
{
	enum shim_stack_guard want = best > area_guard_best ? best :
							      area_guard_best;
	size_t i;

	if (want == SHIM_STACK_GUARD_MADVISE) {
		if (guard_madvise(a, first, nr)) {
			for (i = 0; i < nr; i++)
				slot_set_guard(&a->records[first + i], want);
			return;
		}
		best = SHIM_STACK_GUARD_MPROTECT;
		want = best;
	}
	for (i = first; i < first + nr; i++) {
		if (want == SHIM_STACK_GUARD_MPROTECT && !guard_mprotect(a, i)) {
			best = SHIM_STACK_GUARD_NONE;
			want = best;
		}
		slot_set_guard(&a->records[i], want);
	}
	if (want == SHIM_STACK_GUARD_NONE &&
	    !__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
		shim_say("further stacks have no guard: %s",
			 area_guard_best == SHIM_STACK_GUARD_NONE ?
			 "SHIM_STACK_GUARD=none" :
			 "half of vm.max_map_count is used up");
}

static void anon_drop(struct area *a, const struct area_range *r, size_t nr)
{
	(void)a;
	/* the ranges do not include the guards, so these stay */
	advise(r, nr, MADV_DONTNEED);
}

const struct area_kind area_anon = { anon_map, anon_guard, anon_drop };
