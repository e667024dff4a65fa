// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts of the slots that have a meshed page; see block_mesh.h.
 *
 * Keeps true: a folio's private field counts its slots beyond the first, and
 * while that is not 0 it holds a reference to its mapping's inode.  One lock for
 * all folios, innermost: nothing is called under it.  Called by block and mesh.
 */
#include <linux/spinlock.h>

#include "block_mesh.h"

static DEFINE_SPINLOCK(mesh_lock);	/* private of all 4 KiB folios */

static void mesh_write(struct folio *folio, u64 value)
{
	WRITE_ONCE(folio->private, (void *)(unsigned long)value);
}

bool ha_folio_mesh_drop(struct folio *folio)
{
	bool shared;

	if (!ha_folio_aliases(folio))
		return false;
	spin_lock(&mesh_lock);
	shared = ha_folio_aliases(folio);
	if (shared)
		mesh_write(folio, ha_folio_mesh(folio) - 1);
	spin_unlock(&mesh_lock);
	return shared;
}

void ha_folio_mesh_add(struct folio *folio)
{
	u64 value;

	spin_lock(&mesh_lock);
	value = ha_folio_mesh(folio) + 1;
	if (!(value & HA_MESH_INODE))
		ihold(folio->mapping->host);
	mesh_write(folio, value | HA_MESH_INODE);
	spin_unlock(&mesh_lock);
	folio_get(folio);
}

void ha_block_mesh_claim(const struct ha_block *b, struct ha_mesh_count *n)
{
	int i;

	for (i = ha_block_next(b, 0); i < HA_BLOCK_PAGES; i = ha_block_next(b, i + 1)) {
		struct folio *folio = ha_block_slot(b, i);

		if (!ha_folio_aliases(folio))
			continue;
		spin_lock(&mesh_lock);
		n->slots++;
		n->pages += !(ha_folio_mesh(folio) & HA_MESH_COUNTED);
		mesh_write(folio, ha_folio_mesh(folio) + HA_MESH_ONE);
		spin_unlock(&mesh_lock);
	}
}

/* How many slots of a folio ha_block_mesh_claim() has counted. */
static u64 mesh_counted(u64 value)
{
	return (value & HA_MESH_COUNTED) / HA_MESH_ONE;
}

void ha_block_mesh_check(const struct ha_block *b)
{
	int i;

	for (i = ha_block_next(b, 0); i < HA_BLOCK_PAGES; i = ha_block_next(b, i + 1)) {
		struct folio *folio = ha_block_slot(b, i);
		u64 value;

		if (!mesh_counted(ha_folio_mesh(folio)))
			continue;
		spin_lock(&mesh_lock);
		value = ha_folio_mesh(folio);
		if (mesh_counted(value) < (value & HA_MESH_ALIASES) + 1)
			mesh_write(folio, value | HA_MESH_FOREIGN);
		spin_unlock(&mesh_lock);
	}
}

void ha_block_mesh_settle(struct ha_block *b, struct ha_mesh_count *n,
			  void (*fn)(struct ha_block *b, int i, void *arg),
			  void *arg)
{
	int i;

	for (i = ha_block_next(b, 0); i < HA_BLOCK_PAGES; i = ha_block_next(b, i + 1)) {
		struct folio *folio = ha_block_slot(b, i);
		u64 value;
		bool foreign, last;

		if (!mesh_counted(ha_folio_mesh(folio)))
			continue;
		spin_lock(&mesh_lock);
		value = ha_folio_mesh(folio) - HA_MESH_ONE;
		foreign = value & HA_MESH_FOREIGN;
		last = !mesh_counted(value);
		if (last)
			value &= ~HA_MESH_FOREIGN;
		mesh_write(folio, value);
		spin_unlock(&mesh_lock);
		if (!foreign)
			continue;
		n->slots--;
		n->pages -= last;
		fn(b, i, arg);
	}
}
