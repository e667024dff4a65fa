// SPDX-License-Identifier: GPL-2.0-only
/*
 * Release, split and join.
 *
 * Keeps true: a released page is in no page table when it goes back, and what
 * anybody else still holds (a pin) is never handed out again; data outside the
 * range is never touched.  Whole blocks go in runs under the arena's rw for
 * writing, one zap a run; parts of a block under its own lock.  Called by dev
 * (fallocate, ioctls), by map when a part is unmapped, and by upkeep.
 */
#include <linux/highmem.h>
#include <linux/sched.h>

#include "release.h"
#include "trace.h"

/* Blocks released under one write lock, for which faults wait. */
#define RUN_MAX		64

/* Whole blocks @first to @first + @n - 1 go at once. */
static void release_run(struct ha_arena *a, pgoff_t first, unsigned long n,
			u64 *released)
{
	struct ha_block *block[RUN_MAX];
	unsigned long index, i, nr = 0;
	struct ha_gone gone;
	void *entry;

	ha_gone_init(&gone, a->family->account);
	down_write(&a->rw);
	xa_for_each_range(&a->table, index, entry, first, first + n - 1) {
		xa_erase(&a->table, index);
		if (ha_entry_block(entry)) {
			block[nr++] = entry;
			ha_block_settle(entry);
			ha_arena_account(a, entry, -1);
		} else {
			ha_arena_count(a, HA_A_LOST, -1);
		}
	}
	if (nr)
		ha_arena_zap(a, first, n);
	up_write(&a->rw);
	for (i = 0; i < nr; i++) {
		unsigned long pages = ha_block_pages(block[i]);
		unsigned int shares;

		index = block[i]->index;
		shares = ha_block_put_gone(block[i], &a->source, &gone);
		ha_arena_unmesh(a, index, shares, HA_UNMESH_RELEASE);
		*released += (u64)(pages - shares) << PAGE_SHIFT;
	}
	ha_source_gone(&gone);
}

/* A split copy of @b with only the pages outside [start, end). */
static struct ha_block *block_split(struct ha_arena *a, struct ha_block *b,
				    int start, int end)
{
	struct ha_block *s;
	int i;

	s = ha_block_new_split(&a->source, a->inode, b->index, NULL);
	if (!s)
		return NULL;
	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		struct page *page;

		if (i >= start && i < end)
			continue;
		page = ha_block_page(b, i);
		if (page && IS_ERR(ha_block_fill(s, i, &a->source, page,
						 false))) {
			ha_block_put(s, NULL);
			return NULL;
		}
	}
	return s;
}

/*
 * The last resort for a block that only we use: keep its memory, and clear it.
 */
static void block_clear(struct ha_block *b, int start, int end)
{
	int i;

	/* except where memory failed, which nobody reads again */
	for (i = start; i < end; i++)
		if (!PageHWPoison(folio_page(b->folio, i)))
			clear_highpage(folio_page(b->folio, i));
}

/* Drop pages of a split block that only we use. */
static int slots_release(struct ha_arena *a, pgoff_t index, struct ha_block *b,
			 int start, int end, u64 *released)
{
	unsigned int n = 0, shares = 0;
	int i, ret, err = 0;

	ha_block_settle_range(b, start, end);
	ha_arena_zap_pages(a, (index << HA_BLOCK_ORDER) + start, end - start);
	for (i = start; i < end; i++) {
		ret = ha_block_empty(b, i);
		if (ret < 0)
			err = ret;
		n += ret == HA_FREED;
		shares += ret == HA_SHARE;
	}
	ha_arena_count(a, HA_A_RESIDENT, -(long)(n + shares));
	ha_arena_unmesh(a, index, shares, HA_UNMESH_RELEASE);
	*released += (u64)n << PAGE_SHIFT;
	if (!b->nslots && !b->base)
		ha_arena_replace(a, index, b, NULL);
	return err;
}

/* Pages [start, end) of one block, not all of it. */
static int release_part(struct ha_arena *a, pgoff_t index, int start, int end,
			u64 *released)
{
	struct mutex *lock = ha_arena_lock(a, index);
	struct ha_block *b, *s;
	int err = 0;

	down_read(&a->rw);
	mutex_lock(lock);
	b = ha_entry_block(xa_load(&a->table, index));
	if (!b)
		goto out;
	if (!b->folio && !ha_block_shared(b)) {
		err = slots_release(a, index, b, start, end, released);
		goto out;
	}
	/*
	 * relatives keep all of it: an overlay hides this part, and nothing is
	 * copied
	 */
	if (ha_block_shared(b)) {
		s = ha_cow_overlay(a, index, b);
		if (s) {
			err = slots_release(a, index, s, start, end, released);
			goto out;
		}
	}
	ha_block_settle(b);
	ha_arena_zap(a, index, 1);
	/*
	 * clear the block that we pinned; a pin that a relative left must not
	 * see that
	 */
	if (b->folio && !ha_block_shared(b) && !b->tainted &&
	    ha_block_pinned(b, NULL)) {
		block_clear(b, start, end);
		goto out;
	}
	s = block_split(a, b, start, end);
	if (s) {
		unsigned long had = ha_block_pages(b);

		*released += (u64)(had - min(had, ha_block_pages(s))) <<
			     PAGE_SHIFT;
		if (!s->nslots) {
			ha_block_put(s, NULL);
			s = NULL;
		}
		ha_arena_replace(a, index, b, s);
		ha_stat_inc(HA_SPLITS);
	} else if (b->folio && !ha_block_shared(b) &&
		   ha_cow_clean(a, index, b, NULL)) {
		block_clear(b, start, end);
	} else {
		err = -ENOMEM;
	}
out:
	mutex_unlock(lock);
	up_read(&a->rw);
	return err;
}

