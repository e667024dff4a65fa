// SPDX-License-Identifier: GPL-2.0-only
/*
 * pool_target_mb and pool_floor_mb, at run time; see pool.h.
 *
 * Keeps true: a text that is wrong anywhere changes nothing.  The kernel's lock
 * of the module's parameters guards ready.  Called by main, and by the kernel
 * when a parameter is written or read.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "pool.h"

static bool ready;	/* under kernel_param_lock(): there is a pool to set */

void ha_pool_param_enable(bool enable)
{
	kernel_param_lock(THIS_MODULE);
	ready = enable;
	kernel_param_unlock(THIS_MODULE);
}

/*
 * "512" spreads 512 MiB over all nodes, "256,0,256" says it node by node.
 * Nothing changes when any of the text is wrong.
 */
static int pool_param_set(const char *val, const struct kernel_param *kp)
{
	bool floor = *(bool *)kp->arg;
	unsigned long *mb;
	int nid, n = 0, err = 0;
	char *text, *rest, *word;

	if (!ready)	/* on insmod's command line: pool_mb= is for that */
		return -EINVAL;
	text = kstrdup(val, GFP_KERNEL);
	mb = kcalloc(nr_node_ids, sizeof(*mb), GFP_KERNEL);
	if (!text || !mb) {
		err = -ENOMEM;
		goto out;
	}
	rest = strim(text);
	while (!err && (word = strsep(&rest, ","))) {
		if (n == nr_node_ids)
			err = -EINVAL;
		else
			err = kstrtoul(word, 0, &mb[n++]);
	}
	for (nid = 0; !err && nid < n; nid++) {
		if (mb[nid] % HA_MB_PER_BLOCK ||
		    mb[nid] > (totalram_pages() >> (20 - PAGE_SHIFT)))
			err = -EINVAL;
		if (mb[nid] && n > 1 && !node_state(nid, N_MEMORY))
			err = -ENODEV;
	}
	if (err)
		goto out;
	if (n == 1) {
		ha_pool_set_all(mb[0] / HA_MB_PER_BLOCK, floor);
	} else {
		for (nid = 0; nid < n; nid++)
			ha_pool_set(nid, mb[nid] / HA_MB_PER_BLOCK, floor);
	}
out:
	kfree(mb);
	kfree(text);
	return err;
}

static int pool_param_get(char *buf, const struct kernel_param *kp)
{
	bool floor = *(bool *)kp->arg;
	struct ha_pool_info info;
	int nid, len = 0;

	if (!ready)
		return -ENODEV;
	for_each_online_node(nid) {
		ha_pool_info(nid, &info);
		len += sysfs_emit_at(buf, len, "%s%lu", len ? "," : "",
				     (floor ? info.floor : info.target) *
				     HA_MB_PER_BLOCK);
	}
	return len + sysfs_emit_at(buf, len, "\n");
}

static const struct kernel_param_ops pool_param_ops = {
	.set = pool_param_set,
	.get = pool_param_get,
};

static bool is_target;
static bool is_floor = true;
module_param_cb(pool_target_mb, &pool_param_ops, &is_target, 0644);
MODULE_PARM_DESC(pool_target_mb,
		 "MiB of zeroed blocks to hold, in total or for each node (a,b,...)");
module_param_cb(pool_floor_mb, &pool_param_ops, &is_floor, 0644);
MODULE_PARM_DESC(pool_floor_mb,
		 "MiB of the pool that memory pressure leaves, in total or for each node");
