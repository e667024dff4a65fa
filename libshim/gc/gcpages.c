// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * gcpages: the source of the collector's pages.
 *
 * Pages come from libshim's page heap through the seam, so that collected
 * memory and that of malloc() share blocks, limits and statistics.  In a
 * process with another malloc() they come from the kernel, which merges
 * neighbouring mappings.  In mode dirty those whose writes must be known come
 * from an arena of their own, see gcarena.h.  Short runs that were put back are kept for the next,
 * 2 MiB and a quarter of what is out at most: a sweep frees what is wanted
 * again right after it.
 */
#include "base/lock.h"
#include "gcarena.h"
#include "gcmeta.h"
#include "gcpages.h"
#include "seam/seam.h"
#include "base/sys.h"

#define PAGE		SEAM_PAGE_SIZE

static const struct seam_owner owner_gc = { "collected object", SEAM_GC };

static uint32_t core;		/* 0: not determined yet, 1: no, 2: yes */

static bool has_core(void)
{
	uint32_t is = __atomic_load_n(&core, __ATOMIC_RELAXED);

	if (!is) {
		is = seam_is_here() ? 2 : 1;
		__atomic_store_n(&core, is, __ATOMIC_RELAXED);
	}
	return is == 2;
}

bool gcpages_are_own(void)
{
	return !has_core();
}

#define KEPT_LEN	16	/* pages of the longest run that is kept */
#define KEPT_MIN	((size_t)256)

/* A run that is kept: its first bytes. */
struct kept {
	struct kept *next;
};

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static struct kept *kept[KEPT_LEN + 1];	/* by length; under the lock */
static size_t nr_kept;			/* pages; under the lock */
static size_t nr_out;			/* pages that are not; the same */

static void *kept_get(size_t npages)
{
	struct kept *k = NULL;

	shim_lock_acquire(&lock);
	nr_out += npages;
	if (npages <= KEPT_LEN && kept[npages]) {
		k = kept[npages];
		kept[npages] = k->next;
		nr_kept -= npages;
	}
	shim_lock_release(&lock);
	return k;
}

static void out_less(size_t npages)
{
	shim_lock_acquire(&lock);
	nr_out -= npages;
	shim_lock_release(&lock);
}

static bool kept_put(void *p, size_t npages)
{
	struct kept *k = p;
	bool keep;

	shim_lock_acquire(&lock);
	nr_out -= npages;
	keep = npages <= KEPT_LEN && nr_kept + npages <= KEPT_MIN + nr_out / 4;
	if (keep) {
		k->next = kept[npages];
		kept[npages] = k;
		nr_kept += npages;
	}
	shim_lock_release(&lock);
	return keep;
}

/* mmap() aligns to 4 KiB: ask for a page more and give the ends back. */
static void *kernel_get(size_t len)
{
	long p = sys_mmap(0, len + PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t start;

	if (sys_failed(p))
		return NULL;
	start = ((uintptr_t)p + PAGE - 1) & ~(PAGE - 1);
	if (start > (uintptr_t)p)
		sys_munmap((uintptr_t)p, start - (uintptr_t)p);
	if ((uintptr_t)p + PAGE > start)
		sys_munmap(start + len, (uintptr_t)p + PAGE - start);
	return (void *)start;
}

void *gcpages_get(size_t npages, bool watched, void *owner, void **handle,
		  bool *is_zero)
{
	struct seam_span *span;
	void *p;

	if (watched && gcarena_is_there()) {
		*handle = NULL;
		p = gcarena_get(npages, is_zero);
		if (p)
			return p;
	}
	if (!has_core()) {
		*handle = NULL;
		p = kept_get(npages);
		*is_zero = !p;
		if (p)
			return p;
		p = kernel_get(npages * PAGE);
		if (!p)
			out_less(npages);
		return p;
	}
	span = seam_span_get(npages, 0, &owner_gc, owner, is_zero);
	*handle = span;
	return span ? (void *)span->start : NULL;
}

void gcpages_put(void *handle, void *p, size_t npages)
{
	if (handle)
		seam_span_put(handle);
	else if (gcarena_has((uintptr_t)p))
		gcarena_put(p, npages);
	else if (!kept_put(p, npages))
		sys_munmap((uintptr_t)p, npages * PAGE);
}

void gcpages_room(size_t *limit, size_t *left, size_t *over, size_t *free)
{
	struct seam_usage u = { .left = SIZE_MAX };

	if (has_core())
		seam_usage(&u);
	*limit = u.limit;
	*left = u.left;
	*over = u.over;
	*free = u.free + gcarena_free();
}

void gcpages_look(void)
{
	if (has_core())
		seam_look();
}

void gcpages_fork_prepare(void)
{
	shim_lock_acquire(&lock);
	gcarena_fork_prepare();
}

void gcpages_fork_done(void)
{
	gcarena_fork_done();
	shim_lock_release(&lock);
}
