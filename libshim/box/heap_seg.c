// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * heap_seg: heaps of pages of objects of one size.
 *
 * A chunk is 64 KiB, aligned to that, with a header in the first of its 16
 * pages of 4 KiB.  A run is some of its pages in a row that hold objects of
 * one class.  Keeps true: an object's chunk and run are found by its address;
 * memory from a run's @at on was never handed out; free objects below it are
 * linked through their first word, and their second word has a mark, which
 * makes a second free suspect; @used counts what is handed out.  A run with
 * free objects is cur[class] or on partial[class], a full one on neither.  A
 * chunk with free pages is on avail; one of them at most, and it is @spare,
 * has no run, but for the first.  Objects above SEG_MAX are a span each, with
 * the same header.
 *
 * The heap itself lies in the header of its first chunk, which stays.
 *
 * Guarded by the heap's lock.  Called by heap.
 */
#include <string.h>

#include "box.h"
#include "heap_seg.h"

#define CHUNK		HEAP_SPAN_ALIGN
#define PAGE		((size_t)4096)
#define PAGES		16u
#define SEG_ALIGN	64u		/* of a run's first object, at least */

struct seg_chunk {
	struct shim_heap *heap;
	void *handle;
	struct seg_chunk *next;		/* all chunks */
	struct seg_chunk *prev;
	struct seg_chunk *avail_next;
	struct seg_chunk *avail_prev;
	uint32_t large;			/* 0 here, 1 in struct seg_large */
	uint16_t free;			/* bit n: page n is in no run */
	uint16_t first;			/* offset of the first object */
	struct seg_run run[PAGES];
};

struct seg_large {
	struct shim_heap *heap;
	void *handle;
	struct seg_large *next;
	struct seg_large *prev;
	size_t bytes;			/* of the span */
	uint32_t offset;		/* of the object */
	uint32_t pad;
	uint32_t large;
};

_Static_assert(offsetof(struct seg_large, large) ==
	       offsetof(struct seg_chunk, large), "told apart by it");
_Static_assert(sizeof(struct seg_chunk) + sizeof(struct shim_heap) + 32 < PAGE,
	       "a first page with room for objects");

static struct seg_chunk *chunk_of(const void *p)
{
	return (struct seg_chunk *)((uintptr_t)p & ~(CHUNK - 1));
}

static const uint16_t sizes[SEG_CLASSES] = {
	16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448,
	512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096
};

static uint32_t class_size(size_t class)
{
	return sizes[class];
}

/* A run has eight objects at least; those of 16 to 512 bytes have a page. */
static unsigned int class_pages(uint32_t size)
{
	return size <= 512 ? 1 : size <= 1024 ? 2 : size <= 2048 ? 4 : 8;
}

static uintptr_t mark_of(const void *p)
{
	return (uintptr_t)p ^ 0x5ca1ab1ef00dcafeull;
}

static void partial_add(struct seg *s, struct seg_run *r)
{
	struct seg_run *head = s->partial[r->class];

	r->prev = NULL;
	r->next = head;
	if (head)
		head->prev = r;
	s->partial[r->class] = r;
	r->listed = 1;
}

static void partial_del(struct seg *s, struct seg_run *r)
{
	if (r->prev)
		r->prev->next = r->next;
	else
		s->partial[r->class] = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->listed = 0;
}

static void avail_add(struct seg *s, struct seg_chunk *c)
{
	c->avail_prev = NULL;
	c->avail_next = s->avail;
	if (s->avail)
		s->avail->avail_prev = c;
	s->avail = c;
}

static void avail_del(struct seg *s, struct seg_chunk *c)
{
	if (c->avail_prev)
		c->avail_prev->avail_next = c->avail_next;
	else
		s->avail = c->avail_next;
	if (c->avail_next)
		c->avail_next->avail_prev = c->avail_prev;
}

static void chunk_init(struct seg *s, struct seg_chunk *c,
		       struct shim_heap *heap, void *handle)
{
	c->heap = heap;
	c->handle = handle;
	c->large = 0;
	c->free = (1u << PAGES) - 1;
	c->prev = NULL;
	c->next = s->chunks;
	if (s->chunks)
		s->chunks->prev = c;
	s->chunks = c;
	avail_add(s, c);
}

static struct seg_chunk *chunk_get(struct shim_heap *heap)
{
	struct seg_chunk *c;
	void *handle;

