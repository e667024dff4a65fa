/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stack_minicoro.h: allocators for coroutine libraries that ask a callback for
 * one piece of memory with their record and the stack in it, as minicoro does:
 *
 *	mco_desc desc = mco_desc_init(fn, 56 * 1024);
 *	desc.alloc_cb = stack_alloc_cb;
 *	desc.dealloc_cb = stack_dealloc_cb;
 *
 * The library's record lies at the low end, next to the guard: an overflow runs
 * over the record first, and is reported when it goes on.
 */
#ifndef STACK_MINICORO_H
#define STACK_MINICORO_H

#include <shim_stack.h>

static inline void *stack_alloc_cb(size_t size, void *data)
{
	unsigned int order = shim_stack_order(size);

	(void)data;
	return order ? shim_stack_get(order) : NULL;
}

static inline void stack_dealloc_cb(void *p, size_t size, void *data)
{
	(void)size;
	(void)data;
	shim_stack_put(p);
}

#endif
