// SPDX-License-Identifier: GPL-2.0-only
/*
 * keep: why a heap has memory that no object is in, and when it goes.
 *
 * The times are those of libshim's scavenger.c, large.c and percpu_idle.c.
 * Called by cmd_map and top.
 */
#include <stdio.h>

#include "base/out.h"
#include "keep.h"

enum {
	CACHES,
	SPANS,
	TAILS,
	LARGE,
	DEMAND,
	SLACK,
	REST,
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void keep_list(const struct shim_heap *heap, struct keep *list)
{
	static const struct keep reasons[KEEP_REASONS] = {
		[CACHES] = { "CPU caches", "caches", 0,
			"until their CPU has not used them for 0.6 s" },
		[SPANS] = { "free in spans", "spans", 0,
			"until the last object of the span is freed" },
		[TAILS] = { "tails of spans", "tails", 0,
			"behind the last object; as long as the span" },
		[LARGE] = { "large, freed", "large_freed", 0,
			"for the next of that size, until 0.6 s without one" },
		[DEMAND] = { "demand", "demand", 0, "" },
		[SLACK] = { "slack", "slack", 0,
			"a 32nd of what is in use, while no limit is near" },
		[REST] = { "going", "going", 0,
			"0.6 s after it was freed" },
	};
	uint64_t idle = heap->idle;
	int i;

	for (i = 0; i < KEEP_REASONS; i++)
		list[i] = reasons[i];
	list[CACHES].bytes = heap->cached;
	list[SPANS].bytes = heap->central;
	list[TAILS].bytes = heap->tails;
	list[LARGE].bytes = heap->kept;
	list[DEMAND].bytes = min(heap->demand, idle);
	idle -= list[DEMAND].bytes;
	list[SLACK].bytes = min(heap->slack, idle);
	list[REST].bytes = idle - list[SLACK].bytes;
	snprintf(list[DEMAND].until, sizeof(list[DEMAND].until),
		 "was taken again within a minute; %.0f s more at most",
		 heap->demand_seconds);
}

json_t *keep_json(const struct shim_heap *heap)
{
	json_t *root = json_object();
	struct keep list[KEEP_REASONS];
	int i;

	keep_list(heap, list);
	for (i = 0; i < KEEP_REASONS; i++) {
		json_t *obj = json_object();

		json_put_int(obj, "bytes", list[i].bytes);
		json_put_text(obj, "until", list[i].until);
		json_object_set_new(root, list[i].key, obj);
	}
	return root;
}
