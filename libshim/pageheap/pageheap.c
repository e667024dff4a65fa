// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap: pages into spans, packed into blocks.
 *
 * Keeps true: every page of the heap is in one span or free; the free pages of
 * a block that is partly used are in the filler, whole free blocks in runs;
 * pages that are marked as zero do read as zero.  Until the heap outgrows
 * SMALL_HEAP it is made of 4 KiB memory; from then on new memory comes in
 * blocks.
 *
 * A block is worth its 2 MiB when spans can fill it.  The rest of the last
 * block of a large span is memory that may never be written: unless that rest
 * is small in proportion to the heap, the block is made of 4 KiB memory (it is
 * *thin*).
 *
 * ph.lock protects everything.  It is dropped only while the backend gets
 * memory for blocks that have been taken off all lists.  Called by span and
 * large, and by seam.
 */
#include <string.h>

#include "base/conf.h"
#include "base/error.h"
#include "limit.h"
#include "base/meta.h"
#include "pageheap_int.h"
#include "scavenger.h"
#include "base/sys.h"

/*
 * A heap of this size loses at most an eighth to a block that is hardly used
 * (2 of 16 MiB).
 */
#define SMALL_HEAP	((size_t)16 << 20)
/* What spans have of it cannot be meshed: one block, where they are to be. */
#define SMALL_MESHED	BLOCK_SIZE
/*
 * Pages given back that may be taken again one by one within a tick, with a
 * fault for each.  A program that needs more than a block of them is better
 * served by a fresh block.
 */
#define HOLES_MAX	BLOCK_PAGES

/* A copy that is in two places for a while may be an eighth of what is in use. */
#define COPY_SHARE	8u

struct pageheap ph SHIM_BSS_ALL = {
	.lock = SHIM_LOCK_INIT(SHIM_RANK_PAGEHEAP)
};

struct pageheap_lists ph_lists SHIM_BSS_TAIL;

void pageheap_boot(void)
{
	/* those of control groups come later, see LIMIT_STEP_FIRST */
	if (shim_conf.limit) {
		limit_update(0);
		room_set_step();
	}
	shim_lock_acquire(&ph.lock);
	ph.first = (unsigned int)backend_random(BLOCK_PAGES);
	backend_first();
	shim_lock_release(&ph.lock);
}

/*
 * A record, wide or not, stays what it is: stale pointers may still lead to it
 * when it is used again.
 */
static struct span *span_new(unsigned int flags)
{
	bool wide = flags & SPAN_WIDE;
	size_t bytes = wide ? sizeof(struct span) : SPAN_BYTES;
	struct span *s = ph.span_free[wide];

	if (s) {
		ph.span_free[wide] = s->next;
		memset(s, 0, bytes);
	} else {
		s = meta_alloc(bytes, 64);
		if (!s)
			return NULL;
	}
	s->flags = (uint8_t)flags;
	return s;
}

/* Stale pointers may still lead to the descriptor: mark it as dead. */
static void span_drop(struct span *s)
{
	bool wide = s->flags & SPAN_WIDE;

	s->state = SPAN_DEAD;
	s->next = ph.span_free[wide];
	ph.span_free[wide] = s;
}

static void decide_whole(size_t npages)
{
	size_t small = ph.meshes ? SMALL_MESHED : SMALL_HEAP;

	if (ph.inuse + npages <= small / PAGE_SIZE)
		return;
	ph.whole = true;
	/* what there is counts as node 0's */
	__atomic_store_n(&node_known.seen, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&node_known.apart, true, __ATOMIC_RELAXED);
}

/* Where in a block @n pages in a row have memory, BLOCK_PAGES for nowhere. */
static unsigned int block_idle_run(const struct block *b, unsigned int n,
				   unsigned int align)
{
	struct bits m;
	int k;

	for (k = 0; k < BITS_WORDS; k++)
		m.w[k] = b->backed.w[k] & ~b->used.w[k];
	return bits_find_run(&m, n, align);
}

