/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pageheap: pages into spans, packed into blocks.
 *
 * The contract of the page heap with the layers above.  Any thread may call
 * every function at any time, from the first instruction of the process on;
 * each takes the PAGEHEAP lock and holds it for a bounded time.  None calls
 * malloc() or a layer above.
 */
#ifndef SHIM_PAGEHEAP_H
#define SHIM_PAGEHEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pagemap.h"

/* A span of more is moved by page tables: that is cheaper than to copy a huge page. */
#define PAGEHEAP_COPY_PAGES	256u
#define PAGEHEAP_MAX_PAGES	((size_t)1 << 31)	/* 16 TiB */
#define PAGEHEAP_FILL_BUCKETS	17

/**
 * struct pageheap_stat - the page heap in numbers, taken consistently
 * @mapped: bytes of address space with memory, or where touching brings some
 * @inuse: bytes in spans handed out
 * @free: bytes free that have memory, as far as we know
 * @returned: bytes free in blocks, without memory (given back, or never used)
 * @metadata: bytes of the allocator's own records
 * @limit: the smallest limit that is in force, 0 for none
 * @demand: bytes of @free that are kept because, by the last minute, they will
 *	be needed
 * @blocks: blocks with at least one page in a span
 * @blocks_free: whole free blocks that still have memory
 * @blocks_split: blocks of @blocks that are 4 KiB pages (returned in part, or
 *	never made whole)
 * @covered: bytes of @inuse + @free that 2 MiB mappings are to serve
 * @fill: blocks of @blocks by sixteenths of their pages in use; the last
 *	bucket counts full blocks
 * @spans: spans handed out
 * @nr_grow: times address space was taken
 * @nr_fail: allocations that failed
 * @nr_fallback: blocks that the first backend could not supply and the second
 *	did
 * @nr_populate_fail: blocks that could not be populated beforehand
 * @nr_release: release calls made to the backend
 * @released: bytes given back, ever
 * @purged: of these, inside of spans in use
 * @nr_split: blocks split to give pages back
 * @nr_join: blocks made whole again
 * @nr_join_fail: blocks that could not be
 * @nr_remap: spans grown by moving their pages
 * @scavenger_looks: ticks at which idle memory was looked for
 * @scavenger_drains: calls that gave memory back because much of it was free
 * @nr_refused: times the kernel did not take memory back (locked by mlock())
 * @owed: bytes of @returned for which the kernel still keeps huge pages, until
 *	it splits them when memory is short, or we have it do so
 * @backend: name of the backend that blocks come from now
 *
 * mapped = inuse + free + returned.
 */
struct pageheap_stat {
	size_t mapped;
	size_t inuse;
	size_t free;
	size_t returned;
	size_t metadata;
	size_t limit;
	size_t demand;
	size_t blocks;
	size_t blocks_free;
	size_t blocks_split;
	size_t covered;
	size_t fill[PAGEHEAP_FILL_BUCKETS];
	size_t spans;
	uint64_t nr_grow;
	uint64_t nr_fail;
	uint64_t nr_fallback;
	uint64_t nr_populate_fail;
	uint64_t nr_release;
	uint64_t released;
	uint64_t purged;
	uint64_t nr_split;
	uint64_t nr_join;
	uint64_t nr_join_fail;
	uint64_t nr_remap;
	uint64_t scavenger_looks;
	uint64_t scavenger_drains;
	uint64_t nr_refused;
	size_t owed;
	const char *backend;
};

/**
 * pageheap_boot - find out what the system has
 *
 * Reads the limits and chooses the backend; opens every file that this takes.
 * Called once, before any other function.
 */
void pageheap_boot(void);

/**
 * pageheap_alloc - get a span
 * @npages: length in pages, 1 to PAGEHEAP_MAX_PAGES
 * @align_pages: alignment in pages, a power of two; 0 and 1 mean none
 *
 * The caller owns the span, which is not in the page map yet.  Its @flags have
 * SPAN_ZERO if all of its memory is known to read as zero.
 *
 * Return: the span in state SPAN_INUSE, or NULL with nothing changed when the
 * system or the hard limit has no memory for it.
 */
struct span *pageheap_alloc(size_t npages, size_t align_pages);

/**
 * pageheap_alloc_wide - the same, with a record that has room for more
 * @npages: length in pages, 1 to PAGEHEAP_MAX_PAGES
 * @align_pages: alignment in pages, as above
 *
 * Return: as pageheap_alloc(), with all of @bitmap instead of its first word.
 */
struct span *pageheap_alloc_wide(size_t npages, size_t align_pages);

/**
 * pageheap_alloc_short - the same, or a shorter one where that needs no new memory
 * @npages: length in pages, less than a block's
 * @size: of the objects that it is for, at most @npages long
 *
 * Where no run of @npages has memory, a shorter one that has will do, if objects of
 * @size leave at most an eighth of it over.
 *
 * Return: as pageheap_alloc(), with @npages or fewer.
 */
struct span *pageheap_alloc_short(size_t npages, unsigned int size);

/**
 * pageheap_alloc_grown - a second span for what grows, that its bytes are copied to
 * @npages: length in pages
 *
 * As what has grown will grow on, what is left of the span's last block is not for
 * others, but for that: memory comes in blocks more readily than for a new span.
 *
 * Return: as pageheap_alloc(), with nothing changed also if it is more than an eighth
 * of what is in use or a limit is near, when it had better move by page tables.
 */
