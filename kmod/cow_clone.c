// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sharing blocks at fork; see cow.h for the picture, arena.h for the locks.
 *
 * Keeps true: what a relative can read in a block when fork() returns, it
 * reads for ever, whatever is written elsewhere.  Three steps make it so, and
 * each has a mutant in the selftests that leaves it out: faults in flight are
 * waited for, what the parent maps becomes read-only, and what is pinned (a
 * device may write to it) is copied at once.  Called by map.
 */
#include <linux/ktime.h>

#include "cow_clone.h"
#include "mmu.h"
#include "trace.h"

/* What fork did to the blocks of one arena. */
struct clone_count {
	unsigned long shared;
	unsigned long copied;
	unsigned long lost;
};

/* Parent's rw held for writing, all of it settled and mapped read-only. */
static int clone_block(struct ha_arena *p, struct ha_arena *c, pgoff_t index,
		       void *entry, struct clone_count *count)
{
	struct ha_block *b = ha_entry_block(entry), *mine = b;
	int err;

	if (b && !ha_block_shared(b) && ha_block_pinned(b, NULL)) {
		mine = ha_cow_dup(c, index, b);
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
	 * A writer without quota looks for the child (ha_cow_claim()), and must
	 * find it before it shares anything.  The writer then waits for the
	 * child's rw, and so until the child's table is complete.
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
