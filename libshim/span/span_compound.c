// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * span_compound: objects of other sizes in a span.
 *
 * Keeps true: of a slot that is free, or the head of an object, the bit of tails is
 * clear; a slot that is a tail is not free.  For the lock see span.h.  Called by
 * central_compound.
 */
#include "base/compound.h"
#include "base/sizeclass.h"
#include "span.h"
#include "span_compound.h"

#define OS_PAGE	4096u

/* The first slot from @i on that is free, or is not, as asked for; or @s->nobjs. */
static unsigned int slot_from(const struct span *s, unsigned int i, bool is_free)
{
	uint64_t bits;

	while (i < s->nobjs) {
		bits = (is_free ? s->bitmap[i / 64] : ~s->bitmap[i / 64]) >> i % 64;
		if (bits)
			return i + (unsigned int)__builtin_ctzll(bits);
		i = (i / 64 + 1) * 64;
	}
	return s->nobjs;
}

/* Has any of these bytes no memory, since it was given back? */
static bool is_gone(const struct span *s, uintptr_t p, size_t len)
{
	unsigned int first = (unsigned int)((p - s->start) / OS_PAGE);
	unsigned int last = (unsigned int)((p + len - 1 - s->start) / OS_PAGE);

	return s->purged & ((2u << last) - (1u << first));
}

static bool mix(struct span *s)
{
	if (span_is_mixed(s))
		return true;
	if (!compound_prepare(s))
		return false;
	__atomic_store_n(&s->flags, s->flags | SPAN_COMPOUND,
			 __ATOMIC_RELAXED);
	pagemap_mix(s);
	return true;
}

unsigned int span_compound_take(struct span *s, unsigned int slots, size_t align,
				void **objs, unsigned int n)
{
	unsigned int got = 0, i, k, end;
	size_t size = span_size(s);

	for (i = slot_from(s, 0, true); i < s->nobjs && got < n;
	     i = slot_from(s, end, true)) {
		end = slot_from(s, i, false);
		for (; i + slots <= end && got < n; i++) {
			uintptr_t p = s->start + i * size;

			if (p & (align - 1) || is_gone(s, p, slots * size))
				continue;
			if (!got && !mix(s))
				return 0;
			for (k = i; k < i + slots; k++)
				s->bitmap[k / 64] &= ~((uint64_t)1 << k % 64);
			if (slots > 1)
				compound_join(s, i, slots);
			objs[got++] = (void *)p;
			i += slots - 1;
		}
	}
	s->nfree -= (uint16_t)(got * slots);
	return got;
}

unsigned int span_compound_put(struct span *s, void *const *objs, unsigned int n,
			       enum span_error *err)
{
	unsigned int i, k, at, slots;

	*err = SPAN_OK;
	for (i = 0; i < n; i++) {
		*err = span_check(s, objs[i]);
		if (*err != SPAN_OK)
			break;
		at = (unsigned int)(((uintptr_t)objs[i] - s->start) / span_size(s));
		slots = compound_slots(s, at);
		if (slots > 1)
			compound_part(s, at, slots);
		for (k = at; k < at + slots; k++)
			s->bitmap[k / 64] |= (uint64_t)1 << k % 64;
		s->nfree += (uint16_t)slots;
	}
	return i;
}
