/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * box: what the parts of libshim-box share.
 */
#ifndef SHIM_BOX_H
#define SHIM_BOX_H

#include <stdbool.h>
#include <stdint.h>

#define BOX_EXPORT	__attribute__((visibility("default")))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* The numbers that shim_ctl() and the tools show in a process with libshim. */
enum box_stat {
	BOX_REGIONS,		/* regions that exist */
	BOX_POOLS,
	BOX_HEAPS,
	BOX_HEAP_BYTES,		/* bytes of spans that heaps have */
	BOX_HEAP_SPANS,
	BOX_HEAP_ROLLBACKS,	/* shared heaps repaired after a death */
	BOX_RC_CYCLES,		/* objects that only a collection could free */
	BOX_STATS
};

/**
 * box_count - change a number
 * @which: which
 * @by: by how much; two's complement for less
 */
void box_count(enum box_stat which, uint64_t by);

/**
 * box_has_seam - is the core of this build in the process
 *
 * Decided once.  Reports a libshim of another version, once.
 */
bool box_has_seam(void);

/**
 * box_is_watched - does a memory checker run (AddressSanitizer, valgrind)
 *
 * SHIM_DEBUG_REGION=1 in the environment answers yes, =0 no, whatever runs.
 */
bool box_is_watched(void);

/**
 * box_die - report a misuse and abort
 * @what: the function that reports, and the misuse
 * @p: the pointer that it is about
 */
void box_die(const char *what, const void *p)
	__attribute__((noreturn, cold));

#endif /* SHIM_BOX_H */
