/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * span_mesh: spans that share memory, because their live objects do not overlap.
 *
 * The idea is that of Powers, Tench, Berger and McGregor ("Mesh: Compacting
 * Memory Management for C/C++ Applications", 2019).  One span of a *group* has
 * memory, the survivor; the others are *aliases*, whose addresses stay valid for
 * the objects that lived there.  What is new comes from the survivor's addresses
 * only.
 *
 * A bitmap says what is free at the addresses of its own span, that of the
 * survivor included.  A place is free if it is so in all bitmaps of the group;
 * the survivor's @nfree counts these, an alias's @nfree the bits of its own
 * bitmap.  So an object that comes back by an address at which it does not live
 * is found out, and a tool that reads bitmaps needs to know nothing of groups.
 *
 *	struct span of	@flags		@mesh		@next
 *	a survivor	-		first alias	list of central
 *	an alias	SPAN_ALIAS	survivor	next alias
 *	any other	-		NULL		list of central
 *
 * The lock of the class protects all of it, as it does every span.
 */
#ifndef SHIM_SPAN_MESH_H
#define SHIM_SPAN_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mesh.h"
#include "base/pagemap.h"

/*
 * Spans of a group.  Taking and purging look at each.  Of 161 spans of 512 B, a
 * tenth of which lives, 61 are left with 4, 36 with 6, 33 with 8.
 */
#define SPAN_GROUP	8u

/*
 * The largest objects of which spans are meshed: larger ones leave whole OS pages
 * free between them, which are given back without.
 */
#define SPAN_MESH_SIZE	2048u

/**
 * struct span_batch - pairs of spans that are meshed in one call
 * @nr: pairs of ranges
 * @nr_moves: moves of all of them
 * @pairs: the ranges
 * @moves: the bytes that move
 * @dst: by pair: the span whose memory stays
 * @src: the span whose memory goes
 */
struct span_batch {
	unsigned int nr;
	unsigned int nr_moves;
	struct mesh_pair pairs[MESH_PAIRS];
	struct mesh_move moves[MESH_MOVES];
	struct span *dst[MESH_PAIRS];
	struct span *src[MESH_PAIRS];
};

/* Does a span have no memory of its own? */
static inline bool span_is_alias(const struct span *s)
{
	return s->flags & SPAN_ALIAS;
}

/**
 * span_group_word - what is free in all of a group
 * @s: a survivor, or a span in no group
 * @i: which 64 objects
 */
static inline uint64_t span_group_word(const struct span *s, unsigned int i)
{
	uint64_t word = s->bitmap[i];
	const struct span *a;

	for (a = s->mesh; a; a = a->next)
		word &= a->bitmap[i];
	return word;
}

/**
 * span_mesh_why_not - can spans be meshed in this process
 *
 * Return: NULL if they can, or why they cannot, a sentence's end.
 */
const char *span_mesh_why_not(void);

/**
 * span_mesh_is_due - is there, or will there soon be, what can be meshed
 */
bool span_mesh_is_due(void);

/**
 * span_mesh_begin - tell the page heap that spans are to be meshed, or not
 * @on: true if they are
 */
void span_mesh_begin(bool on);

/**
 * span_mesh_ready - is a span in a block that is cut into 4 KiB pages
 * @s: a span that may be meshed
 *
 * Return: false if it cannot be meshed before span_mesh_apart() has cut its block,
 * which it does if enough of it is to be meshed.
 */
bool span_mesh_ready(struct span *s);

/**
 * span_mesh_apart - cut one block that was found by span_mesh_ready()
 *
 * To be called without the lock.
 *
 * Return: true if there was one.
 */
bool span_mesh_apart(void);

/**
 * span_can_mesh - is a span where spans can be meshed
 * @s: the span
 *
 * The memory of a small heap, say, does not come from the module.
 */
bool span_can_mesh(const struct span *s);

/**
 * span_fit - may two spans be meshed
 * @a: a survivor, or a span in no group
 * @b: another one, of the same class
 *
 * Return: the one whose memory should go, or NULL if they may not.
 */
struct span *span_fit(struct span *a, struct span *b);

/**
 * span_batch_add - have one span's memory go, when the batch is done
 * @batch: the batch
 * @dst: the span whose memory stays
 * @src: the span whose memory goes; of a group, an alias only
 *
 * Return: false if there is no room for it.
 */
bool span_batch_add(struct span_batch *batch, struct span *dst,
		    struct span *src);

/**
 * span_batch_do - mesh all of it
 * @batch: the batch, which is empty afterwards but for @dst and @src
 * @n: out: how many of @src are aliases of their @dst now; these come first
 *
 * @src is taken out of the group it was an alias of, if any.  The counts of free
 * objects of all spans are right afterwards, and which lists they are on is the
 * caller's business.
 *
 * Return: true if any was refused for what will pass only with time (a relative by
 * fork, a pinned page).
 */
bool span_batch_do(struct span_batch *batch, unsigned int *n);

/**
 * span_unmesh - have aliases without live objects leave their groups
 * @list: aliases, linked by @prev
 * @gone: out: those that have left, linked by @next: destroy them
 * @alone: called for the survivor of each that has left
 * @arg: for @alone
 *
 * Return: those that have to stay, linked by @prev; for lack of memory, say.
 */
struct span *span_unmesh(struct span *list, struct span **gone,
			 void (*alone)(struct span *survivor, void *arg),
			 void *arg);

/**
 * span_mesh_purge - OS pages of a survivor were given back: do so for its aliases
 * @s: the survivor
 * @pages: bit n: OS page n
 */
void span_mesh_purge(struct span *s, uint32_t pages);

/**
 * span_mesh_is_valid - check what a group keeps true
 * @s: a survivor, or a span in no group
 */
bool span_mesh_is_valid(const struct span *s);

#endif /* SHIM_SPAN_MESH_H */
