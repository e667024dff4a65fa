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
 * Where both places have 4 KiB pages, these change places: moved there, a piece
 * would leave no memory behind, and what is there would be lost, to be got again by
 * a fault for each page.  By way of a third place, which has none, that is three
 * system calls.  What is put aside comes to the old place when all pieces have
 * moved: no exchange has to be undone.
 *
 * Keeps true: a call that returns false has changed nothing; the place that a
 * piece leaves without an exchange has no memory and reads as zero.
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
	bool whole;		/* its memory is blocks */
};

/* A span that moves, bit n of a word for its piece n. */
struct move {
	const struct backend_ops *ops;
	uintptr_t from, end, to;
	bool whole;		/* the new place is to be blocks */
	uint64_t moved;		/* the others were copied */
	uint64_t aside;		/* what was at its new place is at @via */
	uint64_t swapped;	/* and came to its old one */
	uint64_t gone;		/* its old place is somebody else's */
	unsigned int cuts;	/* mappings more than pieces */
	struct piece lost;	/* a new place that is somebody else's */
	struct taken via;	/* a third place; no blocks: there is none */
	struct piece via_lost;	/* the part of it that is somebody else's */
	int way;		/* of @via, in transit */
};

/* The end of the piece of [@at, @end) that begins at @at. */
static struct piece piece_at(uintptr_t at, uintptr_t end)
{
	const struct block *b = block_at(at);
	struct piece p = { .at = at, .blocks = b->state == BLOCK_SPAN,
			   .whole = b->whole };

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
				      bool whole, unsigned int *parts,
				      struct piece *lost)
{
	size_t half = len / 2 & ~(BLOCK_SIZE - 1);
	enum backend_remap how = BACKEND_STAYED;

	if (!ops->remap) {
		blocks_copy(ops, at, to, len);
		return BACKEND_MOVED;
	}
	if (*parts < PARTS_MAX)
		how = ops->remap(at, to, len, whole);
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
	how = blocks_move(ops, at, to, half, whole, parts, lost);
	if (how == BACKEND_MOVED)
		how = blocks_move(ops, at + half, to + half, len - half, whole,
				  parts, lost);
	return how;
}

static enum backend_remap piece_move(struct move *m, const struct piece *p,
				     uintptr_t to)
{
	const struct backend_ops *ops = m->ops;
	enum backend_remap how = BACKEND_STAYED;
	unsigned int parts = 0;

	if (p->movable && (p->blocks || !ops->remap)) {
		how = blocks_move(ops, p->at, to, p->len, m->whole, &parts,
				  &m->lost);
		m->cuts += parts > 1 ? parts - 1 : 0;
	} else if (p->movable) {
		how = ops->remap(p->at, to, p->len, m->whole);
		m->lost = (struct piece){ .at = to, .len = p->len };
	}
	return how;
}

static uintptr_t via_at(const struct move *m, uintptr_t to)
{
	return m->via.start + m->to % BLOCK_SIZE + (to - m->to);
}

/* Put aside what is at the new place of @p, if both have 4 KiB pages. */
static bool piece_aside(struct move *m, const struct piece *p, uintptr_t to)
{
	enum backend_remap how;

	if (!m->via.blocks || m->via_lost.len || !p->movable || p->whole)
		return false;
	how = m->ops->remap(to, via_at(m, to), p->len, false);
	if (how == BACKEND_LOST)
		m->via_lost = (struct piece){ .at = via_at(m, to), .len = p->len };
	return how == BACKEND_MOVED;
}

/* All have moved: what was put aside comes to the old places. */
static void pieces_swap(struct move *m)
{
	uintptr_t at = m->from;
	uint64_t bit;

	for (bit = 1; at < m->end; bit <<= 1) {
		struct piece p = piece_at(at, m->end);
		enum backend_remap how = BACKEND_STAYED;

		if (m->aside & m->moved & bit)
			how = m->ops->remap(via_at(m, m->to + (at - m->from)),
					    at, p.len, false);
		if (how == BACKEND_MOVED) {
			m->aside &= ~bit;
			m->swapped |= bit;
		} else if (how == BACKEND_LOST) {
			m->gone |= bit;
		}
		at += p.len;
	}
}

