/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * object: memory that was handed out, and what was written there.  Anybody else
 * who writes to it, or to what it lies in, is found out.
 */
#ifndef FUZZ_OBJECT_H
#define FUZZ_OBJECT_H

#include "input.h"

struct object {
	uint8_t *p;
	size_t size;
	uint8_t seed;
};

static inline void object_fill(struct object *o, void *p, size_t size,
			       uint8_t seed)
{
	size_t i;

	o->p = p;
	o->size = size;
	o->seed = seed;
	for (i = 0; i < size; i++)
		o->p[i] = (uint8_t)(seed + i * 7);
}

/* Are the first @size bytes as they were written? */
static inline bool object_is_good(const struct object *o, size_t size)
{
	size_t i;

	for (i = 0; i < size && i < o->size; i++)
		if (o->p[i] != (uint8_t)(o->seed + i * 7))
			return false;
	return true;
}

#endif
