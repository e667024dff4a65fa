// SPDX-License-Identifier: GPL-2.0-only
/*
 * Failed memory in a block, and clearing a block; see folio.h.
 *
 * Has no state and takes no lock: the caller either owns the folio exclusively
 * or only reads its flags.  Called by pool, source and block.
 */
#include <linux/highmem.h>
#include <linux/page-flags.h>

#include "folio.h"

bool ha_folio_is_bad(struct folio *folio)
{
	struct page *page = folio_page(folio, 0);
	int i;

	if (!IS_ENABLED(CONFIG_MEMORY_FAILURE))
		return false;
	for (i = 0; i < HA_BLOCK_PAGES; i++)
		if (unlikely(PageHWPoison(page + i)))
			return true;
	return false;
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
