/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Emptying a NUMA node: parameter empty_node.
 *
 * For an administrator who wants to take the node's memory offline, or to have it
 * for something else.  As long as the parameter names a node, no arena gets
 * memory of it, its part of the pool and the reserves on it are given back, and
 * once a second all blocks that have memory there are moved to the nearest node
 * with room.
 */
#ifndef _HUGEARENA_EMPTY_H
#define _HUGEARENA_EMPTY_H

/* The parameter may be written from now on, or not any more. */
void ha_empty_enable(void);
void ha_empty_disable(void);

#endif /* _HUGEARENA_EMPTY_H */
