/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * area: address space for slots of one order.
 *
 * Keeps true: an area is never unmapped and its description never changes once
 * it is published, except for @made, which only grows; so addresses are looked
 * up without a lock, even in a signal handler.  Slots are made from the lowest
 * up.
 */
#ifndef SHIM_CO_AREA_H
#define SHIM_CO_AREA_H

#include "slot.h"

/*
 * Each area is four times as large as the one before it of its order, 64 MiB to
 * 64 GiB: a million slots of 64 KiB are in 6 areas.
 */
#define AREA_MIN	((size_t)64 << 20)
#define AREA_MAX	((size_t)64 << 30)
/* Areas of one order, including small ones where address space was short. */
#define AREAS		48

struct area;

/**
 * struct area_kind - how an area gets memory and guards
 * @map: reserve @a->bytes, aligned to a slot; sets @base; returns an errno
 * @guard: guard slots [first, first + nr); sets their records' guard
 * @drop: give ranges back
 */
struct area_range {
	char *low;
	char *high;
};

struct area_kind {
	int (*map)(struct area *a);
	void (*guard)(struct area *a, size_t first, size_t nr);
	void (*drop)(struct area *a, const struct area_range *r, size_t nr);
};

extern const struct area_kind area_anon __attribute__((visibility("hidden")));
extern const struct area_kind area_arena __attribute__((visibility("hidden")));

/**
 * struct area - one mapping of slots
 * @base: its lowest slot
 * @bytes: its size
 * @records: one record for each slot
 * @slots: how many slots it can have
 * @made: how many have been made; written with the order's lock held
 * @kind: how
 * @order: of all its slots
 */
struct area {
	char *base;
	size_t bytes;
	struct slot *records;
	size_t slots;
	size_t made;
	const struct area_kind *kind;
	uint32_t order;
};

/**
 * struct area_table - all areas; tools find it by its name
 * @nr: of an order, published with release order
 * @area: by order
 */
struct area_table {
	uint32_t nr[SLOT_ORDERS];
	struct area area[SLOT_ORDERS][AREAS];
};

extern struct area_table shim_co_areas __attribute__((visibility("hidden")));

#define CO_INSPECT_MAGIC	"shim-co"
#define CO_INSPECT_LAYOUT	1	/* changes when the layout that tools read does */

/**
 * struct co_inspect - where tools begin, found by the name shim_co_inspect
 * @magic: CO_INSPECT_MAGIC
 * @layout: CO_INSPECT_LAYOUT
 * @area_bytes: size of a struct area, for a tool to compare
 * @areas: the table
 */
struct co_inspect {
	char magic[8];
	uint32_t layout;
	uint32_t area_bytes;
	const struct area_table *areas;
};

extern const struct co_inspect shim_co_inspect
	__attribute__((visibility("default")));

/**
 * area_make - make new slots
 * @order: their order, whose lock is held
 * @nr: how many at most
 *
 * Return: the records, in a list, fewer than @nr at an area's end; NULL if there
 * is no address space.
 */
struct slot *area_make(unsigned int order, size_t nr);

/**
 * area_of - the area that an address is in
 * @p: any address
 */
struct area *area_of(const void *p);

/**
 * area_slot - the slot that an address is in
 * @p: any address
 *
 * Return: its record, or NULL if there is no slot made.
 */
struct slot *area_slot(const void *p);

/**
 * area_drop - give parts of slots back
 * @s: the slots, in a list
 * @keep: bytes to keep at the top of each
 *
 * Return: bytes that the kernel was asked to take back.
 */
size_t area_drop(struct slot *s, size_t keep);

/**
 * area_setup - read the environment; called once
 */
void area_setup(void);

/* SHIM_STACK_GUARD: no better guard than this is used. */
extern enum shim_stack_guard area_guard_best
	__attribute__((visibility("hidden")));

#endif /* SHIM_CO_AREA_H */
