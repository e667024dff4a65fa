// SPDX-License-Identifier: GPL-2.0-only
/*
 * map_blocks: the heap, drawn as a character for each block.
 *
 * Three sources, each of which may be missing: the module (state, accessed,
 * shared), libshim (pages in spans), the process's pagemap (what is resident).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "read/kmod.h"
#include "map.h"
#include "base/exit.h"
#include "base/out.h"
#include "read/pages.h"

#define UNKNOWN		(-1)
#define PER_LINE	64

/**
 * struct cell - one block
 * @start: first byte
 * @arena: id of its arena, 0 for none
 * @known: the module told what follows
 * @blk: what it told
 * @used: pages of 8 KiB in spans, UNKNOWN without libshim
 * @whole: libshim asked for it as one block
 * @resident: OS pages, UNKNOWN without the right to ask
 */
struct cell {
	uint64_t start, arena;
	bool known;
	struct hugearena_block blk;
	int used;
	bool whole;
	int resident;
};

struct cells {
	struct cell *v;
	size_t n, room;
	int view_err;		/* why an arena could not be inspected */
	unsigned int nr_arenas;
};

static struct cell *cell_add(struct cells *cells, uint64_t start)
{
	struct cell *c;

	if (cells->n == cells->room) {
		size_t want = cells->room ? 2 * cells->room : 256;

		c = realloc(cells->v, want * sizeof(*c));
		if (!c)
			return NULL;
		cells->v = c;
		cells->room = want;
	}
	c = &cells->v[cells->n++];
	memset(c, 0, sizeof(*c));
	c->start = start;
	c->used = UNKNOWN;
	c->resident = UNKNOWN;
	return c;
}

/* The module's blocks of one mapping of an arena. */
static int arena_add(struct cells *cells, const struct map *m)
{
	struct hugearena_block *vec;
	long got = kmod_blocks_read(m->arena, m->offset, m->end - m->start,
				    false, &vec), i;
	int err = got < 0 ? (int)got : 0;

	cells->nr_arenas++;
	for (i = 0; i < got && !err; i++) {
		struct cell *c;

		out_progress("looking at blocks", (uint64_t)i, (uint64_t)got);
		if (vec[i].state == HUGEARENA_BLOCK_ABSENT)
			continue;
		c = cell_add(cells, m->start + (uint64_t)i * KMOD_BLOCK_SIZE);
		if (!c) {
			err = -ENOMEM;
			break;
		}
		c->arena = m->arena;
		c->known = true;
		c->blk = vec[i];
		c->resident = vec[i].pages;
	}
	out_progress(NULL, 0, 0);
	free(vec);
	return err;
}

static int by_start(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int heap_add(struct cells *cells, const struct shim_heap *heap)
{
	size_t known = cells->n, i, k = 0;

	for (i = 0; i < heap->nr_blocks; i++) {
		const struct shim_block *b = &heap->blocks[i];
		struct cell *c;

		while (k < known && cells->v[k].start < b->start)
			k++;
		if (k < known && cells->v[k].start == b->start)
			c = &cells->v[k];
		else
			c = cell_add(cells, b->start);
		if (!c)
			return -ENOMEM;
		c->used = b->used;
		c->whole = b->whole;
	}
	return 0;
}

static void resident_add(struct cells *cells, pid_t pid)
{
	int fd = pages_open(pid);
	size_t i;

	if (fd < 0)
		return;
	for (i = 0; i < cells->n; i++) {
		struct cell *c = &cells->v[i];
		int n;

		if (c->resident != UNKNOWN)
			continue;
		out_progress("counting pages", i, cells->n);
		n = pages_present(fd, c->start);
		if (n >= 0)
			c->resident = n;
	}
	out_progress(NULL, 0, 0);
	close(fd);
}

static bool is_split(const struct cell *c)
{
	return c->known ? c->blk.state == HUGEARENA_BLOCK_SPLIT :
	       c->used != UNKNOWN && !c->whole;
}

static const char *state_name(const struct cell *c)
{
	static const char *const names[] = {
		[HUGEARENA_BLOCK_ABSENT] = "absent",
		[HUGEARENA_BLOCK_WHOLE] = "whole",
		[HUGEARENA_BLOCK_SPLIT] = "split",
		[HUGEARENA_BLOCK_LOST] = "lost",
	};

	if (c->known && c->blk.state < 4)
		return names[c->blk.state];
	return is_split(c) ? "split" : "whole";
}

static json_t *cell_json(const struct cell *c)
{
	json_t *obj = json_object();
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, c->start);
	json_put_text(obj, "start", text);
	json_put_text(obj, "state", state_name(c));
	if (c->arena)
		json_put_int(obj, "arena", c->arena);
	if (c->used != UNKNOWN)
		json_put_int(obj, "used_bytes",
			     (uint64_t)c->used << PAGE_SHIFT);
	if (c->resident != UNKNOWN)
		json_put_int(obj, "resident_bytes",
			     (uint64_t)c->resident * OS_PAGE);
	if (c->known) {
		json_put_bool(obj, "accessed",
			      c->blk.flags & HUGEARENA_BLOCK_ACCESSED);
		json_put_bool(obj, "dirty",
			      c->blk.flags & HUGEARENA_BLOCK_DIRTY);
		json_put_bool(obj, "shared",
			      c->blk.flags & HUGEARENA_BLOCK_SHARED);
		json_put_bool(obj, "mapped_2m",
			      c->blk.flags & HUGEARENA_BLOCK_MAPPED);
		json_put_bool(obj, "pool",
			      c->blk.flags & HUGEARENA_BLOCK_POOL);
		json_put_int(obj, "node", (uint64_t)c->blk.node);
	}
	return obj;
}

