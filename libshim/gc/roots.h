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
 * The collector's own records are no roots, and in no segment: they are mapped.
 */
#ifndef SHIM_ROOTS_H
#define SHIM_ROOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a range is, for whoever marks it. */
enum roots_kind {
	ROOTS_DATA,		/* segment or registered range */
	ROOTS_STACK,		/* stack and registers: pointers behind an end, too */
	ROOTS_TLS,
};

typedef void (*roots_fn)(uintptr_t low, uintptr_t high, enum roots_kind kind);

/**
 * roots_add - register a range
 * @low: first byte
 * @high: behind the last
 *
 * Whole aligned words of it are looked at.  If it is not mapped or not readable
 * when a collection comes, it is left out, with a message, and counted.
 *
 * Return: 0, EINVAL or ENOMEM.
 */
int roots_add(uintptr_t low, uintptr_t high);

/**
 * roots_remove - no longer look at a range
 * @low: first byte
 * @high: behind the last; what of a registered range is outside stays
 *
 * Return: 0, or ENOMEM if what stays has no room.
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
 * roots_on_stacks - learn of stacks that no thread has
 * @each: called with the world stopped; calls its argument for each
 */
void roots_on_stacks(void (*each)(void (*fn)(const void *low, const void *high)));

/**
 * roots_set_segments - are data segments roots
 * @on: yes, as at first; no: registered ranges only
 */
void roots_set_segments(bool on);

/**
 * roots_stop - stop the world and find out what its roots are
 *
 * In one step: while the dynamic linker's lock is held no object comes or goes
 * between the two.  Locks as for stop_world().
 *
 * Return: as stop_world(); false, too, if there is no memory for the list.
 */
bool roots_stop(void);

/**
 * roots_each - every range
 * @fn: called with it
 * @stacks: call it for threads and coroutines, too
 * @sp: where the caller's own stack ends
 *
 * The world is stopped.
 */
void roots_each(roots_fn fn, bool stacks, uintptr_t sp);

/**
 * roots_bytes - how much the last roots_each() came to
 */
size_t roots_bytes(void);

/**
 * roots_lost - registered ranges that could not be read, ever
 */
uint64_t roots_lost(void);

void roots_fork_prepare(void);
void roots_fork_done(void);

#endif /* SHIM_ROOTS_H */