int ha_release(struct ha_arena *a, u64 offset, u64 len, u64 *released)
{
	u64 end = min(offset + len, (u64)a->family->nblocks << HA_BLOCK_SHIFT);
	u64 at = offset, sum = 0;
	int err = 0, ret;

	while (at < end) {
		pgoff_t index = at >> HA_BLOCK_SHIFT;
		u64 block = (u64)index << HA_BLOCK_SHIFT;
		u64 stop = min(end, block + HA_BLOCK_SIZE);

		if (at == block && stop == block + HA_BLOCK_SIZE) {
			unsigned long n = (end - at) >> HA_BLOCK_SHIFT;
			unsigned long next = index;

			/* address space that was never touched costs nothing */
			if (!xa_find(&a->table, &next, ULONG_MAX, XA_PRESENT))
				break;
			if (next > index) {
				at = min(end, (u64)next << HA_BLOCK_SHIFT);
				continue;
			}
			n = min_t(unsigned long, n, RUN_MAX);
			release_run(a, index, n, &sum);
			stop = at + ((u64)n << HA_BLOCK_SHIFT);
		} else {
			ret = release_part(a, index, (at - block) >> PAGE_SHIFT,
					   (stop - block) >> PAGE_SHIFT, &sum);
			err = err ?: ret;
		}
		at = stop;
		cond_resched();
	}
	ha_arena_count(a, HA_A_RELEASED, sum >> PAGE_SHIFT);
	ha_stat_add(HA_RELEASED_PAGES, sum >> PAGE_SHIFT);
	trace_release(a->id, offset, len, sum);
	*released += sum;
	return err;
}

/* The lock is held; @b is split, not an overlay, and only we use it. */
static int join_copy(struct ha_arena *a, pgoff_t index, struct ha_block *b)
{
	enum ha_counter source;
	struct ha_block *whole;

	ha_block_settle(b);
	ha_arena_zap(a, index, 1);
	if (ha_block_pinned(b, NULL))
		return -EBUSY;
	whole = ha_block_new(&a->source, a->inode, index, HA_WAIT,
			     &source);
	if (!whole)
		return -ENOMEM;
	if (!whole->folio) {
		ha_block_put(whole, NULL);
		return -ENOMEM;
	}
	if (ha_block_copy(whole, b)) {
		ha_block_put(whole, NULL);
		return -EHWPOISON;
	}
	ha_arena_replace(a, index, b, whole);
	return 1;
}

int ha_join_block(struct ha_arena *a, pgoff_t index, bool full)
{
	struct mutex *lock = ha_arena_lock(a, index);
	struct ha_block *b;
	bool folded = false;
	int ret;

	down_read(&a->rw);
	mutex_lock(lock);
	/* generations of overlays fold one by one */
	while ((ret = ha_cow_fold(a, index, !full)) > 0)
		folded = true;
	b = ha_entry_block(xa_load(&a->table, index));
	if (ret < 0 || !b)
		goto out;
	if (b->folio)
		ret = folded;
	else if (b->base || ha_block_shared(b))
		ret = full ? 0 : -EBUSY;
	else if (a->kind == HUGEARENA_KIND_BLOCKS &&
		 (!full || (b->nslots == HA_BLOCK_PAGES &&
			    !ha_block_meshed(b))))
		ret = join_copy(a, index, b);
out:
	mutex_unlock(lock);
	up_read(&a->rw);
	if (ret > 0) {
		ha_arena_count(a, HA_A_JOINED, 1);
		ha_stat_inc(HA_JOINED);
	} else if (ret == -EBUSY) {
		ha_stat_inc(HA_JOIN_BUSY);
	} else if (ret) {
		ha_stat_inc(HA_JOIN_FAILED);
	}
	if (ret)
		trace_join(a->id, index, ret);
	return ret;
}

int ha_split_block(struct ha_arena *a, pgoff_t index)
{
	struct mutex *lock = ha_arena_lock(a, index);
	struct ha_block *b, *s;
	int ret = 0;

	down_read(&a->rw);
	mutex_lock(lock);
	b = ha_entry_block(xa_load(&a->table, index));
	if (!b || !b->folio)
		goto out;
	if (ha_block_shared(b) || b->tainted) {
		ret = -EBUSY;
		goto out;
	}
	ha_block_settle(b);
	ha_arena_zap(a, index, 1);
	if (ha_block_pinned(b, NULL)) {
		ret = -EBUSY;
		goto out;
	}
	s = block_split(a, b, 0, 0);
	if (!s) {
		ret = -ENOMEM;
		goto out;
	}
	ha_arena_replace(a, index, b, s);
	ha_stat_inc(HA_SPLITS);
	ret = 1;
out:
	mutex_unlock(lock);
	up_read(&a->rw);
	return ret;
}
