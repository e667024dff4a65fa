// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs of arenas: faults, fork, unmap; see map.h, and arena.h for the locks.
 *
 * Keeps true: a fault hands the kernel a locked folio that was in the table
 * while the block's lock was held; a shared page is never mapped writable; a
 * VMA's vm_private_data is its process's arena, or NULL when fork had no
 * memory for one (every access is SIGBUS then).  Called by the kernel's mm
 * through tables, and by dev and upkeep.
 */
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "cow.h"
#include "map.h"
#include "mesh.h"
#include "release.h"
#include "remap.h"
#include "trace.h"

static const struct vm_operations_struct plain_ops, cow_ops, common_ops;

static bool vma_is_cow(const struct vm_area_struct *vma)
{
	return vma->vm_ops == &cow_ops;
}

static vm_fault_t fault_error(int err)
{
	if (err == -EHWPOISON)
		return VM_FAULT_HWPOISON;	/* SIGBUS, BUS_MCEERR_AR */
	return err == -ENOMEM ? VM_FAULT_OOM : VM_FAULT_SIGBUS;
}

/*
 * Does a PMD point to a table of PTEs?  Read before the block's lock is taken,
 * so nothing may rely on it beyond what HA_TABLES_STAY promises.
 */
static bool pmd_is_table(pmd_t pmd)
{
	return !pmd_none(pmd) && !pmd_trans_huge(pmd) && !pmd_devmap(pmd) &&
	       pmd_present(pmd);
}

/*
 * A debugger, or process_vm_writev(), faults in another process: whose memory it
 * is pays for it, not who looks.
 */
struct payer {
	struct mem_cgroup *memcg;	/* NULL for a task's own fault */
	struct mem_cgroup *old;
};

static struct payer payer_begin(const struct vm_area_struct *vma)
{
	struct payer p = {};

	if (unlikely(vma->vm_mm != current->mm)) {
		p.memcg = get_mem_cgroup_from_mm(vma->vm_mm);
		p.old = set_active_memcg(p.memcg);
	}
	return p;
}

static void payer_end(const struct payer *p)
{
	if (likely(!p->memcg))
		return;
	set_active_memcg(p->old);
	mem_cgroup_put(p->memcg);
}

/*
 * Hand a page to the kernel, locked until it is mapped: see ha_block_settle().
 * Where a page of its folio failed, the kernel may map all of it but by a PMD.
 */
static vm_fault_t fault_page(struct vm_fault *vmf, struct ha_arena *a,
			     pgoff_t index, bool write, struct page *page)
{
	struct folio *folio = page_folio(page);

	if (unlikely(PageHWPoison(page))) {
		/* so that the kernel maps no PMD over it for a neighbour */
		if (folio_test_large(folio))
			folio_set_has_hwpoisoned(folio);
		return VM_FAULT_HWPOISON;
	}
	if (HA_MAPS_ALONE && folio_test_large(folio) &&
	    unlikely(folio_test_has_hwpoisoned(folio)))
		return ha_map_alone(vmf, page);
	folio_get(folio);
	folio_lock(folio);
	if (write && folio->mapping != a->inode->i_mapping)
		ha_block_rehome(xa_load(&a->table, index), a->inode, folio);
	vmf->page = page;
	return VM_FAULT_LOCKED;
}

/*
 * Map a page whose neighbours in its folio must not be seen.  This happens
 * under the block's lock, so that nobody has to wait for a locked folio.
 */
static vm_fault_t fault_alone(struct vm_fault *vmf, struct ha_arena *a,
			      pgoff_t index, struct page *page)
{
	if (HA_MAPS_ALONE && !PageHWPoison(page))
		return ha_map_alone(vmf, page);
	return fault_page(vmf, a, index, false, page);
}

/* Whose memory a fault got, where that counts. */
static void fault_count(struct vm_fault *vmf, struct ha_arena *a, int err,
			enum ha_counter source, u64 start)
{
	u64 ns = ktime_get_ns() - start;

	if (!err) {
		ha_arena_count(a, source, 1);
		ha_stat_inc(source);
		ha_stat_latency(source, ns);
	}
	trace_fault(a->id, vmf->address, vmf->pgoff >> HA_BLOCK_ORDER,
		    err ? -1 : (int)source, vmf->flags & FAULT_FLAG_WRITE, ns);
}

/*
 * Pages mapped at once where a block is mapped by PTEs and read: as many as the
 * kernel maps of a file around a fault (64 KiB), and eight times that for who goes
 * on where the last one ended.
 */
#define AROUND		16
#define AROUND_MORE	128

/*
 * Under the block's lock, so that a later unmapping finds them.  The page of
 * the fault itself is left to the kernel.
 */
