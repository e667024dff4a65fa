// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * stack: shim_stack.h on top of slots.
 */
#include <errno.h>

#include "area.h"
#include "base/error.h"

#define EXPORT __attribute__((visibility("default")))

/*
 * The slot of a stack in use.  Anything else is reported, and the process
 * aborted.
 */
static struct slot *slot_of(const void *stack)
{
	struct slot *s = area_slot(stack);

	if (!s || slot_low(s) != stack || s->state != SLOT_STACK)
		shim_bug("not a stack in use", stack);
	return s;
}

EXPORT unsigned int shim_stack_order(size_t bytes)
{
	unsigned int order;

	for (order = SHIM_STACK_ORDER_MIN; order <= SHIM_STACK_ORDER_MAX;
	     order++)
		if (((size_t)1 << order) - SLOT_PAGE >= bytes)
			return order;
	errno = EINVAL;
	return 0;
}

EXPORT void *shim_stack_get(unsigned int order)
{
	struct slot *s;

	if (order < SHIM_STACK_ORDER_MIN || order > SHIM_STACK_ORDER_MAX) {
		errno = EINVAL;
		return NULL;
	}
	s = slot_get(order, SLOT_STACK);
	if (!s)
		return NULL;
	s->own[0] = 0;
	return slot_low(s);
}

EXPORT void shim_stack_put(void *stack)
{
	if (stack)
		slot_put(slot_of(stack));
}

EXPORT size_t shim_stack_size(const void *stack)
{
	return slot_bytes(slot_of(stack));
}

EXPORT size_t shim_stack_used(const void *stack)
{
	return slot_used(slot_of(stack));
}

EXPORT size_t shim_stack_trim(void *stack, const void *sp)
{
	struct slot *s = slot_of(stack);

	if ((const char *)sp < slot_low(s) || (const char *)sp > slot_top(s))
		shim_bug("stack pointer outside of its stack", sp);
	return slot_trim(s, sp);
}

EXPORT void shim_stack_name(void *stack, const char *name)
{
	slot_of(stack)->own[0] = (uintptr_t)name;
}

EXPORT int shim_stack_thread(void)
{
	return slot_ready();
}
