// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * region: memory that is freed all at once.
 *
 * Keeps true: chunks are in one list, in the order in which they are filled;
 * the current one has @at and @end, those before it are full and those behind
 * it are spare.  @base is the sum of the room of the full ones.  The first
 * chunk begins with the region itself and stays as long as it.  Objects larger
 * than BIG_MIN are an allocation each, in a list, the youngest first, like
 * clean-ups.
 *
 * With SHIM_REGION_DEBUG no chunk ever has room, so that each object is such
 * an allocation, which a checker of malloc() sees.
 *
 * No lock: a region is used by one thread.  Called by the application.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"
#include "shim_region.h"

#define ALIGN		((size_t)SHIM_REGION_ALIGN)
#define CHUNK_MIN	((size_t)4 << 10)	/* an OS page */
#define CHUNK_MAX	((size_t)256 << 10)	/* larger saves no calls */
/* An eighth of the largest chunk, so that little of a chunk is left over. */
#define BIG_MIN		((size_t)32 << 10)
#define RESETS		8	/* how many resets the high-water mark looks back */

struct shim_region_chunk {
	struct shim_region_chunk *next;
	struct shim_region_chunk *prev;
	size_t room;		/* bytes behind this header */
	size_t pad;		/* the header keeps the alignment */
};

struct shim_region_big {
	struct shim_region_big *next;
	void *base;		/* as malloc() returned it */
	size_t bytes;
	size_t pad;
};

