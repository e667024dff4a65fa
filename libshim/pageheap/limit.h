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

enum limit_pressure {
	LIMIT_FAR,		/* nothing to do */
	LIMIT_NEAR,		/* less than an eighth is left: shrink caches */
	LIMIT_OVER,		/* less than a 32nd is left: give them up */
};

/**
 * limit_update - read the limits and what is used of them
 * @heap: bytes the heap has from the system
 *
 * Some system calls; called by the scavenger once a second and by whoever
 * allocates when pageheap_is_due() says so.  No lock of the page heap is held.
 */
void limit_update(size_t heap);

/**
 * limit_wanted - is limit_update() of any use
 *
 * For a process that had no limit at the first look the files are not opened
 * again: a sandbox may kill it for that.
 *
 * Return: false if the first look has found none.
 */
bool limit_wanted(void);

/**
 * limit_moved - is the process in other control groups than at the last look
 *
 * Reads one small file, 5 us: for a process without limits, where limit_update()
 * is not worth what it costs.
 *
 * Return: true if limit_update() should be called.
 */
bool limit_moved(void);

/**
 * limit_blind - open no file any more
 *
 * The limits stay what they are, and what is used of them is what the heap uses.
 */
void limit_blind(void);

/**
 * limit_pressure - the answer of the last limit_update()
 *
 * Needs no lock.
 */
enum limit_pressure limit_pressure(void);

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
 * limit_allows - may the heap have more
 * @heap: bytes the heap has from the system
 * @more: bytes it is about to take
 *
 * Return: false only where SHIM_LIMIT is hard and would be exceeded.
 */
bool limit_allows(size_t heap, size_t more);

/* What limit_bytes() returns, where a tool finds it. */
extern size_t limit_lowest __attribute__((visibility("hidden")));

/* Where /proc and /sys are, "" but in tests. */
extern const char *limit_root;

/* In the child of a fork: the reader of that moment does not exist. */
void limit_fork_child(void);

#endif /* SHIM_LIMIT_H */
