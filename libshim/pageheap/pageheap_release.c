// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_release: memory back to the kernel, and blocks made whole again.
 *
 * Keeps true: while the lock is dropped, memory in transit is on no list and is
 * recorded (see pageheap_transit.c); a page leaves @backed only after the
 * kernel has taken it; a block is never joined while pages of it are being
 * given back, nor the reverse.
 *
 * Protected by ph.lock.  Called by scavenger, and by span and large to give
 * back memory inside a span.
 */
#include "limit.h"
#include "pageheap_int.h"

#define OS_PAGE	4096u

#define REFUSED_MAX	16u	/* after as many refusals in a row the rest is left alone */

/* Can [@start, @start + @n) and the @rest behind it be runs of their own? */
static bool can_split(enum backend_id backend, uintptr_t start, size_t n,
		      size_t rest)
{
	return !rest || (block_get(start + (n - 1) * BLOCK_SIZE, backend) &&
			 block_get(start + n * BLOCK_SIZE, backend));
}

/*
 * Give back as many of @blocks, which are on no list, as the kernel takes.  It
 * refuses a whole range because of one locked page: then try halves, down to
 * one block, and double the size again behind it.
 */
static size_t blocks_release(enum backend_id backend, enum run_kind kind,
			     uintptr_t start, size_t blocks)
{
	size_t n = blocks, bytes = 0;
	unsigned int refused = 0;
	struct block *head;
	bool ok;
	int way;

	ph.idle += blocks * BLOCK_PAGES;	/* until all of it is gone */
	while (blocks) {
		struct backend_range range = { start, n * BLOCK_SIZE };

		way = transit_leave(&(struct transit_of){
			.what = TRANSIT_IDLE_RUN, .kind = kind,
			.backend = backend, .start = start, .blocks = blocks });
		ok = backend_ops(backend)->release(&range, 1);
		transit_enter(way);
		ph.nr_release++;
		credit_spend(COST_CALL + n * COST_BLOCK);
		if (ok) {
			refused = 0;
		} else {
			ph.nr_refused++;
			if (++refused < REFUSED_MAX && n > 1 &&
			    can_split(backend, start, n / 2, blocks - n / 2)) {
				n /= 2;
				continue;
			}
			if (n > 1 || refused == REFUSED_MAX)
				n = blocks;
		}
		ph.idle -= n * BLOCK_PAGES;
		head = runs_insert(start, n, backend, ok ? RUN_RETURNED : kind);
		head->stuck = !ok;
		head->stamp = ph.tick;
		bytes += ok ? n * BLOCK_SIZE : 0;
		start += n * BLOCK_SIZE;
		blocks -= n;
		n = ok && 2 * n < blocks ? 2 * n : n < blocks ? n : blocks;
		if (!can_split(backend, start, n, blocks - n))
			n = blocks;
	}
	ph.released += bytes;
	runs_note_low();
	return bytes;
}

/**
 * pageheap_release_runs - give whole free blocks back
 * @max: how many at most
 * @age: ticks for which the kernel did not refuse them
 *
 * Called with ph.lock held, which is dropped in between.
 *
 * Return: bytes given back; 0 when there is nothing to give back.
 */
size_t pageheap_release_runs(size_t max, uint32_t age)
{
	static const enum run_kind kinds[] = { RUN_PAGES, RUN_WHOLE };
	unsigned int i, k;
	size_t done = 0;

	for (i = 0; i < BACKEND_NR; i++)
		for (k = 0; k < 2; k++)
			while (!done) {
				uintptr_t start;
				size_t n = max;

				if (!runs_take_old(i, kinds[k], &n, age, &start))
					break;
				done = blocks_release(i, kinds[k], start, n);
			}
	return done;
}

/* Bytes of the first @nr of @r that had memory. */
static size_t ranges_had(const struct block *b, const struct bits *had,
			 const struct backend_range *r, unsigned int nr)
{
	size_t pages = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		pages += bits_count(had, (r[i].start - b->start) / PAGE_SIZE,
				    r[i].len / PAGE_SIZE);
	return pages * PAGE_SIZE;
}

/**
 * block_release - give the idle pages of a block back
 * @b: a PART block with idle pages; 4 KiB memory from then on
 *
 * The huge page behind it is split only near a limit: a split takes twenty
 * times as long as giving the huge page back whole, which becomes possible if
 * the rest of the block is freed soon.
 *
 * Return: bytes given back.
 */
