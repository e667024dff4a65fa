/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the kernels this module builds for.  Every version test
 * of the module is here; the rest is written for the newest.
 */
#ifndef _HUGEARENA_COMPAT_H
#define _HUGEARENA_COMPAT_H

#include <asm/page.h>
#if PAGE_SHIFT != 12
#error "hugearena wants a kernel with pages of 4 KiB, where one PMD maps 2 MiB"
#endif

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/coredump.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#include <linux/sched/exec_state.h>
#endif

/*
 * The series on which the selftests passed, on each processor, and the only ones
 * on which the module loads unasked: it relies on the behaviour of core mm and of
 * page tables, which a series may change without a compiler error, and not on all
 * processors alike. dkms.conf is made from these lists, too.
 */
#define HA_TESTED_X86_64	"6.1 6.12 7.2"
#define HA_TESTED_ARM64		"6.12"
#ifdef CONFIG_ARM64
#define HA_TESTED	HA_TESTED_ARM64
#else
#define HA_TESTED	HA_TESTED_X86_64
#endif

/* Where accessed, dirty and write bits are looked at and changed: see mmu.c. */
#if defined(CONFIG_X86_64) || defined(CONFIG_ARM64)
#define HA_MMU_BITS	1
#else
#define HA_MMU_BITS	0
#endif

/*
 * How often a folio is mapped, each mapping holding one reference.  6.1 has no
 * such number of its own: there a mapping by PMD counts in each of the pages.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline int ha_folio_mapcount(struct folio *folio)
{
	int whole, sum, i;

	if (!folio_test_large(folio))
		return atomic_read(&folio->_mapcount) + 1;
	whole = folio_entire_mapcount(folio);
	/*
	 * mapped once, by a PMD, and by nothing else: the usual case needs no
	 * sum
	 */
	if (whole <= 1 && folio_ref_count(folio) == 1 + whole)
		return whole;
	sum = whole - whole * folio_nr_pages(folio);
	for (i = 0; i < folio_nr_pages(folio); i++)
		sum += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	return sum;
}
#else
static inline int ha_folio_mapcount(struct folio *folio)
{
	return folio_mapcount(folio);
}
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_init(struct vm_area_struct *vma,
				 unsigned long flags)
{
	vma->vm_flags = flags;
}

static inline void vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma,
				  unsigned long flags)
{
	vma->vm_flags &= ~flags;
}

#define ha_idmap	struct user_namespace
#else
#define ha_idmap	struct mnt_idmap
#endif

/*
 * HA_ZAPS_ONE: there is a way to take pages out of one VMA and no other of its
 * mapping.  Since 7.2 it is exported.  Up to 6.12 it is zap_vma_ptes(), which
 * is for VMAs of page frame numbers, and looks at the flag to be sure: it gets
 * a copy that has it, without the file, so that the pages are counted out of
 * RSS and their mapcounts as those of any file (the kernel takes a VMA with
 * both for one whose huge pages it does not count).  In the kernels between
 * these VM_PFNMAP has further effects: there the mappings of all relatives are
 * zapped, and no dirty bits are offered, because those of relatives would be
 * lost without a mark.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
#define HA_ZAPS_ONE	true
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define HA_ZAPS_ONE	true
static inline void zap_vma_range(struct vm_area_struct *vma,
				 unsigned long start, unsigned long size)
{
	struct vm_area_struct copy;

	memcpy(&copy, vma, sizeof(copy));
	vm_flags_init(&copy, vma->vm_flags | VM_PFNMAP);
	copy.vm_file = NULL;
	zap_vma_ptes(&copy, start, size);
}
#else
#define HA_ZAPS_ONE	false
void __compiletime_error("this kernel has no zap_vma_range()")
zap_vma_range(struct vm_area_struct *vma, unsigned long start,
	      unsigned long size);
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
static inline void vma_start_write(struct vm_area_struct *vma)
{
}
#endif

/*
 * One shrinker API: the object is allocated, filled in, registered, freed.
 * Before 6.7 the structure was the caller's.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *ha_shrinker_alloc(unsigned int flags)
{
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (s) {
		s->seeks = DEFAULT_SEEKS;
		s->flags = flags;
	}
	return s;
}

static inline int ha_shrinker_register(struct shrinker *s, const char *name)
{
	return register_shrinker(s, "%s", name);
}

/* @registered says whether ha_shrinker_register() succeeded */
static inline void ha_shrinker_free(struct shrinker *s, bool registered)
{
	if (registered)
		unregister_shrinker(s);
	kfree(s);
}
#else
static inline struct shrinker *ha_shrinker_alloc(unsigned int flags)
{
	return shrinker_alloc(flags, "hugearena");
}

static inline int ha_shrinker_register(struct shrinker *s, const char *name)
{
	shrinker_register(s);
	return 0;
}

