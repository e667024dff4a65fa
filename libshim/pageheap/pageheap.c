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
 * large, by seam, and by entry and percpu_size for its size.
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
/*
 * Pages given back that a tick may take again one by one: a fault each.  Who
 * wants more than a block of them is better served by a fresh one.
 */
#define HOLES_MAX	BLOCK_PAGES
/*
 * Free memory that does not fit makes room for what is taken anew, once the heap
 * has more than its peak in use, a 32nd and 1 MiB.  Spans below 256 KiB do not
 * ask.  A block that is given back is cleared again some time: of a heap of
 * blocks no more goes in this way than its peak, and a 64th of what is asked for
 * from then on.
 */
#define SPARE_SHARE	32u
#define SPARE_PAGES	((size_t)128)
#define SPARE_SPAN	32u
#define SPARE_CALLS	4
#define SPARE_ASKED	64u
#define GROW_SMALL	((size_t)4 << 20)
#define GROW_MIN	AREA_SIZE
#define GROW_MAX	((size_t)1 << 30)

struct pageheap ph SHIM_BSS_HEAD = {
	.lock = SHIM_LOCK_INIT(SHIM_RANK_PAGEHEAP)
};

static struct span *span_new(void)
{
	struct span *s = ph.span_free;

	if (s) {
		ph.span_free = s->next;
		memset(s, 0, sizeof(*s));
		return s;
	}
	return meta_alloc(sizeof(*s), 64);
}