static size_t block_release(struct block *b)
{
	const struct backend_ops *ops = backend_ops(b->backend);
	struct transit_of of = { .what = TRANSIT_HELD, .block = b };
	struct backend_range r[BACKEND_RANGES];
	struct bits had = b->backed;
	bool split = b->whole, now, few;
	unsigned int nr, done, page;
	size_t bytes;
	int way;

	few = ph.part_pages < SPLIT_MAX;
	page = bits_next(&b->used, 0);
	now = split && ops->split && page < BLOCK_PAGES &&
	      limit_pressure() != LIMIT_FAR;
	nr = block_hold_idle(b, r, &of.held);
	b->releasing++;
	way = transit_leave(&of);
	if (split && ops->pages && few)
		ops->pages(b->start);
	done = ops->release(r, nr);
	if (now)
		ops->split(b->start + page * PAGE_SIZE);
	transit_enter(way);
	b->releasing--;
	ph.nr_release++;
	if (split)
		ph.nr_split++;
	if (done < nr)
		ph.nr_refused++;
	bytes = ranges_had(b, &had, r, done);
	credit_spend(nr * COST_CALL + bytes / PAGE_SIZE * COST_PAGE);
	block_drop_idle(b, r, nr, done);
	ph.released += bytes;
	if (split && ops->split && done && !now)
		block_owe(b);
	runs_insert_unused(b);
	return bytes;
}

/**
 * pageheap_pay_one - have the kernel split a huge page that it keeps for a block
 *
 * Called with ph.lock held, which is dropped in between.
 *
 * Return: true if there was one.
 */
bool pageheap_pay_one(void)
{
	struct transit_of of = { .what = TRANSIT_PURGE };
	struct block *b = ph.owed;
	uintptr_t at;
	int way;

	/*
	 * a block without used pages is freed as soon as the rest is given
	 * back
	 */
	while (b && (!b->nused || b->releasing || b->joining))
		b = b->owed_next;
	if (!b)
		return false;
	block_paid(b);
	at = b->start + bits_next(&b->used, 0) * PAGE_SIZE;
	b->releasing++;
	of.block = b;
	way = transit_leave(&of);
	backend_ops(b->backend)->split(at);
	transit_enter(way);
	b->releasing--;
	credit_spend(COST_SPLIT);
	return true;
}

/*
 * Find the first block on a list that is older than @age ticks; newer ones move
 * to the tail.
 */
static struct block *list_aged(struct block **list, uint32_t age)
{
	struct block *b = *list;
	int looks;

	if (!age) {
		while (b && b->joining)
			b = b->age_next;
		return b;
	}
	for (looks = 0; looks < 64; looks++) {
		b = *list;
		if (!b || b->age_tick == ph.tick)
			return NULL;	/* all of them have been looked at in this tick */
		if (!b->joining && ph.tick - b->stamp >= age)
			return b;
		age_rotate(b);
	}
	return NULL;
}

/**
 * pageheap_release_pages - give the idle pages of one block back, new or old
 *
 * Of 4 KiB memory only.  Called with ph.lock held, which is dropped in between.
 *
 * Return: bytes given back; 0 when there is nothing to give back.
 */
size_t pageheap_release_pages(void)
{
	struct block *b = NULL;
	unsigned int a;

	for (a = AGES - 1; a && !b; a--)
		b = list_aged(&ph.age[0][a], 0);
	return b ? block_release(b) : 0;
}

/**
 * pageheap_release_idlest - give the idle pages of one block back
 * @age: ticks for which none of its pages was claimed or freed
 * @all: also of blocks that have few idle pages
 *
 * Called with ph.lock held, which is dropped in between.  If the kernel takes
 * nothing of a block, it is left alone from then on, and the next one is tried.
 *
 * Return: bytes given back; 0 when there is nothing to give back.
 */
size_t pageheap_release_idlest(uint32_t age, bool all)
{
	unsigned int a = AGES - 1, refused = 0;
	size_t bytes = 0;
	struct block *b;

	while (a && !bytes && refused < REFUSED_MAX) {
		b = list_aged(&ph.age[0][a], age);
		if (!b && (all || a >= SPLIT_AGE))
			b = list_aged(&ph.age[1][a], age);
		if (b) {
			bytes = block_release(b);
			refused++;
		} else {
			a--;
		}
	}
	return bytes;
}

