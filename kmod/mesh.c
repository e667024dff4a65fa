// SPDX-License-Identifier: GPL-2.0-only
/*
 * Meshing; see mesh.h, and folio.h for what a meshed folio carries.
 *
 * Keeps true: a folio that two slots share is written through them only while
 * all of its slots belong to one arena, which is not copy-on-write.  In the
 * bytes that the caller named, a slot reads what it read before: they are
 * copied when nobody can write to them any more, that is when faults in flight
 * have ended, the range is zapped, and no page of it is pinned.  The folio's
 * other bytes stay mapped and may be written in the meantime.
 *
 * No rmap walk ever looks for the mappings of our folios (nothing is mapped
 * from the inode that they carry), so that a folio may be at two offsets.
 * Called by dev, and by map when sharing ends.
 */
#include <linux/highmem.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <uapi/linux/futex.h>

#include "compat.h"
#include "mesh.h"
#include "trace.h"

/* One arena at a time counts its slots: see HA_MESH_COUNTED. */
static DEFINE_MUTEX(claim_lock);	/* under ha_arena.rw for writing */

/*
 * Slots that a page may have beyond its first.  Each holds a reference, and so
 * does each mapping of each: without a limit, a process with enough address
 * space could overflow the counts of a page.
 */
#define ALIASES_MAX	255

/* The place of a range: a block, and its slots from @i on. */
struct mesh_range {
	struct ha_block *b;
	int i;
};

static int range_find(struct ha_arena *a, u64 offset, struct mesh_range *r)
{
	struct ha_block *b;

	b = ha_entry_block(xa_load(&a->table, offset >> HA_BLOCK_SHIFT));
	if (!b || b->folio)
		return -ENOENT;
	if (b->base || b->tainted || ha_block_shared(b))
		return -EBUSY;
	r->b = b;
	r->i = (offset >> PAGE_SHIFT) % HA_BLOCK_PAGES;
	return 0;
}

/*
 * Check that all pages of both ranges exist, and that none is in both ranges,
 * is bad, or has too many slots.
 */
static int ranges_check(const struct mesh_range *dst,
			const struct mesh_range *src, int n)
{
	int k;

	for (k = 0; k < n; k++) {
		struct folio *to = ha_block_slot(dst->b, dst->i + k);
		struct folio *from = ha_block_slot(src->b, src->i + k);

		if (!to || !from)
			return -ENOENT;
		if (to == from)
			return -EEXIST;
		/*
		 * a bad page is neither read by us nor given to further slots
		 */
		if (PageHWPoison(folio_page(to, 0)) ||
		    PageHWPoison(folio_page(from, 0)))
			return -EHWPOISON;
		if (ha_folio_aliases(to) >= ALIASES_MAX)
			return -EMLINK;
	}
	return 0;
}

/*
 * Does a thread of this process sleep at a robust mutex, or pass one on?  The
 * kernel wakes at such a mutex when its owner dies, so glibc sleeps there on a
 * shared futex even if no other process sees it: a futex that is known by its
 * page, of which a sleeper would not hear any more.  From before it looks at the
 * mutex until it has it the thread's list says that there is one (as set_robust_list(2)
 * wants it), and so it does until who unlocks has woken the next.  Whoever begins
 * after the zap comes to a fault first.  Which mutex is not looked at: there is
 * hardly ever one.
 */
static bool robust_pending(void)
{
	struct task_struct *task;
	bool found = false;

	if (thread_group_empty(current))
		return false;
	rcu_read_lock();
	for_each_thread(current, task) {
		struct robust_list_head __user *head;
		struct robust_list __user *pending = NULL;

		head = READ_ONCE(ha_task_robust_list(task));
		if (!head)
			continue;
		/* not to be read without a fault: nobody knows */
		found = copy_from_user_nofault(&pending,
					       &head->list_op_pending,
					       sizeof(pending)) || pending;
		if (found)
			break;
	}
	rcu_read_unlock();
	return found;
}

/* Does somebody have a page of it, or may somebody wait for one? */
static bool range_is_pinned(const struct mesh_range *r, int n)
{
	int k;

	for (k = 0; k < n; k++)
		if (ha_block_slot_pinned(r->b, r->i + k))
			return true;
	return robust_pending();
}