struct shim_region_cleanup {
	struct shim_region_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

struct region {
	struct shim_region r;
	struct shim_region_chunk *chunk;	/* the current one */
	struct shim_region_big *big;
	struct shim_region_cleanup *cleanup;
	size_t base;
	size_t peak;			/* most in use since the last reset */
	size_t wish;			/* room of the next chunk, or 0 */
	size_t held;
	size_t high[RESETS];
	size_t resets;
	uint32_t flags;
	uint32_t foreign;		/* lies in the caller's buffer */
	size_t pad;
	struct shim_region_chunk first;
};

_Static_assert(sizeof(struct region) % ALIGN == 0, "room begins aligned");
_Static_assert(sizeof(struct region) + ALIGN <= 256, "as the header says");
_Static_assert(sizeof(struct shim_region_big) % ALIGN == 0, "so do bigs");

static struct region *region_of(const struct shim_region *r)
{
	return (struct region *)(uintptr_t)r;
}

static char *room_of(const struct shim_region_chunk *c)
{
	return (char *)(uintptr_t)c + sizeof(*c);
}

/* Continue in a chunk, at @at. */
static void enter(struct region *g, struct shim_region_chunk *c, char *at)
{
	g->chunk = c;
	g->r.at = at;
	g->r.end = g->flags & SHIM_REGION_DEBUG ? at : room_of(c) + c->room;
}

static size_t used(const struct region *g)
{
	return g->base + (size_t)(g->r.at - room_of(g->chunk));
}

static struct shim_region *region_init(struct region *g, size_t bytes,
				       unsigned int flags)
{
	memset(g, 0, sizeof(*g));
	g->flags = flags;
	g->held = bytes;
	g->first.room = (bytes - sizeof(*g)) & ~(ALIGN - 1);
	enter(g, &g->first, room_of(&g->first));
	box_count(BOX_REGIONS, 1);
	return &g->r;
}

BOX_EXPORT struct shim_region *shim_region_new(size_t first, unsigned int flags)
{
	struct region *g;

	if (flags & ~SHIM_REGION_DEBUG) {
		errno = EINVAL;
		return NULL;
	}
	if (first > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	if (first < CHUNK_MIN)
		first = CHUNK_MIN;
	if (box_is_watched())
		flags |= SHIM_REGION_DEBUG;
	if (flags & SHIM_REGION_DEBUG)
		first = sizeof(*g);
	g = malloc(first);
	return g ? region_init(g, first, flags) : NULL;
}

BOX_EXPORT struct shim_region *shim_region_at(void *buf, size_t len)
{
	size_t skip = -(uintptr_t)buf & (ALIGN - 1);
	struct region *g = (struct region *)((char *)buf + skip);

	if (!buf || len < skip || len - skip < sizeof(*g)) {
		errno = EINVAL;
		return NULL;
	}
	region_init(g, len - skip, box_is_watched() ? SHIM_REGION_DEBUG : 0);
	g->foreign = true;
	return &g->r;
}

/* Allocate an object separately. */
static void *big_alloc(struct region *g, size_t size, size_t align)
{
	struct shim_region_big *b;
	size_t room, bytes;
	char *base, *p;

	room = sizeof(*b) + (align > ALIGN ? align : 0);
	if (size > PTRDIFF_MAX || align > PTRDIFF_MAX ||
	    size + room > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	bytes = size + room;
	base = malloc(bytes);
	if (!base)
		return NULL;
	p = base + sizeof(*b);
	if (align > ALIGN)
		p += -(uintptr_t)p & (align - 1);
	b = (struct shim_region_big *)(void *)(p - sizeof(*b));
	b->base = base;
	b->bytes = bytes;
	b->next = g->big;
	g->big = b;
	g->held += bytes;
	return p;
}

/* Get a chunk with room for @size, behind the current one. */
static struct shim_region_chunk *chunk_make(struct region *g, size_t size)
{
	struct shim_region_chunk *c, *old = g->chunk;
	size_t room = 2 * (old->room + sizeof(*c));

	if (room < CHUNK_MIN)
		room = CHUNK_MIN;
	if (room > CHUNK_MAX)
		room = CHUNK_MAX;
	room -= sizeof(*c);
	if (g->wish)
		room = (g->wish + ALIGN - 1) & ~(ALIGN - 1);
	if (room < size)
		room = (size + ALIGN - 1) & ~(ALIGN - 1);
	c = malloc(room + sizeof(*c));
	if (!c)
		return NULL;
	g->wish = 0;
	c->room = room;
	c->prev = old;
	c->next = old->next;
	if (c->next)
		c->next->prev = c;
	old->next = c;
	g->held += room + sizeof(*c);
	return c;
}

BOX_EXPORT void *shim_region_more(struct shim_region *r, size_t size)
{
	struct region *g = region_of(r);
	struct shim_region_chunk *c;

	if (size >= BIG_MIN || g->flags & SHIM_REGION_DEBUG)
		return big_alloc(g, size, ALIGN);
	c = g->chunk->next;
	if (!c || c->room < size) {
		c = chunk_make(g, size);
		if (!c)
			return NULL;
	}
	g->base += g->chunk->room;
	enter(g, c, room_of(c));
	return shim_region_alloc(r, size);
}

BOX_EXPORT void *shim_region_alloc_aligned(struct shim_region *r, size_t size,
					   size_t align)
{
	size_t skip, room;
	char *p;

	if (!align || align & (align - 1)) {
		errno = EINVAL;
		return NULL;
	}
	if (align <= ALIGN)
		return shim_region_alloc(r, size);
	size += !size;
	room = size + align - ALIGN;
	if (room < size || room >= BIG_MIN ||
	    region_of(r)->flags & SHIM_REGION_DEBUG)
		return big_alloc(region_of(r), size, align);
	skip = -(uintptr_t)r->at & (align - 1);
	if (size + skip <= (size_t)(r->end - r->at)) {
		r->at += skip;
		return shim_region_alloc(r, size);
	}
	p = shim_region_alloc(r, room);
	if (!p)
		return NULL;
	return p + (-(uintptr_t)p & (align - 1));
}

BOX_EXPORT void *shim_region_memdup(struct shim_region *r, const void *p,
				    size_t len)
{
	void *q = shim_region_alloc(r, len);

	return q && len ? memcpy(q, p, len) : q;
}

BOX_EXPORT char *shim_region_strdup(struct shim_region *r, const char *s)
{
	return shim_region_memdup(r, s, strlen(s) + 1);
}

BOX_EXPORT char *shim_region_strndup(struct shim_region *r, const char *s,
				     size_t n)
{
	size_t len = strnlen(s, n);
	char *q = len < SIZE_MAX ? shim_region_alloc(r, len + 1) : NULL;

	if (!q)
		return NULL;
	memcpy(q, s, len);
	q[len] = '\0';
	return q;
}

BOX_EXPORT char *shim_region_vprintf(struct shim_region *r, const char *fmt,
				     va_list ap)
{
	size_t room = (size_t)(r->end - r->at);
	char *p = r->at;
	va_list again;
	int n;

	/* print into the free bytes, which usually suffice */
	va_copy(again, ap);
	n = vsnprintf(room ? p : NULL, room, fmt, ap);
	if (n < 0) {
		p = NULL;
	} else if ((size_t)n < room) {
		p = shim_region_alloc(r, (size_t)n + 1);
	} else {
		p = shim_region_alloc(r, (size_t)n + 1);
		if (p)
			vsnprintf(p, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	return p;
}

BOX_EXPORT char *shim_region_printf(struct shim_region *r, const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	p = shim_region_vprintf(r, fmt, ap);
	va_end(ap);
	return p;
}

BOX_EXPORT int shim_region_on_release(struct shim_region *r,
				      void (*fn)(void *arg), void *arg)
{
	struct region *g = region_of(r);
	struct shim_region_cleanup *c = shim_region_alloc(r, sizeof(*c));

	if (!c)
		return -1;
	c->fn = fn;
	c->arg = arg;
	c->next = g->cleanup;
	g->cleanup = c;
	return 0;
}

BOX_EXPORT struct shim_region_mark shim_region_mark(const struct shim_region *r)
{
	const struct region *g = region_of(r);
	struct shim_region_mark m = { g->chunk, r->at, g->big, g->cleanup };

	return m;
}

/*
 * Clean-ups come first, since they may use everything that is about to be
 * freed.
 */
static void undo_to(struct region *g, const struct shim_region_cleanup *cleanup,
		    const struct shim_region_big *big)
{
	size_t now = used(g);

	if (now > g->peak)
		g->peak = now;
	while (g->cleanup != cleanup) {
		struct shim_region_cleanup *c = g->cleanup;

		if (!c)
			box_die("shim_region_release(): the mark was released before",
				g);
		g->cleanup = c->next;
		c->fn(c->arg);
	}
	while (g->big != big) {
		struct shim_region_big *b = g->big;

		if (!b)
			box_die("shim_region_release(): the mark was released before",
				g);
		g->big = b->next;
		g->held -= b->bytes;
		free(b->base);
	}
}

BOX_EXPORT void shim_region_release(struct shim_region *r,
				    struct shim_region_mark m)
{
	struct region *g = region_of(r);

	undo_to(g, m.cleanup, m.big);
	while (g->chunk != m.chunk) {
		g->chunk = g->chunk->prev;
		if (!g->chunk)
			box_die("shim_region_release(): not a mark of this region",
				g);
		g->base -= g->chunk->room;
	}
	enter(g, m.chunk, m.at);
}

/* The most that was used at the last resets. */
static size_t high_water(const struct region *g)
{
	size_t most = 0;
	unsigned int i;

	for (i = 0; i < RESETS; i++)
		if (g->high[i] > most)
			most = g->high[i];
	return most;
}

/* Free the chunks behind the first that go beyond what is needed. */
static void trim(struct region *g, size_t need)
{
	struct shim_region_chunk *c = &g->first, *next;
	size_t most = need + need / 4;
	size_t kept = c->room;

	while (c->next && kept + c->next->room <= most) {
		c = c->next;
		kept += c->room;
	}
	next = c->next;
	c->next = NULL;
	while ((c = next)) {
		next = c->next;
		g->held -= c->room + sizeof(*c);
		free(c);
	}
	/* the missing room will come in one piece, and no more than that */
	g->wish = kept < need ? need - kept : 0;
}

BOX_EXPORT void shim_region_reset(struct shim_region *r)
{
	struct region *g = region_of(r);

	undo_to(g, NULL, NULL);
	g->high[g->resets++ % RESETS] = g->peak;
	g->peak = 0;
	g->base = 0;
	if (g->first.next)
		trim(g, high_water(g));
	enter(g, &g->first, room_of(&g->first));
}

BOX_EXPORT void shim_region_free(struct shim_region *r)
{
	struct shim_region_chunk *c, *next;
	struct region *g;

	if (!r)
		return;
	g = region_of(r);
	undo_to(g, NULL, NULL);
	for (c = g->first.next; c; c = next) {
		next = c->next;
		free(c);
	}
	box_count(BOX_REGIONS, -1);
	if (!g->foreign)
		free(g);
}

BOX_EXPORT void shim_region_get_stat(const struct shim_region *r,
				     struct shim_region_stat *st)
{
	const struct region *g = region_of(r);
	const struct shim_region_chunk *c;
	const struct shim_region_big *b;

	memset(st, 0, sizeof(*st));
	st->used = used(g);
	st->held = g->held;
	st->high = high_water(g);
	st->resets = g->resets;
	for (c = &g->first; c; c = c->next)
		st->chunks++;
	for (b = g->big; b; b = b->next) {
		st->bigs++;
		st->used += b->bytes;
	}
}

BOX_EXPORT bool shim_region_is_valid(const struct shim_region *r)
{
	const struct region *g = region_of(r);
	const struct shim_region_chunk *c, *prev = NULL;
	size_t base = 0, held = 0;
	const struct shim_region_big *b;
	bool full = true;

	for (c = &g->first; c; prev = c, c = c->next) {
		if (c->prev != prev || c->room % ALIGN)
			return false;
		if (c == g->chunk)
			full = false;
		if (full)
			base += c->room;
		if (c != &g->first)
			held += c->room + sizeof(*c);
	}
	for (b = g->big; b; b = b->next)
		held += b->bytes;
	if (full || base != g->base || held > g->held)
		return false;
	if ((uintptr_t)r->at % ALIGN || r->at < room_of(g->chunk) ||
	    r->at > r->end)
		return false;
	return g->flags & SHIM_REGION_DEBUG ||
	       r->end == room_of(g->chunk) + g->chunk->room;
}
