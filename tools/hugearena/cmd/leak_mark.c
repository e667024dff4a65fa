// SPDX-License-Identifier: GPL-2.0-only
/*
 * leak_mark: which objects can be reached.
 *
 * Conservative: any aligned word whose value is an address inside an object
 * keeps that object.  Roots are the registers, and all writable memory that is
 * not the heap's and not libshim's own; of each stack only what is above its
 * thread's stack pointer.  The bounds of objects are exact, from their spans;
 * those in caches are free.  An object that has several slots of a span is that of
 * its first slot: the others have no mark.
 *
 * libshim's records hold addresses of objects that are none of the program's
 * pointers: descriptors, slabs, tables.  They are in mappings of their own, which
 * the kernel keeps apart from others because huge pages are switched off there; a
 * mapping that has a record is left out, as are the areas of the heap, free memory
 * of which holds what was in it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "leak.h"
#include "base/out.h"
#include "read/pages.h"
#include "read/sample.h"

#define CHUNK		((size_t)256 << 10)
/* 512 entries are 16 MiB of most classes: as much as a processor's caches. */
#define SAMPLE_ENTRIES	512

/* Entry of heap.objects, and 1, for each page of 64 MiB. */
struct leak_area {
	uint64_t start;
	uint32_t entry[AREA_PAGES];
};

/* The object at an address: its number, and 1; 0 if none is there. */
static size_t object_at(const struct leak *leak, uint64_t p)
{
	size_t low = 0, high = leak->nr_areas, n;
	const struct shim_object *o;
	const struct leak_area *area;
	uint32_t entry;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (leak->area[mid].start <= p)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return 0;
	area = &leak->area[low - 1];
	if (p - area->start >= AREA_SIZE)
		return 0;
	entry = area->entry[(p - area->start) >> PAGE_SHIFT];
	if (!entry)
		return 0;
	o = &leak->heap.objects[entry - 1];
	n = (p - o->start) / o->size;
	if (n >= o->n || (o->free[n / 64] >> n % 64 & 1))
		return 0;
	n = shim_object_head(&leak->heap, o, n);
	return leak->first[entry - 1] + n + 1;
}

static int index_make(struct leak *leak)
{
	const struct shim_heap *heap = &leak->heap;
	struct leak_area *area = NULL;
	size_t i, k;

	leak->first = calloc(heap->nr_objects + 1, sizeof(*leak->first));
	if (!leak->first)
		return -ENOMEM;
	for (i = 0; i < heap->nr_objects; i++) {
		const struct shim_object *o = &heap->objects[i];

		leak->first[i] = leak->n;
		leak->n += o->n;
		for (k = 0; k < o->pages; k++) {
			uint64_t p = o->start + k * PAGE_SIZE;
			uint64_t start = p & ~(uint64_t)(AREA_SIZE - 1);

			if (!area || area->start != start) {
				area = realloc(leak->area,
					       (leak->nr_areas + 1) *
					       sizeof(*area));
				if (!area)
					return -ENOMEM;
				leak->area = area;
				area += leak->nr_areas++;
				memset(area, 0, sizeof(*area));
				area->start = start;
			}
			area->entry[(p - start) >> PAGE_SHIFT] =
				(uint32_t)i + 1;
		}
	}
	if (leak->nr_areas) {
		leak->low = leak->area[0].start;
		leak->high = area->start + AREA_SIZE;
	}
	leak->mark = calloc(leak->n + 1, 1);
	leak->copy = calloc(heap->nr_objects + 1, sizeof(*leak->copy));
	return leak->mark && leak->copy ? 0 : -ENOMEM;
}

/* Entry of heap.objects that has the object with a number. */
static size_t entry_of(const struct leak *leak, size_t nr)
{
	size_t low = 0, high = leak->heap.nr_objects;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (leak->first[mid] <= nr)
			low = mid + 1;
		else
			high = mid;
	}
	return low - 1;
}

