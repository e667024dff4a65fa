// SPDX-License-Identifier: GPL-2.0-only
/*
 * kmod_json: what the module reports, as JSON.  Called by status, pool, record,
 * sample.
 */
#include "kmod.h"
#include "base/out.h"

void kmod_arena_json(const struct kmod_arena *a, json_t *obj)
{
	json_put_int(obj, "size_bytes", a->size);
	json_put_int(obj, "resident_bytes", a->resident);
	json_put_int(obj, "blocks", a->blocks);
	json_put_int(obj, "split", a->split);
	json_put_int(obj, "shared", a->shared);
	json_put_int(obj, "lost", a->lost);
	json_put_int(obj, "faults_reserve", a->f_reserve);
	json_put_int(obj, "faults_pool", a->f_pool);
	json_put_int(obj, "faults_demand", a->f_demand);
	json_put_int(obj, "faults_small", a->f_small);
	json_put_int(obj, "faults_map", a->f_map);
	json_put_int(obj, "cow_pages", a->cow_pages);
	json_put_int(obj, "cow_blocks", a->cow_blocks);
	json_put_int(obj, "released_bytes", a->released);
	json_put_int(obj, "joined", a->joined);
	json_put_int(obj, "reserve", a->reserve);
	json_put_int(obj, "forks", a->forks);
}

json_t *kmod_pool_json(const struct kmod_pool *nodes, size_t n)
{
	json_t *list = json_array(), *node;
	size_t i;

	for (i = 0; i < n; i++) {
		node = json_object();
		json_put_int(node, "node", (uint64_t)nodes[i].node);
		json_put_int(node, "clean", nodes[i].clean);
		json_put_int(node, "dirty", nodes[i].dirty);
		json_put_int(node, "target", nodes[i].target);
		json_put_int(node, "floor", nodes[i].floor);
		json_put_int(node, "out", nodes[i].out);
		json_put_int(node, "failed", nodes[i].failed);
		json_array_append_new(list, node);
	}
	return list;
}

json_t *kmod_latency_json(const struct kmod_latency *lat, size_t n)
{
	json_t *obj = json_object(), *list;
	size_t i, k;

	for (i = 0; i < n; i++) {
		list = json_array();
		for (k = 0; k < KMOD_BUCKETS; k++)
			json_array_append_new(list, json_integer((json_int_t)
						lat[i].bucket[k]));
		json_object_set_new(obj, lat[i].source, list);
	}
	return obj;
}
