/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Getting the PMD back.
 *
 * Where a block was once mapped by 4 KiB pages (an overlay, a split), a table
 * of PTEs is in place, and tables go with the VMA only: a block that is whole
 * again would stay mapped page by page.  So the window of the VMA that it is
 * in is replaced by an equal one, in one step under mmap_lock, as
 * mmap(MAP_FIXED) does it; the blocks stay where they are, and the next faults
 * map PMDs.
 *
 * A window is 64 MiB, or more in arenas so large that there would be more than
 * WINDOWS_MAX of them: joining a block costs the faults of 32, and mmap_lock is
 * held for as long as those take to unmap, however large the heap is.  VMAs that
 * were cut stay so, since the kernel merges none that have a close().
 */
#ifndef _HUGEARENA_REMAP_H
#define _HUGEARENA_REMAP_H

#include "arena.h"

/**
 * ha_remap() - replace the windows in which whole blocks have tables of PTEs
 * @a: arena of current->mm
 * @first: first block to check
 * @n: blocks
 *
 * A VMA that is not what mmap() made of it (mprotect, mlock, madvise) is left
 * alone, and so is a shared arena, which has VMAs in many processes.  Return: how
 * many windows were replaced.
 */
unsigned int ha_remap(struct ha_arena *a, pgoff_t first, unsigned long n);

/**
 * ha_remap_check() - is this mmap() one of ours, and still right?
 * @a: arena of current->mm; mmap_lock held for writing
 * @addr: where
 * @len: bytes
 * @pgoff: offset in pages
 *
 * Return: 0 when it is not ours, 1 when it is, -EAGAIN when the VMA it is to
 * replace has changed.
 */
int ha_remap_check(struct ha_arena *a, unsigned long addr, unsigned long len,
		   unsigned long pgoff);

#endif /* _HUGEARENA_REMAP_H */
