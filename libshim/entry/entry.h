/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * entry: what malloc(), operator new and related functions share.
 *
 *   entry.c        malloc, free, calloc
 *   entry_size.c   realloc and related functions, malloc_usable_size
 *   entry_align.c  aligned allocation
 *   new.c          operator new
 *
 * Return values, errno and overflow are those of glibc 2.36, with
 * aligned_alloc() as strict as glibc 2.38 made it.
 */
#ifndef SHIM_ENTRY_H
#define SHIM_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/percpu.h"

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define SHIM_EXPORT	__attribute__((visibility("default")))

/*
 * glibc's other names of the same functions.  Some programs call them, for a
 * malloc() of their own or to bypass one.  They get our memory, since free()
 * is ours.
 */
#ifdef __clang__
#define ENTRY_ALIAS(name) \
	__attribute__((alias(#name), visibility("default")))
#else
#define ENTRY_ALIAS(name) \
	__attribute__((alias(#name), copy(name), visibility("default")))
#endif

/* Allocations above this fail, as glibc's do. */
#define ENTRY_MAX	((size_t)PTRDIFF_MAX)

extern bool entry_ready __attribute__((visibility("hidden")));

/**
 * entry_first - set the library up, once
 *
 * Called before the first allocation, which may come from the dynamic linker,
 * before any constructor.  boot.c implements it.
 */
void entry_first(void);

/**
 * seccomp_entered - has this process entered a sandbox, or is it about to
 *
 * Called by fork.  It may be killed for a system call that it has not made so far.
 */
bool seccomp_entered(void) __attribute__((cold));

/**
 * entry_idle - do the periodic work of every layer
 *
 * Called where scavenger_idle_due() says so, with no lock of the core held.
 * boot.c implements it.
 */
void entry_idle(void) __attribute__((cold));

/**
 * entry_alloc - allocate after the fast path missed
 * @size: bytes, any value
 *
 * Return: memory, or NULL with errno ENOMEM.
 */
void *entry_alloc(size_t size);

/**
 * entry_alloc_aligned - allocate with an alignment
 * @size: bytes, any value
 * @align: a power of two
 *
 * Return: memory, or NULL with errno ENOMEM.
 */
void *entry_alloc_aligned(size_t size, size_t align);

/**
 * entry_free - free after the fast path missed
 * @p: any pointer; one we never gave out is reported and the process aborted
 *
 * Leaves errno alone.
 */
void entry_free(void *p);

/**
 * entry_size - bytes that may be used of an object
 * @p: the object; anything else is reported and the process aborted
 */
size_t entry_size(const void *p);

/**
 * entry_reclaim - give back all free memory of every layer, as memory has run
 *	out
 */
void entry_reclaim(void) __attribute__((cold));

/**
 * entry_look - check the limits, if a check is due, before memory is taken
 * @more: bytes that are about to be taken
 *
 * Near a limit, all free memory of every layer is given back first.
 */
void entry_look(size_t more);

/**
 * entry_look_now - the same, whether or not it is time
 * @more: bytes that are about to be taken
 */
void entry_look_now(size_t more) __attribute__((cold));

/**
 * entry_unknown - report a pointer to no object and abort
 * @p: the pointer, whose class is PAGEMAP_NONE
 */
void entry_unknown(const void *p) __attribute__((noreturn, cold));

/* The fast path of malloc(), and of every operator new. */
static inline __attribute__((always_inline)) void *entry_alloc_fast(size_t size)
{
	size_t last = size - 1;		/* 0 becomes the largest */

	if (unlikely(last >= percpu_hot.small_max))
		return NULL;
	return percpu_pop_small(last / SIZECLASS_SMALL_STEP);
}

#endif /* SHIM_ENTRY_H */
