/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pageheap_int: what the files of the page heap share.
 *
 * ph.lock protects all of it unless a line says otherwise.
 *
 * A *block record* exists for every block that has pages in and out of spans,
 * and for the first and the last block of every run of whole blocks, free or in
 * one span.  Records of blocks inside a run, if there are any, are not valid.
 * So a free run of a terabyte costs two records, and when a run is freed, the
 * records of its neighbours tell whether they are free.
 *
 *	                 claim some pages
 *	BLOCK_FREE  ------------------------->  BLOCK_PART (in the filler)
 *	(in a run)  <-------------------------
 *	   |  ^      last page free (if whole)
 *	   |  |  span of whole blocks freed
 *	   v  |
 *	BLOCK_SPAN
 */
#ifndef SHIM_PAGEHEAP_INT_H
#define SHIM_PAGEHEAP_INT_H

#include "backend/backend.h"
#include "base/lock.h"
#include "base/node.h"
#include "pageheap.h"
#include "pageheap_bits.h"
#include "pageheap_mesh.h"

enum block_state {
	BLOCK_NONE,		/* record not in use */
	BLOCK_FREE,		/* end of a free run */
	BLOCK_PART,		/* bitmaps are valid; in the filler if anything is free */
	BLOCK_SPAN,		/* end of the whole blocks of one span */
	BLOCK_LOST,		/* lost to another mapping, see pageheap_move.c */
};

/*
 * Free runs are kept apart by the kind of their memory; runs of the same kind
 * join.
 */
enum run_kind {
	RUN_RETURNED,		/* no memory; reads as zero */
	RUN_PAGES,		/* 4 KiB pages, or some of them */
	RUN_WHOLE,		/* whole blocks */
	RUN_KINDS
};

/**
 * struct block - the page heap's record of 2 MiB
 * @next: PART: filler list; FREE, first of a run: run list
 * @prev: the same
 * @age_next: PART with free memory: list by how much
 * @age_prev: the same
 * @start: first byte
 * @used: PART: pages in spans
 * @backed: PART: pages that may have memory
 * @clean: PART: pages that read as zero
 * @run: FREE: length in blocks, valid at both ends
 * @stamp: ph.tick when pages were last claimed or freed; FREE and @stuck, first
 *	of a run: when the kernel refused it
 * @nused: pages in @used
 * @nidle: pages of @backed that are not in @used
 * @longest: longest run of free pages
 * @bucket: PART: filler bucket it is on, FILLER_NOWHERE for none
 * @age: PART: age list it is on
 * @state: enum block_state
 * @backend: enum backend_id
 * @kind: FREE: enum run_kind
 * @whole: PART, SPAN: its memory is a block, not 4 KiB pages
 * @stuck: PART: pages could not be given back: do not try again; FREE, first of
 *	a run: some of it could not, and not before RETRY_TICKS have passed
 * @moved: a mapping of what was moved may begin or end in it, see pageheap_move.c
 * @queued: on ph.joins
 * @joining: being joined, without the lock
 * @owed: PART, 4 KiB memory: pages of it were given back, and the kernel keeps a
 *	huge page for them until it is split: on ph.owed
 * @releasing: threads that give pages of it back, without the lock
 * @apart: on ph.wanted
 * @want: @whole: OS pages inside spans that could be given back or meshed, if it
 *	were not, see block_want()
 * @nmeshed: OS pages of it that are meshed, on either side: it is not joined then
 * @join_next: the next on ph.joins
 * @owed_next: @owed: the next on ph.owed
 * @owed_prev: the same
 * @age_tick: tick in which it was last passed over on its age list
 * @node: where its memory is, as far as it has any: the node of the thread that
 *	began to use it; of a free run, at both ends
 */
struct block {
	struct block *next, *prev;
	struct block *age_next, *age_prev;
	uintptr_t start;
	struct bits used, backed, clean;
	uint32_t run;
	uint32_t stamp;
	uint16_t nused;
	uint16_t nidle;
	uint16_t longest;
	uint16_t bucket;
	uint8_t age;
	uint8_t state;
	uint8_t backend;
	uint8_t kind;
	bool whole;
	bool stuck;
	bool moved;
	bool queued;
	bool joining;
	bool owed;
	uint8_t releasing;
	bool apart;
	uint16_t want;
	uint16_t nmeshed;
	struct block *join_next;
	struct block *owed_next, *owed_prev;
	uint32_t age_tick;
	uint8_t node;
};

