/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sweep: frees objects that were not reached.
 *
 * For a span this is two lines: alloc = mark, mark = 0. It is done when a
 * thread needs objects of the span's class, or by the collector's thread, and
 * in any case before the next collection marks.  A span whose sweepgen is not
 * the present generation has not been swept; such a span is on its class's
 * unswept list, and its mark bits say what is in use.
 *
 * The class's lock guards the bits of its spans.
 */
#ifndef SHIM_SWEEP_H
#define SHIM_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gcspan.h"

extern uint32_t sweep_gen __attribute__((visibility("hidden")));

/**
 * sweep_generation - rises by one with every collection
 */
static inline uint32_t sweep_generation(void)
{
	return __atomic_load_n(&sweep_gen, __ATOMIC_RELAXED);
}

/**
 * sweep_is_marking - is a mark under way, so that bits must not be cleared
 *
 * Changes with all classes' locks held.
 */
bool sweep_is_marking(void);
void sweep_set_marking(bool is);

/**
 * sweep_begin - make all spans unswept
 *
 * The world is stopped, all locks are held.
 */
void sweep_begin(void);

/**
 * sweep_span - sweep one span
 * @s: a span that is on no list, its class's lock held
 *
 * Sets @s->nfree.
 */
void sweep_span(struct gcspan *s);

/**
 * sweep_some - sweep, and give empty spans back
 * @pages: stop after this many pages of spans
 *
 * Takes the classes' locks one after the other.
 *
 * Return: pages of spans swept; less than @pages when all are.
 */
size_t sweep_some(size_t pages);

/**
 * sweep_forget - note that an unswept span is freed
 * @s: the span, its class's lock held
 */
void sweep_forget(const struct gcspan *s);

/**
 * sweep_pages_begun - pages of spans that had to be swept after the last mark
 */
size_t sweep_pages_begun(void);

/**
 * sweep_pages_left - pages of spans not yet swept
 */
size_t sweep_pages_left(void);

/* In leak mode, called with each object that is not reached. */
extern void (*sweep_on_leak)(const void *p, size_t size)
	__attribute__((visibility("hidden")));

#endif /* SHIM_SWEEP_H */
