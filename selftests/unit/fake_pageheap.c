// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_pageheap: spans cut from one map of 256 MiB, first fit.
 *
 * Has a lock of the page heap's rank, so that the rank checker sees who calls.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "fake_pageheap.h"
#include "base/lock.h"
#include "pageheap/pageheap.h"
#include "pageheap/scavenger.h"

#define PAGES	(AREA_PAGES * 4)

struct fake_pageheap fake_pageheap = { .fail_after = -1 };

static struct shim_lock lock = SHIM_LOCK_INIT(SHIM_RANK_PAGEHEAP);
static unsigned char used[PAGES];
static struct span spans[PAGES];
static uintptr_t base;
static size_t lowest;		/* nothing is free below */

static void map(void)
{
	void *p = mmap(NULL, AREA_SIZE * 5, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		abort();
	base = ((uintptr_t)p + AREA_SIZE - 1) & ~(AREA_SIZE - 1);
	if (!pagemap_add(base, AREA_SIZE * 4))
		abort();
}

static size_t find(size_t npages)
{
	size_t i, run = 0;

	for (i = lowest; i < PAGES; i++) {
		run = used[i] ? 0 : run + 1;
		if (run == npages)
			return i + 1 - npages;
	}
	abort();
}

struct span *pageheap_alloc(size_t npages, size_t align_pages)
{
	struct span *s = NULL;
	size_t at;

	(void)align_pages;
	shim_lock_acquire(&lock);
	if (!base)
		map();
	if (fake_pageheap.fail_after) {
		if (fake_pageheap.fail_after > 0)
			fake_pageheap.fail_after--;
		at = find(npages);
		memset(used + at, 1, npages);
		if (at == lowest)
			lowest += npages;
		s = &spans[at];
		memset(s, 0, sizeof(*s));
		s->start = base + at * PAGE_SIZE;
		s->npages = npages;
		s->state = SPAN_INUSE;
		fake_pageheap.spans++;
	}
	shim_lock_release(&lock);
	return s;
}

void pageheap_free(struct span *s)
{
	size_t at = s - spans;

	shim_lock_acquire(&lock);
	if (at >= PAGES || !used[at] || s->state != SPAN_INUSE ||
	    pagemap_class((void *)s->start) != PAGEMAP_NONE)
		fake_pageheap.bad++;
	else
		memset(used + at, 0, s->npages);
	if (at < lowest)
		lowest = at;
	s->state = SPAN_DEAD;
	fake_pageheap.spans--;
	shim_lock_release(&lock);
}

size_t pageheap_spare(void)
{
	return fake_pageheap.spare;
}

size_t pageheap_purge(struct span *s, uint32_t pages)
{
	unsigned int i;

	if (s->state != SPAN_INUSE || pages >> (s->npages * 2))
		fake_pageheap.bad++;
	for (i = 0; i < s->npages * 2; i++)
		if (pages >> i & 1)
			memset((char *)s->start + i * 4096ul, 0, 4096);
	fake_pageheap.purged += __builtin_popcount(pages) * 4096ul;
	return __builtin_popcount(pages) * 4096ul;
}

bool scavenger_may_spend(void)
{
	return true;
}

bool scavenger_has_time(void)
{
	return true;
}

void pageheap_retaken(size_t bytes)
{
	fake_pageheap.retaken += bytes;
}
