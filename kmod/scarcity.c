// SPDX-License-Identifier: GPL-2.0-only
/*
 * Free memory and page cache of a node; see scarcity.h.
 *
 * Has no state.  The counters are those of /proc/zoneinfo, read without a
 * lock: each may be some pages behind, which is exact enough.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/vmstat.h>

#include "scarcity.h"

/* A node is short when less than this part of it is left: see scarcity.h. */
#define SHORT_PART	16

struct node_room {
	unsigned long avail;	/* pages that can be taken without harm */
	unsigned long low;	/* less than this is a shortage */
};

static unsigned long node_stat(const pg_data_t *node, enum node_stat_item item)
{
	return max_t(long, atomic_long_read(&node->vm_stat[item]), 0);
}

static void node_look(int nid, unsigned long held, struct node_room *room)
{
	pg_data_t *node = NODE_DATA(nid);
	unsigned long managed = 0, free = 0, keep = 0;
	int i;

	for (i = 0; i < MAX_NR_ZONES; i++) {
		struct zone *zone = &node->node_zones[i];

		managed += zone_managed_pages(zone);
		free += zone_page_state(zone, NR_FREE_PAGES);
		keep += high_wmark_pages(zone);
	}
	room->avail = node_stat(node, NR_ACTIVE_FILE) +
		      node_stat(node, NR_INACTIVE_FILE);
	if (free > keep)
		room->avail += free - keep;
	room->low = (managed - min(held, managed)) / SHORT_PART;
}

bool ha_scarcity_is_short(int nid, unsigned long held)
{
	struct node_room room;

	node_look(nid, held, &room);
	return room.avail < room.low;
}

unsigned long ha_scarcity_room(int nid, unsigned long held)
{
	struct node_room room;

	node_look(nid, held, &room);
	return room.avail > 2 * room.low ? room.avail - 2 * room.low : 0;
}
