/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * limit: how much memory the process may have, and how close it is to that.
 *
 * Three sources: SHIM_LIMIT for the heap, and memory.high and memory.max of the
 * control groups the process is in (version 2, or version 1's limit), which
 * need no configuration.  A part of the page heap.
 */
#ifndef SHIM_LIMIT_H
#define SHIM_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum limit_pressure {
	LIMIT_FAR,		/* nothing to do */
	LIMIT_NEAR,		/* less than an eighth of it is left: shrink caches */
	LIMIT_OVER,		/* less than a 32nd of it is left: give them up */
};

/**
 * limit_update - read the limits and how much of them is used
 * @heap: bytes the heap has from the system
 *
 * Makes some system calls.  Called by the scavenger once a second, and by a
 * thread that allocates when pageheap_is_due() says so.  No lock of the page
 * heap is held.
 */
void limit_update(size_t heap);

/**
 * limit_wanted - can limit_update() be of use
 *
 * Where no limit was found, or nobody has looked, limit_moved() tells.
 *
 * Return: true if a limit is in force, or if there was a fork since the last
 * look.
 */
bool limit_wanted(void);

/**
 * limit_moved - has the process changed its control groups since the last call
 *
 * Reads one small file, in 5 us.  For a process without limits, which
 * limit_update() would cost too much.
 *
 * Return: true if limit_update() should be called: if it has, or the groups have
 * not been read yet.
 */
bool limit_moved(void);

/**
 * limit_blind - stop opening files
 * @heap: as limit_update(), which is called if nobody has looked yet
 *
 * The limits stay in force, and only the heap counts as their use from then on.
 */
void limit_blind(size_t heap);

extern uint32_t limit_level __attribute__((visibility("hidden")));

/**
 * limit_pressure - the answer of the last limit_update()
 *
 * Needs no lock.
 */
static inline enum limit_pressure limit_pressure(void)
{
	return (enum limit_pressure)__atomic_load_n(&limit_level,
						    __ATOMIC_RELAXED);
}

/**
 * limit_bytes - the smallest limit that is in force
 *
 * Return: bytes, or 0 for none.
 */
size_t limit_bytes(void);

/**
 * limit_room - what was left below the nearest limit at the last limit_update()
 *
 * Return: bytes, or SIZE_MAX for no limit.
 */
size_t limit_room(void);

/**
 * limit_over - by how much a limit was exceeded at the last limit_update()
 *
 * Return: bytes, of the limit that was exceeded most.
 */
size_t limit_over(void);

/**
 * limit_allows - may the heap take more memory
 * @heap: bytes the heap has from the system
 * @more: bytes it is about to take
 *
 * Return: false only where SHIM_LIMIT is hard and would be exceeded.
 */
bool limit_allows(size_t heap, size_t more);

/* What limit_bytes() returns, where a tool finds it. */
extern size_t limit_lowest __attribute__((visibility("hidden")));

/* The prefix of /proc and /sys; only tests change it. */
extern const char *limit_root;

/*
 * In the child of a fork: a thread that was reading then does not exist here.
 */
void limit_fork_child(void);

/* The same for the child of a process with one thread. */
void limit_fork_plain(void);

#endif /* SHIM_LIMIT_H */
