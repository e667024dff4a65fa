// SPDX-License-Identifier: GPL-2.0-only
/*
 * order: in which order objects die, with nothing else varied.
 *
 * One thread, 32 to 96 bytes.  LIFO suits a free list, FIFO drains caches,
 * random order is the hardest for spans, bulk is how a request or a compiler
 * pass ends.
 */
#include <stdlib.h>

#include "work.h"

static inline size_t order_size(uint64_t i)
{
	return 32 + (i & 4) * 16;
}

#define ORDER_STACK	4096

static uint64_t order_lifo(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 5000), sum = 0, i, k;
	static void *stack[ORDER_STACK];

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < ORDER_STACK; k++)
			stack[k] = work_alloc(order_size(k), i + k);
		while (k--) {
			sum += work_tag(stack[k]);
			free(stack[k]);
		}
	}
	return sum;
}

#define ORDER_QUEUE	16384	/* a power of two */

static uint64_t order_fifo(const struct work_env *env)
{
	uint64_t count = work_count(env, 20000000), sum = 0, i;
	static void *queue[ORDER_QUEUE];
	void **slot;

	for (i = 0; i < count; i++) {
		slot = &queue[i & (ORDER_QUEUE - 1)];
		if (*slot) {
			sum += work_tag(*slot);
			free(*slot);
		}
		*slot = work_alloc(order_size(i), i);
	}
	for (i = 0; i < ORDER_QUEUE; i++)
		free(queue[i]);
	return sum;
}

#define ORDER_SLOTS	65536	/* 4 MiB of objects: more than an L2 cache */

static uint64_t order_random(const struct work_env *env)
{
	uint64_t count = work_count(env, 8000000), sum = 0, i;
	static void *slots[ORDER_SLOTS];
	struct work_rand r;
	void **slot;

	work_rand_init(&r, 2);
	for (i = 0; i < count; i++) {
		slot = &slots[work_rand_below(&r, ORDER_SLOTS)];
		if (*slot) {
			sum += work_tag(*slot);
			free(*slot);
		}
		*slot = work_alloc(order_size(i), i);
	}
	for (i = 0; i < ORDER_SLOTS; i++)
		free(slots[i]);
	return sum;
}

#define ORDER_BULK	1000000

struct order_node {
	struct order_node *next;
	uint64_t value[5];
};

static uint64_t order_bulk(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 5), sum = 0, i, k;
	struct order_node *head = NULL, *node;

	for (i = 0; i < rounds; i++) {
		for (k = 0; k < ORDER_BULK; k++) {
			node = work_alloc(sizeof(*node), 0);
			node->next = head;
			node->value[0] = i + k;
			head = node;
		}
		while (head) {
			node = head;
			head = node->next;
			sum += node->value[0];
			free(node);
		}
	}
	return sum;
}

#define ORDER_SHUFFLE	400000

/* Allocate in order, free every object in an order that jumps about. */
static uint64_t order_shuffle(const struct work_env *env)
{
	uint64_t rounds = work_count(env, 3), sum = 0, i, k, j;
	static void *slots[ORDER_SHUFFLE];
	struct work_rand r;
	void *p;

	work_rand_init(&r, 3);
	for (i = 0; i < rounds; i++) {
		for (k = 0; k < ORDER_SHUFFLE; k++)
			slots[k] = work_alloc(order_size(k), i + k);
		for (k = ORDER_SHUFFLE; k > 0; k--) {
			j = work_rand_below(&r, k);
			p = slots[j];
			slots[j] = slots[k - 1];
			sum += work_tag(p);
			free(p);
		}
	}
	return sum;
}

const struct work work_order[] = {
	{ "lifo", "4,096 objects, last in first out", order_lifo },
	{ "fifo", "a queue of 16,384 objects", order_fifo },
	{ "random", "65,536 slots replaced at random", order_random },
	{ "shuffle", "400,000 objects freed in random order", order_shuffle },
	{ "bulk", "a list of a million objects, built and freed", order_bulk },
	{ NULL, NULL, NULL }
};