/*
 * The filler's buckets: longest free run (1 to 256), then how full, fullest
 * first, in 8 steps.  A search goes up from the bucket of what is needed: the
 * smallest sufficient run first, among equals the fullest block.
 */
#define FILLER_STEPS	8u
#define FILLER_BUCKETS	((BLOCK_PAGES + 1) * FILLER_STEPS)
#define FILLER_WORDS	((FILLER_BUCKETS + 63) / 64)
#define FILLER_NOWHERE	UINT16_MAX

/* Step 0 is the fullest; a block with nothing in use shares the emptiest's. */
static inline unsigned int filler_bucket(unsigned int longest,
					 unsigned int nused)
{
	unsigned int step = (BLOCK_PAGES - nused) / (BLOCK_PAGES / FILLER_STEPS);

	return longest * FILLER_STEPS +
	       (step < FILLER_STEPS ? step : FILLER_STEPS - 1);
}

/* Fillers: blocks, and 4 KiB memory. */
enum filler_id {
	FILLER_WHOLE,
	FILLER_PAGES,
	FILLERS
};

struct filler {
	uint64_t nonempty[FILLER_WORDS];	/* bits: of ph_lists.fill */
	uint64_t words;		/* of nonempty that are not 0, first 64 of them */
};

_Static_assert(FILLER_WORDS <= 64, "one word summarises the buckets");

/* Age lists: blocks by their idle pages in sixteenths, for the scavenger. */
#define AGES		17u
/*
 * A block is split when a quarter of it is idle: less is not worth losing a PMD
 * mapping.
 */
#define SPLIT_AGE	5u
/* The same in OS pages, of which some may be in spans: see block_want(). */
#define SPLIT_OS_PAGES	(BLOCK_SIZE / 4096 / 4)
/* A block is joined again when seven eighths of it are in use. */
#define JOIN_PAGES	(BLOCK_PAGES * 7 / 8)

/* Free runs by length: exact below 64, then a bucket for each power of two. */
#define RUN_EXACT	64u
#define RUN_BUCKETS	(RUN_EXACT + 32u)

struct runs {
	uint64_t nonempty[(RUN_BUCKETS + 63) / 64];	/* bits: of run_list() */
	size_t blocks;
};

/*
 * Blocks that wait for pageheap_mesh_apart(): as many as a search of 4096 spans
 * can find, each with spans in a quarter of it.
 */
#define PAGEHEAP_WANTED	64u

struct pageheap {
	struct shim_lock lock;
	bool started;
	bool whole;		/* the heap has outgrown 4 KiB memory */
	bool meshes;		/* and does so early, see pageheap_mesh_begin() */
	unsigned int first;	/* until then: the first page to use in a block */
	uint32_t tick;		/* scavenger's clock; read and written relaxed */
	size_t mapped;		/* in bytes; the rest is in pages */
	size_t inuse;
	size_t idle;		/* free with memory, or about to lose it */
	size_t moving;		/* calls to the backend without the lock */
	size_t moved;		/* blocks that are @moved, and cuts between them */
	size_t part;		/* PART blocks with pages in use */
	size_t part_pages;	/* of these, 4 KiB memory */
	size_t span_whole;	/* whole blocks inside spans */
	size_t spans;
	struct span *span_free[2];	/* descriptors, by their next; [1]: wide */
	size_t top;		/* of inuse: the peak from which it fell */
	size_t valley;		/* its lowest value since then */
	size_t swing;		/* the largest rise since, up to top */
	size_t peak;		/* its highest value in this window, see scavenger.c */
	size_t runs_low;	/* fewest free whole blocks since then */
	size_t drained;		/* pages that went back in the call, not long ago */
	size_t regret;		/* of such pages, how many were taken again in this window */
	size_t asked;		/* pages that spans took, for room_make() */
	size_t made;		/* pages that room_make() has given back since ph.whole */
	size_t turned;		/* pages of large spans that were freed, ever */
	bool replaces;		/* a large span was freed, and none taken since */
	size_t holes;		/* pages that were given back and then used again */
	size_t fresh;		/* bytes taken since pageheap_look(); no lock */
	size_t step;		/* of these, how many until the next check; no lock;
				 * 0: until the first
				 */
	struct block *age[2][AGES];	/* one for 4 KiB memory, one for blocks; FIFO */
	struct block *age_tail[2][AGES];
	struct block *joins;	/* blocks that have filled up again */
	struct block *owed, *owed_tail;	/* blocks to be split; FIFO */
	size_t hurry;		/* how many of them before more memory is taken */
	int64_t credit;		/* credit for giving back, in ns: see scavenger.c */
	size_t fill[PAGEHEAP_FILL_BUCKETS];
	uint64_t nr_grow, nr_fail, nr_fallback, nr_populate_fail;
	uint64_t nr_release, released, purged, nr_split, nr_join, nr_join_fail;
	uint64_t nr_remap, nr_refused;
	size_t meshed;		/* of inuse: OS pages of aliases, see pageheap_mesh.c */
	size_t purged_now;	/* of inuse: OS pages without memory; atomic */
	struct runs runs[RUN_KINDS][BACKEND_NR];
	struct filler filler[FILLERS];
	unsigned int nr_wanted;
	struct block *wanted[PAGEHEAP_WANTED];
	struct pageheap_mesh_stat mesh;
};

