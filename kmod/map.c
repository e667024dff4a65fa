// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs of arenas: mmap, fork, unmap; see map.h, and arena.h for the locks.
 * Faults are in map_fault.c.
 *
 * Keeps true: a VMA's vm_private_data is its process's arena, or NULL when
 * fork() had no memory for one (every access is SIGBUS then); the VMAs of an
 * arena that may share a block are copy-on-write.  Called by the kernel's mm
 * through tables, and by dev and upkeep.
 */
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "cow_clone.h"
#include "map.h"
#include "map_fault.h"
#include "mesh.h"
#include "release.h"
#include "remap.h"

static const struct vm_operations_struct plain_ops, cow_ops, common_ops;

static vm_fault_t plain_fault(struct vm_fault *vmf)
{
	return ha_map_fault(vmf, false);
}

static vm_fault_t cow_fault(struct vm_fault *vmf)
{
	return ha_map_fault(vmf, true);
}

/*
 * Maps no pages around the fault.  It exists because 6.12 calls .fault under
 * the per-VMA lock only for VMAs that have a map_pages.
 */
static vm_fault_t ha_map_pages(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}

/* mmap_lock held for writing, or nobody knows the VMA yet. */
static void vma_set_cow(struct vm_area_struct *vma)
{
	vma_start_write(vma);
	vma->vm_ops = &cow_ops;
	WRITE_ONCE(vma->vm_page_prot,
		   vm_get_page_prot(vma->vm_flags & ~VM_SHARED));
}

static void vma_set_plain(struct vm_area_struct *vma)
{
	vma_start_write(vma);
	vma->vm_ops = &plain_ops;
	WRITE_ONCE(vma->vm_page_prot, vm_get_page_prot(vma->vm_flags));
}

/* Call @op on the VMAs of @a that have @ops; mmap_lock held for writing. */
static void arena_vmas_do(struct ha_arena *a,
			  const struct vm_operations_struct *ops,
			  void (*op)(struct vm_area_struct *vma))
{
	unsigned long end = a->base + (a->nblocks << HA_BLOCK_SHIFT);
	struct vm_area_struct *vma;
	struct vma_iterator vmi;

	vma_iter_init(&vmi, a->mm, a->base);
	for_each_vma_range(vmi, vma, end)
		if (vma->vm_ops == ops && vma->vm_private_data == a)
			op(vma);
}

/*
 * fork() copies a VMA: @vma is the child's, and both mmap_locks are held for
 * writing.  Page tables of a shared mapping are not copied.  The first VMA of
 * an arena clones it.  Before that, all VMAs of the parent must be made to ask
 * before a page becomes writable, and faults that hold one of them by its own
 * lock must have ended.
 */
static void vma_fork(struct ha_arena *p, struct vm_area_struct *vma)
{
	struct ha_family *f = p->family;
	struct ha_arena *c;

	mutex_lock(&f->lock);
	c = ha_arena_find(f, vma->vm_mm);
	mutex_unlock(&f->lock);
	if (!c) {
		arena_vmas_do(p, &plain_ops, vma_set_cow);
		c = ha_cow_clone(p, vma->vm_mm);
	}
	if (c)
		atomic_inc(&c->nvma);
	vma->vm_private_data = c;
	vma_set_cow(vma);
}

static void ha_vm_open(struct vm_area_struct *vma)
{
	struct ha_arena *a = vma->vm_private_data;

	if (!a)
		return;
	if (vma->vm_mm == a->mm)
		atomic_inc(&a->nvma);	/* split */
	else
		vma_fork(a, vma);
}

static void ha_vm_close(struct vm_area_struct *vma)
{
	struct ha_arena *a = vma->vm_private_data;
	unsigned long size = vma->vm_end - vma->vm_start;
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT, released = 0;

	if (!a)
		return;
	if (READ_ONCE(a->remapper) == current) {
		a->remap_hole = true;	/* its replacement comes at once */
		return;
	}
	if (ha_arena_unmap(a))
		return;
	/*
	 * A part was unmapped: release it.  Not when the process exits, which
	 * drops everything at once, and not for a VMA that a failed mremap or
	 * split has made.
	 */
	if (size && atomic_read(&vma->vm_mm->mm_users) &&
	    vma->vm_start == a->base + offset)
		ha_release(a, offset, size, &released);
}

/* A fork or a split: all VMAs map the same memory. */
static void common_open(struct vm_area_struct *vma)
{
	struct ha_arena *a = vma->vm_private_data;

	atomic_inc(&a->nvma);
}

/* The content stays: others map it, and the file keeps it. */
static void common_close(struct vm_area_struct *vma)
{
	struct ha_arena *a = vma->vm_private_data;

	atomic_dec(&a->nvma);
}

static int ha_vm_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

#ifdef CONFIG_NUMA
/*
 * NUMA balancing asks for the policy of a VMA to see whether it should take
 * away mappings now and then, and move the pages that another node then faults
 * in.  Ours cannot be moved, so the faults would be wasted.
 */
static struct mempolicy *ha_get_policy(HA_POLICY_ARGS)
{
	static struct mempolicy no_hints = {
		.refcnt = ATOMIC_INIT(1),
		.mode = MPOL_LOCAL,
	};

	return vma->vm_policy ?: &no_hints;
}
#endif