/* Copy the bytes of one move, page by page. */
static void bytes_move(const struct mesh_range *dst,
		       const struct mesh_range *src,
		       const struct hugearena_move *move)
{
	u32 at = move->at, left = move->len;

	while (left) {
		u32 page = at >> PAGE_SHIFT, offset = offset_in_page(at);
		u32 n = min_t(u32, left, PAGE_SIZE - offset);

		memcpy_page(folio_page(ha_block_slot(dst->b, dst->i + page), 0),
			    offset,
			    folio_page(ha_block_slot(src->b, src->i + page), 0),
			    offset, n);
		at += n;
		left -= n;
	}
}

/* rw is held for writing.  Return: pages freed, or an error for the pair. */
static int pair_mesh(struct ha_arena *a, const struct hugearena_pair *p,
		     const struct hugearena_move *moves)
{
	int k, n = p->len >> PAGE_SHIFT, freed = 0, err;
	struct mesh_range dst, src;
	u32 m;

	err = range_find(a, p->dst, &dst) ?: range_find(a, p->src, &src);
	if (!err)
		err = ranges_check(&dst, &src, n);
	if (err)
		return err;
	ha_block_settle_range(src.b, src.i, src.i + n);
	ha_arena_mark_dirty(a, p->src >> HA_BLOCK_SHIFT, 1);
	ha_arena_mark_dirty(a, p->dst >> HA_BLOCK_SHIFT, 1);
	ha_arena_zap_pages(a, p->src >> PAGE_SHIFT, n);
	if (range_is_pinned(&src, n))
		return -EBUSY;
	for (m = 0; m < p->nr_moves; m++) {
		bytes_move(&dst, &src, &moves[m]);
		cond_resched();
	}
	for (k = 0; k < n; k++)
		freed += ha_block_mesh(src.b, src.i + k, dst.b, dst.i + k) ==
			 HA_FREED;
	ha_arena_count(a, HA_A_MESHED, freed);
	ha_arena_count(a, HA_A_MESHES, n);
	ha_stat_add(HA_MESHES, n);
	return freed;
}

u64 ha_mesh_pairs(struct ha_arena *a, struct hugearena_pair *pairs,
		  unsigned int nr, const struct hugearena_move *moves)
{
	unsigned int i;
	u64 freed = 0;

	down_write(&a->rw);
	for (i = 0; i < nr; i++) {
		/* a relative might get a slot of the shared page */
		int ret = a->cow ? -EBUSY : pair_mesh(a, &pairs[i], moves);

		moves += pairs[i].nr_moves;
		pairs[i].result = min(ret, 0);
		if (ret >= 0) {
			a->meshed = true;
			freed += ret;
		}
		ha_stat_add(HA_MESH_BUSY, ret == -EBUSY);
		trace_mesh(a->id, pairs[i].dst, pairs[i].src, pairs[i].len,
			   pairs[i].result);
	}
	up_write(&a->rw);
	return freed << PAGE_SHIFT;
}

struct claim {
	struct ha_arena *a;
	bool failed;
};

static void claim_copy(struct ha_block *b, int i, void *arg)
{
	struct claim *c = arg;

	ha_block_settle_range(b, i, i + 1);
	ha_arena_zap_page(c->a, (b->index << HA_BLOCK_ORDER) + i);
	if (IS_ERR(ha_block_unshare(b, i, &c->a->source)))
		c->failed = true;
	else
		ha_arena_unmesh(c->a, b->index, 1, HA_UNMESH_COW);
}

bool ha_mesh_claim(struct ha_arena *a)
{
	struct claim c = { .a = a };
	struct ha_mesh_count n = {};
	unsigned long index;
	void *entry;

	if (!a->meshed)
		return true;
	mutex_lock(&claim_lock);
	xa_for_each(&a->table, index, entry)
		if (ha_entry_block(entry) && !ha_entry_block(entry)->folio)
			ha_block_mesh_claim(entry, &n);
	xa_for_each(&a->table, index, entry)
		if (ha_entry_block(entry) && !ha_entry_block(entry)->folio)
			ha_block_mesh_check(entry);
	xa_for_each(&a->table, index, entry)
		if (ha_entry_block(entry) && !ha_entry_block(entry)->folio)
			ha_block_mesh_settle(entry, &n, claim_copy, &c);
	mutex_unlock(&claim_lock);
	/* without relatives the count, an estimate until now, is exact again */
	if (!c.failed)
		atomic_long_set(&a->count[HA_A_MESHED], n.slots - n.pages);
	return !c.failed;
}
