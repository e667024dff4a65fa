// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to shared blocks, and the end of sharing; see cow.h for the picture,
 * arena.h for the locks.
 *
 * Keeps true: a block that relatives use, or that one of them left a pin in, is
 * not written: an overlay or a copy takes its place first.  Called by map and
 * release.
 */
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "cow.h"
#include "mmu.h"
#include "trace.h"

/* Fresh memory, as the arena's kind has it; see ha_block_new(). */
static struct ha_block *block_new(struct ha_arena *a, pgoff_t index,
				  unsigned int how, enum ha_counter *source)
{
	if (a->kind == HUGEARENA_KIND_PAGES) {
		*source = HA_FAULT_SMALL;
		return ha_block_new_split(&a->source, a->inode, index, NULL);
	}
	return ha_block_new(&a->source, a->inode, index, how, source);
}

struct ha_block *ha_cow_dup(struct ha_arena *to, pgoff_t index,
			    struct ha_block *from)
{
	enum ha_counter source;
	struct ha_block *b;
	int i;

	b = block_new(to, index, 0, &source);
	if (!b)
		return ERR_PTR(-ENOMEM);
	if (b->folio) {
		int err = ha_block_copy(b, from);

		if (!err)
			return b;
		ha_block_put(b, NULL);
		return ERR_PTR(err);
	}
	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		struct page *page = ha_block_page(from, i);
		struct folio *folio;

		if (!page)
			continue;
		folio = ha_block_fill(b, i, &to->source, page, false);
		if (IS_ERR(folio)) {
			ha_block_put(b, NULL);
			return ERR_CAST(folio);
		}
	}
	return b;
}

/* The table has nothing at @index: get memory for it. */
static struct ha_block *block_populate(struct ha_arena *a, pgoff_t index,
				       enum ha_counter *source)
{
	XA_STATE(xas, &a->table, index);
	struct ha_block *b;

	b = block_new(a, index, HA_ZERO, source);
	if (!b)
		return NULL;
	/* what xa_store() does, without the part for its other users */
	do {
		xas_lock(&xas);
		xas_store(&xas, b);
		xas_unlock(&xas);
	} while (xas_nomem(&xas, GFP_KERNEL));
	if (xas_error(&xas)) {
		ha_block_put(b, NULL);
		return NULL;
	}
	ha_arena_account(a, b, 1);
	ha_arena_upkeep_soon(a);
	return b;
}

bool ha_cow_clean(struct ha_arena *a, pgoff_t index, struct ha_block *b,
		  const struct folio *held)
{
	if (b->tainted) {
		ha_block_settle(b);
		b->tainted = ha_block_pinned(b, held);
	}
	return !b->tainted;
}

/*
 * Layers of overlays, the base included.  Without a bound, a service that
 * always has a child would add one with every fork, and what is hidden in them
 * is not freed.
 */
#define DEPTH_MAX	4

static unsigned int block_depth(const struct ha_block *b)
{
	unsigned int depth = 0;

	for (; b; b = b->base)
		depth++;
	return depth;
}

static struct ha_block *overlay_new(struct ha_arena *a, pgoff_t index,
				    struct ha_block *base)
{
	struct ha_block *b;

	refcount_inc(&base->users);
	b = ha_block_new_split(&a->source, a->inode, index, base);
	if (!b) {
		ha_block_put(base, NULL);
		return ERR_PTR(-ENOMEM);
	}
	return b;
}

/* The table's block @base is now covered by @b, which only we use. */
static void covered(struct ha_arena *a, pgoff_t index, struct ha_block *base,
		    struct ha_block *b)
{
	ha_arena_replace(a, index, base, b);
	if (ha_arena_read(a, HA_A_SHARED))
		ha_arena_count(a, HA_A_SHARED, -1);
}

struct ha_block *ha_cow_overlay(struct ha_arena *a, pgoff_t index,
				struct ha_block *base)
{
	struct ha_block *b;

	if (block_depth(base) >= DEPTH_MAX)
		return NULL;
	b = overlay_new(a, index, base);
	if (IS_ERR(b))
		return NULL;
	covered(a, index, base, b);
	return b;
}

/*
 * Cover a block that must not be changed, so that the change goes to the
 * overlay.
 */
static struct ha_block *block_cover(struct ha_arena *a, pgoff_t index,
				    struct ha_block *base)
{
	struct ha_block *b;

	if (block_depth(base) < DEPTH_MAX) {
		b = overlay_new(a, index, base);
	} else {
		b = ha_cow_dup(a, index, base);
		if (!IS_ERR(b)) {
			ha_arena_count(a, HA_A_COW_BLOCKS, 1);
			ha_stat_inc(HA_COW_BLOCKS);
		}
	}
	if (!IS_ERR(b))
		covered(a, index, base, b);
	return b;
}

/*
 * Slot @i of @b, which only we use, is going to be written, and its page has
 * aliases.  A relative may have such an alias by now, in a block that it still
 * has and we have dropped.  So as long as there are relatives, the page is not
 * written.
 */
