// SPDX-License-Identifier: GPL-2.0-only
/*
 * An arena's supply of memory; see source.h.
 *
 * Keeps true: every folio on a source's lists is charged to its account and
 * to the memory cgroup of its mm, has one reference, and is zero if it is on
 * the clean list.  The lists are guarded by the source's lock, which nests
 * inside the arena's locks and outside none.  Called by block in
 * faults, by arena, release, move, upkeep and empty.
 */
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched/mm.h>

#include "node.h"
#include "source.h"
#include "trace.h"

struct workqueue_struct *ha_wq, *ha_wq_mm;

static uint reserve_max = 8;
module_param(reserve_max, uint, 0644);
MODULE_PARM_DESC(reserve_max,
		 "blocks an arena may keep zeroed ahead of demand (default 8)");

/*
 * The bounds of the stock of spare pages; the upper one is as much as a block.
 */
#define SPARE_MIN	16
#define SPARE_MAX	512

static int source_node(const struct ha_source *src)
{
	return src->here ? src->node : ha_node_prefer(src->node);
}

/* Flags for the page allocator: may it look on other nodes? */
static gfp_t source_gfp(const struct ha_source *src)
{
	return src->here ? __GFP_THISNODE : 0;
}

/*
 * Charged to the memory cgroup of the caller, or to the active one if one is
 * set.
 */
static struct folio *block_alloc(int node, unsigned int how, gfp_t where)
{
	gfp_t gfp = how & HA_WAIT ? HA_GFP_WAIT : HA_GFP_FAULT;

	/* with init_on_alloc, a loop of ours would clear the memory twice */
	if (how & HA_ZERO)
		gfp |= __GFP_ZERO;
	return __folio_alloc(gfp | where | __GFP_ACCOUNT, HA_BLOCK_ORDER, node,
			     ha_node_mask());
}

/*
 * 512 KiB: enough that nobody is killed for the rest, and soon cleared.  What is
 * more than 64 pages goes back to the cgroup at once when it is freed; less could
 * stay in this CPU's stock, where a fault on another CPU does not find it.
 */
#define ROOM_ORDER	7

/*
 * A block ahead of demand, if the memory cgroup has some room left after it.  A
 * cgroup at its limit kills for its next page, which may be a page table's, and
 * nothing tells us that it wants the reserve back.  So the reserve must not be
 * what fills the cgroup.
 */
static struct folio *block_ahead(int node)
{
	struct folio *room, *folio;

	room = __folio_alloc(HA_GFP_WAIT | __GFP_ACCOUNT, ROOM_ORDER, node, NULL);
	if (!room)
		return NULL;
	folio = block_alloc(node, HA_ZERO | HA_WAIT, 0);
	folio_put(room);
	return folio;
}

static struct folio *list_take(struct list_head *list, unsigned int *nr)
{
	struct folio *folio;

	folio = list_first_entry_or_null(list, struct folio, lru);
	if (folio) {
		list_del_init(&folio->lru);
		(*nr)--;
	}
	return folio;
}

/* Take a dirty block, if any.  It stays in nr_dirty until it is clean. */
static struct folio *dirty_take(struct ha_source *src)
{
	struct folio *folio;

	spin_lock(&src->lock);
	folio = list_first_entry_or_null(&src->dirty, struct folio, lru);
	if (folio)
		list_del_init(&folio->lru);
	spin_unlock(&src->lock);
	return folio;
}

static bool wants_more(struct ha_source *src)
{
	bool more;

	spin_lock(&src->lock);
	more = src->nr_clean + src->nr_dirty < src->goal;
	spin_unlock(&src->lock);
	return more;
}

static void clean_add(struct ha_source *src, struct folio *folio, bool was_dirty)
{
	spin_lock(&src->lock);
	list_add_tail(&folio->lru, &src->clean);
	src->nr_clean++;
	if (was_dirty)
		src->nr_dirty--;
	spin_unlock(&src->lock);
}

