// SPDX-License-Identifier: GPL-2.0-only
/*
 * Blocks: their three shapes and what may be done to them; see block.h.
 *
 * Keeps true: a block with more than one user never changes; its folios carry
 * the mapping of home and the index of their place, are locked only for a
 * short time, and are mapped only by VMAs of the family.  No lock of its own:
 * the arena's lock of the block guards a block that one arena uses.  Called by
 * map, dev, upkeep, release, move, mesh, cow and arena.
 */
#include <linux/atomic.h>
#include <linux/highmem.h>
#include <linux/page-flags.h>
#include <linux/pagemap.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "block.h"
#include "compat.h"
#include "tally.h"

static struct kmem_cache *cache;

static void folio_attach(struct folio *folio, struct inode *home, pgoff_t index)
{
	__folio_set_swapbacked(folio);
	folio->mapping = home->i_mapping;
	folio->index = index;
	__folio_mark_uptodate(folio);
	/*
	 * the page will be dirty in any case; set here, it saves the fault work
	 */
	folio_set_dirty(folio);
}

/* The folio is not mapped; at most a pin holds it besides us. */
static void folio_detach(struct folio *folio)
{
	/* on 6.1 this walks all 512 pages of a block */
	VM_WARN_ON_ONCE_FOLIO(folio_mapped(folio), folio);
	folio_lock(folio);
	folio->mapping = NULL;
	folio_unlock(folio);
}

static struct ha_block *block_alloc(struct ha_source *src, struct inode *home,
				    pgoff_t index)
{
	struct ha_block *b = kmem_cache_alloc(cache, GFP_KERNEL_ACCOUNT);

	if (!b)
		return NULL;
	ihold(home);
	*b = (struct ha_block) {
		.users = REFCOUNT_INIT(1),
		.home = home,
		.index = index,
		.payer = src,
		.account = ha_account_get(src->account),
	};
	return b;
}

struct ha_block *ha_block_new_split(struct ha_source *src, struct inode *home,
				    pgoff_t index, struct ha_block *base)
{
	struct ha_block *b = block_alloc(src, home, index);

	if (!b)
		return NULL;
	b->base = base;
	ha_tally_split(1);
	return b;
}

/* The place of slot @i, or NULL without memory for its leaf. */
static struct folio **slot_get(struct ha_block *b, int i)
{
	struct folio ***leaf = &b->leaf[i / HA_LEAF];

	if (!*leaf)
		*leaf = kcalloc(HA_LEAF, sizeof(**leaf), GFP_KERNEL_ACCOUNT);
	return *leaf ? *leaf + i % HA_LEAF : NULL;
}

/* The next slot from @i on that holds a folio, or HA_BLOCK_PAGES. */
static int slot_next(const struct ha_block *b, int i)
{
	while (i < HA_BLOCK_PAGES) {
		if (!b->leaf[i / HA_LEAF])
			i = round_down(i, HA_LEAF) + HA_LEAF;
		else if (!ha_block_slot(b, i))
			i++;
		else
			break;
	}
	return i;
}

struct ha_block *ha_block_new(struct ha_source *src, struct inode *home,
			      pgoff_t index, unsigned int how,
			      enum ha_counter *from)
{
	struct folio *folio = ha_source_block(src, how, from);
	struct ha_block *b;

	if (!folio) {
		*from = HA_FAULT_SMALL;
		return ha_block_new_split(src, home, index, NULL);
	}
	b = block_alloc(src, home, index);
	if (!b) {
		ha_source_block_put(NULL, src->account, folio,
				    *from == HA_FAULT_POOL, NULL);
		return NULL;
	}
	folio_attach(folio, home, index << HA_BLOCK_ORDER);
	b->folio = folio;
	b->pooled = *from == HA_FAULT_POOL;
	ha_tally_whole(folio_nid(folio), 1);
	return b;
}

/* No slot has it any more: remove what meshing left in it. */
static void mesh_end(struct folio *folio)
{
	struct inode *inode = NULL;

	if (ha_folio_mesh(folio) & HA_MESH_INODE)
		inode = folio->mapping->host;
	WRITE_ONCE(folio->private, NULL);
	folio_detach(folio);
	iput(inode);
}