static int slot_unshare(struct ha_arena *a, pgoff_t index, struct ha_block *b,
			int i, struct ha_cow_page *out)
{
	struct folio *folio;

	ha_block_settle_range(b, i, i + 1);
	ha_arena_zap_page(a, (index << HA_BLOCK_ORDER) + i);
	folio = ha_block_unshare(b, i, &a->source);
	if (IS_ERR(folio))
		return PTR_ERR(folio);
	ha_arena_upkeep_soon(a);
	ha_arena_unmesh(a, index, 1, HA_UNMESH_COW);
	out->source = HA_COW_PAGES;
	out->page = folio_page(folio, 0);
	return 0;
}

/* Put a page into slot @i of @b, which only we use. */
static int slot_fill(struct ha_arena *a, struct ha_block *b, int i,
		     struct page *from, struct ha_cow_page *out)
{
	struct folio *folio = ha_block_fill(b, i, &a->source, from, true);

	if (IS_ERR(folio))
		return PTR_ERR(folio);
	/* the stock has to decay, and a block that is full can be joined */
	if (from || b->nslots == HA_BLOCK_PAGES)
		ha_arena_upkeep_soon(a);
	ha_arena_count(a, HA_A_RESIDENT, 1);
	out->source = from ? HA_COW_PAGES : HA_FAULT_SMALL;
	out->page = folio_page(folio, 0);
	return 0;
}

/* Can a page of an overlay's base be mapped without the rest of the base? */
static bool base_can_show(unsigned int how)
{
	return HA_MAPS_ALONE || (HA_TABLES_STAY && (how & HA_COW_TABLE));
}

/* Find a page of @b that may be mapped read-only as it is. */
static bool page_show(struct ha_block *b, int i, unsigned int how,
		      struct ha_cow_page *out)
{
	struct page *page;

	if ((how & (HA_COW_WRITE | HA_COW_SHOW)) != HA_COW_SHOW)
		return false;
	page = ha_block_page(b, i);
	if (!page)
		return false;
	out->alone = !b->folio && PageCompound(page);
	if (out->alone && !base_can_show(how))
		return false;
	out->page = page;
	return true;
}

int ha_cow_page(struct ha_arena *a, pgoff_t index, int i, unsigned int how,
		struct ha_cow_page *out)
{
	void *entry = xa_load(&a->table, index);
	struct ha_block *b = ha_entry_block(entry);
	struct page *from;
	int err;

	out->source = HA_FAULT_MAP;
	if (entry && !b)
		return -EFAULT;
	if (!b) {
		/* a core dump must leave holes where there are holes */
		if (current->flags & PF_DUMPCORE)
			return -EFAULT;
		b = block_populate(a, index, &out->source);
		if (!b)
			return -ENOMEM;
	}
	if (page_show(b, i, how, out))
		return 0;
	out->alone = false;
	if (ha_block_shared(b) || !ha_cow_clean(a, index, b, out->held)) {
		b = block_cover(a, index, b);
		if (IS_ERR(b))
			return PTR_ERR(b);
	}
	if (b->folio) {
		if ((how & HA_COW_TABLE) && !READ_ONCE(a->tables)) {
			WRITE_ONCE(a->tables, true);
			ha_arena_upkeep_soon(a);
		}
		out->page = folio_page(b->folio, i);
		return 0;
	}
	if (ha_block_slot(b, i)) {
		if (a->cow && ha_folio_aliases(ha_block_slot(b, i)))
			return slot_unshare(a, index, b, i, out);
		out->page = folio_page(ha_block_slot(b, i), 0);
		return 0;
	}
	from = ha_block_page(b, i);
	if (!from && (current->flags & PF_DUMPCORE))
		return -EFAULT;
	err = slot_fill(a, b, i, from, out);
	/* refused: leave no empty block, since the next fault may get 2 MiB */
	if (err && !b->nslots && !b->base)
		ha_arena_replace(a, index, b, NULL);
	return err;
}

struct page *ha_cow_peek(struct ha_arena *a, pgoff_t index, int i)
{
	struct ha_block *b = ha_entry_block(xa_load(&a->table, index));
	struct page *page = ha_block_page(b, i);

	return page && !PageHWPoison(page) ? page : NULL;
}

bool ha_cow_writable(struct ha_arena *a, pgoff_t index, int i,
		     const struct page *page)
{
	struct ha_block *b = ha_entry_block(xa_load(&a->table, index));

	if (!b || ha_block_shared(b) || b->tainted)
		return false;
	if (b->folio)
		return page == folio_page(b->folio, i);
	if (!ha_block_slot(b, i) || ha_folio_aliases(ha_block_slot(b, i)))
		return false;
	return page == folio_page(ha_block_slot(b, i), 0);
}