/* Memory failed in a dirty block: it is gone, and no quota pays for it. */
static void dirty_lose(struct ha_source *src, struct folio *folio)
{
	spin_lock(&src->lock);
	src->nr_dirty--;
	ha_account_uncharge(src->account, HA_BLOCK_PAGES);
	spin_unlock(&src->lock);
	ha_pool_bad(folio);
}

/*
 * Fill the reserve on the node where the faults are, not where the worker
 * runs.
 */
static int reserve_node(const struct ha_source *src)
{
	return READ_ONCE(src->near);
}

static bool wants_spare(struct ha_source *src)
{
	bool more;

	spin_lock(&src->lock);
	more = src->nr_spare < src->spare_goal;
	spin_unlock(&src->lock);
	return more;
}

/* Without memory or quota there is no stock until faults ask again. */
static void spare_fail(struct ha_source *src)
{
	spin_lock(&src->lock);
	src->spare_goal = 0;
	spin_unlock(&src->lock);
}

/*
 * Nobody waits for these pages, so that they justify neither much reclaim nor a
 * kill.
 */
#define SPARE_GFP	(GFP_HIGHUSER | __GFP_ACCOUNT | __GFP_NOWARN | \
			 __GFP_NORETRY | __GFP_NOMEMALLOC)

static void spare_fill(struct ha_source *src)
{
	while (wants_spare(src)) {
		struct folio *folio = NULL;

		if (!ha_account_charge(src->account, 1, false)) {
			folio = __folio_alloc(SPARE_GFP, 0, reserve_node(src),
					      NULL);
			if (!folio)
				ha_account_uncharge(src->account, 1);
		}
		if (!folio) {
			spare_fail(src);
			return;
		}
		spin_lock(&src->lock);
		list_add(&folio->lru, &src->spare);
		src->nr_spare++;
		spin_unlock(&src->lock);
		cond_resched();
	}
}

static void source_work(struct work_struct *work)
{
	struct ha_source *src = container_of(work, struct ha_source, work);
	struct mem_cgroup *memcg, *old;
	struct folio *folio;

	memcg = get_mem_cgroup_from_mm(src->mm);
	old = set_active_memcg(memcg);
	spare_fill(src);
	while ((folio = dirty_take(src))) {
		if (!ha_folio_zero(folio)) {
			dirty_lose(src, folio);
			continue;
		}
		trace_zero(folio_nid(folio), false);
		clean_add(src, folio, true);
	}
	while (wants_more(src)) {
		if (ha_account_charge(src->account, HA_BLOCK_PAGES, false))
			break;
		folio = block_ahead(reserve_node(src));
		if (!folio) {
			ha_account_uncharge(src->account, HA_BLOCK_PAGES);
			break;
		}
		trace_zero(folio_nid(folio), false);
		clean_add(src, folio, false);
		cond_resched();
	}
	set_active_memcg(old);
	mem_cgroup_put(memcg);
}

/* All but the worker. */
static void source_init(struct ha_source *src, struct mm_struct *mm,
			struct ha_account *account, int node)
{
	spin_lock_init(&src->lock);
	INIT_LIST_HEAD(&src->clean);
	INIT_LIST_HEAD(&src->dirty);
	INIT_LIST_HEAD(&src->spare);
	src->mm = mm;
	src->account = account;
	src->node = node;
	src->near = ha_node_prefer(node);
}

void ha_source_init(struct ha_source *src, struct mm_struct *mm,
		    struct ha_account *account, int node)
{
	source_init(src, mm, account, node);
	INIT_WORK(&src->work, source_work);
}

void ha_source_init_at(struct ha_source *src, const struct ha_source *like,
		       int node)
{
	/* on its caller's stack, where work must not be: common has no worker */
	memset(src, 0, sizeof(*src));
	source_init(src, like->mm, like->account, node);
	src->common = true;
	src->here = true;
}

/*
 * Free up to @nr blocks above @keep.  The charge is dropped inside the lock,
 * because a thread that finds the lists empty may free the account.  Return:
 * how many were freed.
 */
