// SPDX-License-Identifier: GPL-2.0-only
/*
 * Page tables of one process; see mmu.h.
 *
 * Keeps true: only entries of the VMAs that it was asked for change, under the
 * locks of the page tables.  Called by arena, cow and look.
 */
#include <linux/fs.h>
#include <linux/interval_tree_generic.h>
#include <linux/mmu_notifier.h>
#include <linux/pgtable.h>

#include "compat.h"
#include "mmu.h"

void ha_mmu_zap_all(struct address_space *mapping, pgoff_t first,
		    unsigned long nr)
{
	unmap_mapping_range(mapping, (loff_t)first << PAGE_SHIFT,
			    (loff_t)nr << PAGE_SHIFT, 0);
}

static unsigned long vma_first(struct vm_area_struct *vma)
{
	return vma->vm_pgoff;
}

static unsigned long vma_last(struct vm_area_struct *vma)
{
	return vma->vm_pgoff + vma_pages(vma) - 1;
}

/*
 * The tree is the one of the kernel's mm/interval_tree.c; only its look-ups are
 * used.
 */
INTERVAL_TREE_DEFINE(struct vm_area_struct, shared.rb, unsigned long,
		     shared.rb_subtree_last, vma_first, vma_last,
		     static __maybe_unused, ha_vma_tree)

void ha_mmu_zap(struct address_space *mapping, struct mm_struct *mm,
		pgoff_t first, unsigned long nr)
{
	pgoff_t last = first + nr - 1;
	struct vm_area_struct *vma;

	if (!HA_ZAPS_ONE) {
		ha_mmu_zap_all(mapping, first, nr);
		return;
	}
	/* as in unmap_mapping_range(): it keeps the VMAs from changing */
	i_mmap_lock_read(mapping);
	for (vma = ha_vma_tree_iter_first(&mapping->i_mmap, first, last); vma;
	     vma = ha_vma_tree_iter_next(vma, first, last)) {
		pgoff_t from = max(first, vma_first(vma));
		pgoff_t to = min(last, vma_last(vma)) + 1;

		if (vma->vm_mm != mm)
			continue;
		zap_vma_range(vma, vma->vm_start +
				   ((from - vma->vm_pgoff) << PAGE_SHIFT),
			      (to - from) << PAGE_SHIFT);
	}
	i_mmap_unlock_read(mapping);
}

pmd_t *ha_mmu_pmd_get_maybe_null(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	if (pgd_none(*pgd))
		return NULL;
	p4d = p4d_offset(pgd, addr);
	if (p4d_none(*p4d))
		return NULL;
	pud = pud_offset(p4d, addr);
	if (pud_none(*pud))
		return NULL;
	return pmd_offset(pud, addr);
}

#if HA_MMU_BITS
/*
 * Arm may have one translation for 16 entries, which must be changed together.
 */
static bool pte_is_grouped(pte_t pte)
{
#ifdef CONFIG_ARM64
	return pte_cont(pte);
#else
	return false;
#endif
}

/*
 * Make it read-only, and clean: mprotect() assumes that a dirty entry of a
 * shared mapping has asked before, and makes it writable again without asking.
 * The CPU may set the accessed bit in the meantime, and on Arm the dirty one.
 */
static bool protect_pte(pte_t *pte)
{
	pte_t old = READ_ONCE(*pte), new;

	do {
		if (!pte_present(old) || (!pte_write(old) && !pte_dirty(old)))
			return true;
		if (pte_is_grouped(old))
			return false;
		new = pte_mkclean(pte_wrprotect(old));
	} while (!try_cmpxchg((long *)&pte->pte, (long *)&old, *(long *)&new));
	return true;
}

static void protect_pmd(pmd_t *pmd)
{
	pmd_t old = READ_ONCE(*pmd), new;

	do {
		new = pmd_mkclean(pmd_wrprotect(old));
	} while (!try_cmpxchg((long *)pmd, (long *)&old, *(long *)&new));
}

static bool protect_ptes(struct mm_struct *mm, pmd_t *pmd, unsigned long addr,
			 unsigned long end)
{
	spinlock_t *ptl = pte_lockptr(mm, pmd);	/* the page table's own */
	pte_t *pte = pte_offset_kernel(pmd, addr);
	bool done = true;

	spin_lock(ptl);
	for (; done && addr < end; addr += PAGE_SIZE, pte++)
		done = protect_pte(pte);
	spin_unlock(ptl);
	return done;
}

bool ha_mmu_protect(struct vm_area_struct *vma, unsigned long start,
		    unsigned long end)
{
	struct mm_struct *mm = vma->vm_mm;
	unsigned long addr, next;

	/*
	 * users with page tables of their own (KVM) are told of a zap, not of
	 * the flush
	 */
	if (mm_has_notifiers(mm))
		return false;
	for (addr = start; addr < end; addr = next) {
		pmd_t *pmd = ha_mmu_pmd_get_maybe_null(mm, addr);
		spinlock_t *ptl;	/* the page table's own */
		bool table = false;

		next = min(end, (addr & PMD_MASK) + PMD_SIZE);
		if (!pmd)
			continue;
		ptl = pmd_lock(mm, pmd);
		if (pmd_trans_huge(*pmd)) {
			if (pmd_write(*pmd) || pmd_dirty(*pmd))
				protect_pmd(pmd);
		} else {
			table = !pmd_none(*pmd) && !pmd_bad(*pmd);
		}
		spin_unlock(ptl);
		/* the table stays: mmap_lock is held for writing */
		if (table && !protect_ptes(mm, pmd, addr, next))
			return false;
	}
	return true;
}
#else
bool ha_mmu_protect(struct vm_area_struct *vma, unsigned long start,
		    unsigned long end)
{
	return false;
}
#endif /* HA_MMU_BITS */
