/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where an arena's memory comes from, and where it goes back to.
 *
 * In this order: the arena's own reserve (blocks zeroed ahead of demand by a
 * worker and charged to the arena's memory cgroup when they are filled in),
 * the pool, the page allocator in the fault, and at last 4 KiB pages.  All of
 * it is charged to the arena's account first.
 *
 * The reserve follows demand: every block taken in a fault lets it grow, up
 * to reserve_max; every idle second halves it, down to nothing.
 */
#ifndef _HUGEARENA_SOURCE_H
#define _HUGEARENA_SOURCE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "quota.h"
#include "pool.h"
#include "stat.h"

/**
 * struct ha_source - an arena's supply
 * @lock: guards the lists and numbers below
 * @clean: zeroed blocks, charged
 * @dirty: released blocks to be zeroed again, charged
 * @nr_clean: length of @clean
 * @nr_dirty: length of @dirty and the block being zeroed
 * @goal: how many clean blocks the worker aims at
 * @taken: blocks handed out since the last ha_source_decay()
 * @work: the worker
 * @mm: whose memory cgroup pays; the arena holds it
 * @account: whose quota pays; the family holds it
 * @node: NUMA node to prefer, or NUMA_NO_NODE for the local one
 * @near: the local one of the fault that last woke the worker
 */
struct ha_source {
	spinlock_t lock;	/* guards the five below */
	struct list_head clean;
	struct list_head dirty;
	unsigned int nr_clean;
	unsigned int nr_dirty;
	unsigned int goal;
	unsigned int taken;
	struct work_struct work;
	struct mm_struct *mm;
	struct ha_account *account;
	int node;
	int near;		/* a hint, hence no lock */
};

void ha_source_init(struct ha_source *src, struct mm_struct *mm,
		    struct ha_account *account, int node);

/* Stop the worker and free the reserve.  May sleep. */
void ha_source_exit(struct ha_source *src);

/* How a block is asked for. */
#define HA_ZERO		1	/* it must be cleared; else it holds anything */
#define HA_WAIT		2	/* compaction is worth the time: not in a fault */

/**
 * ha_source_block() - get a block
 * @src: the supply
 * @how: HA_ZERO, HA_WAIT
 * @from: out: HA_FAULT_RESERVE, HA_FAULT_POOL or HA_FAULT_DEMAND
 *
 * Return: a folio of the block's order with one reference, charged, or NULL
 * when quota or memory allow no block (4 KiB pages may still be had).
 */
struct folio *ha_source_block(struct ha_source *src, unsigned int how,
			      enum ha_counter *from);

/**
 * ha_source_block_put() - give a block back
 * @src: a supply that may keep it for its reserve, or NULL
 * @account: who was charged
 * @folio: the block, not mapped any more, no mapping set
 * @pooled: it came from the pool
 *
 * A block that somebody else holds a reference to (it is pinned) is freed by
 * the last holder and never handed out again by us.
 */
void ha_source_block_put(struct ha_source *src, struct ha_account *account,
			 struct folio *folio, bool pooled);

/**
 * ha_source_page() - get a 4 KiB page
 * @src: the supply
 * @zero: the caller needs it cleared
 *
 * Return: a folio of order 0, -EDQUOT or -ENOMEM as an error pointer.
 */
struct folio *ha_source_page(struct ha_source *src, bool zero);
void ha_source_page_put(struct ha_account *account, struct folio *folio);

/**
 * ha_source_decay() - let an idle reserve fall; call about once a second
 * @src: the supply
 *
 * Return: true while there is a reserve left to decay.
 */
bool ha_source_decay(struct ha_source *src);

/**
 * ha_source_shrink() - give reserved blocks back under memory pressure
 * @src: the supply; need not be in use any more, only allocated
 * @nr: how many at the most
 *
 * Return: how many went.  Does not sleep.
 */
unsigned long ha_source_shrink(struct ha_source *src, unsigned long nr);

int ha_source_setup(void);
void ha_source_teardown(void);

/* The module's workqueue: unbound, for work that takes its time. */
extern struct workqueue_struct *ha_wq;

#endif /* _HUGEARENA_SOURCE_H */