	c = heap_room_get(heap, CHUNK, &handle);
	if (!c)
		return NULL;
	c->first = (sizeof(*c) + SEG_ALIGN - 1) & ~(SEG_ALIGN - 1);
	chunk_init(&heap->seg, c, heap, handle);
	return c;
}

struct shim_heap *seg_new(void)
{
	const size_t at = (sizeof(struct seg_chunk) + 63) & ~(size_t)63;
	struct shim_heap *heap;
	struct seg_chunk *c;
	void *handle;

	c = heap_span_get(NULL, CHUNK, &handle);
	if (!c)
		return NULL;
	heap = (struct shim_heap *)((char *)c + at);
	memset(heap, 0, sizeof(*heap));
	heap_span_set(c, handle, heap);
	heap->held = CHUNK;
	heap->spans = 1;
	c->first = (uint16_t)((at + sizeof(*heap) + SEG_ALIGN - 1) &
			      ~(SEG_ALIGN - 1));
	chunk_init(&heap->seg, c, heap, handle);
	return heap;
}

void seg_destroy(struct shim_heap *heap)
{
	struct seg_chunk *c = heap->seg.chunks, *next, *home = NULL;
	struct seg_large *l = heap->seg.large, *lnext;

	for (; l; l = lnext) {
		lnext = l->next;
		heap_span_put(l, l->bytes, l->handle);
	}
	for (; c; c = next) {
		next = c->next;
		if (c == chunk_of(heap))
			home = c;
		else
			heap_span_put(c, CHUNK, c->handle);
	}
	heap_span_put(home, CHUNK, home->handle);
}

/* The first of @n free pages in a row, or PAGES if there are none. */
static unsigned int find_pages(uint16_t free, unsigned int n)
{
	unsigned int m = free, i;

	if (likely(n == 1))
		return m ? (unsigned int)__builtin_ctz(m) : PAGES;
	for (i = 1; i < n && m; i++)
		m &= (unsigned int)free >> i;
	return m ? (unsigned int)__builtin_ctz(m) : PAGES;
}

static struct seg_run *run_make(struct shim_heap *heap, size_t class)
{
	uint32_t size = class_size(class), at;
	unsigned int n = class_pages(size), page = PAGES, i;
	struct seg *s = &heap->seg;
	struct seg_chunk *c;
	struct seg_run *r;

	for (c = s->avail; c; c = c->avail_next) {
		page = find_pages(c->free, n);
		if (page != PAGES)
			break;
	}
	if (!c) {
		c = chunk_get(heap);
		if (!c)
			return NULL;
		page = find_pages(c->free, n);
	}
	if (c == s->spare)
		s->spare = NULL;
	c->free &= (uint16_t)~(((1u << n) - 1) << page);
	if (!c->free)
		avail_del(s, c);
	r = &c->run[page];
	for (i = 0; i < n; i++) {
		c->run[page + i].npages = 0;
		c->run[page + i].back = (uint8_t)i;
	}
	at = page ? page * (uint32_t)PAGE : c->first;
	r->free = NULL;
	r->at = at;
	r->end = at + ((page + n) * (uint32_t)PAGE - at) / size * size;
	r->size = size;
	r->used = 0;
	r->class = (uint8_t)class;
	r->npages = (uint8_t)n;
	r->listed = 0;
	return r;
}

static void run_free(struct shim_heap *heap, struct seg_run *r)
{
	struct seg_chunk *c = chunk_of(r);
	unsigned int page = (unsigned int)(r - c->run);
	struct seg *s = &heap->seg;

	if (!c->free)
		avail_add(s, c);
	c->free |= (uint16_t)(((1u << r->npages) - 1) << page);
	r->npages = 0;
	if (c->free != (1u << PAGES) - 1 || c == chunk_of(heap))
		return;
	if (!s->spare) {
		/*
		 * freeing and allocating one object in turn must not need a
		 * span each time
		 */
		s->spare = c;
		return;
	}
	avail_del(s, c);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->chunks = c->next;
	if (c->next)
		c->next->prev = c->prev;
	heap_room_put(heap, c, CHUNK, c->handle);
}

static bool run_has_free(const struct seg_run *r)
{
	return r->free || r->at < r->end;
}

