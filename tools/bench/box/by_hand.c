// SPDX-License-Identifier: GPL-2.0-only
/*
 * by_hand: what Documentation/examples/http_server.c needs of libshim-box, with a
 * malloc() and a free() for every object, as a program without it has: the peer of
 * bench-box-http.  Who frees objects one by one must remember them: 16 bytes each
 * here, in a list.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "shim_heap.h"
#include "shim_region.h"

struct object {
	struct object *next;
	struct object **prev;
};

struct region {
	struct shim_region r;	/* no room: each object comes by here */
	struct object *objs;
};

static void *add(struct object **list, size_t size)
{
	struct object *o;

	if (size > PTRDIFF_MAX) {
		errno = ENOMEM;
		return NULL;
	}
	o = malloc(sizeof(*o) + size);
	if (!o)
		return NULL;
	o->next = *list;
	o->prev = list;
	if (o->next)
		o->next->prev = &o->next;
	*list = o;
	return o + 1;
}

static void free_all(struct object **list)
{
	struct object *o, *next;

	for (o = *list; o; o = next) {
		next = o->next;
		free(o);
	}
	*list = NULL;
}

struct shim_region *shim_region_new(size_t first, unsigned int flags)
{
	struct region *g = calloc(1, sizeof(*g));

	(void)first;
	(void)flags;
	return g ? &g->r : NULL;
}

void *shim_region_more(struct shim_region *r, size_t size)
{
	return add(&((struct region *)r)->objs, size);
}

void shim_region_reset(struct shim_region *r)
{
	free_all(&((struct region *)r)->objs);
}

void shim_region_free(struct shim_region *r)
{
	if (r)
		shim_region_reset(r);
	free(r);
}

struct shim_heap {
	pthread_mutex_t lock;
	struct object *objs;
};

struct shim_heap *shim_heap_new(unsigned int flags)
{
	struct shim_heap *heap = calloc(1, sizeof(*heap));

	(void)flags;
	if (heap)
		pthread_mutex_init(&heap->lock, NULL);
	return heap;
}

/* Limits are not implemented here. */
void shim_heap_set_limit(struct shim_heap *heap, size_t bytes)
{
	(void)heap;
	(void)bytes;
}

void *shim_heap_alloc(struct shim_heap *heap, size_t size)
{
	void *p;

	pthread_mutex_lock(&heap->lock);
	p = add(&heap->objs, size);
	pthread_mutex_unlock(&heap->lock);
	return p;
}

void shim_heap_free(struct shim_heap *heap, void *p)
{
	struct object *o = (struct object *)p - 1;

	if (!p)
		return;
	pthread_mutex_lock(&heap->lock);
	*o->prev = o->next;
	if (o->next)
		o->next->prev = o->prev;
	pthread_mutex_unlock(&heap->lock);
	free(o);
}

void shim_heap_destroy(struct shim_heap *heap)
{
	if (heap)
		free_all(&heap->objs);
	free(heap);
}
