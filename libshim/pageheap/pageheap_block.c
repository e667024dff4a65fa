// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_block: block records, and the pages of one block.
 *
 * Keeps true: a PART block's counters agree with its bitmaps; a page in @used
 * is in @backed and not in @clean; a block is in the filler of its kind, in the
 * bucket for its longest free run and its fill, and on the age list for its
 * number of idle pages; the heap's sums are the sums over its blocks.
 *
 * Protected by ph.lock.  Called by the other files of the page heap.
 */
#include "base/meta.h"
#include "pageheap_int.h"

/**
 * block_get - the record of a block, made if there is none
 * @addr: any address in the block
 * @backend: the backend of its memory
 *
 * Return: the record, or NULL if there is no memory for it.
 */
struct block *block_get(uintptr_t addr, enum backend_id backend)
{
	struct block *b = block_at(addr);
	struct area_map *area;

	if (b)
		return b;
	if (!pagemap_add(addr, 1))
		return NULL;
	b = meta_alloc(sizeof(*b), 64);
	if (!b)
		return NULL;
	b->start = addr & ~(BLOCK_SIZE - 1);
	b->backend = (uint8_t)backend;
	b->bucket = FILLER_NOWHERE;
	area = pagemap_area(addr);
	area->block[(addr >> BLOCK_SHIFT) % AREA_BLOCKS] = b;
	return b;
}

/* Sixteenths of a block's pages in use; the last is a full block. */
static unsigned int fill_of(unsigned int nused)
{
	return nused / (BLOCK_PAGES / (PAGEHEAP_FILL_BUCKETS - 1));
}

/* Add (@sign 1) or take (@sign -1) a block with pages in use to the sums. */
static void part_count(const struct block *b, int sign)
{
	size_t d = (size_t)(ptrdiff_t)sign;

	if (!b->nused)
		return;
	ph.part += d;
	if (!b->whole)
		ph.part_pages += d;
	ph.fill[fill_of(b->nused)] += d;
}

/* The same for a block whose @nused changes to @now. */
static void part_recount(const struct block *b, unsigned int now)
{
	if (b->nused && now) {
		ph.fill[fill_of(b->nused)]--;
		ph.fill[fill_of(now)]++;
		return;
	}
	ph.part += !!now - !!b->nused;
	if (!b->whole)
		ph.part_pages += !!now - !!b->nused;
	if (now)
		ph.fill[fill_of(now)]++;
	else
		ph.fill[fill_of(b->nused)]--;
}

/**
 * block_joined - the memory of a block has become one huge page
 * @b: a PART block
 */
void block_joined(struct block *b)
{
	unsigned int had = bits_count(&b->backed, 0, BLOCK_PAGES);

	block_paid(b);
	block_detach(b);
	part_count(b, -1);
	b->whole = true;
	bits_fill(&b->backed, ~0ULL);
	b->nidle += (uint16_t)(BLOCK_PAGES - had);
	ph.idle += BLOCK_PAGES - had;
	part_count(b, 1);
	block_attach(b);
}

/**
 * block_split - the memory of a block consists of 4 KiB pages from here on
 * @b: a PART block that is whole
 */
void block_split(struct block *b)
{
	block_detach(b);
	part_count(b, -1);
	b->whole = false;
	b->want = 0;
	part_count(b, 1);
	block_attach(b);
	ph.nr_split++;
}

/**
 * block_want - OS pages inside a span would go, if its block were not whole
 * @b: a PART block that is whole
 * @s: a span in it
 * @pages: bit n: OS page n
 *
 * Each page counts once, as long as the span exists.
 *
 * Return: true if the block is worth being split: a quarter of it is idle, or
 * would be, and half of that by the split alone.  A block that is being filled is
 * idle, too, and is left alone.
 */
bool block_want(struct block *b, struct span *s, uint32_t pages)
{
	uint32_t more = pages & ~(uint32_t)s->wanted;

	s->wanted |= (uint16_t)more;
	b->want += (uint16_t)__builtin_popcount(more);
	return b->want >= SPLIT_OS_PAGES / 2 &&
	       b->want + b->nidle * (PAGE_SIZE / 4096) >= SPLIT_OS_PAGES &&
	       ph.part_pages < SPLIT_MAX;
}

/**
 * block_unwant - a span of which pages count as wanted is no more
 * @s: the span, whose block may have been split and joined since
 */
void block_unwant(struct span *s)
{
	struct block *b = block_at(s->start);
	uint16_t n = (uint16_t)__builtin_popcount(s->wanted);

	b->want -= n < b->want ? n : b->want;
	s->wanted = 0;
}

/**
 * block_owe - the kernel keeps a huge page for the rest of a block
 * @b: a PART block of 4 KiB memory
 */
