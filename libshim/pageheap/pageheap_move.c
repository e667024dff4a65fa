// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_move: spans that move by page tables instead of bytes.
 *
 * A span moves in pieces: its whole blocks together, and its pages in each
 * block that it shares with other spans.  A piece in a block whose memory is
 * one huge page is copied, because moving it would split the page; so is a
 * piece that the kernel refuses to move.  Of whole blocks the old one is given
 * back as soon as its copy is made.  No more than a block is in two places at a
 * time, so a growing object needs hardly more memory than it already has.
 *
 * Blocks of a backend that cannot move them (kmod) are copied in this way where
 * a limit does not leave room for a second copy of all of them.  They go to
 * anonymous memory: it comes as it is touched and not by a call that may fail,
 * so nothing has to be undone half way.  The next move is by page tables then.
 *
 * Keeps true: a call that returns false has changed nothing; the place that a
 * piece leaves has no memory and reads as zero.
 *
 * The caller owns the span, and its new place is on no list, so nobody else
 * changes either while ph.lock is dropped.  Called by large for realloc().
 */
#include <string.h>

#include "pageheap/pageheap_int.h"
#include "base/sys.h"

/*
 * Memory that has moved is a mapping (VMA) of its own, and cuts two others.  A
 * process may have 65530 mappings; a limit of 8192 blocks in which such a
 * mapping begins or ends leaves most of these to the application.
 */
#define MOVED_MAX	((size_t)8192)

#define PIECES_MAX	64u	/* bits of a word; a span of more pieces is copied */

/*
 * Mappings of the kernel's that one piece may be afterwards.  Each move of an
 * array adds one, a copy makes one of all.
 */
#define PARTS_MAX	8u

struct piece {
	uintptr_t at;
	size_t len;
	bool movable;
	bool blocks;		/* whole ones, of a segment */
};

/* The end of the piece of [@at, @end) that begins at @at. */
static struct piece piece_at(uintptr_t at, uintptr_t end)
{
	const struct block *b = block_at(at);
	struct piece p = { .at = at, .blocks = b->state == BLOCK_SPAN };

	p.len = p.blocks ? b->run * BLOCK_SIZE : BLOCK_SIZE - at % BLOCK_SIZE;
	if (p.len > end - at)
		p.len = end - at;
	p.movable = p.blocks || p.len == BLOCK_SIZE ||
		    (!b->whole && backend_ops(b->backend)->remap);
	return p;
}

/*
 * Is there something to move, in few enough pieces?  @skip: how many pages to
 * leave free before the span, so that whole blocks stay aligned.  @copied:
 * pages that are copied, and in two places for a while.
 */
static bool is_movable(uintptr_t at, uintptr_t end, unsigned int *skip,
		       size_t *copied)
{
	unsigned int n = 0, first = (at % BLOCK_SIZE) / PAGE_SIZE;
	size_t one = 0;
	bool any = false;

	*skip = 0;
	*copied = 0;
	for (; at < end; n++) {
		struct piece p = piece_at(at, end);

		if (p.movable)
			any = true;
		else
			*copied += p.len / PAGE_SIZE;
		if (p.movable && !backend_ops(block_at(at)->backend)->remap)
			one = BLOCK_PAGES;
		if (p.len >= BLOCK_SIZE)
			*skip = first;
		at += p.len;
	}
	*copied += one;
	return any && n <= PIECES_MAX && ph.moved < MOVED_MAX;
}

static void blocks_copy(const struct backend_ops *ops, uintptr_t at,
			uintptr_t to, size_t len)
{
	struct backend_range old = { at, BLOCK_SIZE };

	for (; len; len -= BLOCK_SIZE) {
		memcpy((void *)to, (void *)old.start, BLOCK_SIZE);
		/* refused: the application has locked it in memory */
		if (!ops->release(&old, 1))
			memset((void *)old.start, 0, BLOCK_SIZE);
		old.start += BLOCK_SIZE;
		to += BLOCK_SIZE;
	}
}

