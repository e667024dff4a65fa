/* SPDX-License-Identifier: GPL-2.0-only */
/* Which pages of an arena were written to: the MMU's dirty bits. */
#ifndef _HUGEARENA_DIRTY_H
#define _HUGEARENA_DIRTY_H

#include "compat.h"
#include "map.h"

/* Pages of one piece: faults of the arena wait until it is done. */
#define HA_DIRTY_PIECE	4096

/*
 * Does this kernel have what is needed?  The kernel's helper is built only
 * together with certain drivers, and a zap by a relative must leave a mark in
 * place of the dirty bits that it takes from our page tables.
 */
static inline bool ha_dirty_is_offered(void)
{
	return IS_ENABLED(CONFIG_MAPPING_DIRTY_HELPERS) && HA_ZAPS_ONE;
}

/**
 * ha_dirty_take() - read dirty bits and clear them
 * @a: arena of current->mm
 * @pgoff: first page
 * @n: pages, up to HA_DIRTY_PIECE
 * @bits: @n bits, zeroed and filled in
 *
 * The TLB is flushed on return: a write after that sets the bit again.
 *
 * Return: how many bits are set; -EOPNOTSUPP where blocks may be mapped by
 * PMDs; -EBUSY while the arena has relatives, or shares with one that is gone.
 */
long ha_dirty_take(struct ha_arena *a, pgoff_t pgoff, unsigned long n,
		   unsigned long *bits);

/* For a caller that failed: report again what it has taken.  Any @n. */
void ha_dirty_restore(struct ha_arena *a, pgoff_t pgoff, unsigned long n);

#endif /* _HUGEARENA_DIRTY_H */