static void map_around(struct vm_fault *vmf, struct ha_arena *a, pgoff_t index)
{
	struct vm_area_struct *vma = vmf->vma;
	pgoff_t block = index << HA_BLOCK_ORDER, pgoff, start, end;

	start = round_down(vmf->pgoff, AROUND);
	end = start + (READ_ONCE(a->around) == vmf->pgoff ? AROUND_MORE :
							    AROUND);
	start = max(start, vma->vm_pgoff);
	end = min3(end, block + HA_BLOCK_PAGES, vma->vm_pgoff + vma_pages(vma));
	for (pgoff = start; pgoff < end; pgoff++) {
		struct page *page;

		if (pgoff == vmf->pgoff || ha_family_guards(a->family, pgoff))
			continue;
		page = ha_cow_peek(a, index, pgoff - block);
		if (page && !ha_map_beside(vmf, vma->vm_start +
					   ((pgoff - vma->vm_pgoff) <<
					    PAGE_SHIFT), page))
			break;
	}
	WRITE_ONCE(a->around, end);
}

static vm_fault_t ha_fault(struct vm_fault *vmf)
{
	struct ha_arena *a = vmf->vma->vm_private_data;
	pgoff_t index = vmf->pgoff >> HA_BLOCK_ORDER;
	bool write = vmf->flags & FAULT_FLAG_WRITE;
	u64 start = ktime_get_ns();
	unsigned int how = 0;
	struct ha_cow_page p = {};
	struct payer payer;
	vm_fault_t ret;
	int err;

	if (!a || index >= a->family->nblocks)
		return VM_FAULT_SIGBUS;
	if (ha_family_guards(a->family, vmf->pgoff))
		return VM_FAULT_SIGSEGV;
	if (write)
		how |= HA_COW_WRITE;
	if (vma_is_cow(vmf->vma))
		how |= HA_COW_SHOW;
	if (pmd_is_table(*vmf->pmd))
		how |= HA_COW_TABLE;
again:
	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	payer = payer_begin(vmf->vma);
	err = ha_cow_page(a, index, vmf->pgoff % HA_BLOCK_PAGES, how, &p);
	payer_end(&payer);
	/* for reading, what was there, and by PTEs */
	if (!err && p.source == HA_FAULT_MAP &&
	    (how & (HA_COW_WRITE | HA_COW_SHOW)) == HA_COW_SHOW &&
	    (p.alone || (how & HA_COW_TABLE) || !PageCompound(p.page)))
		map_around(vmf, a, index);
	if (err)
		ret = fault_error(err);
	else if (p.alone)
		ret = fault_alone(vmf, a, index, p.page);
	else
		ret = fault_page(vmf, a, index, write, p.page);
	mutex_unlock(ha_arena_lock(a, index));
	up_read(&a->rw);
	if (err == -EDQUOT &&
	    ha_cow_claim(a, index, vmf->pgoff % HA_BLOCK_PAGES, NULL))
		goto again;

	fault_count(vmf, a, err, p.source, start);
	return ret;
}

#ifdef HA_INSERTS_BLOCKS
/* Can all of the block be mapped into @vma, at the address of the fault? */
static bool block_fits(const struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vmf->vma;
	unsigned long addr = round_down(vmf->address, HA_BLOCK_SIZE);

	return addr >= vma->vm_start && addr + HA_BLOCK_SIZE <= vma->vm_end &&
	       vmf->pgoff % HA_BLOCK_PAGES ==
			(vmf->address - addr) >> PAGE_SHIFT;
}

/*
 * The kernel asks here before it makes a table of PTEs, which costs more than
 * all the rest and which a PMD leaves unused; .fault gets all that is not the
 * common case.  The block is mapped under its lock, so that nobody has to wait for
 * a locked folio; and as if for reading, which in a plain VMA is writable: the
 * CPU sets the bits.
 */
