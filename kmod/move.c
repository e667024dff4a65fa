// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving blocks between NUMA nodes; see move.h.
 *
 * Keeps true: a block has its content in one place at a time that anybody can
 * reach; it is copied when no fault holds a page of it, nobody maps it and
 * nobody has it pinned, and the lock of the block keeps that so until the table
 * has the copy.  Called by dev_move and empty.
 */
#include <linux/memcontrol.h>
#include <linux/sched/mm.h>

#include "move.h"

/* Is a folio on node @from or, if that is NUMA_NO_NODE, not on @to? */
static bool folio_has_to_go(struct folio *folio, int from, int to)
{
	int nid = folio_nid(folio);

	return from == NUMA_NO_NODE ? nid != to : nid == from;
}

static bool block_has_to_go(const struct ha_block *b, int from, int to)
{
	int i;

	if (b->folio)
		return folio_has_to_go(b->folio, from, to);
	for (i = 0; i < HA_BLOCK_PAGES; i++)
		if (ha_block_slot(b, i) &&
		    folio_has_to_go(ha_block_slot(b, i), from, to))
			return true;
	return false;
}

/* Any of its folios: the group that paid for it pays for the whole copy. */
static struct folio *block_folio(const struct ha_block *b)
{
	int i;

	if (b->folio)
		return b->folio;
	for (i = 0; i < HA_BLOCK_PAGES; i++)
		if (ha_block_slot(b, i))
			return ha_block_slot(b, i);
	return NULL;
}

/* The memory cgroup that is charged, with a reference, or NULL for none. */
static struct mem_cgroup *block_memcg_get(const struct ha_block *b)
{
	struct mem_cgroup *memcg = NULL;
#ifdef CONFIG_MEMCG
	struct folio *folio = block_folio(b);

	rcu_read_lock();
	if (folio)
		memcg = folio_memcg(folio);
	if (memcg && !css_tryget(&memcg->css))
		memcg = NULL;
	rcu_read_unlock();
#endif
	return memcg;
}

/* Fill @to, which is empty and of the same shape. */
static int content_copy(struct ha_block *to, struct ha_block *from,
			struct ha_source *src)
{
	int i;

	if (from->folio)
		return to->folio ? ha_block_copy(to, from) : -ENOMEM;
	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		struct folio *folio = ha_block_slot(from, i);

		if (folio)
			folio = ha_block_fill(to, i, src, folio_page(folio, 0),
					      false);
		if (IS_ERR(folio))
			return PTR_ERR(folio);
	}
	return 0;
}

/* A copy of @b in memory of node @to, or an error pointer. */
static struct ha_block *block_copy_at(struct ha_arena *a, struct ha_block *b,
				      int to)
{
	struct mem_cgroup *memcg = block_memcg_get(b), *old;
	enum ha_counter source;
	struct ha_source src;
	struct ha_block *new;
	int err = -ENOMEM;

	ha_source_init_at(&src, &a->source, to);
	old = set_active_memcg(memcg);
	if (b->folio)
		new = ha_block_new(&src, a->inode, b->index, HA_WAIT, &source);
	else
		new = ha_block_new_split(&src, a->inode, b->index, NULL);
	if (new)
		err = content_copy(new, b, &src);
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	if (new && err)
		ha_block_put(new, NULL);
	if (err)
		return ERR_PTR(err);
	/*
	 * it was src, whose life ends here; the memory cgroup is the old one's
	 */
	new->payer = b->payer;
	return new;
}

/* rw is held for reading, and the block's lock. */
static int block_move(struct ha_arena *a, pgoff_t index, int from, int to)
{
	struct ha_block *b = ha_entry_block(xa_load(&a->table, index)), *new;

	if (!b)
		return 0;
	/*
	 * a base may have memory there, too, which a later fold brings together
	 */
	if (b->base)
		return -EBUSY;
	if (!block_has_to_go(b, from, to))
		return 0;
	if (ha_block_shared(b) || ha_block_meshed(b))
		return -EBUSY;
	ha_block_settle(b);
	ha_arena_zap(a, index, 1);
	if (ha_block_pinned(b, NULL))
		return -EBUSY;
	new = block_copy_at(a, b, to);
	if (IS_ERR(new))
		return PTR_ERR(new) == -EDQUOT ? -ENOMEM : PTR_ERR(new);
	ha_arena_replace(a, index, b, new);
	return 1;
}

int ha_move_block(struct ha_arena *a, pgoff_t index, int from, int to)
{
	int ret;

	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	ret = block_move(a, index, from, to);
	mutex_unlock(ha_arena_lock(a, index));
	up_read(&a->rw);
	if (ret > 0)
		ha_stat_inc(HA_MOVED);
	else if (ret == -EBUSY)
		ha_stat_inc(HA_MOVE_BUSY);
	else if (ret)
		ha_stat_inc(HA_MOVE_FAILED);
	return ret;
}
