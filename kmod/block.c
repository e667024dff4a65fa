// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks: their three shapes and what may be done to them; see block.h.
 *
 * Keeps true: a block with more than one user never changes; its folios carry
 * the mapping of home and the index of their place, are locked only for a
 * short time, and are mapped only by VMAs of the family.  No lock of its own:
 * the arena's lock of the block guards a block that one arena uses.  Called by
 * the cow and arena layers.
 */
#include <linux/atomic.h>
#include <linux/highmem.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>
#include <linux/slab.h>

#include "block.h"

static struct kmem_cache *cache;
static atomic_long_t nr_whole, nr_split, nr_pages;

static void folio_attach(struct folio *folio, struct inode *home, pgoff_t index)
{
	__folio_set_swapbacked(folio);
	folio->mapping = home->i_mapping;
	folio->index = index;
	__folio_mark_uptodate(folio);
}

/* The folio is not mapped; a pin may be all that is left besides us. */
static void folio_detach(struct folio *folio)
{
	WARN_ON_ONCE(folio_mapped(folio));
	folio_lock(folio);
	folio->mapping = NULL;
	folio_unlock(folio);
}

static struct ha_block *block_alloc(struct ha_source *src, struct inode *home,
				    pgoff_t index)
{
	struct ha_block *b = kmem_cache_zalloc(cache, GFP_KERNEL_ACCOUNT);

	if (!b)
		return NULL;
	refcount_set(&b->users, 1);
	b->index = index;
	b->account = ha_account_get(src->account);
	ihold(home);
	b->home = home;
	return b;
}

struct ha_block *ha_block_new_split(struct ha_source *src, struct inode *home,
				    pgoff_t index, struct ha_block *base)
{
	struct ha_block *b = block_alloc(src, home, index);

	if (!b)
		return NULL;
	b->slots = kcalloc(HA_BLOCK_PAGES, sizeof(*b->slots),
			   GFP_KERNEL_ACCOUNT);
	if (!b->slots) {
		ha_block_put(b, NULL);
		return NULL;
	}
	b->base = base;
	atomic_long_inc(&nr_split);
	return b;
}

struct ha_block *ha_block_new(struct ha_source *src, struct inode *home,
			      pgoff_t index, bool zero, enum ha_counter *from)
{
	struct folio *folio = ha_source_block(src, zero, from);
	struct ha_block *b;

	if (!folio) {
		*from = HA_FAULT_SMALL;
		return ha_block_new_split(src, home, index, NULL);
	}
	b = block_alloc(src, home, index);
	if (!b) {
		ha_source_block_put(NULL, src->account, folio,
				    *from == HA_FAULT_POOL);
		return NULL;
	}
	folio_attach(folio, home, index << HA_BLOCK_ORDER);
	b->folio = folio;
	b->pooled = *from == HA_FAULT_POOL;
	atomic_long_inc(&nr_whole);
	return b;
}

static void block_free_memory(struct ha_block *b, struct ha_source *src)
{
	int i;

	if (b->folio) {
		folio_detach(b->folio);
		ha_source_block_put(src, b->account, b->folio, b->pooled);
		atomic_long_dec(&nr_whole);
	}
	if (b->slots) {
		for (i = 0; b->nslots && i < HA_BLOCK_PAGES; i++)
			ha_block_empty(b, i);
		kfree(b->slots);
		atomic_long_dec(&nr_split);
	}
}

void ha_block_put(struct ha_block *b, struct ha_source *src)
{
	while (b && refcount_dec_and_test(&b->users)) {
		struct ha_block *base = b->base;

		block_free_memory(b, src);
		iput(b->home);
		ha_account_put(b->account);
		kmem_cache_free(cache, b);
		b = base;
	}
}

struct folio *ha_block_fill(struct ha_block *b, int i, struct ha_source *src,
			    struct page *from)
{
	struct folio *folio = ha_source_page(src, !from);

	if (IS_ERR(folio))
		return folio;
	if (from)
		copy_highpage(folio_page(folio, 0), from);
	folio_attach(folio, b->home, (b->index << HA_BLOCK_ORDER) + i);
	b->slots[i] = folio;
	b->nslots++;
	atomic_long_inc(&nr_pages);
	return folio;
}

