/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counters of the whole module and histograms of fault time.
 *
 * Per CPU, written with this_cpu operations from any context that may not
 * migrate half-way, folded on read: a reader takes no lock and delays nobody.
 * A side file: every layer may count.
 */
#ifndef _HUGEARENA_STAT_H
#define _HUGEARENA_STAT_H

#include <linux/percpu.h>
#include <linux/types.h>

/* In the order of /proc/hugearena/stat; the FAULT_* come first, as sources. */
enum ha_counter {
	HA_FAULT_RESERVE,	/* block from the arena's reserve */
	HA_FAULT_POOL,		/* block from the pool */
	HA_FAULT_DEMAND,	/* block allocated in the fault */
	HA_FAULT_SMALL,		/* 4 KiB page */
	HA_FAULT_MAP,		/* mapped what the arena already had */
	HA_COW_PAGES,		/* 4 KiB pages copied */
	HA_SOURCES,
	HA_COW_BLOCKS = HA_SOURCES,	/* blocks copied */
	HA_COW_REUSED,		/* became writable without a copy */
	HA_FORKS,
	HA_FORK_FAILED,		/* the child got memory that raises SIGBUS */
	HA_FORK_COPIED,		/* pinned blocks copied in fork() */
	HA_LOST,		/* blocks a child could not be given */
	HA_RELEASED_PAGES,
	HA_SPLITS,
	HA_JOINED,
	HA_JOIN_BUSY,
	HA_JOIN_FAILED,
	HA_PINNED,		/* freed while pinned: never used again */
	HA_RECYCLED,		/* blocks zeroed again for reuse */
	HA_QUOTA_DENIED,
	HA_HUGE_FAILED,		/* no huge page, or its charge was refused */
	HA_SHRUNK,		/* blocks given back under memory pressure */
	HA_COW_SPARE,		/* of HA_COW_PAGES: page was allocated ahead */
	HA_MESHES,		/* slots that were given another slot's page */
	HA_MESH_BUSY,		/* pairs refused: a page was pinned or shared */
	HA_UNMESH_COW,		/* such slots that got their own: a write, */
	HA_UNMESH_JOIN,		/* a join; */
	HA_UNMESH_RELEASE,	/* or that went */
	HA_BAD,			/* blocks kept for good: memory failed in them */
	HA_MOVED,		/* blocks that went to another node */
	HA_MOVE_BUSY,
	HA_MOVE_FAILED,
	HA_COUNTERS
};

#define HA_BUCKETS	32

struct ha_stat {
	u64 counter[HA_COUNTERS];
	u64 latency[HA_SOURCES][HA_BUCKETS];
};

DECLARE_PER_CPU(struct ha_stat, ha_stat);

static inline void ha_stat_add(enum ha_counter c, u64 n)
{
	this_cpu_add(ha_stat.counter[c], n);
}

static inline void ha_stat_inc(enum ha_counter c)
{
	this_cpu_inc(ha_stat.counter[c]);
}

/**
 * ha_stat_latency() - record how long a fault took
 * @source: HA_FAULT_RESERVE to HA_COW_PAGES
 * @ns: nanoseconds; bucket n counts times below 2^n
 */
static inline void ha_stat_latency(enum ha_counter source, u64 ns)
{
	unsigned int bucket = min(HA_BUCKETS - 1, fls64(ns));

	this_cpu_inc(ha_stat.latency[source][bucket]);
}

/**
 * ha_stat_fold() - sum the counters of all CPUs
 * @sum: zeroed and filled in
 */
void ha_stat_fold(struct ha_stat *sum);

#endif /* _HUGEARENA_STAT_H */
