// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pool of zeroed blocks; see pool.h.
 *
 * Keeps true: a block on a clean list is zero and has one reference; clean,
 * dirty and out of a node together are what the pool owns there.  Every list
 * and number is guarded by its node's lock, a spinlock that nests in nothing
 * and inside which nothing is called.  Called by source, arena and
 * empty, and by who writes the parameters.
 */
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "compat.h"
#include "node.h"
#include "pool.h"
#include "scarcity.h"
#include "stat.h"
#include "trace.h"

struct pool_node {
	spinlock_t lock;	/* guards all below */
	struct list_head clean_list;
	struct list_head dirty_list;
	unsigned long clean;
	unsigned long dirty;
	unsigned long out;
	unsigned long failed;
	unsigned long bad;
	unsigned long target;	/* what the administrator asked for */
	unsigned long lent;	/* of target: given up until there is memory */
	unsigned long floor;
	bool full;	/* the last attempt to fill it found no huge page */
} ____cacheline_aligned_in_smp;

static struct pool_node *nodes;		/* nr_node_ids of them */
static struct task_struct *worker;
static struct shrinker *shrinker;
static bool shrinker_registered;
static DECLARE_WAIT_QUEUE_HEAD(worker_wait);

static unsigned long node_total(const struct pool_node *p)
{
	return p->clean + p->dirty + p->out;
}

/* What the pool should hold now. */
static unsigned long node_goal(const struct pool_node *p)
{
	if (ha_node_is_emptied(p - nodes))
		return 0;
	return p->target - p->lent;
}

/* How much of a node is set aside, and not available to others. */
static unsigned long node_held(const struct pool_node *p)
{
	return (READ_ONCE(p->clean) + READ_ONCE(p->dirty) + READ_ONCE(p->out)) *
	       HA_BLOCK_PAGES;
}

void ha_pool_bad(struct folio *folio)
{
	struct pool_node *p = &nodes[folio_nid(folio)];

	pr_warn_ratelimited("hugearena: memory failure in block %#lx, which is not used again\n",
			    folio_pfn(folio));
	spin_lock(&p->lock);
	p->bad++;
	spin_unlock(&p->lock);
	ha_stat_inc(HA_BAD);
}

void ha_pool_free(struct folio *folio)
{
	if (unlikely(ha_folio_is_bad(folio)))
		ha_pool_bad(folio);
	else
		folio_put(folio);
}

static bool node_wants(const struct pool_node *p)
{
	unsigned long total = node_total(p);

	return !list_empty(&p->dirty_list) ||
	       (total < node_goal(p) && !p->full) ||
	       (total > node_goal(p) && p->clean);
}

static struct folio *node_take(struct pool_node *p)
{
	struct folio *folio = NULL;

	spin_lock(&p->lock);
	if (p->clean) {
		folio = list_first_entry(&p->clean_list, struct folio, lru);
		list_del_init(&folio->lru);
		p->clean--;
		p->out++;
	}
	spin_unlock(&p->lock);
	return folio;
}

struct folio *ha_pool_get(int node)
{
	nodemask_t seen = NODE_MASK_NONE;
	struct folio *folio;
	int nid = node;

	if (READ_ONCE(nodes[node].clean)) {
		folio = node_take(&nodes[node]);
		if (folio)
			return folio;
	}
	node_set(node, seen);
	while (nr_online_nodes > 1 &&
	       (nid = ha_node_next(node, &seen)) != NUMA_NO_NODE) {
		if (!READ_ONCE(nodes[nid].clean))
			continue;
		folio = node_take(&nodes[nid]);
		if (folio)
			return folio;
	}
	if (READ_ONCE(nodes[node].target)) {
		spin_lock(&nodes[node].lock);
		nodes[node].failed++;
		spin_unlock(&nodes[node].lock);
	}
	return NULL;
}

struct folio *ha_pool_get_at(int node)
{
	return node_take(&nodes[node]);
}

