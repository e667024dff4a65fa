// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_keep: large spans that a CPU keeps.
 *
 * Of each length up to 256 KiB a CPU keeps at most one, for the next request
 * of that length: its address, as that is all that malloc() and free() need to
 * know.  Of longer ones, up to 1 MiB, it keeps a span of four lengths, for its own or
 * a shorter one of them, if spans are freed faster than they could be written.  All
 * places are closed at first: large keeps what is freed, for all CPUs behind one lock,
 * and marks the span of which it was asked for again.  When such a span is freed, the
 * CPU opens its place of that length, if large grants it the pages.  So a length that
 * nobody uses by turns takes none.
 *
 * Keeps true: the lengths of the open places have been granted by large; what is
 * in them is hidden in the page map, and the longer spans are SPAN_KEPT.
 * What is more than 512 KiB goes before this CPU makes the heap larger.  Whoever takes
 * spans out in this file owns the slab.  Called by the other files of the cache, by
 * entry, and by large, which asks for the spans when a request finds none of its
 * length.
 */
#include "percpu_int.h"
#include "span/large.h"

_Static_assert(PERCPU_KEPT <= LARGE_ASK, "room for one of each length");

/**
 * kept_is_deep - may a CPU keep more than it should while the heap grows
 * @slab: any slab; racy if it is attached, and only a hint
 */
bool kept_is_deep(const struct percpu_slab *slab)
{
	return slab->kept_pages > LARGE_GRANT_PAGES;
}

static void kept_open(struct percpu_slab *slab, unsigned int k)
{
	slab->kept[k] = SLAB_KEPT_NONE;
	slab->kept_idle &= ~((uint64_t)1 << k);
	slab->kept_pages += slab_kept_pages(k);
	if (kept_is_deep(slab))
		__atomic_store_n(&percpu_hot.deep, true, __ATOMIC_RELAXED);
}

static bool kept_is_open(const struct percpu_slab *slab, unsigned int k)
{
	return slab->kept[k];
}

/*
 * What is in a full place.  Of what two threads have freed at one moment the other one
 * may be in use again, or gone.
 */
static struct span *kept_span(const struct percpu_slab *slab, unsigned int k)
{
	void *p = (void *)slab->kept[k];
	struct span *s;

	if (k >= PERCPU_KEPT_EXACT)
		return p;
	s = pagemap_span(p);
	if (!large_is_at(s, p) || pagemap_class(p) != PAGEMAP_NONE)
		shim_die(SHIM_DIE_DOUBLE, p, 0);
	return s;
}

/* Put a span in an open place that is empty. */
static void kept_put(struct percpu_slab *slab, unsigned int k, struct span *s)
{
	uintptr_t p = (uintptr_t)s;

	if (k < PERCPU_KEPT_EXACT) {
		/* as it will be an object again without a look at its record */
		s->bytes = s->npages * PAGE_SIZE;
		__atomic_store_n(&s->state, SPAN_INUSE, __ATOMIC_RELAXED);
		p = s->start;
		slab->kept_at[k] = pagemap_class_at(p);
	}
	slab->kept[k] = p;
}

/**
 * kept_take - close places
 * @slab: a slab that the caller owns exclusively
 * @which: bits of the lengths
 * @span: out: the spans that were in them; room for PERCPU_KEPT
 *
 * Return: how many spans, for large_give().
 */
unsigned int kept_take(struct percpu_slab *slab, uint64_t which,
		       struct span **span)
{
	unsigned int k, n = 0;

	for (k = 0; k < PERCPU_KEPT; k++) {
		if (!(which >> k & 1) || !kept_is_open(slab, k))
			continue;
		if (slab_keeps(slab, k))
			span[n++] = kept_span(slab, k);
		slab->kept[k] = 0;
		slab->kept_pages -= slab_kept_pages(k);
		large_revoke(slab_kept_pages(k));
	}
	return n;
}

