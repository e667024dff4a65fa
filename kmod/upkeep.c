// SPDX-License-Identifier: GPL-2.0-only
/*
 * Upkeep of an arena; see upkeep.h.
 *
 * Keeps true: it holds a reference to its arena, so that nobody has to wait
 * for it to end (it may wait for mmap_lock itself); it holds no lock of the
 * arena for longer than the work on one block takes.  Called by the workqueue
 * only.
 */
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "map.h"
#include "release.h"
#include "remap.h"
#include "upkeep.h"

/* Pages copied in one round to join blocks: 16 MiB, some milliseconds. */
#define JOIN_ROUND	4096

struct round {
	unsigned long joined;	/* blocks that became whole */
	unsigned long shared;	/* blocks with other users, bases included */
	unsigned long left;	/* blocks that could not be joined yet */
};

static bool block_involved(const struct ha_block *b)
{
	for (; b; b = b->base)
		if (ha_block_shared(b))
			return true;
	return false;
}

/* Is it worth taking the block's lock?  A hint: it is read without a lock. */
static bool block_joinable(const struct ha_arena *a, const struct ha_block *b)
{
	if (b->folio || ha_block_shared(b))
		return false;
	if (b->base)
		return !ha_block_shared(b->base);
	return a->kind == HUGEARENA_KIND_BLOCKS && b->nslots == HA_BLOCK_PAGES &&
	       !ha_block_meshed(b);	/* a join would undo it */
}

static void join_round(struct ha_arena *a, struct round *r)
{
	unsigned long index = 0;
	unsigned int copied = 0;

	for (;;) {
		struct ha_block *b;
		unsigned int pages;
		bool joinable;
		void *entry;

		/* blocks are freed under a lock that excludes rw readers or
		 * may change without the block's lock: check a block with its
		 * lock held
		 */
		down_read(&a->rw);
		entry = xa_find(&a->table, &index, ULONG_MAX, XA_PRESENT);
		if (!entry) {
			up_read(&a->rw);
			return;
		}
		mutex_lock(ha_arena_lock(a, index));
		b = ha_entry_block(xa_load(&a->table, index));
		joinable = b && block_joinable(a, b);
		pages = b ? b->nslots : 0;
		if (b && !joinable)
			r->shared += block_involved(b);
		mutex_unlock(ha_arena_lock(a, index));
		up_read(&a->rw);
		if (joinable && copied < JOIN_ROUND) {
			int ret = ha_join_block(a, index, true);

			if (ret > 0) {
				copied += pages;
				r->joined++;
			}
			/* -ENOMEM: wait for the next event, do not poll */
			r->left += ret == -EBUSY;
		} else if (joinable) {
			r->left++;
		}
		index++;
		cond_resched();
	}
}

/* Join as the service itself would: the worker borrows its address space. */
static void remap_all(struct ha_arena *a)
{
	WRITE_ONCE(a->tables, false);
	if (!mmget_not_zero(a->mm))
		return;
	kthread_use_mm(a->mm);
	ha_remap(a, 0, a->nblocks);
	kthread_unuse_mm(a->mm);
	mmput_async(a->mm);
}

void ha_upkeep_work(struct work_struct *work)
{
	struct ha_arena *a = container_of(to_delayed_work(work),
					  struct ha_arena, upkeep);
	struct mem_cgroup *memcg, *old;
	struct round r = {};
	bool again;

	again = ha_source_decay(&a->source);
	/* charge the service, although the worker allocates */
	memcg = get_mem_cgroup_from_mm(a->mm);
	old = set_active_memcg(memcg);
	if (ha_arena_read(a, HA_A_SPLIT) || READ_ONCE(a->cow))
		join_round(a, &r);
	again |= r.left;
	if (READ_ONCE(a->cow)) {
		atomic_long_set(&a->count[HA_A_SHARED], r.shared);
		if (!r.shared && !r.left)
			again |= !ha_map_uncow(a);
	}
	set_active_memcg(old);
	mem_cgroup_put(memcg);
	if (r.joined || READ_ONCE(a->tables))
		remap_all(a);
	if (again)
		ha_arena_upkeep_soon(a);
	ha_arena_put(a);	/* from ha_arena_upkeep_soon() */
}
