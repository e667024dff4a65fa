// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_resize: spans that grow and shrink where they are.
 *
 * Keeps true: a call that returns false has changed nothing.  The blocks tell
 * what a span consists of: pages of PART blocks, and segments of whole blocks.
 *
 * Protected by ph.lock.  Called by large for realloc().
 */
#include "pageheap_int.h"

static uintptr_t span_end(const struct span *s)
{
	return s->start + s->npages * PAGE_SIZE;
}

/*
 * How many pages, up to @n, a span can grow into between @at and the end of its
 * block.
 */
static unsigned int part_room(uintptr_t at, size_t n)
{
	const struct block *b = block_at(at);
	unsigned int i = (at % BLOCK_SIZE) / PAGE_SIZE;
	unsigned int room;

	if (!b || b->state != BLOCK_PART)
		return 0;
	room = bits_next(&b->used, i) - i;
	return n < room ? (unsigned int)n : room;
}

/**
 * span_grow_at - grow a span where it is
 * @end: behind its last byte
 * @n: by how many pages
 * @moves: not into blocks that have no memory, there is a better place
 * @zero: set to false if not all of them read as zero
 *
 * First in the block that @end is in, then into whole free blocks or the next
 * block's first pages.  Everything is checked before anything is changed.
 *
 * Return: false with nothing changed if what is behind it is in use.
 */
bool span_grow_at(uintptr_t end, size_t n, bool moves, bool *zero)
{
	uintptr_t at = end;
	struct taken t = { .grows = true };
	unsigned int head = 0, next = 0;

	if (end % BLOCK_SIZE) {
		head = part_room(end, n);
		at += head * PAGE_SIZE;
	}
	n -= head;
	if (n) {
		if (at % BLOCK_SIZE)
			return false;
		next = part_room(at, n);
		if (next && next != n)
			return false;
	}
	if (n && !next) {
		const struct block *b = block_at(end - 1);

		t.start = at;
		t.blocks = (n + BLOCK_PAGES - 1) / BLOCK_PAGES;
		t.backend = b->backend;
		if (!runs_take_at(at, t.blocks, &t.backend, &t.kind))
			return false;
		t.whole = t.kind == RUN_WHOLE ||
			  (t.kind == RUN_RETURNED &&
			   room_wants_whole(t.blocks * BLOCK_SIZE +
				       head * PAGE_SIZE));
		/*
		 * arenas consist of blocks only, and a heap made of blocks
		 * takes others
		 */
		if (t.kind == RUN_RETURNED && ((!t.whole && ph.whole) || moves)) {
			runs_insert(at, t.blocks, t.backend, t.kind);
			return false;
		}
		taken_thin(&t, n);
		if (!taken_prepare(&t, 0, n) ||
		    (t.kind == RUN_RETURNED && t.whole && !taken_back(&t))) {
			runs_insert(at, t.blocks, t.backend, t.kind);
			return false;
		}
		if (t.kind == RUN_RETURNED && t.whole)
			fresh_add((t.blocks - !!t.thin) * BLOCK_SIZE);
		if (!taken_use(&t, 0, n))
			*zero = false;
	}
	if (next && !block_claim(block_at(at), 0, next))
		*zero = false;
	if (head && !block_claim(block_at(end), (end % BLOCK_SIZE) / PAGE_SIZE,
				 head))
		*zero = false;
	return true;
}

/* Make whole blocks of a span end at @cut, so that segment_free() can start. */
static bool segment_cut(const struct span *s, uintptr_t cut)
{
	uintptr_t at = s->start, mid = cut & ~(BLOCK_SIZE - 1);
	struct block *b = block_at(at), *m;
	size_t left, right;
	bool whole;

	/* the segment that @cut is inside of, if any */
	for (;;) {
		size_t len = b->state == BLOCK_SPAN ? b->run * BLOCK_SIZE :
						      BLOCK_SIZE - at % BLOCK_SIZE;

		if (at + len >= cut)
			break;
		at += len;
		b = block_at(at);
	}
	if (b->state != BLOCK_SPAN || at + b->run * BLOCK_SIZE == cut)
		return true;
	left = (mid - at) / BLOCK_SIZE;
	right = b->run - left;
	whole = b->whole;
	m = block_get(mid, b->backend);
	if (!m || (left && !block_get(mid - BLOCK_SIZE, b->backend)))
		return false;
	if (mid != cut && right > 1 &&
	    !block_get(mid + BLOCK_SIZE, b->backend))
		return false;
	m->node = b->node;
	if (mid != cut && right > 1)
		block_at(mid + BLOCK_SIZE)->node = b->node;
	segment_break(at, b->run, whole);
	if (left)
		segment_make(at, left, whole);
	if (mid != cut) {
		block_init_part(m, whole ? RUN_WHOLE : RUN_PAGES, whole);
		block_claim(m, 0, BLOCK_PAGES);
		mid += BLOCK_SIZE;
		right--;
	}
	if (right)
		segment_make(mid, right, whole);
	return true;
}

static bool resize(struct span *s, size_t npages, bool moves)
{
	bool ok = true, zero = true;
	size_t before;

	if (!npages || npages > PAGEHEAP_MAX_PAGES)
		return false;
	shim_lock_acquire(&ph.lock);
	before = ph.inuse + ph.idle;
	if (npages > s->npages) {
		ok = room_allows(npages - s->npages) &&
		     span_grow_at(span_end(s), npages - s->npages,
				  moves && move_finds_pages(s, npages), &zero);
		if (ok)
			s->flags = (uint8_t)((s->flags & ~SPAN_ZERO) |
					     (zero ? SPAN_ZERO : 0));
	} else if (npages < s->npages) {
		ok = segment_cut(s, s->start + npages * PAGE_SIZE);
		if (ok)
			segment_free(s->start + npages * PAGE_SIZE, span_end(s));
	}
	if (ok)
		s->npages = (uint32_t)npages;
	/* as for a new span: what is idle elsewhere did not serve it */
	if (npages >= SPARE_SPAN && ph.inuse + ph.idle > before)
		room_make(0, true);
	shim_lock_release(&ph.lock);
	return ok;
}

bool pageheap_resize(struct span *s, size_t npages)
{
	return resize(s, npages, false);
}

bool pageheap_grow_first(struct span *s, size_t npages)
{
	return resize(s, npages, true);
}
