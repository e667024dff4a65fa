// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/hugearena and arena files: checks what users say, then calls down.
 *
 * Keeps true: nothing of a user's structure is used before it was copied and
 * checked whole; an operation on an arena file reaches the arena of the
 * calling process and no other, or the one of all if it is shared.  No lock is
 * held while user memory is touched (it may be an arena's, and fault).
 */
#include <linux/anon_inodes.h>
#include <linux/bitmap.h>
#include <linux/capability.h>
#include <linux/ctype.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "dev.h"
#include "dev_look.h"
#include "dev_mesh.h"
#include "dev_move.h"
#include "dirty.h"
#include "inode.h"
#include "map.h"
#include "release.h"
#include "remap.h"
#include "upkeep.h"

/* Half of the address space of a process; far more than there is memory. */
#define MAX_SIZE	BIT_ULL(46)

static long device_info(void __user *arg)
{
	struct hugearena_info info = {
		.features = HUGEARENA_FEAT_RELEASE | HUGEARENA_FEAT_JOIN |
			    HUGEARENA_FEAT_BLOCKS | HUGEARENA_FEAT_RESERVE |
			    HUGEARENA_FEAT_VIEW | HUGEARENA_FEAT_MESH |
			    HUGEARENA_FEAT_SHARED | HUGEARENA_FEAT_MOVE |
			    HUGEARENA_FEAT_SPLIT,
		.block_size = HA_BLOCK_SIZE,
		.max_size = MAX_SIZE,
		.kinds = 1 << HUGEARENA_KIND_BLOCKS |
			 1 << HUGEARENA_KIND_PAGES,
	};
	struct ha_limits limits;

	if (HA_MMU_BITS)
		info.features |= HUGEARENA_FEAT_ACCESSED;
	if (ha_dirty_is_offered())
		info.features |= HUGEARENA_FEAT_DIRTY;
	ha_limits_get(&limits);
	info.global_limit = limits.global;
	info.user_limit = limits.user;
	info.cgroup_limit = limits.cgroup;
	info.user_bytes = limits.user_bytes;
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static bool name_is_valid(const char *name)
{
	int i;

	for (i = 0; i < HUGEARENA_NAME_LEN && name[i]; i++)
		if (!isascii(name[i]) || !isgraph(name[i]))
			return false;
	/* terminated, and nothing hidden behind the end */
	return i < HUGEARENA_NAME_LEN &&
	       !memchr_inv(name + i, 0, HUGEARENA_NAME_LEN - i);
}

static bool kind_is_valid(const struct hugearena_create *c)
{
	unsigned int flags = c->flags & ~HUGEARENA_CREATE_SHARED;
	unsigned int shift = flags & HUGEARENA_SLOT_SHIFT_MASK;

	if (c->kind != HUGEARENA_KIND_BLOCKS && c->kind != HUGEARENA_KIND_PAGES)
		return false;
	if (!flags)
		return true;
	return c->kind == HUGEARENA_KIND_PAGES &&
	       flags == (shift | HUGEARENA_SLOT_GUARD) &&
	       shift >= HUGEARENA_SLOT_SHIFT_MIN &&
	       shift <= HUGEARENA_SLOT_SHIFT_MAX;
}

static bool create_is_valid(const struct hugearena_create *c)
{
	return c->size && !(c->size % HA_BLOCK_SIZE) && c->size <= MAX_SIZE &&
	       kind_is_valid(c) && !c->pad &&
	       (c->node == HUGEARENA_NODE_LOCAL ||
		(c->node >= 0 && c->node < nr_node_ids &&
		 node_state(c->node, N_MEMORY))) &&
	       name_is_valid(c->name);
}

static const struct file_operations arena_fops;

static long device_create_arena(void __user *arg)
{
	struct hugearena_create c;
	struct ha_family *f;
	struct file *file;
	int fd;

	if (copy_from_user(&c, arg, sizeof(c)))
		return -EFAULT;
	if (!create_is_valid(&c))
		return -EINVAL;
	fd = get_unused_fd_flags(O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fd;
	f = ha_family_new(&c, ha_upkeep_work);
	if (IS_ERR(f)) {
		put_unused_fd(fd);
		return PTR_ERR(f);
	}
	ihold(f->inode);
	file = ha_inode_file(f->inode, f->name, &arena_fops, f);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		iput(f->inode);
		ha_family_close(f);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static const struct file_operations view_fops;

static long device_view(void __user *arg)
{
	struct hugearena_view v;
	struct ha_arena *a;
	int fd;

	if (copy_from_user(&v, arg, sizeof(v)))
		return -EFAULT;
	if (v.flags || v.pad)
		return -EINVAL;
	if (!capable(CAP_SYS_PTRACE))
		return -EPERM;
	a = ha_arena_get_by_id_maybe_null(v.id);
	if (!a)
		return -ESRCH;
	fd = anon_inode_getfd("[hugearena-view]", &view_fops, a,
			      O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		ha_arena_put(a);
	return fd;
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case HUGEARENA_IOC_INFO:
		return device_info(user);
	case HUGEARENA_IOC_CREATE:
		return device_create_arena(user);
	case HUGEARENA_IOC_VIEW:
		return device_view(user);
	}
	return -ENOTTY;
}

static bool range_is_valid(const struct ha_family *f, u64 offset, u64 len,
			   u64 unit)
{
	u64 size = (u64)f->nblocks << HA_BLOCK_SHIFT;

	return !(offset % unit) && !(len % unit) && len && offset < size &&
	       len <= size - offset;
}

static int ranges_are_valid(const struct ha_family *f,
			    const struct hugearena_range *r, unsigned int nr)
{
	u64 end = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!range_is_valid(f, r[i].offset, r[i].len, PAGE_SIZE) ||
		    r[i].offset < end)
			return -EINVAL;
		end = r[i].offset + r[i].len;
	}
	return 0;
}

/*
 * May the caller remove content?  It reads as zero then, so that this is a
 * write.  A seal added while a release runs takes effect after it.
 */
static bool release_is_allowed(const struct ha_family *f)
{
	return !(READ_ONCE(f->seals) & HUGEARENA_SEAL_WRITE) ||
	       current->mm == f->maker;
}

static long arena_release_ranges(struct ha_family *f, struct ha_arena *a,
				 void __user *user)
{
	struct hugearena_range *ranges;
	struct hugearena_release r;
	unsigned int i;
	int err, ret;

	if (copy_from_user(&r, user, sizeof(r)))
		return -EFAULT;
	if (!r.nr || r.nr > HUGEARENA_RELEASE_MAX || r.flags)
		return -EINVAL;
	if (!release_is_allowed(f))
		return -EPERM;
	ranges = memdup_user(u64_to_user_ptr(r.ranges), r.nr * sizeof(*ranges));
	if (IS_ERR(ranges))
		return PTR_ERR(ranges);
	err = ranges_are_valid(f, ranges, r.nr);
	r.released = 0;
	for (i = 0; !err && i < r.nr; i++) {
		u64 offset = ranges[i].offset, len = ranges[i].len;

		/* adjacent ranges are joined, so that they cost one flush */
		while (i + 1 < r.nr && ranges[i + 1].offset == offset + len)
			len += ranges[++i].len;
		ret = ha_release(a, offset, len, &r.released);
		if (ret)
			err = ret;
	}
	kfree(ranges);
	if (err == -EINVAL)
		return err;
	if (put_user(r.released,
		     &((struct hugearena_release __user *)user)->released))
		return -EFAULT;
	return err;
}

/* Join the blocks of a range, or split them. */
static long arena_remake(struct ha_family *f, struct ha_arena *a,
			 void __user *user, bool join)
{
	struct hugearena_join j;
	unsigned long index;
	pgoff_t end;

	if (copy_from_user(&j, user, sizeof(j)))
		return -EFAULT;
	if (!range_is_valid(f, j.offset, j.len, HA_BLOCK_SIZE) || j.flags ||
	    j.joined || j.busy || j.failed)
		return -EINVAL;
	if (f->kind != HUGEARENA_KIND_BLOCKS)
		return -EOPNOTSUPP;
	index = j.offset >> HA_BLOCK_SHIFT;
	end = (j.offset + j.len) >> HA_BLOCK_SHIFT;
	while (xa_find(&a->table, &index, end - 1, XA_PRESENT)) {
		int ret = join ? ha_join_block(a, index, false) :
				 ha_split_block(a, index);

		if (ret > 0)
			j.joined++;
		else if (ret == -EBUSY)
			j.busy++;
		else if (ret)
			j.failed++;
		if (signal_pending(current) || ++index >= end)
			break;
		cond_resched();
	}
	if (join && j.joined)
		ha_remap(a, j.offset >> HA_BLOCK_SHIFT,
			 j.len >> HA_BLOCK_SHIFT);
	return copy_to_user(user, &j, sizeof(j)) ? -EFAULT : 0;
}

static long arena_join(struct ha_family *f, struct ha_arena *a,
		       void __user *user)
{
	return arena_remake(f, a, user, true);
}

static long arena_split(struct ha_family *f, struct ha_arena *a,
			void __user *user)
{
	return arena_remake(f, a, user, false);
}

/* Report pages @pgoff to @pgoff + @n - 1, piece by piece, in words at @user. */
static long dirty_pieces(struct ha_arena *a, pgoff_t pgoff, u64 n,
			 u64 __user *user, u64 *dirty)
{
	u64 done = 0, piece;
	unsigned long *bits;
	long ret = 0;

	bits = bitmap_alloc(HA_DIRTY_PIECE, GFP_KERNEL);
	if (!bits)
		return -ENOMEM;
	while (done < n && ret >= 0) {
		piece = min_t(u64, n - done, HA_DIRTY_PIECE);
		ret = ha_dirty_take(a, pgoff + done, piece, bits);
		if (ret < 0)
			break;
		*dirty += ret;
		if (copy_to_user(user + done / 64, bits,
				 DIV_ROUND_UP(piece, 64) * sizeof(u64)))
			ret = -EFAULT;
		done += piece;
		/* terabytes of address space are many pieces: let others run */
		if (fatal_signal_pending(current))
			ret = -EINTR;
		cond_resched();
	}
	bitmap_free(bits);
	if (ret < 0 && done)
		ha_dirty_restore(a, pgoff, done);
	return ret < 0 ? ret : 0;
}

static long arena_dirty(struct ha_family *f, struct ha_arena *a,
			void __user *user)
{
	struct hugearena_dirty d;
	pgoff_t pgoff;
	long err;

	if (copy_from_user(&d, user, sizeof(d)))
		return -EFAULT;
	if (!range_is_valid(f, d.offset, d.len, PAGE_SIZE) ||
	    d.flags != HUGEARENA_DIRTY_CLEAR || d.pad || d.dirty)
		return -EINVAL;
	pgoff = d.offset >> PAGE_SHIFT;
	err = dirty_pieces(a, pgoff, d.len >> PAGE_SHIFT,
			   u64_to_user_ptr(d.bitmap), &d.dirty);
	if (!err && copy_to_user(user, &d, sizeof(d))) {
		ha_dirty_restore(a, pgoff, d.len >> PAGE_SHIFT);
		err = -EFAULT;
	}
	return err;
}

static long arena_seal(struct ha_family *f, struct ha_arena *a,
		       void __user *user)
{
	struct hugearena_seal s;

	if (copy_from_user(&s, user, sizeof(s)))
		return -EFAULT;
	if (!s.seals || s.pad ||
	    s.seals & ~(HUGEARENA_SEAL_MAP | HUGEARENA_SEAL_WRITE))
		return -EINVAL;
	if (!a->common)
		return -EOPNOTSUPP;
	if (current->mm != f->maker)
		return -EPERM;
	mutex_lock(&f->lock);
	WRITE_ONCE(f->seals, f->seals | s.seals);
	mutex_unlock(&f->lock);
	return 0;
}

static long arena_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long (*op)(struct ha_family *f, struct ha_arena *a, void __user *user);
	struct ha_family *f = file->private_data;
	struct ha_arena *a;
	long ret;

	switch (cmd) {
	case HUGEARENA_IOC_RELEASE:
		op = arena_release_ranges;
		break;
	case HUGEARENA_IOC_SPLIT:
		op = arena_split;
		break;
	case HUGEARENA_IOC_JOIN:
		op = arena_join;
		break;
	case HUGEARENA_IOC_BLOCKS:
		op = ha_dev_blocks;
		break;
	case HUGEARENA_IOC_STAT:
		op = ha_dev_stat;
		break;
	case HUGEARENA_IOC_DIRTY:
		op = arena_dirty;
		break;
	case HUGEARENA_IOC_MESH:
		op = ha_dev_mesh;
		break;
	case HUGEARENA_IOC_MOVE:
		op = ha_dev_move;
		break;
	case HUGEARENA_IOC_SEAL:
		op = arena_seal;
		break;
	default:
		return -ENOTTY;
	}
	a = ha_arena_get_current_maybe_null(f);
	if (!a)
		return -ENXIO;
	ret = op(f, a, (void __user *)arg);
	ha_arena_put(a);
	return ret;
}

static long view_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ha_arena *a = file->private_data;

	switch (cmd) {
	case HUGEARENA_IOC_BLOCKS:
		return ha_dev_blocks(a->family, a, (void __user *)arg);
	case HUGEARENA_IOC_STAT:
		return ha_dev_stat(a->family, a, (void __user *)arg);
	}
	return -ENOTTY;
}

