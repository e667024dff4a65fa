/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Mappings of arenas: VMAs, faults, fork.
 *
 * A VMA has one of two sets of operations.  Plain: every block it can reach is
 * this process's alone, pages are mapped writable at once, and long-term pins
 * (io_uring's registered buffers) are allowed.  Copy-on-write: after a fork,
 * read faults map read-only and page_mkwrite decides about the first write.
 * fork() turns both sides' VMAs to copy-on-write; upkeep turns them back.  Those
 * of a shared arena have a third set, which is plain and knows no fork.
 */
#ifndef _HUGEARENA_MAP_H
#define _HUGEARENA_MAP_H

#include "arena.h"

/**
 * ha_map_mmap() - map a part of an arena into the calling process
 * @f: the family
 * @vma: as the kernel prepared it
 *
 * Executable mappings are refused by the file system (inode.c).
 *
 * Return: 0; -EINVAL for a private mapping, one past the end, or one at an address
 * below its offset (unless the arena is shared); -EPERM for a
 * process that neither made nor inherited the arena, or where a seal is on a
 * shared one; -EBUSY when another base address is in use.
 */
int ha_map_mmap(struct ha_family *f, struct vm_area_struct *vma);

/**
 * ha_map_uncow() - make the VMAs of an arena plain again
 * @a: arena; it stays as it is if a block of it is shared after all
 *
 * Waits for mmap_lock.  Return: false when a pin that a relative left is in the
 * way, and another try is worth while.
 */
bool ha_map_uncow(struct ha_arena *a);

/**
 * ha_map_unmapped_area() - get_unmapped_area() of an arena file
 * @file: arena file
 * @addr: as everywhere
 * @len: as everywhere
 * @pgoff: as everywhere
 * @flags: as everywhere
 */
unsigned long ha_map_unmapped_area(struct file *file, unsigned long addr,
				   unsigned long len, unsigned long pgoff,
				   unsigned long flags);

#endif /* _HUGEARENA_MAP_H */