struct work {
	struct leak *leak;
	enum leak_mark as;
	size_t *list;		/* objects whose content is to be scanned */
	size_t n, room;
	size_t self;		/* the object that is scanned, and 1 */
	uint64_t done, bytes;	/* objects, and memory of any kind */
};

static int work_add(struct work *w, size_t nr)
{
	if (w->n == w->room) {
		size_t want = w->room ? 2 * w->room : 4096;
		size_t *list = realloc(w->list, want * sizeof(*list));

		if (!list)
			return -ENOMEM;
		w->list = list;
		w->room = want;
	}
	w->list[w->n++] = nr;
	return 0;
}

static int word_look(struct work *w, uint64_t word)
{
	struct leak *leak = w->leak;
	size_t nr;

	nr = object_at(leak, word);
	if (!nr || nr == w->self)
		return 0;
	if (w->as == LEAK_INNER) {
		if (leak->mark[nr - 1] == LEAK_LOST)
			leak->mark[nr - 1] = LEAK_INNER;
		return 0;
	}
	if (leak->mark[nr - 1] != LEAK_NONE)
		return 0;
	leak->mark[nr - 1] = (unsigned char)w->as;
	return work_add(w, nr - 1);
}

static int words_look(struct work *w, const uint64_t *word, size_t n)
{
	const struct leak *leak = w->leak;
	int err = 0;
	size_t i;

	for (i = 0; !err && i < n; i++)
		/* most words are no address at all */
		if (word[i] - leak->low < leak->high - leak->low)
			err = word_look(w, word[i]);
	w->bytes += n * sizeof(*word);
	return err;
}

/*
 * Bytes of the process that could be read from an address on.  It stands still
 * or is ours: it is the same program all the time.
 */
static size_t memory_read(const struct leak *leak, uint64_t addr, void *buf,
			  size_t len)
{
	struct iovec local = { buf, len };
	struct iovec remote = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_readv(leak->shim->pid, &local, 1, &remote, 1, 0);

	return n > 0 ? (size_t)n : 0;
}

/* Memory that is not there (a guard page, a hole) has no pointers. */
static int range_scan(struct work *w, uint64_t start, uint64_t end)
{
	static uint64_t buf[CHUNK / sizeof(uint64_t)];
	int err = 0;

	start = (start + 7) & ~(uint64_t)7;
	end &= ~(uint64_t)7;
	while (!err && start < end) {
		size_t len = end - start < CHUNK ? end - start : CHUNK;
		size_t got = memory_read(w->leak, start, buf, len);

		err = words_look(w, buf, got / sizeof(buf[0]));
		if (got < len)	/* on with the page after what is missing */
			got += OS_PAGE - (start + got) % OS_PAGE;
		start += got;
		if (w->leak->deadline && sample_now() > w->leak->deadline)
			return -ETIME;
	}
	return err;
}

/*
 * The memory of an entry with several objects: read at once, as a system call
 * costs more than most objects.  NULL if there is no room.
 */
static char *copy_get(struct leak *leak, size_t entry)
{
	const struct shim_object *o = &leak->heap.objects[entry];
	size_t len = (size_t)o->n * o->size;

	if (leak->copy[entry] || o->n < 2 || len > leak->room)
		return leak->copy[entry];
	leak->copy[entry] = malloc(len);
	if (!leak->copy[entry])
		return NULL;
	if (memory_read(leak, o->start, leak->copy[entry], len) < len) {
		free(leak->copy[entry]);
		leak->copy[entry] = NULL;
		return NULL;
	}
	leak->room -= len;
	return leak->copy[entry];
}