static int view_close(struct inode *inode, struct file *file)
{
	ha_arena_put(file->private_data);
	return 0;
}

static const struct file_operations view_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = view_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = view_close,
	.llseek = noop_llseek,
};

static long arena_fallocate(struct file *file, int mode, loff_t offset,
			    loff_t len)
{
	struct ha_family *f = file->private_data;
	u64 released = 0, end = offset + len;
	struct ha_arena *a;
	long err = 0;

	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return -EOPNOTSUPP;
	if (!release_is_allowed(f))
		return -EPERM;
	a = ha_arena_get_current_maybe_null(f);
	if (!a)
		return -ENXIO;
	/*
	 * only the whole pages inside the range, which is what madvise()
	 * passes anyway
	 */
	offset = round_up(offset, PAGE_SIZE);
	end = round_down(end, PAGE_SIZE);
	if (offset < end)
		err = ha_release(a, offset, end - offset, &released);
	ha_arena_put(a);
	return err;
}

static int arena_mmap(struct file *file, struct vm_area_struct *vma)
{
	return ha_map_mmap(file->private_data, vma);
}

static int arena_close(struct inode *inode, struct file *file)
{
	ha_family_close(file->private_data);
	return 0;
}

static void arena_fdinfo(struct seq_file *m, struct file *file)
{
	struct ha_family *f = file->private_data;
	unsigned long resident = 0, whole = 0, split = 0, copies = 0;
	unsigned int mappings = 0;
	struct ha_arena *a;

	mutex_lock(&f->lock);
	list_for_each_entry(a, &f->arenas, sibling) {
		resident += ha_arena_resident(a);
		whole += ha_arena_read(a, HA_A_WHOLE);
		split += ha_arena_read(a, HA_A_SPLIT);
		mappings += atomic_read(&a->nvma);
		copies++;
	}
	mutex_unlock(&f->lock);
	seq_printf(m, "hugearena-id:\t%llu\n", f->first->id);
	seq_printf(m, "hugearena-name:\t%s\n", f->name);
	seq_printf(m, "hugearena-size:\t%lu kB\n",
		   f->nblocks << (HA_BLOCK_SHIFT - 10));
	seq_printf(m, "hugearena-copies:\t%lu\n", copies);
	seq_printf(m, "hugearena-resident:\t%lu kB\n",
		   resident << (PAGE_SHIFT - 10));
	seq_printf(m, "hugearena-blocks:\t%lu\n", whole);
	seq_printf(m, "hugearena-split:\t%lu\n", split);
	seq_printf(m, "hugearena-mappings:\t%u\n", mappings);
	seq_printf(m, "hugearena-mode:\t%s\n",
		   ha_family_is_common(f) ? "shared" : "private");
}

static const struct file_operations arena_fops = {
	.owner = THIS_MODULE,
	.mmap = arena_mmap,
	.get_unmapped_area = ha_map_unmapped_area,
	.release = arena_close,
	.unlocked_ioctl = arena_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.fallocate = arena_fallocate,
	.fsync = noop_fsync,
	.show_fdinfo = arena_fdinfo,
};

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hugearena",
	.fops = &dev_fops,
	.mode = 0660,
};

int ha_dev_init(void)
{
	return misc_register(&dev);
}

void ha_dev_exit(void)
{
	misc_deregister(&dev);
}