extern struct pageheap ph;

/*
 * The heads of the lists that ph has the bits of, apart from it because a small
 * heap touches few of them.  Where a list is empty by its bit, its head is not
 * read: in memory that was never written that is a page fault before the one of
 * the write.
 */
struct pageheap_lists {
	struct block *fill[FILLERS][FILLER_BUCKETS];
	struct block *run[RUN_KINDS * BACKEND_NR][RUN_BUCKETS];
};

extern struct pageheap_lists ph_lists;

static inline struct block **run_list(const struct runs *r)
{
	return ph_lists.run[r - &ph.runs[0][0]];
}

/*
 * Bytes between two checks of the limits: clearing 64 MiB takes 4 ms, a check
 * 0.1 to 0.2.  Near a limit half of what is left may be taken, but at least 512
 * KiB, which take as long to clear as a check takes.
 */
#define LIMIT_STEP	((size_t)64 << 20)
#define LIMIT_STEP_MIN	((size_t)512 << 10)
/*
 * Without a limit: bytes until the names of the groups are read again, in 5 us.
 */
#define LIMIT_STEP_NONE	((size_t)16 << 20)
/*
 * Before the first check: what a smaller heap could give back when memory is
 * short is less than what the check costs each process that starts, some ten
 * files.
 */
#define LIMIT_STEP_FIRST	((size_t)4 << 20)

/* Bytes that have memory, as far as we know. */
static inline size_t heap_bytes(void)
{
	return (ph.inuse + ph.idle) * PAGE_SIZE - ph.meshed * 4096;
}

/* Pages of spans that have memory of their own. */
static inline __attribute__((always_inline)) size_t inuse_resident(void)
{
	size_t less = ph.meshed + __atomic_load_n(&ph.purged_now,
						  __ATOMIC_RELAXED);

	return ph.inuse - less / (PAGE_SIZE / 4096);
}

/* @n OS pages inside spans have no memory now, or with a negative number do. */
static inline void purged_add(int n)
{
	__atomic_fetch_add(&ph.purged_now, (size_t)(ptrdiff_t)n,
			   __ATOMIC_RELAXED);
}

/* Pages without memory are about to be touched. */
static inline void fresh_add(size_t bytes)
{
	__atomic_fetch_add(&ph.fresh, bytes, __ATOMIC_RELAXED);
}

/*
 * The same for pages that were free: as many as went back in the call not long ago
 * should have been kept.
 */
static inline void fresh_take(size_t bytes)
{
	size_t again = bytes / PAGE_SIZE;

	if (again > ph.drained)
		again = ph.drained;
	ph.drained -= again;
	ph.regret += again;
	fresh_add(bytes);
}

/*
 * Demand is learned as it happens: a rise from a valley, up to the previous
 * peak, is memory that should have been kept instead of given back.
 */
static inline void inuse_add(size_t pages)
{
	size_t rise;

	ph.inuse += pages;
	if (ph.inuse > ph.peak)
		ph.peak = ph.inuse;
	rise = (ph.inuse < ph.top ? ph.inuse : ph.top) - ph.valley;
	if (rise > ph.swing)
		ph.swing = rise;
	if (ph.inuse >= ph.top) {
		ph.top = ph.inuse;
		ph.valley = ph.inuse;
	}
}

