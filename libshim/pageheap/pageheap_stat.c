// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_stat: the page heap in numbers, and around fork().
 *
 * Every figure but one is a sum that is maintained anyway, so reading them
 * holds the lock for some hundred instructions, and for a few more for each
 * block that is to be split.
 */
#include <string.h>

#include "base/meta.h"
#include "limit.h"
#include "pageheap_int.h"
#include "scavenger.h"
#include "base/sys.h"

/* At most SPLIT_MAX blocks, 5 ns each. */
static size_t owed_bytes(void)
{
	const struct block *b;
	size_t pages = 0;

	for (b = ph.owed; b; b = b->owed_next)
		pages += BLOCK_PAGES - bits_count(&b->backed, 0, BLOCK_PAGES);
	return pages * PAGE_SIZE;
}

void pageheap_get_stat(struct pageheap_stat *st)
{
	struct scavenger_stat sc;
	struct meta_stat ms;
	size_t whole, pages;
	int i, k;

	memset(st, 0, sizeof(*st));
	meta_get_stat(&ms);
	shim_lock_acquire(&ph.lock);
	whole = 0;
	pages = 0;
	for (i = 0; i < BACKEND_NR; i++) {
		whole += ph.runs[RUN_WHOLE][i].blocks;
		pages += ph.runs[RUN_PAGES][i].blocks;
	}
	st->mapped = ph.mapped;
	st->inuse = ph.inuse * PAGE_SIZE;
	st->free = ph.idle * PAGE_SIZE;
	st->returned = st->mapped - st->inuse - st->free;
	st->metadata = ms.mapped - ms.untouched;
	st->blocks_free = whole + pages;
	for (k = 0; k < PAGEHEAP_FILL_BUCKETS; k++) {
		st->fill[k] = ph.fill[k];
		st->blocks += ph.fill[k];
	}
	st->blocks_split = ph.part_pages;
	st->covered = (whole + ph.span_whole + ph.part - ph.part_pages) *
		      BLOCK_SIZE;
	st->spans = ph.spans;
	st->nr_grow = ph.nr_grow;
	st->nr_fail = ph.nr_fail;
	st->nr_fallback = ph.nr_fallback;
	st->nr_populate_fail = ph.nr_populate_fail;
	st->nr_release = ph.nr_release;
	st->released = ph.released;
	st->purged = ph.purged;
	st->nr_split = ph.nr_split;
	st->nr_join = ph.nr_join;
	st->nr_join_fail = ph.nr_join_fail;
	st->nr_remap = ph.nr_remap;
	st->nr_refused = ph.nr_refused;
	st->owed = owed_bytes();
	scavenger_get_stat(&sc);
	st->scavenger_looks = sc.looks;
	st->scavenger_drains = sc.drains;
	st->demand = sc.demand;
	st->limit = limit_bytes();
	st->backend = backend_ops(backend_first())->name;
	shim_lock_release(&ph.lock);
}

void pageheap_fork_prepare(void)
{
	shim_lock_fork_prepare(&ph.lock);
	meta_fork_prepare();
}

void pageheap_fork_parent(void)
{
	meta_fork_parent();
	shim_lock_fork_parent(&ph.lock);
}

void pageheap_fork_plain(void)
{
	limit_fork_plain();
}

void pageheap_fork_child(void)
{
	meta_fork_child();
	/*
	 * a signal may have interrupted this thread while it held the lock:
	 * leave it alone then
	 */
	if (!(ph.lock.state & SHIM_LOCK_KEPT))
		transit_fork_child();
	scavenger_fork_child();
	shim_lock_fork_child(&ph.lock);
}
