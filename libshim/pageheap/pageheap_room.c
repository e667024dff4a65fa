// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_room: how much the heap may take, and what it gives back to make
 * room.
 *
 * Keeps true: no way to grow takes memory that the hard limit does not allow;
 * between two checks of a limit, no more than half of what is left below it is
 * taken.
 *
 * Protected by ph.lock, except for functions that say that they take no lock.
 * Called by the other files of the page heap, by span and large, by seam, and
 * by entry and percpu_stack through usage.h.
 */
#include "base/conf.h"
#include "limit.h"
#include "pageheap_int.h"

/*
 * Free memory that does not fit a request goes back to make room for new
 * memory, once the heap exceeds its peak in use by a 32nd and 1 MiB, or, where that is
 * less, a 16th.  Spans below SPARE_SPAN do not do this.  A block that is given back has
 * to be cleared when it is taken again, so a heap of blocks gives back in this way no
 * more than its peak, and from then on a 64th of what is requested.
 */
#define SPARE_SHARE	32u
#define SPARE_PAGES	((size_t)128)
#define SPARE_SMALL	16u	/* 1 MiB of 16, which a small heap has at most */
#define SPARE_CALLS	4
#define SPARE_ASKED	64u
/*
 * Where large objects have been freed that come to four times the peak, a tail of more
 * than an eighth of a block is no reason for 4 KiB memory.
 */
#define TAIL_PAGES	(BLOCK_PAGES / 8)
#define TURNS		4u
/* What is left over behind a span that grows may be a 16th of the peak. */
#define GROWN_SHARE	16u

/* What may be idle beside that share of the peak in use, @top. */
static size_t spare_pages(size_t top)
{
	return top / SPARE_SMALL < SPARE_PAGES ? top / SPARE_SMALL : SPARE_PAGES;
}

/**
 * room_make - give free memory back to make room for new memory
 * @more: pages of it that do not count as in use yet
 * @grows: it is for a span that has become longer, which is worth more than a block
 *	that may have to be cleared: there is no bound then
 */
void room_make(size_t more, bool grows)
{
	size_t top = ph.inuse + more > ph.top ? ph.inuse + more : ph.top;
	size_t most = top + top / SPARE_SHARE + spare_pages(top);
	uint64_t before;
	int calls;

	/* the right to give back does not grow beyond the peak */
	if (ph.asked / SPARE_ASKED > ph.made)
		ph.asked = ph.made * SPARE_ASKED;
	for (calls = 0; calls < SPARE_CALLS; calls++) {
		size_t now = ph.inuse + ph.idle + more;

		if (now < most + SPARE_SPAN ||
		    (ph.whole && !grows && ph.made >= ph.top + ph.asked / SPARE_ASKED))
			return;
		before = ph.released;
		if (!pageheap_release_runs((now - most) / BLOCK_PAGES,
					   RETRY_TICKS) &&
		    !pageheap_release_pages())
			return;
		if (ph.whole && !grows)
			ph.made += (ph.released - before) / PAGE_SIZE;
	}
}

/**
 * room_leaves_much - is a block of 2 MiB too much for the last part of a span
 * @npages: pages of the span
 * @grows: it grows
 *
 * It is if more of the block would be left unused than the scavenger accepts
 * when it joins one, and more than may be idle without a reason: a share of the
 * peak in use.  A span of less than a block leaves what others of its length cannot
 * fill.  Spans below SPARE_SPAN fill a block together with others.  A large part is
 * no reason where large spans come and go: each page of it would be a fault, again
 * and again.  Nor where the span has grown, because it will grow on, as long as the heap is
 * hardly larger than its peak in use.
 */
bool room_leaves_much(size_t npages, bool grows)
{
	unsigned int tail = npages % BLOCK_PAGES, rest;
	/* free blocks that are too few for the span are not what others left */
	size_t few = runs_blocks() * BLOCK_PAGES;
	size_t top = ph.inuse + npages > ph.top ? ph.inuse + npages : ph.top;

	if (few > npages)
		few = npages;
	if (npages < SPARE_SPAN || !tail)
		return false;
	if (grows && ph.inuse + ph.idle + npages + BLOCK_PAGES - tail <
		     ph.top + ph.top / GROWN_SHARE)
		return false;
	/* what is replaced all the time would be faulted in page by page */
	if (tail > TAIL_PAGES && (npages > BLOCK_PAGES || ph.replaces) &&
	    ph.turned / TURNS > ph.top)
		return false;
	rest = npages < BLOCK_PAGES ? BLOCK_PAGES % tail : BLOCK_PAGES - tail;
	return rest > BLOCK_PAGES - JOIN_PAGES &&
	       ph.idle + rest > few + SPARE_PAGES + top / SPARE_SHARE &&
	       ph.part_pages < SPLIT_MAX;
}

