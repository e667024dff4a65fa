/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A block of an arena: 2 MiB of content in one of three shapes.
 *
 *	whole	folio			one 2 MiB folio
 *	split	slots			up to 512 4 KiB folios; the rest is zero
 *	overlay	slots over a base	what is not in slots is in the base
 *
 * Slots are kept in leaves of 64, made when the first of them is filled: an
 * overlay that one write made costs 512 bytes of table, not 4 KiB.
 *
 * A block is shared by reference count: the tables of the arenas that contain
 * it and the overlays on top of it.  While it has more than one user it is
 * immutable; only its sole user, holding that arena's lock of the block, may
 * change it.
 */
#ifndef _HUGEARENA_BLOCK_H
#define _HUGEARENA_BLOCK_H

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/refcount.h>

#include "source.h"

#define HA_LEAF		64
#define HA_LEAVES	(HA_BLOCK_PAGES / HA_LEAF)

/* A slot that reads as zero whatever the base holds: released, not resident. */
#define HA_HOLE		((struct folio *)1UL)

/**
 * struct ha_block - content of one block
 * @users: arena tables and overlays that refer to it
 * @pooled: @folio belongs to the pool
 * @tainted: it was shared, and a relative that is gone may have left a pin that
 *	reads it: not to be written before ha_block_clean()
 * @nslots: 4 KiB folios in the slots
 * @folio: whole block, or NULL for a split one
 * @leaf: slots: folios, NULLs and HA_HOLEs; a NULL leaf is all NULLs
 * @base: what an overlay covers, with a reference, or NULL
 * @home: inode whose mapping the folios carry, with a reference.  Keys of
 *	shared futexes are made of it, so that it must be the arena's own once
 *	the block is.
 * @index: the block's place in the arena, in blocks
 * @payer: supply whose cgroup paid, to be compared only
 * @account: the account charged, with a reference
 */
struct ha_block {
	refcount_t users;
	bool pooled;
	bool tainted;
	unsigned int nslots;
	struct folio *folio;
	struct folio **leaf[HA_LEAVES];
	struct ha_block *base;
	struct inode *home;
	pgoff_t index;
	const struct ha_source *payer;
	struct ha_account *account;
};

/*
 * Has it more than one user?  A caller for whom the answer is no may read what
 * the other users left: acquire order, pairs with the release in
 * ha_block_put_gone()'s refcount_dec_and_test().
 */
static inline bool ha_block_shared(const struct ha_block *b)
{
	if (refcount_read(&b->users) > 1)
		return true;
	smp_acquire__after_ctrl_dep();
	return false;
}

/* What a slot of a split block holds: a folio, NULL or HA_HOLE. */
static inline struct folio *ha_block_raw(const struct ha_block *b, int i)
{
	struct folio **leaf = b->leaf[i / HA_LEAF];

	return leaf ? leaf[i % HA_LEAF] : NULL;
}

/* A folio of a slot, or NULL where there is none. */
static inline struct folio *ha_block_slot(const struct ha_block *b, int i)
{
	struct folio *folio = ha_block_raw(b, i);

	return folio == HA_HOLE ? NULL : folio;
}

/* 4 KiB pages that a table entry makes resident, the base's included. */
static inline unsigned long ha_block_pages(const struct ha_block *b)
{
	unsigned long n = 0;

	for (; b; b = b->base)
		n += b->folio ? HA_BLOCK_PAGES : b->nslots;
	return n;
}

/* How many slots of a block have a page that another slot has, too. */
unsigned int ha_block_meshed(const struct ha_block *b);

/**
 * ha_block_new() - get memory for a block
 * @src: where from
 * @home: inode of the arena
 * @index: the block's place
 * @how: HA_ZERO, HA_WAIT
 * @from: out: the source, HA_FAULT_SMALL for an empty split block
 *
 * Return: a whole block, or an empty split one when no 2 MiB are to be had, or
 * NULL without memory for that.
 */
struct ha_block *ha_block_new(struct ha_source *src, struct inode *home,
			      pgoff_t index, unsigned int how,
			      enum ha_counter *from);

/**
 * ha_block_new_split() - make a split block without any page, or an overlay
 * @src: whose account pays for the pages to come
 * @home: inode of the arena
 * @index: the block's place
 * @base: block to cover, or NULL; the caller's reference to it goes to the
 *	overlay, unless NULL is returned
 */
struct ha_block *ha_block_new_split(struct ha_source *src, struct inode *home,
				    pgoff_t index, struct ha_block *base);

/**
 * ha_block_put_gone() - drop a user
 * @b: the block
 * @src: a supply that may keep the memory for its reserve, or NULL
 * @gone: gather here what is to be freed, or NULL
 *
 * The last user's put frees the memory, and drops the base.  Return: how many
 * slots ended without freeing their page, because other slots have it.
 */
unsigned int ha_block_put_gone(struct ha_block *b, struct ha_source *src,
			       struct ha_gone *gone);

static inline unsigned int ha_block_put(struct ha_block *b,
					struct ha_source *src)
{
	return ha_block_put_gone(b, src, NULL);
}

