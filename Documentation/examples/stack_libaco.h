/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_libaco.h: stacks for libraries that keep a base, a size and the highest
 * aligned address of each stack, as libaco does with its shared stacks.
 *
 * libaco makes its own by mmap() and one mprotect() each; give it these by
 * filling its record from stack_aco_get() where it calls mmap(), and calling
 * stack_aco_put() where it calls munmap().
 */
#ifndef STACK_LIBACO_H
#define STACK_LIBACO_H

#include <shim_stack.h>
#include <stdint.h>

struct stack_aco {
	void *ptr;		/* lowest usable byte, above the guard */
	size_t sz;
	void *align_highptr;	/* 16-byte aligned: where the first frame begins */
};

static inline int stack_aco_get(struct stack_aco *s, size_t size)
{
	unsigned int order = shim_stack_order(size);

	s->ptr = order ? shim_stack_get(order) : NULL;
	if (!s->ptr)
		return -1;
	s->sz = shim_stack_size(s->ptr);
	s->align_highptr = (char *)s->ptr + (s->sz & ~(size_t)15);
	return 0;
}

static inline void stack_aco_put(struct stack_aco *s)
{
	shim_stack_put(s->ptr);
	s->ptr = NULL;
}

#endif
