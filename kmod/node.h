/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * On which NUMA nodes the current task may have memory.
 *
 * The kernel's page allocator obeys the task's cpuset, and its callers the
 * task's memory policy; what we hand out ourselves has to obey both.  A policy
 * of a VMA (mbind) is ignored.  A side file.
 */
#ifndef _HUGEARENA_NODE_H
#define _HUGEARENA_NODE_H

#include <linux/nodemask.h>
#include <linux/types.h>

/*
 * A node that the administrator empties, or NUMA_NO_NODE.  No task gets memory
 * of it, except one whose policy binds it there.
 */
void ha_node_empty(int nid);
int ha_node_emptied(void);

static inline bool ha_node_is_emptied(int nid)
{
	return nid == ha_node_emptied();
}

/*
 * May the current task have memory of @nid?  True for kernel threads, except
 * for a node that is being emptied.
 */
bool ha_node_is_allowed(int nid);

/* What the current task may have, or NULL for all: for the allocator. */
nodemask_t *ha_node_mask(void);

/**
 * ha_node_prefer() - where to look for memory first
 * @want: a node that was asked for, or NUMA_NO_NODE
 *
 * Return: @want, or what the policy prefers, or the local node; where the task
 * may not have memory of that, the nearest node of which it may.
 */
int ha_node_prefer(int want);

/**
 * ha_node_next() - go through the allowed nodes by distance
 * @from: where to start; that is the first
 * @seen: the ones that were returned; empty at first
 *
 * Return: the nearest one that was not seen, or NUMA_NO_NODE after the last.
 */
int ha_node_next(int from, nodemask_t *seen);

#endif /* _HUGEARENA_NODE_H */
