// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * backend_thp: blocks from anonymous memory.
 *
 * A block used as a block is advised MADV_HUGEPAGE, one used as 4 KiB pages
 * MADV_NOHUGEPAGE: otherwise khugepaged would fill what was given back.  The
 * kernel merges adjacent mappings with the same advice into one.
 *
 * Giving pages of a huge page back takes two steps.  MADV_DONTNEED alone lowers
 * the resident size, but the kernel keeps the huge page itself until memory is
 * short; MADV_COLD on a page of it that is still mapped splits it.
 *
 * Serves the page heap.  Its only state records which features the kernel
 * lacks.
 */
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>

#include "backend.h"
#include "base/conf.h"
#include "base/pagemap.h"
#include "base/sys.h"

#define OS_PAGE	4096u

static bool no_populate;	/* the kernel is older than 5.14 */
static bool no_collapse;	/* the kernel is older than 6.1 */

static bool thp_open(void)
{
	return true;
}

static bool thp_window(uintptr_t base, size_t len)
{
	(void)base;
	(void)len;
	return true;
}

static enum backend_map thp_map(uintptr_t addr, size_t len, bool whole)
{
	long p = sys_mmap(addr, len, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
			  MAP_FIXED_NOREPLACE, -1, 0);

	if (sys_failed(p))
		return p == -EEXIST ? BACKEND_MAP_TAKEN :
					       BACKEND_MAP_NOMEM;
	if ((uintptr_t)p != addr) {
		/* kernels before 4.17 take the address as a hint */
		sys_munmap((uintptr_t)p, len);
		return BACKEND_MAP_TAKEN;
	}
	/* fails where the kernel has no huge pages, which does no harm */
	sys_madvise(addr, len, whole ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return BACKEND_MAP_OK;
}

static bool populate(uintptr_t start, size_t len)
{
	long ret;

	if (!shim_conf.populate || no_populate)
		return true;
	ret = sys_madvise(start, len, MADV_POPULATE_WRITE);
	/* also refused for mappings of the application's, see thp_join() */
	if (ret == -EINVAL &&
	    sys_madvise(start, 0, MADV_POPULATE_WRITE) == -EINVAL)
		no_populate = true;
	return ret != -ENOMEM;
}

static bool thp_whole(uintptr_t start, size_t len)
{
	sys_madvise(start, len, MADV_HUGEPAGE);
	return populate(start, len);
}

static bool thp_thin(uintptr_t block, size_t used)
{
	sys_madvise(block, BLOCK_SIZE, MADV_NOHUGEPAGE);
	return populate(block, used);
}

static void thp_pages(uintptr_t block)
{
	sys_madvise(block, BLOCK_SIZE, MADV_NOHUGEPAGE);
}

static void thp_split(uintptr_t page)
{
	sys_madvise(page, OS_PAGE, MADV_COLD);
}

static unsigned int thp_release(const struct backend_range *r, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		/* EINVAL: the application has locked the memory */
		if (sys_madvise(r[i].start, r[i].len, MADV_DONTNEED))
			break;
	return i;
}

static bool thp_join(uintptr_t block)
{
	long ret;

	sys_madvise(block, BLOCK_SIZE, MADV_HUGEPAGE);
	if (no_collapse)
		return false;
	ret = sys_madvise(block, BLOCK_SIZE, MADV_COLLAPSE);
	/*
	 * The kernel refuses a block with a page of another protection with the
	 * same error as advice that it does not know.  Unknown advice is
	 * refused for a length of 0, too.
	 */
	if (ret == -EINVAL && sys_madvise(block, 0, MADV_COLLAPSE) == -EINVAL)
		no_collapse = true;
	return ret == 0;
}

/* May the kernel write there? */
static bool is_writable(uintptr_t p)
{
	return !sys_failed(sys_call3(SYS_clock_gettime, CLOCK_MONOTONIC, (long)p, 0));
}

enum can_remap {
	REMAP_UNTRIED,
	REMAP_NOT,
	REMAP_ONE,		/* memory that is one mapping (VMA) to the kernel */
	REMAP_SEVERAL,		/* since 6.17: several, one after the other */
};

static long remap_pages(uintptr_t from, uintptr_t to, size_t len)
{
	return sys_mremap(from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED |
			  MREMAP_DONTUNMAP, to);
}

/*
 * Can this kernel move memory and leave the address space mapped?  It can since
 * 5.7.  qemu-user lets it, and takes what is left for unmapped.
 */
static enum can_remap can_remap(void)
{
	const size_t len = 2 * OS_PAGE;
	enum can_remap can = REMAP_NOT;
	size_t ours = 2 * len;
	uintptr_t from, to;
	long p;

