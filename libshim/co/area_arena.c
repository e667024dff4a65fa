// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * area_arena: areas that are a pages arena of hugearena.ko.
 *
 * The module's fault handler refuses the lowest page of each slot, so that a
 * guard costs neither a mapping nor a system call.
 */
#include <errno.h>

#include "area.h"

static int arena_map(struct area *a)
{
	(void)a;
	return ENODEV;
}

static void arena_guard(struct area *a, size_t first, size_t nr)
{
	for (; nr--; first++)
		a->records[first].guard = SHIM_STACK_GUARD_ARENA;
}

static void arena_drop(struct area *a, const struct area_range *r, size_t nr)
{
	(void)a;
	(void)r;
	(void)nr;
}

const struct area_kind area_arena = { arena_map, arena_guard, arena_drop };
