/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * guard: one allocation in many on a page of its own, between pages that fault.
 *
 * SHIM_GUARD=N picks one allocation in N on average.  An overflow or a use
 * after free of such an object faults at once; the report shows the call stacks
 * of the access, the allocation and the free.
 */
#ifndef SHIM_GUARD_H
#define SHIM_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct guard_stat - the sampler's numbers
 * @sampled: allocations that got a guarded page
 * @full: allocations that were picked while no slot was free
 * @live: guarded objects now
 */
struct guard_stat {
	uint64_t sampled;
	uint64_t full;
	uint64_t live;
};

extern uintptr_t guard_start __attribute__((visibility("hidden")));
extern uintptr_t guard_end __attribute__((visibility("hidden")));

/**
 * guard_boot - set the sampler up, if the configuration asks for it
 */
void guard_boot(void);

/**
 * guard_alloc - a guarded object, if it is this allocation's turn
 * @size: bytes, any value
 * @align: a power of two, or 0
 *
 * Takes the guard lock.
 *
 * Return: the object, or NULL: allocate as usual.
 */
void *guard_alloc(size_t size, size_t align);

/* Is a pointer into the guarded pages? */
static inline bool guard_owns(const void *p)
{
	return (uintptr_t)p - guard_start < guard_end - guard_start;
}

/**
 * guard_free - free a guarded object
 * @p: a pointer that guard_owns(); a bad one is reported and the process aborted
 */
void guard_free(void *p);

/**
 * guard_size - the size a guarded object was asked for
 * @p: a pointer that guard_owns(); a bad one is reported and the process aborted
 */
size_t guard_size(const void *p);

/**
 * guard_get_stat - take the numbers
 * @st: filled in
 */
void guard_get_stat(struct guard_stat *st);

void guard_fork_prepare(void);
void guard_fork_parent(void);
void guard_fork_child(void);

#endif /* SHIM_GUARD_H */
