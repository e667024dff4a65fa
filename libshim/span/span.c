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
#include "base/compound.h"
#include "base/error.h"
#include "pageheap/pageheap.h"
#include "base/probe.h"
#include "base/sizeclass.h"
#include "base/sys.h"
#include "pageheap/pageheap_mesh.h"
#include "span.h"
#include "span_compound.h"
#include "span_mesh.h"

#define OS_PAGE	4096u

/* The smallest size fills the bitmap exactly: 8 KiB of 16 bytes are 512. */
#define SPAN_WORDS	(sizeof(((struct span *)0)->bitmap) / 8)
_Static_assert(PAGE_SIZE / 16 == SPAN_WORDS * 64, "bitmap fits 16 bytes");

/* Words of the bitmap that there are. */
static unsigned int span_words(const struct span *s)
{
	return s->flags & SPAN_WIDE ? SPAN_WORDS : 1;
}

static unsigned int span_index(const struct span *s, const void *p)
{
	return (uint64_t)((uintptr_t)p - s->start) *
		sizeclass_info[s->sizeclass].recip >> 32;
}

static size_t random_size SHIM_BSS_ALL;	/* atomic */

void span_set_random(size_t size)
{
	__atomic_store_n(&random_size, size, __ATOMIC_RELAXED);
}

/* By the span's address, which is different in each process. */
static unsigned int random_object(const struct span *s)
{
	uint32_t hash = (uint32_t)(s->start >> PAGE_SHIFT) * 0x9e3779b1u;

	return (uint64_t)hash * s->nobjs >> 32;
}

struct span *span_make(unsigned int cls)
{
	const struct sizeclass *info = &sizeclass_info[cls];
	unsigned int left, i;
	struct span *s;

	if (info->nobjs <= 64)
		s = pageheap_alloc_short(info->npages, info->size);
	else
		s = pageheap_alloc_wide(info->npages, 1);
	if (!s)
		return NULL;
	left = s->npages * PAGE_SIZE / info->size;
	s->nobjs = (uint16_t)left;
	s->nfree = (uint16_t)left;
	for (i = 0; left >= 64; i++, left -= 64)
		s->bitmap[i] = ~(uint64_t)0;
	if (left)
		s->bitmap[i] = ((uint64_t)1 << left) - 1;
	if (info->size <= __atomic_load_n(&random_size, __ATOMIC_RELAXED))
		s->rot = (uint16_t)random_object(s);
	pagemap_set(s, cls);
	PROBE(span_make, cls, s->start);
	return s;
}

static void span_leave(struct span *s)
{
	if (s->nfree != s->nobjs || s->mesh)
		shim_bug("span_destroy: objects in use", (void *)s->start);
	PROBE(span_destroy, s->sizeclass, s->start);
	pagemap_clear(s);
	s->flags &= (uint8_t)~SPAN_COMPOUND;
}

void span_destroy(struct span *s)
{
	span_leave(s);
	pageheap_free(s);
}

void span_destroy_purged(struct span *s)
{
	span_leave(s);
	pageheap_free_purged(s);
}

/* OS pages that objects are in. */
static uint32_t pages_of(const struct span *s, void *const *objs,
			 unsigned int n)
{
	uint32_t pages = 0, size = span_size(s);
	unsigned int i;

	for (i = 0; i < n; i++) {
		unsigned int at = (unsigned int)((uintptr_t)objs[i] - s->start);

		pages |= (2u << (at + size - 1) / OS_PAGE) -
			 (1u << at / OS_PAGE);
	}
	return pages;
}

/* What was given back of the memory of objects that are taken is there again. */
static void pages_retaken(struct span *s, void *const *objs, unsigned int n)
{
	uint32_t pages = pages_of(s, objs, n) & s->purged;

	if (!pages)
		return;
	pageheap_retaken((size_t)__builtin_popcount(pages) * OS_PAGE);
	s->purged &= (uint16_t)~pages;
}