/* The lengths of which there is a span. */
static uint64_t kept_full(const struct percpu_slab *slab)
{
	uint64_t full = 0;
	unsigned int k;

	for (k = 0; k < PERCPU_KEPT; k++)
		full |= (uint64_t)slab_keeps(slab, k) << k;
	return full;
}

/* Close some places, and give the spans back.  Most processes never come here. */
static __attribute__((noinline)) void kept_close(struct percpu_slab *slab,
						 uint64_t which)
{
	struct span *span[PERCPU_KEPT];

	large_give(span, kept_take(slab, which, span));
}

/**
 * kept_empty - close all places, and give the spans back
 * @slab: a slab that the caller owns exclusively
 */
void kept_empty(struct percpu_slab *slab)
{
	kept_close(slab, KEPT_ALL);
}

/**
 * kept_trim_idle - the same with those that were full at the last call, too
 * @slab: a slab that the caller owns exclusively
 *
 * One that is in use may be full by chance each time: the next span of its
 * length opens it again.
 */
void kept_trim_idle(struct percpu_slab *slab)
{
	uint64_t idle = kept_full(slab) & slab->kept_idle;

	if (idle)
		kept_close(slab, idle);
	slab->kept_idle = kept_full(slab);
}

/**
 * kept_take_here - close all places of this CPU
 * @span: out: the spans; room for LARGE_ASK
 *
 * For large_ask().
 *
 * Return: how many spans.
 */
unsigned int kept_take_here(struct span **span)
{
	struct percpu_own own;
	unsigned int n;

	if (!percpu.rseq || rseq_cpu(percpu_hot.rseq_off) < 0 ||
	    !own_begin(&own))
		return 0;
	n = kept_take(own.slab, KEPT_ALL, span);
	own_end(&own);
	return n;
}

struct span *percpu_take_long(size_t k)
{
	struct span *s;
	uint8_t *at;
	void *p;

	if (!rseq_take(percpu_hot.rseq_off, percpu_hot.slab,
		       PERCPU_KEPT_CLASS + slab_kept_index(k), &p, &at))
		return NULL;
	s = p;
	if (s->npages >= PERCPU_KEPT_MIN + k)
		return s;
	/* make room for the longer one */
	large_keep(s);
	return NULL;
}

/*
 * Open the place of a length that is new to this CPU, and put a span there.
 * Where large grants no more, lengths whose spans nobody uses now make room.
 */
static bool kept_begin(struct span *s, unsigned int k)
{
	bool alone = __atomic_load_n(&percpu.limit, __ATOMIC_RELAXED) <= 1;
	unsigned int npages = slab_kept_pages(k), n = 0;
	struct span *old[PERCPU_KEPT];
	struct percpu_own own;
	bool open, done = false;

	if (rseq_cpu(percpu_hot.rseq_off) < 0 || !own_here() ||
	    !own_begin(&own))
		return false;
	open = kept_is_open(own.slab, k) || large_grant(npages, alone);
	if (!open) {
		n = kept_take(own.slab, kept_full(own.slab), old);
		open = large_grant(npages, alone);
	}
	if (open && !kept_is_open(own.slab, k))
		kept_open(own.slab, k);
	if (open && !slab_keeps(own.slab, k)) {
		kept_put(own.slab, k, s);
		done = true;
	}
	own_end(&own);
	if (n)
		large_give(old, n);
	return done;
}

bool percpu_keep_new(struct span *s)
{
	size_t k = s->npages - PERCPU_KEPT_MIN;

	if (k >= percpu_hot.long_max)
		return false;
	if (k >= PERCPU_KEPT_EXACT &&
	    rseq_keep(percpu_hot.rseq_off, percpu_hot.slab,
		      PERCPU_KEPT_CLASS + slab_kept_index(k), s, NULL))
		return true;
	if (!(s->flags & SPAN_AGAIN))
		return false;
	/* who writes all of it does not notice the lock */
	if (k >= PERCPU_KEPT_EXACT && !large_unwritten())
		return false;
	return kept_begin(s, (unsigned int)slab_kept_index(k));
}
