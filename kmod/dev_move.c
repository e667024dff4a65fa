// SPDX-License-Identifier: GPL-2.0-only
/*
 * HUGEARENA_IOC_MOVE: checks what users say, then calls down.
 *
 * Keeps true: a task moves memory only to where it may have memory; no lock is
 * held while user memory is touched.  Called by dev.
 */
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "dev_move.h"
#include "node.h"

static bool move_is_valid(const struct ha_family *f,
			  const struct hugearena_move_to *m)
{
	u64 size = (u64)f->nblocks << HA_BLOCK_SHIFT;

	return m->len && !(m->offset % HA_BLOCK_SIZE) &&
	       !(m->len % HA_BLOCK_SIZE) && m->offset < size &&
	       m->len <= size - m->offset && !m->flags && !m->moved &&
	       !m->busy && !m->failed && !m->pad && m->node >= 0 &&
	       m->node < nr_node_ids && node_state(m->node, N_MEMORY);
}

long ha_dev_move(struct ha_family *f, struct ha_arena *a, void __user *user)
{
	struct hugearena_move_to m;
	unsigned long index;
	pgoff_t end;

	if (copy_from_user(&m, user, sizeof(m)))
		return -EFAULT;
	if (!move_is_valid(f, &m))
		return -EINVAL;
	if (!ha_node_is_allowed(m.node))
		return -EACCES;
	index = m.offset >> HA_BLOCK_SHIFT;
	end = (m.offset + m.len) >> HA_BLOCK_SHIFT;
	while (xa_find(&a->table, &index, end - 1, XA_PRESENT)) {
		int ret = ha_move_block(a, index, NUMA_NO_NODE, m.node);

		m.moved += ret > 0;
		m.busy += ret == -EBUSY;
		m.failed += ret < 0 && ret != -EBUSY;
		if (signal_pending(current) || ++index >= end)
			break;
		cond_resched();
	}
	return copy_to_user(user, &m, sizeof(m)) ? -EFAULT : 0;
}