/* Take out of a span that begins with its first object and is in no group. */
static unsigned int take_first(struct span *s, void **objs, unsigned int n)
{
	size_t size = span_size(s);
	uintptr_t base = s->start;
	unsigned int got = 0, i;

	for (i = 0; got < n && i * 64u < s->nobjs; i++, base += 64 * size) {
		uint64_t bits = s->bitmap[i];
		uintptr_t p;

		if (!bits)
			continue;
		/* one piece, as in a new span: no look at each */
		if (!(bits & (bits + (bits & -bits)))) {
			unsigned int from = (unsigned int)__builtin_ctzll(bits);
			unsigned int to = 64 - (unsigned int)__builtin_clzll(bits);

			if (to - from > n - got)
				to = from + n - got;
			bits = to < 64 ? bits >> to << to : 0;
			for (p = base + size * from; from < to; from++, p += size)
				objs[got++] = (void *)p;
		} else {
			for (; bits && got < n; bits &= bits - 1)
				objs[got++] = (void *)(base + size *
					(unsigned int)__builtin_ctzll(bits));
		}
		s->bitmap[i] = bits;
	}
	return got;
}

/* The same of one that is meshed, or may be. */
static unsigned int take_rotated(struct span *s, void **objs, unsigned int n)
{
	unsigned int words = (s->nobjs + 63u) / 64, i = s->rot / 64, k;
	uint64_t from = ~(uint64_t)0 << (s->rot % 64);
	uintptr_t size = span_size(s);
	unsigned int got = 0;

	/* the word with which it begins is also the last, for what is below */
	for (k = 0; k <= words && got < n; k++, from = ~(uint64_t)0) {
		uint64_t bits = span_group_word(s, i) & from, left = bits;

		while (left && got < n) {
			unsigned int bit = __builtin_ctzll(left);

			left &= left - 1;
			objs[got++] = (void *)(s->start + size * (i * 64 + bit));
		}
		s->bitmap[i] &= ~(bits ^ left);
		if (++i == words)
			i = 0;
	}
	return got;
}

unsigned int span_take(struct span *s, void **objs, unsigned int n)
{
	unsigned int got;

	if (__builtin_expect(s->rot || s->mesh, 0))
		got = take_rotated(s, objs, n);
	else
		got = take_first(s, objs, n);
	s->nfree -= (uint16_t)got;
	if (__builtin_expect(s->purged, 0))
		pages_retaken(s, objs, got);
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
	if (idx >= s->nobjs || s->start + (uintptr_t)idx * span_size(s) !=
	    (uintptr_t)p)
		return SPAN_INTERIOR;
	if (s->bitmap[idx / 64] >> (idx % 64) & 1)
		return SPAN_DOUBLE;
	if (span_is_mixed(s) && compound_is_tail(s, idx))
		return SPAN_INTERIOR;
	return SPAN_OK;
}

unsigned int span_put_few(struct span *s, unsigned int cls, void *const *objs,
			  unsigned int n)
{
	uint64_t size = sizeclass_info[cls].size, recip = sizeclass_info[cls].recip;
	uint64_t start = s->start, nobjs = s->nobjs;
	unsigned int i;

	if (__builtin_expect(s->sizeclass != cls || s->state != SPAN_INUSE ||
			     (s->flags & SPAN_ALIAS), 0))
		return 0;
	for (i = 0; i < n; i++) {
		uint64_t off = (uintptr_t)objs[i] - start;
		uint64_t idx = off * recip >> 32, word;

		/* what is far away has no such index that leads back to it */
		if (__builtin_expect(idx >= nobjs || idx * size != off, 0))
			break;
		word = s->bitmap[idx / 64];
		if (__builtin_expect(word >> (idx % 64) & 1, 0))
			break;
		s->bitmap[idx / 64] = word | (uint64_t)1 << (idx % 64);
	}
	s->nfree = (uint16_t)(s->nfree + i);
	return i;
}

/* Set @n bits of a bitmap from @i on; false if nothing was done, as one is set. */
static bool bits_put(uint64_t *word, unsigned int i, unsigned int n)
{
	unsigned int w = i / 64, z = (i + n - 1) / 64, k;
	uint64_t first = ~(uint64_t)0 << (i % 64), some = 0;
	uint64_t last = ~(uint64_t)0 >> (63 - (i + n - 1) % 64);

	if (w == z) {
		if (word[w] & first & last)
			return false;
		word[w] |= first & last;
		return true;
	}
	for (k = w + 1; k < z; k++)
		some |= word[k];
	if ((word[w] & first) | some | (word[z] & last))
		return false;
	word[w] |= first;
	for (k = w + 1; k < z; k++)
		word[k] = ~(uint64_t)0;
	word[z] |= last;
	return true;
}

