// SPDX-License-Identifier: GPL-2.0-only
/*
 * Copy-on-write across fork; see cow.h for the picture, arena.h for the locks.
 *
 * Keeps true: what a relative can read in a block when fork() returns, it
 * reads for ever, whatever is written elsewhere.  Three steps make it so, and
 * each has a mutant in the selftests that leaves it out: faults in flight are
 * waited for, what the parent maps becomes read-only, and what is pinned (a
 * device may write to it) is copied at once.  Called by map and release.
 */
#include <linux/ktime.h>
#include <linux/pagemap.h>
#include <linux/sched.h>

#include "cow.h"
#include "mmu.h"
#include "trace.h"

/* What fork did to the blocks of one arena. */
struct clone_count {
	unsigned long shared;
	unsigned long copied;
	unsigned long lost;
};

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

/* A private, flat copy of a block, -EDQUOT or -ENOMEM. */
static struct ha_block *block_dup(struct ha_arena *to, pgoff_t index,
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

/* Parent's rw held for writing, all of it settled and mapped read-only. */
static int clone_block(struct ha_arena *p, struct ha_arena *c, pgoff_t index,
		       void *entry, struct clone_count *count)
{
	struct ha_block *b = ha_entry_block(entry), *mine = b;
	int err;

	if (b && !ha_block_shared(b) && ha_block_pinned(b, NULL)) {
		mine = block_dup(c, index, b);
		if (IS_ERR(mine))
			mine = NULL;
		entry = mine ? (void *)mine : HA_LOST_ENTRY;
	}
	err = xa_err(xa_store(&c->table, index, entry, GFP_KERNEL));
	if (err) {
		if (mine != b)
			ha_block_put(mine, NULL);
		return err;
	}
	if (!mine) {
		ha_arena_count(c, HA_A_LOST, 1);
		count->lost++;
		return 0;
	}
	ha_arena_account(c, mine, 1);
	if (mine != b) {
		ha_arena_unmesh(c, index, ha_block_meshed(b), HA_UNMESH_COW);
		ha_arena_count(c, HA_A_COW_BLOCKS, 1);
		count->copied++;
		return 0;
	}
	refcount_inc(&b->users);
	b->tainted = true;
	count->shared++;
	return 0;
}

/*
 * Blocks that only we used may be mapped writable, which must end now.  They
 * stay mapped, so that the process keeps its RSS and can read on without a
 * fault.  What has been shared since earlier forks is already read-only, and no
 * other process maps any of these blocks.
 */
static void arena_protect(struct ha_arena *p)
{
	unsigned long end = p->base + (p->nblocks << HA_BLOCK_SHIFT);
	struct vm_area_struct *vma;
	struct vma_iterator vmi;
	bool done = true;

	vma_iter_init(&vmi, p->mm, p->base);
	for_each_vma_range(vmi, vma, end) {
		pgoff_t first = vma->vm_pgoff >> HA_BLOCK_ORDER;
		pgoff_t last = (vma->vm_pgoff + vma_pages(vma) - 1) >>
			       HA_BLOCK_ORDER;
		unsigned long index;
		void *entry;

		if (vma->vm_private_data != p)
			continue;
		xa_for_each_range(&p->table, index, entry, first, last) {
			unsigned long addr = p->base + (index << HA_BLOCK_SHIFT);
			struct ha_block *b = ha_entry_block(entry);

			if (!b || ha_block_shared(b))
				continue;
			ha_arena_mark_dirty(p, index, 1);
			done &= ha_mmu_protect(vma, max(vma->vm_start, addr),
					       min(vma->vm_end, addr +
							HA_BLOCK_SIZE));
			cond_resched();
		}
	}
	if (!done)
		ha_arena_zap(p, 0, p->nblocks);
}

struct ha_arena *ha_cow_clone(struct ha_arena *p, struct mm_struct *mm)
{
	struct clone_count count = {};
	u64 start = ktime_get_ns();
	struct ha_arena *c;
	unsigned long index;
	void *entry;
	int err = 0;

	c = ha_arena_new(p->family, mm);
	if (!c)
		goto failed;
	c->base = p->base;
	c->parent = p->id;
	c->cow = true;

	/*
	 * Who is kept from writing looks for the child (ha_cow_claim()).  It is to
	 * be found before it has a share of anything; he waits for its rw, and with
	 * it until the table is complete.
	 */
	mutex_lock(&p->family->lock);
	down_write(&c->rw);
	ha_arena_publish(c);
	mutex_unlock(&p->family->lock);
	down_write_nested(&p->rw, SINGLE_DEPTH_NESTING);
	/*
	 * no new fault gets a page from here on; those that have one finish
	 * mapping it
	 */
	xa_for_each(&p->table, index, entry)
		if (ha_entry_block(entry) && !ha_block_shared(entry))
			ha_block_settle(entry);
	arena_protect(p);
	c->meshed = p->meshed;
	atomic_long_set(&c->count[HA_A_MESHED], ha_arena_read(p, HA_A_MESHED));
	xa_for_each(&p->table, index, entry) {
		err = clone_block(p, c, index, entry, &count);
		if (err)
			break;
		cond_resched();
	}
	p->cow = true;
	/* the child has no PTE yet, and its parent's are not its own */
	c->tracked = p->tracked;
	ha_arena_mark_dirty(c, 0, c->nblocks);
	atomic_long_set(&p->count[HA_A_SHARED], count.shared);
	atomic_long_set(&c->count[HA_A_SHARED], count.shared);
	up_write(&p->rw);
	up_write(&c->rw);
	if (err)
		goto failed_retire;

	ha_arena_count(p, HA_A_FORKS, 1);
	ha_stat_inc(HA_FORKS);
	ha_stat_add(HA_FORK_COPIED, count.copied);
	ha_stat_add(HA_COW_BLOCKS, count.copied);
	ha_stat_add(HA_LOST, count.lost);
	trace_fork(p->id, c->id, count.shared, count.copied, count.lost,
		   ktime_get_ns() - start);
	return c;

failed_retire:
	ha_arena_retire(c);
	ha_arena_put(c);
failed:
	/* the VMAs are copy-on-write by now: upkeep makes them plain again */
	WRITE_ONCE(p->cow, true);
	ha_arena_upkeep_soon(p);
	ha_stat_inc(HA_FORK_FAILED);
	return NULL;
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
	/* xa_store(), less what it does for other users of it */
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
 * Layers of overlays, the base included.  A service that always has a child
 * would add one with every fork, and what is hidden below them is not freed.
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
		b = block_dup(a, index, base);
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
	/* for the stock's decay; a full block can be joined */
	if (from || b->nslots == HA_BLOCK_PAGES)
		ha_arena_upkeep_soon(a);
	ha_arena_count(a, HA_A_RESIDENT, 1);
	out->source = from ? HA_COW_PAGES : HA_FAULT_SMALL;
	out->page = folio_page(folio, 0);
	return 0;
}

/* May a page of an overlay's base be mapped, and not the rest of the base? */
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
		/* a core dump leaves holes where there are holes */
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
	/* refused: leave no empty block, the next fault may get 2 MiB */
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

/* Does a table entry lead to @b, by way of overlays perhaps? */
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

/* Take a block away from @c if it keeps us from writing to @b. */
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
 * What relatives may have of our block, with a reference so that it stays what
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

	/* one at a time, or each takes the references of the others for pins */
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
	/* who is on his way out takes his share off the block in a moment */
	return !wait_event_killable(f->gone, READ_ONCE(f->left) != left);
}
