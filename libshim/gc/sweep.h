/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * sweep: what was not reached is free.
 *
 * For a span that is two lines: alloc = mark, mark = 0.  It is done when a
 * thread wants objects of the span's class, or when somebody has time, in any
 * case before the next collection marks.  A span whose sweepgen is not the
 * present generation has not been swept; such a span is on its class's unswept
 * list, and its mark bits say what is in use.
 *
 * The bits of a span are its class's lock's.
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
 * sweep_begin - nothing is swept any more
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
 * @pages: stop after so many pages of spans
 *
 * Takes the classes' locks one after the other.
 *
 * Return: pages of spans swept; less than @pages when all are.
 */
size_t sweep_some(size_t pages);

/**
 * sweep_forget - a span that was not swept goes
 * @s: the span, its class's lock held
 */
void sweep_forget(const struct gcspan *s);

/**
 * sweep_pages_begun - pages of spans there were to sweep after the last mark
 */
size_t sweep_pages_begun(void);

/**
 * sweep_pages_left - pages of spans not yet swept
 */
size_t sweep_pages_left(void);

/* What leak mode calls with each object that nobody reaches. */
extern void (*sweep_on_leak)(const void *p, size_t size)
	__attribute__((visibility("hidden")));

#endif /* SHIM_SWEEP_H */