static inline void inuse_sub(size_t pages)
{
	ph.inuse -= pages;
	if (ph.inuse < ph.valley)
		ph.valley = ph.inuse;
}

/* pageheap_block.c: records, and claiming pages of one block */

/**
 * block_at - the record of a block, if there is one
 * @addr: any address in it
 */
static inline struct block *block_at(uintptr_t addr)
{
	struct area_map *area = pagemap_area(addr);

	return area ? area->block[(addr >> BLOCK_SHIFT) % AREA_BLOCKS] : NULL;
}

struct block *block_get(uintptr_t addr, enum backend_id backend);
void block_touched_here(struct block *b);
void block_init_part(struct block *b, enum run_kind from, bool whole);
bool block_claim(struct block *b, unsigned int i, unsigned int n);
void block_unclaim(struct block *b, unsigned int i, unsigned int n);
void block_vacate(struct block *b, unsigned int i, unsigned int n);
void block_detach(struct block *b);
void block_attach(struct block *b);
unsigned int block_hold_idle(struct block *b, struct backend_range *r,
			     struct bits *held);
size_t block_drop_idle(struct block *b, const struct backend_range *r,
		       unsigned int nr, unsigned int done);

void block_joined(struct block *b);
void block_split(struct block *b);
bool block_want(struct block *b, struct span *s, uint32_t pages);
void block_unwant(struct span *s);
void block_owe(struct block *b);
void block_paid(struct block *b);

/* pageheap_filler.c: PART blocks, to be found by what is free in them */
void filler_insert(struct block *b);
void filler_remove(struct block *b);
void filler_update(struct block *b);
struct block *filler_find(enum filler_id id, unsigned int n);
struct block *filler_find_near(enum filler_id id, unsigned int n);
void age_update(struct block *b);
void age_remove(struct block *b);
void age_rotate(struct block *b);

/* pageheap_runs.c: runs of free whole blocks */
size_t runs_blocks(void);
void runs_note_low(void);
struct block *runs_insert(uintptr_t start, size_t blocks,
			  enum backend_id backend, enum run_kind kind);
void runs_insert_unused(struct block *b);
bool runs_has(void);
bool runs_has_blocks(enum backend_id backend, enum run_kind kind, size_t blocks);
bool runs_take(enum backend_id backend, enum run_kind kind, size_t blocks,
	       size_t align, bool near, uintptr_t *start);
bool runs_take_old(enum backend_id backend, enum run_kind kind, size_t *blocks,
		   uint32_t age, uintptr_t *start);
bool runs_take_beside(enum backend_id backend, enum run_kind kind,
		      size_t blocks, unsigned int part, uintptr_t *start,
		      bool *before);

/**
 * struct longer - a run that is too short, and blocks without memory beside it
 * @had_at: first byte of the run
 * @had: its blocks
 * @fresh_at: first byte of those without memory, behind it or before it
 * @first: a block behind the run, without used pages, that has to be joined
 *	before anything else can be said; NULL for none
 */
struct longer {
	uintptr_t had_at;
	size_t had;
	uintptr_t fresh_at;
	struct block *first;
};

bool runs_find_longer(enum backend_id backend, size_t blocks,
		      struct longer *longer);
bool runs_take_longer(enum backend_id backend, size_t blocks,
		      const struct longer *longer);
size_t runs_before(enum backend_id backend, uintptr_t end, unsigned int *room);
struct block *runs_find_behind(size_t npages, unsigned int *room);
bool runs_take_at(uintptr_t start, size_t blocks, enum backend_id *backend,
		  enum run_kind *kind);

/* pageheap_release.c: for the scavenger */
/*
 * A split block may be a mapping (VMA) of its own, and cut another one in two.
 * Beyond 32 GiB of them the advice would use up half of the 65530 mappings that
 * a process may have.
 */
#define SPLIT_MAX	((size_t)16384)
#define RETRY_TICKS	64u	/* until memory that the kernel refused is tried again */
size_t pageheap_release_runs(size_t max, uint32_t age);
size_t pageheap_release_idlest(uint32_t age, bool all);
size_t pageheap_release_pages(void);
bool pageheap_join(struct block *b);
bool pageheap_join_one(void);
bool pageheap_pay_one(void);