void ha_pool_put(struct folio *folio)
{
	struct pool_node *p = &nodes[folio_nid(folio)];
	bool keep;

	spin_lock(&p->lock);
	keep = node_total(p) <= node_goal(p);
	p->out--;
	if (keep) {
		list_add_tail(&folio->lru, &p->dirty_list);
		p->dirty++;
	}
	spin_unlock(&p->lock);
	if (keep) {
		ha_stat_inc(HA_RECYCLED);
		wake_up(&worker_wait);
	} else {
		ha_pool_free(folio);
	}
}

void ha_pool_forget(struct folio *folio)
{
	struct pool_node *p = &nodes[folio_nid(folio)];

	spin_lock(&p->lock);
	p->out--;
	spin_unlock(&p->lock);
	wake_up(&worker_wait);
}

void ha_pool_info(int node, struct ha_pool_info *info)
{
	struct pool_node *p = &nodes[node];

	spin_lock(&p->lock);
	info->clean = p->clean;
	info->dirty = p->dirty;
	info->target = p->target;
	info->floor = p->floor;
	info->out = p->out;
	info->failed = p->failed;
	info->lent = p->lent;
	info->bad = p->bad;
	spin_unlock(&p->lock);
}

static struct folio *first_or_null(struct list_head *list)
{
	return list_first_entry_or_null(list, struct folio, lru);
}

/* Free up to @nr blocks of @p, dirty ones first, while more than @keep stay. */
static unsigned long node_drain(struct pool_node *p, unsigned long nr,
				unsigned long keep)
{
	unsigned long n = 0;

	while (n < nr) {
		struct folio *folio = NULL;

		spin_lock(&p->lock);
		if (p->clean + p->dirty > keep) {
			unsigned long *count = &p->dirty;

			folio = first_or_null(&p->dirty_list);
			if (!folio) {
				folio = first_or_null(&p->clean_list);
				count = &p->clean;
			}
			if (folio) {
				list_del_init(&folio->lru);
				(*count)--;
			}
		}
		spin_unlock(&p->lock);
		if (!folio)
			break;
		ha_pool_free(folio);
		n++;
		cond_resched();
	}
	return n;
}

/* Zero one dirty block of @p.  Return: whether there was one. */
static bool node_clean_one(int nid)
{
	struct pool_node *p = &nodes[nid];
	struct folio *folio;
	bool clean;

	spin_lock(&p->lock);
	folio = first_or_null(&p->dirty_list);
	if (folio)
		list_del_init(&folio->lru);
	spin_unlock(&p->lock);
	if (!folio)
		return false;
	clean = ha_folio_zero(folio);
	trace_zero(nid, 1);
	spin_lock(&p->lock);
	p->dirty--;
	if (clean) {
		p->clean++;
		list_add_tail(&folio->lru, &p->clean_list);
	}
	spin_unlock(&p->lock);
	if (!clean)
		ha_pool_bad(folio);
	return true;
}

/*
 * Memory also fails while it waits in the pool.  A GiB is checked each time,
 * which is little work for an idle thread, and reaches every block soon.
 */
#define CHECK_BLOCKS	512

static void node_check(int nid)
{
	struct pool_node *p = &nodes[nid];
	unsigned long i, n = min_t(unsigned long, READ_ONCE(p->clean),
				   CHECK_BLOCKS);

	for (i = 0; i < n; i++) {
		struct folio *folio;
		bool bad;

		spin_lock(&p->lock);
		folio = first_or_null(&p->clean_list);
		if (folio) {
			list_move_tail(&folio->lru, &p->clean_list);
			bad = ha_folio_is_bad(folio);
			if (bad) {
				list_del_init(&folio->lru);
				p->clean--;
			}
		}
		spin_unlock(&p->lock);
		if (!folio)
			break;
		if (bad)
			ha_pool_bad(folio);
		cond_resched();
	}
}