/*
 * Move whole blocks by halves.  Before 6.17 the kernel refuses what is more
 * than one mapping to it, and blocks that moved before are one of their own.
 * @parts counts mappings; what would be too many, and a block that the kernel
 * refuses, is copied.
 *
 * Return: BACKEND_MOVED, or BACKEND_LOST: the place of @lost is somebody else's,
 * and what is before that has moved.
 */
static enum backend_remap blocks_move(const struct backend_ops *ops,
				      uintptr_t at, uintptr_t to, size_t len,
				      unsigned int *parts, struct piece *lost)
{
	size_t half = len / 2 & ~(BLOCK_SIZE - 1);
	enum backend_remap how = BACKEND_STAYED;

	if (!ops->remap) {
		blocks_copy(ops, at, to, len);
		return BACKEND_MOVED;
	}
	if (*parts < PARTS_MAX)
		how = ops->remap(at, to, len);
	if (how == BACKEND_MOVED)
		++*parts;
	if (how == BACKEND_LOST)
		*lost = (struct piece){ .at = to, .len = len };
	if (how != BACKEND_STAYED)
		return how;
	if (!half || *parts >= PARTS_MAX) {
		blocks_copy(ops, at, to, len);
		return BACKEND_MOVED;
	}
	how = blocks_move(ops, at, to, half, parts, lost);
	if (how == BACKEND_MOVED)
		how = blocks_move(ops, at + half, to + half, len - half, parts,
				  lost);
	return how;
}

static enum backend_remap piece_move(const struct backend_ops *ops,
				     const struct piece *p, uintptr_t to,
				     unsigned int *cuts, struct piece *lost)
{
	enum backend_remap how = BACKEND_STAYED;
	unsigned int parts = 0;

	if (p->movable && (p->blocks || !ops->remap)) {
		how = blocks_move(ops, p->at, to, p->len, &parts, lost);
		*cuts += parts > 1 ? parts - 1 : 0;
	} else if (p->movable) {
		how = ops->remap(p->at, to, p->len);
		*lost = (struct piece){ .at = to, .len = p->len };
	}
	return how;
}

/*
 * Move [@at, @end) to @to, bit n of @moved telling how piece n went, and @cuts how
 * many mappings more than pieces there are.  Called without the lock.
 *
 * Return: false if the place of @lost is somebody else's now; all is back where
 * it was then.
 */
static bool pieces_move(const struct backend_ops *ops, uintptr_t at,
			uintptr_t end, uintptr_t to, uint64_t *moved,
			unsigned int *cuts, struct piece *lost)
{
	uintptr_t from = at;
	uint64_t bit;

	*moved = 0;
	*cuts = 0;
	for (bit = 1; at < end; bit <<= 1) {
		struct piece p = piece_at(at, end);
		uintptr_t target = to + (at - from);
		enum backend_remap how;

		how = piece_move(ops, &p, target, cuts, lost);
		if (how == BACKEND_LOST) {
			memcpy((void *)from, (void *)to, lost->at - to);
			return false;
		}
		if (how == BACKEND_MOVED)
			*moved |= bit;
		else
			memcpy((void *)target, (void *)at, p.len);
		at += p.len;
	}
	return true;
}

/*
 * Give up what was taken, except for the part that now belongs to another
 * mapping.
 */
static void taken_lose(const struct taken *t, const struct piece *lost)
{
	uintptr_t end = t->start + t->blocks * BLOCK_SIZE, at;

	if (lost->at > t->start)
		sys_munmap(t->start, lost->at - t->start);
	if (lost->at + lost->len < end)
		sys_munmap(lost->at + lost->len, end - lost->at - lost->len);
	ph.mapped -= t->blocks * BLOCK_SIZE;
	for (at = t->start; at < end; at += BLOCK_SIZE)
		if (block_at(at))
			block_at(at)->state = BLOCK_LOST;
}

