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

/*
 * Can this kernel move memory and leave the address space mapped?  It can since
 * 5.7.  qemu-user lets it, and takes what is left for unmapped.
 */
static bool can_remap(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	long from, to;
	bool can;

	from = sys_mmap(0, OS_PAGE, prot, flags, -1, 0);
	if (sys_failed(from))
		return false;
	to = sys_mmap(0, OS_PAGE, prot, flags, -1, 0);
	can = !sys_failed(to) &&
	      !sys_failed(sys_mremap((uintptr_t)from, OS_PAGE, OS_PAGE,
				     MREMAP_MAYMOVE | MREMAP_FIXED |
				     MREMAP_DONTUNMAP, (uintptr_t)to)) &&
	      is_writable((uintptr_t)from);
	if (!sys_failed(to))
		sys_munmap((uintptr_t)to, OS_PAGE);
	sys_munmap((uintptr_t)from, OS_PAGE);
	return can;
}

static enum backend_remap thp_remap(uintptr_t from, uintptr_t to, size_t len)
{
	static uint32_t known;		/* 0: not tried yet, 1: no, 2: yes */
	uint32_t can = __atomic_load_n(&known, __ATOMIC_RELAXED);
	long p;

	if (!can) {
		can = can_remap() ? 2 : 1;
		__atomic_store_n(&known, can, __ATOMIC_RELAXED);
	}
	if (can == 1)
		return BACKEND_STAYED;
	if (!sys_failed(sys_mremap(from, len, len,
				   MREMAP_MAYMOVE | MREMAP_FIXED |
				   MREMAP_DONTUNMAP, to)))
		return BACKEND_MOVED;
	/*
	 * Before 6.17 @from must lie in a single mapping (VMA), and the kernel
	 * has already unmapped @to by the time it checks that.  @to is mapped
	 * again, but not over what another thread has mapped there in the
	 * meantime.
	 */
	p = sys_mmap(to, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE |
		     MAP_FIXED_NOREPLACE, -1, 0);
	if (sys_failed(p))
		return BACKEND_LOST;
	if ((uintptr_t)p != to) {
		/* kernels before 4.17 take the address as a hint */
		sys_munmap((uintptr_t)p, len);
		return BACKEND_LOST;
	}
	sys_madvise(to, len, MADV_HUGEPAGE);
	return BACKEND_STAYED;
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