/* Move @nid one block towards its target.  Return: whether it moved. */
static bool node_fill_one(int nid)
{
	struct pool_node *p = &nodes[nid];
	struct folio *folio;
	bool want, over;

	spin_lock(&p->lock);
	want = node_total(p) < node_goal(p) && !p->full;
	over = node_total(p) > node_goal(p) && p->clean + p->dirty;
	spin_unlock(&p->lock);
	if (over)
		return node_drain(p, 1, 0);
	if (!want)
		return false;
	folio = __folio_alloc(HA_GFP_WAIT | __GFP_ZERO | __GFP_THISNODE,
			      HA_BLOCK_ORDER, nid, NULL);
	spin_lock(&p->lock);
	if (folio) {
		list_add_tail(&folio->lru, &p->clean_list);
		p->clean++;
	} else {
		p->full = true;
	}
	spin_unlock(&p->lock);
	return folio;
}

static bool pool_work(void)
{
	bool moved = false;
	int nid;

	for_each_online_node(nid) {
		while (!kthread_should_stop() && node_clean_one(nid))
			moved = true;
		if (node_fill_one(nid))
			moved = true;
	}
	return moved;
}

/*
 * A pool that found no huge page, or gave some up, looks again after this long.
 */
#define RETRY_JIFFIES	(10 * HZ)

/* Take back what was given up, as far as there is memory for it again. */
static void node_recover(int nid)
{
	struct pool_node *p = &nodes[nid];
	unsigned long room = 0;

	if (READ_ONCE(p->lent))
		room = ha_scarcity_room(nid, node_held(p)) / HA_BLOCK_PAGES;
	spin_lock(&p->lock);
	p->lent -= min(room, p->lent);
	p->full = false;
	spin_unlock(&p->lock);
}

static bool pool_wants(void)
{
	int nid;

	for_each_online_node(nid) {
		struct pool_node *p = &nodes[nid];
		bool wants;

		spin_lock(&p->lock);
		wants = node_wants(p);
		spin_unlock(&p->lock);
		if (wants)
			return true;
	}
	return false;
}

static int pool_thread(void *unused)
{
	int nid;

	while (!kthread_should_stop()) {
		if (pool_work()) {
			cond_resched();
			continue;
		}
		if (wait_event_idle_timeout(worker_wait, pool_wants() ||
					    kthread_should_stop(),
					    RETRY_JIFFIES))
			continue;
		for_each_online_node(nid) {
			node_check(nid);
			node_recover(nid);
		}
	}
	return 0;
}

/* How many blocks a node that is short of memory may take from its pool. */
static unsigned long node_spendable(int nid)
{
	struct pool_node *p = &nodes[nid];
	unsigned long have = READ_ONCE(p->clean) + READ_ONCE(p->dirty);
	unsigned long floor = READ_ONCE(p->floor);

	if (have <= floor || !ha_scarcity_is_short(nid, node_held(p)))
		return 0;
	return have - floor;
}

bool ha_pool_shortage(void)
{
	int nid;

	for_each_online_node(nid)
		if (ha_scarcity_is_short(nid, node_held(&nodes[nid])))
			return true;
	return false;
}

/*
 * Give up to @nr blocks.  The pool does not ask for them before there is
 * memory again, so that it and the page allocator do not pass the same blocks
 * back and forth.
 */
static unsigned long node_give(int nid, unsigned long nr)
{
	struct pool_node *p = &nodes[nid];
	unsigned long n;

	n = node_drain(p, nr, READ_ONCE(p->floor));
	spin_lock(&p->lock);
	if (n && node_total(p) < p->target)
		p->lent = max(p->lent, p->target - node_total(p));
	spin_unlock(&p->lock);
	ha_stat_add(HA_SHRUNK, n);
	return n;
}

/*
 * The kernel calls this all the time, also for page cache; scarcity.h says when
 * that is a reason to give anything.
 */
static unsigned long pool_count(struct shrinker *s, struct shrink_control *sc)
{
	return node_spendable(sc->nid) * HA_BLOCK_PAGES ?: SHRINK_EMPTY;
}

static unsigned long pool_scan(struct shrinker *s, struct shrink_control *sc)
{
	unsigned long want = DIV_ROUND_UP(sc->nr_to_scan, HA_BLOCK_PAGES);
	unsigned long n = min(want, node_spendable(sc->nid));

	if (n)
		n = node_give(sc->nid, n);
	return n ? n * HA_BLOCK_PAGES : SHRINK_STOP;
}

