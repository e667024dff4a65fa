// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_taken: whole blocks that are taken from the free runs for one span.
 *
 * Keeps true: blocks that have been taken are on no list until they are used or
 * put back, and the records that taken_use() needs exist before anything is
 * changed, so that it cannot fail.
 *
 * Protected by ph.lock, which is dropped only while the backend gets memory for
 * the blocks.  Called by the other files of the page heap.
 */
#include "base/conf.h"
#include "base/sys.h"
#include "pageheap_int.h"

#define GROW_SMALL	((size_t)2 << 20)
#define GROW_MIN	AREA_SIZE
#define GROW_MAX	((size_t)1 << 30)

static bool grow(enum backend_id backend, size_t blocks, size_t align,
		 bool whole)
{
	size_t min = blocks * BLOCK_SIZE + (align - BLOCK_SIZE);
	size_t want = ph.mapped / 4 & ~(BLOCK_SIZE - 1);
	uintptr_t start;
	size_t len;

	if (want < (whole ? GROW_MIN : GROW_SMALL))
		want = whole ? GROW_MIN : GROW_SMALL;
	if (want > GROW_MAX)
		want = GROW_MAX;
	if (want < min)
		want = min;
	start = backend_grow(backend, min, want, whole, &len);
	if (!start)
		return false;
	if (!block_get(start, backend) ||
	    !block_get(start + len - BLOCK_SIZE, backend)) {
		sys_munmap(start, len);
		return false;
	}
	ph.mapped += len;
	ph.nr_grow++;
	runs_insert(start, len / BLOCK_SIZE, backend, RUN_RETURNED);
	return true;
}

/**
 * taken_grow_behind - map more blocks behind a block that has room at its end
 * @npages: pages that must then be free in that room and behind it
 *
 * Return: true if there are new free blocks.
 */
bool taken_grow_behind(size_t npages)
{
	bool whole = room_wants_whole(npages * PAGE_SIZE);
	enum backend_id backend = whole ? backend_first() : BACKEND_THP;
	unsigned int room;
	size_t there = runs_before(backend, backend_next(backend), &room);
	size_t need = (npages - room + BLOCK_PAGES - 1) / BLOCK_PAGES;

	return room && there < need &&
	       grow(backend, need - there, BLOCK_SIZE, whole);
}

/*
 * What is free already; @near: and on this node, if it has memory.  The blocks that a
 * heap had before it came to its backend's are as good as these: what has memory is
 * used before new memory is.
 */
static bool take_free(struct taken *t, enum backend_id backend, size_t align,
		      bool whole, bool near)
{
	static const enum run_kind order[2][RUN_KINDS] = {
		{ RUN_PAGES, RUN_WHOLE, RUN_RETURNED },
		{ RUN_WHOLE, RUN_PAGES, RUN_RETURNED },
	};
	int i;

	for (i = 0; i < RUN_KINDS; i++) {
		t->kind = order[whole][i];
		t->backend = backend;
		if (runs_take(backend, t->kind, t->blocks, align, near,
			      &t->start))
			return true;
		t->backend = BACKEND_THP;
		if (backend != BACKEND_THP && t->kind != RUN_RETURNED &&
		    runs_take(BACKEND_THP, t->kind, t->blocks, align, near,
			      &t->start))
			return true;
	}
	t->backend = backend;
	return false;
}

static bool take_from(struct taken *t, enum backend_id backend, size_t align,
		      bool whole)
{
	t->thin = 0;
	if (take_free(t, backend, align, whole, true))
		goto found;
	if (grow(backend, t->blocks, align, whole) &&
	    runs_take(backend, RUN_RETURNED, t->blocks, align, true,
		      &t->start)) {
		t->kind = RUN_RETURNED;
		goto found;
	}
	if (!node_matters() || !take_free(t, backend, align, whole, false))
		return false;
found:
	t->whole = t->kind == RUN_WHOLE || (t->kind == RUN_RETURNED && whole);
	return true;
}

/**
 * taken_thin - decide whether the last block is a block or 4 KiB memory
 * @t: the blocks; @t->thin is set
 * @npages: pages of the span
 */
void taken_thin(struct taken *t, size_t npages)
{
	t->thin = t->whole && t->kind == RUN_RETURNED && room_leaves_much(npages, t->grows) ?
		  npages % BLOCK_PAGES : 0;
}

/**
 * taken_back - get memory for the blocks, if touching them could fail otherwise
 * @t: blocks without memory, on no list
 *
 * Called without the lock, or with it.
 *
 * Return: false if there is not enough: what there was is given back.
 */
