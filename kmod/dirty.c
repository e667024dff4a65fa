// SPDX-License-Identifier: GPL-2.0-only
/*
 * Dirty bits of an arena's PTEs; see dirty.h.
 *
 * Keeps true: a page that was written to is reported, by the bit of its PTE or,
 * where a zap lost that, by the mark of its block (HA_MARK_DIRTY).  Zaps set
 * the mark under ha_arena.rw, and this takes it for writing.  The kernel does
 * the walk.  It goes by the family's mapping, to which the VMAs of relatives
 * belong, so there must be no relatives; and it does not handle PMDs, so there
 * must be none.  Called by dev.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>

#include "dirty.h"

/* Kind or address allow no PMD, and the kernel can walk PTEs for us. */
static bool arena_has_ptes_only(const struct ha_arena *a)
{
	if (!ha_dirty_is_offered() || a->common)
		return false;
	return a->kind == HUGEARENA_KIND_PAGES || a->base % HA_BLOCK_SIZE;
}

/* rw held for writing: blocks whose bits were lost. */
static void marks_take(struct ha_arena *a, pgoff_t pgoff, unsigned long n,
		       unsigned long *bits)
{
	unsigned long last = (pgoff + n - 1) >> HA_BLOCK_ORDER;
	unsigned long index = pgoff >> HA_BLOCK_ORDER;
	void *entry;

	if (!xa_marked(&a->table, HA_MARK_DIRTY))
		return;
	entry = xa_find(&a->table, &index, last, HA_MARK_DIRTY);
	while (entry) {
		pgoff_t first = index << HA_BLOCK_ORDER;
		pgoff_t end = first + HA_BLOCK_PAGES;
		pgoff_t start = max(first, pgoff), stop = min(end, pgoff + n);

		bitmap_set(bits, start - pgoff, stop - start);
		/* the other pages of the block are still to be reported */
		if (start == first && stop == end)
			xa_clear_mark(&a->table, index, HA_MARK_DIRTY);
		entry = xa_find_after(&a->table, &index, last, HA_MARK_DIRTY);
	}
}

/*
 * Does anybody but @a map the family, or did so before the last upkeep?  The
 * family's lock is held, so that the answer stays true.  A file that a child
 * inherited keeps its maker's arena, which does not count while nothing maps
 * it.
 */
static bool arena_is_alone(struct ha_arena *a)
{
	struct ha_arena *s;

	list_for_each_entry(s, &a->family->arenas, sibling)
		if (s != a && atomic_read(&s->nvma))
			return false;
	return !a->cow;
}

static void record_and_clean(struct address_space *mapping, pgoff_t pgoff,
			     unsigned long n, unsigned long *bits)
{
#ifdef CONFIG_MAPPING_DIRTY_HELPERS
	pgoff_t start = 0, end = 0;	/* out: the part with bits set */

	clean_record_shared_mapping_range(mapping, pgoff, n, pgoff, bits,
					  &start, &end);
#endif
}

long ha_dirty_take(struct ha_arena *a, pgoff_t pgoff, unsigned long n,
		   unsigned long *bits)
{
	struct ha_family *f = a->family;
	long ret = -EBUSY;

	bitmap_zero(bits, n);
	mutex_lock(&f->lock);
	down_write(&a->rw);
	if (!arena_has_ptes_only(a)) {
		ret = -EOPNOTSUPP;
	} else if (arena_is_alone(a)) {
		a->tracked = true;
		record_and_clean(f->inode->i_mapping, pgoff, n, bits);
		marks_take(a, pgoff, n, bits);
		ret = bitmap_weight(bits, n);
	}
	up_write(&a->rw);
	mutex_unlock(&f->lock);
	return ret;
}

void ha_dirty_restore(struct ha_arena *a, pgoff_t pgoff, unsigned long n)
{
	unsigned long first = pgoff >> HA_BLOCK_ORDER;
	unsigned long last = (pgoff + n - 1) >> HA_BLOCK_ORDER;

	down_write(&a->rw);
	ha_arena_mark_dirty(a, first, last - first + 1);
	up_write(&a->rw);
}
