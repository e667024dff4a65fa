// SPDX-License-Identifier: GPL-2.0-only
/*
 * shim_heap: the heap of another process, from its pagemap up.
 *
 * The process runs on at the same time.  So a span counts only if it says that
 * it begins at the page whose entry led to it, and a number of objects only if
 * the span has room for them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>

#include "shim_int.h"

#define BATCH		512	/* of process_vm_readv(), which takes 1,024 */

/*
 * A span to check: its descriptor, the page that named it, its area's tails, and
 * whether no object begins there.
 */
struct lead {
	uint64_t span, page, tail;
	bool hidden;
};

struct walk {
	const struct shim *s;
	struct shim_heap *heap;
	unsigned int flags;
	struct pagemap map;
	struct lead lead[BATCH];
	struct span span[BATCH];
	size_t n;
	struct sizeclass sizes[SIZECLASS_COUNT + 1];
	struct shim_object *objects;	/* by span, sorted at the end */
	size_t nr_objects, room;
	struct lead *record;		/* of blocks */
	size_t own_room, area_room, mixed_room;
	size_t nr_record, record_room;
	uint32_t nobjs[SIZECLASS_COUNT + 1];
};

static void *grow(void *list, size_t n, size_t *room, size_t size)
{
	void *more;

	if (n < *room)
		return list;
	more = realloc(list, (*room ? 2 * *room : 256) * size);
	if (more)
		*room = *room ? 2 * *room : 256;
	return more;
}

/* Does a span's descriptor agree with the page that led to it? */
static bool span_is_sane(const struct walk *w, const struct span *sp,
			 const struct lead *lead)
{
	const struct sizeclass *info;

	if (sp->start != lead->page || !sp->npages)
		return false;
	if (sp->state == SPAN_KEPT)
		return true;
	if (sp->state != SPAN_INUSE)
		return false;
	if (sp->sizeclass == PAGEMAP_LARGE)
		return true;
	if (!sp->sizeclass || sp->sizeclass > SIZECLASS_COUNT)
		return false;
	info = &w->sizes[sp->sizeclass];
	/* it may be shorter than others of its class */
	return sp->nfree <= sp->nobjs && sp->npages <= info->npages &&
	       sp->nobjs == sp->npages * PAGE_SIZE / info->size;
}

