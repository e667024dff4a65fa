/* SPDX-License-Identifier: GPL-2.0-only */
/* Giving memory back, and making split blocks whole again. */
#ifndef _HUGEARENA_RELEASE_H
#define _HUGEARENA_RELEASE_H

#include "cow.h"

/**
 * ha_release() - give a range back
 * @a: arena
 * @offset: first byte, a multiple of 4 KiB
 * @len: bytes, a multiple of 4 KiB
 * @released: bytes that stopped being resident are added here
 *
 * What is in the range reads as zero afterwards.  A block released in part is
 * split and keeps only its live pages; one that is pinned is cleared in place
 * and stays.  Return: 0, or -ENOMEM with part of the range still there.
 */
int ha_release(struct ha_arena *a, u64 offset, u64 len, u64 *released);

/**
 * ha_join_block() - make one split block whole
 * @a: arena
 * @index: which
 * @full: only if every page of it is resident
 *
 * Return: 1 when it became whole, 0 when there was nothing to do, -EBUSY when
 * it is pinned or shared, -ENOMEM without a block to copy it to.
 */
int ha_join_block(struct ha_arena *a, pgoff_t index, bool full);

/**
 * ha_split_block() - have the content of a whole block in 4 KiB pages
 * @a: arena
 * @index: which
 *
 * Return: 1 when it became split, 0 when there was nothing to do, -EBUSY when
 * it is pinned or shared, -ENOMEM without pages to copy it to.
 */
int ha_split_block(struct ha_arena *a, pgoff_t index);

#endif /* _HUGEARENA_RELEASE_H */
