/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Moving blocks between NUMA nodes.
 *
 * The kernel cannot migrate what an arena holds: its folios are on no LRU list
 * and their mapping has no way to replace one.  The arena's table can: settle,
 * zap, copy, replace, as a join does.
 */
#ifndef _HUGEARENA_MOVE_H
#define _HUGEARENA_MOVE_H

#include "cow.h"

/**
 * ha_move_block() - give a block memory of another node
 * @a: arena
 * @index: which
 * @from: move it only if it has memory of this node; NUMA_NO_NODE: of any but @to
 * @to: node with memory
 *
 * The memory cgroup that pays for the old memory pays for the new one.  Return: 1
 * when it was moved, 0 when there was nothing to do, -EBUSY when it is pinned,
 * meshed or shared with a relative, -ENOMEM without memory or quota, -EHWPOISON
 * when memory failed in it.
 */
int ha_move_block(struct ha_arena *a, pgoff_t index, int from, int to);

#endif /* _HUGEARENA_MOVE_H */