/* A small span with objects of several sizes: appended, as the walk goes up. */
static int mixed_note(struct walk *w, const struct span *sp, uint64_t tail)
{
	struct shim_heap *h = w->heap;
	struct shim_mixed *m = grow(h->mixed, h->nr_mixed, &w->mixed_room,
				    sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	h->mixed = m;
	err = shim_mixed_read(w->s, m + h->nr_mixed, sp,
			      &w->sizes[sp->sizeclass], tail);
	h->nr_mixed += !err;
	return err;
}

/* Was a large object freed, and its span kept for the next? */
static bool span_is_kept(const struct span *sp, bool hidden)
{
	return sp->state == SPAN_KEPT ||
	       (hidden && sp->sizeclass == PAGEMAP_LARGE &&
		!(sp->flags & SPAN_OWNED));
}

static int span_note(struct walk *w, const struct span *sp,
		     const struct lead *lead)
{
	uint64_t tail = lead->tail;
	uint64_t len = (uint64_t)sp->npages * PAGE_SIZE;
	struct shim_heap *h = w->heap;
	struct shim_object *o;
	bool mixed = false;
	uint32_t size;
	int err;

	if (span_is_kept(sp, lead->hidden)) {
		h->kept += len;
		return 0;
	}
	if (sp->sizeclass == PAGEMAP_LARGE) {
		h->tails += sp->bytes < len ? len - sp->bytes : 0;
		h->nr_large++;
		h->large += sp->bytes;
		h->allocated += sp->bytes;
	} else if (sp->flags & SPAN_ALIAS) {
		/* its memory, and its objects, are in its survivor's counts */
		h->meshed += len;
	} else {
		struct shim_class *c = &h->cls[sp->sizeclass];

		size = w->sizes[sp->sizeclass].size;
		h->tails += len - (uint64_t)sp->nobjs * size;
		c->spans++;
		c->free += sp->nfree;
		c->live += sp->nobjs - sp->nfree;	/* for now */
		h->size[sp->sizeclass] = size;
		mixed = sp->flags & SPAN_COMPOUND && tail;
	}
	err = mixed ? mixed_note(w, sp, tail) : 0;
	if (err)
		return err;
	if (!w->flags)
		return 0;
	o = grow(w->objects, w->nr_objects, &w->room, sizeof(*o));
	if (!o)
		return -ENOMEM;
	w->objects = o;
	o += w->nr_objects++;
	memset(o, 0, sizeof(*o));
	o->start = sp->start;
	o->pages = sp->npages;
	if (sp->sizeclass == PAGEMAP_LARGE) {
		o->size = sp->bytes ? sp->bytes : 1;
		o->n = 1;
		if (sp->flags & SPAN_SAMPLED)
			o->stack = sp->bitmap[0];
	} else {
		o->size = w->sizes[sp->sizeclass].size;
		o->n = sp->nobjs;
		o->mixed = mixed ? (uint32_t)h->nr_mixed : 0;
		memcpy(o->free, sp->bitmap, sizeof(o->free));
	}
	return 0;
}

/*
 * Note one of libshim's own records, for a reader that must tell them from
 * pointers.
 */
static int own_note(struct walk *w, uint64_t addr)
{
	uint64_t *list;

	if (!(w->flags & SHIM_OBJECTS))
		return 0;
	list = grow(w->heap->records, w->heap->nr_records, &w->own_room,
		    sizeof(*list));
	if (!list)
		return -ENOMEM;
	w->heap->records = list;
	list[w->heap->nr_records++] = addr;
	return 0;
}

static int area_note(struct walk *w, uint64_t start)
{
	uint64_t *list = grow(w->heap->areas, w->heap->nr_areas,
			      &w->area_room, sizeof(*list));

	if (!list)
		return -ENOMEM;
	w->heap->areas = list;
	list[w->heap->nr_areas++] = start;
	return 0;
}

/*
 * Read the same bytes, from @from to @to, of the records that were collected, or
 * of the wide ones only.  What is not there reads as zero: a torn entry.
 */
static int spans_read(struct walk *w, size_t from, size_t to, bool wide)
{
	struct iovec local[BATCH], remote[BATCH];
	size_t len = to - from, n = 0, i, done;
	ssize_t got;

	for (i = 0; i < w->n; i++) {
		if (wide && !(w->span[i].flags & SPAN_WIDE))
			continue;
		local[n].iov_base = (char *)&w->span[i] + from;
		local[n].iov_len = len;
		remote[n].iov_base = (char *)(uintptr_t)w->lead[i].span + from;
		remote[n++].iov_len = len;
	}
	for (done = 0; done < n;) {
		got = process_vm_readv(w->s->pid, local + done, n - done,
				       remote + done, n - done, 0);
		if (got < 0 && errno != EFAULT)
			return -errno;
		if (got > 0)
			done += (size_t)got / len;
		if (done < n && got > 0 && (size_t)got % len == 0)
			continue;
		if (done < n)
			memset(local[done++].iov_base, 0, len);
	}
	return 0;
}

/* Read the spans that were collected. */
static int leads_follow(struct walk *w)
{
	size_t i;
	int err;

	memset(w->span, 0, w->n * sizeof(w->span[0]));
	err = spans_read(w, 0, SPAN_BYTES, false);
	if (!err)
		err = spans_read(w, SPAN_BYTES, sizeof(struct span), true);
	for (i = 0; i < w->n && !err; i++)
		if (span_is_sane(w, &w->span[i], &w->lead[i]))
			err = span_note(w, &w->span[i], &w->lead[i]);
	w->n = 0;
	return err;
}

static int area_walk(struct walk *w, uint64_t index, uint64_t addr)
{
	struct area_map *map = malloc(sizeof(*map));
	uint64_t start = index << AREA_SHIFT, i;
	const struct span *last = NULL;
	int err;

	if (!map)
		return -ENOMEM;
	err = own_note(w, addr);
	if (!err)
		err = area_note(w, start);
	if (!err)
		err = shim_read(w->s, addr, map, sizeof(*map));
	/* a near area's classes are elsewhere */
	if (!err && (w->map.near_end - start) >> 4 < w->map.near_size)
		err = shim_read(w->s, w->map.near_class + (start >> PAGE_SHIFT),
				map->class, sizeof(map->class));
	if (!err && map->tail)
		err = own_note(w, (uintptr_t)map->tail);
	for (i = 0; !err && i < AREA_PAGES; i++) {
		if (!map->span[i] || map->span[i] == last)
			continue;
		last = map->span[i];
		err = own_note(w, (uintptr_t)last);
		w->lead[w->n].tail = (uintptr_t)map->tail;
		w->lead[w->n].hidden = !map->class[i];
		w->lead[w->n].span = (uintptr_t)last;
		w->lead[w->n++].page = start + (i << PAGE_SHIFT);
		if (!err && w->n == BATCH)
			err = leads_follow(w);
	}
	for (i = 0; !err && w->flags & SHIM_BLOCKS && i < AREA_BLOCKS; i++) {
		struct lead *r;

		if (!map->block[i])
			continue;
		r = grow(w->record, w->nr_record, &w->record_room, sizeof(*r));
		if (!r) {
			err = -ENOMEM;
			break;
		}
		w->record = r;
		r[w->nr_record].span = (uintptr_t)map->block[i];
		r[w->nr_record++].page = start + (i << BLOCK_SHIFT);
	}
	free(map);
	return err;
}

/* Every area that the heap was ever in, from the lowest address up. */
static int areas_walk(struct walk *w)
{
	uintptr_t entry[512];
	int err = shim_read(w->s, (uintptr_t)w->s->at.pagemap, &w->map,
			    sizeof(w->map));

	if (!err)
		err = shim_read(w->s, (uintptr_t)w->s->at.sizes, w->sizes,
				sizeof(w->sizes));
	size_t at, n, k;

	if (!err && w->map.count > PAGEMAP_AREAS)
		err = -EINVAL;
	for (at = err ? 0 : w->map.count; !err && at; at -= n) {
		n = at < 512 ? at : 512;
		err = shim_read(w->s, (uintptr_t)(w->map.root + at - n), entry,
				n * sizeof(entry[0]));
		for (k = n; !err && k--;) {
			uint64_t index = PAGEMAP_AREAS - 1 - (at - n + k);

			if (entry[k])
				err = area_walk(w, index, (uintptr_t)
						pagemap_entry_area(entry[k], index << AREA_SHIFT));
		}
	}
	return err ? err : leads_follow(w);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int by_start(const void *a, const void *b)
{
	const struct shim_object *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/*
 * What of the free pages is kept, and for how long: as scavenger.c has it.  A
 * swing of this window counts until the end of the next one.
 */
static int demand_read(const struct shim *s, struct shim_heap *heap)
{
	const struct pageheap *h = &heap->heap;
	struct scavenger sc;
	struct timespec now;
	uint64_t ns, end, up_to;
	size_t limit;
	int err;

	err = shim_read(s, (uintptr_t)s->at.scavenger, &sc, sizeof(sc));
	if (!err)
		err = shim_read(s, (uintptr_t)s->at.limit, &limit,
				sizeof(limit));
	if (err)
		return err;
	heap->limit = limit;
	heap->slack = h->inuse / SCAVENGER_SLACK * PAGE_SIZE;
	up_to = h->valley + (h->swing > sc.swing ? h->swing : sc.swing);
	if (up_to <= h->inuse)
		return 0;
	heap->demand = (up_to - h->inuse) * PAGE_SIZE;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	end = sc.window_ns + SCAVENGER_WINDOW_NS *
	      (h->swing >= sc.swing ? 2 : 1);
	heap->demand_seconds = end > ns ? (double)(end - ns) / 1e9 : 0;
	return 0;
}

static void sums_make(struct shim_heap *heap)
{
	unsigned int i;

	for (i = 1; i <= SIZECLASS_COUNT; i++) {
		heap->allocated += heap->cls[i].live * heap->size[i];
		heap->cached += heap->cls[i].cached * heap->size[i];
		heap->central += heap->cls[i].free * heap->size[i];
	}
	heap->inuse = heap->heap.inuse * PAGE_SIZE;
	/* both were read while the process ran on */
	heap->inuse -= heap->meshed < heap->inuse ? heap->meshed : heap->inuse;
	heap->idle = heap->heap.idle * PAGE_SIZE;
	heap->mapped = heap->heap.mapped;
}

/* The block at an address, appended if it is a new one. */
static struct shim_block *block_note(struct shim_heap *heap, size_t *room,
				     uint64_t start)
{
	struct shim_block *b;

	if (heap->nr_blocks &&
	    heap->blocks[heap->nr_blocks - 1].start == start)
		return &heap->blocks[heap->nr_blocks - 1];
	b = grow(heap->blocks, heap->nr_blocks, room, sizeof(*b));
	if (!b)
		return NULL;
	heap->blocks = b;
	b += heap->nr_blocks++;
	memset(b, 0, sizeof(*b));
	b->start = start;
	b->free = true;
	return b;
}

static struct shim_block *block_find(struct shim_heap *heap, uint64_t start)
{
	size_t low = 0, high = heap->nr_blocks;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (heap->blocks[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < heap->nr_blocks && heap->blocks[low].start == start ?
	       &heap->blocks[low] : NULL;
}

/* Blocks with spans in them, from the spans; the rest from their records. */
static int blocks_make(struct walk *w)
{
	struct shim_heap *heap = w->heap;
	size_t room = 0, i;

	for (i = 0; i < w->nr_objects; i++) {
		const struct shim_object *o = &w->objects[i];
		uint64_t at = o->start;
		uint64_t end = at + ((uint64_t)o->pages << PAGE_SHIFT);

		while (at < end) {
			uint64_t start = at & ~(uint64_t)(BLOCK_SIZE - 1);
			uint64_t stop = start + BLOCK_SIZE;
			struct shim_block *b = block_note(heap, &room, start);

			if (!b)
				return -ENOMEM;
			if (stop > end)
				stop = end;
			b->free = false;
			b->used += (uint16_t)((stop - at) >> PAGE_SHIFT);
			/* unless a record says otherwise */
			b->span = true;
			b->whole = true;
			at = stop;
		}
	}
	for (i = 0; i < w->nr_record; i++) {
		struct shim_block *b = block_find(heap, w->record[i].page);
		struct block rec;

		if (!b || shim_read(w->s, w->record[i].span, &rec,
				    sizeof(rec)))
			continue;
		if (rec.start == b->start && rec.backend < BACKEND_NR)
			heap->by_backend[rec.backend]++;
		if (rec.start != b->start || rec.state != BLOCK_PART)
			continue;
		b->span = false;
		b->whole = rec.whole;
	}
	return 0;
}

int shim_heap_read(const struct shim *s, struct shim_heap *heap,
		   unsigned int flags)
{
	struct walk *w = calloc(1, sizeof(*w));
	int err;

	memset(heap, 0, sizeof(*heap));
	if (!w)
		return -ENOMEM;
	w->s = s;
	w->heap = heap;
	w->flags = flags;
	err = areas_walk(w);
	if (!err && w->nr_objects)
		qsort(w->objects, w->nr_objects, sizeof(*w->objects),
		      by_start);
	if (!err && heap->nr_records)
		qsort(heap->records, heap->nr_records, sizeof(uint64_t),
		      by_number);
	if (!err && flags & SHIM_BLOCKS)
		err = blocks_make(w);
	if (flags & SHIM_OBJECTS) {
		heap->objects = w->objects;
		heap->nr_objects = w->nr_objects;
	} else {
		free(w->objects);
	}
	if (!err)
		err = shim_caches_read(s, heap);
	if (!err)
		err = shim_read(s, (uintptr_t)s->at.heap, &heap->heap,
				sizeof(heap->heap));
	if (!err)
		err = demand_read(s, heap);
	if (!err)
		sums_make(heap);
	else
		shim_heap_free(heap);
	free(w->record);
	free(w);
	return err;
}

void shim_heap_free(struct shim_heap *heap)
{
	free(heap->blocks);
	free(heap->objects);
	free(heap->mixed);
	free(heap->records);
	free(heap->areas);
	heap->records = NULL;
	heap->areas = NULL;
	heap->nr_records = 0;
	heap->nr_areas = 0;
	heap->blocks = NULL;
	heap->objects = NULL;
	heap->mixed = NULL;
	heap->nr_blocks = 0;
	heap->nr_objects = 0;
	heap->nr_mixed = 0;
}

void shim_mark(const struct shim_heap *heap, struct maps *maps)
{
	size_t i, k = 0;

	for (i = 0; i < maps->n; i++) {
		struct map *m = &maps->v[i];

		while (k < heap->nr_blocks &&
		       heap->blocks[k].start + BLOCK_SIZE <= m->start)
			k++;
		if (m->kind == KIND_ANON && k < heap->nr_blocks &&
		    heap->blocks[k].start < m->end)
			m->kind = KIND_HEAP;
	}
}
