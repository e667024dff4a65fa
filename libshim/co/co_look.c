// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * co_look: walking, naming and trimming coroutines.
 */
#include <errno.h>
#include <string.h>

#include "area.h"
#include "co.h"
#include "base/error.h"

#define RED_ZONE	128	/* below the stack pointer, by the ABI */

EXPORT const char *shim_co_name(const struct shim_co *co)
{
	return co_top_now(co)->name;
}

EXPORT void shim_co_set_name(struct shim_co *co, const char *name)
{
	struct co_top *top = co_top_now(co);

	memset(top->name, 0, CO_NAME_LEN);
	if (name)
		strncpy(top->name, name, CO_NAME_LEN - 1);
}

EXPORT int shim_co_each(int (*fn)(struct shim_co *co, void *arg), void *arg)
{
	uint32_t o, i, nr;
	size_t n, made;
	int ret;

	for (o = 0; o < SLOT_ORDERS; o++) {
		nr = __atomic_load_n(&shim_co_areas.nr[o], __ATOMIC_ACQUIRE);
		for (i = 0; i < nr; i++) {
			struct area *a = &shim_co_areas.area[o][i];

			made = __atomic_load_n(&a->made, __ATOMIC_ACQUIRE);
			for (n = 0; n < made; n++) {
				if (a->records[n].state != SLOT_CO)
					continue;
				ret = fn((struct shim_co *)&a->records[n], arg);
				if (ret)
					return ret;
			}
		}
	}
	return 0;
}

EXPORT int shim_co_range(const struct shim_co *co, void **low, void **high)
{
	if (co->slot_state != SLOT_CO ||
	    (co_state(co) != SHIM_CO_NEW && co_state(co) != SHIM_CO_SUSPENDED)) {
		errno = EINVAL;
		return -1;
	}
	if (co->flags & CO_PARKED) {
		/* the saved bytes end with struct co_top, as on the stack */
		*high = co_top_now(co) + 1;
		*low = (char *)*high - (slot_top(co_slot(co)) - (char *)co->sp);
		return 0;
	}
	*low = (char *)co->sp;
	*high = slot_top(co_slot(co));
	return 0;
}

EXPORT size_t shim_co_depth(const struct shim_co *co)
{
	return slot_used(co_slot(co));
}

EXPORT size_t shim_co_trim(struct shim_co *co)
{
	if (co->slot_state != SLOT_CO)
		shim_bug("not a coroutine", co);
	if (co_state(co) != SHIM_CO_SUSPENDED || co->flags & CO_PARKED)
		return 0;
	return slot_trim(co_slot(co), (char *)co->sp - RED_ZONE);
}

static int stat_one(struct shim_co *co, void *arg)
{
	struct shim_co_stat *st = arg;

	st->coroutines[shim_co_state(co)]++;
	if (co->flags & CO_PARKED) {
		st->parked++;
		st->parked_bytes += ((struct co_park *)co->park)->bytes;
	}
	return 0;
}

EXPORT void shim_co_get_stat(struct shim_co_stat *st)
{
	memset(st, 0, sizeof(*st));
	shim_co_each(stat_one, st);
}
