/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * slot: the stacks, and their records.
 *
 *   slot.c        thread caches, free lists, statistics
 *   area.c        address space in areas, by order; addresses back to slots
 *   area_guard.c  guards where the module is not loaded
 *   area_arena.c  the module's pages arena
 *   fault.c       overflow: the report
 *   stack.c       shim_stack.h on top of it
 *
 * Keeps true: a slot is 2^order bytes, aligned to that; nothing here touches
 * its lowest page, which has a guard or is counted as having none.  A slot's
 * record is 64 bytes, beside the slots and not in them: a free slot can give
 * all its memory back, and a tool can walk the records of a process that
 * hangs.
 *
 * Locks: one for each order, which guards the free lists and the making of
 * slots and areas; one for the list of threads.  A thread's cache needs no
 * lock.  With a lock held, only the kernel is called.
 */
#ifndef SHIM_CO_SLOT_H
#define SHIM_CO_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim_stack.h"

#define SLOT_PAGE	4096u
#define SLOT_ORDERS	(SHIM_STACK_ORDER_MAX - SHIM_STACK_ORDER_MIN + 1)

/* enum slot_state - the use of a record's slot; read by tools as well */
enum slot_state {
	SLOT_NEW,	/* not made yet */
	SLOT_FREE,
	SLOT_STACK,	/* taken by shim_stack_get() */
	SLOT_CO,	/* taken by a coroutine, whose record this is as well */
};

/**
 * struct slot - the record of one slot
 * @next: in a free list or a cache; otherwise for its user
 * @where: the slot's address; in the low bits its order, and above that its
 *	enum shim_stack_guard
 * @state: enum slot_state
 * @pad: for its user, as are @tid and @own
 */
struct slot {
	struct slot *next;
	uintptr_t where;
	uint8_t state;
	uint8_t pad[3];
	uint32_t tid;
	uint64_t own[5];
};

_Static_assert(sizeof(struct slot) == 64, "a cache line, none shared");

#define SLOT_ORDER	0xffu
#define SLOT_GUARD	8	/* where the guard's kind begins */

static inline unsigned int slot_order(const struct slot *s)
{
	return s->where & SLOT_ORDER;
}

static inline enum shim_stack_guard slot_guard(const struct slot *s)
{
	return (s->where & (SLOT_PAGE - 1)) >> SLOT_GUARD;
}

/* Once, before the slot is given out. */
static inline void slot_set_guard(struct slot *s, enum shim_stack_guard guard)
{
	s->where |= (uintptr_t)guard << SLOT_GUARD;
}

/* The lowest usable byte: above the guard. */
static inline char *slot_low(const struct slot *s)
{
	return (char *)(s->where & ~(uintptr_t)(SLOT_PAGE - 1)) + SLOT_PAGE;
}

static inline char *slot_top(const struct slot *s)
{
	return slot_low(s) - SLOT_PAGE + ((size_t)1 << slot_order(s));
}

/* The size to which the stack can grow. */
static inline size_t slot_bytes(const struct slot *s)
{
	return (size_t)(slot_top(s) - slot_low(s));
}

/**
 * struct slot_cache - a thread's free slots of one order
 * @head: the one that was used last
 * @nr: how many
 */
struct slot_cache {
	struct slot *head;
	size_t nr;
};

/**
 * struct slot_thread - a thread's caches
 * @cache: by order
 * @next: list of all threads that have caches
 * @prev: the address of the pointer to this
 * @signals: the signal stack that fault.c made, or NULL
 * @ready: it is on the list
 */
struct slot_thread {
	struct slot_cache cache[SLOT_ORDERS];
	struct slot_thread *next;
	struct slot_thread **prev;
	void *signals;
	bool ready;
};

extern __thread struct slot_thread slot_thread
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

struct slot *slot_get_slow(unsigned int order);
void slot_put_slow(struct slot *s);

/*
 * How many slots a cache takes or gives at once; it keeps up to twice as many.
 */
static inline size_t slot_batch(unsigned int order)
{
	return order <= 16 ? 16 : order <= 18 ? 8 : order <= 20 ? 2 : 1;
}

/**
 * slot_get - take a slot
 * @order: SHIM_STACK_ORDER_MIN to _MAX
 * @state: SLOT_STACK or SLOT_CO
 *
 * Return: its record, or NULL with errno ENOMEM.
 */
static inline struct slot *slot_get(unsigned int order, enum slot_state state)
{
	struct slot_cache *c = &slot_thread.cache[order - SHIM_STACK_ORDER_MIN];
	struct slot *s = c->head;

	if (__builtin_expect(!s, 0)) {
		s = slot_get_slow(order);
		if (!s)
			return NULL;
	} else {
		c->head = s->next;
		c->nr--;
	}
	s->state = state;
	return s;
}

/*
 * How many forks led to this process.  Files from before a fork are not valid
 * any more.
 */
extern unsigned int slot_forks __attribute__((visibility("hidden")));
extern bool slot_debug __attribute__((visibility("hidden")));

/**
 * slot_put - give a slot back
 * @s: from slot_get()
 */
static inline void slot_put(struct slot *s)
{
	unsigned int order = slot_order(s);
	struct slot_cache *c = &slot_thread.cache[order - SHIM_STACK_ORDER_MIN];

	if (__builtin_expect(c->nr >= 2 * slot_batch(order) ||
			     !slot_thread.ready || slot_debug, 0)) {
		slot_put_slow(s);
		return;
	}
	s->state = SLOT_FREE;
	s->next = c->head;
	c->head = s;
	c->nr++;
}

/**
 * slot_ready - register the calling thread, and give it a signal stack
 *
 * Return: 0 or -1 with errno ENOMEM.
 */
int slot_ready(void);

/**
 * slot_used - bytes from the lowest page with memory to the top
 * @s: a slot
 */
size_t slot_used(const struct slot *s);

/**
 * slot_trim - shim_stack_trim() of a slot
 * @s: the slot
 * @sp: an address in it
 *
 * Return: bytes given back.
 */
size_t slot_trim(struct slot *s, const char *sp);

/**
 * slot_drop - give a part of a slot back
 * @s: the slot
 * @low: page boundary, not below slot_low()
 * @high: page boundary, not above slot_top()
 */
void slot_drop(struct slot *s, char *low, char *high);

#endif /* SHIM_CO_SLOT_H */