/* How full it is, as one of ten characters. */
static char cell_sign(const struct cell *c)
{
	static const char signs[] = ".123456789#";
	int full = c->used != UNKNOWN ? c->used * 10 / (int)BLOCK_PAGES :
		   c->resident != UNKNOWN ?
		   c->resident * 10 / (int)OS_BLOCK_PAGES : 10;

	if (c->known && c->blk.state == HUGEARENA_BLOCK_LOST)
		return '!';
	return signs[full < 0 ? 0 : full > 10 ? 10 : full];
}

static enum out_style cell_style(const struct cell *c)
{
	if (c->known && c->blk.state == HUGEARENA_BLOCK_LOST)
		return OUT_BAD;
	if (c->known && c->blk.flags & HUGEARENA_BLOCK_SHARED)
		return OUT_INFO;
	if (is_split(c))
		return OUT_WARN;
	if (c->known && !(c->blk.flags & HUGEARENA_BLOCK_ACCESSED))
		return OUT_DIM;
	return OUT_GOOD;
}

static void cells_print(const struct cells *cells)
{
	uint64_t line = ~0ULL;
	size_t i;

	for (i = 0; i < cells->n; i++) {
		const struct cell *c = &cells->v[i];
		uint64_t nr = c->start / KMOD_BLOCK_SIZE;
		uint64_t gap = 0;

		if (nr / PER_LINE != line) {
			if (i)
				putchar('\n');
			line = nr / PER_LINE;
			gap = nr % PER_LINE;
			printf("  %012" PRIx64 " ",
			       line * PER_LINE * KMOD_BLOCK_SIZE);
		} else if (i) {
			gap = (c->start - cells->v[i - 1].start) /
			      KMOD_BLOCK_SIZE - 1;
		}
		printf("%*s%s%c%s", (int)gap, "",
		       out_style(cell_style(c)), cell_sign(c),
		       out_style(OUT_PLAIN));
	}
	if (cells->n)
		putchar('\n');
}

static void sums_print(const struct cells *cells, const struct map_job *job)
{
	uint64_t split = 0, shared = 0, accessed = 0, known = 0, used = 0;
	uint64_t resident = 0, nr_used = 0, nr_resident = 0;
	size_t i;

	for (i = 0; i < cells->n; i++) {
		const struct cell *c = &cells->v[i];

		split += is_split(c);
		if (c->known) {
			known++;
			shared += !!(c->blk.flags & HUGEARENA_BLOCK_SHARED);
			accessed += !!(c->blk.flags &
				       HUGEARENA_BLOCK_ACCESSED);
		}
		if (c->used != UNKNOWN) {
			used += (uint64_t)c->used << PAGE_SHIFT;
			nr_used++;
		}
		if (c->resident != UNKNOWN) {
			resident += (uint64_t)c->resident * OS_PAGE;
			nr_resident++;
		}
	}
	out_row("blocks", "%s, %s split", out_count(cells->n),
		out_count(split));
	if (nr_used)
		out_row("in spans", "%s of %s", out_bytes(used),
			out_bytes(nr_used * KMOD_BLOCK_SIZE));
	if (nr_resident)
		out_row("resident", "%s of %s", out_bytes(resident),
			out_bytes(nr_resident * KMOD_BLOCK_SIZE));
	if (known)
		out_row("by the module", "%s accessed, %s shared by fork",
			out_count(accessed), out_count(shared));
	if (cells->view_err)
		out_note("accessed, shared: cannot look at the arena: %s",
			 cells->view_err == -EPERM ? proc_lacks() :
			 strerror(-cells->view_err));
	else if (!known && cells->n)
		out_note("accessed, shared: not known, these blocks are not "
			 "an arena's");
	if (job->shim_err)
		out_note("fill: %s; what is resident is shown instead",
			 shim_strerror(job->shim_err));
	out_note(". nearly empty, 1-9 tenths, # full, ! lost");
}

int map_blocks(struct map_job *job)
{
	struct cells cells = { 0 };
	int err = 0, ret = CMD_OK;
	size_t i;

	for (i = 0; i < job->maps.n; i++) {
		if (!job->maps.v[i].arena)
			continue;
		err = arena_add(&cells, &job->maps.v[i]);
		if (err)
			cells.view_err = err;
	}
	if (cells.n)
		qsort(cells.v, cells.n, sizeof(*cells.v), by_start);
	err = job->shim_err ? 0 : heap_add(&cells, &job->heap);
	if (err) {
		out_error("%s", strerror(-err));
		free(cells.v);
		return CMD_FAILED;
	}
	if (cells.n)
		qsort(cells.v, cells.n, sizeof(*cells.v), by_start);
	resident_add(&cells, job->pid);
	if (out_json) {
		json_t *root = json_object(), *list = json_array();

		json_put_int(root, "pid", (uint64_t)job->pid);
		for (i = 0; i < cells.n; i++)
			json_array_append_new(list, cell_json(&cells.v[i]));
		json_object_set_new(root, "blocks", list);
		json_put_text(root, "arena_unknown", cells.view_err ?
			      strerror(-cells.view_err) : NULL);
		json_put_text(root, "heap_unknown", job->shim_err ?
			      shim_strerror(job->shim_err) : NULL);
		ret = out_print_json(root);
	} else if (!cells.n && job->shim_err && !cells.nr_arenas) {
		out_error("no blocks to draw: no arena, and %s",
			  shim_strerror(job->shim_err));
		ret = exit_errno(job->shim_err);
	} else {
		cells_print(&cells);
		sums_print(&cells, job);
	}
	free(cells.v);
	return ret;
}
