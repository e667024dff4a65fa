// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * pageheap_mesh: two spans with one span's memory.
 *
 * Keeps true: a block with meshed pages, on either side of a pair, is not joined:
 * that would give each alias memory of its own, which is correct but for
 * nothing.  ph.meshed is the number of OS pages that aliases share, and
 * block.nmeshed counts them once for each of the two blocks.
 *
 * Called with the lock of the spans' class held, so that no fork is between the
 * two halves of a call.  Protected by ph.lock, which is dropped while the backend
 * works.  Called by span.
 */
#include <errno.h>
#include <string.h>

#include "pageheap_int.h"
#include "pageheap_mesh.h"

#define OS_PAGE		4096u

const char *pageheap_mesh_why_not(void)
{
	const struct backend_ops *ops;

	shim_lock_acquire(&ph.lock);
	ops = backend_ops(backend_first());
	shim_lock_release(&ph.lock);
	if (!ops->mesh)
		return "the memory is not the module's";
	return ops->can_mesh() ? NULL : "the module cannot do it";
}

bool pageheap_can_mesh(const struct span *s)
{
	/* a block never changes its backend */
	return backend_ops(block_at(s->start)->backend)->mesh;
}

/* Why a pair cannot be meshed now; 0 if it can. */
static int pair_refused(const struct mesh_pair *p)
{
	struct block *d = block_at(p->dst), *s = block_at(p->src);

	if (d->state != BLOCK_PART || s->state != BLOCK_PART ||
	    d->backend != s->backend || !backend_ops(s->backend)->mesh)
		return -EOPNOTSUPP;
	if (d->joining || s->joining)
		return -EBUSY;
	return d->whole || s->whole ? -EAGAIN : 0;
}

/* @n OS pages of @src are @dst's, or with a negative number are not any more. */
static void meshed_add(uintptr_t dst, uintptr_t src, int n)
{
	block_at(dst)->nmeshed += (uint16_t)n;
	block_at(src)->nmeshed += (uint16_t)n;
	ph.meshed += (size_t)(ptrdiff_t)n;
}

static void refused_count(int err)
{
	switch (err) {
	case -EBUSY:
		ph.mesh.busy++;
		break;
	case -ENOENT:
		ph.mesh.absent++;
		break;
	case -EAGAIN:
		ph.mesh.whole++;
		break;
	default:
		ph.mesh.failed++;
		break;
	}
}

/*
 * A page had no memory, or the module had made a block whole: see to it that it
 * is different next time.
 */
static void ready_make(const struct backend_ops *ops,
		       const struct mesh_pair *p)
{
	ops->apart(p->dst & ~(BLOCK_SIZE - 1));
	ops->apart(p->src & ~(BLOCK_SIZE - 1));
	ops->fill(p->dst, p->len);
	ops->fill(p->src, p->len);
}

unsigned int pageheap_mesh(struct mesh_pair *pairs, unsigned int nr,
			   struct mesh_move *moves)
{
	unsigned int n = 0, at = 0, m = 0, done = 0, i;
	struct mesh_pair v[MESH_PAIRS];
	unsigned int which[MESH_PAIRS];
	struct transit_of of = { .what = TRANSIT_PURGE };
	const struct backend_ops *ops = NULL;
	int way;

	shim_lock_acquire(&ph.lock);
	for (i = 0; i < nr; at += pairs[i++].nr_moves) {
		struct mesh_pair *p = &pairs[i];

		p->result = pair_refused(p);
		if (p->result)
			continue;
		memmove(moves + m, moves + at, p->nr_moves * sizeof(*moves));
		m += p->nr_moves;
		v[n] = *p;
		which[n++] = i;
		/* not joined from here on */
		meshed_add(p->dst, p->src, (int)(p->len / OS_PAGE));
	}
	if (n) {
		of.block = block_at(v[0].src);
		of.block->releasing++;
		ops = backend_ops(of.block->backend);
		way = transit_leave(&of);
		ops->mesh(v, n, moves);
		for (i = 0; i < n; i++)
			if (v[i].result == -ENOENT)
				ready_make(ops, &pairs[which[i]]);
		transit_enter(way);
		of.block->releasing--;
	}
	for (i = 0, m = 0; i < n; i++) {
		struct mesh_pair *p = &pairs[which[i]];
		uint32_t moved = 0, k;

		for (k = 0; k < p->nr_moves; k++)
			moved += moves[m++].len;
		p->result = v[i].result;
		if (p->result) {
			meshed_add(p->dst, p->src, -(int)(p->len / OS_PAGE));
			continue;
		}
		ph.mesh.meshes++;
		ph.mesh.moved += moved;
		done++;
	}
	for (i = 0; i < nr; i++)
		if (pairs[i].result)
			refused_count(pairs[i].result);
	shim_lock_release(&ph.lock);
	return done;
}