static unsigned long source_trim(struct ha_source *src, unsigned int keep,
				 unsigned long nr)
{
	unsigned long n;

	for (n = 0; n < nr; n++) {
		struct folio *folio = NULL;

		spin_lock(&src->lock);
		if (src->nr_clean + src->nr_dirty > keep) {
			folio = list_take(&src->dirty, &src->nr_dirty);
			if (!folio)
				folio = list_take(&src->clean, &src->nr_clean);
			if (folio)
				ha_account_uncharge(src->account,
						    HA_BLOCK_PAGES);
		}
		spin_unlock(&src->lock);
		if (!folio)
			break;
		ha_pool_free(folio);
	}
	return n;
}

/* Free the spare pages above @keep; see source_trim().  Return: how many. */
static unsigned long spare_trim(struct ha_source *src, unsigned int keep)
{
	struct folio *folio, *next;
	unsigned int n = 0;
	LIST_HEAD(gone);

	spin_lock(&src->lock);
	while (src->nr_spare > keep) {
		folio = list_take(&src->spare, &src->nr_spare);
		list_add(&folio->lru, &gone);
		n++;
	}
	if (n)
		ha_account_uncharge(src->account, n);
	spin_unlock(&src->lock);
	list_for_each_entry_safe(folio, next, &gone, lru) {
		list_del_init(&folio->lru);
		folio_put(folio);
	}
	return n;
}

unsigned long ha_source_shrink(struct ha_source *src, unsigned long pages)
{
	unsigned long n = spare_trim(src, 0), blocks;

	if (n >= pages)
		return n;
	blocks = source_trim(src, 0, DIV_ROUND_UP(pages - n, HA_BLOCK_PAGES));
	ha_stat_add(HA_SHRUNK, blocks);
	return n + blocks * HA_BLOCK_PAGES;
}

void ha_source_exit(struct ha_source *src)
{
	cancel_work_sync(&src->work);
	source_trim(src, 0, ULONG_MAX);
	spare_trim(src, 0);
}

/* A clean block of this node, the one cleared last.  Lock held. */
static struct folio *clean_take_on(struct ha_source *src, int nid)
{
	struct folio *folio;

	list_for_each_entry(folio, &src->clean, lru) {
		if (folio_nid(folio) != nid)
			continue;
		list_del_init(&folio->lru);
		src->nr_clean--;
		return folio;
	}
	return NULL;
}

/*
 * A block goes to a fault: more may be wanted soon.  What was set aside on another
 * node, for other threads or before this one moved, is left to them; where nobody
 * takes it, it goes with the next idle seconds, as such faults do not count.
 */
static struct folio *reserve_take(struct ha_source *src)
{
	unsigned int max = READ_ONCE(reserve_max);
	int nid = source_node(src);
	struct folio *folio;
	bool kick;

	if (src->common)
		return NULL;
	spin_lock(&src->lock);
	folio = clean_take_on(src, nid);
	if (!folio && src->nr_clean) {
		spin_unlock(&src->lock);
		return NULL;
	}
	src->taken++;
	/* one block may be the last; a second one within a second is a trend */
	if (!folio && src->taken > 1 && src->goal < max)
		src->goal = min(max, src->goal ? src->goal * 2 : 2);
	if (src->goal > max)
		src->goal = max;
	kick = src->nr_clean + src->nr_dirty < (src->goal + 1) / 2;
	spin_unlock(&src->lock);
	if (kick) {
		WRITE_ONCE(src->near, nid);
		queue_work(ha_wq, &src->work);
	}
	return folio;
}

/* The same, where there is no memory: another node's is better than none. */
static struct folio *reserve_take_any(struct ha_source *src)
{
	struct folio *folio;

	spin_lock(&src->lock);
	folio = list_take(&src->clean, &src->nr_clean);
	spin_unlock(&src->lock);
	return folio;
}

/*
 * There is no memory, or the memory cgroup has no room.  A released block that
 * waits to be cleared is paid for already; the alternative is small pages, for
 * which a cgroup at its limit kills.
 */
static struct folio *dirty_use(struct ha_source *src, unsigned int how)
{
	struct folio *folio;

	while ((folio = dirty_take(src))) {
		if (how & HA_ZERO && !ha_folio_zero(folio)) {
			dirty_lose(src, folio);
			continue;
		}
		spin_lock(&src->lock);
		src->nr_dirty--;
		spin_unlock(&src->lock);
		return folio;
	}
	return NULL;
}