static void *large_alloc(struct shim_heap *heap, size_t size, size_t align)
{
	size_t offset = (sizeof(struct seg_large) + 15) & ~(size_t)15, bytes;
	struct seg_large *l;
	void *handle;

	if (align > 16)
		offset = (offset + align - 1) & ~(align - 1);
	if (size > PTRDIFF_MAX - CHUNK)
		return NULL;
	bytes = (offset + size + HEAP_SPAN_UNIT - 1) & ~(HEAP_SPAN_UNIT - 1);
	l = heap_room_get(heap, bytes, &handle);
	if (!l)
		return NULL;
	l->heap = heap;
	l->handle = handle;
	l->large = 1;
	l->bytes = bytes;
	l->offset = (uint32_t)offset;
	l->prev = NULL;
	l->next = heap->seg.large;
	if (l->next)
		l->next->prev = l;
	heap->seg.large = l;
	return (char *)l + offset;
}

static __attribute__((noinline)) struct seg_run *
run_next(struct shim_heap *heap, size_t class)
{
	struct seg *s = &heap->seg;
	struct seg_run *r = s->partial[class];

	if (r)
		partial_del(s, r);
	else
		r = run_make(heap, class);
	if (r)
		s->cur[class] = r;
	return r;
}

void *seg_refill(struct shim_heap *heap, size_t class)
{
	struct seg_run *r = run_next(heap, class);

	return r ? seg_take_maybe_null(r) : NULL;
}

void *seg_alloc(struct shim_heap *heap, size_t size, size_t align)
{
	struct seg_run *r;
	size_t class;

	size += !size;
	if (unlikely(size > SEG_MAX || align > SEG_ALIGN))
		return large_alloc(heap, size, align);
	class = seg_class(size);
	if (unlikely(align > 16))
		while (class_size(class) & (align - 1))
			class++;	/* 4096 will do */
	r = heap->seg.cur[class];
	if (likely(r)) {
		void *p = seg_take_maybe_null(r);

		if (likely(p))
			return p;
	}
	return seg_refill(heap, class);
}

/* The run of a live object; abort if it is not one. */
static struct seg_run *run_of(struct seg_chunk *c, const void *p)
{
	uint32_t at = (uint32_t)((uintptr_t)p & (CHUNK - 1)), start;
	unsigned int page = at / (uint32_t)PAGE;
	struct seg_run *r = &c->run[page];

	if (!(c->free & 1u << page)) {
		r -= r->back;
		page = (unsigned int)(r - c->run);
		start = page ? page * (uint32_t)PAGE : c->first;
		if (at >= start && at < r->at && (at - start) % r->size == 0)
			return r;
	}
	box_die("shim_heap_free(): not an object of the heap", p);
}

/*
 * The object has the mark of a free one: is it on the list of free objects,
 * too?
 */
static void check_double(const struct seg_run *r, const void *p)
{
	void *const *q;

	for (q = r->free; q; q = *q)
		if (q == p)
			box_die("shim_heap_free(): freed before", p);
}

static void large_free(struct shim_heap *heap, struct seg_large *l, void *p)
{
	if ((char *)p != (char *)l + l->offset)
		box_die("shim_heap_free(): points into an object", p);
	if (l->prev)
		l->prev->next = l->next;
	else
		heap->seg.large = l->next;
	if (l->next)
		l->next->prev = l->prev;
	heap_room_put(heap, l, l->bytes, l->handle);
}

void seg_free(struct shim_heap *heap, void *p)
{
	struct seg_chunk *c = chunk_of(p);
	struct seg_run *r;
	void **q = p;
	bool full;

	if (unlikely(c->large)) {
		large_free(heap, (struct seg_large *)c, p);
		return;
	}
	r = run_of(c, p);
	if (unlikely((uintptr_t)q[1] == mark_of(p)))
		check_double(r, p);
	full = !run_has_free(r);
	q[0] = r->free;
	q[1] = (void *)mark_of(p);
	r->free = q;
	r->used--;
	if (r == heap->seg.cur[r->class]) {
		/* an empty one would keep its chunk */
		if (likely(r->used || c == chunk_of(heap)))
			return;
		heap->seg.cur[r->class] = NULL;
	}
	if (!r->used) {
		if (r->listed)
			partial_del(&heap->seg, r);
		run_free(heap, r);
	} else if (full) {
		partial_add(&heap->seg, r);
	}
}