#define IDLE_LOOKS	16u	/* the blocks of a small heap are 8 and a few */

/*
 * A small heap is made of 4 KiB memory: a free page that has some costs
 * nothing, any other a fault and its size.  Find a block with @n such pages in a
 * row, the one with fewest.
 */
static struct block *find_idle(unsigned int n)
{
	unsigned int a, looks = 0;
	struct block *b;

	for (a = 1; a < AGES; a++)
		for (b = ph.age[false][a]; b && looks < IDLE_LOOKS;
		     b = b->age_next) {
			looks++;
			if (b->nidle >= n && block_idle_run(b, n, 1) < BLOCK_PAGES)
				return b;
		}
	return NULL;
}

/* Find the best partly used block for @n pages in a row; @grows: of what grows. */
static struct block *find_part(unsigned int n, bool grows)
{
	struct block *b = ph.whole || ph.idle < n ? NULL : find_idle(n);

	if (b)
		return b;
	/* a free block that has memory is better than a hole that has none */
	if (!ph.whole && runs_blocks())
		return NULL;
	b = filler_find_near(FILLER_WHOLE, n);

	if (!b) {
		b = filler_find_near(FILLER_PAGES, n);
		/* as above, and beyond HOLES_MAX a new block is better, too */
		if (b && b->nidle < n && room_wants_whole(BLOCK_SIZE) &&
		    (runs_has() ||
		     (ph.holes > HOLES_MAX && !room_leaves_much(n, grows))))
			b = NULL;
	}
	return b;
}

/* Is a run of @n pages free that has memory?  As find_part() looks for one. */
static bool has_idle(unsigned int n)
{
	if (ph.idle < n)
		return false;
	return ph.whole ? !!filler_find_near(FILLER_WHOLE, n) : !!find_idle(n);
}

bool pageheap_has(size_t npages)
{
	bool has = false;

	if (npages >= BLOCK_PAGES)
		return false;
	shim_lock_acquire(&ph.lock);
	if (ph.idle >= npages)
		has = runs_blocks() || has_idle((unsigned int)npages);
	shim_lock_release(&ph.lock);
	return has;
}

/* Longer spans would leave too little on both sides of where the first begins. */
#define RANDOM_PAGES	16u

/* In a block of 4 KiB memory, prefer pages that have memory. */
static unsigned int find_run(const struct block *b, unsigned int n,
			     unsigned int align)
{
	struct bits m;
	unsigned int i;
	int k;

	if (!b->whole && b->nidle >= n) {
		i = block_idle_run(b, n, align);
		if (i < BLOCK_PAGES)
			return i;
	}
	for (k = 0; k < BITS_WORDS; k++)
		m.w[k] = ~b->used.w[k];
	/* start a small heap at a random page, not where its block begins */
	if (ph.first && !ph.whole && n <= RANDOM_PAGES) {
		struct bits behind = m;

		bits_clear(&behind, 0, ph.first);
		i = bits_find_run(&behind, n, align);
		if (i < BLOCK_PAGES)
			return i;
	}
	return bits_find_run(&m, n, align);
}

static bool alloc_part(struct span *s, unsigned int n, unsigned int align)
{
	/* a run of this length has room for n aligned pages */
	unsigned int need = n + align - 1;
	bool grows = s->flags & SPAN_GROWN;
	struct block *b = NULL;
	unsigned int i;

	if (need <= BLOCK_PAGES)
		b = find_part(need, grows);
	if (!b) {
		struct taken t = { .grows = grows };

		if (taken_get(&t, n, BLOCK_SIZE)) {
			b = block_at(t.start);
			block_init_part(b, t.kind, t.whole && !t.thin);
			if (t.thin)
				ph.holes -= n;	/* only the new range, not a hole beside it */
		} else if (need <= BLOCK_PAGES) {
			/* better pages that were given back than none */
			b = filler_find(FILLER_PAGES, need);
			/* and another node's */
			if (!b && node_matters())
				b = filler_find(FILLER_WHOLE, need);
		}
		if (!b)
			return false;
	}
	i = find_run(b, n, align);
	if (block_claim(b, i, n))
		s->flags |= SPAN_ZERO;
	s->start = b->start + i * PAGE_SIZE;
	return true;
}

