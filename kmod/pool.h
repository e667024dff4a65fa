/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The pool: blocks that an administrator set aside, zeroed in idle time.
 *
 * Per NUMA node, a list of clean (zeroed) and one of dirty blocks.  A worker
 * thread of the lowest priority fills the pool up to its target and turns
 * dirty blocks into clean ones.  It gives blocks up when their node is short of
 * memory (scarcity.h), not when files are read, and takes them back later.
 * Like hugetlb's, the pool's blocks are charged to no memory cgroup; quota
 * guards them.  The lowest layer: calls nobody.
 */
#ifndef _HUGEARENA_POOL_H
#define _HUGEARENA_POOL_H

#include "folio.h"

/*
 * For a block in a fault the free lists are searched, without stalling: there
 * are always 4 KiB pages, and a later join.  Workers may compact for it.
 */
#define HA_GFP_WAIT	(GFP_HIGHUSER | __GFP_COMP | __GFP_NOWARN | \
			 __GFP_NORETRY | __GFP_NOMEMALLOC)
#define HA_GFP_FAULT	(HA_GFP_WAIT & ~__GFP_DIRECT_RECLAIM)

/**
 * struct ha_pool_info - one node's part of the pool, in blocks
 * @clean: zeroed and waiting
 * @dirty: waiting to be zeroed
 * @target: what the administrator wants (clean, dirty and out together)
 * @floor: what a shortage of memory leaves
 * @out: handed out and not back
 * @failed: asked for and not there
 * @bad: kept for good, wherever they came from: memory failed in them
 * @lent: of @target: given up in a shortage, taken back when it is over
 */
struct ha_pool_info {
	unsigned long clean;
	unsigned long dirty;
	unsigned long target;
	unsigned long floor;
	unsigned long out;
	unsigned long failed;
	unsigned long lent;
	unsigned long bad;
};

/**
 * ha_pool_get() - take a zeroed block
 * @node: NUMA node to try first (ha_node_prefer()); the others of which the
 *	current task may have memory follow by distance
 *
 * Never sleeps, never clears.  Return: a folio with one reference, the
 * caller's, or NULL when the pool is empty.
 */
struct folio *ha_pool_get(int node);

/*
 * The same on one node only, whatever the task's policy; failures are not
 * counted.
 */
struct folio *ha_pool_get_at(int node);

/**
 * ha_pool_put() - give a block back
 * @folio: from ha_pool_get(), the caller's reference the only one, not mapped
 *
 * The block is zeroed before it is handed out again, or freed when the pool
 * is over its target.
 */
void ha_pool_put(struct folio *folio);

/**
 * ha_pool_forget() - a block of the pool will not come back
 * @folio: from ha_pool_get(), about to be freed elsewhere (it is pinned)
 */
void ha_pool_forget(struct folio *folio);

/**
 * ha_pool_bad() - a block with a page that memory failed in is kept for good
 * @folio: not to be used, nor freed, by anybody
 */
void ha_pool_bad(struct folio *folio);

/* Give a block back to the page allocator, unless memory failed in it. */
void ha_pool_free(struct folio *folio);

/**
 * ha_pool_shortage() - is any node short of memory?
 *
 * Only then is there a reason to give up what was allocated ahead: shrinkers
 * are called for page cache, too (scarcity.h).
 */
bool ha_pool_shortage(void);

void ha_pool_info(int node, struct ha_pool_info *info);

/* The node to be emptied has changed: check the targets again. */
void ha_pool_wake(void);

/* Set the target, or the floor, of a node, in blocks. */
void ha_pool_set(int nid, unsigned long blocks, bool floor);

/* Spread a target, or a floor, over all nodes with memory. */
void ha_pool_set_all(unsigned long blocks, bool floor);

/* The parameters may be written from now on, or not any more. */
void ha_pool_param_enable(bool enable);

int ha_pool_init(void);
void ha_pool_exit(void);

#endif /* _HUGEARENA_POOL_H */
