// SPDX-License-Identifier: GPL-2.0-only
/*
 * Directories of nodes in sysfs; see nodes.h.
 *
 * Keeps true: a directory for each node with memory when the module is loaded,
 * and none when it is gone; readers take no lock that a fault holds for long.
 * Called by main.
 */
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "arena.h"
#include "nodes.h"
#include "tally.h"

static struct kobject **dirs;	/* nr_node_ids of them, NULL without memory */

static int dir_nid(const struct kobject *kobj)
{
	int nid = 0;

	while (dirs[nid] != kobj)
		nid++;
	return nid;
}

static ssize_t nr_blocks_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *buf)
{
	struct ha_tally t;

	ha_tally_node(dir_nid(kobj), &t);
	return sysfs_emit_at(buf, 0, "%ld\n", t.whole);
}

static ssize_t nr_pages_show(struct kobject *kobj, struct kobj_attribute *attr,
			     char *buf)
{
	struct ha_tally t;

	ha_tally_node(dir_nid(kobj), &t);
	return sysfs_emit_at(buf, 0, "%ld\n", t.pages);
}

static ssize_t nr_pool_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	struct ha_pool_info info;

	ha_pool_info(dir_nid(kobj), &info);
	return sysfs_emit_at(buf, 0, "%lu\n", info.clean + info.dirty);
}

static ssize_t nr_reserve_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	int nid = dir_nid(kobj);
	unsigned long n = 0;
	struct ha_arena *a;

	rcu_read_lock();
	list_for_each_entry_rcu(a, &ha_arenas, all)
		n += ha_source_reserve(&a->source, nid);
	rcu_read_unlock();
	return sysfs_emit_at(buf, 0, "%lu\n", n);
}

static struct kobj_attribute nr_blocks = __ATTR_RO(nr_blocks);
static struct kobj_attribute nr_pages = __ATTR_RO(nr_pages);
static struct kobj_attribute nr_pool = __ATTR_RO(nr_pool);
static struct kobj_attribute nr_reserve = __ATTR_RO(nr_reserve);

static struct attribute *node_attrs[] = {
	&nr_blocks.attr,
	&nr_pages.attr,
	&nr_pool.attr,
	&nr_reserve.attr,
	NULL
};

static const struct attribute_group node_group = {
	.attrs = node_attrs,
};

static int dir_make(int nid)
{
	char name[16];

	snprintf(name, sizeof(name), "node%d", nid);
	dirs[nid] = kobject_create_and_add(name, &THIS_MODULE->mkobj.kobj);
	if (!dirs[nid])
		return -ENOMEM;
	return sysfs_create_group(dirs[nid], &node_group);
}

int ha_nodes_init(void)
{
	int nid, err = 0;

	dirs = kcalloc(nr_node_ids, sizeof(*dirs), GFP_KERNEL);
	if (!dirs)
		return -ENOMEM;
	for_each_node_state(nid, N_MEMORY)
		if (!err)
			err = dir_make(nid);
	if (err)
		ha_nodes_exit();
	return err;
}

void ha_nodes_exit(void)
{
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		kobject_put(dirs[nid]);
	kfree(dirs);
}