/* A slot gives up its folio.  Return: HA_FREED or HA_SHARE. */
static int page_free(struct ha_block *b, struct folio *folio)
{
	b->nslots--;
	if (ha_folio_mesh_drop(folio)) {
		folio_put(folio);
		return HA_SHARE;
	}
	if (ha_folio_mesh(folio))
		mesh_end(folio);
	else
		folio_detach(folio);
	ha_tally_pages(folio_nid(folio), -1);
	ha_source_page_put(b->account, folio);
	return HA_FREED;
}

static unsigned int block_free_memory(struct ha_block *b, struct ha_source *src,
				      struct ha_gone *gone)
{
	unsigned int shares = 0;
	int i;

	if (b->folio) {
		folio_detach(b->folio);
		ha_tally_whole(folio_nid(b->folio), -1);
		ha_source_block_put(b->payer == src ? src : NULL, b->account,
				    b->folio, b->pooled, gone);
		return 0;
	}
	for (i = slot_next(b, 0); i < HA_BLOCK_PAGES; i = slot_next(b, i + 1))
		shares += page_free(b, ha_block_slot(b, i)) == HA_SHARE;
	for (i = 0; i < HA_LEAVES; i++)
		kfree(b->leaf[i]);
	ha_tally_split(-1);
	return shares;
}

unsigned int ha_block_put_gone(struct ha_block *b, struct ha_source *src,
			       struct ha_gone *gone)
{
	unsigned int shares = 0;

	while (b && refcount_dec_and_test(&b->users)) {
		struct ha_block *base = b->base;

		shares += block_free_memory(b, src, gone);
		iput(b->home);
		ha_account_put(b->account);
		kmem_cache_free(cache, b);
		b = base;
	}
	return shares;
}

/*
 * Copy a page whose memory may fail while it is read.  On x86,
 * copy_mc_to_kernel() comes back from the machine check; elsewhere it is
 * memcpy().
 */
static int page_copy(struct page *to, struct page *from)
{
	void *src, *dst;
	unsigned long left;

	if (PageHWPoison(from))
		return -EHWPOISON;
	src = kmap_local_page(from);
	dst = kmap_local_page(to);
	left = copy_mc_to_kernel(dst, src, PAGE_SIZE);
	kunmap_local(dst);
	kunmap_local(src);
	return left ? -EHWPOISON : 0;
}

struct folio *ha_block_fill(struct ha_block *b, int i, struct ha_source *src,
			    struct page *from, bool spare)
{
	struct folio **slot = slot_get(b, i), *folio = NULL;

	if (!slot)
		return ERR_PTR(-ENOMEM);
	if (from && PageHWPoison(from))
		return ERR_PTR(-EHWPOISON);
	if (from && spare)
		folio = ha_source_spare(src);
	if (!folio)
		folio = ha_source_page(src, !from ? HA_ZERO :
					    spare ? 0 : HA_TRY);
	if (IS_ERR(folio))
		return folio;
	/* a fault waits for the copy into a spare page: copy the fastest way */
	if (from && spare) {
		copy_highpage(folio_page(folio, 0), from);
	} else if (from && page_copy(folio_page(folio, 0), from)) {
		ha_source_page_put(src->account, folio);
		return ERR_PTR(-EHWPOISON);
	}
	folio_attach(folio, b->home, (b->index << HA_BLOCK_ORDER) + i);
	*slot = folio;
	b->nslots++;
	ha_tally_pages(folio_nid(folio), 1);
	return folio;
}

int ha_block_empty(struct ha_block *b, int i)
{
	struct folio *folio = ha_block_slot(b, i), **slot;

	if (!folio && !b->base)
		return HA_KEPT;
	slot = slot_get(b, i);
	if (!slot)
		return -ENOMEM;
	*slot = b->base ? HA_HOLE : NULL;
	return folio ? page_free(b, folio) : HA_KEPT;
}

unsigned int ha_block_meshed(const struct ha_block *b)
{
	unsigned int n = 0;
	int i;

	if (b->folio)
		return 0;
	for (i = slot_next(b, 0); i < HA_BLOCK_PAGES; i = slot_next(b, i + 1))
		n += !!ha_folio_aliases(ha_block_slot(b, i));
	return n;
}

struct folio *ha_block_unshare(struct ha_block *b, int i, struct ha_source *src)
{
	struct folio *old = ha_block_slot(b, i), *folio;

	/* ha_block_fill() overwrites the slot, so drop the old page here */
	folio = ha_block_fill(b, i, src, folio_page(old, 0), true);
	if (!IS_ERR(folio))
		page_free(b, old);
	return folio;
}