size_t seg_usable(struct shim_heap *heap, const void *p)
{
	struct seg_chunk *c = chunk_of(p);
	struct seg_large *l = (struct seg_large *)c;

	(void)heap;
	return c->large ? l->bytes - l->offset : run_of(c, p)->size;
}

bool seg_resize(struct shim_heap *heap, void *p, size_t size)
{
	size_t have = seg_usable(heap, p);

	return size <= have && size >= have / 2;
}

/* Bit n of @free: object n of the run is free. */
static unsigned int run_free_bits(const struct seg_run *r, uint64_t *free)
{
	struct seg_chunk *c = chunk_of(r);
	unsigned int page = (unsigned int)(r - c->run), n;
	uint32_t start = page ? page * (uint32_t)PAGE : c->first;
	void *const *q;

	memset(free, 0, PAGE / 16 / 8);
	for (q = r->free; q; q = *q) {
		n = ((uint32_t)((uintptr_t)q & (CHUNK - 1)) - start) / r->size;
		free[n / 64] |= 1ull << n % 64;
	}
	return (r->at - start) / r->size;
}

static int run_walk(const struct seg_run *r,
		    int (*fn)(void *p, size_t size, void *arg), void *arg)
{
	uint64_t free[PAGE / 16 / 64];
	unsigned int n = run_free_bits(r, free), i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++)
		if (!(free[i / 64] & 1ull << i % 64))
			ret = fn((char *)chunk_of(r) + r->at -
				 (n - i) * r->size, r->size, arg);
	return ret;
}

int seg_walk(struct shim_heap *heap, int (*fn)(void *p, size_t size, void *arg),
	     void *arg)
{
	struct seg_chunk *c;
	struct seg_large *l;
	unsigned int i;
	int ret = 0;

	for (c = heap->seg.chunks; c && !ret; c = c->next)
		for (i = 0; i < PAGES && !ret; i++)
			if (!(c->free & 1u << i) && c->run[i].npages)
				ret = run_walk(&c->run[i], fn, arg);
	for (l = heap->seg.large; l && !ret; l = l->next)
		ret = fn((char *)l + l->offset, l->bytes - l->offset, arg);
	return ret;
}

static bool run_is_valid(const struct shim_heap *heap, const struct seg_run *r)
{
	uint64_t free[PAGE / 16 / 64];
	unsigned int n = run_free_bits(r, free), i, nfree = 0;
	bool cur = heap->seg.cur[r->class] == r;

	for (i = 0; i < PAGE / 16 / 64; i++)
		nfree += (unsigned int)__builtin_popcountll(free[i]);
	if (r->used + nfree != n || r->size != class_size(r->class))
		return false;
	if (cur)
		return !r->listed;
	return r->used && run_has_free(r) == (r->listed != 0);
}

void seg_sums(struct shim_heap *heap)
{
	const struct seg_chunk *c;
	const struct seg_large *l;
	unsigned int i;

	heap->used = 0;
	heap->objects = 0;
	for (c = heap->seg.chunks; c; c = c->next)
		for (i = 0; i < PAGES; i++) {
			const struct seg_run *r = &c->run[i];

			if (c->free & 1u << i || !r->npages)
				continue;
			heap->used += (size_t)r->used * r->size;
			heap->objects += r->used;
		}
	for (l = heap->seg.large; l; l = l->next) {
		heap->used += l->bytes - l->offset;
		heap->objects++;
	}
}

bool seg_is_valid(struct shim_heap *heap)
{
	size_t held = 0, spans = 0;
	const struct seg_chunk *c, *spare = NULL;
	const struct seg_large *l;
	unsigned int i;

	for (c = heap->seg.chunks; c; c = c->next) {
		if (c->heap != heap || (c->next && c->next->prev != c))
			return false;
		if (c->free == (1u << PAGES) - 1 && c != chunk_of(heap)) {
			if (spare)
				return false;
			spare = c;
		}
		held += CHUNK;
		spans++;
		for (i = 0; i < PAGES; i++)
			if (!(c->free & 1u << i) && c->run[i].npages &&
			    !run_is_valid(heap, &c->run[i]))
				return false;
	}
	for (l = heap->seg.large; l; l = l->next) {
		held += l->bytes;
		spans++;
	}
	return spare == heap->seg.spare && held == heap->held &&
	       spans == heap->spans;
}
