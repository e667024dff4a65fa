// SPDX-License-Identifier: GPL-2.0-only
/* Counters of the whole module; see stat.h. */
#include <linux/cpumask.h>
#include <linux/string.h>

#include "stat.h"

DEFINE_PER_CPU(struct ha_stat, ha_stat);

void ha_stat_fold(struct ha_stat *sum)
{
	int cpu, i, j;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct ha_stat *s = per_cpu_ptr(&ha_stat, cpu);

		for (i = 0; i < HA_COUNTERS; i++)
			sum->counter[i] += READ_ONCE(s->counter[i]);
		for (i = 0; i < HA_SOURCES; i++)
			for (j = 0; j < HA_BUCKETS; j++)
				sum->latency[i][j] += READ_ONCE(s->latency[i][j]);
	}
}