bool taken_back(const struct taken *t)
{
	const struct backend_ops *ops = backend_ops(t->backend);
	size_t len = t->blocks * BLOCK_SIZE - (t->thin ? BLOCK_SIZE : 0);
	struct backend_range all = { t->start, t->blocks * BLOCK_SIZE };

	/* the thin block first: for a moment it may be whole */
	if ((!t->thin || ops->thin(t->start + len, t->thin * PAGE_SIZE)) &&
	    (!len || ops->whole(t->start, len)))
		return true;
	ops->release(&all, 1);
	return false;
}

/**
 * taken_in_pages - advise that blocks are to be 4 KiB pages
 * @t: blocks that earlier advice may make huge pages of
 *
 * Called without the lock, or with it.
 */
void taken_in_pages(const struct taken *t)
{
	const struct backend_ops *ops = backend_ops(t->backend);
	size_t i;

	for (i = 0; ops->pages && i < t->blocks; i++)
		ops->pages(t->start + i * BLOCK_SIZE);
}

/*
 * Get memory for the blocks beside a run, which is then long enough; put both
 * back where there is none.
 */
static bool longer_back(const struct longer *l, const struct taken *fresh)
{
	enum backend_id backend = fresh->backend;
	bool ok;
	int way[2];

	way[0] = transit_note(&(struct transit_of){
		.what = TRANSIT_RUN, .kind = RUN_WHOLE, .backend = backend,
		.start = l->had_at, .blocks = l->had });
	way[1] = transit_note(&(struct transit_of){
		.what = TRANSIT_RUN, .kind = RUN_RETURNED, .backend = backend,
		.start = fresh->start, .blocks = fresh->blocks });
	ok = way[0] >= 0 && way[1] >= 0;
	if (ok) {
		room_make((l->had + fresh->blocks) * BLOCK_PAGES, false);
		fresh_take(fresh->blocks * BLOCK_SIZE);
		if (ph.owed)
			ph.hurry += fresh->blocks;
		shim_lock_release(&ph.lock);
		ok = taken_back(fresh);
		shim_lock_acquire(&ph.lock);
		if (!ok)
			ph.nr_populate_fail++;
	}
	transit_arrived(way[0]);
	transit_arrived(way[1]);
	if (ok)
		return true;
	runs_insert(l->had_at, l->had, backend, RUN_WHOLE);
	runs_insert(fresh->start, fresh->blocks, backend, RUN_RETURNED);
	return false;
}

#define LONGER_TRIES	4	/* blocks to be joined first, each once */

/*
 * Blocks that have memory are too few: rather than leave them unused, which may
 * mean to give them back, add to them.  Not where the last block had better be
 * 4 KiB memory.
 */
static bool taken_longer(struct taken *t, size_t npages)
{
	struct taken fresh = { .backend = t->backend, .kind = RUN_RETURNED };
	struct longer l;
	int i;

	for (i = 0; i < LONGER_TRIES; i++) {
		if (room_leaves_much(npages, t->grows) ||
		    !runs_find_longer(t->backend, t->blocks, &l))
			return false;
		if (!l.first) {
			fresh.start = l.fresh_at;
			fresh.blocks = t->blocks - l.had;
			t->start = l.had_at < l.fresh_at ? l.had_at : l.fresh_at;
			return runs_take_longer(t->backend, t->blocks, &l) &&
			       longer_back(&l, &fresh);
		}
		if (!pageheap_join(l.first))
			return false;
	}
	return false;
}

/* Blocks that have memory, at least some of them. */
static __attribute__((noinline)) bool take_whole(struct taken *t,
						 enum backend_id backend,
						 size_t npages, size_t align)
{
	t->backend = backend;
	t->kind = RUN_WHOLE;
	t->whole = true;
	t->thin = 0;
	return runs_take(backend, RUN_WHOLE, t->blocks, align, true,
			 &t->start) ||
	       (t->blocks > 1 && align == BLOCK_SIZE &&
		taken_longer(t, npages));
}

static size_t taken_blocks(size_t npages)
{
	return (npages + BLOCK_PAGES - 1) / BLOCK_PAGES;
}

/**
 * taken_backend - the backend that a new span's blocks are to come from
 * @npages: pages of the span
 */
enum backend_id taken_backend(size_t npages)
{
	size_t len = taken_blocks(npages) * BLOCK_SIZE;

	/*
	 * it is not worth getting memory beforehand that may never be touched
	 */
	return len <= shim_conf.populate_max && room_wants_whole(len) ?
	       backend_first() : BACKEND_THP;
}

/*
 * There is no more memory to be had: another node's that is free is better than
 * none.
 */
static __attribute__((noinline)) bool take_anywhere(struct taken *t, size_t align)
{
	int id;

	t->thin = 0;
	for (id = 0; id < BACKEND_NR; id++) {
		t->backend = (enum backend_id)id;
		t->kind = RUN_WHOLE;
		if (runs_take(t->backend, t->kind, t->blocks, align, false,
			      &t->start))
			break;
		t->kind = RUN_PAGES;
		if (runs_take(t->backend, t->kind, t->blocks, align, false,
			      &t->start))
			break;
	}
	t->whole = t->kind == RUN_WHOLE;
	return id < BACKEND_NR;
}

