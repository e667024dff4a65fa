// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_stat: the caches in numbers.
 *
 * Keeps true: no slab comes or goes while it is counted, as the percpu lock is
 * held; the numbers of an attached one are a snapshot.  Called by stat and
 * stat_ctl.
 */
#include "percpu_int.h"

/* Run @fn over every slab. Percpu lock held. */
static void slabs_each(void (*fn)(const struct percpu_slab *slab, void *arg),
		       void *arg)
{
	unsigned int i;

	for (i = 0; percpu.rseq && i < percpu.ncpus; i++)
		if (!percpu_is_closed(percpu_hot.slab[i]))
			fn(percpu_hot.slab[i], arg);
	for (i = 0; i < PERCPU_MAX_LOCKED; i++)
		if (locked_slab(i))
			fn(locked_slab(i), arg);
}

/* Of the span in a place; it may be taken meanwhile, but its record stays. */
static size_t kept_bytes(const struct percpu_slab *slab, unsigned int k)
{
	uintptr_t p = slab_kept(slab, k);

	if (p <= SLAB_KEPT_NONE)
		return 0;
	if (k < PERCPU_KEPT_EXACT)
		return slab_kept_pages(k) * PAGE_SIZE;
	return ((const struct span *)p)->npages * PAGE_SIZE;
}

static void slab_add_stat(const struct percpu_slab *slab, void *arg)
{
	struct percpu_stat *st = arg;
	unsigned int cls, k;

	st->attached++;
	st->capacity += slab->bytes;
	st->underflows += slab->underflows;
	st->overflows += slab->overflows;
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		st->bytes += (size_t)slab_count(slab, cls) *
			     sizeclass_info[cls].size;
	for (k = 0; k < PERCPU_KEPT; k++)
		st->kept += kept_bytes(slab, k);
}

void percpu_get_stat(struct percpu_stat *st)
{
	*st = (struct percpu_stat){ 0 };
	shim_lock_acquire(&percpu.lock);
	slabs_each(slab_add_stat, st);
	st->slabs = percpu.nslabs;
	st->limit = percpu.limit;
	st->cpus = percpu.ncpus;
	st->steals = percpu.steals;
	st->drains = percpu.drains;
	st->sheds = percpu.sheds;
	st->resizes = percpu.resizes;
	st->rseq = percpu.rseq;
	st->mm_cid = percpu.mm_cid;
	shim_lock_release(&percpu.lock);
}

struct class_sum {
	unsigned int cls;
	size_t bytes;
};

static void slab_add_class(const struct percpu_slab *slab, void *arg)
{
	struct class_sum *sum = arg;

	sum->bytes += (size_t)slab_count(slab, sum->cls) *
		      sizeclass_info[sum->cls].size;
}

size_t percpu_class_bytes(unsigned int cls)
{
	struct class_sum sum = { .cls = cls };

	shim_lock_acquire(&percpu.lock);
	slabs_each(slab_add_class, &sum);
	shim_lock_release(&percpu.lock);
	return sum.bytes;
}