/**
 * ha_block_fill() - put a fresh page into an empty slot
 * @b: split block with one user
 * @i: slot
 * @src: where the page comes from
 * @from: page to copy, or NULL for zero
 * @spare: a page of the stock will do for a copy: one at a time, in a fault
 *
 * A copy outside a fault is upkeep, which fails rather than have a process
 * killed at the limit of its memory cgroup.
 *
 * Return: the folio, -EDQUOT, -ENOMEM, or -EHWPOISON where memory failed in
 * @from.
 */
struct folio *ha_block_fill(struct ha_block *b, int i, struct ha_source *src,
			    struct page *from, bool spare);

/**
 * ha_block_empty() - take a page out of a slot
 * @b: split block with one user; the page is not mapped
 * @i: slot
 *
 * Under an overlay the base stays hidden.  Return: HA_KEPT when there was no
 * page, HA_FREED when it went, HA_SHARE when another slot still has it, or
 * -ENOMEM when there is no memory to remember a hole.
 */
int ha_block_empty(struct ha_block *b, int i);

#define HA_KEPT		0
#define HA_FREED	1
#define HA_SHARE	2

/**
 * ha_block_unshare() - give a slot whose page has aliases a page of its own
 * @b: split block with one user
 * @i: slot; settled and zapped
 * @src: where the page comes from
 *
 * Return: the new folio, with the content of the old one; -EDQUOT or -ENOMEM.
 */
struct folio *ha_block_unshare(struct ha_block *b, int i,
			       struct ha_source *src);

/**
 * ha_block_mesh() - give a slot the page of another one
 * @to: split block with one user
 * @i: slot of it, whose page is not mapped, nor needed any more
 * @from: split block with one user, of the same arena
 * @j: slot of it
 *
 * Return: HA_FREED, or HA_SHARE when another slot still has the old page.
 */
int ha_block_mesh(struct ha_block *to, int i, struct ha_block *from, int j);

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

/**
 * ha_block_page() - find the page that holds a slot's content
 * @b: block
 * @i: slot
 *
 * Return: the page, in @b or a base, or NULL where the content is zero.
 */
struct page *ha_block_page(struct ha_block *b, int i);

/*
 * Copy the whole content of @from into the folio of @to, a whole block.
 * Return: 0, or -EHWPOISON where memory failed in the source; where the kernel
 * has copy_mc_to_kernel(), that takes down neither the copier nor the machine.
 */
int ha_block_copy(struct ha_block *to, struct ha_block *from);

/**
 * ha_block_settle() - wait for faults that hold a page but have not mapped it
 * @b: the block
 *
 * A fault hands its folio to the kernel locked, and the kernel unlocks it when
 * the mapping is in place.  After this, a zap finds every mapping made before
 * the caller took the block's lock.  Pairs with the folio_lock() in fault_page().
 */
void ha_block_settle(struct ha_block *b);

/**
 * ha_block_settle_range() - ha_block_settle() for a part of a block
 * @b: the block
 * @start: first slot
 * @end: one past the last
 */
void ha_block_settle_range(struct ha_block *b, int start, int end);

/**
 * ha_block_pinned() - does anybody hold a page of a block that is not mapped?
 * @b: block with one user, settled, and no new mapping can come
 * @held: a folio of it that the caller holds a reference to, or NULL
 *
 * A page that has aliases may be mapped through them, or be faulted in there
 * just now: that is not a pin.  At worst it is taken for one, which costs
 * another try.
 *
 * Bases are not checked: they were not pinned when they became bases, and what
 * pins them since can only read.
 */
bool ha_block_pinned(const struct ha_block *b, const struct folio *held);

/* The same for one slot that has a page. */
bool ha_block_slot_pinned(const struct ha_block *b, int i);

/**
 * ha_block_rehome() - give a block's folios to another inode
 * @b: block with one user
 * @home: the arena's inode
 * @locked: a folio of the block that the caller holds locked, or NULL
 */
void ha_block_rehome(struct ha_block *b, struct inode *home,
		     struct folio *locked);

/**
 * ha_block_fold() - merge an overlay into its base
 * @b: overlay with one user, settled, zapped, not pinned, whose base has one
 *	user and no pins
 * @shares: slots that ended without freeing their page are added here
 *
 * Return: the base, which takes the place of @b; @b is gone.  NULL when memory
 * failed in either; then @b is what it was.
 */
struct ha_block *ha_block_fold(struct ha_block *b, unsigned int *shares);

/**
 * ha_block_flatten() - make an overlay a split block without a base
 * @b: as for ha_block_fold()
 * @src: where the pages come from that are in the base only
 *
 * For overlays that hide a part of a whole block: its memory goes, where a fold
 * would only clear it.  Return: false, with all of the content still there, if
 * nothing is hidden or there is no memory.
 */
bool ha_block_flatten(struct ha_block *b, struct ha_source *src);

int ha_block_init(void);
void ha_block_exit(void);

#endif /* _HUGEARENA_BLOCK_H */
