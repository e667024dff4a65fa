// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults in arenas; see map_fault.h, and arena.h for the locks.
 *
 * Keeps true: a fault hands the kernel a locked folio that was in the table
 * while the block's lock was held, or maps it under that lock; a shared page is
 * never mapped writable.  Called by the kernel's mm by way of map's tables.
 */
#include <linux/ktime.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "cow.h"
#include "map_fault.h"
#include "trace.h"

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
 * A debugger, or process_vm_writev(), faults in another process.  The process
 * whose memory it is pays for it, not the one that looks.
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
 * If another page of its folio failed, the kernel may map all of the folio's
 * good pages, but not by a PMD.
 */
static vm_fault_t fault_page(struct vm_fault *vmf, struct ha_arena *a,
			     pgoff_t index, bool write, struct page *page)
{
	struct folio *folio = page_folio(page);

	if (unlikely(PageHWPoison(page))) {
		/*
		 * so that a neighbour's fault does not have the kernel map a
		 * PMD over it
		 */
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

/* Count a fault, and the source that served it. */
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
 * kernel maps of a file around a fault (64 KiB), and eight times that for a
 * reader that continues where the last range ended.
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

vm_fault_t ha_map_fault(struct vm_fault *vmf, bool cow)
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
	if (cow)
		how |= HA_COW_SHOW;
	if (pmd_is_table(*vmf->pmd))
		how |= HA_COW_TABLE;
again:
	down_read(&a->rw);
	mutex_lock(ha_arena_lock(a, index));
	payer = payer_begin(vmf->vma);
	err = ha_cow_page(a, index, vmf->pgoff % HA_BLOCK_PAGES, how, &p);
	payer_end(&payer);
	/* a read fault found memory that exists, and PTEs map it */
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
	    (ha_arena_give(a) ||
	     ha_cow_claim(a, index, vmf->pgoff % HA_BLOCK_PAGES, NULL)))
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
 * all the rest and which a PMD does not use; .fault handles all that is not the
 * common case.  The block is mapped under its lock, so that nobody has to wait
 * for a locked folio, and as if for reading, which is writable in a plain VMA:
 * the CPU sets the bits.
 */
vm_fault_t ha_map_fault_huge(struct vm_fault *vmf, unsigned int order)
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
	/*
	 * .fault counts what it finds after a fallback, but not that memory was
	 * new
	 */
	if (ret != VM_FAULT_FALLBACK || p.source != HA_FAULT_MAP)
		fault_count(vmf, a, err, p.source, start);
	return ret;
}
#endif /* HA_INSERTS_BLOCKS */

/*
 * Make the copy now and unmap the original.  The copy cannot be left to the
 * next fault: an instruction that reads the page before it writes to it would
 * bring the original back each time, and never make progress.
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

vm_fault_t ha_map_mkwrite(struct vm_fault *vmf)
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
		/* without a PTE, ha_map_fault() has just brought the page */
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
	    (ha_arena_give(a) ||
	     ha_cow_claim(a, index, vmf->pgoff % HA_BLOCK_PAGES, folio)))
		goto again;
	return ret;
}