/* See ha_cow_fold(); @held as for ha_cow_claim(). */
static int cow_fold(struct ha_arena *a, pgoff_t index, bool whole,
		    const struct folio *held)
{
	struct ha_block *b = ha_entry_block(xa_load(&a->table, index));
	struct ha_block *base;
	unsigned int shares = 0;

	if (!b || !b->base || ha_block_shared(b) || ha_block_shared(b->base))
		return 0;
	/* the lock keeps new faults out; let those in flight land, then zap */
	ha_block_settle(b);
	ha_arena_zap(a, index, 1);
	if (ha_block_pinned(b, held) || ha_block_pinned(b->base, held))
		return -EBUSY;
	ha_arena_account(a, b, -1);
	if (!whole && ha_block_flatten(b, &a->source)) {
		ha_arena_account(a, b, 1);
		ha_stat_inc(HA_SPLITS);
		return 1;
	}
	base = ha_block_fold(b, &shares);
	if (!base) {
		ha_arena_account(a, b, 1);
		return -EHWPOISON;
	}
	ha_arena_unmesh(a, index, shares, HA_UNMESH_RELEASE);
	base->tainted = false;
	xa_store(&a->table, index, base, GFP_NOWAIT);
	ha_arena_account(a, base, 1);
	return 1;
}

int ha_cow_fold(struct ha_arena *a, pgoff_t index, bool whole)
{
	return cow_fold(a, index, whole, NULL);
}

/* Does a table entry lead to @b, perhaps by way of overlays? */
static bool block_leads_to(const struct ha_block *from,
			   const struct ha_block *b)
{
	for (; from; from = from->base)
		if (from == b)
			return true;
	return false;
}

/* Do two blocks have a block in common? */
static bool blocks_meet(const struct ha_block *b, const struct ha_block *with)
{
	for (; b; b = b->base)
		if (block_leads_to(with, b))
			return true;
	return false;
}

/* Take a block away from @c if sharing it keeps us from writing to @b. */
static bool block_take(struct ha_arena *c, pgoff_t index,
		       const struct ha_block *b)
{
	struct ha_block *theirs;
	bool taken = false;

	down_read(&c->rw);
	mutex_lock(ha_arena_lock(c, index));
	theirs = ha_entry_block(xa_load(&c->table, index));
	if (blocks_meet(theirs, b)) {
		/* the entry exists, so that storing another allocates nothing */
		xa_store(&c->table, index, HA_LOST_ENTRY, GFP_NOWAIT);
		ha_block_settle(theirs);
		ha_arena_zap(c, index, 1);
		ha_arena_account(c, theirs, -1);
		ha_arena_count(c, HA_A_LOST, 1);
		ha_block_put(theirs, NULL);
		ha_stat_inc(HA_LOST);
		taken = true;
	}
	mutex_unlock(ha_arena_lock(c, index));
	up_read(&c->rw);
	return taken;
}

/*
 * What relatives may share of our block, with a reference so that it stays as
 * it is, or NULL.  A block that only we use gets no reference: a fork at this
 * moment would take it for shared, and leave it writable.
 */
static struct ha_block *shared_get(struct ha_arena *a, pgoff_t index)
{
	struct ha_block *b;

	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	b = ha_entry_block(xa_load(&a->table, index));
	if (b && !ha_block_shared(b))
		b = b->base;
	if (b)
		refcount_inc(&b->users);
	mutex_unlock(ha_arena_lock(a, index));
	up_read(&a->rw);
	return b;
}

/*
 * Can page @i be written without a charge?  Another thread may have made it
 * so.
 */
static bool page_is_ours(struct ha_arena *a, pgoff_t index, int i,
			 const struct folio *held)
{
	struct ha_block *b = ha_entry_block(xa_load(&a->table, index));

	if (!b || ha_block_shared(b) || !ha_cow_clean(a, index, b, held))
		return false;
	return b->folio || (ha_block_slot(b, i) &&
			    !ha_folio_aliases(ha_block_slot(b, i)));
}

bool ha_cow_claim(struct ha_arena *a, pgoff_t index, int i,
		  const struct folio *held)
{
	struct ha_family *f = a->family;
	struct ha_arena *c;
	struct ha_block *b;
	bool gained = false, leaving;
	unsigned long left;

	/* one at a time, or each takes the others' references for pins */
	mutex_lock(&f->lock);
	b = shared_get(a, index);
	if (b) {
		list_for_each_entry(c, &f->arenas, sibling)
			if (ha_arena_descends(c, a) && block_take(c, index, b))
				gained = true;
		ha_block_put(b, NULL);
	}

	/* once only we use the base, the overlay's copies can go */
	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	while (cow_fold(a, index, true, held) > 0)
		gained = true;
	gained = gained || page_is_ours(a, index, i, held);
	mutex_unlock(ha_arena_lock(a, index));
	up_read(&a->rw);
	leaving = f->leaving;
	left = f->left;
	mutex_unlock(&f->lock);
	if (gained || !leaving)
		return gained;
	/* a relative that is ending drops its share of the block in a moment */
	return !wait_event_killable(f->gone, READ_ONCE(f->left) != left);
}