struct span *pageheap_alloc_grown(size_t npages);

/**
 * pageheap_exchange - a span that grows gets the place that its bytes were copied to
 * @s: the span, which is not in the page map
 * @grown: from pageheap_alloc_grown(); freed, with the place that @s had
 */
void pageheap_exchange(struct span *s, struct span *grown);

/**
 * pageheap_has - would a span lie in memory that is there
 * @npages: its length in pages
 *
 * A guess, and false for a block or more.
 *
 * Return: true if pageheap_alloc() would not make the heap larger.
 */
bool pageheap_has(size_t npages);

/**
 * pageheap_free - give a span back
 * @s: from pageheap_alloc(), no longer in the page map; the descriptor is freed
 *	as well
 */
void pageheap_free(struct span *s);

/**
 * pageheap_resize - make a span longer or shorter where it is
 * @s: the span, not in the pagemap during the call
 * @npages: new length, not 0
 *
 * Shrinking always works.  After growing, SPAN_ZERO of @s->flags says whether
 * the pages that were added read as zero.
 *
 * Return: true with @s->npages == @npages, or false with nothing changed.
 */
bool pageheap_resize(struct span *s, size_t npages);

/**
 * pageheap_grow_first - make a span longer where it is, unless it had better move
 * @s: as for pageheap_resize()
 * @npages: new length, greater than the old one
 *
 * For who calls pageheap_remap_grow() next, and pageheap_resize() where that fails.
 *
 * Return: as there; false also where idle pages elsewhere would serve it.
 */
bool pageheap_grow_first(struct span *s, size_t npages);

/**
 * pageheap_remap_grow - make a span longer by moving its pages, not its bytes
 * @s: the span, not in the pagemap during the call
 * @npages: new length, more than @s->npages
 *
 * Only where the backend can (mremap() on anonymous memory) and where that cuts
 * no huge page in two.  @s->start changes.
 *
 * Return: true when moved, or false with nothing changed: copy.
 */
bool pageheap_remap_grow(struct span *s, size_t npages);

/**
 * pageheap_purge - give back memory inside a span that is not in use now
 * @s: a span of at most 32 OS pages of 4 KiB
 * @pages: bit n: OS page n of it
 *
 * The pages still belong to the span, and read as zero afterwards.  A block
 * that is whole is left alone, since a PMD mapping is worth more than the
 * pages, unless hardly anything is left below a limit: then it is split.
 *
 * Return: bytes given back.
 */
size_t pageheap_purge(struct span *s, uint32_t pages);

/**
 * pageheap_trim - give all free memory back now
 * @keep_bytes: free bytes with memory that may stay
 *
 * Return: bytes given back.
 */
size_t pageheap_trim(size_t keep_bytes);

/**
 * pageheap_get_stat - take the numbers
 * @st: filled in
 */
void pageheap_get_stat(struct pageheap_stat *st);

/**
 * pageheap_usage - bytes that have memory, a cheap estimate
 *
 * Takes no lock.  For decisions, not for reports.
 */
size_t pageheap_usage(void);

/**
 * pageheap_spare - bytes that are free and have memory, a cheap estimate
 *
 * Takes no lock.  A request for more makes the heap larger; one for less may,
 * if the free pages are no run of that length.
 */
size_t pageheap_spare(void);

/**
 * pageheap_pressure - how near the limit the heap is
 *
 * Takes no lock.
 *
 * Return: 0 with no limit or far from it, 1 when caches above should shrink,
 * 2 when they should be given up.
 */
unsigned int pageheap_pressure(void);

/**
 * pageheap_is_due - is it time to check the limits before memory is taken
 * @bytes: about to be taken
 *
 * It is when half of what was left, or 64 MiB, has been taken since the last
 * check, and 4 MiB before the first.  Takes no lock.
 */
bool pageheap_is_due(size_t bytes);

/**
 * pageheap_look - check the limits
 * @bytes: about to be taken
 *
 * Takes no lock of this layer while files are read.
 *
 * Return: true if all free memory, here and in the layers above, should be
 * given back first.
 */
bool pageheap_look(size_t bytes);

/**
 * pageheap_look_last - check the limits if nobody has, and open no file again
 *
 * For a process that is about to enter a sandbox, which may kill it for that.
 */
void pageheap_look_last(void);

/**
 * pageheap_left - what is left below the nearest limit
 * @over: out: by how much one is exceeded, 0 if something is left
 *
 * As the last look has seen it, less what was taken since.  Takes no lock.
 *
 * Return: bytes, SIZE_MAX with no limit.
 */
size_t pageheap_left(size_t *over);

/**
 * pageheap_retaken - memory that was purged is used again
 * @bytes: how many
 */
void pageheap_retaken(size_t bytes);

#ifdef SHIM_DEBUG
/**
 * pageheap_is_valid - check every invariant of the page heap
 *
 * Takes the lock.  Aborts with a message on the first that does not hold.
 *
 * Return: true.
 */
bool pageheap_is_valid(void);
#endif

/* Around fork(): in rank order, all locks of this layer and those below. */
void pageheap_fork_prepare(void);
void pageheap_fork_parent(void);
void pageheap_fork_child(void);

/**
 * pageheap_fork_plain - in the child of a fork for which no lock was taken
 *
 * The parent had one thread.
 */
void pageheap_fork_plain(void);

#endif /* SHIM_PAGEHEAP_H */
