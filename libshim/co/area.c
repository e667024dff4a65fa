// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * area: address space in areas, by order; addresses back to slots.
 *
 * Called by slot, with the order's lock held where slots are made, and by fault
 * from a signal handler, without it.
 */
#include <stdlib.h>
#include <string.h>

#include "area.h"
#include "base/error.h"
#include "base/sys.h"

struct area_table shim_co_areas;
const struct co_inspect shim_co_inspect = {
	.magic = CO_INSPECT_MAGIC,
	.layout = CO_INSPECT_LAYOUT,
	.area_bytes = sizeof(struct area),
	.areas = &shim_co_areas,
};

enum shim_stack_guard area_guard_best = SHIM_STACK_GUARD_ARENA;

void area_setup(void)
{
	static const char *const names[] = {
		"arena", "madvise", "mprotect", "none"
	};
	const char *want = secure_getenv("SHIM_STACK_GUARD");
	unsigned int i;

	if (!want || !strcmp(want, "auto"))
		return;
	for (i = 0; i < SHIM_STACK_GUARDS; i++) {
		if (!strcmp(want, names[i])) {
			area_guard_best = i;
			return;
		}
	}
	shim_say("SHIM_STACK_GUARD=%s: not one of auto arena madvise mprotect none",
		 want);
}

static struct slot *records_map(size_t slots)
{
	long at = sys_mmap(0, slots * sizeof(struct slot),
			   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
			   MAP_NORESERVE, -1, 0);

	return sys_failed(at) ? NULL : (struct slot *)at;
}

/* Reserve an area of @bytes, by the best kind that works. */
static bool area_map(struct area *a, size_t bytes)
{
	a->bytes = bytes;
	a->slots = bytes >> a->order;
	a->made = 0;
	a->records = records_map(a->slots);
	if (!a->records)
		return false;
	a->kind = &area_arena;
	if (area_guard_best == SHIM_STACK_GUARD_ARENA && !a->kind->map(a))
		return true;
	a->kind = &area_anon;
	if (!a->kind->map(a))
		return true;
	sys_munmap((uintptr_t)a->records, a->slots * sizeof(struct slot));
	return false;
}

/*
 * The next area of an order.  Where address space is short (RLIMIT_AS), or
 * every mapping is charged (vm.overcommit_memory=2), a smaller area will do,
 * down to one slot.
 */
static struct area *area_add(unsigned int order)
{
	uint32_t *nr = &shim_co_areas.nr[order - SHIM_STACK_ORDER_MIN];
	struct area *a = &shim_co_areas.area[order - SHIM_STACK_ORDER_MIN][*nr];
	size_t bytes = AREA_MIN;

	if (*nr == AREAS)
		return NULL;
	if (*nr && a[-1].bytes >= AREA_MIN)
		bytes = a[-1].bytes < AREA_MAX ? 4 * a[-1].bytes : AREA_MAX;
	if (bytes < (size_t)1 << order)
		bytes = (size_t)1 << order;
	a->order = order;
	for (; bytes >> order; bytes >>= 1) {
		if (!area_map(a, bytes))
			continue;
		/* release order: pairs with area_of() */
		__atomic_store_n(nr, *nr + 1, __ATOMIC_RELEASE);
		return a;
	}
	return NULL;
}

struct slot *area_make(unsigned int order, size_t nr)
{
	uint32_t i = shim_co_areas.nr[order - SHIM_STACK_ORDER_MIN];
	struct area *a = &shim_co_areas.area[order - SHIM_STACK_ORDER_MIN][i];
	struct slot *list = NULL;
	size_t first, n;

	a = i && a[-1].made < a[-1].slots ? a - 1 : area_add(order);
	if (!a)
		return NULL;
	first = a->made;
	if (nr > a->slots - first)
		nr = a->slots - first;
	for (n = nr; n--; list = &a->records[first + n]) {
		a->records[first + n] = (struct slot) {
			.next = list,
			.where = (uintptr_t)(a->base + ((first + n) << order)) |
				 order,
			.state = SLOT_FREE,
		};
	}
	a->kind->guard(a, first, nr);
	/* release order: a thread that sees the slot sees its record */
	__atomic_store_n(&a->made, first + nr, __ATOMIC_RELEASE);
	return list;
}

struct area *area_of(const void *p)
{
	const char *at = p;
	uint32_t i, o, nr;

	for (o = 0; o < SLOT_ORDERS; o++) {
		nr = __atomic_load_n(&shim_co_areas.nr[o], __ATOMIC_ACQUIRE);
		for (i = 0; i < nr; i++) {
			struct area *a = &shim_co_areas.area[o][i];

			if ((size_t)(at - a->base) < a->bytes)
				return a;
		}
	}
	return NULL;
}

struct slot *area_slot(const void *p)
{
	struct area *a = area_of(p);
	size_t i;

	if (!a)
		return NULL;
	i = (size_t)((const char *)p - a->base) >> a->order;
	return i < __atomic_load_n(&a->made, __ATOMIC_ACQUIRE) ?
	       &a->records[i] : NULL;
}

size_t area_drop(struct slot *s, size_t keep)
{
	struct area_range r[32];
	struct area *a = NULL, *of;
	size_t n = 0, bytes = 0;

	for (; s; s = s->next) {
		of = area_of(slot_low(s));
		if (n && (of != a || n == sizeof(r) / sizeof(r[0]))) {
			a->kind->drop(a, r, n);
			n = 0;
		}
		a = of;
		r[n].low = slot_low(s);
		r[n].high = slot_top(s) - keep;
		bytes += (size_t)(r[n].high - r[n].low);
		n++;
	}
	if (n)
		a->kind->drop(a, r, n);
	return bytes;
}
