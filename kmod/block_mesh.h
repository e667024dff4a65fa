/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Meshed pages: how many slots have a 4 KiB folio, and whose they are.
 */
#ifndef _HUGEARENA_BLOCK_MESH_H
#define _HUGEARENA_BLOCK_MESH_H

#include "block.h"

/*
 * Meshing: two slots may have one 4 KiB folio.  Its private field says so:
 *
 *	bits 0-31	slots that have it beyond the first one
 *	bits 32-61	slots counted so far, by ha_block_mesh_claim() only
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
 * Do all slots of a page belong to one arena?  Three walks over the blocks of
 * an arena that shares none of them find out, for one arena at a time (see
 * ha_mesh_claim()).
 */
void ha_block_mesh_claim(const struct ha_block *b, struct ha_mesh_count *n);
void ha_block_mesh_check(const struct ha_block *b);

/* The last walk.  @fn is called for slots whose page other arenas have, too. */
void ha_block_mesh_settle(struct ha_block *b, struct ha_mesh_count *n,
			  void (*fn)(struct ha_block *b, int i, void *arg),
			  void *arg);

#endif /* _HUGEARENA_BLOCK_MESH_H */