/**
 * taken_get_from - take whole blocks in a row for a span
 * @t: out: what was taken
 * @backend: the backend to try first; the other one is BACKEND_THP
 * @npages: pages of the span
 * @align: bytes, a power of two, at least BLOCK_SIZE
 *
 * They have memory if touching them could fail otherwise.  The lock is dropped
 * while the backend gets it, when no other thread can find the blocks.
 *
 * Return: false with nothing changed if there are none.
 */
bool taken_get_from(struct taken *t, enum backend_id backend, size_t npages,
		    size_t align)
{
	size_t blocks = taken_blocks(npages);
	size_t len = blocks * BLOCK_SIZE;
	bool whole = room_wants_whole(len);
	bool ok;
	int way;

	t->blocks = blocks;
	for (;;) {
		if (whole && take_whole(t, backend, npages, align))
			return true;
		if (take_from(t, backend, align, whole)) {
			if (t->kind == RUN_RETURNED && !whole && ph.whole)
				taken_in_pages(t);
			if (t->kind != RUN_RETURNED || !whole)
				return true;
			taken_thin(t, npages);
			if (t->thin)
				len = npages * PAGE_SIZE;
			room_make(len / PAGE_SIZE, false);
			/* 4 KiB pages count when they are claimed */
			fresh_take(len - t->thin * PAGE_SIZE);
			if (ph.owed)
				ph.hurry += blocks;
			way = transit_leave(&(struct transit_of){
				.what = TRANSIT_RUN, .kind = RUN_RETURNED,
				.backend = backend, .start = t->start,
				.blocks = blocks });
			ok = taken_back(t);
			transit_enter(way);
			if (ok)
				return true;
			ph.nr_populate_fail++;
			runs_insert(t->start, blocks, backend, RUN_RETURNED);
		}
		if (backend == BACKEND_THP)
			return node_matters() && take_anywhere(t, align);
		ph.nr_fallback++;
		backend = BACKEND_THP;
	}
}

/**
 * taken_get - taken_get_from() the backend that is to be used for such a span
 * @t: as there
 * @npages: as there
 * @align: as there
 *
 * Return: as there.
 */
bool taken_get(struct taken *t, size_t npages, size_t align)
{
	return taken_get_from(t, taken_backend(npages), npages, align);
}

/**
 * taken_use - give a span the blocks that were taken for it
 * @t: blocks that taken_prepare() has prepared
 * @skip: pages of the first block that stay free; not a whole block
 * @npages: pages of the span, which lies behind them
 *
 * Whole blocks become a segment of it; the rest of the first and the used part
 * of the last are claimed page by page.
 *
 * Return: true if its memory reads as zero.
 */
bool taken_use(const struct taken *t, unsigned int skip, size_t npages)
{
	size_t blocks = (skip + npages) / BLOCK_PAGES;
	unsigned int tail = (skip + npages) % BLOCK_PAGES;
	uintptr_t at = t->start;
	uint8_t node = block_at(at)->node;
	struct block *b;

	if (skip && blocks) {
		b = block_at(at);
		block_init_part(b, t->kind, t->whole);
		block_claim(b, skip, BLOCK_PAGES - skip);
		at += BLOCK_SIZE;
		blocks--;
		skip = 0;
	}
	if (blocks) {
		b = block_at(at);
		b->node = node;
		if (t->kind == RUN_RETURNED)
			block_touched_here(b);
		segment_make(at, blocks, t->whole);
		if (t->kind == RUN_RETURNED && !t->whole)
			fresh_take(blocks * BLOCK_SIZE);
	}
	if (tail) {
		b = block_at(at + blocks * BLOCK_SIZE);
		block_init_part(b, t->kind, t->whole && !t->thin);
		if (t->thin)
			ph.holes -= tail - skip;
		block_claim(b, skip, tail - skip);
	}
	return t->kind == RUN_RETURNED;
}

/**
 * taken_prepare - make the records that taken_use() needs
 * @t: the blocks, of which the first and the last have records
 * @skip: as for taken_use()
 * @npages: as for taken_use()
 *
 * Return: false if there is no memory for them.
 */
bool taken_prepare(const struct taken *t, unsigned int skip, size_t npages)
{
	size_t blocks = (skip + npages) / BLOCK_PAGES;

	return !blocks ||
	       (block_get(t->start + (blocks - 1) * BLOCK_SIZE, t->backend) &&
		(!skip || t->blocks == 1 ||
		 block_get(t->start + BLOCK_SIZE, t->backend)));
}
