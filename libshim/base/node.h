/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * node: which NUMA node a thread is on, and whether that matters.
 *
 * The kernel writes it beside the CPU number into struct rseq (offset 20, Linux
 * 6.3).  Where it does not, or nobody has registered that structure, a process has
 * one node.  So has a small heap: its memory is 4 KiB pages, which lie where they
 * were touched first, and spans of its own for each node would cost it more than
 * it is.
 *
 * All of it are hints.  A wrong one costs a slower access and nothing else.
 */
#ifndef SHIM_NODE_H
#define SHIM_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Further nodes share spans with one of the first: two bits in struct span. */
#define NODES		4u

/**
 * struct node_known - what is known about nodes
 * @off: from the thread pointer to struct rseq, which has the node; 0: no node is
 *	known; written at boot
 * @apart: the heap is large enough to be kept apart by nodes; atomic
 * @seen: bit n: it has blocks of node n; atomic
 */
struct node_known {
	uintptr_t off;
	bool apart;
	uint32_t seen;
};

extern struct node_known node_known __attribute__((visibility("hidden")));

/**
 * node_of_cpu - the kernel's number of the node of this thread's CPU, a hint
 *
 * Return: 0 as well where it is not known.
 */
static inline uint32_t node_of_cpu(void)
{
	const char *area = (char *)__builtin_thread_pointer() + node_known.off;

	if (!node_known.off)
		return 0;
	return *(const volatile uint32_t *)(area + 20);
}

/**
 * node_here - the node of this thread's CPU, a hint
 *
 * Return: below NODES; 0 as long as nodes do not matter.
 */
static inline unsigned int node_here(void)
{
	if (!__atomic_load_n(&node_known.apart, __ATOMIC_RELAXED))
		return 0;
	return node_of_cpu() % NODES;
}

/**
 * node_several - does the heap have memory of more than one node
 *
 * As long as it has not, nobody need ask where something is.
 */
static inline bool node_several(void)
{
	uint32_t seen = __atomic_load_n(&node_known.seen, __ATOMIC_RELAXED);

	return seen & (seen - 1);
}

/**
 * node_matters - does the heap have memory of another node than this thread's
 *
 * The first thread on a second node finds nothing of its own.
 */
static inline bool node_matters(void)
{
	return __atomic_load_n(&node_known.seen, __ATOMIC_RELAXED) &
	       ~(1u << node_here());
}

#endif /* SHIM_NODE_H */
