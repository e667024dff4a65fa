// SPDX-License-Identifier: GPL-2.0-only
/*
 * Byte quotas of users and cgroups; see quota.h.
 *
 * Keeps true: pages of a quota is the sum of the folios charged to it; a quota
 * lives as long as an account names it.  The table is guarded by table_lock;
 * the counts are atomic and changed by compare-and-exchange, so that two
 * chargers cannot both take the last block.  Called by block, source
 * and arena, and by dev for its numbers.
 */
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/user_namespace.h>

#include "quota.h"
#include "stat.h"

enum quota_kind { QUOTA_USER, QUOTA_CGROUP };

struct ha_quota {
	struct hlist_node node;		/* guarded by table_lock */
	enum quota_kind kind;
	u64 id;
	unsigned int accounts;		/* guarded by table_lock */
	atomic_long_t pages;
};

/*
 * Unless the administrator says otherwise, all arenas together may have seven
 * eighths of memory.  They cannot be swapped, and the last eighth allows an
 * administrator to log in and put things right.  Which arenas are too large is
 * for the OOM killer and the memory cgroups to decide, as with any other
 * memory.
 */
#define MAX_MB_UNSET	ULONG_MAX
static ulong max_mb = MAX_MB_UNSET;
module_param(max_mb, ulong, 0644);
MODULE_PARM_DESC(max_mb,
		 "MiB that all arenas may hold together (0: no limit; default 7/8 of memory)");
static ulong user_mb;
module_param(user_mb, ulong, 0644);
MODULE_PARM_DESC(user_mb,
		 "MiB that the arenas of one user and their namespaces may hold (0: no limit)");
static ulong cgroup_mb;
module_param(cgroup_mb, ulong, 0644);
MODULE_PARM_DESC(cgroup_mb,
		 "MiB that the arenas of one cgroup and its descendants may hold (0: no limit)");
static uint cgroup_level = 1;
module_param(cgroup_level, uint, 0644);
MODULE_PARM_DESC(cgroup_level,
		 "depth below the root at which cgroups are accounted (default 1); applies to new arenas");

static DEFINE_HASHTABLE(table, 6);
static DEFINE_SPINLOCK(table_lock);
static atomic_long_t all_pages;

/* table_lock held */
static struct ha_quota *quota_find(enum quota_kind kind, u64 id)
{
	struct ha_quota *q;

	hash_for_each_possible(table, q, node, id)
		if (q->kind == kind && q->id == id)
			return q;
	return NULL;
}

static struct ha_quota *quota_get(enum quota_kind kind, u64 id)
{
	struct ha_quota *new = kzalloc(sizeof(*new), GFP_KERNEL), *q;

	if (!new)
		return NULL;
	new->kind = kind;
	new->id = id;
	spin_lock(&table_lock);
	q = quota_find(kind, id);
	if (!q) {
		q = new;
		new = NULL;
		hash_add(table, &q->node, id);
	}
	q->accounts++;
	spin_unlock(&table_lock);
	kfree(new);
	return q;
}

static void quota_put(struct ha_quota *q)
{
	bool last;

	spin_lock(&table_lock);
	last = !--q->accounts;
	if (last)
		hash_del(&q->node);
	spin_unlock(&table_lock);
	if (last) {
		WARN_ON_ONCE(atomic_long_read(&q->pages));
		kfree(q);
	}
}

/*
 * The user who is responsible for the task: the owner of the outermost user
 * namespace that it is in, whatever ids are mapped there.  Namespaces that the
 * superuser made (a container manager's) do not count: their maker would be
 * limited by what it sets up for others, whose ids differ already.
 */
static u64 user_id(void)
{
	struct user_namespace *ns;
	kuid_t uid = current_uid();

	for (ns = current_user_ns(); ns != &init_user_ns; ns = ns->parent)
		if (!uid_eq(ns->owner, GLOBAL_ROOT_UID))
			uid = ns->owner;
	return from_kuid(&init_user_ns, uid);
}

