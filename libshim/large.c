// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * large: objects that are a span of their own.
 *
 * Keeps: the first page of a live large object has class PAGEMAP_LARGE, and the
 * object begins with its span.  A span belongs to whoever has the object, so
 * no lock is needed here; the page heap has its own.  Called by entry.
 */
#include <stdint.h>

#include "error.h"
#include "large.h"
#include "pageheap.h"
#include "pagemap.h"
#include "probe.h"
#include "prof.h"
#include "sizeclass.h"

/* Above this, moving pages is cheaper than copying bytes. */
#define REMAP_MIN	((size_t)256 << 10)

static size_t pages_of(size_t size)
{
	return (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

void *large_alloc(size_t size, size_t align, bool *zero)
{
	struct span *s;

	if (size > PTRDIFF_MAX || pages_of(size) > PAGEHEAP_MAX_PAGES ||
	    align >> PAGE_SHIFT > PAGEHEAP_MAX_PAGES)
		return NULL;
	s = pageheap_alloc(size ? pages_of(size) : 1, align >> PAGE_SHIFT, 0);
	if (!s)
		return NULL;
	s->bytes = size;
	*zero = s->flags & SPAN_ZERO;
	pagemap_set(s, PAGEMAP_LARGE);
	PROBE(large_alloc, size, s->start);
	return (void *)s->start;
}

/* The span of a live large object; whoever passes another pointer dies. */
static struct span *large_span(const void *p)
{
	struct span *s = pagemap_span(p);

	if (!s || s->state != SPAN_INUSE || s->sizeclass != PAGEMAP_LARGE)
		shim_die(SHIM_DIE_FOREIGN, p, 0);
	if (s->start != (uintptr_t)p)
		shim_die(SHIM_DIE_INTERIOR, p, 0);
	return s;
}

void large_sampled(void *p, struct prof_stack *stack)
{
	struct span *s = large_span(p);

	s->bitmap[0] = (uintptr_t)stack;
	s->flags |= SPAN_SAMPLED;
}

static struct prof_stack *large_stack(const struct span *s)
{
	return (struct prof_stack *)(uintptr_t)s->bitmap[0];
}

void large_free(void *p)
{
	struct span *s = large_span(p);

	if (s->flags & SPAN_SAMPLED)
		prof_drop(large_stack(s), s->bytes);
	PROBE(large_free, s->bytes, s->start);
	pagemap_clear(s);
	pageheap_free(s);
}

void *large_resize(void *p, size_t size)
{
	struct span *s = large_span(p);
	size_t npages = pages_of(size);
	bool done = npages == s->npages;

	if (size > PTRDIFF_MAX || npages > PAGEHEAP_MAX_PAGES)
		return NULL;
	if (!done) {
		pagemap_clear(s);
		done = pageheap_resize(s, npages);
		if (!done && size > s->bytes && s->bytes >= REMAP_MIN)
			done = pageheap_remap_grow(s, npages);
		pagemap_set(s, PAGEMAP_LARGE);
	}
	if (!done)
		return NULL;
	if (s->flags & SPAN_SAMPLED)
		prof_resize(large_stack(s), s->bytes, size);
	s->bytes = size;
	return (void *)s->start;
}

size_t large_size(const void *p)
{
	return (size_t)large_span(p)->npages * PAGE_SIZE;
}

size_t large_reclaim(size_t keep)
{
	return pageheap_trim(keep);
}
