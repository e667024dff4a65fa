/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Quota: how many bytes all arenas, one user's and one cgroup's may hold.
 *
 * Every folio an arena takes is charged to its account before it is allocated
 * and uncharged after it is freed, so a limit is never passed, not even for a
 * moment.  A page that forked relatives share is charged once, to the account
 * of the arena that allocated it.
 *
 * Nobody gets more by multiplying.  A user is responsible for the ids in user
 * namespaces of his own, at any depth, and a cgroup for all cgroups below it,
 * from the level down that cgroup_level names.  As the limits are the same for
 * every user and every cgroup, charging the outermost one is enough: none
 * further in can hold more than it does.
 */
#ifndef _HUGEARENA_QUOTA_H
#define _HUGEARENA_QUOTA_H

#include <linux/refcount.h>
#include <linux/types.h>

struct ha_quota;

/**
 * struct ha_account - who pays: a user and a cgroup
 * @refs: arenas and blocks charged to it
 * @user: quota of the user who answers for the task
 * @cgroup: quota of its cgroup at cgroup_level, or of itself above that
 */
struct ha_account {
	refcount_t refs;
	struct ha_quota *user;
	struct ha_quota *cgroup;
};

/**
 * ha_account_new() - the account of the calling task
 *
 * Return: an account with one reference, the caller's, or NULL without memory.
 */
struct ha_account *ha_account_new(void);

static inline struct ha_account *ha_account_get(struct ha_account *acct)
{
	refcount_inc(&acct->refs);
	return acct;
}

void ha_account_put(struct ha_account *acct);

/**
 * ha_account_charge() - ask for pages
 * @acct: who pays
 * @pages: 4 KiB pages
 * @force: let a task with CAP_SYS_RESOURCE pass the limits, but no kernel thread
 *
 * Return: 0, or -EDQUOT with nothing charged and the refusal counted.
 */
int ha_account_charge(struct ha_account *acct, unsigned long pages, bool force);
void ha_account_uncharge(struct ha_account *acct, unsigned long pages);

/**
 * struct ha_limits - the limits in force and what is used, in bytes
 * @global: cap of all arenas, 0 for none
 * @user: cap of a user
 * @cgroup: cap of a cgroup
 * @user_bytes: what the calling task's user holds
 */
struct ha_limits {
	u64 global;
	u64 user;
	u64 cgroup;
	u64 user_bytes;
};

void ha_limits_get(struct ha_limits *limits);

void ha_quota_init(void);

#endif /* _HUGEARENA_QUOTA_H */
