// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * span_mesh: spans that share memory, because their live objects do not overlap.
 *
 * Keeps true: see span_mesh.h.  An OS page of an alias that is not in @purged is
 * the survivor's, as @shared says bit by bit; where meshing of a part of the span was
 * refused it is its own.  Nothing lives in an OS page in @purged, by the address
 * of that span.
 *
 * The lock of the class is held.  Called by central, central_alias, central_mesh and
 * span.
 */
#include <errno.h>

#include "base/error.h"
#include "pageheap/pageheap.h"
#include "pageheap/pageheap_mesh.h"
#include "span.h"
#include "span_mesh.h"

#define OS_PAGE		4096u

static unsigned int words(const struct span *s)
{
	return (s->nobjs + 63u) / 64;
}

static uint32_t all_pages(const struct span *s)
{
	return (1u << s->npages * (PAGE_SIZE / OS_PAGE)) - 1;
}

static unsigned int members(const struct span *s)
{
	const struct span *a;
	unsigned int n = 1;

	for (a = s->mesh; a; a = a->next)
		n++;
	return n;
}

/* Are the pages with memory in one piece? */
static bool one_piece(const struct span *s)
{
	uint32_t pages = all_pages(s) & ~(uint32_t)s->purged;

	pages >>= __builtin_ctz(pages | 1u << 31);
	return !(pages & (pages + 1));
}

/*
 * May the whole group of @src be meshed onto @dst, apart from its objects?  A
 * member that is meshed in part would have to be in two groups, so one that is in
 * a group has to have its pages in one piece.  One without a live object is about
 * to leave, and on a list for that.
 */
static bool group_fits(const struct span *dst, const struct span *src)
{
	const struct span *a;

	if (dst->purged & ~src->purged || src->purged == all_pages(src))
		return false;
	for (a = src->mesh; a; a = a->next)
		if (dst->purged & ~a->purged || !one_piece(a) ||
		    a->nfree == a->nobjs ||
		    a->shared != (all_pages(a) & ~(uint32_t)a->purged))
			return false;
	return true;
}

const char *span_mesh_why_not(void)
{
	return pageheap_mesh_why_not();
}

bool span_mesh_is_due(void)
{
	return pageheap_mesh_is_due();
}

void span_mesh_begin(bool on)
{
	pageheap_mesh_begin(on);
}

bool span_mesh_ready(struct span *s)
{
	return pageheap_mesh_ready(s);
}

bool span_mesh_apart(void)
{
	return pageheap_mesh_apart();
}

bool span_can_mesh(const struct span *s)
{
	return pageheap_can_mesh(s);
}

struct span *span_fit(struct span *a, struct span *b)
{
	unsigned int n = words(a), in_a = members(a), in_b = members(b), i;

	/* spans of one class may differ in length */
	if (in_a + in_b > SPAN_GROUP || a->nobjs != b->nobjs)
		return NULL;
	for (i = 0; i < n; i++) {
		uint64_t used = ~span_group_word(a, i) & ~span_group_word(b, i);

		if (i == n - 1 && a->nobjs % 64)
			used &= ((uint64_t)1 << a->nobjs % 64) - 1;
		if (used)
			return NULL;
	}
	/* fewer calls, then fewer bytes to copy */
	if (in_a < in_b || (in_a == in_b && a->nfree > b->nfree)) {
		struct span *swap = a;

		a = b;
		b = swap;
	}
	if (group_fits(a, b))
		return b;
	return group_fits(b, a) ? a : NULL;
}

/*
 * The live bytes of an alias-to-be in [@at, @at + @len), as moves from @at on.  No
 * live object reaches over an end of it: beyond are pages without any.
 */
static bool moves_add(struct span_batch *batch, const struct span *s,
		      uint32_t at, uint32_t len, uint32_t *nr)
{
	uint32_t size = span_size(s);
	unsigned int i = at / size;
	struct mesh_move *last = NULL;

	for (*nr = 0; i < s->nobjs && i * size < at + len; i++) {
		uint32_t from = i * size, to = from + size;

		if (s->bitmap[i / 64] >> (i % 64) & 1)
			continue;
		from -= at;
		to -= at;
		if (last && last->at + last->len == from) {
			last->len = to - last->at;
			continue;
		}
		if (batch->nr_moves + *nr == MESH_MOVES)
			return false;
		last = &batch->moves[batch->nr_moves + (*nr)++];
		last->at = from;
		last->len = to - from;
	}
	return true;
}

bool span_batch_add(struct span_batch *batch, struct span *dst,
		    struct span *src)
{
	unsigned int nr = batch->nr, nr_moves = batch->nr_moves;
	uint32_t pages = all_pages(src) & ~(uint32_t)src->purged;

	while (pages) {
		unsigned int first = (unsigned int)__builtin_ctz(pages);
		unsigned int n = (unsigned int)__builtin_ctz(~(pages >> first));
		struct mesh_pair *p = &batch->pairs[batch->nr];

		if (batch->nr == MESH_PAIRS ||
		    !moves_add(batch, src, first * OS_PAGE, n * OS_PAGE,
			       &p->nr_moves)) {
			batch->nr = nr;
			batch->nr_moves = nr_moves;
			return false;
		}
		p->dst = dst->start + first * OS_PAGE;
		p->src = src->start + first * OS_PAGE;
		p->len = n * OS_PAGE;
		p->result = 0;
		batch->dst[batch->nr] = dst;
		batch->src[batch->nr] = src;
		batch->nr_moves += p->nr_moves;
		batch->nr++;
		pages &= ~(((1u << n) - 1) << first);
	}
	return true;
}