bool pageheap_mesh_is_due(void)
{
	bool whole;

	shim_lock_acquire(&ph.lock);
	whole = ph.whole;
	shim_lock_release(&ph.lock);
	return whole;
}

void pageheap_mesh_begin(bool on)
{
	shim_lock_acquire(&ph.lock);
	ph.meshes = on;
	shim_lock_release(&ph.lock);
}

bool pageheap_mesh_ready(struct span *s)
{
	struct block *b = block_at(s->start);
	uint32_t pages = (1u << s->npages * (PAGE_SIZE / OS_PAGE)) - 1;

	if (!__atomic_load_n(&b->whole, __ATOMIC_RELAXED))
		return true;
	shim_lock_acquire(&ph.lock);
	if (b->state == BLOCK_PART && b->whole &&
	    block_want(b, s, pages & ~(uint32_t)s->purged) && !b->apart &&
	    ph.nr_wanted < PAGEHEAP_WANTED) {
		b->apart = true;
		ph.wanted[ph.nr_wanted++] = b;
	}
	shim_lock_release(&ph.lock);
	return false;
}

bool pageheap_mesh_apart(void)
{
	struct transit_of of = { .what = TRANSIT_PURGE };
	const struct backend_ops *ops;
	struct block *b;
	int way;

	shim_lock_acquire(&ph.lock);
	if (!ph.nr_wanted) {
		shim_lock_release(&ph.lock);
		return false;
	}
	b = ph.wanted[--ph.nr_wanted];
	b->apart = false;
	ops = backend_ops(b->backend);
	if (b->state == BLOCK_PART && b->whole && b->nused && !b->joining &&
	    !b->releasing && ph.part_pages < SPLIT_MAX && ops->mesh) {
		block_split(b);
		b->releasing++;
		of.block = b;
		way = transit_leave(&of);
		/* if it stays whole, pages of it are refused */
		ops->apart(b->start);
		transit_enter(way);
		b->releasing--;
		ph.mesh.apart++;
		runs_insert_unused(b);
	}
	shim_lock_release(&ph.lock);
	return true;
}

unsigned int pageheap_unmesh(const struct mesh_alias *v, unsigned int nr)
{
	struct transit_of of = { .what = TRANSIT_PURGE };
	struct backend_range r[MESH_PAIRS];
	unsigned int i, done;
	int way;

	for (i = 0; i < nr; i++) {
		r[i].start = v[i].span->start;
		r[i].len = v[i].span->npages * PAGE_SIZE;
	}
	shim_lock_acquire(&ph.lock);
	of.block = block_at(r[0].start);
	of.block->releasing++;
	way = transit_leave(&of);
	done = backend_ops(of.block->backend)->release(r, nr);
	transit_enter(way);
	of.block->releasing--;
	ph.nr_release++;
	for (i = 0; i < done; i++) {
		const struct span *s = v[i].span;
		int n = __builtin_popcount(v[i].shared);

		/* the caller takes all of its pages for purged */
		purged_add((int)(s->npages * (PAGE_SIZE / OS_PAGE)) -
			   __builtin_popcount(s->purged));
		if (!n)
			continue;
		meshed_add(v[i].dst, r[i].start, -n);
		ph.mesh.unmeshed += (size_t)n * OS_PAGE;
	}
	ph.mesh.stuck += nr - done;
	shim_lock_release(&ph.lock);
	return done;
}

void pageheap_unshare(const struct mesh_alias *a)
{
	int n = __builtin_popcount(a->shared);

	if (!n)
		return;
	shim_lock_acquire(&ph.lock);
	meshed_add(a->dst, a->span->start, -n);
	ph.mesh.unmeshed += (size_t)n * OS_PAGE;
	shim_lock_release(&ph.lock);
}

void pageheap_free_purged(struct span *s)
{
	struct block *b;

	shim_lock_acquire(&ph.lock);
	b = block_at(s->start);
	block_unwant(s);
	purged_add(-__builtin_popcount(s->purged));
	if (b->state == BLOCK_PART && !b->whole) {
		block_vacate(b, (unsigned int)(s->start % BLOCK_SIZE / PAGE_SIZE),
			     s->npages);
		runs_insert_unused(b);
	} else {
		segment_free(s->start, s->start + s->npages * PAGE_SIZE);
	}
	pageheap_drop(s);
	shim_lock_release(&ph.lock);
}

void pageheap_mesh_get_stat(struct pageheap_mesh_stat *st)
{
	shim_lock_acquire(&ph.lock);
	*st = ph.mesh;
	st->bytes = ph.meshed * OS_PAGE;
	shim_lock_release(&ph.lock);
}
