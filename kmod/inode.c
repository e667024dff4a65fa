// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pseudo file system of arenas; see inode.h.
 *
 * Keeps true: i_size is set once (the kernel maps no block that reaches past
 * it) and nothing can change it, nor mode nor owner.  simple_pin_fs() guards
 * the mount.  Called by arena and dev.
 */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>

#include "compat.h"
#include "inode.h"

#define HA_MAGIC	0x48554741	/* "HUGA" */

static struct vfsmount *mount;
static int mount_count;

/*
 * A heap must not be executed: mmap() with PROT_EXEC fails with EPERM, and
 * mprotect() cannot add it later.  Newer kernels set this for every pseudo
 * file system.
 */
static int ha_fs_init(struct fs_context *fc)
{
	if (!init_pseudo(fc, HA_MAGIC))
		return -ENOMEM;
	fc->s_iflags |= SB_I_NOEXEC;
	return 0;
}

static struct file_system_type ha_fs = {
	.owner = THIS_MODULE,
	.name = "hugearena",
	.init_fs_context = ha_fs_init,
	.kill_sb = kill_anon_super,
};

/*
 * The page fault path trusts the size, so nothing may change it, nor the mode.
 */
static int ha_setattr(ha_idmap *idmap, struct dentry *dentry,
		      struct iattr *attr)
{
	return -EPERM;
}

static const struct inode_operations ha_inode_ops = {
	.setattr = ha_setattr,
};

static const struct address_space_operations ha_aops = {
	.dirty_folio = noop_dirty_folio,
};

struct inode *ha_inode_new(loff_t size)
{
	struct inode *inode;

	if (simple_pin_fs(&ha_fs, &mount, &mount_count))
		return NULL;
	inode = new_inode(mount->mnt_sb);
	if (!inode) {
		ha_inode_unpin();
		return NULL;
	}
	inode->i_ino = get_next_ino();
	inode->i_mode = S_IFREG | 0600;
	inode->i_uid = current_fsuid();
	inode->i_gid = current_fsgid();
	inode->i_flags |= S_PRIVATE | S_NOCMTIME | S_NOATIME;
	inode->i_op = &ha_inode_ops;
	inode->i_mapping->a_ops = &ha_aops;
	mapping_set_unevictable(inode->i_mapping);
	mapping_set_large_folios(inode->i_mapping);
	inode->i_size = size;
	clear_nlink(inode);
	return inode;
}

void ha_inode_unpin(void)
{
	simple_release_fs(&mount, &mount_count);
}

void ha_inode_put(struct inode *inode)
{
	iput(inode);
	ha_inode_unpin();
}

struct file *ha_inode_file(struct inode *inode, const char *name,
			   const struct file_operations *fops, void *private)
{
	struct file *file;

	/* fput() drops fops->owner, but alloc_file_pseudo() does not take it */
	__module_get(THIS_MODULE);
	file = alloc_file_pseudo(inode, mount, name, O_RDWR | O_LARGEFILE,
				 fops);
	if (IS_ERR(file))
		module_put(THIS_MODULE);
	else
		file->private_data = private;
	return file;
}
