// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics_module: what the module reports, for Prometheus.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "read/kmod.h"
#include "metrics.h"

/* Single numbers of /proc/hugearena/stat. */
static const struct {
	const char *key, *name;
	enum metrics_type type;
	const char *unit, *help;
} numbers[] = {
	{ "Arenas", "hugearena_arenas", METRICS_GAUGE, NULL,
	  "Arenas that exist." },
	{ "Size", "hugearena_size_bytes", METRICS_GAUGE, "bytes",
	  "Address space of all arenas." },
	{ "Resident", "hugearena_resident_bytes", METRICS_GAUGE, "bytes",
	  "Memory of all arenas, shared blocks counted once." },
	{ "Shared", "hugearena_shared_blocks", METRICS_GAUGE, NULL,
	  "Blocks shared with a relative by fork." },
	{ "Reserve", "hugearena_reserve_blocks", METRICS_GAUGE, NULL,
	  "Blocks zeroed ahead of demand that wait in arenas." },
	{ "CowPages", "hugearena_cow_pages", METRICS_COUNTER, NULL,
	  "4 KiB pages copied after fork." },
	{ "CowBlocks", "hugearena_cow_blocks", METRICS_COUNTER, NULL,
	  "Blocks copied after fork." },
	{ "CowReused", "hugearena_cow_reused_pages", METRICS_COUNTER, NULL,
	  "First writes to pages mapped read-only that needed no copy." },
	{ "CowSpare", "hugearena_cow_spare_pages", METRICS_COUNTER, NULL,
	  "Pages copied after fork into a page allocated ahead." },
	{ "Forks", "hugearena_forks", METRICS_COUNTER, NULL,
	  "Forks of arenas." },
	{ "ForkFailed", "hugearena_fork_failures", METRICS_COUNTER, NULL,
	  "Forks that could not copy all." },
	{ "ForkCopied", "hugearena_fork_copied_blocks", METRICS_COUNTER, NULL,
	  "Blocks copied by fork itself because they were pinned." },
	{ "Lost", "hugearena_lost_blocks", METRICS_COUNTER, NULL,
	  "Blocks for which a fork had no memory: access raises SIGBUS." },
	{ "Released", "hugearena_released_bytes", METRICS_COUNTER, "bytes",
	  "Memory given back." },
	{ "Splits", "hugearena_splits", METRICS_COUNTER, NULL,
	  "Blocks split into 4 KiB pages." },
	{ "Joined", "hugearena_joins", METRICS_COUNTER, NULL,
	  "Blocks made whole again." },
	{ "Pinned", "hugearena_pinned_blocks", METRICS_COUNTER, NULL,
	  "Blocks freed while pinned, which are not used again." },
	{ "Recycled", "hugearena_recycled_blocks", METRICS_COUNTER, NULL,
	  "Released blocks that were zeroed for reuse." },
	{ "QuotaDenied", "hugearena_quota_denials", METRICS_COUNTER, NULL,
	  "Faults or arenas refused by a limit." },
	{ "HugeFailed", "hugearena_huge_failures", METRICS_COUNTER, NULL,
	  "Faults that found no huge page, or no charge for one." },
	{ "Shrunk", "hugearena_shrunk_blocks", METRICS_COUNTER, NULL,
	  "Blocks that the pool gave back under memory pressure." },
};

#define NR_NUMBERS	(sizeof(numbers) / sizeof(numbers[0]))

static const struct {
	const char *key, *label;
} fault_sources[] = {
	{ "FaultReserve", "reserve" },
	{ "FaultPool", "pool" },
	{ "FaultDemand", "demand" },
	{ "FaultSmall", "small" },
	{ "FaultMap", "map" },
};

static void number(struct metrics *m, size_t i, double value)
{
	char name[64];

	metrics_family(m, numbers[i].name, numbers[i].type, numbers[i].unit,
		       numbers[i].help);
	snprintf(name, sizeof(name), "%s%s", numbers[i].name,
		 numbers[i].type == METRICS_COUNTER ? "_total" : "");
	metrics_sample(m, name, value, NULL);
}