struct folio *ha_source_block(struct ha_source *src, unsigned int how,
			      enum ha_counter *from)
{
	struct folio *folio;

	if (how & HA_ZERO) {
		folio = reserve_take(src);
		if (folio) {
			*from = HA_FAULT_RESERVE;
			return folio;
		}
	}
	if (ha_account_charge(src->account, HA_BLOCK_PAGES, !src->common))
		return NULL;
	folio = src->here ? ha_pool_get_at(src->node) :
			    ha_pool_get(source_node(src));
	if (folio) {
		*from = HA_FAULT_POOL;
		return folio;
	}
	folio = block_alloc(source_node(src), how, source_gfp(src));
	if (folio) {
		*from = HA_FAULT_DEMAND;
		return folio;
	}
	ha_account_uncharge(src->account, HA_BLOCK_PAGES);
	folio = reserve_take_any(src);
	if (!folio)
		folio = dirty_use(src, how);
	if (folio) {
		*from = HA_FAULT_RESERVE;
		return folio;
	}
	ha_stat_inc(HA_HUGE_FAILED);
	return NULL;
}

/*
 * Make a used folio look like a new one.  Fails if anybody else holds a
 * reference.
 */
static bool folio_reclaim_flags(struct folio *folio)
{
	if (folio_test_mlocked(folio) || !folio_ref_freeze(folio, 1))
		return false;
	folio_clear_uptodate(folio);
	folio_clear_dirty(folio);
	folio_clear_referenced(folio);
	folio_clear_swapbacked(folio);
	folio->private = NULL;
	INIT_LIST_HEAD(&folio->lru);
	folio_ref_unfreeze(folio, 1);
	return true;
}

/* Keep a released block for the reserve.  Return: whether it was kept. */
static bool reserve_keep(struct ha_source *src, struct folio *folio)
{
	bool keep;

	if (src->common)
		return false;
	spin_lock(&src->lock);
	keep = src->nr_clean + src->nr_dirty < src->goal;
	if (keep) {
		list_add_tail(&folio->lru, &src->dirty);
		src->nr_dirty++;
	}
	spin_unlock(&src->lock);
	if (keep) {
		ha_stat_inc(HA_RECYCLED);
		queue_work(ha_wq, &src->work);
	}
	return keep;
}

/*
 * Free before uncharging, so that the quota holds at every moment, and only so
 * many at a time.
 */
#define GONE_MAX	64

void ha_source_gone(struct ha_gone *gone)
{
	put_pages_list(&gone->folios);
	ha_account_uncharge(gone->account, gone->nr * HA_BLOCK_PAGES);
	gone->nr = 0;
}

void ha_source_block_put(struct ha_source *src, struct ha_account *account,
			 struct folio *folio, bool pooled,
			 struct ha_gone *gone)
{
	bool bad = ha_folio_is_bad(folio);
	bool clean = !bad && folio_reclaim_flags(folio);

	/*
	 * If a block with a bad page in it was freed, it would be handed out
	 * again, since the page allocator looks for bad pages only among single
	 * ones.  So the last reference is kept.
	 */
	if (bad) {
		folio_get(folio);
		ha_pool_bad(folio);
	} else if (!clean) {
		ha_stat_inc(HA_PINNED);
	}
	if (pooled) {
		if (clean) {
			ha_pool_put(folio);
		} else {
			ha_pool_forget(folio);
			folio_put(folio);
		}
	} else {
		if (clean && src && src->account == account &&
		    reserve_keep(src, folio))
			return;
		if (clean && gone && gone->account == account) {
			list_add(&folio->lru, &gone->folios);
			if (++gone->nr == GONE_MAX)
				ha_source_gone(gone);
			return;
		}
		folio_put(folio);
	}
	ha_account_uncharge(account, HA_BLOCK_PAGES);
}

bool ha_source_give(struct ha_source *src)
{
	if (src->common)
		return false;
	spin_lock(&src->lock);
	src->goal = 0;
	spin_unlock(&src->lock);
	return source_trim(src, 0, 1) ||
	       (flush_work(&src->work) && source_trim(src, 0, 1)) ||
	       spare_trim(src, 0);
}