static int object_scan(struct work *w, size_t nr)
{
	size_t entry = entry_of(w->leak, nr), skip;
	const struct shim_object *o = &w->leak->heap.objects[entry];
	const char *copy = copy_get(w->leak, entry);
	uint64_t size;
	int err;

	nr -= w->leak->first[entry];
	skip = nr * o->size;
	size = shim_object_size(&w->leak->heap, o, nr);
	w->self = w->leak->first[entry] + nr + 1;
	/* objects of sizes that are no multiple of 8 are not aligned */
	if (copy && size % 8 == 0)
		err = words_look(w, (const uint64_t *)(copy + skip), size / 8);
	else
		err = range_scan(w, o->start + skip, o->start + skip + size);
	w->self = 0;
	if (++w->done % 1024)
		return err;
	out_progress("following pointers", w->done, w->leak->n);
	if (w->leak->deadline && sample_now() > w->leak->deadline)
		return -ETIME;
	return err;
}

static int work_drain(struct work *w)
{
	int err = 0;

	while (!err && w->n)
		err = object_scan(w, w->list[--w->n]);
	return err;
}

/*
 * A stack is a mapping that a stack pointer points into; what is below it does
 * not count.
 */
static uint64_t stack_low(const struct leak *leak, const struct map *m)
{
	uint64_t low = m->start;
	size_t i, n = 0;

	for (i = 0; i < leak->stop->n; i++) {
		uint64_t sp = leak->stop->v[i].sp;

		/* the red zone belongs to the function that runs */
		if (sp < m->start || sp >= m->end)
			continue;
		low = sp - 128 > m->start ? sp - 128 : m->start;
		n++;
	}
	return n == 1 ? low : m->start;
}

/* All of a mapping from @start on, but for the heap's areas. */
static int root_scan(struct work *w, uint64_t start, uint64_t end)
{
	const struct shim_heap *heap = &w->leak->heap;
	uint64_t next, from;
	int err = 0;
	size_t i;

	for (i = 0; !err && i < heap->nr_areas && start < end; i++) {
		from = heap->areas[i];
		next = from + AREA_SIZE;
		if (next <= start || from >= end)
			continue;
		if (from > start)
			err = range_scan(w, start, from);
		start = next;
	}
	return !err && start < end ? range_scan(w, start, end) : err;
}

/* Is any of libshim's records in a mapping?  Then all of it is libshim's. */
static bool is_own(const struct leak *leak, const struct map *m)
{
	size_t low = 0, high = leak->heap.nr_records;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (leak->heap.records[mid] < m->start)
			low = mid + 1;
		else
			high = mid;
	}
	return low < leak->heap.nr_records &&
	       leak->heap.records[low] < m->end;
}

static bool is_root(const struct leak *leak, const struct map *m)
{
	if (m->perms[0] != 'r' || m->perms[1] != 'w' ||
	    m->kind == KIND_ARENA || m->kind == KIND_KERNEL)
		return false;
	/* reading the memory of a device may have effects */
	if (m->kind == KIND_FILE && !strncmp(m->name, "/dev/", 5) &&
	    strncmp(m->name, "/dev/shm/", 9) &&
	    strncmp(m->name, "/dev/zero", 9))
		return false;
	if (is_own(leak, m))
		return false;
	/* libshim's own data, unless it is linked in */
	return m->kind != KIND_LIBRARY || strcmp(m->name, leak->shim->path);
}

static int roots_mark(struct work *w)
{
	const struct leak *leak = w->leak;
	const struct map *before = NULL;
	int err = 0;
	size_t i, k;

	for (i = 0; i < leak->stop->n; i++)
		for (k = 0; !err && k < STOP_REGS; k++)
			err = word_look(w, leak->stop->v[i].reg[k]);
	for (i = 0; !err && i < leak->maps.n; i++) {
		const struct map *m = &leak->maps.v[i];
		/* the bss of libshim follows its data */
		bool own = !m->name[0] && before && before->end == m->start &&
			   before->kind == KIND_LIBRARY &&
			   !strcmp(before->name, leak->shim->path);

		before = m;
		if (own || !is_root(leak, m))
			continue;
		out_progress("looking at roots", i, leak->maps.n);
		err = root_scan(w, stack_low(leak, m), m->end);
		if (!err)
			err = work_drain(w);
	}
	return err ? err : work_drain(w);
}

