// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * co_park: stacks on the heap.
 *
 * A parked coroutine is its record and one malloc(): a header of its size,
 * then the bytes from the red zone below its stack pointer to the top of its
 * stack.  All of the stack's memory is given back to the kernel in the
 * meantime.  The bytes return to the same address, so that pointers from the
 * stack into the stack stay right.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "co.h"

#define RED_ZONE	16	/* control words at sp - 8 */

struct co_top *co_top_now(const struct shim_co *co)
{
	struct co_park *p = co->park;

	if (!(co->flags & CO_PARKED))
		return co_top(co);
	return (struct co_top *)(p->stack + p->live) - 1;
}

EXPORT int shim_co_park(struct shim_co *co)
{
	/* co_top is aligned to 16 on the heap, too: so is what is below it */
	char *low = (char *)(((uintptr_t)co->sp - RED_ZONE) & -(uintptr_t)16);
	char *top = slot_top(co_slot(co));
	size_t live = (size_t)(top - low), bytes;
	struct co_park *p;

	if (co->slot_state != SLOT_CO || co_state(co) != SHIM_CO_SUSPENDED) {
		errno = EINVAL;
		return -1;
	}
	if (co->flags & CO_PARKED)
		return 0;
	if (co->flags & CO_PINNED || co_tools) {
		/* sanitizers keep records of a stack by its address */
		errno = EBUSY;
		return -1;
	}
	/*
	 * not rounded up: malloc() has its own classes, and a power of two
	 * would waste a third
	 */
	bytes = live + sizeof(*p);
	if (bytes > ((live + SLOT_PAGE - 1) & -(size_t)SLOT_PAGE) / 2) {
		errno = E2BIG;
		return -1;
	}
	p = malloc(bytes);
	if (!p)
		return -1;
	p->bytes = bytes;
	p->live = live;
	memcpy(p->stack, low, live);
	slot_drop(co_slot(co), slot_low(co_slot(co)), top);
	co->park = p;
	co->flags |= CO_PARKED;
	return 0;
}

void co_unpark(struct shim_co *co)
{
	struct co_park *p = co->park;

	memcpy(slot_top(co_slot(co)) - p->live, p->stack, p->live);
	co_park_drop(co);
}

void co_park_drop(struct shim_co *co)
{
	free(co->park);
	co->park = NULL;
	co->flags &= (uint8_t)~CO_PARKED;
}
