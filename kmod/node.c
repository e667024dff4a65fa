// SPDX-License-Identifier: GPL-2.0-only
/*
 * The current task's cpuset and memory policy; see node.h.
 *
 * Its state is the node that is being emptied; readers see a change of it at once
 * or a little later.  A change of the cpuset at the same time may or may not be
 * seen, as in the page allocator.  A task's policy is changed by itself only.
 */
#include <linux/cpuset.h>
#include <linux/mempolicy.h>
#include <linux/sched.h>
#include <linux/topology.h>

#include "node.h"

static struct mempolicy *task_policy(void)
{
#ifdef CONFIG_NUMA
	return current->mempolicy;
#else
	return NULL;
#endif
}

static int emptied = NUMA_NO_NODE;
static nodemask_t others;	/* all nodes with memory but that one */

void ha_node_empty(int nid)
{
	if (nid != NUMA_NO_NODE) {
		others = node_states[N_MEMORY];
		node_clear(nid, others);
	}
	smp_store_release(&emptied, nid);	/* pairs with ha_node_emptied() */
}

int ha_node_emptied(void)
{
	return smp_load_acquire(&emptied);	/* others is set before it */
}

nodemask_t *ha_node_mask(void)
{
#ifdef CONFIG_NUMA
	struct mempolicy *pol = task_policy();

	if (pol && pol->mode == MPOL_BIND)
		return &pol->nodes;
#endif
	return unlikely(ha_node_emptied() != NUMA_NO_NODE) ? &others : NULL;
}

bool ha_node_is_allowed(int nid)
{
	nodemask_t *mask = ha_node_mask();

	if (current->flags & PF_KTHREAD)
		return !ha_node_is_emptied(nid);
	return node_isset(nid, cpuset_current_mems_allowed) &&
	       (!mask || node_isset(nid, *mask));
}

int ha_node_next(int from, nodemask_t *seen)
{
	int nid, best = NUMA_NO_NODE;

	if (!node_isset(from, *seen) && ha_node_is_allowed(from)) {
		best = from;
	} else {
		for_each_node_state(nid, N_MEMORY) {
			if (node_isset(nid, *seen) || !ha_node_is_allowed(nid))
				continue;
			if (best == NUMA_NO_NODE ||
			    node_distance(from, nid) < node_distance(from, best))
				best = nid;
		}
	}
	if (best != NUMA_NO_NODE)
		node_set(best, *seen);
	return best;
}

int ha_node_prefer(int want)
{
	nodemask_t seen = NODE_MASK_NONE;
	int nid = want;

#ifdef CONFIG_NUMA
	struct mempolicy *pol = task_policy();

	if (nid == NUMA_NO_NODE && pol && pol->mode == MPOL_PREFERRED)
		nid = first_node(pol->nodes);
#endif
	if (nid == NUMA_NO_NODE)
		nid = numa_mem_id();
	if (likely(ha_node_is_allowed(nid)))
		return nid;
	want = ha_node_next(nid, &seen);
	return want == NUMA_NO_NODE ? nid : want;
}
