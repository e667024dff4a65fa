/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pageheap_mesh: two spans with one span's memory.
 *
 * The page heap's part of meshing: which blocks allow it, and the accounts.
 * What lives in the spans, and which of them fit, is for the layer above.
 *
 * A span that gave its memory up is an alias.  Its pages stay in use as far as
 * the page heap is concerned, although the memory behind them is another span's.
 * They are not to be used again before pageheap_unmesh().
 */
#ifndef SHIM_PAGEHEAP_MESH_H
#define SHIM_PAGEHEAP_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mesh.h"
#include "base/pagemap.h"

/**
 * struct mesh_alias - a span without memory of its own
 * @span: the span
 * @dst: the first byte of the span whose memory it has
 * @shared: bit n: its OS page n is that of the other span
 */
struct mesh_alias {
	struct span *span;
	uintptr_t dst;
	uint32_t shared;
};

/**
 * struct pageheap_mesh_stat - meshing in numbers
 * @bytes: memory that it saves now
 * @meshes: ranges that were meshed, ever
 * @moved: bytes that were copied for it, ever
 * @unmeshed: bytes of ranges that have or need no memory of others any more,
 *	ever
 * @apart: blocks that were cut into 4 KiB pages for it, ever
 * @busy: ranges that were not meshed because a page was pinned, or because of a
 *	relative by fork; ever, as are the following
 * @absent: because a page had no memory
 * @whole: because a 2 MiB block was joined meanwhile
 * @failed: for any other reason
 * @stuck: times memory of an alias could not be given back, and is to be again
 */
struct pageheap_mesh_stat {
	size_t bytes;
	uint64_t meshes;
	uint64_t moved;
	uint64_t unmeshed;
	uint64_t apart;
	uint64_t busy;
	uint64_t absent;
	uint64_t whole;
	uint64_t failed;
	uint64_t stuck;
};

/**
 * pageheap_mesh_why_not - can the blocks of this process be meshed
 *
 * Return: NULL if they can, or the reason why they cannot, a sentence's end.
 */
const char *pageheap_mesh_why_not(void);

/**
 * pageheap_can_mesh - is a span where the backend can mesh
 * @s: a span in use
 *
 * Takes no lock.
 */
bool pageheap_can_mesh(const struct span *s);

/**
 * pageheap_mesh - mesh pairs of ranges
 * @pairs: the pairs, of spans in use; no span is in more than one of them, but
 *	for parts of the same two spans
 * @nr: how many, 1 to MESH_PAIRS
 * @moves: the bytes of all pairs that move, those of the first pair first; left
 *	in disorder
 *
 * The bytes that no move names are lost in @src.  The caller keeps others from
 * allocating and freeing in the spans; live bytes may be read and written.
 * A pair is meshed whole or not at all.  Its result is -EBUSY where a page is
 * pinned or a relative by fork exists, -ENOENT where a page had no memory (it
 * has it then, and it may be tried again), -EAGAIN where a block is whole (see
 * pageheap_mesh_ready()), another one where it cannot be done.
 *
 * Return: how many were meshed.
 */
unsigned int pageheap_mesh(struct mesh_pair *pairs, unsigned int nr,
			   struct mesh_move *moves);

/**
 * pageheap_mesh_is_due - has the heap outgrown 4 KiB memory
 *
 * Until then there is nothing that could be meshed.
 */
bool pageheap_mesh_is_due(void);

/**
 * pageheap_mesh_begin - spans are to be meshed from now on, or are not any more
 * @on: if they are, a heap that grows beyond one block consists of blocks of the
 *	module, since 4 KiB memory cannot be meshed
 */
void pageheap_mesh_begin(bool on);

/**
 * pageheap_mesh_ready - is a span in a block that is cut into 4 KiB pages
 * @s: a span that may be meshed
 *
 * A block is to be cut if a quarter of its pages are in such spans, or could be
 * given back: pageheap_mesh_apart() does it.
 *
 * Return: true if it is, or false if the span cannot be meshed yet.
 */
bool pageheap_mesh_ready(struct span *s);

/**
 * pageheap_mesh_apart - cut one block into 4 KiB pages that is worth it
 *
 * See pageheap_mesh_ready().  Copies 2 MiB: not to be called with a lock held that
 * others wait for.
 *
 * Return: true if a block was cut, or was to be.
 */
bool pageheap_mesh_apart(void);

/**
 * pageheap_unmesh - give back what memory aliases have
 * @v: aliases without live objects, ascending
 * @nr: how many, up to MESH_PAIRS
 *
 * Return: how many of them, from the first, have no memory now, neither their
 * own nor anybody else's.  Free them with pageheap_free_purged().
 */
unsigned int pageheap_unmesh(const struct mesh_alias *v, unsigned int nr);

/**
 * pageheap_unshare - OS pages of an alias are no longer another span's
 * @a: the alias; of @a->shared only those pages are looked at
 *
 * They were given back by pageheap_purge(), or are about to be meshed again.
 */
void pageheap_unshare(const struct mesh_alias *a);

/**
 * pageheap_free_purged - as pageheap_free(), for a span without memory
 * @s: a span all of whose OS pages were given back
 */
void pageheap_free_purged(struct span *s);

/**
 * pageheap_mesh_get_stat - take the numbers
 * @st: filled in
 */
void pageheap_mesh_get_stat(struct pageheap_mesh_stat *st);

#endif /* SHIM_PAGEHEAP_MESH_H */
