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
 *
 * So does the stock of spare pages, 4 KiB ones that hold anything: a fault that
 * copies a page after fork takes one, and has nothing to allocate, to charge or
 * to clear (init_on_alloc would clear what the copy overwrites).
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
 * @spare: 4 KiB pages for copies, charged, not cleared
 * @nr_spare: length of @spare
 * @spare_goal: how many spare pages the worker aims at
 * @spare_asked: spare pages asked for since the last ha_source_decay()
 * @work: the worker
 * @mm: whose memory cgroup pays; the arena holds it
 * @account: whose quota pays; the family holds it
 * @node: NUMA node to prefer, or NUMA_NO_NODE for the local one
 * @near: the node of the fault that woke the worker last
 * @common: processes of many owners take from it (a shared arena): nothing is
 *	set aside, so that each memory cgroup pays for what its tasks touch, and
 *	no process's capabilities exceed the maker's limits
 * @here: take no memory but @node's
 */
struct ha_source {
	spinlock_t lock;	/* guards those up to the worker */
	struct list_head clean;
	struct list_head dirty;
	unsigned int nr_clean;
	unsigned int nr_dirty;
	unsigned int goal;
	unsigned int taken;
	struct list_head spare;
	unsigned int nr_spare;
	unsigned int spare_goal;
	unsigned int spare_asked;
	struct work_struct work;
	struct mm_struct *mm;
	struct ha_account *account;
	int node;
	int near;		/* a hint, hence no lock */
	bool common;
	bool here;
};

void ha_source_init(struct ha_source *src, struct mm_struct *mm,
		    struct ha_account *account, int node);

/**
 * ha_source_init_at() - a supply of one node's memory
 * @src: supply, of a function's own: it holds nothing, and needs no exit
 * @like: the arena's, whose account pays
 * @node: the node; no other is tried
 */
void ha_source_init_at(struct ha_source *src, const struct ha_source *like,
		       int node);

/* Stop the worker and free the reserve.  May sleep. */
void ha_source_exit(struct ha_source *src);

/* Flags that say how a block is asked for. */
#define HA_ZERO		1	/* cleared; otherwise it may hold anything */
#define HA_WAIT		2	/* may compact memory first: not in a fault */
#define HA_TRY		4	/* fails before anybody is killed for it */

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
 * struct ha_gone - blocks that go back to the page allocator together
 * @folios: they, with one reference each
 * @account: the account charged for all of them
 * @nr: how many
 *
 * Freeing a list costs the allocator less than freeing one by one.
 */
struct ha_gone {
	struct list_head folios;
	struct ha_account *account;
	unsigned int nr;
};

static inline void ha_gone_init(struct ha_gone *gone, struct ha_account *acct)
{
	INIT_LIST_HEAD(&gone->folios);
	gone->account = acct;
	gone->nr = 0;
}

/* Free what was gathered; also to be called after the last one. */
void ha_source_gone(struct ha_gone *gone);

/**
 * ha_source_block_put() - give a block back
 * @src: a supply that may keep it for its reserve, or NULL
 * @account: who was charged
 * @folio: the block, not mapped any more, no mapping set
 * @pooled: it came from the pool
 * @gone: gather it here if it is to be freed, or NULL to free it at once
 *
 * A block that somebody else holds a reference to (it is pinned) is freed by
 * the last holder and never handed out again by us.  One with a bad page in it
 * (hwpoison) is not freed at all, nor uncharged from its memory cgroup.
 */
void ha_source_block_put(struct ha_source *src, struct ha_account *account,
			 struct folio *folio, bool pooled,
			 struct ha_gone *gone);

/**
 * ha_source_page() - get a 4 KiB page
 * @src: the supply
 * @how: HA_ZERO, HA_TRY
 *
 * Return: a folio of order 0, -EDQUOT or -ENOMEM as an error pointer.
 */
struct folio *ha_source_page(struct ha_source *src, unsigned int how);

/**
 * ha_source_give() - give something of the reserve back, where it is wanted more
 * @src: the supply
 *
 * For who is at a limit.  A block if there is one, which the worker may have in
 * hand: it is waited for.  Otherwise the spare pages.  The reserve does not grow
 * before faults ask for it again.
 *
 * Return: whether there was anything.
 */
bool ha_source_give(struct ha_source *src);

/**
 * ha_source_spare() - get a 4 KiB page that was allocated ahead
 * @src: the supply
 *
 * For a fault that overwrites all of it.  Return: a folio of order 0, charged,
 * which holds anything, or NULL when there is none just now.
 */
struct folio *ha_source_spare(struct ha_source *src);
void ha_source_page_put(struct ha_account *account, struct folio *folio);

/**
 * ha_source_decay() - let idle reserve and stock fall; about once a second
 * @src: the supply
 *
 * Return: true while there is anything left to decay.
 */
bool ha_source_decay(struct ha_source *src);

/**
 * ha_source_shrink() - give reserve and stock back under memory pressure
 * @src: the supply; need not be in use any more, only allocated
 * @pages: how many 4 KiB pages are wanted
 *
 * Return: how many went.  Does not sleep.
 */
unsigned long ha_source_shrink(struct ha_source *src, unsigned long pages);

/* What ha_source_shrink() could give, in 4 KiB pages. */
static inline unsigned long ha_source_spendable(const struct ha_source *src)
{
	return READ_ONCE(src->nr_spare) +
	       (unsigned long)READ_ONCE(src->nr_clean) * HA_BLOCK_PAGES;
}

/* Blocks of the reserve that are on a node, clean or not. */
unsigned int ha_source_reserve(struct ha_source *src, int nid);

int ha_source_setup(void);
void ha_source_teardown(void);

/*
 * The module's workqueues, unbound, for work that takes its time.  Work that
 * may wait for a lock under a user's control (mmap_lock, held while a user
 * makes a page fault last) has a queue of its own, so that nobody else's
 * reserve waits for that user.
 */
extern struct workqueue_struct *ha_wq;
extern struct workqueue_struct *ha_wq_mm;

#endif /* _HUGEARENA_SOURCE_H */