/*
 * Move all pieces.  Called without the lock.
 *
 * Return: false if the place of @m->lost is somebody else's now; all is back where
 * it was then.
 */
static bool pieces_move(struct move *m)
{
	uintptr_t at = m->from;
	uint64_t bit;

	for (bit = 1; at < m->end; bit <<= 1) {
		struct piece p = piece_at(at, m->end);
		uintptr_t target = m->to + (at - m->from);
		enum backend_remap how;

		if (piece_aside(m, &p, target))
			m->aside |= bit;
		how = piece_move(m, &p, target);
		if (how == BACKEND_LOST) {
			memcpy((void *)m->from, (void *)m->to, m->lost.at - m->to);
			return false;
		}
		if (how == BACKEND_MOVED)
			m->moved |= bit;
		else
			memcpy((void *)target, (void *)at, p.len);
		at += p.len;
	}
	pieces_swap(m);
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

/* The old place of a piece; @left: it has memory. */
static void piece_leave(const struct piece *p, bool left)
{
	struct block *b = block_at(p->at);

	if (left) {
		segment_free(p->at, p->at + p->len);
	} else if (b->state == BLOCK_SPAN) {
		segment_break(p->at, b->run, b->whole);
		runs_insert(p->at, p->len / BLOCK_SIZE, b->backend,
			    RUN_RETURNED);
	} else {
		block_vacate(b, (p->at % BLOCK_SIZE) / PAGE_SIZE,
			     (unsigned int)(p->len / PAGE_SIZE));
		runs_insert_unused(b);
	}
}

/*
 * A piece that was moved has left no memory, but one that was copied has, or one that
 * changed places.  A place that is somebody else's stays in use, by no span.
 */
static void pieces_leave(const struct move *m)
{
	uintptr_t at = m->from;
	uint64_t bit;

	for (bit = 1; at < m->end; bit <<= 1) {
		struct piece p = piece_at(at, m->end);

		if (!(m->gone & bit))
			piece_leave(&p, (~m->moved | m->swapped) & bit);
		if (m->moved & bit) {
			mark_moved(at);
			mark_moved(at + p.len - 1);
		}
		at += p.len;
	}
}

/*
 * A third place, if the new one has 4 KiB pages.  (Blocks that have memory may have
 * been made more for this span: to keep what they had would be to grow by more.)  It
 * is in transit as if it had memory, which it may have when another thread forks.
 */
static void via_get(struct move *m, const struct taken *t)
{
	if (t->kind != RUN_PAGES || !m->ops->remap)
		return;
	m->via = (struct taken){ .backend = t->backend, .kind = RUN_PAGES };
	m->via.blocks = (m->to % BLOCK_SIZE + (m->end - m->from) +
			 BLOCK_SIZE - 1) / BLOCK_SIZE;
	if (!runs_take(t->backend, RUN_RETURNED, m->via.blocks, BLOCK_SIZE, true,
		       &m->via.start)) {
		m->via.blocks = 0;
		return;
	}
	m->way = transit_note(&(struct transit_of){
		.what = TRANSIT_RUN, .kind = m->via.kind,
		.backend = m->via.backend, .start = m->via.start,
		.blocks = m->via.blocks });
	if (m->way < 0) {
		runs_insert(m->via.start, m->via.blocks, m->via.backend,
			    RUN_RETURNED);
		m->via.blocks = 0;
	}
}

/* Give up what is still there.  Called without the lock. */
static void via_empty(struct move *m)
{
	struct backend_range r = { m->via.start, m->via.blocks * BLOCK_SIZE };

	if (!m->via.blocks || m->via_lost.len)
		return;
	/* refused: the application has locked it in memory */
	if (!m->aside || m->ops->release(&r, 1))
		m->via.kind = RUN_RETURNED;
}

static void via_put(struct move *m)
{
	if (!m->via.blocks)
		return;
	transit_arrived(m->way);
	if (m->via_lost.len) {
		taken_lose(&m->via, &m->via_lost);
		return;
	}
	if (m->aside | m->swapped) {
		mark_moved(m->via.start);
		mark_moved(m->via.start + m->via.blocks * BLOCK_SIZE - 1);
	}
	runs_insert(m->via.start, m->via.blocks, m->via.backend, m->via.kind);
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
	t->grows = true;
	return is_movable(at, end, skip, &copied) &&
	       room_allows(grow + copied) &&
	       taken_get_from(t, BACKEND_THP, *skip + npages, BLOCK_SIZE);
}

/*
 * In a heap of blocks that is as large as ever: would a copy of the span lie in memory
 * that is there?
 */
static bool copy_finds_blocks(const struct span *s, size_t npages)
{
	if (ph.idle < npages || ph.inuse + ph.idle + BLOCK_PAGES < ph.top ||
	    s->npages < SPARE_SPAN || s->npages >= PAGEHEAP_COPY_PAGES ||
	    room_is_tight(npages))
		return false;
	if (npages > BLOCK_PAGES)
		return runs_has_blocks(backend_first(), RUN_WHOLE,
				       (npages + BLOCK_PAGES - 1) / BLOCK_PAGES);
	return runs_has() ||
	       filler_find_near(FILLER_WHOLE, (unsigned int)npages);
}

/**
 * move_finds_pages - is it better to move a span than to make it longer where it is
 * @s: the span
 * @npages: how long it shall be
 *
 * Are there idle pages enough in a row?  Then only these are used, and not new ones
 * beside them.
 */
bool move_finds_pages(const struct span *s, size_t npages)
{
	enum backend_id backend = block_at(s->start)->backend;
	size_t first = (s->start % BLOCK_SIZE) / PAGE_SIZE;

	if (ph.whole)
		return copy_finds_blocks(s, npages);
	return s->npages >= SPARE_SPAN && ph.idle >= npages &&
	       backend_ops(backend)->remap && ph.moved < MOVED_MAX / 2 &&
	       runs_has_blocks(backend, RUN_PAGES, (first + npages + BLOCK_PAGES - 1) /
			      BLOCK_PAGES);
}

bool pageheap_remap_grow(struct span *s, size_t npages)
{
	struct move m = { .from = s->start,
			  .end = s->start + s->npages * PAGE_SIZE };
	struct transit_of of;
	unsigned int skip;
	struct taken t;
	bool ok;
	int way;

	if (npages <= s->npages || npages > PAGEHEAP_MAX_PAGES)
		return false;
	shim_lock_acquire(&ph.lock);
	m.ops = backend_ops(block_at(m.from)->backend);
	if (!place_get(m.from, m.end, npages, &t, &skip))
		goto no;
	if (!taken_prepare(&t, skip, npages)) {
		runs_insert(t.start, t.blocks, t.backend, t.kind);
		goto no;
	}
	m.to = t.start + skip * PAGE_SIZE;
	m.whole = t.whole;
	via_get(&m, &t);
	/* in case it never arrives: the owner of the memory is unknown then */
	of.what = TRANSIT_RUN;
	of.kind = t.kind != RUN_RETURNED ? t.kind :
		  t.whole ? RUN_WHOLE : RUN_PAGES;
	of.backend = t.backend;
	of.start = t.start;
	of.blocks = t.blocks;
	way = transit_leave(&of);
	ok = pieces_move(&m);
	/* a mapping that moved keeps the advice of its old place */
	if (ok && t.whole)
		taken_back(&t);
	via_empty(&m);
	transit_enter(way);
	via_put(&m);
	if (!ok) {
		taken_lose(&t, &m.lost);
		goto no;
	}
	pieces_leave(&m);
	ph.moved += m.cuts;
	s->flags &= (uint8_t)~SPAN_ZERO;
	if (taken_use(&t, skip, npages))
		s->flags |= SPAN_ZERO;
	mark_moved(m.to);
	mark_moved(m.to + (m.end - m.from) - 1);
	s->start = m.to;
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
