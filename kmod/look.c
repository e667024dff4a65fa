// SPDX-License-Identifier: GPL-2.0-only
/*
 * The MMU's view of an arena: page sizes, accessed and dirty bits; see look.h.
 *
 * Keeps true: it only reads page tables, and clears accessed bits where asked;
 * no TLB is flushed for that, so a translation that is cached may be used once
 * more without setting the bit (what the kernel does itself on x86, and its
 * multi-generational LRU on arm64, too).  Under mmap_lock for reading and the
 * page table locks.  Called by dev and remap.
 */
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>

#include "compat.h"
#include "look.h"
#include "mmu.h"

#if HA_MMU_BITS
pgoff_t ha_look_find_table(struct ha_arena *a, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t end)
{
	unsigned long index = first;
	bool found = false;

	rcu_read_lock();
	for (; index < end; index++) {
		void *entry = xa_find(&a->table, &index, end - 1, XA_PRESENT);
		unsigned long addr = a->base + (index << HA_BLOCK_SHIFT);
		struct ha_block *b = ha_entry_block(entry);
		spinlock_t *ptl;	/* the page table's own */
		pmd_t *pmd;

		if (!entry)
			break;
		/* the block may have been freed, but RCU keeps it readable */
		if (b && READ_ONCE(b->folio) && addr >= vma->vm_start &&
		    addr + HA_BLOCK_SIZE <= vma->vm_end) {
			pmd = ha_mmu_pmd_get_maybe_null(a->mm, addr);
			if (pmd) {
				ptl = pmd_lock(a->mm, pmd);
				found = !pmd_none(*pmd) &&
					!pmd_trans_huge(*pmd);
				spin_unlock(ptl);
			}
		}
		if (found)
			break;
	}
	rcu_read_unlock();
	return found ? index : end;
}

/* PTEs of Arm that share a translation share the bits, too: see ptep_get(). */
#ifdef CONFIG_X86_64
/* what the kernel's function does, which is not exported */
static bool pte_take_young(struct vm_area_struct *vma, unsigned long addr,
			   pte_t *pte)
{
	return test_and_clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)pte);
}

static bool pmd_take_young(struct vm_area_struct *vma, unsigned long addr,
			   pmd_t *pmd)
{
	return test_and_clear_bit(_PAGE_BIT_ACCESSED, (unsigned long *)pmd);
}
#else
#define pte_take_young	ptep_test_and_clear_young
#define pmd_take_young	pmdp_test_and_clear_young
#endif

static void look_ptes(struct vm_area_struct *vma, pmd_t *pmd,
		      unsigned long addr, bool clear, struct hugearena_block *b)
{
	/* the table stays: mmap_lock is held and nobody collapses our VMAs */
	pte_t *pte = pte_offset_kernel(pmd, addr);
	int i;

	for (i = 0; i < PTRS_PER_PTE; i++, pte++, addr += PAGE_SIZE) {
		pte_t entry = ptep_get(pte);

		if (!pte_present(entry))
			continue;
		if (clear ? pte_take_young(vma, addr, pte) : pte_young(entry))
			b->flags |= HUGEARENA_BLOCK_ACCESSED;
		if (pte_dirty(entry))
			b->flags |= HUGEARENA_BLOCK_DIRTY;
	}
}

static void look_block(struct vm_area_struct *vma, unsigned long addr,
		       bool clear, struct hugearena_block *b)
{
	struct mm_struct *mm = vma->vm_mm;
	pmd_t *pmd = ha_mmu_pmd_get_maybe_null(mm, addr);
	spinlock_t *ptl;	/* the page table's own */

	if (!pmd)
		return;
	ptl = pmd_lock(mm, pmd);
	if (pmd_trans_huge(*pmd)) {
		b->flags |= HUGEARENA_BLOCK_MAPPED;
		if (clear ? pmd_take_young(vma, addr, pmd) : pmd_young(*pmd))
			b->flags |= HUGEARENA_BLOCK_ACCESSED;
		if (pmd_dirty(*pmd))
			b->flags |= HUGEARENA_BLOCK_DIRTY;
	} else if (!pmd_none(*pmd) && !pmd_bad(*pmd)) {
		look_ptes(vma, pmd, addr, clear, b);
	}
	spin_unlock(ptl);
}
#else
pgoff_t ha_look_find_table(struct ha_arena *a, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t end)
{
	return end;
}
#endif /* HA_MMU_BITS */

int ha_look_blocks(struct ha_arena *a, pgoff_t first, unsigned long n,
		   bool clear, struct hugearena_block *blocks)
{
#if HA_MMU_BITS
	unsigned long i;

	/* a base that is not block-aligned has no PMD to look at */
	if (a->common || !atomic_read(&a->nvma) || a->base % HA_BLOCK_SIZE)
		return 0;
	if (!mmget_not_zero(a->mm))
		return 0;	/* exiting: it maps nothing any more */
	if (mmap_read_lock_killable(a->mm)) {
		mmput(a->mm);
		return -EINTR;
	}
	for (i = 0; i < n; i++) {
		unsigned long addr = a->base + ((first + i) << HA_BLOCK_SHIFT);
		struct vm_area_struct *vma = find_vma(a->mm, addr);

		if (vma && vma->vm_start <= addr && vma->vm_private_data == a)
			look_block(vma, addr, clear, &blocks[i]);
	}
	mmap_read_unlock(a->mm);
	mmput(a->mm);
#endif
	return 0;
}
