/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * roots: where pointers into the collected heap come from.
 *
 *  - writable segments of the program and of every shared object;
 *  - ranges that were registered;
 *  - of each thread: its stack, its registers, its thread-local storage;
 *  - stacks that a library of coroutines knows of;
 *  - objects that were pinned (special has them).
 *
 * The collector's own records are not roots, nor in any segment, since they are
 * mapped.
 */
#ifndef SHIM_ROOTS_H
#define SHIM_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kind of a range. */
enum roots_kind {
	ROOTS_DATA,		/* segment or registered range */
	/* stack and registers; pointers to the end of an object count */
	ROOTS_STACK,
	ROOTS_TLS,
};

typedef void (*roots_fn)(uintptr_t low, uintptr_t high, enum roots_kind kind);

/**
 * roots_add - register a range
 * @low: first byte
 * @high: behind the last
 *
 * Its aligned words are scanned.  If it is not mapped or not readable when a
 * collection comes, it is left out, reported and counted.
 *
 * Return: 0, EINVAL or ENOMEM.
 */
int roots_add(uintptr_t low, uintptr_t high);

/**
 * roots_remove - stop scanning a range
 * @low: first byte
 * @high: behind the last; parts of a registered range outside of it stay
 *
 * Return: 0, or ENOMEM if there is no memory for the parts that stay.
 */
int roots_remove(uintptr_t low, uintptr_t high);

/**
 * roots_skip - leave a range of the data segments out
 * @low: first byte
 * @high: behind the last
 *
 * Return: 0, EINVAL or ENOMEM.
 */
int roots_skip(uintptr_t low, uintptr_t high);

/**
 * roots_on_stacks - set the function that finds stacks which belong to no
 *	thread
 * @each: called with the world stopped; calls its argument for each
 */
void roots_on_stacks(void (*each)(void (*fn)(const void *low, const void *high)));

/**
 * roots_set_segments - decide whether data segments are roots
 * @on: true (the default), or false: registered ranges only
 */
void roots_set_segments(bool on);

/**
 * roots_stop - stop the world and collect its roots
 *
 * Both happen with the dynamic linker's lock held, so that no object is loaded
 * or unloaded in between.  Locks as for stop_world().
 *
 * Return: as stop_world(); false, too, if there is no memory for the list.
 */
bool roots_stop(void);

/**
 * roots_each - visit every range
 * @fn: called with it
 * @stacks: include stacks of threads and coroutines
 * @sp: where the caller's own stack ends
 *
 * The world is stopped.
 */
void roots_each(roots_fn fn, bool stacks, uintptr_t sp);

/**
 * roots_bytes - how many bytes the last roots_each() visited
 */
size_t roots_bytes(void);

/**
 * roots_count - add what was visited beside that
 * @n: bytes
 */
void roots_count(size_t n);

/**
 * roots_lost - registered ranges that could not be read, ever
 */
uint64_t roots_lost(void);

void roots_fork_prepare(void);
void roots_fork_done(void);

#endif /* SHIM_ROOTS_H */
