/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the page heap's tests ask of the heap, and how they make it large.
 */
#ifndef SELFTESTS_UNIT_HEAP_NOW_H
#define SELFTESTS_UNIT_HEAP_NOW_H

#include "pageheap/pageheap_int.h"

#define MIB	((size_t)1 << 20)

static inline struct pageheap_stat stat_now(void)
{
	struct pageheap_stat st;

	pageheap_get_stat(&st);
	return st;
}

static inline size_t heap_now(void)
{
	struct pageheap_stat st = stat_now();

	return st.inuse + st.free;
}

static inline uintptr_t block_of(const struct span *s)
{
	return s->start & ~(BLOCK_SIZE - 1);
}

/* Make the heap large enough to be made of blocks. */
static inline void outgrow(void)
{
	pageheap_free(pageheap_alloc(32 * MIB / PAGE_SIZE, 1));
	pageheap_trim(0);
}

#endif /* SELFTESTS_UNIT_HEAP_NOW_H */
