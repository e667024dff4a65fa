/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How much memory arenas hold, node by node.
 *
 * Counted per CPU, so that faults on different CPUs share no cache line; the
 * reader sums up.  A side file.
 */
#ifndef _HUGEARENA_TALLY_H
#define _HUGEARENA_TALLY_H

#include <linux/percpu.h>

/**
 * struct ha_tally - what there is
 * @whole: blocks of 2 MiB
 * @split: blocks in pages, and overlays; not by node, all in node 0's
 * @pages: 4 KiB pages in them
 */
struct ha_tally {
	long whole;
	long split;
	long pages;
};

extern struct ha_tally __percpu *ha_tally;	/* nr_node_ids of them a CPU */

static inline void ha_tally_whole(int nid, int n)
{
	this_cpu_add(ha_tally[nid].whole, n);
}

static inline void ha_tally_pages(int nid, int n)
{
	this_cpu_add(ha_tally[nid].pages, n);
}

static inline void ha_tally_split(int n)
{
	this_cpu_add(ha_tally[0].split, n);
}

/* A node's numbers; one that changes while it is read may be slightly off. */
void ha_tally_node(int nid, struct ha_tally *t);

/* The sum over all nodes. */
void ha_tally_all(struct ha_tally *t);

int ha_tally_init(void);

/* Complains if anything was not counted out. */
void ha_tally_exit(void);

#endif /* _HUGEARENA_TALLY_H */