static inline void ha_shrinker_free(struct shrinker *s, bool registered)
{
	shrinker_free(s);
}
#endif

/* Where a thread has its list of robust futexes, NULL if it never said. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
#define ha_task_robust_list(task)	((task)->robust_list)
#else
#define ha_task_robust_list(task)	((task)->futex.robust_list)
#endif

/* The arguments of a VMA's get_policy(). */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
#define HA_POLICY_ARGS	struct vm_area_struct *vma, unsigned long addr
#else
#define HA_POLICY_ARGS	struct vm_area_struct *vma, unsigned long addr, \
			pgoff_t *ilx
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
#define ha_assign_str(dst, src)	__assign_str(dst, src)
#else
#define ha_assign_str(dst, src)	__assign_str(dst)
#endif

/*
 * May a task be traced by another one with the same ids?  Until 7.2 the task's
 * mm tells; since then, a copy that the last exec made. rcu_read_lock() held.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 2, 0)
static inline bool ha_task_dumpable(struct task_struct *task,
				    struct mm_struct *mm)
{
	return get_dumpable(mm) == SUID_DUMP_USER;
}
#else
static inline bool ha_task_dumpable(struct task_struct *task,
				    struct mm_struct *mm)
{
	struct task_exec_state *state = rcu_dereference(task->exec_state);

	return state && READ_ONCE(state->dumpable) == TASK_DUMPABLE_OWNER;
}
#endif

/* Gone in 6.13; since then pages are freed from an array. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
static inline void put_pages_list(struct list_head *folios)
{
	struct folio *folio, *batch[32];
	int n = 0;

	list_for_each_entry(folio, folios, lru) {
		if (n == ARRAY_SIZE(batch)) {
			release_pages(batch, n);
			n = 0;
		}
		batch[n++] = folio;
	}
	release_pages(batch, n);
	INIT_LIST_HEAD(folios);
}
#endif

/*
 * Until 6.17 an entry of a page table says whether it maps a device's memory.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
static inline int pmd_devmap(pmd_t pmd)
{
	return 0;
}
#endif

/*
 * May a page of a large folio be mapped without the rest of it?
 *
 * A fault that hands the kernel such a page gets one page mapped only where a
 * table of PTEs is in place when the kernel maps it.  HA_TABLES_STAY: a table
 * that was seen under the lock of the VMA is there until that lock is dropped.
 * Since 6.14 MADV_DONTNEED frees one that it has emptied (PT_RECLAIM), and since
 * 6.18 finish_fault() maps all of the folio into an empty one.
 *
 * HA_MAPS_ALONE: so the fault maps the page itself, with ha_map_alone(), which
 * makes the table if it has to.  What is mapped there already stays, and the
 * access is tried again.
 */
#define HA_TABLES_STAY	(LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0))
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
#define HA_MAPS_ALONE	true
static inline vm_fault_t ha_map_alone(struct vm_fault *vmf, struct page *page)
{
	return vmf_insert_page_mkwrite(vmf, page, false);
}
#else
#define HA_MAPS_ALONE	false
static inline vm_fault_t ha_map_alone(struct vm_fault *vmf, struct page *page)
{
	return VM_FAULT_SIGBUS;
}
#endif

/*
 * Map a page beside the one that a fault is for, in the same VMA, as that VMA's
 * protection has it, and clean; what is mapped there already stays.  Return: false
 * where it is of no use to go on: no memory for a table, or no way to do it.
 *
 * vm_insert_page() is for VMAs that map pages of all sorts, and takes the flag that
 * says so for leave; set for good, it would change how the kernel sees our PMDs.
 * So it gets a copy.  Tried on 6.1 and 6.12.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
static inline bool ha_map_beside(struct vm_fault *vmf, unsigned long addr,
				 struct page *page)
{
	struct vm_fault at = {
		.vma = vmf->vma,
		.address = addr,
		.flags = vmf->flags,
	};

	return ha_map_alone(&at, page) == VM_FAULT_NOPAGE;
}
#elif LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline bool ha_map_beside(struct vm_fault *vmf, unsigned long addr,
				 struct page *page)
{
	struct vm_area_struct copy;
	int err;

	memcpy(&copy, vmf->vma, sizeof(copy));
	vm_flags_init(&copy, copy.vm_flags | VM_MIXEDMAP);
	err = vm_insert_page(&copy, addr, page);
	return !err || err == -EBUSY;
}
#else
static inline bool ha_map_beside(struct vm_fault *vmf, unsigned long addr,
				 struct page *page)
{
	return false;
}
#endif

/* Since 6.17 a driver can map a large folio of a file by a PMD itself. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define HA_INSERTS_BLOCKS
#endif

#endif /* _HUGEARENA_COMPAT_H */
