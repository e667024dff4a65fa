// SPDX-License-Identifier: GPL-2.0-only
/*
 * Replacing VMAs to get their PMDs back; see remap.h.
 *
 * Keeps true: only a part of what was examined is replaced.  It is examined
 * under mmap_lock for reading; mmap() then takes it for writing and asks
 * ha_remap_check() before it unmaps anything.  ha_arena.remapper tells map's
 * close that nothing is released.  One remapper an arena, by remap_lock.
 * Called by upkeep, by map, and by dev for JOIN.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <linux/personality.h>
#include <linux/sched/mm.h>

#include "look.h"
#include "remap.h"

/*
 * The flags of a VMA made by mmap(PROT_READ | PROT_WRITE, MAP_SHARED) and by
 * us.
 */
#define PLAIN_FLAGS	(VM_READ | VM_WRITE | VM_SHARED | VM_MAYREAD | \
			 VM_MAYWRITE | VM_MAYSHARE | VM_DONTEXPAND)

static bool vma_is_replaceable(const struct ha_arena *a,
			       const struct vm_area_struct *vma)
{
	/* a policy (mbind) would be lost, too */
	return vma->vm_private_data == a && vma->vm_file && !vma_policy(vma) &&
	       (vma->vm_flags & ~VM_SOFTDIRTY) == PLAIN_FLAGS &&
	       !a->mm->def_flags;
}

int ha_remap_check(struct ha_arena *a, unsigned long addr, unsigned long len,
		   unsigned long pgoff)
{
	struct vm_area_struct *vma;

	if (READ_ONCE(a->remapper) != current)
		return 0;
	vma = find_vma(a->mm, addr);
	if (a->remap_hole)
		return vma && vma->vm_start < addr + len ? -EAGAIN : 1;
	if (vma && vma->vm_start <= addr && vma->vm_end >= addr + len &&
	    vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT) == pgoff &&
	    vma_is_replaceable(a, vma))
		return 1;
	return -EAGAIN;
}

#define FILL_TRIES	100

/*
 * A window is 32 blocks, what an arena's address space grows by.  1,024 of them,
 * each cut out twice at worst, are a thirtieth of the mappings that a process may
 * have (vm.max_map_count, 65,530).
 */
#define WINDOW_BLOCKS	32
#define WINDOWS_MAX	1024

static unsigned long window_blocks(const struct ha_arena *a)
{
	unsigned long n = WINDOW_BLOCKS;

	while (n * WINDOWS_MAX < a->nblocks)
		n *= 2;
	return n;
}

/* A part of a VMA worth replacing, as it was when we looked. */
struct candidate {
	struct file *file;
	unsigned long start;
	unsigned long len;
	unsigned long offset;
};

/* The window of @vma around block @index. */
static void candidate_set(const struct ha_arena *a, struct vm_area_struct *vma,
			  pgoff_t index, struct candidate *c)
{
	unsigned long n = window_blocks(a), first = round_down(index, n);
	unsigned long start = a->base + (first << HA_BLOCK_SHIFT);
	unsigned long end = start + (n << HA_BLOCK_SHIFT);

	c->file = get_file(vma->vm_file);
	c->start = max(start, vma->vm_start);
	c->len = min(end, vma->vm_end) - c->start;
	c->offset = c->start - a->base;
}

/* The first window with blocks from *@index to @end; *@index moves past it. */
static bool candidate_find(struct ha_arena *a, pgoff_t *index, pgoff_t end,
			   struct candidate *c)
{
	bool found = false;

	mmap_read_lock(a->mm);
	while (!found && *index < end) {
		unsigned long addr = a->base + (*index << HA_BLOCK_SHIFT);
		struct vm_area_struct *vma = find_vma(a->mm, addr);
		pgoff_t next, at;

		if (!vma || vma->vm_private_data != a) {
			/* past our VMAs, or somebody else's between them */
			if (!vma || vma->vm_start > a->base +
					(end << HA_BLOCK_SHIFT))
				break;
			next = (vma->vm_end - a->base) >> HA_BLOCK_SHIFT;
			*index = max(*index + 1, next);
			continue;
		}
		next = (vma->vm_end - a->base) >> HA_BLOCK_SHIFT;
		at = min(next, end);
		if (vma_is_replaceable(a, vma))
			at = ha_look_find_table(a, vma, *index, at);
		if (at < min(next, end)) {
			candidate_set(a, vma, at, c);
			next = (c->start + c->len - a->base) >> HA_BLOCK_SHIFT;
			found = true;
		}
		*index = max(*index + 1, next);
	}
	mmap_read_unlock(a->mm);
	return found;
}

unsigned int ha_remap(struct ha_arena *a, pgoff_t first, unsigned long n)
{
	pgoff_t index = first, end = first + n;
	unsigned int done = 0;
	struct candidate c;
	int tries;

	/* a VMA at an odd address has no PMD to get back */
	if (a->common || !atomic_read(&a->nvma) || a->base % HA_BLOCK_SIZE)
		return 0;
	mutex_lock(&a->remap_lock);
	while (candidate_find(a, &index, end, &c)) {
		unsigned int flags = memalloc_noreclaim_save();
		unsigned int personality = current->personality;
		unsigned long ret;

		/*
		 * with READ_IMPLIES_EXEC, readable means executable, and we map
		 * no such thing
		 */
		current->personality &= ~READ_IMPLIES_EXEC;

		/*
		 * Between unmapping and mapping the kernel allocates, and a
		 * failure would leave a hole.  So the reserves are opened, and
		 * a hole is filled at once.
		 */
		WRITE_ONCE(a->remapper, current);
		ret = vm_mmap(c.file, c.start, c.len, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, c.offset);
		for (tries = 0; a->remap_hole && tries < FILL_TRIES; tries++)
			ret = vm_mmap(c.file, c.start, c.len,
				      PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_FIXED_NOREPLACE,
				      c.offset);
		WRITE_ONCE(a->remapper, NULL);
		memalloc_noreclaim_restore(flags);
		current->personality = personality;
		done += !IS_ERR_VALUE(ret);
		if (a->remap_hole) {
			pr_warn_ratelimited("hugearena: lost a mapping\n");
			a->remap_hole = false;
			ha_arena_unmap(a);
		}
		fput(c.file);
		cond_resched();
	}
	mutex_unlock(&a->remap_lock);
	return done;
}