/* Stale pointers may still read it: it stays a span, dead. */
static void span_drop(struct span *s)
{
	s->state = SPAN_DEAD;
	s->next = ph.span_free;
	ph.span_free = s;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

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

static bool take_from(struct taken *t, enum backend_id backend, size_t align,
		      bool whole)
{
	static const enum run_kind order[2][RUN_KINDS] = {
		{ RUN_PAGES, RUN_WHOLE, RUN_RETURNED },
		{ RUN_WHOLE, RUN_PAGES, RUN_RETURNED },
	};
	int i;

	t->backend = backend;
	t->thin = 0;
	for (i = 0; i < RUN_KINDS; i++) {
		t->kind = order[whole][i];
		if (runs_take(backend, t->kind, t->blocks, align, &t->start))
			goto found;
	}
	if (!grow(backend, t->blocks, align, whole) ||
	    !runs_take(backend, RUN_RETURNED, t->blocks, align, &t->start))
		return false;
	t->kind = RUN_RETURNED;
found:
	t->whole = t->kind == RUN_WHOLE || (t->kind == RUN_RETURNED && whole);
	return true;
}

/*
 * The heap takes new memory, which nobody has touched yet: give free memory back
 * for it.  @more pages are not counted as in use so far.
 */
static void make_room(size_t more)
{
	size_t top = ph.inuse + more > ph.top ? ph.inuse + more : ph.top;
	size_t most = top + top / SPARE_SHARE + SPARE_PAGES;
	uint64_t before;
	int calls;

	/* the right to give back does not grow beyond the peak */
	if (ph.asked / SPARE_ASKED > ph.made)
		ph.asked = ph.made * SPARE_ASKED;
	for (calls = 0; calls < SPARE_CALLS; calls++) {
		size_t now = ph.inuse + ph.idle + more;

		if (now < most + SPARE_SPAN ||
		    (ph.whole && ph.made >= ph.top + ph.asked / SPARE_ASKED))
			return;
		before = ph.released;
		if (!pageheap_release_runs((now - most) / BLOCK_PAGES,
					   RETRY_TICKS) &&
		    !pageheap_release_pages())
			return;
		if (ph.whole)
			ph.made += (ph.released - before) / PAGE_SIZE;
	}
}

/*
 * Would more be left of the last block of a span of @npages than a block that
 * the scavenger would join, and more than may be idle for nothing?  Of a span of
 * less than a block, what others like it cannot fill is left.  Spans below
 * SPARE_SPAN fill a block with others.
 */
static bool leaves_much(size_t npages)
{
	unsigned int tail = npages % BLOCK_PAGES, rest;

	if (npages < SPARE_SPAN || !tail)
		return false;
	rest = npages < BLOCK_PAGES ? BLOCK_PAGES % tail : BLOCK_PAGES - tail;
	return rest > BLOCK_PAGES - JOIN_PAGES &&
	       ph.idle + rest > ph.inuse / SPARE_SHARE + SPARE_PAGES &&
	       ph.part_pages < SPLIT_MAX;
}

/**
 * taken_thin - decide what the last block is made of
 * @t: what was taken; @t->thin is set
 * @npages: pages that a span gets of it
 */
void taken_thin(struct taken *t, size_t npages)
{
	t->thin = t->whole && t->kind == RUN_RETURNED && leaves_much(npages) ?
		  npages % BLOCK_PAGES : 0;
}

/**
 * taken_back - get memory behind what was taken, where that can fail later
 * @t: blocks without memory, on no list
 *
 * Called without the lock, or with it.
 *
 * Return: false if there is none.
 */
bool taken_back(const struct taken *t)
{
	const struct backend_ops *ops = backend_ops(t->backend);
	size_t len = t->blocks * BLOCK_SIZE - (t->thin ? BLOCK_SIZE : 0);

	return (!len || ops->whole(t->start, len)) &&
	       (!t->thin || ops->thin(t->start + len, t->thin * PAGE_SIZE));
}

/**
 * wants_whole - is new memory to come in blocks
 * @len: bytes of them
 *
 * Near a limit what is left of them would be too much.
 */
bool wants_whole(size_t len)
{
	return ph.whole && limit_pressure() != LIMIT_OVER &&
	       limit_allows((ph.inuse + ph.idle) * PAGE_SIZE, len);
}

/* What may be a block by an advice of before is to be pages. */
static void taken_in_pages(const struct taken *t)
{
	const struct backend_ops *ops = backend_ops(t->backend);
	size_t i;

	for (i = 0; ops->pages && i < t->blocks; i++)
		ops->pages(t->start + i * BLOCK_SIZE);
}

/**
 * blocks_take - take whole blocks in a row for a span
 * @t: out: what was taken
 * @npages: pages of the span
 * @align: bytes, a power of two, at least BLOCK_SIZE
 *
 * With memory behind them where that can fail later.  The lock is dropped
 * meanwhile: nobody else can find them.
 *
 * Return: false with nothing changed if there are none.
 */
bool blocks_take(struct taken *t, size_t npages, size_t align)
{
	size_t blocks = (npages + BLOCK_PAGES - 1) / BLOCK_PAGES;
	size_t len = blocks * BLOCK_SIZE;
	bool whole = wants_whole(len);
	enum backend_id backend = whole ? backend_first() : BACKEND_THP;
	bool ok;
	int way;

	t->blocks = blocks;
	/* memory that may never be touched is not worth getting beforehand */
	if (len > shim_conf.populate_max)
		backend = BACKEND_THP;
	for (;;) {
		if (take_from(t, backend, align, whole)) {
			if (t->kind == RUN_RETURNED && !whole && ph.whole)
				taken_in_pages(t);
			if (t->kind != RUN_RETURNED || !whole)
				return true;
			taken_thin(t, npages);
			if (t->thin)
				len = npages * PAGE_SIZE;
			make_room(len / PAGE_SIZE);
			/* what is not a block counts when it is claimed */
			fresh_add(len - t->thin * PAGE_SIZE);
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
			return false;
		ph.nr_fallback++;
		backend = BACKEND_THP;
	}
}

/**
 * pageheap_allows - may the heap have more, by the hard limit
 * @npages: pages that somebody is about to take; every way to grow asks
 *
 * What is free is given back for it.  Called with the lock held, which is dropped
 * in between.
 */
bool pageheap_allows(size_t npages)
{
	size_t heap = (ph.inuse + ph.idle) * PAGE_SIZE;

	if (!shim_conf.limit_hard || limit_allows(heap, npages * PAGE_SIZE))
		return true;
	while (ph.idle && !limit_allows(heap, npages * PAGE_SIZE)) {
		if (!pageheap_release_runs(npages / BLOCK_PAGES + 1, 1) &&
		    !pageheap_release_idlest(0, true))
			break;
		heap = (ph.inuse + ph.idle) * PAGE_SIZE;
	}
	return limit_allows(heap, npages * PAGE_SIZE);
}

static void decide_whole(size_t npages)
{
	if (ph.inuse + npages > SMALL_HEAP / PAGE_SIZE)
		ph.whole = true;
}

/* The best partly used block for @n pages in a row. */
static struct block *find_part(unsigned int n)
{
	struct block *b = filler_find(FILLER_WHOLE, n);

	if (!b) {
		b = filler_find(FILLER_PAGES, n);
		if (b && wants_whole(BLOCK_SIZE) && b->nidle < n && ph.holes > HOLES_MAX &&
		    !leaves_much(n))
			b = NULL;
	}
	return b;
}

/* In a block of 4 KiB memory, rather where memory already is. */
static unsigned int find_run(const struct block *b, unsigned int n,
			     unsigned int align)
{
	struct bits m;
	unsigned int i;
	int k;

	if (!b->whole && b->nidle >= n) {
		for (k = 0; k < BITS_WORDS; k++)
			m.w[k] = b->backed.w[k] & ~b->used.w[k];
		i = bits_find_run(&m, n, align);
		if (i < BLOCK_PAGES)
			return i;
	}
	for (k = 0; k < BITS_WORDS; k++)
		m.w[k] = ~b->used.w[k];
	return bits_find_run(&m, n, align);
}

static bool alloc_part(struct span *s, unsigned int n, unsigned int align)
{
	/* this long a run has room for n pages, aligned */
	unsigned int need = n + align - 1;
	struct block *b = NULL;
	unsigned int i;

	if (need <= BLOCK_PAGES)
		b = find_part(need);
	if (!b) {
		struct taken t;

		if (!blocks_take(&t, n, BLOCK_SIZE))
			return false;
		b = block_at(t.start);
		block_init_part(b, t.kind, t.whole && !t.thin);
		if (t.thin)
			ph.holes -= n;	/* not a hole that was there before */
	}
	i = find_run(b, n, align);
	if (block_claim(b, i, n))
		s->flags |= SPAN_ZERO;
	s->start = b->start + i * PAGE_SIZE;
	return true;
}

/* [@start, @start + @blocks) becomes whole blocks of one span. */
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

/* The reverse; the blocks are nobody's then. */
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
 * taken_use - give a span what was taken for it
 * @t: blocks that taken_prepare() has prepared
 * @skip: pages of the first block that stay free; not a whole block
 * @npages: pages of the span behind them
 *
 * Whole blocks become a segment of it, the first one's rest and a part of the
 * last are claimed page by page.
 *
 * Return: true if its memory reads as zero.
 */
bool taken_use(const struct taken *t, unsigned int skip, size_t npages)
{
	size_t blocks = (skip + npages) / BLOCK_PAGES;
	unsigned int tail = (skip + npages) % BLOCK_PAGES;
	uintptr_t at = t->start;
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
		segment_make(at, blocks, t->whole);
		if (t->kind == RUN_RETURNED && !t->whole)
			fresh_add(blocks * BLOCK_SIZE);
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
 * taken_prepare - get the records that taken_use() needs
 * @t: what was taken: its first and last block have them
 * @skip: as there
 * @npages: as there
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

/*
 * Whole blocks and a part that an other block beside them has free: no block is
 * begun for the part.
 */
static bool alloc_beside(struct span *s, size_t npages)
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

static bool alloc_blocks(struct span *s, size_t npages, size_t align_pages)
{
	size_t align = align_pages * PAGE_SIZE;
	struct taken t;

	if (align_pages == 1 && alloc_beside(s, npages))
		return true;
	if (align < BLOCK_SIZE)
		align = BLOCK_SIZE;
	if (!blocks_take(&t, npages, align))
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

struct span *pageheap_alloc(size_t npages, size_t align_pages)
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
	if (!pageheap_allows(npages))
		goto fail;
	s = span_new();
	if (!s)
		goto fail;
	before = ph.inuse + ph.idle;
	if (!ph.whole)
		decide_whole(npages);
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
	ph.spans++;
	ph.asked += npages;
	if (ph.inuse + ph.idle > before) {
		if (npages >= SPARE_SPAN)
			make_room(0);
		/* what is idle goes even if nothing is ever freed */
		scavenger_work();
	}
	shim_lock_release(&ph.lock);
	return s;
fail:
	ph.nr_fail++;
	shim_lock_release(&ph.lock);
	return NULL;
}

/*
 * A block without used pages joins the free runs if all of its memory is of one
 * kind.  4 KiB pages stay where they are until the rest of them is given back;
 * if the kernel refused that, all of the block counts as memory from here on.
 */
void part_unused(struct block *b)
{
	enum run_kind kind = b->whole ? RUN_WHOLE :
			     b->nidle ? RUN_PAGES : RUN_RETURNED;

	if (b->nused || b->joining || (kind == RUN_PAGES && !b->stuck))
		return;
	block_detach(b);
	ph.idle -= b->nidle;
	runs_insert(b->start, 1, b->backend, kind);
}

/* Free [@at, @end), page by page or whole blocks by whole blocks. */
void range_free(uintptr_t at, uintptr_t end)
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
		n = min_size(left, BLOCK_PAGES - i);
		block_unclaim(b, i, (unsigned int)n);
		part_unused(b);
		at += n * PAGE_SIZE;
	}
}

void pageheap_free(struct span *s)
{
	if (s->state != SPAN_INUSE)
		shim_bug("span freed that is not in use", s);
	shim_lock_acquire(&ph.lock);
	range_free(s->start, s->start + s->npages * PAGE_SIZE);
	ph.spans--;
	span_drop(s);
	scavenger_work();
	shim_lock_release(&ph.lock);
}

bool pageheap_is_due(size_t bytes)
{
	size_t fresh = __atomic_load_n(&ph.fresh, __ATOMIC_RELAXED);
	size_t step = __atomic_load_n(&ph.step, __ATOMIC_RELAXED);

	return fresh + bytes >= (step ? step : LIMIT_STEP);
}

/**
 * step_set - decide how much may be taken until the next look
 *
 * Return: what was left at this one.
 */
size_t step_set(void)
{
	size_t room = limit_room(), step = room / 2;

	if (step > LIMIT_STEP)
		step = LIMIT_STEP;
	if (step < LIMIT_STEP_MIN)
		step = LIMIT_STEP_MIN;
	__atomic_store_n(&ph.step, step, __ATOMIC_RELAXED);
	return room;
}

bool pageheap_look(size_t bytes)
{
	__atomic_store_n(&ph.fresh, 0, __ATOMIC_RELAXED);
	if (limit_wanted())
		limit_update(pageheap_usage());
	return step_set() < bytes || limit_pressure() == LIMIT_OVER;
}

void pageheap_retaken(size_t bytes)
{
	fresh_add(bytes);
}

unsigned int pageheap_pressure(void)
{
	return limit_pressure();
}

size_t pageheap_usage(void)
{
	return (__atomic_load_n(&ph.inuse, __ATOMIC_RELAXED) +
		__atomic_load_n(&ph.idle, __ATOMIC_RELAXED)) * PAGE_SIZE;
}
