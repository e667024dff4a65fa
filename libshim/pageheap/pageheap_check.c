// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_check: the invariants of the page heap as a function.
 *
 * Debug builds only.  Walks every record by way of the pagemap's areas, so that
 * a block on no list is found as well.
 */
#ifdef SHIM_DEBUG
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pageheap_int.h"
#include "base/sys.h"

/* Report the invariant that does not hold, and abort. */
void pageheap_broken(const char *what)
{
	static const char head[] = "libshim: page heap: not true: ";

	sys_call3(SYS_write, STDERR_FILENO, (long)head, sizeof(head) - 1);
	sys_call3(SYS_write, STDERR_FILENO, (long)what, (long)strlen(what));
	sys_call3(SYS_write, STDERR_FILENO, (long)"\n", 1);
	abort();
}

#define CHECK(x) ((x) ? (void)0 : pageheap_broken(#x))

struct sums {
	size_t inuse, idle, part, part_pages, span_whole, owed, meshed;
	size_t fill[PAGEHEAP_FILL_BUCKETS];
	size_t runs[RUN_KINDS][BACKEND_NR];
	size_t covered;		/* blocks of address space accounted for */
};

static bool on_filler(const struct block *b)
{
	struct block *i;
	unsigned int id = b->whole ? FILLER_WHOLE : FILLER_PAGES;

	for (i = ph_lists.fill[id][b->bucket]; i; i = i->next)
		if (i == b)
			return true;
	return false;
}

static void check_part(const struct block *b, struct sums *sum)
{
	unsigned int used = bits_count(&b->used, 0, BLOCK_PAGES), idle = 0;
	unsigned int k;

	for (k = 0; k < BITS_WORDS; k++) {
		idle += (unsigned int)__builtin_popcountll(b->backed.w[k] &
							   ~b->used.w[k]);
		CHECK(!(b->used.w[k] & ~b->backed.w[k]));
		CHECK(!(b->used.w[k] & b->clean.w[k]));
		/* pages without memory read as zero */
		CHECK(!(~b->backed.w[k] & ~b->clean.w[k]));
	}
	CHECK(b->nused == used);
	CHECK(b->nidle == idle);
	CHECK(b->longest == bits_longest_clear(&b->used, BLOCK_PAGES));
	CHECK((b->longest == 0) == (b->bucket == FILLER_NOWHERE));
	CHECK(b->longest == 0 ||
	      b->bucket == filler_bucket(b->longest, b->nused));
	CHECK(b->longest == 0 || on_filler(b));
	CHECK(b->age == (b->stuck ? 0 : (b->nidle + 15) / 16));
	CHECK(used || idle);
	CHECK(used || !b->whole);
	CHECK(!b->owed || !b->whole);
	CHECK(!b->nmeshed || !b->whole);
	sum->meshed += b->nmeshed;
	sum->owed += b->owed;
	sum->inuse += used;
	sum->idle += idle;
	sum->covered++;
	if (!used)
		return;
	sum->part++;
	if (!b->whole)
		sum->part_pages++;
	sum->fill[used * (PAGEHEAP_FILL_BUCKETS - 1) / BLOCK_PAGES]++;
}

/* Return: how many blocks the record stands for. */
static size_t check_block(const struct block *b, struct sums *sum)
{
	const struct block *last, *right;

	switch (b->state) {
	case BLOCK_PART:
		check_part(b, sum);
		return 1;
	case BLOCK_SPAN:
		CHECK(b->run);
		last = block_at(b->start + (b->run - 1) * BLOCK_SIZE);
		CHECK(last && last->state == BLOCK_SPAN);
		sum->inuse += b->run * BLOCK_PAGES;
		sum->fill[PAGEHEAP_FILL_BUCKETS - 1] += b->run;
		if (b->whole)
			sum->span_whole += b->run;
		sum->covered += b->run;
		return b->run;
	case BLOCK_FREE:
		CHECK(b->run);
		last = block_at(b->start + (b->run - 1) * BLOCK_SIZE);
		CHECK(last && last->state == BLOCK_FREE);
		CHECK(last->run == b->run && last->kind == b->kind &&
		      last->node == b->node);
		right = block_at(b->start + b->run * BLOCK_SIZE);
		CHECK(!right || right->state != BLOCK_FREE ||
		      right->kind != b->kind || right->backend != b->backend ||
		      right->node != b->node);
		sum->runs[b->kind][b->backend] += b->run;
		if (b->kind != RUN_RETURNED)
			sum->idle += b->run * BLOCK_PAGES;
		sum->covered += b->run;
		return b->run;
	case BLOCK_LOST:
		return 1;
	default:
		pageheap_broken("a block is in a run, in a span or in part");
		return 1;
	}
}

