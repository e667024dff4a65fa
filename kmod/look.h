/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the page tables say about an arena: page sizes, accessed and dirty bits.
 *
 * A look takes mmap_lock for reading and changes nothing but accessed bits, and
 * these only where it is asked to.
 */
#ifndef _HUGEARENA_LOOK_H
#define _HUGEARENA_LOOK_H

#include "arena.h"

/**
 * ha_look_find_table() - which whole block of a VMA is mapped by PTEs?
 * @a: arena, mmap_lock held
 * @vma: a VMA of it
 * @first: first block to look at
 * @end: one past the last
 *
 * Return: the first such block, or @end if there is none.
 */
pgoff_t ha_look_find_table(struct ha_arena *a, struct vm_area_struct *vma,
			   pgoff_t first, pgoff_t end);

/**
 * ha_look_blocks() - what a process's page tables say about blocks
 * @a: its arena
 * @first: first block
 * @n: blocks
 * @clear: clear the accessed bits that are found
 * @blocks: HUGEARENA_BLOCK_MAPPED, _ACCESSED and _DIRTY are added here
 *
 * Return: 0 or -EINTR.  Of a shared arena nothing is added: it may be anywhere in
 * any number of page tables.
 */
int ha_look_blocks(struct ha_arena *a, pgoff_t first, unsigned long n,
		   bool clear, struct hugearena_block *blocks);

#endif /* _HUGEARENA_LOOK_H */
