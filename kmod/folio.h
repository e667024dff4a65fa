/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Folios of blocks: failed memory in one of 2 MiB, clearing it, and how many
 * slots have one of 4 KiB.  A side file: it knows folios, no block and no arena.
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

/*
 * Meshing: two slots may have one 4 KiB folio.  Its private field says so:
 *
 *	bits 0-31	slots that have it beyond the first one
 *	bits 32-61	slots counted so far, by ha_folio_mesh_claim() only
 *	bit 62		it holds a reference to the inode of its mapping: the
 *			slots' blocks may have other homes
 *	bit 63		an arena found that not all of its slots are its own
 *
 * Written under one lock of the module; 0 for a folio that was never meshed.
 * The owner of a slot may read it without the lock: a folio without aliases
 * gets none in the meantime.
 */
#define HA_MESH_ALIASES	GENMASK_ULL(31, 0)
#define HA_MESH_ONE	BIT_ULL(32)
#define HA_MESH_COUNTED	GENMASK_ULL(61, 32)
#define HA_MESH_INODE	BIT_ULL(62)
#define HA_MESH_FOREIGN	BIT_ULL(63)

/* What meshing left in a folio: the bits above, 0 for one never meshed. */
static inline u64 ha_folio_mesh(const struct folio *folio)
{
	return (unsigned long)READ_ONCE(folio->private);
}

/* How many slots beyond the first have this 4 KiB folio. */
static inline unsigned int ha_folio_aliases(const struct folio *folio)
{
	return (unsigned long)READ_ONCE(folio->private) & HA_MESH_ALIASES;
}

/* One more slot gets @folio, which belongs to a block that only we use. */
void ha_folio_mesh_add(struct folio *folio);

/* A slot loses its folio.  Return: false if it was the last one that had it. */
bool ha_folio_mesh_drop(struct folio *folio);

/**
 * struct ha_mesh_count - what one arena has of meshed pages
 * @slots: slots whose page has aliases
 * @pages: pages they have between them
 */
struct ha_mesh_count {
	unsigned long slots;
	unsigned long pages;
};

/*
 * The steps of ha_block_mesh_claim(), _check() and _settle() for a slot's folio.
 * The last returns whether other arenas have slots of it, too.
 */
void ha_folio_mesh_claim(struct folio *folio, struct ha_mesh_count *n);
void ha_folio_mesh_check(struct folio *folio);
bool ha_folio_mesh_settle(struct folio *folio, struct ha_mesh_count *n);

#endif /* _HUGEARENA_FOLIO_H */