static vm_fault_t ha_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct ha_arena *a = vmf->vma->vm_private_data;
	pgoff_t index = vmf->pgoff >> HA_BLOCK_ORDER;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	u64 start = ktime_get_ns();
	struct ha_cow_page p = { .source = HA_FAULT_MAP };
	struct payer payer;
	struct ha_block *b;
	struct folio *folio;
	int err = 0;

	if (order != HA_BLOCK_ORDER || !pmd_none(*vmf->pmd) || !a ||
	    index >= a->family->nblocks || a->family->guard_mask ||
	    a->kind == HUGEARENA_KIND_PAGES || !block_fits(vmf))
		return ret;
	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	payer = payer_begin(vmf->vma);
	b = ha_entry_block(xa_load(&a->table, index));
	if (!b || (b->folio && !ha_block_shared(b)))
		err = ha_cow_page(a, index, vmf->pgoff % HA_BLOCK_PAGES,
				  HA_COW_WRITE, &p);
	payer_end(&payer);
	if (p.page && !err) {
		folio = page_folio(p.page);
		if (folio_test_pmd_mappable(folio) && !PageHWPoison(p.page) &&
		    !folio_test_has_hwpoisoned(folio) &&
		    folio->mapping == a->inode->i_mapping)
			ret = vmf_insert_folio_pmd(vmf, folio, false);
	}
	mutex_unlock(ha_arena_lock(a, index));
	up_read(&a->rw);
	/* a fallback counts what it finds; memory that is new is new here */
	if (ret != VM_FAULT_FALLBACK || p.source != HA_FAULT_MAP)
		fault_count(vmf, a, err, p.source, start);
	return ret;
}
#endif /* HA_INSERTS_BLOCKS */

/*
 * Make the copy now and unmap the page it is of.  The copy cannot be left to
 * the next fault: an instruction that reads the page before it writes to it
 * would bring the old one back each time, and never make progress.
 */
static int mkwrite_copy(struct vm_fault *vmf, struct ha_arena *a, pgoff_t index)
{
	/* the kernel holds the page while it asks us */
	struct ha_cow_page p = { .held = page_folio(vmf->page) };
	struct payer payer = payer_begin(vmf->vma);
	int err;

	err = ha_cow_page(a, index, vmf->pgoff % HA_BLOCK_PAGES, HA_COW_WRITE,
			  &p);
	payer_end(&payer);
	if (err)
		return err;
	ha_arena_zap_page(a, vmf->pgoff);
	ha_arena_count(a, p.source, 1);
	ha_stat_inc(p.source);
	return 0;
}

/* First write to a page that a copy-on-write VMA maps read-only. */
static vm_fault_t ha_page_mkwrite(struct vm_fault *vmf)
{
	struct ha_arena *a = vmf->vma->vm_private_data;
	pgoff_t index = vmf->pgoff >> HA_BLOCK_ORDER;
	struct folio *folio = page_folio(vmf->page);
	vm_fault_t ret;
	int err;

	if (!a || index >= a->family->nblocks)
		return VM_FAULT_SIGBUS;
again:
	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	err = 0;
	if (ha_cow_writable(a, index, vmf->pgoff % HA_BLOCK_PAGES, vmf->page)) {
		folio_lock(folio);
		if (folio->mapping != a->inode->i_mapping)
			ha_block_rehome(xa_load(&a->table, index), a->inode,
					folio);
		/* without a PTE, ha_fault() has just brought the page */
		if (vmf->pte)
			ha_stat_inc(HA_COW_REUSED);
		ret = VM_FAULT_LOCKED;
	} else {
		err = mkwrite_copy(vmf, a, index);
		ret = err ? fault_error(err) : VM_FAULT_NOPAGE;
	}
	mutex_unlock(ha_arena_lock(a, index));
	up_read(&a->rw);
	if (err == -EDQUOT &&
	    ha_cow_claim(a, index, vmf->pgoff % HA_BLOCK_PAGES, folio))
		goto again;
	return ret;
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
		a->remap_hole = true;	/* its equal comes at once */
		return;
	}
	if (ha_arena_unmap(a))
		return;
	/*
	 * A part was unmapped: release it.  Not when the process exits, where
	 * everything goes at once, and not for a VMA that a failed mremap or
	 * split has made.
	 */
	if (size && atomic_read(&vma->vm_mm->mm_users) &&
	    vma->vm_start == a->base + offset)
		ha_release(a, offset, size, &released);
}

/* fork() and a split: one memory for all of them. */
static void common_open(struct vm_area_struct *vma)
{
	struct ha_arena *a = vma->vm_private_data;

	atomic_inc(&a->nvma);
}

/* What is in it stays: others have it, and the file keeps it. */
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
	.fault = ha_fault,
#ifdef HA_INSERTS_BLOCKS
	.huge_fault = ha_huge_fault,
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
	.fault = ha_fault,
	.map_pages = ha_map_pages,
	.page_mkwrite = ha_page_mkwrite,
};

static const struct vm_operations_struct common_ops = {
	.open = common_open,
	.close = common_close,
	.mremap = ha_vm_mremap,
#ifdef CONFIG_NUMA
	.get_policy = ha_get_policy,
#endif
	.fault = ha_fault,
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
 * first be clean, and carry the arena's own inode, as nobody will rehome it
 * later.
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
	/* nor may pages be written of which a relative has an alias */
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
