// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mark_queue: what is grey, each marker's and the common pool.
 *
 * Chunks of the pool are 4 KiB and are kept for the next collection.  When there
 * is no memory for a chunk or a longer queue, the object is dropped: it is
 * marked, its children are not, and mark_overflowed() has the caller look at all
 * marked objects again.
 */
#include <string.h>

#include "gcmeta.h"
#include "base/lock.h"
#include "mark_int.h"

#define FIRST_MAX	4096	/* entries: 64 KiB */

struct chunk {
	struct chunk *next;
	size_t n;
	struct mark_entry entry[MARK_CHUNK];
};

/* Its holder may be a marker while the world is stopped: markers never are. */
static struct shim_lock pool_lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static struct chunk *full, *empty;	/* under pool_lock */
static uint32_t nfull;			/* changed under it, read without */
static uint32_t overflow;
uint32_t mark_idle;

void mark_dropped(void)
{
	__atomic_store_n(&overflow, 1, __ATOMIC_RELAXED);
}

bool mark_overflowed(void)
{
	return __atomic_exchange_n(&overflow, 0, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) bool make_room(struct marker *m)
{
	size_t max = m->max ? 2 * m->max : FIRST_MAX;
	struct mark_entry *stack;

	stack = gcmeta_grow(m->stack, m->max * sizeof(*stack),
			    max * sizeof(*stack));
	if (!stack)
		return false;
	m->stack = stack;
	m->max = max;
	return true;
}

void mark_push(struct marker *m, uintptr_t p, size_t n)
{
	if (__builtin_expect(m->top == m->max, 0) && !make_room(m)) {
		mark_dropped();
		return;
	}
	m->stack[m->top++] = (struct mark_entry){ p, n };
}

static struct chunk *chunk_get(void)
{
	struct chunk *c;

	shim_lock_acquire(&pool_lock);
	c = empty;
	if (c)
		empty = c->next;
	shim_lock_release(&pool_lock);
	return c ? c : gcmeta_map(sizeof(*c));
}

static void chunk_put(struct chunk *c, struct chunk **list)
{
	shim_lock_acquire(&pool_lock);
	c->next = *list;
	*list = c;
	if (list == &full)
		__atomic_add_fetch(&nfull, 1, __ATOMIC_RELEASE);
	shim_lock_release(&pool_lock);
}

bool mark_is_hungry(void)
{
	return __atomic_load_n(&nfull, __ATOMIC_RELAXED) <
	       __atomic_load_n(&mark_idle, __ATOMIC_RELAXED) + 1;
}

/* The oldest entries: they are nearest to the roots, with most behind them. */
void mark_share(struct marker *m)
{
	struct chunk *c = chunk_get();

	if (!c)
		return;
	c->n = m->top < MARK_CHUNK ? m->top : MARK_CHUNK;
	memcpy(c->entry, m->stack, c->n * sizeof(c->entry[0]));
	m->top -= c->n;
	memmove(m->stack, m->stack + c->n, m->top * sizeof(m->stack[0]));
	chunk_put(c, &full);
}

bool mark_share_some(struct marker *m)
{
	size_t before = m->top;

	mark_share(m);
	return m->top < before;
}

bool mark_take(struct marker *m)
{
	struct chunk *c;

	if (!__atomic_load_n(&nfull, __ATOMIC_ACQUIRE))
		return false;
	shim_lock_acquire(&pool_lock);
	c = full;
	if (c) {
		full = c->next;
		/* release: who sees none left sees us at work */
		__atomic_sub_fetch(&nfull, 1, __ATOMIC_RELEASE);
	}
	shim_lock_release(&pool_lock);
	if (!c)
		return false;
	while (m->max - m->top < c->n && make_room(m))
		;
	if (m->max - m->top < c->n) {
		mark_dropped();
		c->n = m->max - m->top;
	}
	memcpy(m->stack + m->top, c->entry, c->n * sizeof(c->entry[0]));
	m->top += c->n;
	chunk_put(c, &empty);
	return true;
}

bool mark_flush(struct marker *m)
{
	size_t before;

	while (m->top) {
		before = m->top;
		mark_share(m);
		if (m->top == before)
			return false;
	}
	return true;
}

bool mark_is_done(void)
{
	return !__atomic_load_n(&nfull, __ATOMIC_ACQUIRE);
}
