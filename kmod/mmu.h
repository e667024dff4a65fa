/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One process's page tables, and nobody else's.
 *
 * All VMAs of a family hang on one mapping, and what the kernel exports to
 * take pages out of page tables does so for every VMA of it.  A change by one
 * process should not make its relatives fault, so this reaches the VMAs of one
 * mm only.  A side file: it knows VMAs and page tables, no arena.
 */
#ifndef _HUGEARENA_MMU_H
#define _HUGEARENA_MMU_H

#include <linux/mm.h>

/**
 * ha_mmu_zap() - take pages out of the page tables of one process
 * @mapping: what the VMAs hang on
 * @mm: whose
 * @first: page offset in @mapping
 * @nr: how many pages
 *
 * Sleeps; takes i_mmap_rwsem.  On a kernel that offers no way (HA_ZAPS_ONE),
 * relatives lose their mappings as well, which costs them a fault, and their
 * dirty bits.
 */
void ha_mmu_zap(struct address_space *mapping, struct mm_struct *mm,
		pgoff_t first, unsigned long nr);

/* The same for everybody who maps it. */
void ha_mmu_zap_all(struct address_space *mapping, pgoff_t first,
		    unsigned long nr);

/**
 * ha_mmu_protect() - make what a process maps read-only, and clean
 * @vma: a VMA of it; mmap_lock held for writing
 * @start: first address, in @vma
 * @end: the one past the last
 *
 * Flushes no TLB: that is left to fork(), which flushes the parent's when it
 * has copied all VMAs, and before the child runs.  Dirty bits are lost.  Return:
 * false where this cannot be done; the caller zaps then.
 */
bool ha_mmu_protect(struct vm_area_struct *vma, unsigned long start,
		    unsigned long end);

/**
 * ha_mmu_pmd_get_maybe_null() - the PMD of an address
 * @mm: whose
 * @addr: the address
 *
 * Return: the entry, not locked, or NULL where there is no such table.
 */
pmd_t *ha_mmu_pmd_get_maybe_null(struct mm_struct *mm, unsigned long addr);

#endif /* _HUGEARENA_MMU_H */