void block_owe(struct block *b)
{
	if (b->owed)
		return;
	b->owed = true;
	b->owed_next = NULL;
	b->owed_prev = ph.owed_tail;
	if (ph.owed_tail)
		ph.owed_tail->owed_next = b;
	else
		ph.owed = b;
	ph.owed_tail = b;
}

/**
 * block_paid - the kernel no longer keeps a huge page
 * @b: a block
 */
void block_paid(struct block *b)
{
	if (!b->owed)
		return;
	b->owed = false;
	if (b->owed_next)
		b->owed_next->owed_prev = b->owed_prev;
	else
		ph.owed_tail = b->owed_prev;
	if (b->owed_prev)
		b->owed_prev->owed_next = b->owed_next;
	else
		ph.owed = b->owed_next;
}

/*
 * Pages of a block that were given back are used again.  If the kernel keeps a
 * huge page for it, they take their memory twice.
 */
static __attribute__((noinline)) void block_hurry(struct block *b)
{
	block_paid(b);
	b->owed = true;
	b->owed_prev = NULL;
	b->owed_next = ph.owed;
	if (ph.owed)
		ph.owed->owed_prev = b;
	else
		ph.owed_tail = b;
	ph.owed = b;
	ph.hurry++;
}

/**
 * block_touched_here - a block without memory is about to get some
 * @b: the block
 *
 * The kernel takes it from the node of the thread that touches it first.
 */
void block_touched_here(struct block *b)
{
	b->node = (uint8_t)node_here();
	if (ph.whole)
		__atomic_fetch_or(&node_known.seen, 1u << b->node,
				  __ATOMIC_RELAXED);
}

/**
 * block_init_part - begin to use a block page by page
 * @b: a record whose memory was just taken from a run
 * @from: the kind of that run
 * @whole: use it as a block
 *
 * Leaves it out of the filler; block_attach() puts it there.
 */
void block_init_part(struct block *b, enum run_kind from, bool whole)
{
	b->state = BLOCK_PART;
	if (from == RUN_RETURNED)
		block_touched_here(b);
	b->whole = whole;
	b->stuck = false;
	b->want = 0;
	b->age_tick = ph.tick - 1;
	b->nused = 0;
	b->longest = BLOCK_PAGES;
	b->stamp = ph.tick;
	bits_fill(&b->used, 0);
	bits_fill(&b->clean, from == RUN_RETURNED ? ~0ULL : 0);
	bits_fill(&b->backed, from != RUN_RETURNED || whole ? ~0ULL : 0);
	b->nidle = from != RUN_RETURNED || whole ? BLOCK_PAGES : 0;
	ph.idle += b->nidle;
}

/**
 * block_attach - make a PART block available
 * @b: the block, detached
 */
void block_attach(struct block *b)
{
	if (b->longest)
		filler_insert(b);
	age_update(b);
}

/**
 * block_detach - make a PART block unavailable
 * @b: the block
 */
void block_detach(struct block *b)
{
	filler_remove(b);
	age_remove(b);
}

/* The free run around [@i, @i + @n), all of which is free or just became so. */
static unsigned int run_around(const struct block *b, unsigned int i,
			       unsigned int n)
{
	return bits_next(&b->used, i + n) - bits_prev_end(&b->used, i);
}

/* Mark pages as used. Return: how many had memory; @zero: all read as zero. */
static unsigned int pages_use(struct block *b, unsigned int i, unsigned int n,
			      bool *zero)
{
	unsigned int idle = 0, k;
	bool clean = true;
	uint64_t m;

	bits_for_each_word(k, m, i, n) {
		clean &= (b->clean.w[k] & m) == m;
		if (!b->whole)
			idle += (unsigned int)
				__builtin_popcountll(b->backed.w[k] & m);
		b->used.w[k] |= m;
		b->backed.w[k] |= m;
		b->clean.w[k] &= ~m;
	}
	*zero = clean;
	return b->whole ? n : idle;	/* every page of a whole block has memory */
}

/* A block of 4 KiB memory that is nearly full: the scavenger joins it. */
static void join_queue(struct block *b)
{
	b->queued = true;
	b->join_next = ph.joins;
	ph.joins = b;
}

/**
 * block_claim - put pages of a block into a span
 * @b: a PART block
 * @i: first page
 * @n: how many, all free
 *
 * Return: true if all of them read as zero.
 */
bool block_claim(struct block *b, unsigned int i, unsigned int n)
{
	bool was_longest = run_around(b, i, n) == b->longest, zero;
	unsigned int idle = pages_use(b, i, n, &zero);

	shim_lock_assert(&ph.lock);
	part_recount(b, b->nused + n);
	b->nused += (uint16_t)n;
	b->nidle -= (uint16_t)idle;
	b->stamp = ph.tick;
	inuse_add(n);
	ph.idle -= idle;
	if (!b->whole) {
		ph.holes += n - idle;
		if (n > idle) {
			fresh_take((n - idle) * PAGE_SIZE);
			if (b->owed)
				block_hurry(b);
		}
		if (b->nused >= JOIN_PAGES && ph.whole && !b->queued)
			join_queue(b);
	}
	if (was_longest)
		b->longest = (uint16_t)bits_longest_clear(&b->used, b->longest);
	filler_update(b);
	age_update(b);
	return zero;
}