/* What was not reached is lost; what lost objects point to, inner. */
static int lost_mark(struct work *w)
{
	struct leak *leak = w->leak;
	size_t i, k;
	int err = 0;

	for (i = 0; i < leak->heap.nr_objects; i++) {
		const struct shim_object *o = &leak->heap.objects[i];

		for (k = 0; k < o->n; k++) {
			size_t nr = leak->first[i] + k;

			if (shim_object_head(&leak->heap, o, k) == k &&
			    !(o->free[k / 64] >> k % 64 & 1) &&
			    leak->mark[nr] == LEAK_NONE)
				leak->mark[nr] = LEAK_LOST;
		}
	}
	w->as = LEAK_INNER;
	for (i = 0; !err && i < leak->n; i++) {
		if (leak->mark[i] == LEAK_LOST || leak->mark[i] == LEAK_INNER)
			err = object_scan(w, i);
	}
	return err;
}

/* For copies of the heap: half of what the machine has left. */
static uint64_t room_get(void)
{
	long long left = proc_meminfo("/proc/meminfo", "MemAvailable");

	return left > 0 ? (uint64_t)left / 2 : 0;
}

int leak_find(struct leak *leak)
{
	struct work w = { .leak = leak, .as = LEAK_REACHED };
	int err;

	leak->room = room_get();

	err = proc_maps(leak->shim->pid, &leak->maps, false);
	if (!err)
		err = shim_heap_read(leak->shim, &leak->heap,
				     SHIM_OBJECTS);
	if (!err)
		err = index_make(leak);
	if (!err)
		err = roots_mark(&w);
	if (!err)
		err = lost_mark(&w);
	out_progress(NULL, 0, 0);
	free(w.list);
	return err;
}

/* Bytes of roots that have memory. */
static uint64_t roots_size(const struct leak *leak)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < leak->maps.n; i++)
		if (is_root(leak, &leak->maps.v[i]) &&
		    leak->maps.v[i].kind != KIND_HEAP)
			sum += leak->maps.v[i].rss;
	return sum;
}

int leak_estimate(const struct shim *shim, struct leak_cost *cost)
{
	struct leak leak = { .shim = shim };
	struct work w = { .leak = &leak, .as = LEAK_REACHED };
	uint64_t begin = sample_now(), walked;
	size_t i, k, step;
	int err;

	err = proc_maps(shim->pid, &leak.maps, true);
	if (!err)
		err = shim_heap_read(shim, &leak.heap, SHIM_OBJECTS | SHIM_BLOCKS);
	if (!err)
		err = index_make(&leak);
	walked = sample_now();
	if (!err)
		shim_mark(&leak.heap, &leak.maps);
	leak.room = room_get();
	/* objects from everywhere: what is near is in the processor's caches */
	step = leak.heap.nr_objects / SAMPLE_ENTRIES + 1;
	for (i = 0; !err && i < leak.heap.nr_objects; i += step) {
		const struct shim_object *o = &leak.heap.objects[i];

		for (k = 0; !err && k < o->n; k++)
			if (shim_object_head(&leak.heap, o, k) == k)
				err = object_scan(&w, leak.first[i] + k);
	}
	out_progress(NULL, 0, 0);
	if (!err) {
		cost->objects = leak.n;
		cost->bytes = leak.heap.allocated + roots_size(&leak);
		cost->seconds = (double)(walked - begin) / 1e9;
		if (w.bytes)
			cost->seconds += (double)(sample_now() - walked) / 1e9 *
				(double)cost->bytes / (double)w.bytes;
	}
	free(w.list);
	leak_free(&leak);
	return err;
}

void leak_free(struct leak *leak)
{
	size_t i;

	for (i = 0; leak->copy && i < leak->heap.nr_objects; i++)
		free(leak->copy[i]);
	free(leak->copy);
	shim_heap_free(&leak->heap);
	proc_maps_free(&leak->maps);
	free(leak->mark);
	free(leak->first);
	free(leak->area);
}