static void check_runs(const struct sums *sum)
{
	unsigned int kind, id, i;

	for (kind = 0; kind < RUN_KINDS; kind++) {
		for (id = 0; id < BACKEND_NR; id++) {
			const struct runs *r = &ph.runs[kind][id];
			const struct block *b;
			size_t blocks = 0;

			for (i = 0; i < RUN_BUCKETS; i++) {
				CHECK(!run_list(r)[i] ==
				      !(r->nonempty[i / 64] >> (i % 64) & 1));
				for (b = run_list(r)[i]; b; b = b->next) {
					CHECK(b->state == BLOCK_FREE);
					CHECK(b->kind == kind);
					CHECK(b->backend == id);
					CHECK(!b->next || b->next->prev == b);
					blocks += b->run;
				}
			}
			CHECK(blocks == r->blocks);
			CHECK(blocks == sum->runs[kind][id]);
		}
	}
}

static void check_fillers(void)
{
	unsigned int id, i, k;

	for (id = 0; id < FILLERS; id++) {
		const struct filler *f = &ph.filler[id];

		for (i = 0; i < FILLER_BUCKETS; i++)
			CHECK(!ph_lists.fill[id][i] ==
			      !(f->nonempty[i / 64] >> (i % 64) & 1));
		for (k = 0; k < FILLER_WORDS && k < 64; k++)
			CHECK(!f->nonempty[k] == !(f->words >> k & 1));
	}
}

/* The list has exactly the blocks that are marked as being on it. */
static void check_owed(size_t sum)
{
	const struct block *b, *last = NULL;

	for (b = ph.owed; b; last = b, b = b->owed_next) {
		CHECK(b->state == BLOCK_PART && b->owed);
		CHECK(b->owed_prev == last);
		CHECK(sum--);
	}
	CHECK(!sum);
	CHECK(ph.owed_tail == last);
}

static void check_heap(void)
{
	struct sums sum = { 0 };
	size_t a, skip = 0;
	unsigned int i, k;

	/* from the lowest address up */
	for (a = pagemap.count; a--;) {
		const struct area_map *area =
			pagemap_area((PAGEMAP_AREAS - 1 - a) << AREA_SHIFT);

		if (!area) {
			skip = skip > AREA_BLOCKS ? skip - AREA_BLOCKS : 0;
			continue;
		}
		for (i = 0; i < AREA_BLOCKS; i++) {
			const struct block *b = area->block[i];

			/* records inside a run or a span are not valid */
			if (skip)
				skip--;
			else if (b)
				skip = check_block(b, &sum) - 1;
		}
	}
	CHECK(sum.inuse == ph.inuse);
	CHECK(sum.idle == ph.idle);
	/* once for each of the two blocks */
	CHECK(sum.meshed == 2 * ph.meshed);
	CHECK(sum.part == ph.part);
	CHECK(sum.part_pages == ph.part_pages);
	CHECK(sum.span_whole == ph.span_whole);
	CHECK(sum.covered * BLOCK_SIZE == ph.mapped);
	for (k = 0; k < PAGEHEAP_FILL_BUCKETS; k++)
		CHECK(sum.fill[k] == ph.fill[k]);
	check_runs(&sum);
	check_fillers();
	check_owed(sum.owed);
}

bool pageheap_is_valid(void)
{
	shim_lock_acquire(&ph.lock);
	/* memory in transit is on no list: check when it has arrived */
	while (ph.moving) {
		shim_lock_release(&ph.lock);
		sys_call3(SYS_sched_yield, 0, 0, 0);
		shim_lock_acquire(&ph.lock);
	}
	check_heap();
	shim_lock_release(&ph.lock);
	return true;
}
#else
extern int pageheap_check_is_empty;	/* ISO C wants a declaration */
#endif