int ha_block_mesh(struct ha_block *to, int i, struct ha_block *from, int j)
{
	struct folio *folio = ha_block_slot(from, j);
	struct folio *old = ha_block_slot(to, i);

	ha_folio_mesh_add(folio);
	to->leaf[i / HA_LEAF][i % HA_LEAF] = folio;
	to->nslots++;
	return page_free(to, old);
}

void ha_block_mesh_claim(const struct ha_block *b, struct ha_mesh_count *n)
{
	int i;

	for (i = slot_next(b, 0); i < HA_BLOCK_PAGES; i = slot_next(b, i + 1))
		ha_folio_mesh_claim(ha_block_slot(b, i), n);
}

void ha_block_mesh_check(const struct ha_block *b)
{
	int i;

	for (i = slot_next(b, 0); i < HA_BLOCK_PAGES; i = slot_next(b, i + 1))
		ha_folio_mesh_check(ha_block_slot(b, i));
}

void ha_block_mesh_settle(struct ha_block *b, struct ha_mesh_count *n,
			  void (*fn)(struct ha_block *b, int i, void *arg),
			  void *arg)
{
	int i;

	for (i = slot_next(b, 0); i < HA_BLOCK_PAGES; i = slot_next(b, i + 1))
		if (ha_folio_mesh_settle(ha_block_slot(b, i), n))
			fn(b, i, arg);
}

struct page *ha_block_page(struct ha_block *b, int i)
{
	for (; b; b = b->base) {
		struct folio *folio;

		if (b->folio)
			return folio_page(b->folio, i);
		folio = ha_block_raw(b, i);
		if (folio)
			return folio == HA_HOLE ? NULL : folio_page(folio, 0);
	}
	return NULL;
}

int ha_block_copy(struct ha_block *to, struct ha_block *from)
{
	int i;

	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		struct page *page = ha_block_page(from, i);

		if (!page)
			clear_highpage(folio_page(to->folio, i));
		else if (page_copy(folio_page(to->folio, i), page))
			return -EHWPOISON;
		if (!(i % 32))
			cond_resched();
	}
	return 0;
}

static void folio_settle(struct folio *folio)
{
	folio_lock(folio);
	folio_unlock(folio);
}

void ha_block_settle_range(struct ha_block *b, int start, int end)
{
	int i;

	for (; b; b = b->base) {
		if (b->folio) {
			folio_settle(b->folio);
			continue;
		}
		for (i = slot_next(b, start); i < end; i = slot_next(b, i + 1))
			folio_settle(ha_block_slot(b, i));
	}
}

void ha_block_settle(struct ha_block *b)
{
	ha_block_settle_range(b, 0, HA_BLOCK_PAGES);
}

/*
 * Read references first: a mapping that goes away in between is then counted
 * as a pin, which costs another try.  None can come, see ha_block_pinned().
 */
static bool folio_pinned(struct folio *folio, const struct folio *held)
{
	int refs = folio_ref_count(folio);

	smp_rmb();	/* pairs with the order of unmapping: rmap, then put */
	return refs != 1 + ha_folio_mapcount(folio) + (folio == held);
}

/*
 * A folio with aliases has one reference for each slot and one for each
 * mapping.  The lock keeps out faults that have a reference and no mapping yet;
 * an unmap drops the mapping before the reference, which is why references are
 * read first.
 */
static bool page_pinned(struct folio *folio, const struct folio *held)
{
	unsigned int aliases = ha_folio_aliases(folio);
	int refs;

	if (!aliases)
		return folio_pinned(folio, held);
	folio_lock(folio);
	refs = folio_ref_count(folio);
	smp_rmb();	/* pairs with atomic_dec_and_test() of an unmap's put */
	refs -= atomic_read(&folio->_mapcount) + 1;
	folio_unlock(folio);
	return refs != 1 + (folio == held) + (int)aliases;
}

bool ha_block_slot_pinned(const struct ha_block *b, int i)
{
	return page_pinned(ha_block_slot(b, i), NULL);
}

bool ha_block_pinned(const struct ha_block *b, const struct folio *held)
{
	int i;

	if (b->folio)
		return folio_pinned(b->folio, held);
	for (i = slot_next(b, 0); i < HA_BLOCK_PAGES; i = slot_next(b, i + 1))
		if (page_pinned(ha_block_slot(b, i), held))
			return true;
	return false;
}