/* Take an alias out of its group's list. */
static void unlink_alias(struct span *a)
{
	struct span **at = &a->mesh->mesh;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
}

static struct mesh_alias alias_of(struct span *a, uint32_t pages)
{
	return (struct mesh_alias){
		.span = a,
		.dst = a->mesh->start,
		.shared = pages & a->shared,
	};
}

/* @src has the memory of @dst, at OS pages @pages. */
static void alias_make(struct span *dst, struct span *src, uint32_t pages)
{
	uint16_t used = src->nobjs - src->nfree;

	if (span_is_alias(src)) {
		struct mesh_alias was = alias_of(src, ~0u);

		pageheap_unshare(&was);
		unlink_alias(src);
		src->mesh->nfree += used;
	}
	src->flags |= SPAN_ALIAS;
	src->shared = (uint16_t)pages;
	src->mesh = dst;
	src->next = dst->mesh;
	src->prev = NULL;
	dst->mesh = src;
	dst->nfree -= used;
}

bool span_batch_do(struct span_batch *batch, unsigned int *n)
{
	unsigned int i, k, done = 0;
	bool wait = false;

	*n = 0;
	if (!batch->nr)
		return false;
	pageheap_mesh(batch->pairs, batch->nr, batch->moves);
	for (i = 0; i < batch->nr; i = k) {
		struct span *dst = batch->dst[i], *src = batch->src[i];
		uint32_t pages = 0;

		for (k = i; k < batch->nr && batch->src[k] == src; k++) {
			const struct mesh_pair *p = &batch->pairs[k];

			wait |= p->result == -EBUSY;
			if (!p->result)
				pages |= ((1u << p->len / OS_PAGE) - 1) <<
					 (p->src - src->start) / OS_PAGE;
		}
		if (!pages)
			continue;
		alias_make(dst, src, pages);
		batch->dst[done] = dst;
		batch->src[done++] = src;
	}
	*n = done;
	batch->nr = 0;
	batch->nr_moves = 0;
	return wait;
}

/* Put @a where it belongs in @v, which is ascending. */
static void sort_in(struct mesh_alias *v, unsigned int n, struct span *a)
{
	while (n && v[n - 1].span->start > a->start) {
		v[n] = v[n - 1];
		n--;
	}
	v[n] = alias_of(a, ~0u);
}

struct span *span_unmesh(struct span *list, struct span **gone,
			 void (*alone)(struct span *survivor, void *arg),
			 void *arg)
{
	struct mesh_alias v[MESH_PAIRS];
	struct span *left = NULL, *a, *dst;
	unsigned int n, done, i;

	while (list) {
		for (n = 0; list && n < MESH_PAIRS; list = list->prev)
			sort_in(v, n++, list);
		done = pageheap_unmesh(v, n);
		for (i = 0; i < n; i++) {
			a = v[i].span;
			if (i >= done) {
				a->prev = left;
				left = a;
				continue;
			}
			dst = a->mesh;
			unlink_alias(a);
			a->mesh = NULL;
			a->flags &= (uint8_t)~SPAN_ALIAS;
			a->purged = (uint16_t)all_pages(a);
			a->shared = 0;
			a->next = *gone;
			*gone = a;
			alone(dst, arg);
		}
	}
	return left;
}

void span_mesh_purge(struct span *s, uint32_t pages)
{
	struct span *a;

	for (a = s->mesh; a; a = a->next) {
		uint32_t mine = pages & ~(uint32_t)a->purged;
		struct mesh_alias gone = alias_of(a, mine);

		if (!mine || !pageheap_purge(a, mine))
			continue;
		pageheap_unshare(&gone);
		a->shared &= (uint16_t)~gone.shared;
		a->purged |= (uint16_t)mine;
	}
}

bool span_mesh_is_valid(const struct span *s)
{
	unsigned int used = s->nobjs, mine = 0, i;
	const struct span *a;

	for (a = s->mesh; a; a = a->next) {
		unsigned int nfree = 0;

		for (i = 0; i < words(a); i++)
			nfree += (unsigned int)__builtin_popcountll(a->bitmap[i]);
		if (a->state != SPAN_INUSE || !span_is_alias(a) || a->mesh != s ||
		    a->sizeclass != s->sizeclass || nfree != a->nfree ||
		    a->shared & a->purged ||
		    pagemap_span((void *)a->start) != a)
			return false;
		mine += a->nobjs - nfree;
	}
	for (i = 0; i < words(s); i++)
		mine += (unsigned int)__builtin_popcountll(~s->bitmap[i]);
	/* the bits behind the last object are never set */
	mine -= words(s) * 64 - s->nobjs;
	/* places in use, if no two of them are the same */
	used -= s->nfree;
	return mine == used;
}