/*
 * Freeing earns credit with which giving back is paid for.  Prices are in
 * nanoseconds, as measured on an EPYC of 2024 with Linux 6.18: a range of
 * madvise(), a page of it, a huge page that goes as a whole, and one that is
 * split.  So giving back a whole heap costs no more than its pages have earned,
 * about as much as faulting it in as huge pages did.  Credit is limited to what
 * 640 MiB earn, debt to four huge pages.
 */
#define COST_CALL	1000
#define COST_PAGE	100
#define COST_BLOCK	8000
#define COST_SPLIT	300000
#define CREDIT_PAGE	800
#define CREDIT_MAX	64000000

static inline void credit_earn(size_t pages)
{
	ph.credit += (int64_t)pages * CREDIT_PAGE;
	if (ph.credit > CREDIT_MAX)
		ph.credit = CREDIT_MAX;
}

static inline void credit_spend(size_t ns)
{
	ph.credit -= (int64_t)ns;
	if (ph.credit < -4 * COST_SPLIT)
		ph.credit = -4 * COST_SPLIT;
}

/* pageheap.c */
void pageheap_drop(struct span *s);

/* pageheap_transit.c: memory in transit while the lock is not held */

enum transit_what {
	TRANSIT_RUN,		/* a run that was counted as nothing */
	TRANSIT_IDLE_RUN,	/* a run that is counted as idle */
	TRANSIT_HELD,		/* pages of a block, from block_hold_idle() */
	TRANSIT_PURGE,		/* pages of a span */
	TRANSIT_JOIN,		/* a block */
};

/**
 * struct transit_of - memory in transit, and what becomes of it if it never
 * arrives
 * @what: enum transit_what
 * @kind: runs: the kind that it has then
 * @backend: runs
 * @start: runs
 * @blocks: runs
 * @block: the others
 * @held: TRANSIT_HELD: the pages
 */
struct transit_of {
	enum transit_what what;
	enum run_kind kind;
	enum backend_id backend;
	uintptr_t start;
	size_t blocks;
	struct block *block;
	struct bits held;
};

int transit_note(const struct transit_of *of);
int transit_leave(const struct transit_of *of);
void transit_arrived(int i);
void transit_enter(int i);
void transit_fork_child(void);

/* pageheap_room.c: how much the heap may take, and what it gives back for it */
/*
 * 256 KiB.  Shorter spans share a block with others: they need not make room
 * for what they take, and leave little of a block unused.
 */
#define SPARE_SPAN	32u

bool room_allows(size_t npages);
bool room_wants_whole(size_t len);
bool room_is_tight(size_t npages);
bool room_leaves_much(size_t npages, bool grows);
void room_make(size_t more, bool grows);
size_t room_set_step(void);

/* pageheap_taken.c: whole blocks for one span */

/**
 * struct taken - whole blocks that were taken from the free runs
 * @start: first byte
 * @blocks: how many
 * @backend: its backend
 * @kind: the kind of the run they come from
 * @whole: they are memory in blocks
 * @thin: pages of the last block to be used, if that is 4 KiB memory; 0 if it
 *	is like the others
 * @grows: the span is one that grows; set by the caller
 */
struct taken {
	uintptr_t start;
	size_t blocks;
	enum backend_id backend;
	enum run_kind kind;
	bool whole;
	unsigned int thin;
	bool grows;
};

bool taken_grow_behind(size_t npages);
enum backend_id taken_backend(size_t npages);
bool taken_get_from(struct taken *t, enum backend_id backend, size_t npages,
		    size_t align);
bool taken_get(struct taken *t, size_t npages, size_t align);
void taken_thin(struct taken *t, size_t npages);
bool taken_back(const struct taken *t);
void taken_in_pages(const struct taken *t);
bool taken_prepare(const struct taken *t, unsigned int skip, size_t npages);
bool taken_use(const struct taken *t, unsigned int skip, size_t npages);

/* pageheap_resize.c: spans that grow where they are */
bool span_grow_at(uintptr_t end, size_t n, bool moves, bool *zero);
bool move_finds_pages(const struct span *s, size_t npages);

/* pageheap_segment.c: what a span consists of */
void segment_make(uintptr_t start, size_t blocks, bool whole);
void segment_break(uintptr_t start, size_t blocks, bool whole);
void segment_free(uintptr_t at, uintptr_t end);

#ifdef SHIM_DEBUG
/* pageheap_check.c */
void pageheap_broken(const char *what);
#endif

#endif /* SHIM_PAGEHEAP_INT_H */