/* The folio is locked. */
static void page_rehome(struct folio *folio, struct inode *home)
{
	struct inode *old = folio->mapping->host;
	bool holds = ha_folio_mesh(folio) & HA_MESH_INODE;

	if (holds)
		ihold(home);
	folio->mapping = home->i_mapping;
	if (holds)
		iput(old);
}

void ha_block_rehome(struct ha_block *b, struct inode *home,
		     struct folio *locked)
{
	struct inode *old = b->home;
	int i;

	ihold(home);
	if (b->folio) {
		if (b->folio != locked)
			folio_lock(b->folio);
		b->folio->mapping = home->i_mapping;
		if (b->folio != locked)
			folio_unlock(b->folio);
	} else {
		for (i = slot_next(b, 0); i < HA_BLOCK_PAGES;
		     i = slot_next(b, i + 1)) {
			struct folio *folio = ha_block_slot(b, i);

			if (folio != locked)
				folio_lock(folio);
			page_rehome(folio, home);
			if (folio != locked)
				folio_unlock(folio);
		}
	}
	b->home = home;
	iput(old);
}

/*
 * Copy what an overlay has into the whole block below it.  Failing half way
 * does no harm: what was written so far is still covered by the overlay's own
 * pages.
 */
static int fold_whole(struct ha_block *base, const struct ha_block *b)
{
	int i;

	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		struct folio *folio = ha_block_raw(b, i);
		struct page *page = folio_page(base->folio, i);

		if (folio == HA_HOLE)
			clear_highpage(page);
		else if (folio && page_copy(page, folio_page(folio, 0)))
			return -EHWPOISON;
	}
	return 0;
}

/* Move what an overlay has into a leaf of the split block below it. */
static unsigned int fold_leaf(struct ha_block *base, struct ha_block *b, int n)
{
	struct folio **from = b->leaf[n], **to = base->leaf[n];
	unsigned int shares = 0;
	int i;

	for (i = 0; i < HA_LEAF; i++) {
		struct folio *old = to ? to[i] : NULL, *new = from[i];

		if (!new)
			new = old;
		else if (old && old != HA_HOLE)
			shares += page_free(base, old) == HA_SHARE;
		if (from[i] && from[i] != HA_HOLE) {
			folio_lock(new);
			new->mapping = base->home->i_mapping;
			folio_unlock(new);
			base->nslots++;
			b->nslots--;
		}
		/* with nothing below it, a hole is the same as no page */
		from[i] = new == HA_HOLE && !base->base ? NULL : new;
	}
	/* the overlay's leaf has everything now, so that no memory is needed */
	base->leaf[n] = from;
	b->leaf[n] = NULL;
	kfree(to);
	return shares;
}

struct ha_block *ha_block_fold(struct ha_block *b, unsigned int *shares)
{
	struct ha_block *base = b->base;
	int n;

	if (base->folio) {
		if (ha_folio_is_bad(base->folio) || fold_whole(base, b))
			return NULL;
	} else {
		for (n = 0; n < HA_LEAVES; n++)
			if (b->leaf[n])
				*shares += fold_leaf(base, b, n);
	}
	b->base = NULL;
	ha_block_put(b, NULL);
	return base;
}

static bool block_has_holes(const struct ha_block *b)
{
	int i;

	for (i = 0; i < HA_BLOCK_PAGES; i++)
		if (ha_block_raw(b, i) == HA_HOLE)
			return true;
	return false;
}

bool ha_block_flatten(struct ha_block *b, struct ha_source *src)
{
	struct ha_block *base = b->base;
	int i;

	/* a split base gives its pages away one by one: see fold_leaf() */
	if (!base->folio || !block_has_holes(b))
		return false;
	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		if (ha_block_raw(b, i))
			continue;
		if (IS_ERR(ha_block_fill(b, i, src,
					 folio_page(base->folio, i), false)))
			return false;
	}
	for (i = 0; i < HA_BLOCK_PAGES; i++)
		if (ha_block_raw(b, i) == HA_HOLE)
			b->leaf[i / HA_LEAF][i % HA_LEAF] = NULL;
	b->base = NULL;
	ha_block_put(base, src);
	return true;
}

int ha_block_init(void)
{
	/*
	 * a block read without its lock is valid memory, but may be out of date
	 */
	cache = kmem_cache_create("hugearena_block", sizeof(struct ha_block), 0,
				  SLAB_ACCOUNT | SLAB_TYPESAFE_BY_RCU, NULL);
	return cache ? 0 : -ENOMEM;
}

void ha_block_exit(void)
{
	kmem_cache_destroy(cache);
}