unsigned int ha_block_empty(struct ha_block *b, int i)
{
	struct folio *folio = ha_block_slot(b, i);

	b->slots[i] = b->base ? HA_HOLE : NULL;
	if (!folio)
		return 0;
	b->nslots--;
	folio_detach(folio);
	ha_source_page_put(b->account, folio);
	atomic_long_dec(&nr_pages);
	return 1;
}

struct page *ha_block_page(struct ha_block *b, int i)
{
	for (; b; b = b->base) {
		if (b->folio)
			return folio_page(b->folio, i);
		if (b->slots[i] == HA_HOLE)
			return NULL;
		if (b->slots[i])
			return folio_page(b->slots[i], 0);
	}
	return NULL;
}

void ha_block_copy(struct ha_block *to, struct ha_block *from)
{
	int i;

	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		struct page *page = ha_block_page(from, i);

		if (page)
			copy_highpage(folio_page(to->folio, i), page);
		else
			clear_highpage(folio_page(to->folio, i));
		if (!(i % 32))
			cond_resched();
	}
}

static void folio_settle(struct folio *folio)
{
	folio_lock(folio);
	folio_unlock(folio);
}

void ha_block_settle(struct ha_block *b)
{
	int i;

	for (; b; b = b->base) {
		if (b->folio) {
			folio_settle(b->folio);
			continue;
		}
		for (i = 0; b->nslots && i < HA_BLOCK_PAGES; i++)
			if (ha_block_slot(b, i))
				folio_settle(b->slots[i]);
	}
}

bool ha_block_pinned(const struct ha_block *b)
{
	int i;

	if (b->folio)
		return folio_ref_count(b->folio) != 1;
	for (i = 0; b->nslots && i < HA_BLOCK_PAGES; i++)
		if (ha_block_slot(b, i) && folio_ref_count(b->slots[i]) != 1)
			return true;
	return false;
}

void ha_block_rehome(struct ha_block *b, struct inode *home,
		     struct folio *locked)
{
	struct inode *old = b->home;
	int i;

	ihold(home);
	if (b->folio) {
		b->folio->mapping = home->i_mapping;
	} else {
		for (i = 0; b->nslots && i < HA_BLOCK_PAGES; i++) {
			struct folio *folio = ha_block_slot(b, i);

			if (!folio)
				continue;
			if (folio != locked)
				folio_lock(folio);
			folio->mapping = home->i_mapping;
			if (folio != locked)
				folio_unlock(folio);
		}
	}
	b->home = home;
	iput(old);
}

/* Move a slot's folio down into a split base; the base's own one goes. */
static void slot_move(struct ha_block *to, struct ha_block *from, int i)
{
	struct folio *folio = from->slots[i];

	ha_block_empty(to, i);
	folio_lock(folio);
	folio->mapping = to->home->i_mapping;
	folio_unlock(folio);
	to->slots[i] = folio;
	to->nslots++;
	from->slots[i] = NULL;
	from->nslots--;
}

struct ha_block *ha_block_fold(struct ha_block *b)
{
	struct ha_block *base = b->base;
	int i;

	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		struct folio *folio = b->slots[i];

		if (!folio)
			continue;
		if (!base->folio && folio == HA_HOLE)
			ha_block_empty(base, i);
		else if (!base->folio)
			slot_move(base, b, i);
		else if (folio == HA_HOLE)
			clear_highpage(folio_page(base->folio, i));
		else
			copy_highpage(folio_page(base->folio, i),
				      folio_page(folio, 0));
	}
	b->base = NULL;
	ha_block_put(b, NULL);
	return base;
}

void ha_block_totals(struct ha_block_totals *t)
{
	t->whole = atomic_long_read(&nr_whole);
	t->split = atomic_long_read(&nr_split);
	t->pages = atomic_long_read(&nr_pages);
}

int ha_block_init(void)
{
	cache = kmem_cache_create("hugearena_block", sizeof(struct ha_block), 0,
				  SLAB_ACCOUNT, NULL);
	return cache ? 0 : -ENOMEM;
}

void ha_block_exit(void)
{
	WARN_ON_ONCE(atomic_long_read(&nr_whole) ||
		     atomic_long_read(&nr_split));
	kmem_cache_destroy(cache);
}
