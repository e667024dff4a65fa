// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failed memory, clearing, and the slots of meshed folios; see folio.h.
 *
 * Keeps true: a folio's private field counts its slots beyond the first, and
 * while that is not 0 it holds a reference to its mapping's inode.  One lock for
 * all folios, innermost: nothing is called under it.  For the rest there is no
 * state and no lock: the caller either owns the folio exclusively or only reads
 * its flags.  Called by pool, source and block.
 */
#include <linux/fs.h>
#include <linux/highmem.h>
#include <linux/page-flags.h>
#include <linux/spinlock.h>

#include "folio.h"

static DEFINE_SPINLOCK(mesh_lock);	/* private of all 4 KiB folios */

/* A word in every kernel, in a structure of its own in newer ones. */
static unsigned long page_flags(const struct page *page)
{
	return READ_ONCE(*(const unsigned long *)&page->flags);
}

/*
 * Every release looks at 512 pages: eight at once, without a branch for each,
 * take less than half of the instructions.
 */
#define BAD_STEP	8

bool ha_folio_is_bad(struct folio *folio)
{
	const struct page *page = folio_page(folio, 0);
	const struct page *end = page + HA_BLOCK_PAGES;
	unsigned long flags = 0;

	BUILD_BUG_ON(HA_BLOCK_PAGES % BAD_STEP);
	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		return false;
	for (; page < end; page += BAD_STEP)
		flags |= page_flags(page) | page_flags(page + 1) |
			 page_flags(page + 2) | page_flags(page + 3) |
			 page_flags(page + 4) | page_flags(page + 5) |
			 page_flags(page + 6) | page_flags(page + 7);
	return unlikely(flags & __PG_HWPOISON);
}

bool ha_folio_zero(struct folio *folio)
{
	int i;

	/* writing to memory that failed may take the machine down */
	if (ha_folio_is_bad(folio))
		return false;
	for (i = 0; i < HA_BLOCK_PAGES; i++) {
		clear_highpage(folio_page(folio, i));
		if (!(i % 32))
			cond_resched();
	}
	return !ha_folio_is_bad(folio);
}

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

void ha_folio_mesh_claim(struct folio *folio, struct ha_mesh_count *n)
{
	if (!ha_folio_aliases(folio))
		return;
	spin_lock(&mesh_lock);
	n->slots++;
	n->pages += !(ha_folio_mesh(folio) & HA_MESH_COUNTED);
	mesh_write(folio, ha_folio_mesh(folio) + HA_MESH_ONE);
	spin_unlock(&mesh_lock);
}

/* How many slots of a folio ha_folio_mesh_claim() has counted. */
static u64 mesh_counted(u64 value)
{
	return (value & HA_MESH_COUNTED) / HA_MESH_ONE;
}

void ha_folio_mesh_check(struct folio *folio)
{
	u64 value;

	if (!mesh_counted(ha_folio_mesh(folio)))
		return;
	spin_lock(&mesh_lock);
	value = ha_folio_mesh(folio);
	if (mesh_counted(value) < (value & HA_MESH_ALIASES) + 1)
		mesh_write(folio, value | HA_MESH_FOREIGN);
	spin_unlock(&mesh_lock);
}

bool ha_folio_mesh_settle(struct folio *folio, struct ha_mesh_count *n)
{
	bool foreign, last;
	u64 value;

	if (!mesh_counted(ha_folio_mesh(folio)))
		return false;
	spin_lock(&mesh_lock);
	value = ha_folio_mesh(folio) - HA_MESH_ONE;
	foreign = value & HA_MESH_FOREIGN;
	last = !mesh_counted(value);
	if (last)
		value &= ~HA_MESH_FOREIGN;
	mesh_write(folio, value);
	spin_unlock(&mesh_lock);
	if (foreign) {
		n->slots--;
		n->pages -= last;
	}
	return foreign;
}
