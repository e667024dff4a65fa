/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * table: records found by an address, for finalizers, weak references and pins.
 *
 * Its owner's lock guards a table.  Records are not scanned, and stay where they
 * are until they are deleted.
 */
#ifndef SHIM_GC_TABLE_H
#define SHIM_GC_TABLE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct table_entry - a record
 * @next: in its bucket, or on its owner's list
 * @key: what it is found by
 * @obj: the object
 * @fn: finalizers: what to call
 * @arg: finalizers: with what; ephemerons: the value; pins: how often
 * @flags: its owner's
 */
struct table_entry {
	struct table_entry *next;
	uintptr_t key;
	uintptr_t obj;
	void (*fn)(void *obj, void *arg);
	uintptr_t arg;
	unsigned int flags;
};

/**
 * struct table - a hash of them; zero is empty
 */
struct table {
	struct table_entry **bucket;
	size_t size;
	size_t n;
	struct table_entry *unused;
};

/**
 * table_find - the record of a key
 * @t: the table
 * @key: the key
 *
 * Return: the record or NULL.
 */
struct table_entry *table_find(struct table *t, uintptr_t key);

/**
 * table_add - make a record
 * @t: the table
 * @key: a key that is not in it
 *
 * Not with the world stopped.
 *
 * Return: the record, all else zero, or NULL if there is no memory.
 */
struct table_entry *table_add(struct table *t, uintptr_t key);

/**
 * table_del - delete a record
 * @t: the table
 * @e: the record, in the table
 */
void table_del(struct table *t, struct table_entry *e);

/**
 * table_unlink - take a record out without deleting it
 * @t: the table
 * @e: the record, in the table; table_recycle() deletes it later
 */
void table_unlink(struct table *t, struct table_entry *e);
void table_recycle(struct table *t, struct table_entry *e);

/**
 * table_each - every record; @fn may delete or unlink the one it is given
 * @t: the table
 * @fn: called with each
 * @arg: for it
 */
void table_each(struct table *t,
		void (*fn)(struct table *t, struct table_entry *e, void *arg),
		void *arg);

#endif /* SHIM_GC_TABLE_H */