	p = sys_mmap(0, 2 * len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sys_failed(p))
		return REMAP_NOT;
	from = (uintptr_t)p;
	to = from + len;
	if (!sys_failed(remap_pages(from, to, OS_PAGE)) && is_writable(from)) {
		can = REMAP_ONE;
		/* two mappings: what is dumped and what is not cannot be one */
		sys_madvise(from, OS_PAGE, MADV_DONTDUMP);
		if (!sys_failed(remap_pages(from, to, len)))
			can = REMAP_SEVERAL;
		else
			/* the kernel has unmapped @to: it may be another thread's now */
			ours = len;
	}
	sys_munmap(from, ours);
	return can;
}

/* A page of the first thread's stack, above which there is less than a GiB of it. */
static uintptr_t stack_page(void)
{
	return getauxval(AT_RANDOM) & ~(uintptr_t)(OS_PAGE - 1);
}

/*
 * Is there a boundary between two mappings inside?  To be made longer where it is, as
 * far as the stack and beyond, is refused to any memory, and with another error if
 * there is one.
 */
static bool is_several(uintptr_t at, size_t len)
{
	/* from anywhere, so many bytes reach as far */
	size_t too_long = stack_page();

	return sys_mremap(at, len, too_long, 0, 0) == -EFAULT;
}

/*
 * How much of [@at, @at + @len) is in the first mapping?  Boundaries are where arrays
 * ended, at round addresses: the roundest is tried first.
 */
static size_t first_mapping(uintptr_t at, size_t len)
{
	uintptr_t one = at / OS_PAGE, several = (at + len) / OS_PAGE;

	if (!is_several(at, len))
		return len;
	/* pages up to @one are in it, and those up to @several are not */
	for (one++; several - one > 1;) {
		unsigned int bit = 63u - (unsigned int)
			__builtin_clzl(one ^ (several - 1));
		uintptr_t mid = (several - 1) >> bit << bit;

		if (is_several(at, mid * OS_PAGE - at)) {
			several = mid;
			continue;
		}
		one = mid;
		if (mid % 16 == 0 && several - one > 1 &&
		    is_several(at, (one + 1) * OS_PAGE - at))
			break;
	}
	return one * OS_PAGE - at;
}

/*
 * Was a move refused before anything was unmapped?  A filter does so, and the kernel in
 * a process that has as many mappings as it may.  To move more than the stack has behind
 * that page is refused with the same error then, and with EFAULT otherwise.
 */
static bool is_refused_early(long err)
{
	const size_t more = (size_t)1 << 36;

	return err != -EFAULT &&
	       sys_mremap(stack_page(), more, more,
			  MREMAP_MAYMOVE | MREMAP_DONTUNMAP, BLOCK_SIZE) == err;
}

static enum backend_remap remap_one(uintptr_t from, uintptr_t to, size_t len,
				    bool whole)
{
	long err = remap_pages(from, to, len), p;

	if (!sys_failed(err))
		return BACKEND_MOVED;
	/*
	 * Before 6.17 the kernel has already unmapped @to by the time it finds that
	 * @from is several mappings; any kernel, when it has no memory for its
	 * records.  @to is mapped again, but not over what another thread has mapped
	 * there in the meantime.
	 */
	p = sys_mmap(to, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		     MAP_FIXED_NOREPLACE, -1, 0);
	if (p == -EEXIST && is_refused_early(err))
		return BACKEND_STAYED;
	if (sys_failed(p))
		return BACKEND_LOST;
	if ((uintptr_t)p != to) {
		/* kernels before 4.17 take the address as a hint */
		sys_munmap((uintptr_t)p, len);
		return BACKEND_LOST;
	}
	sys_madvise(to, len, whole ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return BACKEND_STAYED;
}

/* What has moved comes back, where a further part was refused. */
static void remap_undo(uintptr_t from, uintptr_t to, size_t len)
{
	if (!len)
		return;
	memcpy((void *)from, (void *)to, len);
	/* refused: the application has locked it in memory */
	if (sys_madvise(to, len, MADV_DONTNEED))
		memset((void *)to, 0, len);
}

/*
 * A kernel that moves several mappings does so one after the other, and where it
 * refuses one, for instance because there are too many, those before have moved:
 * nobody could tell which.  So it is asked to move one at a time.
 */
static enum backend_remap thp_remap(uintptr_t from, uintptr_t to, size_t len,
				    bool whole)
{
	static uint32_t known;
	uint32_t can = __atomic_load_n(&known, __ATOMIC_RELAXED);
	enum backend_remap how;
	size_t done, n;

	if (can == REMAP_UNTRIED) {
		can = can_remap();
		__atomic_store_n(&known, can, __ATOMIC_RELAXED);
	}
	if (can == REMAP_NOT)
		return BACKEND_STAYED;
	if (can == REMAP_ONE)
		return remap_one(from, to, len, whole);
	for (done = 0; done < len; done += n) {
		n = first_mapping(from + done, len - done);
		how = remap_one(from + done, to + done, n, whole);
		if (how != BACKEND_MOVED) {
			remap_undo(from, to, done);
			return how;
		}
	}
	return BACKEND_MOVED;
}

const struct backend_ops backend_thp = {
	.name = "thp",
	.open = thp_open,
	.window = thp_window,
	.map = thp_map,
	.whole = thp_whole,
	.thin = thp_thin,
	.pages = thp_pages,
	.split = thp_split,
	.release = thp_release,
	.join = thp_join,
	.remap = thp_remap,
};
