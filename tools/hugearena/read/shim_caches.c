// SPDX-License-Identifier: GPL-2.0-only
/*
 * shim_caches: which objects of another process's heap are in a cache of libshim:
 * those of CPUs, and in transfer.
 *
 * What is counted is slots of the class of their span.  Only an object of a mixed
 * span may be in the cache of another class, so its pointer is looked at there.
 */
#include <errno.h>
#include <stdlib.h>

#include "shim_int.h"

/* Set the free bits of @slots from an address on. */
static void object_cached(struct shim_heap *heap, uint64_t p, uint64_t slots)
{
	size_t low = 0, high = heap->nr_objects;
	struct shim_object *o;
	uint64_t n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (heap->objects[mid].start <= p)
			low = mid + 1;
		else
			high = mid;
	}
	if (!low)
		return;
	o = &heap->objects[low - 1];
	n = (p - o->start) / o->size;
	for (; slots-- && n < o->n && n < 512; n++)
		o->free[n / 64] |= (uint64_t)1 << n % 64;
}

static void class_cached(struct shim_heap *heap, unsigned int cls, uint64_t n)
{
	struct shim_class *c = &heap->cls[cls];

	if (n > c->live)	/* it was freed while we looked */
		n = c->live;
	c->live -= n;
	c->cached += n;
}

static void pointer_cached(struct shim_heap *heap, unsigned int cls, uint64_t p)
{
	const struct shim_mixed *m = shim_mixed_find(heap, p);
	uint64_t slots = 1;

	if (m) {
		slots = shim_mixed_slots(m, (uint32_t)((p - m->start) /
						       m->size));
		cls = m->cls;
	}
	class_cached(heap, cls, slots);
	object_cached(heap, p, slots);
}

/* A class's cache has @n pointers at an address. */
static int stack_read(const struct shim *s, struct shim_heap *heap,
		      unsigned int cls, uint64_t addr, uint64_t n)
{
	uint64_t *p;
	uint64_t i;
	int err;

	if (!n)
		return 0;
	if (!heap->nr_objects && !heap->nr_mixed) {
		class_cached(heap, cls, n);
		return 0;
	}
	p = malloc(n * sizeof(*p));
	if (!p)
		return -ENOMEM;
	err = shim_read(s, addr, p, n * sizeof(*p));
	for (i = 0; !err && i < n; i++)
		pointer_cached(heap, cls, p[i]);
	free(p);
	return err;
}

static int slab_read(const struct shim *s, struct shim_heap *heap,
		     uint64_t addr)
{
	struct percpu_slab slab;
	unsigned int cls, n;
	int err;

	if (!addr || addr == (uintptr_t)s->at.none)
		return 0;
	err = shim_read(s, addr, &slab, sizeof(slab));
	for (cls = 1; !err && cls <= SIZECLASS_COUNT; cls++) {
		n = slab_count(&slab, cls);
		if (n > slab.cap[cls])	/* caught while it was changed */
			continue;
		/* cur is the top object */
		err = stack_read(s, heap, cls,
				 (uintptr_t)(slab.cur[cls] + 1 - n), n);
	}
	return err;
}

/* The transfer caches of a domain. */
static int transfer_read(const struct shim *s, struct shim_heap *heap,
			 uint64_t addr)
{
	struct transfer t[SIZECLASS_COUNT + 1];
	unsigned int i;
	int err;

	err = shim_read(s, addr, t, sizeof(t));
	for (i = 1; !err && i <= SIZECLASS_COUNT; i++) {
		if (t[i].base > t[i].room ||
		    t[i].objs > t[i].room - t[i].base)
			continue;
		err = stack_read(s, heap, i,
				 (uintptr_t)(t[i].slot + t[i].base), t[i].objs);
	}
	return err;
}

int shim_caches_read(const struct shim *s, struct shim_heap *heap)
{
	const struct shim_inspect *at = &s->at;
	uint64_t slabs[PERCPU_MAX_CPUS], locked[PERCPU_MAX_LOCKED];
	uint64_t dom[TRANSFER_DOMAINS];
	struct percpu pc;
	unsigned int i;
	int err;

	err = shim_read(s, (uintptr_t)at->percpu, &pc, sizeof(pc));
	if (!err && pc.ncpus > PERCPU_MAX_CPUS)
		err = -EPROTO;
	if (!err && pc.rseq)
		err = shim_read(s, (uintptr_t)at->hot->slab, slabs,
				pc.ncpus * sizeof(slabs[0]));
	for (i = 0; !err && pc.rseq && i < pc.ncpus; i++)
		err = slab_read(s, heap, slabs[i]);
	if (!err)
		err = shim_read(s, (uintptr_t)at->locked, locked,
				sizeof(locked));
	for (i = 0; !err && i < PERCPU_MAX_LOCKED; i++)
		err = slab_read(s, heap, locked[i]);
	if (!err)
		err = shim_read(s, (uintptr_t)at->transfer, dom,
				sizeof(dom));
	for (i = 0; !err && i < TRANSFER_DOMAINS; i++)
		if (dom[i])
			err = transfer_read(s, heap, dom[i]);
	return err;
}
