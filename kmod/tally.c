// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that arenas hold, by node; see tally.h.
 *
 * Keeps true: the sum over all CPUs is what is held.  One CPU's part may be below
 * zero, as what it frees may have been taken on another.  Called by proc and nodes;
 * block counts.
 */
#include <linux/nodemask.h>

#include "tally.h"

struct ha_tally __percpu *ha_tally;

static void tally_add(int nid, struct ha_tally *t)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct ha_tally *part = per_cpu_ptr(ha_tally, cpu) + nid;

		t->whole += READ_ONCE(part->whole);
		t->split += READ_ONCE(part->split);
		t->pages += READ_ONCE(part->pages);
	}
}

/*
 * Read while memory moves between CPUs, the sum may be below zero: show none.
 */
static void tally_bound(struct ha_tally *t)
{
	t->whole = max(0L, t->whole);
	t->split = max(0L, t->split);
	t->pages = max(0L, t->pages);
}

void ha_tally_node(int nid, struct ha_tally *t)
{
	*t = (struct ha_tally){};
	tally_add(nid, t);
	tally_bound(t);
}

void ha_tally_all(struct ha_tally *t)
{
	int nid;

	*t = (struct ha_tally){};
	for (nid = 0; nid < nr_node_ids; nid++)
		tally_add(nid, t);
	tally_bound(t);
}

int ha_tally_init(void)
{
	ha_tally = __alloc_percpu(nr_node_ids * sizeof(*ha_tally),
				  __alignof__(*ha_tally));
	return ha_tally ? 0 : -ENOMEM;
}

void ha_tally_exit(void)
{
	struct ha_tally sum = {};
	int nid;

	for (nid = 0; nid < nr_node_ids; nid++)
		tally_add(nid, &sum);
	WARN_ON_ONCE(sum.whole || sum.split || sum.pages);
	free_percpu(ha_tally);
}