/**
 * block_unclaim - take pages of a block out of a span
 * @b: a PART block
 * @i: first page
 * @n: how many
 */
void block_unclaim(struct block *b, unsigned int i, unsigned int n)
{
	unsigned int around;

	shim_lock_assert(&ph.lock);
#ifdef SHIM_DEBUG
	if (bits_count(&b->used, i, n) != n)
		pageheap_broken("pages that become free were in use");
#endif
	bits_clear(&b->used, i, n);
	part_recount(b, b->nused - n);
	b->nused -= (uint16_t)n;
	b->nidle += (uint16_t)n;
	b->stamp = ph.tick;
	inuse_sub(n);
	ph.idle += n;
	around = run_around(b, i, n);
	if (around > b->longest)
		b->longest = (uint16_t)around;
	filler_update(b);
	age_update(b);
}

/**
 * block_vacate - take pages out of a span after their memory has moved
 * @b: a PART block; 4 KiB memory from here on
 * @i: first page
 * @n: how many
 */
void block_vacate(struct block *b, unsigned int i, unsigned int n)
{
	block_detach(b);
	part_count(b, -1);
	bits_clear(&b->used, i, n);
	bits_clear(&b->backed, i, n);
	bits_set(&b->clean, i, n);
	b->whole = false;
	b->nused -= (uint16_t)n;
	b->stamp = ph.tick;
	b->longest = (uint16_t)bits_longest_clear(&b->used, BLOCK_PAGES);
	inuse_sub(n);
	part_count(b, 1);
	block_attach(b);
}

/**
 * block_hold_idle - take the idle pages of a block out of circulation
 * @b: a PART block
 * @r: out: the pages, as ranges; room for BACKEND_RANGES
 * @held: out: the pages, as bits
 *
 * To all others they look used until block_drop_idle().  The block counts as 4
 * KiB memory from here on.  Free pages without memory between idle ones are
 * included, so that a free run is one range; they count as idle until then.
 *
 * Return: how many ranges.
 */
unsigned int block_hold_idle(struct block *b, struct backend_range *r,
			     struct bits *held)
{
	unsigned int i, end, had, nr = 0;
	int k;

	block_detach(b);
	part_count(b, -1);
	bits_fill(held, 0);
	for (i = bits_next_clear(&b->used, 0); i < BLOCK_PAGES;
	     i = bits_next_clear(&b->used, end)) {
		end = bits_next(&b->used, i);
		had = bits_count(&b->backed, i, end - i);
		if (!had)
			continue;
		ph.idle += end - i - had;
		b->nused += (uint16_t)(end - i);
		bits_set(held, i, end - i);
		r[nr].start = b->start + i * PAGE_SIZE;
		r[nr].len = (end - i) * PAGE_SIZE;
		nr++;
	}
	for (k = 0; k < BITS_WORDS; k++) {
		b->used.w[k] |= held->w[k];
		b->backed.w[k] |= held->w[k];
		b->clean.w[k] &= ~held->w[k];
	}
	b->nidle = 0;
	b->whole = false;
	b->longest = (uint16_t)bits_longest_clear(&b->used, BLOCK_PAGES);
	part_count(b, 1);
	block_attach(b);
	return nr;
}

/**
 * block_drop_idle - put pages back into circulation
 * @b: the block
 * @r: the ranges of block_hold_idle()
 * @nr: how many ranges
 * @done: how many of them, from the first, have lost their memory
 *
 * Return: bytes without memory.
 */
size_t block_drop_idle(struct block *b, const struct backend_range *r,
		       unsigned int nr, unsigned int done)
{
	size_t gone = 0;
	unsigned int i;

	block_detach(b);
	part_count(b, -1);
	for (i = 0; i < nr; i++) {
		unsigned int at = (r[i].start - b->start) / PAGE_SIZE;
		unsigned int n = r[i].len / PAGE_SIZE;

		bits_clear(&b->used, at, n);
		b->nused -= (uint16_t)n;
		if (i < done) {
			bits_clear(&b->backed, at, n);
			bits_set(&b->clean, at, n);
			gone += n;
		} else {
			b->nidle += (uint16_t)n;
			b->stuck = true;
		}
	}
	ph.idle -= gone;
	b->longest = (uint16_t)bits_longest_clear(&b->used, BLOCK_PAGES);
	part_count(b, 1);
	block_attach(b);
	return gone * PAGE_SIZE;
}