/**
 * room_wants_whole - should new memory come in blocks
 * @len: its length in bytes
 *
 * Near a limit the unused rest of a block would be too much.
 */
bool room_wants_whole(size_t len)
{
	return ph.whole && limit_pressure() != LIMIT_OVER &&
	       limit_allows(heap_bytes(), len);
}

/**
 * room_is_tight - would a copy of a span go past a limit, hard or not
 * @npages: pages of the copy
 *
 * As far as the last check of the limits tells.
 */
bool room_is_tight(size_t npages)
{
	size_t bytes = npages * PAGE_SIZE, over;

	return !limit_allows(heap_bytes(), bytes) || pageheap_left(&over) < bytes;
}

/**
 * room_allows - does the hard limit allow the heap to take more
 * @npages: pages about to be taken; every way to grow calls this
 *
 * Gives free memory back to make room.  Called with the lock held, which is
 * dropped in between.
 */
bool room_allows(size_t npages)
{
	size_t heap = heap_bytes();

	if (!shim_conf.limit_hard || limit_allows(heap, npages * PAGE_SIZE))
		return true;
	while (ph.idle && !limit_allows(heap, npages * PAGE_SIZE)) {
		if (!pageheap_release_runs(npages / BLOCK_PAGES + 1, 1) &&
		    !pageheap_release_idlest(0, true))
			break;
		heap = heap_bytes();
	}
	return limit_allows(heap, npages * PAGE_SIZE);
}

bool pageheap_is_due(size_t bytes)
{
	size_t fresh = __atomic_load_n(&ph.fresh, __ATOMIC_RELAXED);
	size_t step = __atomic_load_n(&ph.step, __ATOMIC_RELAXED);

	return fresh + bytes >= (step ? step : LIMIT_STEP_FIRST);
}

/**
 * room_set_step - decide how much may be taken until the next check
 *
 * Return: what is left now.
 */
size_t room_set_step(void)
{
	size_t room = limit_room(), step = room / 2;

	if (step > LIMIT_STEP)
		step = limit_bytes() ? LIMIT_STEP : LIMIT_STEP_NONE;
	if (step < LIMIT_STEP_MIN)
		step = LIMIT_STEP_MIN;
	__atomic_store_n(&ph.step, step, __ATOMIC_RELAXED);
	return room;
}

bool pageheap_look(size_t bytes)
{
	__atomic_store_n(&ph.fresh, 0, __ATOMIC_RELAXED);
	if (limit_wanted() || limit_moved())
		limit_update(pageheap_usage());
	return room_set_step() < bytes || limit_pressure() == LIMIT_OVER;
}

void pageheap_look_last(void)
{
	limit_blind(pageheap_usage());
	room_set_step();
}

size_t pageheap_left(size_t *over)
{
	size_t fresh = __atomic_load_n(&ph.fresh, __ATOMIC_RELAXED);
	size_t room = limit_room();

	*over = 0;
	if (room == SIZE_MAX || room > fresh)
		return room == SIZE_MAX ? room : room - fresh;
	*over = limit_over() + fresh - room;
	return 0;
}

void pageheap_retaken(size_t bytes)
{
	fresh_add(bytes);
	purged_add(-(int)(bytes / 4096));
}

unsigned int pageheap_pressure(void)
{
	return limit_pressure();
}

size_t pageheap_spare(void)
{
	return __atomic_load_n(&ph.idle, __ATOMIC_RELAXED) * PAGE_SIZE;
}

size_t pageheap_usage(void)
{
	return (__atomic_load_n(&ph.inuse, __ATOMIC_RELAXED) +
		__atomic_load_n(&ph.idle, __ATOMIC_RELAXED)) * PAGE_SIZE -
	       __atomic_load_n(&ph.meshed, __ATOMIC_RELAXED) * 4096;
}
