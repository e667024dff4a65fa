/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints of the module: hugearena:fault, fork, release, join, mesh, unmesh,
 * zero.
 * Their fields are described in Documentation/ABI/testing/tracepoints-hugearena.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hugearena

#if !defined(_HUGEARENA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _HUGEARENA_TRACE_H

#include <linux/tracepoint.h>

#include "compat.h"
#include "stat.h"

TRACE_EVENT(fault,
	TP_PROTO(u64 arena, unsigned long address, u64 block, int source,
		 bool write, u64 ns),
	TP_ARGS(arena, address, block, source, write, ns),
	TP_STRUCT__entry(
		__field(u64, arena)
		__field(unsigned long, address)
		__field(u64, block)
		__field(int, source)
		__field(bool, write)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->arena = arena;
		__entry->address = address;
		__entry->block = block;
		__entry->source = source;
		__entry->write = write;
		__entry->ns = ns;
	),
	TP_printk("arena=%llu address=0x%lx block=%llu source=%s write=%d ns=%llu",
		  __entry->arena, __entry->address, __entry->block,
		  __print_symbolic(__entry->source, { 0, "reserve" },
				   { 1, "pool" }, { 2, "demand" },
				   { 3, "small" }, { 4, "map" }, { 5, "cow" },
				   { -1, "failed" }),
		  __entry->write, __entry->ns)
);

TRACE_EVENT(fork,
	TP_PROTO(u64 parent, u64 child, unsigned long shared,
		 unsigned long copied, unsigned long lost, u64 ns),
	TP_ARGS(parent, child, shared, copied, lost, ns),
	TP_STRUCT__entry(
		__field(u64, parent)
		__field(u64, child)
		__field(unsigned long, shared)
		__field(unsigned long, copied)
		__field(unsigned long, lost)
		__field(u64, ns)
	),
	TP_fast_assign(
		__entry->parent = parent;
		__entry->child = child;
		__entry->shared = shared;
		__entry->copied = copied;
		__entry->lost = lost;
		__entry->ns = ns;
	),
	TP_printk("parent=%llu child=%llu shared=%lu copied=%lu lost=%lu ns=%llu",
		  __entry->parent, __entry->child, __entry->shared,
		  __entry->copied, __entry->lost, __entry->ns)
);

TRACE_EVENT(release,
	TP_PROTO(u64 arena, u64 offset, u64 len, u64 released),
	TP_ARGS(arena, offset, len, released),
	TP_STRUCT__entry(
		__field(u64, arena)
		__field(u64, offset)
		__field(u64, len)
		__field(u64, released)
	),
	TP_fast_assign(
		__entry->arena = arena;
		__entry->offset = offset;
		__entry->len = len;
		__entry->released = released;
	),
	TP_printk("arena=%llu offset=0x%llx len=%llu released=%llu",
		  __entry->arena, __entry->offset, __entry->len,
		  __entry->released)
);

TRACE_EVENT(join,
	TP_PROTO(u64 arena, u64 block, int result),
	TP_ARGS(arena, block, result),
	TP_STRUCT__entry(
		__field(u64, arena)
		__field(u64, block)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->arena = arena;
		__entry->block = block;
		__entry->result = result;
	),
	TP_printk("arena=%llu block=%llu result=%d", __entry->arena,
		  __entry->block, __entry->result)
);

TRACE_EVENT(mesh,
	TP_PROTO(u64 arena, u64 dst, u64 src, u32 len, int result),
	TP_ARGS(arena, dst, src, len, result),
	TP_STRUCT__entry(
		__field(u64, arena)
		__field(u64, dst)
		__field(u64, src)
		__field(u32, len)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->arena = arena;
		__entry->dst = dst;
		__entry->src = src;
		__entry->len = len;
		__entry->result = result;
	),
	TP_printk("arena=%llu dst=0x%llx src=0x%llx len=%u result=%d",
		  __entry->arena, __entry->dst, __entry->src, __entry->len,
		  __entry->result)
);

TRACE_EVENT(unmesh,
	TP_PROTO(u64 arena, u64 block, unsigned int pages, int why),
	TP_ARGS(arena, block, pages, why),
	TP_STRUCT__entry(
		__field(u64, arena)
		__field(u64, block)
		__field(unsigned int, pages)
		__field(int, why)
	),
	TP_fast_assign(
		__entry->arena = arena;
		__entry->block = block;
		__entry->pages = pages;
		__entry->why = why - HA_UNMESH_COW;
	),
	TP_printk("arena=%llu block=%llu pages=%u why=%s", __entry->arena,
		  __entry->block, __entry->pages,
		  __print_symbolic(__entry->why, { 0, "cow" }, { 1, "join" },
				   { 2, "release" }))
);

TRACE_EVENT(zero,
	TP_PROTO(int node, bool pool),
	TP_ARGS(node, pool),
	TP_STRUCT__entry(
		__field(int, node)
		__field(bool, pool)
	),
	TP_fast_assign(
		__entry->node = node;
		__entry->pool = pool;
	),
	TP_printk("node=%d for=%s", __entry->node,
		  __entry->pool ? "pool" : "reserve")
);

#endif /* _HUGEARENA_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
