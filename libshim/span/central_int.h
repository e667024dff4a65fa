/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * central_int: what the files of central share.
 */
#ifndef SHIM_CENTRAL_INT_H
#define SHIM_CENTRAL_INT_H

#include "base/lock.h"
#include "base/pagemap.h"
#include "base/sizeclass.h"
#include "central.h"
#include "span.h"

/*
 * Full eighths: list 7 holds spans of which more than 7/8 are in use.  Each node
 * has eight lists, node 0 the first ones.
 */
#define NR_LISTS	8
#define LIST_NONE	(NR_LISTS * NODES)
_Static_assert(LIST_NONE <= 32, "a bit for each");

/* Spans looked at while the lock is held: 40 us. */
#define CENTRAL_LOOKS	4096
/* Among objects smaller than this, hardly any page has none in use. */
#define CENTRAL_PURGE_SIZE	256
/* A flag in span.seen, above any count: it was quiet for two looks. */
#define CENTRAL_QUIET	0x8000

/**
 * struct central - the spans of one class
 * @lock: protects the rest, and every span of the class
 * @lists: bit n: list n is not empty
 * @head: spans with both free and used objects, by how full they are: node 0's, for
 *	the others' see central_head()
 * @spans: spans with memory of their own
 * @slots: objects that they have room for
 * @nfree: of these, the free ones
 * @made: spans made, ever
 * @destroyed: spans given back, ever
 * @peak: most objects in use since the last burst
 * @valley: the same, as of that burst
 * @swings: how often they came back after a burst
 * @burst: spans are being purged, from @at on
 * @wanted: see central_wants(); atomic
 * @credit: for purging in bursts, in ns
 * @at: the last span that a burst has purged
 * @at_list: the list it was on
 * @dying: a survivor has no object any more, but aliases
 * @nunused: how many are on @unused
 * @aliases: spans that have another one's memory
 * @unused: of these, the ones without a live object, linked by @prev
 * @mesh_from: with how many free objects meshing may be worth it; 0: it is off
 */
struct central {
	struct shim_lock lock;
	uint32_t lists;
	struct span *head[NR_LISTS];
	size_t spans;
	size_t slots;
	size_t nfree;
	uint64_t made;
	uint64_t destroyed;
	size_t peak;
	size_t valley;
	uint32_t swings;
	bool burst;
	bool wanted;
	int64_t credit;
	struct span *at;
	uint8_t at_list;
	bool dying;
	uint32_t nunused;
	size_t aliases;
	struct span *unused;
	size_t mesh_from;
} __attribute__((aligned(64)));

extern struct central central[SIZECLASS_COUNT + 1]
	__attribute__((visibility("hidden")));

extern struct span *central_far[SIZECLASS_COUNT + 1][LIST_NONE - NR_LISTS]
	__attribute__((visibility("hidden")));

/* The head of a list; apart from node 0's, which every process touches. */
static inline struct span **central_head(struct central *c, unsigned int list)
{
	return list < NR_LISTS ? &c->head[list] :
				 &central_far[c - central][list - NR_LISTS];
}

/* Is anything on a list?  Without the lock, a guess. */
static inline bool central_has(const struct central *c, unsigned int list)
{
	return __atomic_load_n(&c->lists, __ATOMIC_RELAXED) >> list & 1;
}

/* The list on which a span with free and used objects belongs. */
static inline unsigned int central_list_of(const struct span *s)
{
	return (unsigned int)(s->nobjs - s->nfree) * NR_LISTS / s->nobjs +
	       NR_LISTS * span_node(s);
}

/* central_list.c; the lock is held. */
void central_list_del(struct central *c, struct span *s);
void central_list_move(struct central *c, struct span *s);

/*
 * The count of a span has changed: it goes to the list where it belongs.  Its limits
 * tell that most changes leave it where it is, without a division for each object.
 */
static inline void central_list_update(struct central *c, struct span *s)
{
	if (__builtin_expect(s->nfree < s->least || s->nfree > s->most, 0))
		central_list_move(c, s);
}

/* Where a span is not on a list, it may be put on one by central_list_update(). */
static inline void central_list_renew(struct central *c, struct span *s)
{
	if (s->list != LIST_NONE)
		central_list_del(c, s);
	s->least = 1;
	s->most = 0;
	central_list_update(c, s);
}

/*
 * central_alias.c: nothing is left of a span, and of its group: take it off the
 * lists, and add it to *@dead; the lock is held.
 */
void central_span_dies(struct central *c, struct span *s, struct span **dead);

/*
 * central_alias.c: put back @n objects of an alias, which are in its bitmap
 * already; the lock is held.
 */
void central_alias_put(struct central *c, struct span *s, unsigned int n);

/*
 * central_alias.c: aliases without live objects give back what they have; the lock
 * is held.  Those that are to be destroyed, and their survivors if nothing is left
 * of these either, are added to *@gone and *@dead.
 */
void central_reap(struct central *c, struct span **gone, struct span **dead);

/* central_list.c; no lock is held: destroy spans, of which @gone have no memory. */
void central_bury(struct span *gone, struct span *dead);

/* Aliases that wait for central_reap(), at most. */
#define CENTRAL_UNUSED	32u

/* central_mesh.c: much of a class is free; no lock is held. */
void central_mesh_burst(unsigned int cls);
/* The same for @n objects that were freed: they pay for it. */
void central_mesh_earn(unsigned int cls, unsigned int n);

/*
 * central_compound.c: should holes of other classes' spans be used before a span is
 * made?  A guess, without a lock.
 */
bool central_compound_is_due(unsigned int cls);

/* The same: use them.  No lock is held.  Return: objects, 0 if there are none. */
unsigned int central_compound_get(unsigned int cls, void **objs, unsigned int n);

/*
 * The same: objects of one mixed span of the class come back; its lock is held.  The
 * span is added to *@dead if it is empty.
 * Return: how many; *@err: what is wrong with the next one, if anything.
 */
unsigned int central_compound_put(struct central *c, struct span *s,
				  void *const *objs, unsigned int n,
				  struct span **dead, enum span_error *err);

void central_mesh_fork_prepare(void);
void central_mesh_fork_parent(void);
void central_mesh_fork_child(void);

#endif /* SHIM_CENTRAL_INT_H */
