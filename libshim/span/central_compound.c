// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * central_compound: small requests from the holes of other classes' spans.
 *
 * Where the sizes in use change, the spans of those that went out of use thin out,
 * but few of them empty, and the heap grows for the new sizes beside them.  So,
 * before it grows, what lies free side by side in thin spans is used: see
 * base/compound.h.  glibc's malloc() does the same in all of its memory, by joining
 * neighbours; here it is what is done when there is nothing better, because such
 * objects leave by the slow path of free().
 *
 * Each class may be a *donor*.  Its spans are visited from the emptiest on, each
 * once; after that the class is left alone for requests that found nothing, until
 * an eighth more of it is free, or a 16th for long objects.
 *
 * A donor's lock is taken with no other one held.  Called by central.
 */
#include "base/compound.h"
#include "base/lock.h"
#include "base/node.h"
#include "base/sizeclass.h"
#include "base/sys.h"
#include "base/usage.h"
#include "central_compound.h"
#include "central_int.h"
#include "span.h"
#include "span_compound.h"

/* Below this a heap's holes are not worth a look at each class. */
#define HEAP_BYTES	((size_t)1 << 20)
/* Below this a donor's holes are not worth a look at each span. */
#define DONOR_BYTES	((size_t)64 << 10)
/*
 * A quarter of a donor must be free, and of a span.  Of a donor an eighth will do for
 * objects of 512 bytes and more: what it costs that they leave by the slow path is
 * little beside what it takes to write them.
 */
#define DONOR_PART	4u
#define DONOR_PART_LONG	8u
#define SIZE_LONG	512u
#define DONOR_LISTS	(NR_LISTS - NR_LISTS / 4)
/* Spans looked at while the lock is held: 10 us. */
#define DONOR_LOOKS	256u
/* Donors that one request asks. */
#define DONORS		4u
/* So many spans are made without a look, after one that found nothing better. */
#define DONOR_REST	8u
/* The largest that holes are searched for. */
#define SIZE_MAX_HOLE	8192u

/**
 * struct donor - what has been tried with a class's spans; its lock protects it
 * @at: the last span looked at
 * @list: the list it was on
 * @size: what is this large, or larger, found nothing
 * @nfree: free slots of the class when that was so; atomic, as @size is
 * @rest: as one that asks: spans that are made before it does so again; atomic, and
 *	two threads may count as one
 */
struct donor {
	struct span *at;
	uint32_t list;
	uint32_t size;
	size_t nfree;
	uint32_t rest;
};

#define NR_DONORS	(SIZECLASS_COUNT + 1u)

/* Of each node, as a look does not leave it; @rest is node 0's. */
static struct donor donors[NODES * NR_DONORS] SHIM_BSS_LARGE;
static struct central_compound_stat stat;	/* atomic */
static bool off;				/* atomic */

void central_compound_enable(bool on)
{
	__atomic_store_n(&off, !on, __ATOMIC_RELAXED);
}

static struct donor *donor_here(unsigned int donor)
{
	return &donors[node_here() * NR_DONORS + donor];
}

/* Slots of a class that an object of @size takes; 0: more than half would be lost. */
static unsigned int slots_for(unsigned int donor, size_t size)
{
	const struct sizeclass *info = &sizeclass_info[donor];
	unsigned int n = (unsigned int)((size - 1) / info->size) + 1;

	if (n > COMPOUND_SLOTS || n * 2 > info->nobjs + 1u ||
	    n * (size_t)info->size > 2 * size)
		return 0;
	return n;
}

/* Bytes of holes that may serve a request, 0 if it is not worth it. No lock held. */
static size_t donor_bytes(unsigned int donor, size_t size)
{
	const struct sizeclass *info = &sizeclass_info[donor];
	const struct central *c = &central[donor];
	const struct donor *d = donor_here(donor);
	unsigned int part = size < SIZE_LONG ? DONOR_PART : DONOR_PART_LONG;
	size_t nfree = __atomic_load_n(&c->nfree, __ATOMIC_RELAXED);
	size_t was = __atomic_load_n(&d->nfree, __ATOMIC_RELAXED);

	if (nfree * info->size < DONOR_BYTES ||
	    nfree * part < __atomic_load_n(&c->slots, __ATOMIC_RELAXED))
		return 0;
	if (was && size >= __atomic_load_n(&d->size, __ATOMIC_RELAXED) &&
	    nfree < was + was / (2 * part))
		return 0;
	return slots_for(donor, size) ? nfree * info->size : 0;
}

/*
 * The donor with most holes of those not in @tried, 0 if there is none; *@bytes:
 * what all of these have.
 */
static unsigned int best_donor(unsigned int cls, uint64_t tried, size_t *bytes)
{
	size_t size = sizeclass_info[cls].size, most = 0, b;
	unsigned int donor, best = 0;

	*bytes = 0;
	for (donor = 1; donor <= SIZECLASS_COUNT; donor++) {
		if (donor == cls || tried >> donor & 1)
			continue;
		b = donor_bytes(donor, size);
		*bytes += b;
		if (b > most) {
			most = b;
			best = donor;
		}
	}
	return best;
}

