// SPDX-License-Identifier: GPL-2.0-only
/*
 * HUGEARENA_IOC_BLOCKS and HUGEARENA_IOC_STAT, on an arena file and on a view.
 *
 * Keeps true: what a user says is checked before anything is done; no lock is
 * held while user memory is touched; page frame numbers are shown only to
 * CAP_SYS_ADMIN.  Called by dev.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev_look.h"
#include "look.h"

/* BLOCKS fills a kernel buffer of this many entries at a time. */
#define LOOK_PIECE	256

/* One block as the table has it; @admin may see its physical address. */
static void block_describe(struct ha_arena *a, pgoff_t index, bool admin,
			   struct hugearena_block *out)
{
	struct ha_block *b;
	void *entry;

	memset(out, 0, sizeof(*out));
	out->node = -1;
	if (a->common)
		out->flags |= HUGEARENA_BLOCK_COMMON;
	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	entry = xa_load(&a->table, index);
	b = ha_entry_block(entry);
	if (entry && !b)
		out->state = HUGEARENA_BLOCK_LOST;
	if (b) {
		out->pages = min_t(unsigned long, ha_block_pages(b),
				   HA_BLOCK_PAGES);
		out->state = b->folio ? HUGEARENA_BLOCK_WHOLE :
					HUGEARENA_BLOCK_SPLIT;
		if (ha_block_shared(b) || b->base)
			out->flags |= HUGEARENA_BLOCK_SHARED;
		if (b->pooled)
			out->flags |= HUGEARENA_BLOCK_POOL;
		if (a->meshed && ha_block_meshed(b))
			out->flags |= HUGEARENA_BLOCK_MESHED;
	}
	if (b && b->folio) {
		out->node = folio_nid(b->folio);
		if (admin)
			out->pfn = folio_pfn(b->folio);
	}
	mutex_unlock(ha_arena_lock(a, index));
	up_read(&a->rw);
}

long ha_dev_blocks(struct ha_family *f, struct ha_arena *a, void __user *user)
{
	struct hugearena_block __user *vec;
	struct hugearena_block *buf;
	struct hugearena_blocks q;
	unsigned long first, done = 0, i, n;
	bool admin = capable(CAP_SYS_ADMIN);
	long err = 0;

	if (copy_from_user(&q, user, sizeof(q)))
		return -EFAULT;
	if (q.offset % HA_BLOCK_SIZE || !q.nr || q.nr > HUGEARENA_BLOCKS_MAX ||
	    q.flags & ~HUGEARENA_BLOCKS_CLEAR ||
	    q.offset >> HA_BLOCK_SHIFT >= f->nblocks)
		return -EINVAL;
	if (a->common && q.flags & HUGEARENA_BLOCKS_CLEAR)
		return -EOPNOTSUPP;
	first = q.offset >> HA_BLOCK_SHIFT;
	n = min_t(unsigned long, q.nr, f->nblocks - first);
	vec = u64_to_user_ptr(q.vec);
	buf = kmalloc_array(LOOK_PIECE, sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	while (done < n && !err) {
		unsigned long piece = min_t(unsigned long, n - done,
					    LOOK_PIECE);

		for (i = 0; i < piece; i++)
			block_describe(a, first + done + i, admin, &buf[i]);
		err = ha_look_blocks(a, first + done, piece,
				     q.flags & HUGEARENA_BLOCKS_CLEAR, buf);
		if (!err && copy_to_user(vec + done, buf,
					 piece * sizeof(*buf)))
			err = -EFAULT;
		done += piece;
	}
	kfree(buf);
	return err ?: done;
}

/*
 * Block by block: if rw were held over all of a large table, a fork would wait
 * for it, and the faults after that for the fork.
 */
static u64 count_shared(struct ha_arena *a)
{
	unsigned long index = 0;
	u64 n = 0;

	while (xa_find(&a->table, &index, ULONG_MAX, XA_PRESENT)) {
		struct ha_block *b;

		down_read(&a->rw);
		mutex_lock(ha_arena_lock(a, index));
		b = ha_entry_block(xa_load(&a->table, index));
		if (b && (ha_block_shared(b) || b->base))
			n++;
		mutex_unlock(ha_arena_lock(a, index));
		up_read(&a->rw);
		/* an index of ULONG_MAX is far beyond any arena */
		index++;
		if (fatal_signal_pending(current))
			break;
		cond_resched();
	}
	return n;
}

long ha_dev_stat(struct ha_family *f, struct ha_arena *a, void __user *user)
{
	struct hugearena_stat s = {
		.id = a->id,
		.size = (u64)f->nblocks << HA_BLOCK_SHIFT,
		.resident = (u64)ha_arena_resident(a) << PAGE_SHIFT,
		.blocks = ha_arena_read(a, HA_A_WHOLE),
		.split = ha_arena_read(a, HA_A_SPLIT),
		.lost = ha_arena_read(a, HA_A_LOST),
		.fault_reserve = ha_arena_read(a, HA_FAULT_RESERVE),
		.fault_pool = ha_arena_read(a, HA_FAULT_POOL),
		.fault_demand = ha_arena_read(a, HA_FAULT_DEMAND),
		.fault_small = ha_arena_read(a, HA_FAULT_SMALL),
		.fault_map = ha_arena_read(a, HA_FAULT_MAP),
		.cow_pages = ha_arena_read(a, HA_COW_PAGES),
		.cow_blocks = ha_arena_read(a, HA_A_COW_BLOCKS),
		.released = (u64)ha_arena_read(a, HA_A_RELEASED) << PAGE_SHIFT,
		.joined = ha_arena_read(a, HA_A_JOINED),
		.reserve = READ_ONCE(a->source.nr_clean),
		.forks = ha_arena_read(a, HA_A_FORKS),
		.kind = f->kind,
		.flags = f->flags,
		.meshed = (u64)ha_arena_read(a, HA_A_MESHED) << PAGE_SHIFT,
		.meshes = ha_arena_read(a, HA_A_MESHES),
		.unmeshed = ha_arena_read(a, HA_A_UNMESHED),
		.mappings = atomic_read(&a->nvma),
		.seals = READ_ONCE(f->seals),
	};
	/* exact here; /proc shows what was true when upkeep last looked */
	s.shared = count_shared(a);
	return copy_to_user(user, &s, sizeof(s)) ? -EFAULT : 0;
}