static void mark_moved(uintptr_t at)
{
	struct block *b = block_at(at);

	if (b && !b->moved && backend_ops(b->backend)->remap) {
		b->moved = true;
		ph.moved++;
	}
}

/*
 * The old place: a piece that was moved has left no memory, one that was copied
 * has.
 */
static void pieces_leave(uintptr_t at, uintptr_t end, uint64_t moved)
{
	for (; at < end; moved >>= 1) {
		struct piece p = piece_at(at, end);
		struct block *b = block_at(at);

		if (!(moved & 1)) {
			segment_free(at, at + p.len);
		} else if (b->state == BLOCK_SPAN) {
			segment_break(at, b->run, b->whole);
			runs_insert(at, p.len / BLOCK_SIZE, b->backend,
				    RUN_RETURNED);
		} else {
			block_vacate(b, (at % BLOCK_SIZE) / PAGE_SIZE,
				     (unsigned int)(p.len / PAGE_SIZE));
			runs_insert_unused(b);
		}
		if (moved & 1) {
			mark_moved(at);
			mark_moved(at + p.len - 1);
		}
		at += p.len;
	}
}

/*
 * Where should [@at, @end) move, as @npages?  Only anonymous memory will do: to
 * a block of the module's it would be copied, which the caller can do as well.
 */
static bool place_get(uintptr_t at, uintptr_t end, size_t npages,
		      struct taken *t, unsigned int *skip)
{
	const struct backend_ops *ops = backend_ops(block_at(at)->backend);
	size_t grow = npages - (end - at) / PAGE_SIZE, copied;
	bool tight = room_is_tight(npages);

	if (!tight && (!ops->remap || taken_backend(npages) != BACKEND_THP))
		return false;
	return is_movable(at, end, skip, &copied) &&
	       room_allows(grow + copied) &&
	       taken_get_from(t, BACKEND_THP, *skip + npages, BLOCK_SIZE);
}

bool pageheap_remap_grow(struct span *s, size_t npages)
{
	uintptr_t from = s->start, end = from + s->npages * PAGE_SIZE;
	const struct backend_ops *ops;
	unsigned int skip, cuts;
	struct transit_of of;
	struct piece lost;
	struct taken t;
	uintptr_t to;
	uint64_t moved;
	bool ok;
	int way;

	if (npages <= s->npages || npages > PAGEHEAP_MAX_PAGES)
		return false;
	shim_lock_acquire(&ph.lock);
	ops = backend_ops(block_at(from)->backend);
	if (!place_get(from, end, npages, &t, &skip))
		goto no;
	if (!taken_prepare(&t, skip, npages)) {
		runs_insert(t.start, t.blocks, t.backend, t.kind);
		goto no;
	}
	/* in case it never arrives: the owner of the memory is unknown then */
	of.what = TRANSIT_RUN;
	of.kind = t.kind != RUN_RETURNED ? t.kind :
		  t.whole ? RUN_WHOLE : RUN_PAGES;
	of.backend = t.backend;
	of.start = t.start;
	of.blocks = t.blocks;
	way = transit_leave(&of);
	to = t.start + skip * PAGE_SIZE;
	ok = pieces_move(ops, from, end, to, &moved, &cuts, &lost);
	/* a mapping that moved keeps the advice of its old place */
	if (ok && t.whole)
		taken_back(&t);
	transit_enter(way);
	if (!ok) {
		taken_lose(&t, &lost);
		goto no;
	}
	pieces_leave(from, end, moved);
	ph.moved += cuts;
	s->flags &= (uint8_t)~SPAN_ZERO;
	if (taken_use(&t, skip, npages))
		s->flags |= SPAN_ZERO;
	mark_moved(to);
	mark_moved(to + (end - from) - 1);
	s->start = to;
	s->npages = (uint32_t)npages;
	ph.nr_remap++;
	/* the old place of a copy is idle: beyond a hard limit it goes back */
	room_allows(0);
	shim_lock_release(&ph.lock);
	return true;
no:
	shim_lock_release(&ph.lock);
	return false;
}
