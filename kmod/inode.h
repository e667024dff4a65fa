/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Inodes of a file system that is never mounted where anybody could see it.
 *
 * Each one pins the pseudo mount, and with it the module, which cannot be
 * unloaded before the last one is gone.
 */
#ifndef _HUGEARENA_INODE_H
#define _HUGEARENA_INODE_H

#include <linux/fs.h>

/**
 * ha_inode_new() - a regular file's inode that refuses every attribute change
 * @size: its size for good, bytes
 *
 * Return: the inode with one reference, or NULL without memory.  It pins the
 * mount until ha_inode_unpin().
 */
struct inode *ha_inode_new(loff_t size);

/* Drop an inode of which no file was made, and its hold on the mount. */
void ha_inode_put(struct inode *inode);

/*
 * Drop only the hold on the mount: the reference to the inode went with the
 * file.
 */
void ha_inode_unpin(void);

/**
 * ha_inode_file() - open an inode
 * @inode: its reference goes to the file on success
 * @name: for /proc/PID/maps
 * @fops: file operations, whose owner is this module
 * @private: private_data
 *
 * Return: the file, which holds a reference to the module, or an error
 * pointer.
 */
struct file *ha_inode_file(struct inode *inode, const char *name,
			   const struct file_operations *fops, void *private);

#endif /* _HUGEARENA_INODE_H */
