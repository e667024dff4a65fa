// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_segment: the parts of a span: segments of whole blocks, and pages of
 * PART blocks.
 *
 * Keeps true: the records of a segment's first and last block tell its length,
 * and the sums over blocks in spans are those over the segments.
 *
 * Protected by ph.lock.  Called by the other files of the page heap.
 */
#include "pageheap_int.h"

/**
 * segment_make - make whole blocks a segment of a span
 * @start: first byte; the first and the last block have records
 * @blocks: how many
 * @whole: their memory is blocks, not 4 KiB pages
 */
void segment_make(uintptr_t start, size_t blocks, bool whole)
{
	struct block *first = block_at(start);
	struct block *last = block_at(start + (blocks - 1) * BLOCK_SIZE);

	first->state = BLOCK_SPAN;
	first->run = (uint32_t)blocks;
	first->whole = whole;
	last->state = BLOCK_SPAN;
	last->run = (uint32_t)blocks;
	last->whole = whole;
	inuse_add(blocks * BLOCK_PAGES);
	ph.fill[PAGEHEAP_FILL_BUCKETS - 1] += blocks;
	if (whole)
		ph.span_whole += blocks;
}

/**
 * segment_break - take a segment out of its span
 * @start: first byte
 * @blocks: how many, all of the segment
 * @whole: as for segment_make()
 *
 * The caller owns the blocks then: they are in no span and on no list.
 */
void segment_break(uintptr_t start, size_t blocks, bool whole)
{
	inuse_sub(blocks * BLOCK_PAGES);
	ph.fill[PAGEHEAP_FILL_BUCKETS - 1] -= blocks;
	if (whole)
		ph.span_whole -= blocks;
	block_at(start)->state = BLOCK_NONE;
	block_at(start + (blocks - 1) * BLOCK_SIZE)->state = BLOCK_NONE;
}

/**
 * segment_free - free a part of a span
 * @at: first byte; where a segment begins, or inside a PART block
 * @end: behind the last byte
 *
 * Segments go to the free runs, pages of PART blocks to their block.
 */
void segment_free(uintptr_t at, uintptr_t end)
{
	while (at < end) {
		struct block *b = block_at(at);
		size_t left = (end - at) / PAGE_SIZE;
		unsigned int i = (at % BLOCK_SIZE) / PAGE_SIZE;
		size_t n;

		if (b->state == BLOCK_SPAN) {
			bool whole = b->whole;

			n = b->run;
			segment_break(at, n, whole);
			runs_insert(at, n, b->backend,
				    whole ? RUN_WHOLE : RUN_PAGES);
			at += n * BLOCK_SIZE;
			continue;
		}
		n = left < BLOCK_PAGES - i ? left : BLOCK_PAGES - i;
		block_unclaim(b, i, (unsigned int)n);
		runs_insert_unused(b);
		at += n * PAGE_SIZE;
	}
}
