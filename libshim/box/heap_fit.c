// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * heap_fit: heaps of boundary tags: first, next and best fit.
 *
 * A segment is a run of blocks, each with a tag before it: its own size, and
 * the size of the block before.  Sizes are in units of 16 bytes; a block that
 * is in use has a bit set in its size.  The last tag of a segment is in use
 * and empty.  Free neighbours are one block.  Free blocks are the nodes of a
 * treap, in the order of addresses (FIRST, NEXT), each node knowing the
 * largest size below it, or of sizes and then addresses (BEST).  The policy
 * alone decides which block a request gets; it gets the beginning of that
 * block.
 *
 * All links are distances from struct fit, so that a heap may be mapped anywhere.
 *
 * When a process dies in an operation, only the tags' own sizes can be relied
 * on.  Each changes by one store, so that the chain of blocks is whole at every
 * moment, as before the operation or as after it; fit_recover() rebuilds the
 * sizes of preceding blocks, the tree and the sums from it.  A block that was
 * taken but not handed out yet is recorded in @pending, and freed then.
 *
 * Guarded by the heap's lock.  Called by heap.
 */
#include <string.h>

#include "box.h"
#include "heap_tree.h"

#define SEGMENT_MIN	HEAP_SPAN_ALIGN
#define SEGMENT_MAX	((size_t)1 << 20)

static int64_t segment_add(struct shim_heap *heap, void *mem, size_t bytes,
			   void *handle)
{
	struct fit *f = &heap->fit;
	struct segment *s = mem;
	struct tag *end;
	int64_t off;

	bytes &= ~(UNIT - 1);
	s->handle = handle;
	s->bytes_units = (uint32_t)(bytes / UNIT);
	s->first.before = 0;
	/* a tag at the end, in the last 8 bytes */
	s->first.size = (uint32_t)((bytes - sizeof(*s)) / UNIT);
	end = after(&s->first);
	end->before = s->first.size;
	end->size = USED;
	s->next = f->segments;
	f->segments = off_of(f, s);
	off = off_of(f, &s->first);
	tree_insert(heap, off);
	return off;
}

static int64_t grow(struct shim_heap *heap, size_t need)
{
	size_t bytes = heap->held / 4, least;
	void *mem, *handle;

	if (heap->foreign)
		return 0;
	least = need + sizeof(struct segment) + UNIT;
	if (bytes > SEGMENT_MAX)
		bytes = SEGMENT_MAX;
	if (bytes < SEGMENT_MIN)
		bytes = SEGMENT_MIN;
	if (bytes < least)
		bytes = least;
	bytes = (bytes + HEAP_SPAN_UNIT - 1) & ~(HEAP_SPAN_UNIT - 1);
	if (bytes / UNIT >= USED)
		return 0;
	mem = heap_room_get(heap, bytes, &handle);
	return mem ? segment_add(heap, mem, bytes, handle) : 0;
}

/*
 * Cut @units out of the free block at @off, @gap units behind its start.  What is
 * left over stays free, if it can be a block.
 */
static struct tag *carve(struct shim_heap *heap, int64_t off, uint32_t gap,
			 uint32_t units)
{
	struct fit *f = &heap->fit;
	struct tag *t = tag_at(f, off), *used, *rest, *next = after(t);
	uint32_t size = t->size, left = size - gap - units;

	tree_remove(heap, off);
	if (left < MIN_UNITS) {
		units += left;
		left = 0;
	}
	used = (struct tag *)(void *)((char *)t + gap * UNIT);
	f->pending = off_of(f, used);
	if (left) {
		rest = (struct tag *)(void *)((char *)used + units * UNIT);
		rest->size = left;
		rest->before = units;
		next->before = left;
	} else {
		next->before = units;
	}
	if (gap) {
		used->before = gap;
		used->size = units | USED;
		set_size(t, gap);
		tree_insert(heap, off);
	} else {
		set_size(used, units | USED);
	}
	if (left)
		tree_insert(heap, off_of(f, rest));
	f->cursor = off_of(f, used) + (int64_t)(units * UNIT);
	return used;
}

static uint32_t units_of(size_t size)
{
	size_t units = (size + TAG + UNIT - 1) / UNIT;

	return units < MIN_UNITS ? MIN_UNITS : (uint32_t)units;
}

/*
 * Take the beginning of the only free block, as every policy would: like
 * carve(), but for a tree of one node before and after.
 */
static struct tag *carve_alone(struct fit *f, struct tag *t, uint32_t units)
{
	struct tag *next = after(t), *rest;
	uint32_t left = t->size - units;
	struct node *n;

