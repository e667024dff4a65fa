// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * span: the objects of one run of pages.
 *
 * Keeps true: nfree is the number of set bits; a bit is set exactly while its
 * object is in no cache and not allocated.  For the lock see span.h.  Called by
 * central only.
 *
 * A span passes through these states and no others:
 *
 *   none --span_make--> free objects --span_take--> mixed --span_put--> ...
 *     ^                     |
 *     +----span_destroy-----+     only with every object free
 */
#include "base/error.h"
#include "pageheap/pageheap.h"
#include "base/probe.h"
#include "base/sizeclass.h"
#include "span.h"

#define OS_PAGE	4096u

/* The smallest size fills the bitmap exactly: 8 KiB of 16 bytes are 512. */
#define SPAN_WORDS	(sizeof(((struct span *)0)->bitmap) / 8)
_Static_assert(PAGE_SIZE / 16 == SPAN_WORDS * 64, "bitmap fits 16 bytes");

static unsigned int span_index(const struct span *s, const void *p)
{
	return (uint64_t)((uintptr_t)p - s->start) * s->recip >> 32;
}

struct span *span_make(unsigned int cls)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	unsigned int left = info->nobjs;
	unsigned int i;
	struct span *s;

	s = pageheap_alloc(info->npages, 1);
	if (!s)
		return NULL;
	s->nobjs = info->nobjs;
	s->nfree = info->nobjs;
	s->size = info->size;
	s->recip = info->recip;
	for (i = 0; left >= 64; i++, left -= 64)
		s->bitmap[i] = ~(uint64_t)0;
	if (left)
		s->bitmap[i] = ((uint64_t)1 << left) - 1;
	pagemap_set(s, cls);
	PROBE(span_make, cls, s->start);
	return s;
}

void span_destroy(struct span *s)
{
	if (s->nfree != s->nobjs)
		shim_bug("span_destroy: objects in use", (void *)s->start);
	PROBE(span_destroy, s->sizeclass, s->start);
	pagemap_clear(s);
	pageheap_free(s);
}

unsigned int span_take(struct span *s, void **objs, unsigned int n)
{
	unsigned int words = (s->nobjs + 63u) / 64;
	unsigned int got = 0;
	unsigned int i;

	for (i = 0; i < words && got < n; i++) {
		uint64_t bits = s->bitmap[i];

		while (bits && got < n) {
			unsigned int bit = __builtin_ctzll(bits);

			bits &= bits - 1;
			objs[got++] = (void *)(s->start + (uintptr_t)s->size *
					       (i * 64 + bit));
		}
		s->bitmap[i] = bits;
	}
	s->nfree -= got;
	if (s->purged) {
		pageheap_retaken((unsigned int)__builtin_popcount(s->purged) *
				 OS_PAGE);
		s->purged = 0;
	}
	return got;
}

enum span_error span_check(const struct span *s, const void *p)
{
	unsigned int idx;

	/* A large span, or one that is not in use, has no objects to check. */
	if (!s || s->state != SPAN_INUSE || !s->nobjs)
		return SPAN_FOREIGN;
	if ((uintptr_t)p - s->start >= (uintptr_t)s->npages * PAGE_SIZE)
		return SPAN_FOREIGN;
	idx = span_index(s, p);
	if (idx >= s->nobjs || s->start + (uintptr_t)idx * s->size !=
	    (uintptr_t)p)
		return SPAN_INTERIOR;
	if (s->bitmap[idx / 64] >> (idx % 64) & 1)
		return SPAN_DOUBLE;
	return SPAN_OK;
}

unsigned int span_put(struct span *s, void *const *objs, unsigned int n,
		      enum span_error *err)
{
	size_t bytes = s->state == SPAN_INUSE ?
		       (size_t)s->npages * PAGE_SIZE : 0;
	unsigned int nobjs = s->nobjs, i;
	uint64_t size = s->size, recip = s->recip;

	for (i = 0; i < n; i++) {
		uint64_t off = (uintptr_t)objs[i] - s->start;
		uint64_t idx = off * recip >> 32, bit;

		if (__builtin_expect(off >= bytes || idx >= nobjs ||
				     idx * size != off, 0))
			break;
		bit = (uint64_t)1 << (idx % 64);
		if (__builtin_expect(s->bitmap[idx / 64] & bit, 0))
			break;
		s->bitmap[idx / 64] |= bit;
	}
	s->nfree += i;
	*err = i < n ? span_check(s, objs[i]) : SPAN_OK;
	return i;
}

/* Are all objects that touch this OS page free? */
static bool page_is_free(const struct span *s, unsigned int page)
{
	unsigned int i = page * OS_PAGE / s->size;
	unsigned int last = ((page + 1) * OS_PAGE - 1) / s->size;

	if (last >= s->nobjs)
		last = s->nobjs - 1u;
	for (; i <= last; i++)
		if (!(s->bitmap[i / 64] >> (i % 64) & 1))
			return false;
	return true;
}

size_t span_purge(struct span *s)
{
	unsigned int n = s->npages * (PAGE_SIZE / OS_PAGE), i;
	uint32_t pages = 0;
	size_t bytes;

	if (s->nfree * s->size < OS_PAGE || n > 16)
		return 0;
	for (i = 0; i < n; i++)
		if (!(s->purged >> i & 1) && page_is_free(s, i))
			pages |= 1u << i;
	if (!pages)
		return 0;
	bytes = pageheap_purge(s, pages);
	if (bytes)
		s->purged |= (uint16_t)pages;
	return bytes;
}

bool span_is_valid(const struct span *s)
{
	uintptr_t last = s->start + (uintptr_t)s->npages * PAGE_SIZE - 1;
	unsigned int nfree = 0;
	unsigned int i;

	if (s->state != SPAN_INUSE || s->nfree > s->nobjs)
		return false;
	for (i = 0; i < SPAN_WORDS; i++)
		nfree += __builtin_popcountll(s->bitmap[i]);
	if (nfree != s->nfree)
		return false;
	for (i = s->nobjs; i < SPAN_WORDS * 64; i++)
		if (s->bitmap[i / 64] >> (i % 64) & 1)
			return false;
	return pagemap_span((void *)s->start) == s &&
	       pagemap_span((void *)last) == s;
}