static void stat_write(struct metrics *m, const struct kmod_stat *st)
{
	size_t i;

	for (i = 0; i < NR_NUMBERS; i++)
		number(m, i, (double)kmod_stat_get(st, numbers[i].key));
	metrics_family(m, "hugearena_blocks", METRICS_GAUGE, NULL,
		       "Blocks of arenas that have memory.");
	metrics_sample(m, "hugearena_blocks",
		       (double)kmod_stat_get(st, "Blocks"),
		       "state", "whole", NULL);
	metrics_sample(m, "hugearena_blocks",
		       (double)kmod_stat_get(st, "Split"),
		       "state", "split", NULL);
	metrics_family(m, "hugearena_faults", METRICS_COUNTER, NULL,
		       "Page faults, by the source of their memory.");
	for (i = 0; i < sizeof(fault_sources) / sizeof(fault_sources[0]); i++)
		metrics_sample(m, "hugearena_faults_total",
			       (double)kmod_stat_get(st, fault_sources[i].key),
			       "source", fault_sources[i].label, NULL);
	metrics_family(m, "hugearena_join_failures", METRICS_COUNTER, NULL,
		       "Split blocks that could not be made whole.");
	metrics_sample(m, "hugearena_join_failures_total",
		       (double)kmod_stat_get(st, "JoinBusy"),
		       "reason", "busy", NULL);
	metrics_sample(m, "hugearena_join_failures_total",
		       (double)kmod_stat_get(st, "JoinFailed"),
		       "reason", "memory", NULL);
}

static void pool_write(struct metrics *m)
{
	struct kmod_pool *nodes;
	char node[16];
	size_t n, i;

	if (kmod_pool_read(&nodes, &n))
		return;
	metrics_family(m, "hugearena_pool_blocks", METRICS_GAUGE, NULL,
		       "Blocks of the pool: clean are zeroed, dirty wait for it, out are handed out.");
	for (i = 0; i < n; i++) {
		snprintf(node, sizeof(node), "%d", nodes[i].node);
		metrics_sample(m, "hugearena_pool_blocks",
			       (double)nodes[i].clean, "node", node,
			       "state", "clean", NULL);
		metrics_sample(m, "hugearena_pool_blocks",
			       (double)nodes[i].dirty, "node", node,
			       "state", "dirty", NULL);
		metrics_sample(m, "hugearena_pool_blocks",
			       (double)nodes[i].out, "node", node,
			       "state", "out", NULL);
	}
	metrics_family(m, "hugearena_pool_target_blocks", METRICS_GAUGE, NULL,
		       "Blocks that the pool should have.");
	for (i = 0; i < n; i++) {
		snprintf(node, sizeof(node), "%d", nodes[i].node);
		metrics_sample(m, "hugearena_pool_target_blocks",
			       (double)nodes[i].target, "node", node, NULL);
	}
	metrics_family(m, "hugearena_pool_failures", METRICS_COUNTER, NULL,
		       "Requests for which the pool had no block.");
	for (i = 0; i < n; i++) {
		snprintf(node, sizeof(node), "%d", nodes[i].node);
		metrics_sample(m, "hugearena_pool_failures_total",
			       (double)nodes[i].failed, "node", node, NULL);
	}
	free(nodes);
}

/* The module keeps buckets and no sum: a histogram without _sum. */
static void latency_write(struct metrics *m)
{
	static const char name[] = "hugearena_fault_duration_seconds";
	struct kmod_latency lat[KMOD_SOURCES];
	char bucket[64], count[64], le[32];
	uint64_t sum;
	size_t n, i;
	int k;

	if (kmod_latency_read(lat, &n))
		return;
	snprintf(bucket, sizeof(bucket), "%s_bucket", name);
	snprintf(count, sizeof(count), "%s_count", name);
	metrics_family(m, name, METRICS_HISTOGRAM, "seconds",
		       "Duration of page faults, by the source of their memory.");
	for (i = 0; i < n; i++) {
		sum = 0;
		for (k = 0; k < KMOD_BUCKETS; k++) {
			sum += lat[i].bucket[k];
			/* below 256 ns nothing can be: one bucket for it */
			if (k < 8)
				continue;
			snprintf(le, sizeof(le), "%.9g",
				 (double)(1ULL << k) / 1e9);
			metrics_sample(m, bucket, (double)sum, "source",
				       lat[i].source, "le", le, NULL);
		}
		metrics_sample(m, bucket, (double)sum, "source",
			       lat[i].source, "le", "+Inf", NULL);
		metrics_sample(m, count, (double)sum, "source",
			       lat[i].source, NULL);
	}
}

void metrics_module(struct metrics *m)
{
	struct kmod_stat st;
	bool up = !kmod_stat_read(&st);

	metrics_family(m, "hugearena_up", METRICS_GAUGE, NULL,
		       "Is hugearena.ko loaded?");
	metrics_sample(m, "hugearena_up", up, NULL);
	if (!up)
		return;
	stat_write(m, &st);
	pool_write(m);
	latency_write(m);
}