static bool may_give(const struct span *s)
{
	return !s->mesh && s->state == SPAN_INUSE;
}

/* Does the last look at a donor go on where it ended? */
static bool goes_on(const struct central *c, const struct donor *d, uint32_t list)
{
	const struct span *s = d->at;

	return s && s->state == SPAN_INUSE && s->sizeclass == c - central &&
	       s->list == list;
}

/* From one donor. Lock held. */
static unsigned int take(struct central *c, struct donor *d, size_t size,
			 size_t align, void **objs, unsigned int n)
{
	unsigned int slots = slots_for((unsigned int)(c - central), size);
	unsigned int got = 0, more, looks = 0;
	struct span *s, *next, *prev;

	shim_lock_assert(&c->lock);
	for (; d->list < DONOR_LISTS; d->list++, d->at = NULL) {
		uint32_t list = NR_LISTS * node_here() + d->list;

		s = goes_on(c, d, list) ? d->at->next : *central_head(c, list);
		for (; s && got < n && looks < DONOR_LOOKS; s = next, looks++) {
			bool mixed = span_is_mixed(s);

			next = s->next;
			prev = s->prev;
			d->at = s;
			more = may_give(s) ? span_compound_take(s, slots, align,
								objs + got,
								n - got) : 0;
			if (!more)
				continue;
			if (!mixed)
				__atomic_fetch_add(&stat.spans, 1,
						   __ATOMIC_RELAXED);
			got += more;
			c->nfree -= more * slots;
			/* it may have more, or be on another list now */
			d->at = prev;
			central_list_update(c, s);
		}
		if (got == n || looks == DONOR_LOOKS)
			break;
	}
	__atomic_fetch_add(&stat.looks, looks, __ATOMIC_RELAXED);
	if (d->list < DONOR_LISTS)
		return got;
	/* all of them have been looked at */
	d->list = 0;
	__atomic_store_n(&d->size, (uint32_t)size, __ATOMIC_RELAXED);
	__atomic_store_n(&d->nfree, c->nfree + 1, __ATOMIC_RELAXED);
	return got;
}

bool central_compound_is_due(unsigned int cls)
{
	uint32_t rest;

	if (pageheap_usage() < HEAP_BYTES ||
	    sizeclass_info[cls].size > SIZE_MAX_HOLE ||
	    __atomic_load_n(&off, __ATOMIC_RELAXED))
		return false;
	rest = __atomic_load_n(&donors[cls].rest, __ATOMIC_RELAXED);
	if (rest)
		__atomic_store_n(&donors[cls].rest, rest - 1, __ATOMIC_RELAXED);
	return !rest;
}

unsigned int central_compound_get(unsigned int cls, void **objs, unsigned int n)
{
	size_t spare = pageheap_spare(), align = compound_align(cls), bytes;
	const struct sizeclass *info = &sizeclass_info[cls];
	unsigned int donor = best_donor(cls, 0, &bytes), got = 0, i;
	uint64_t tried = 0;
	struct central *c;

	/* free pages first, unless they are few beside the holes */
	if (spare >= info->npages * PAGE_SIZE && spare >= bytes)
		donor = 0;
	for (i = 0; donor && i < DONORS; i++) {
		c = &central[donor];
		shim_lock_acquire(&c->lock);
		got += take(c, donor_here(donor), info->size, align, objs + got,
			    n - got);
		shim_lock_release(&c->lock);
		if (got == n)
			break;
		tried |= (uint64_t)1 << donor;
		donor = best_donor(cls, tried, &bytes);
	}
	if (got)
		__atomic_fetch_add(&stat.objects, got, __ATOMIC_RELAXED);
	else
		__atomic_store_n(&donors[cls].rest, DONOR_REST,
				 __ATOMIC_RELAXED);
	return got;
}

unsigned int central_compound_put(struct central *c, struct span *s,
				  void *const *objs, unsigned int n,
				  struct span **dead, enum span_error *err)
{
	uint16_t nfree = s->nfree;
	unsigned int done;

	shim_lock_assert(&c->lock);
	done = span_compound_put(s, objs, n, err);
	c->nfree += (uint16_t)(s->nfree - nfree);
	if (s->nfree == s->nobjs)
		central_span_dies(c, s, dead);
	else
		central_list_update(c, s);
	return done;
}

void central_compound_get_stat(struct central_compound_stat *st)
{
	st->spans = __atomic_load_n(&stat.spans, __ATOMIC_RELAXED);
	st->objects = __atomic_load_n(&stat.objects, __ATOMIC_RELAXED);
	st->looks = __atomic_load_n(&stat.looks, __ATOMIC_RELAXED);
}