size_t pageheap_purge(struct span *s, uint32_t pages)
{
	struct backend_range r[16];
	unsigned int i, nr = 0, done;
	struct transit_of of = { 0 };
	struct block *b;
	size_t bytes = 0;
	bool split, now;
	int way;

	for (i = 0; pages >> i; i++) {
		uintptr_t at = s->start + i * OS_PAGE;

		if (!(pages >> i & 1))
			continue;
		if (nr && r[nr - 1].start + r[nr - 1].len == at) {
			r[nr - 1].len += OS_PAGE;
			continue;
		}
		r[nr].start = at;
		r[nr++].len = OS_PAGE;
		if (i >= 31)
			break;
	}
	shim_lock_acquire(&ph.lock);
	b = block_at(s->start);
	now = limit_pressure() == LIMIT_OVER;
	if (!nr || b->state != BLOCK_PART || b->joining || b->stuck) {
		shim_lock_release(&ph.lock);
		return 0;
	}
	split = b->whole;
	if (split && !block_want(b, s, pages) &&
	    (!now || ph.part_pages >= SPLIT_MAX)) {
		shim_lock_release(&ph.lock);
		return 0;
	}
	if (split)
		block_split(b);
	s->wanted = 0;
	b->releasing++;
	of.what = TRANSIT_PURGE;
	of.block = b;
	way = transit_leave(&of);
	if (split && backend_ops(b->backend)->pages)
		backend_ops(b->backend)->pages(b->start);
	if (split && now && backend_ops(b->backend)->split)
		backend_ops(b->backend)->split(s->start);
	done = backend_ops(b->backend)->release(r, nr);
	transit_enter(way);
	for (i = 0; i < done; i++)
		bytes += r[i].len;
	b->releasing--;
	if (done < nr) {
		b->stuck = true;
		ph.nr_refused++;
		age_update(b);
	}
	if (split && !now && done && backend_ops(b->backend)->split)
		block_owe(b);
	/* the caller takes all of them for purged then */
	if (done)
		purged_add(__builtin_popcount(pages));
	ph.released += bytes;
	ph.purged += bytes;
	shim_lock_release(&ph.lock);
	return bytes;
}

/**
 * pageheap_join - make a block whole
 * @b: a PART block that is not, on which nobody works
 *
 * Called with ph.lock held, which is dropped in between.  A block without used
 * pages is in a run then.
 *
 * Return: true if it is whole now.
 */
bool pageheap_join(struct block *b)
{
	struct transit_of of = { .what = TRANSIT_JOIN, .block = b };
	bool ok;
	int way;

	b->joining = true;
	way = transit_leave(&of);
	ok = backend_ops(b->backend)->join(b->start);
	transit_enter(way);
	b->joining = false;
	if (ok) {
		ph.nr_join++;
		block_joined(b);
	} else {
		ph.nr_join_fail++;
	}
	runs_insert_unused(b);
	return ok;
}

/**
 * pageheap_join_one - make one block whole that has filled up again
 *
 * Called with ph.lock held, which is dropped in between.
 *
 * Return: true if there was one.
 */
bool pageheap_join_one(void)
{
	struct block *b;

	do {
		b = ph.joins;
		if (!b)
			return false;
		ph.joins = b->join_next;
		b->queued = false;
	} while (b->state != BLOCK_PART || b->whole || b->releasing ||
		 b->nused < JOIN_PAGES || b->nmeshed ||
		 !limit_allows(heap_bytes(), BLOCK_SIZE));
	pageheap_join(b);
	return true;
}

size_t pageheap_trim(size_t keep_bytes)
{
	size_t keep = keep_bytes / PAGE_SIZE, done = 0, now;

	shim_lock_acquire(&ph.lock);
	ph.tick++;
	while (ph.idle > keep) {
		now = pageheap_release_runs((ph.idle - keep + BLOCK_PAGES - 1) /
					    BLOCK_PAGES, 1);
		if (!now)
			now = pageheap_release_idlest(0, true);
		if (!now)
			break;
		done += now;
	}
	while (pageheap_pay_one())
		;
	shim_lock_release(&ph.lock);
	return done;
}
