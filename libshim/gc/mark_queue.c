// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * mark_queue: the queues of grey objects, of each marker, and the common pool.
 *
 * The pool is two of liburcu's lock-free stacks of chunks, full and empty ones.
 * A marker, or a thread of the program in its write barrier, pushes a chunk
 * when it has work to give away, without waiting.  Chunks are 4 KiB, are never
 * unmapped, and are kept for the next collection.
 *
 * Keeps true: nfull is never less than the chunks that are full, as it goes up
 * before a push and down after a pop; so reading 0 means that there is no work.
 * Only one thread pops at a time (pop_lock), which liburcu leaves to its user:
 * otherwise a chunk could be popped, used and pushed again while another thread
 * still relied on its successor (the ABA problem).
 *
 * When there is no memory for a chunk or a longer queue, the object is dropped:
 * it is marked, but its children are not, and mark_overflowed() makes the
 * caller scan all marked objects again.
 */
#define _LGPL_SOURCE		/* inline: no library of liburcu is needed */

#include <string.h>
#include <urcu/lfstack.h>

#include "gcmeta.h"
#include "base/lock.h"
#include "mark_int.h"

#define FIRST_MAX	4096	/* entries: 64 KiB */

struct chunk {
	struct cds_lfs_node node;
	size_t n;
	struct mark_entry entry[MARK_CHUNK];
};

/*
 * A marker may hold it while the world is stopped, since markers are never
 * stopped.
 */
static struct shim_lock pop_lock = SHIM_LOCK_INIT(SHIM_RANK_NONE);
static struct __cds_lfs_stack full, empty;
static uint32_t nfull;			/* of chunks in full; atomic */
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

static struct chunk *chunk_pop(struct __cds_lfs_stack *stack)
{
	struct cds_lfs_node *node;

	shim_lock_acquire(&pop_lock);
	node = __cds_lfs_pop(stack);
	shim_lock_release(&pop_lock);
	return node ? caa_container_of(node, struct chunk, node) : NULL;
}

static void chunk_push(struct __cds_lfs_stack *stack, struct chunk *c)
{
	cds_lfs_node_init(&c->node);
	cds_lfs_push(stack, &c->node);
}

static struct chunk *chunk_get(void)
{
	struct chunk *c = chunk_pop(&empty);

	return c ? c : gcmeta_map(sizeof(*c));
}

bool mark_is_hungry(void)
{
	return __atomic_load_n(&nfull, __ATOMIC_RELAXED) <
	       __atomic_load_n(&mark_idle, __ATOMIC_RELAXED) + 1;
}

/*
 * The oldest entries, which are nearest to the roots and have the most work
 * behind them.
 */
static void give(struct marker *m, size_t n)
{
	struct chunk *c = chunk_get();

	if (!c)
		return;
	c->n = n < MARK_CHUNK ? n : MARK_CHUNK;
	memcpy(c->entry, m->stack, c->n * sizeof(c->entry[0]));
	m->top -= c->n;
	memmove(m->stack, m->stack + c->n, m->top * sizeof(m->stack[0]));
	__atomic_add_fetch(&nfull, 1, __ATOMIC_RELEASE);
	chunk_push(&full, c);
}

void mark_share(struct marker *m)
{
	give(m, m->top);
}

void mark_share_half(struct marker *m)
{
	give(m, m->top / 2);
}

bool mark_take(struct marker *m)
{
	struct chunk *c;

	if (!__atomic_load_n(&nfull, __ATOMIC_ACQUIRE))
		return false;
	c = chunk_pop(&full);
	if (!c)
		return false;	/* it is about to be pushed, or another thread took it */
	/* release: a marker that sees none left sees that we are at work */
	__atomic_sub_fetch(&nfull, 1, __ATOMIC_RELEASE);
	while (m->max - m->top < c->n && make_room(m))
		;
	if (m->max - m->top < c->n) {
		mark_dropped();
		c->n = m->max - m->top;
	}
	memcpy(m->stack + m->top, c->entry, c->n * sizeof(c->entry[0]));
	m->top += c->n;
	chunk_push(&empty, c);
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