/*
 * Use whole blocks and, for the rest, free pages of a block beside them, so
 * that no block is begun for the rest.
 */
static __attribute__((noinline)) bool alloc_beside(struct span *s, size_t npages)
{
	enum backend_id backend = ph.whole ? backend_first() : BACKEND_THP;
	enum run_kind kind = ph.whole ? RUN_WHOLE : RUN_PAGES;
	size_t blocks = npages / BLOCK_PAGES;
	unsigned int part = npages % BLOCK_PAGES;
	uintptr_t start;
	bool before;

	if (!blocks || !part ||
	    !runs_take_beside(backend, kind, blocks, part, &start, &before))
		return false;
	segment_make(start, blocks, kind == RUN_WHOLE);
	if (before) {
		block_claim(block_at(start - BLOCK_SIZE), BLOCK_PAGES - part,
			    part);
		s->start = start - part * PAGE_SIZE;
	} else {
		block_claim(block_at(start + blocks * BLOCK_SIZE), 0, part);
		s->start = start;
	}
	return true;
}

/*
 * Where address space is limited, the unused rest of a large span's last block
 * is what the program lacks in the end: spans of 2.4 MiB leave two pages of
 * five.  Begin in that rest, so that the span lies behind another one without a
 * gap.
 */
static __attribute__((noinline)) bool alloc_behind(struct span *s, size_t npages)
{
	struct block *head, *b;
	bool zero = true;
	unsigned int room;

	if (!(npages % BLOCK_PAGES))
		return false;
	head = runs_find_behind(npages, &room);
	if (!head && taken_grow_behind(npages))
		head = runs_find_behind(npages, &room);
	if (!head)
		return false;
	b = block_at(head->start - BLOCK_SIZE);
	s->start = head->start - room * PAGE_SIZE;
	if (!block_claim(b, BLOCK_PAGES - room, room))
		zero = false;
	if (!span_grow_at(head->start, npages - room, false, &zero)) {
		block_unclaim(b, BLOCK_PAGES - room, room);
		return false;
	}
	if (zero)
		s->flags |= SPAN_ZERO;
	return true;
}

static bool alloc_blocks(struct span *s, size_t npages, size_t align_pages)
{
	size_t align = align_pages * PAGE_SIZE;
	struct taken t = { .grows = s->flags & SPAN_GROWN };

	if (align_pages == 1 &&
	    (alloc_beside(s, npages) ||
	     (backend_scarce() && alloc_behind(s, npages))))
		return true;
	if (align < BLOCK_SIZE)
		align = BLOCK_SIZE;
	if (!taken_get(&t, npages, align))
		return false;
	if (!taken_prepare(&t, 0, npages)) {
		runs_insert(t.start, t.blocks, t.backend, t.kind);
		return false;
	}
	if (taken_use(&t, 0, npages))
		s->flags |= SPAN_ZERO;
	s->start = t.start;
	return true;
}

/*
 * Where no run of @n pages has memory: the longest shorter one that has, if objects of
 * @size leave at most an eighth of it over, as in a span of full length.
 */
static __attribute__((noinline)) unsigned int find_short(unsigned int n,
							 unsigned int size)
{
	struct block *b = NULL;
	unsigned int i;

	if (has_idle(n) || runs_blocks())
		return n;
	/* once there are blocks, the idle pages of others are the next choice */
	if (ph.whole)
		b = filler_find_near(FILLER_PAGES, n);
	if (b && b->nidle >= n)
		return n;
	for (i = n - 1; i * PAGE_SIZE >= size; i--)
		if (i * PAGE_SIZE % size <= i * PAGE_SIZE / 8 && has_idle(i))
			return i;
	return n;
}

