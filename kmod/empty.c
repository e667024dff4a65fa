// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parameter empty_node; see empty.h.
 *
 * Keeps true: the worker runs while a node is to be emptied, and at no other
 * time; it holds a reference to the one arena it looks at and no lock between
 * two blocks.  The kernel's lock of the module's parameters guards ready.
 * Called by main.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/nodemask.h>
#include <linux/rculist.h>
#include <linux/sysfs.h>

#include "empty.h"
#include "move.h"
#include "node.h"

static void empty_work(struct work_struct *work);

static DECLARE_DELAYED_WORK(work, empty_work);
static bool ready;	/* under kernel_param_lock(): there are arenas */

/* Of the arenas after number @id the first one that is left, or NULL. */
static struct ha_arena *arena_after_get_maybe_null(u64 id)
{
	struct ha_arena *a, *next = NULL;

	rcu_read_lock();
	list_for_each_entry_rcu(a, &ha_arenas, all)
		if (a->id > id && (!next || a->id < next->id))
			next = a;
	/* one that is being freed empties itself */
	if (next && !kref_get_unless_zero(&next->ref))
		next = NULL;
	rcu_read_unlock();
	return next;
}

/* Move one block to the nearest node that has room. */
static void block_empty(struct ha_arena *a, pgoff_t index, int from)
{
	nodemask_t seen = NODE_MASK_NONE;
	int to;

	while ((to = ha_node_next(from, &seen)) != NUMA_NO_NODE)
		if (ha_move_block(a, index, from, to) != -ENOMEM)
			break;
}

static void arena_empty(struct ha_arena *a, int from)
{
	unsigned long index = 0;

	ha_source_shrink(&a->source, LONG_MAX);
	while (ha_node_is_emptied(from) &&
	       xa_find(&a->table, &index, ULONG_MAX, XA_PRESENT)) {
		block_empty(a, index, from);
		index++;
		cond_resched();
	}
}

static void empty_work(struct work_struct *unused)
{
	int from = ha_node_emptied();
	struct ha_arena *a;
	u64 id = 0;

	while (from != NUMA_NO_NODE && ha_node_is_emptied(from) &&
	       (a = arena_after_get_maybe_null(id))) {
		id = a->id;
		arena_empty(a, from);
		ha_arena_put(a);
	}
	/* blocks that were busy or new are left for the next round */
	if (ha_node_emptied() != NUMA_NO_NODE)
		queue_delayed_work(ha_wq, &work, HZ);
}

static int empty_node_set(const char *val, const struct kernel_param *kp)
{
	int nid, err;

	if (!ready)
		return -EINVAL;
	err = kstrtoint(val, 0, &nid);
	if (err)
		return err;
	if (nid != NUMA_NO_NODE && (nid < 0 || nid >= nr_node_ids ||
				    !node_state(nid, N_MEMORY)))
		return -ENODEV;
	/* there is no other node for its memory */
	if (nid != NUMA_NO_NODE && num_node_state(N_MEMORY) < 2)
		return -EBUSY;
	ha_node_empty(nid);
	ha_pool_wake();
	if (nid != NUMA_NO_NODE)
		mod_delayed_work(ha_wq, &work, 0);
	return 0;
}

static int empty_node_get(char *buf, const struct kernel_param *kp)
{
	return sysfs_emit_at(buf, 0, "%d\n", ha_node_emptied());
}

static const struct kernel_param_ops empty_node_ops = {
	.set = empty_node_set,
	.get = empty_node_get,
};

module_param_cb(empty_node, &empty_node_ops, NULL, 0644);
MODULE_PARM_DESC(empty_node,
		 "NUMA node that arenas and the pool should leave (-1: none)");

void ha_empty_enable(void)
{
	kernel_param_lock(THIS_MODULE);
	ready = true;
	kernel_param_unlock(THIS_MODULE);
}

void ha_empty_disable(void)
{
	kernel_param_lock(THIS_MODULE);
	ready = false;
	ha_node_empty(NUMA_NO_NODE);
	kernel_param_unlock(THIS_MODULE);
	cancel_delayed_work_sync(&work);
}
