// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * table: records found by an address, for finalizers, weak references and pins.
 */
#include <string.h>

#include "gcmeta.h"
#include "table.h"

#define FIRST_SIZE	512	/* buckets: a page */

static size_t slot(const struct table *t, uintptr_t key)
{
	/* Fibonacci hashing: the golden ratio in 64 bits */
	return (size_t)((key >> 3) * 0x9e3779b97f4a7c15ull >> 20) &
	       (t->size - 1);
}

struct table_entry *table_find(struct table *t, uintptr_t key)
{
	struct table_entry *e;

	if (!t->n)
		return NULL;
	for (e = t->bucket[slot(t, key)]; e && e->key != key; e = e->next)
		;
	return e;
}

static void grow(struct table *t)
{
	struct table_entry **old = t->bucket, *e, *next;
	size_t size = t->size, i;

	t->bucket = gcmeta_map((size ? 2 * size : FIRST_SIZE) * sizeof(*old));
	if (!t->bucket) {
		t->bucket = old;	/* accept longer chains then */
		return;
	}
	t->size = size ? 2 * size : FIRST_SIZE;
	for (i = 0; i < size; i++) {
		for (e = old[i]; e; e = next) {
			next = e->next;
			e->next = t->bucket[slot(t, e->key)];
			t->bucket[slot(t, e->key)] = e;
		}
	}
	gcmeta_unmap(old, size * sizeof(*old));
}

struct table_entry *table_add(struct table *t, uintptr_t key)
{
	struct table_entry *e;

	if (t->n >= t->size)
		grow(t);
	if (!t->size)
		return NULL;
	e = t->unused;
	if (e)
		t->unused = e->next;
	else
		e = gcmeta_alloc(sizeof(*e));
	if (!e)
		return NULL;
	memset(e, 0, sizeof(*e));
	e->key = key;
	e->next = t->bucket[slot(t, key)];
	t->bucket[slot(t, key)] = e;
	t->n++;
	return e;
}

void table_unlink(struct table *t, struct table_entry *e)
{
	struct table_entry **at = &t->bucket[slot(t, e->key)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	t->n--;
}

void table_recycle(struct table *t, struct table_entry *e)
{
	e->next = t->unused;
	t->unused = e;
}

void table_del(struct table *t, struct table_entry *e)
{
	table_unlink(t, e);
	table_recycle(t, e);
}

void table_each(struct table *t,
		void (*fn)(struct table *t, struct table_entry *e, void *arg),
		void *arg)
{
	struct table_entry *e, *next;
	size_t i;

	for (i = 0; t->n && i < t->size; i++) {
		for (e = t->bucket[i]; e; e = next) {
			next = e->next;
			fn(t, e, arg);
		}
	}
}