/*
 * Blocks that are given up before a process is killed; the kernel then tries
 * again.
 */
#define OOM_BLOCKS	32

static int pool_oom(struct notifier_block *nb, unsigned long unused, void *arg)
{
	unsigned long *freed = arg;
	int nid;

	for_each_online_node(nid) {
		unsigned long n = min_t(unsigned long, node_spendable(nid),
					OOM_BLOCKS);

		if (n)
			*freed += node_give(nid, n) * HA_BLOCK_PAGES;
	}
	return NOTIFY_OK;
}

static struct notifier_block oom_notifier = {
	.notifier_call = pool_oom,
};

void ha_pool_wake(void)
{
	wake_up(&worker_wait);
}

void ha_pool_set(int nid, unsigned long blocks, bool floor)
{
	struct pool_node *p = &nodes[nid];

	spin_lock(&p->lock);
	if (floor) {
		p->floor = blocks;
	} else {
		p->target = blocks;
		p->lent = 0;
	}
	p->full = false;
	spin_unlock(&p->lock);
	wake_up(&worker_wait);
}

/* Spread @blocks over the nodes with memory, the first ones getting the rest */
void ha_pool_set_all(unsigned long blocks, bool floor)
{
	unsigned int n = num_node_state(N_MEMORY), i = 0;
	int nid;

	for_each_node_state(nid, N_MEMORY)
		ha_pool_set(nid, blocks / n + (i++ < blocks % n), floor);
}

static ulong pool_mb;
module_param(pool_mb, ulong, 0444);
MODULE_PARM_DESC(pool_mb, "MiB of zeroed blocks to hold from the start (default 0)");

int ha_pool_init(void)
{
	int nid, err = -ENOMEM;

	if (pool_mb % HA_MB_PER_BLOCK ||
	    pool_mb > (totalram_pages() >> (20 - PAGE_SHIFT))) {
		pr_err("hugearena: pool_mb=%lu is odd, or more than the memory of the machine\n",
		       pool_mb);
		return -EINVAL;
	}
	nodes = kcalloc(nr_node_ids, sizeof(*nodes), GFP_KERNEL);
	if (!nodes)
		return -ENOMEM;
	for (nid = 0; nid < nr_node_ids; nid++) {
		spin_lock_init(&nodes[nid].lock);
		INIT_LIST_HEAD(&nodes[nid].clean_list);
		INIT_LIST_HEAD(&nodes[nid].dirty_list);
	}
	ha_pool_set_all(pool_mb / HA_MB_PER_BLOCK, false);

	shrinker = ha_shrinker_alloc(SHRINKER_NUMA_AWARE);
	if (!shrinker)
		goto err_nodes;
	shrinker->count_objects = pool_count;
	shrinker->scan_objects = pool_scan;
	shrinker->batch = HA_BLOCK_PAGES;
	err = ha_shrinker_register(shrinker, "hugearena-pool");
	if (err)
		goto err_shrinker;
	shrinker_registered = true;

	worker = kthread_create(pool_thread, NULL, "hugearena_zero");
	if (IS_ERR(worker)) {
		err = PTR_ERR(worker);
		goto err_shrinker;
	}
	err = register_oom_notifier(&oom_notifier);
	if (err)
		goto err_worker;
	set_user_nice(worker, MAX_NICE);
	wake_up_process(worker);
	return 0;

err_worker:
	kthread_stop(worker);
err_shrinker:
	ha_shrinker_free(shrinker, shrinker_registered);
	shrinker_registered = false;
err_nodes:
	kfree(nodes);
	nodes = NULL;
	return err;
}

void ha_pool_exit(void)
{
	int nid;

	unregister_oom_notifier(&oom_notifier);
	kthread_stop(worker);
	ha_shrinker_free(shrinker, shrinker_registered);
	shrinker_registered = false;
	for (nid = 0; nid < nr_node_ids; nid++) {
		WARN_ON_ONCE(nodes[nid].out);
		node_drain(&nodes[nid], ULONG_MAX, 0);
	}
	kfree(nodes);
	nodes = NULL;
}
