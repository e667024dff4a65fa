/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * on_node: a thread says which NUMA node it is on, in place of the kernel.
 */
#ifndef SELFTESTS_UNIT_ON_NODE_H
#define SELFTESTS_UNIT_ON_NODE_H

#include <stdint.h>

#include "base/node.h"

static inline void on_node(unsigned int node)
{
	/* as long as struct rseq with its node, which is its sixth word */
	static __thread uint32_t area[8];

	area[5] = node;
	node_known.off = (uintptr_t)area - (uintptr_t)__builtin_thread_pointer();
}

/* Nodes matter, and there is memory of the first two. */
static inline void nodes_apart(void)
{
	node_known.apart = true;
	node_known.seen = 3;
}

#endif /* SELFTESTS_UNIT_ON_NODE_H */