	f->pending = off_of(f, t);
	if (left < MIN_UNITS) {
		units += left;
		next->before = units;
		set_size(t, units | USED);
		f->root = 0;
	} else {
		rest = (struct tag *)(void *)((char *)t + units * UNIT);
		rest->size = left;
		rest->before = units;
		next->before = left;
		set_size(t, units | USED);
		f->root = off_of(f, rest);
		n = node_at(f, f->root);
		n->left = 0;
		n->right = 0;
		n->max = left;
	}
	f->cursor = f->pending + (int64_t)(units * UNIT);
	return t;
}

/* Is there one free block, and is it large enough? */
static struct tag *alone_maybe_null(struct fit *f, uint32_t need)
{
	const struct node *n = node_at(f, f->root);

	if (!f->root || n->left || n->right || n->max < need)
		return NULL;
	return tag_at(f, f->root);
}

void *fit_alloc(struct shim_heap *heap, size_t size, size_t align)
{
	struct fit *f = &heap->fit;
	uint32_t units, need, gap = 0;
	struct tag *t;
	int64_t off;

	if (unlikely(size > (size_t)(USED / 2) * UNIT))
		return NULL;
	units = units_of(size);
	need = units;
	if (align <= UNIT) {
		t = alone_maybe_null(f, need);
		if (t) {
			t = carve_alone(f, t, units);
			goto out;
		}
	}
	if (align > UNIT)	/* and a gap that can be a block */
		need += (uint32_t)(align / UNIT) + MIN_UNITS;
	off = tree_find(heap, need);
	if (!off) {
		off = grow(heap, need * UNIT);
		if (!off)
			return NULL;
	}
	if (align > UNIT) {
		uintptr_t at = (uintptr_t)tag_at(f, off) + TAG;

		gap = (uint32_t)((-at & (align - 1)) / UNIT);
		if (gap && gap < MIN_UNITS)
			gap += (uint32_t)(align / UNIT);
	}
	t = carve(heap, off, gap, units);
out:
	heap->used += size_of(t) * UNIT - TAG;
	heap->objects++;
	return (char *)t + TAG;
}

/* The tag of a live object; abort if it is not one. */
static struct tag *tag_of(struct shim_heap *heap, const void *p)
{
	struct tag *t = (struct tag *)((uintptr_t)p - TAG);

	if ((uintptr_t)p % UNIT)
		box_die("shim_heap_free(): points into an object", p);
	if (!(t->size & USED))
		box_die("shim_heap_free(): freed before, or not an object", p);
	if (size_of(t) < MIN_UNITS || after(t)->before != size_of(t))
		box_die("shim_heap_free(): not an object, or its bounds were overwritten",
			p);
	(void)heap;
	return t;
}

static void segment_put(struct shim_heap *heap, struct tag *t)
{
	struct fit *f = &heap->fit;
	struct segment *s = (struct segment *)(void *)
			    ((char *)t - offsetof(struct segment, first));
	int64_t *link = &f->segments;

	while (*link != off_of(f, s))
		link = &segment_at(f, *link)->next;
	*link = s->next;
	tree_remove(heap, off_of(f, t));
	heap_room_put(heap, s, s->bytes_units * UNIT, s->handle);
}

/* Merge a free block that is not in the tree with its free neighbours. */
static struct tag *join(struct shim_heap *heap, struct tag *t)
{
	struct fit *f = &heap->fit;
	struct tag *next = after(t), *prev = before(t);
	uint32_t size = t->size;

	if (!(next->size & USED)) {
		tree_remove(heap, off_of(f, next));
		size += next->size;
		set_size(t, size);
	}
	if (t->before && !(prev->size & USED)) {
		tree_remove(heap, off_of(f, prev));
		t = prev;
		size += t->size;
		set_size(t, size);
	}
	after(t)->before = size;
	return t;
}

void fit_free(struct shim_heap *heap, void *p)
{
	struct tag *t = tag_of(heap, p);
	struct fit *f = &heap->fit;

	heap->used -= size_of(t) * UNIT - TAG;
	heap->objects--;
	set_size(t, size_of(t));
	t = join(heap, t);
	tree_insert(heap, off_of(f, t));
	/* one that begins a span: the first begins behind the heap */
	if (!heap->foreign && !t->before && !size_of(after(t)) &&
	    ((uintptr_t)t & (HEAP_SPAN_ALIGN - 1)) ==
	    offsetof(struct segment, first))
		segment_put(heap, t);
}

size_t fit_usable(struct shim_heap *heap, const void *p)
{
	return size_of(tag_of(heap, p)) * UNIT - TAG;
}

