/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a block: one folio of 2 MiB, and what may be wrong with it.
 */
#ifndef _HUGEARENA_FOLIO_H
#define _HUGEARENA_FOLIO_H

#include <linux/mm.h>

#define HA_BLOCK_SHIFT	PMD_SHIFT
#define HA_BLOCK_SIZE	PMD_SIZE
#define HA_BLOCK_ORDER	(PMD_SHIFT - PAGE_SHIFT)
#define HA_MB_PER_BLOCK	(HA_BLOCK_SIZE >> 20)
#define HA_BLOCK_PAGES	((int)(HA_BLOCK_SIZE / PAGE_SIZE))

/**
 * ha_folio_is_bad() - did memory fail in any page of a block?
 * @folio: the block
 *
 * The kernel marks the page that failed, not the block: all 512 are checked,
 * some two thousand instructions.  It asks no driver before it does so, and may
 * do so at any time; so a block is checked whenever it changes hands and
 * whenever its content is about to be read or cleared.
 */
bool ha_folio_is_bad(struct folio *folio);

/**
 * ha_folio_zero() - clear a block
 * @folio: the block
 *
 * Sleeps between pieces, for a thread that has time.  Return: false when memory
 * failed in it; it is not to be used then.
 */
bool ha_folio_zero(struct folio *folio);

#endif /* _HUGEARENA_FOLIO_H */
