/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Copy-on-write: sharing blocks at fork, and ending the sharing.
 *
 * fork() shares every block of the parent's table with the child's and makes
 * what the parent maps read-only; pinned ones are copied.  From then on a write
 * to a shared block puts an overlay in its place, which owns the 4 KiB that
 * were written and reads the rest from the base below.
 *
 *	       fork                write                 other users gone
 *	whole ------> whole, users 2 ------> overlay over whole ------> whole
 *	  ^                |                                        (folded)
 *	  +----------------+ other user gone
 */
#ifndef _HUGEARENA_COW_H
#define _HUGEARENA_COW_H

#include "arena.h"

/* Flags for ha_cow_page(). */
#define HA_COW_WRITE	1	/* the page will be written */
#define HA_COW_SHOW	2	/* reads are mapped read-only: show shared pages */
#define HA_COW_TABLE	4	/* a table of PTEs is in place: no PMD will be */

/**
 * struct ha_cow_page - what a fault may map
 * @page: the page
 * @source: where it came from
 * @alone: nothing else of its folio may be mapped, and this for reading only
 * @held: in: a folio that the caller holds a reference to, or NULL
 */
struct ha_cow_page {
	struct page *page;
	enum ha_counter source;
	bool alone;
	const struct folio *held;
};

/**
 * ha_cow_page() - find or make the page for a fault
 * @a: arena, rw held for reading and the block's lock held
 * @index: block
 * @i: 4 KiB page in it
 * @how: HA_COW_* bits
 * @out: the result
 *
 * Left to itself, the kernel maps all of a whole block's folio.  Under an
 * overlay that would show what the overlay covers, so that a page of the base
 * is mapped alone.  Where that cannot be (compat.h), the first page to be read
 * is copied, and brings a table of PTEs with it; after that, pages of the base
 * are shown as they are.
 *
 * Return: 0; -EFAULT where no memory may be made (a lost block, or a hole in a
 * core dump); -EDQUOT; -ENOMEM.
 */
int ha_cow_page(struct ha_arena *a, pgoff_t index, int i, unsigned int how,
		struct ha_cow_page *out);

/**
 * ha_cow_dup() - copy a block for an arena that cannot share it
 * @to: arena whose quota and memory cgroup pay for the copy
 * @index: block
 * @from: the block, which nobody writes to in the meantime
 *
 * Return: a block without a base, with one user; -EDQUOT, -ENOMEM or
 * -EHWPOISON.
 */
struct ha_block *ha_cow_dup(struct ha_arena *to, pgoff_t index,
			    struct ha_block *from);

/**
 * ha_cow_peek() - what may be mapped read-only beside a page that is read
 * @a: arena, rw held for reading and the block's lock held
 * @index: block
 * @i: 4 KiB page in it
 *
 * Return: the page, or NULL where none is or memory failed.
 */
struct page *ha_cow_peek(struct ha_arena *a, pgoff_t index, int i);

/**
 * ha_cow_claim() - let a parent write where its quota allows no copy
 * @a: arena, whose fault got -EDQUOT; none of its locks held
 * @index: block
 * @i: 4 KiB page in it
 * @held: a folio of the block that the caller holds a reference to, or NULL
 *
 * The older arena continues: those forked from @a, or from its children, lose
 * the block where they share it (HA_LOST_ENTRY), so that @a can write to it in
 * place.  hugetlb does the same when its pool is empty.  A child takes nothing
 * from its parent.  Waits for a relative that is about to end, if nothing else
 * helps: it has left the family's list and still has its share of the blocks.
 *
 * Return: true if anything was gained, so that the fault is worth another try.
 */
bool ha_cow_claim(struct ha_arena *a, pgoff_t index, int i,
		  const struct folio *held);

/**
 * ha_cow_clean() - may a block that was shared be written in place now?
 * @a: arena; rw held, and the lock of the block unless rw is held for writing
 * @index: block
 * @b: the table's block, with one user
 * @held: a folio of it that the caller holds a reference to, or NULL
 *
 * A relative that is gone may have left a pin (a page in a pipe, say) whose
 * holder must not see what is written from now on.  Return: false while there
 * is a pin.
 */
bool ha_cow_clean(struct ha_arena *a, pgoff_t index, struct ha_block *b,
		  const struct folio *held);

/**
 * ha_cow_writable() - may a page mapped read-only become writable as it is?
 * @a: arena, rw held for reading and the block's lock held
 * @index: block
 * @i: 4 KiB page in it
 * @page: what is mapped
 */
bool ha_cow_writable(struct ha_arena *a, pgoff_t index, int i,
		     const struct page *page);

/**
 * ha_cow_overlay() - cover a shared block, to hide a part of it
 * @a: arena, rw held for reading and the block's lock held
 * @index: block
 * @b: the table's block, which relatives use
 *
 * Return: the overlay, which is in the table now and has no page yet; or NULL
 * without memory, or when the block has as many layers as are allowed.
 */
struct ha_block *ha_cow_overlay(struct ha_arena *a, pgoff_t index,
				struct ha_block *b);

/**
 * ha_cow_fold() - merge an overlay whose base has no other user
 * @a: arena, rw held for reading and the block's lock held
 * @index: block
 * @whole: a whole base is wanted, what was released of it included
 *
 * Where a part of the block was released while it was shared, its memory goes
 * now: the rest becomes a split block, unless @whole.  Without memory for that
 * the released part is cleared and stays.
 *
 * Return: 1 when the table's block has a layer less, 0 when there is nothing
 * to fold, -EBUSY when a page is pinned, -EHWPOISON when memory failed in one.
 */
int ha_cow_fold(struct ha_arena *a, pgoff_t index, bool whole);

#endif /* _HUGEARENA_COW_H */