/* Resize in place: grow into the free block behind it, or give its end back. */
bool fit_resize(struct shim_heap *heap, void *p, size_t size)
{
	struct tag *t = tag_of(heap, p), *next = after(t), *rest;
	uint32_t units, have = size_of(t), all = have;
	struct fit *f = &heap->fit;

	if (size > (size_t)(USED / 2) * UNIT)
		return false;
	units = units_of(size);
	if (units <= have && have - units < MIN_UNITS)
		return true;
	if (!(next->size & USED))
		all += next->size;
	if (units > all)
		return false;
	if (all > have)
		tree_remove(heap, off_of(f, next));
	next = (struct tag *)(void *)((char *)t + all * UNIT);
	if (all - units < MIN_UNITS)
		units = all;
	heap->used += ((size_t)units - have) * UNIT;
	if (units < all) {
		rest = (struct tag *)(void *)((char *)t + units * UNIT);
		rest->size = all - units;
		rest->before = units;
		next->before = all - units;
		set_size(t, units | USED);
		tree_insert(heap, off_of(f, rest));
	} else {
		next->before = units;
		set_size(t, units | USED);
	}
	return true;
}

void fit_init(struct shim_heap *heap, size_t len)
{
	const size_t at = (sizeof(*heap) + UNIT - 1) & ~(UNIT - 1);

	memset(&heap->fit, 0, sizeof(heap->fit));
	segment_add(heap, (char *)heap + at, len - at, NULL);
}

struct shim_heap *fit_new(unsigned int flags)
{
	struct shim_heap *heap;
	void *handle;

	heap = heap_span_get(NULL, SEGMENT_MIN, &handle);
	if (!heap)
		return NULL;
	memset(heap, 0, sizeof(*heap));
	heap_span_set(heap, handle, heap);
	heap->flags = flags;
	heap->held = SEGMENT_MIN;
	heap->spans = 1;
	fit_init(heap, SEGMENT_MIN);
	segment_at(&heap->fit, heap->fit.segments)->handle = handle;
	return heap;
}

void fit_destroy(struct shim_heap *heap)
{
	struct fit *f = &heap->fit;
	struct segment *s, *home = NULL;
	int64_t off, next;

	for (off = f->segments; off; off = next) {
		s = segment_at(f, off);
		next = s->next;
		/* the first one begins behind the heap */
		if (!next)
			home = s;
		else
			heap_span_put(s, s->bytes_units * UNIT, s->handle);
	}
	heap_span_put(heap, SEGMENT_MIN, home->handle);
}

int fit_walk(struct shim_heap *heap, int (*fn)(void *p, size_t size, void *arg),
	     void *arg)
{
	struct fit *f = &heap->fit;
	struct tag *t;
	int64_t off;
	int ret = 0;

	for (off = f->segments; off; off = segment_at(f, off)->next)
		for (t = &segment_at(f, off)->first; size_of(t) && !ret;
		     t = after(t))
			if (t->size & USED)
				ret = fn((char *)t + TAG,
					 size_of(t) * UNIT - TAG, arg);
	return ret;
}

void fit_recover(struct shim_heap *heap)
{
	struct fit *f = &heap->fit;
	struct tag *t, *next;
	int64_t off;

	if (f->pending) {
		t = tag_at(f, f->pending);
		/* it is a block only if the store has happened */
		for (off = f->segments; off; off = segment_at(f, off)->next)
			for (next = &segment_at(f, off)->first; size_of(next);
			     next = after(next))
				if (next == t)
					set_size(t, size_of(t));
	}
	f->pending = 0;
	f->root = 0;
	heap->used = 0;
	heap->objects = 0;
	for (off = f->segments; off; off = segment_at(f, off)->next) {
		t = &segment_at(f, off)->first;
		t->before = 0;
		for (; size_of(t); t = next) {
			next = after(t);
			if (t->size & USED) {
				heap->used += size_of(t) * UNIT - TAG;
				heap->objects++;
			} else {
				while (size_of(next) && !(next->size & USED)) {
					set_size(t, t->size + next->size);
					next = after(t);
				}
				tree_insert(heap, off_of(f, t));
			}
			next->before = size_of(t);
		}
	}
}

bool fit_is_valid(struct shim_heap *heap)
{
	struct fit *f = &heap->fit;
	size_t used = 0, nfree = 0, objects = 0, nodes;
	struct tag *t;
	int64_t off;

	for (off = f->segments; off; off = segment_at(f, off)->next) {
		uint32_t last = 0;
		bool was_free = false;

		for (t = &segment_at(f, off)->first; size_of(t); t = after(t)) {
			bool is_free = !(t->size & USED);

			if (t->before != last || (was_free && is_free))
				return false;
			if (is_free) {
				nfree++;
			} else {
				used += size_of(t) * UNIT - TAG;
				objects++;
			}
			was_free = is_free;
			last = size_of(t);
		}
		if (t->before != last || !(t->size & USED) ||
		    (char *)t + TAG != (char *)segment_at(f, off) +
		    segment_at(f, off)->bytes_units * UNIT)
			return false;
	}
	return tree_is_valid(heap, &nodes) && nodes == nfree &&
	       used == heap->used && objects == heap->objects;
}