/* How many of @objs lie @step behind the one before? */
static unsigned int run_of(void *const *objs, unsigned int n, uintptr_t step)
{
	uintptr_t p = (uintptr_t)objs[0];
	unsigned int k;

	for (k = 1; k < n && (uintptr_t)objs[k] == p + step; k++)
		p += step;
	return k;
}

/*
 * Put back, as one, the first of @objs that lie in a row, upwards or downwards, from
 * object @idx on; the second one lies beside the first.  What was allocated in a row
 * often is freed in a row.
 *
 * Return: how many; 0 if something is wrong.
 */
static unsigned int put_row(struct span *s, void *const *objs, unsigned int n,
			    unsigned int idx, uintptr_t size)
{
	uintptr_t step = (uintptr_t)objs[1] - (uintptr_t)objs[0];
	unsigned int k;

	k = run_of(objs, n, step);
	if (step != size) {
		if (k > idx + 1)
			return 0;
		idx -= k - 1;
	} else if (k > s->nobjs - idx) {
		return 0;
	}
	return bits_put(s->bitmap, idx, k) ? k : 0;
}

unsigned int span_put(struct span *s, void *const *objs, unsigned int n,
		      enum span_error *err)
{
	unsigned int nobjs = s->state == SPAN_INUSE ? s->nobjs : 0, row, i;
	const struct sizeclass *info = span_info(s);
	uint64_t size = info->size, recip = info->recip;

	for (i = 0; i < n; i += row) {
		uint64_t off = (uintptr_t)objs[i] - s->start;
		uint64_t idx = off * recip >> 32, word;

		/* what is far away has no such index that leads back to it */
		if (__builtin_expect(idx >= nobjs || idx * size != off, 0))
			break;
		row = 0;
		if (i + 1 < n && span_is_row(objs + i, size))
			row = put_row(s, objs + i, n - i, (unsigned int)idx, size);
		if (row)
			continue;
		word = s->bitmap[idx / 64];
		if (__builtin_expect(word >> (idx % 64) & 1, 0))
			break;
		s->bitmap[idx / 64] = word | (uint64_t)1 << (idx % 64);
		row = 1;
	}
	s->nfree += i;
	*err = i < n ? span_check(s, objs[i]) : SPAN_OK;
	return i;
}

/* Are all objects that touch this OS page free, in all of the group? */
static bool page_is_free(const struct span *s, unsigned int page)
{
	unsigned int size = span_size(s), i = page * OS_PAGE / size;
	unsigned int last = ((page + 1) * OS_PAGE - 1) / size;

	if (last >= s->nobjs)
		last = s->nobjs - 1u;
	for (; i <= last; i++)
		if (!(span_group_word(s, i / 64) >> (i % 64) & 1))
			return false;
	return true;
}

size_t span_purge(struct span *s, bool *refused)
{
	unsigned int n = s->npages * (PAGE_SIZE / OS_PAGE), i;
	uint32_t pages = 0;
	size_t bytes;

	*refused = false;
	if (s->nfree * span_size(s) < OS_PAGE || n > 16)
		return 0;
	for (i = 0; i < n; i++)
		if (!(s->purged >> i & 1) && page_is_free(s, i))
			pages |= 1u << i;
	if (!pages)
		return 0;
	bytes = pageheap_purge(s, pages);
	*refused = !bytes;
	if (!bytes)
		return 0;
	s->purged |= (uint16_t)pages;
	if (s->mesh)
		span_mesh_purge(s, pages);
	return bytes;
}

bool span_is_valid(const struct span *s)
{
	uintptr_t last = s->start + (uintptr_t)s->npages * PAGE_SIZE - 1;
	unsigned int nfree = 0, words = span_words(s);
	unsigned int i;

	if (s->state != SPAN_INUSE || s->nfree > s->nobjs ||
	    s->nobjs > words * 64)
		return false;
	for (i = 0; i < words; i++)
		nfree += __builtin_popcountll(span_group_word(s, i));
	if (nfree != s->nfree || !span_mesh_is_valid(s))
		return false;
	for (i = s->nobjs; i < words * 64; i++)
		if (s->bitmap[i / 64] >> (i % 64) & 1)
			return false;
	return pagemap_span((void *)s->start) == s &&
	       pagemap_span((void *)last) == s;
}