static const struct vm_operations_struct plain_ops = {
	.open = ha_vm_open,
	.close = ha_vm_close,
	.mremap = ha_vm_mremap,
#ifdef CONFIG_NUMA
	.get_policy = ha_get_policy,
#endif
	.fault = plain_fault,
#ifdef HA_INSERTS_BLOCKS
	.huge_fault = ha_map_fault_huge,
#endif
	.map_pages = ha_map_pages,
};

static const struct vm_operations_struct cow_ops = {
	.open = ha_vm_open,
	.close = ha_vm_close,
	.mremap = ha_vm_mremap,
#ifdef CONFIG_NUMA
	.get_policy = ha_get_policy,
#endif
	.fault = cow_fault,
	.map_pages = ha_map_pages,
	.page_mkwrite = ha_map_mkwrite,
};

static const struct vm_operations_struct common_ops = {
	.open = common_open,
	.close = common_close,
	.mremap = ha_vm_mremap,
#ifdef CONFIG_NUMA
	.get_policy = ha_get_policy,
#endif
	.fault = plain_fault,
	.map_pages = ha_map_pages,
};

/* Family's lock held. */
static int mmap_common(struct ha_family *f, struct vm_area_struct *vma)
{
	if (f->seals & HUGEARENA_SEAL_MAP)
		return -EPERM;
	if (f->seals & HUGEARENA_SEAL_WRITE) {
		if (vma->vm_flags & VM_WRITE)
			return -EPERM;
		/* nor by mprotect() later */
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	atomic_inc(&f->first->nvma);
	vma->vm_private_data = f->first;
	vma->vm_ops = &common_ops;
	return 0;
}

int ha_map_mmap(struct ha_family *f, struct vm_area_struct *vma)
{
	unsigned long base = vma->vm_start - (vma->vm_pgoff << PAGE_SHIFT);
	unsigned long pages = f->nblocks << HA_BLOCK_ORDER;
	struct ha_arena *a;
	int err = 0;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff > pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	/* offset 0 would be below address 0, where no walk by address begins */
	if (!ha_family_is_common(f) &&
	    vma->vm_pgoff > vma->vm_start >> PAGE_SHIFT)
		return -EINVAL;
	/* takes the VMA's lock, which comes before the family's in a fault */
	vm_flags_set(vma, VM_DONTEXPAND);
	mutex_lock(&f->lock);
	if (ha_family_is_common(f)) {
		err = mmap_common(f, vma);
		goto out;
	}
	a = ha_arena_find(f, vma->vm_mm);
	if (!a) {
		err = -EPERM;
		goto out;
	}
	if (!atomic_read(&a->nvma)) {
		a->base = base;
	} else if (a->base != base) {
		err = -EBUSY;
		goto out;
	}
	if (a->remap_hole && READ_ONCE(a->remapper) == current)
		a->remap_hole = false;
	else
		atomic_inc(&a->nvma);
	vma->vm_private_data = a;
	vma->vm_ops = &plain_ops;
	if (a->cow)
		vma_set_cow(vma);
out:
	mutex_unlock(&f->lock);
	return err;
}

unsigned long ha_map_unmapped_area(struct file *file, unsigned long addr,
				   unsigned long len, unsigned long pgoff,
				   unsigned long flags)
{
	struct ha_family *f = file->private_data;
	struct ha_arena *a;
	int ours = 0;

	mutex_lock(&f->lock);
	a = ha_arena_find(f, current->mm);
	if (a)
		ours = ha_remap_check(a, addr, len, pgoff);
	mutex_unlock(&f->lock);
	if (ours < 0)
		return ours;
	if (ours)
		return addr;
	return thp_get_unmapped_area(file, addr, len, pgoff, flags);
}

/* Is any block of @a, or a base of one, in use by a relative? */
static bool arena_shares(struct ha_arena *a)
{
	unsigned long index;
	void *entry;

	xa_for_each(&a->table, index, entry) {
		struct ha_block *b = ha_entry_block(entry);

		for (; b; b = b->base)
			if (b->base || ha_block_shared(b))
				return true;
	}
	return false;
}

/*
 * A plain VMA makes pages writable without asking us.  So what was shared must
 * be clean first, and must carry the arena's own inode, since no fault will
 * rehome it later.
 */
static bool arena_clean(struct ha_arena *a)
{
	unsigned long index;
	bool clean = true;
	void *entry;

	xa_for_each(&a->table, index, entry) {
		struct ha_block *b = ha_entry_block(entry);

		if (!b)
			continue;
		if (!ha_cow_clean(a, index, b, NULL))
			clean = false;
		else if (b->home != a->inode)
			ha_block_rehome(b, a->inode, NULL);
	}
	/* nor may a page be written of which a relative has an alias */
	return clean && ha_mesh_claim(a);
}

bool ha_map_uncow(struct ha_arena *a)
{
	bool done = true;

	if (!mmget_not_zero(a->mm))
		return true;	/* the process is exiting: nothing is left to do */
	mmap_write_lock(a->mm);
	/* no fork can come now; faults wait for rw, so change the VMAs first */
	arena_vmas_do(a, &cow_ops, vma_start_write);
	down_write(&a->rw);
	if (!arena_shares(a)) {
		done = arena_clean(a);
		if (done) {
			arena_vmas_do(a, &cow_ops, vma_set_plain);
			a->cow = false;
		}
	}
	up_write(&a->rw);
	mmap_write_unlock(a->mm);
	mmput_async(a->mm);
	return done;
}