static struct span *alloc(size_t npages, size_t align_pages, unsigned int flags,
			  unsigned int size)
{
	struct span *s;
	size_t before;
	bool ok;

	if (!npages || npages > PAGEHEAP_MAX_PAGES ||
	    align_pages > PAGEHEAP_MAX_PAGES)
		return NULL;
	if (!align_pages)
		align_pages = 1;
	shim_lock_acquire(&ph.lock);
	if (flags & SPAN_GROWN && (npages > ph.inuse / COPY_SHARE ||
				   room_is_tight(npages))) {
		shim_lock_release(&ph.lock);
		return NULL;
	}
	if (!room_allows(npages))
		goto fail;
	s = span_new(flags);
	if (!s)
		goto fail;
	before = ph.inuse + ph.idle;
	if (!ph.whole)
		decide_whole(npages);
	if (size && ph.idle)
		npages = find_short((unsigned int)npages, size);
	if (npages < BLOCK_PAGES && align_pages <= BLOCK_PAGES)
		ok = alloc_part(s, (unsigned int)npages,
				(unsigned int)align_pages);
	else
		ok = alloc_blocks(s, npages, align_pages);
	if (!ok) {
		span_drop(s);
		goto fail;
	}
	s->npages = (uint32_t)npages;
	s->state = SPAN_INUSE;
	if (node_several())
		s->flags |= (uint8_t)(block_at(s->start)->node << SPAN_NODE);
	ph.spans++;
	ph.asked += npages;
	if (npages >= SPARE_SPAN)
		ph.replaces = false;
	if (ph.inuse + ph.idle > before) {
		if (npages >= SPARE_SPAN)
			room_make(0, false);
		/* idle memory goes back even if nothing is ever freed */
		scavenger_work();
	}
	shim_lock_release(&ph.lock);
	return s;
fail:
	ph.nr_fail++;
	shim_lock_release(&ph.lock);
	return NULL;
}

struct span *pageheap_alloc(size_t npages, size_t align_pages)
{
	return alloc(npages, align_pages, 0, 0);
}

struct span *pageheap_alloc_wide(size_t npages, size_t align_pages)
{
	return alloc(npages, align_pages, SPAN_WIDE, 0);
}

struct span *pageheap_alloc_short(size_t npages, unsigned int size)
{
	return alloc(npages, 1, 0, npages > 1 ? size : 0);
}

struct span *pageheap_alloc_grown(size_t npages)
{
	return alloc(npages, 1, SPAN_GROWN, 0);
}

/* The descriptor of a span whose pages are in no span any more. Lock held. */
void pageheap_drop(struct span *s)
{
	credit_earn(s->npages);
	ph.spans--;
	span_drop(s);
}

void pageheap_free(struct span *s)
{
	if (s->state == SPAN_DEAD)
		shim_bug("span freed that is not in use", s);
	shim_lock_acquire(&ph.lock);
	if (__builtin_expect(s->wanted, 0))
		block_unwant(s);
	if (s->purged)
		purged_add(-__builtin_popcount(s->purged));
	/* what grows is not replaced by others */
	if (s->npages >= SPARE_SPAN && !(s->flags & SPAN_GROWN)) {
		ph.replaces = true;
		ph.turned += s->npages;
	}
	segment_free(s->start, s->start + s->npages * PAGE_SIZE);
	pageheap_drop(s);
	scavenger_stir();
	scavenger_work();
	shim_lock_release(&ph.lock);
}

void pageheap_exchange(struct span *s, struct span *grown)
{
	const uint8_t node = (uint8_t)(0xff << SPAN_NODE);
	uintptr_t start = s->start;
	uint32_t npages = s->npages;

	s->start = grown->start;
	s->npages = grown->npages;
	s->flags = (uint8_t)((s->flags & ~(node | SPAN_ZERO)) | (grown->flags & node));
	grown->start = start;
	grown->npages = npages;
	pageheap_free(grown);
}