/*
 * A memory cgroup at its limit kills for a page, and our shrinker is not asked
 * before.  So it is only pressed when the reserve, which it pays for, is empty.
 */
struct folio *ha_source_page(struct ha_source *src, unsigned int how)
{
	gfp_t gfp = GFP_HIGHUSER | __GFP_ACCOUNT | source_gfp(src);
	struct folio *folio;

	if (how & HA_ZERO)
		gfp |= __GFP_ZERO;

	if (ha_account_charge(src->account, 1, !src->common))
		return ERR_PTR(-EDQUOT);
	do {
		folio = __folio_alloc(gfp | __GFP_NORETRY | __GFP_NOWARN, 0,
				      source_node(src), ha_node_mask());
	} while (!folio && ha_source_give(src));
	if (how & HA_TRY)
		gfp |= __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	if (!folio)
		folio = __folio_alloc(gfp, 0, source_node(src), ha_node_mask());
	if (folio)
		return folio;
	ha_account_uncharge(src->account, 1);
	return ERR_PTR(-ENOMEM);
}

struct folio *ha_source_spare(struct ha_source *src)
{
	struct folio *folio;
	bool kick;

	if (src->common)
		return NULL;
	spin_lock(&src->lock);
	src->spare_asked++;
	folio = list_take(&src->spare, &src->nr_spare);
	/* one copy may be the last; a second one within a second is a trend */
	if (!folio && src->spare_asked > 1 && src->spare_goal < SPARE_MAX)
		src->spare_goal = max(SPARE_MIN, src->spare_goal * 2);
	kick = src->nr_spare < src->spare_goal / 2;
	spin_unlock(&src->lock);
	if (kick) {
		WRITE_ONCE(src->near, source_node(src));
		queue_work(ha_wq, &src->work);
	}
	if (folio)
		ha_stat_inc(HA_COW_SPARE);
	return folio;
}

void ha_source_page_put(struct ha_account *account, struct folio *folio)
{
	folio_put(folio);
	ha_account_uncharge(account, 1);
}

bool ha_source_decay(struct ha_source *src)
{
	unsigned int keep, keep_spare;
	bool more;

	spin_lock(&src->lock);
	if (!src->taken)
		src->goal /= 2;
	src->taken = 0;
	keep = src->goal;
	/* more spare pages than were asked for in a second are too many */
	if (src->spare_asked < src->spare_goal)
		src->spare_goal /= 2;
	src->spare_asked = 0;
	keep_spare = src->spare_goal;
	more = src->goal || src->nr_clean || src->nr_dirty ||
	       src->spare_goal || src->nr_spare;
	spin_unlock(&src->lock);
	source_trim(src, keep, ULONG_MAX);
	spare_trim(src, keep_spare);
	return more;
}

static unsigned int list_count_on(const struct list_head *list, int nid)
{
	struct folio *folio;
	unsigned int n = 0;

	list_for_each_entry(folio, list, lru)
		n += folio_nid(folio) == nid;
	return n;
}

unsigned int ha_source_reserve(struct ha_source *src, int nid)
{
	unsigned int n;

	/* usually there is none */
	if (!READ_ONCE(src->nr_clean) && !READ_ONCE(src->nr_dirty))
		return 0;
	spin_lock(&src->lock);
	n = list_count_on(&src->clean, nid) + list_count_on(&src->dirty, nid);
	spin_unlock(&src->lock);
	return n;
}

int ha_source_setup(void)
{
	ha_wq = alloc_workqueue("hugearena", WQ_UNBOUND, 0);
	if (!ha_wq)
		return -ENOMEM;
	ha_wq_mm = alloc_workqueue("hugearena_mm", WQ_UNBOUND, 0);
	if (ha_wq_mm)
		return 0;
	destroy_workqueue(ha_wq);
	return -ENOMEM;
}

void ha_source_teardown(void)
{
	destroy_workqueue(ha_wq_mm);
	destroy_workqueue(ha_wq);
}