/* The cgroup that is charged: the task's own, or an ancestor of it. */
static u64 cgroup_of_current(void)
{
	u64 id = 0;

#ifdef CONFIG_CGROUPS
	struct cgroup *own, *outer;

	rcu_read_lock();
	own = task_dfl_cgroup(current);
	outer = cgroup_ancestor(own, min_t(uint, READ_ONCE(cgroup_level),
					   own->level));
	id = cgroup_id(outer ?: own);
	rcu_read_unlock();
#endif
	return id;
}

struct ha_account *ha_account_new(void)
{
	struct ha_account *acct = kzalloc(sizeof(*acct), GFP_KERNEL_ACCOUNT);

	if (!acct)
		return NULL;
	refcount_set(&acct->refs, 1);
	acct->user = quota_get(QUOTA_USER, user_id());
	if (!acct->user)
		goto err_free;
	acct->cgroup = quota_get(QUOTA_CGROUP, cgroup_of_current());
	if (!acct->cgroup)
		goto err_user;
	return acct;

err_user:
	quota_put(acct->user);
err_free:
	kfree(acct);
	return NULL;
}

void ha_account_put(struct ha_account *acct)
{
	if (!refcount_dec_and_test(&acct->refs))
		return;
	quota_put(acct->cgroup);
	quota_put(acct->user);
	kfree(acct);
}

/* A limit in MiB as pages; 0, and what would overflow, mean no limit. */
static unsigned long limit_pages(ulong mb)
{
	if (!mb || mb > (ULONG_MAX >> (20 - PAGE_SHIFT)))
		return ULONG_MAX;
	return mb << (20 - PAGE_SHIFT);
}

static bool count_charge(atomic_long_t *count, unsigned long pages,
			 unsigned long limit)
{
	long old;

	if (limit == ULONG_MAX) {
		atomic_long_add(pages, count);
		return true;
	}
	old = atomic_long_read(count);
	do {
		if (old + pages > limit)
			return false;
	} while (!atomic_long_try_cmpxchg(count, &old, old + pages));
	return true;
}

static bool account_try(struct ha_account *acct, unsigned long pages,
			bool limited)
{
	unsigned long none = ULONG_MAX;

	if (!count_charge(&all_pages, pages,
			  limited ? limit_pages(READ_ONCE(max_mb)) : none))
		return false;
	if (!count_charge(&acct->user->pages, pages,
			  limited ? limit_pages(READ_ONCE(user_mb)) : none))
		goto err_all;
	if (!count_charge(&acct->cgroup->pages, pages,
			  limited ? limit_pages(READ_ONCE(cgroup_mb)) : none))
		goto err_user;
	return true;

err_user:
	atomic_long_sub(pages, &acct->user->pages);
err_all:
	atomic_long_sub(pages, &all_pages);
	return false;
}

int ha_account_charge(struct ha_account *acct, unsigned long pages, bool force)
{
	if (account_try(acct, pages, true))
		return 0;
	/* a worker has all capabilities, but its process may have none */
	if (force && !(current->flags & PF_KTHREAD) &&
	    ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE) &&
	    account_try(acct, pages, false))
		return 0;
	ha_stat_inc(HA_QUOTA_DENIED);
	return -EDQUOT;
}

void ha_account_uncharge(struct ha_account *acct, unsigned long pages)
{
	atomic_long_sub(pages, &acct->cgroup->pages);
	atomic_long_sub(pages, &acct->user->pages);
	atomic_long_sub(pages, &all_pages);
}

void ha_quota_init(void)
{
	if (max_mb == MAX_MB_UNSET)
		max_mb = (totalram_pages() >> (20 - PAGE_SHIFT)) / 8 * 7;
}

void ha_limits_get(struct ha_limits *limits)
{
	struct ha_quota *q;

	limits->global = (u64)READ_ONCE(max_mb) << 20;
	limits->user = (u64)READ_ONCE(user_mb) << 20;
	limits->cgroup = (u64)READ_ONCE(cgroup_mb) << 20;
	limits->user_bytes = 0;
	spin_lock(&table_lock);
	q = quota_find(QUOTA_USER, user_id());
	if (q)
		limits->user_bytes =
			(u64)atomic_long_read(&q->pages) << PAGE_SHIFT;
	spin_unlock(&table_lock);
}
