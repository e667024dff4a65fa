// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * seam: the one door through which the libraries above use the core.
 *
 * Keeps true: the pages of a span with SPAN_OWNED have class 0 in the pagemap,
 * so that free() takes none of it for an object, and the span is entered at
 * every page, or at the first one only if it is longer than an area.  The owner
 * is recorded in the part of the descriptor that central uses for its bitmap.
 *
 * No lock of its own.  Called by libshim-box, libshim-co and libshim-gc.
 */
#define SEAM_CORE
#include "entry/boot.h"
#include "entry/entry.h"
#include "entry/fork.h"
#include "pageheap/pageheap.h"
#include "pageheap/scavenger.h"
#include "base/pagemap.h"
#include "seam.h"
#include "base/sizeclass.h"
#include "entry/stat.h"

#define SEAM_EXPORT	__attribute__((visibility("default")))

/*
 * Spans in use that are longer than an area: only then inner pages need a
 * search.
 */
static uint32_t nr_long;

_Static_assert(sizeof(struct seam_span) <= sizeof(((struct span *)0)->bitmap),
	       "fits where central has its bitmap");
_Static_assert(!(PAGE_SHIFT - SEAM_PAGE_SHIFT) &&
	       !(BLOCK_SIZE - SEAM_BLOCK_SIZE), "seam.h knows the sizes");
_Static_assert((int)SEAM_LAYERS == (int)FORK_LAYERS &&
	       (int)SEAM_LAYERS == (int)BOOT_LAYERS &&
	       (int)SEAM_LAYERS == (int)STAT_LAYERS, "a slot for each");
_Static_assert(sizeof(struct seam_stat) == sizeof(struct stat_extra) &&
	       offsetof(struct seam_stat, value) ==
	       offsetof(struct stat_extra, value), "one layout");

static struct seam_span *seam_of(struct span *s)
{
	return (struct seam_span *)(void *)s->bitmap;
}

static struct span *span_of(struct seam_span *span)
{
	return (struct span *)(void *)((char *)span -
				       offsetof(struct span, bitmap));
}

static void boot(void)
{
	if (unlikely(!__atomic_load_n(&entry_ready, __ATOMIC_ACQUIRE)))
		entry_first();
}

SEAM_EXPORT uint32_t seam_version(void)
{
	return SEAM_VERSION;
}

SEAM_EXPORT struct seam_span *seam_span_get(size_t npages, size_t align,
					    const struct seam_owner *owner,
					    void *data, bool *zero)
{
	struct seam_span *span;
	struct span *s;

	if (!npages || npages > PAGEHEAP_MAX_PAGES ||
	    align > PAGEHEAP_MAX_PAGES)
		return NULL;
	boot();
	entry_look(npages << PAGE_SHIFT);
	s = pageheap_alloc_wide(npages, align);
	if (!s) {
		entry_reclaim();
		s = pageheap_alloc_wide(npages, align);
		if (!s)
			return NULL;
	}
	if (zero)
		*zero = s->flags & SPAN_ZERO;
	span = seam_of(s);
	span->owner = owner;
	span->data = data;
	span->start = s->start;
	span->bytes = npages << PAGE_SHIFT;
	/* release: a thread that finds the span by a page sees its owner */
	__atomic_store_n(&s->flags, SPAN_OWNED | SPAN_WIDE, __ATOMIC_RELEASE);
	if (npages <= AREA_PAGES) {
		pagemap_set(s, PAGEMAP_NONE);
	} else {
		__atomic_fetch_add(&nr_long, 1, __ATOMIC_RELAXED);
		pagemap_set(s, PAGEMAP_LARGE);
		pagemap_hide(s->start);
	}
	return span;
}

SEAM_EXPORT void seam_span_put(struct seam_span *span)
{
	struct span *s = span_of(span);

	pagemap_clear(s);
	if (s->sizeclass == PAGEMAP_LARGE)
		__atomic_fetch_sub(&nr_long, 1, __ATOMIC_RELAXED);
	s->flags = SPAN_WIDE;
	pageheap_free(s);
}

SEAM_EXPORT struct seam_span *seam_span_of(const void *p)
{
	struct span *s = pagemap_span(p);

	if (!s && unlikely(__atomic_load_n(&nr_long, __ATOMIC_RELAXED)))
		s = pagemap_owner(p);
	/* acquire: pairs with the release in seam_span_get() */
	if (!s || !(__atomic_load_n(&s->flags, __ATOMIC_ACQUIRE) & SPAN_OWNED))
		return NULL;
	return seam_of(s);
}

SEAM_EXPORT size_t seam_good_size(size_t size)
{
	size += !size;
	if (size <= SIZECLASS_MAX)
		return sizeclass_info[sizeclass_of(size)].size;
	if (size > PTRDIFF_MAX)
		return size;
	return (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

SEAM_EXPORT void seam_usage(struct seam_usage *u)
{
	struct pageheap_stat st;

	boot();
	pageheap_get_stat(&st);
	u->bytes = pageheap_usage();
	u->free = st.free;
	u->limit = st.limit;
	u->left = pageheap_left(&u->over);
	u->pressure = pageheap_pressure();
}

SEAM_EXPORT void seam_look(void)
{
	boot();
	entry_look_now(0);
}

SEAM_EXPORT void seam_stat_register(enum seam_layer layer,
				    const struct seam_stat *stat,
				    unsigned int nr)
{
	if (nr <= SEAM_STAT_MAX)
		stat_register(layer, (const struct stat_extra *)stat, nr);
}

SEAM_EXPORT void seam_on_fork(enum seam_layer layer,
			      const struct seam_fork *ops)
{
	boot();
	fork_on(layer, ops->prepare, ops->parent, ops->child);
}

SEAM_EXPORT void seam_on_idle(enum seam_layer layer, void (*fn)(void))
{
	boot_on_idle(layer, fn);
}

SEAM_EXPORT bool seam_has_time(void)
{
	return scavenger_has_time();
}
