/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * span_compound: objects of other sizes in a span: see compound.h.
 *
 * The lock of the span's class protects all of it, as it does every span.
 */
#ifndef SHIM_SPAN_COMPOUND_H
#define SHIM_SPAN_COMPOUND_H

#include <stddef.h>

#include "base/pagemap.h"
#include "span.h"

/* Has a span had objects of other sizes?  It is mixed for as long as it lives. */
static inline bool span_is_mixed(const struct span *s)
{
	return s->nobjs &&
	       __atomic_load_n(&s->flags, __ATOMIC_RELAXED) & SPAN_COMPOUND;
}

/**
 * span_compound_take - take objects of another size, by rising address
 * @s: the span, in no group
 * @slots: slots of each object, at most COMPOUND_SLOTS
 * @align: a power of two that their addresses are a multiple of
 * @objs: filled in
 * @n: how many at most
 *
 * Only where there is memory: what was given back would cost what new pages do.
 *
 * Return: how many; 0 also if there is no memory.
 */
unsigned int span_compound_take(struct span *s, unsigned int slots, size_t align,
				void **objs, unsigned int n);

/**
 * span_compound_put - put objects of whatever size back
 * @s: the mixed span that pagemap_span() names for all of them
 * @objs: the objects
 * @n: how many
 * @err: out: what is wrong with the first object that was not put back, or
 *	SPAN_OK
 *
 * Return: how many were put back, up to the first that is wrong.
 */
unsigned int span_compound_put(struct span *s, void *const *objs, unsigned int n,
			       enum span_error *err);

#endif /* SHIM_SPAN_COMPOUND_H */
