/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fork(): a child's arena, which shares the parent's blocks; see cow.h.
 */
#ifndef _HUGEARENA_COW_CLONE_H
#define _HUGEARENA_COW_CLONE_H

#include "cow.h"

/**
 * ha_cow_clone() - an arena for a forked child
 * @parent: the forking process's arena, all its VMAs copy-on-write
 * @mm: the child's mm; the mmap_locks of both are held for writing
 *
 * Return: the child's arena, published, with one reference, or NULL without
 * memory (the parent is as it was).
 */
struct ha_arena *ha_cow_clone(struct ha_arena *parent, struct mm_struct *mm);

#endif /* _HUGEARENA_COW_CLONE_H */
