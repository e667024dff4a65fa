// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics_procs: commands on libshim or with arenas, for Prometheus.
 *
 * Added up by command name, and by what else is asked for: process ids would make
 * a new time series each time a service is restarted.
 */
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "read/collector.h"
#include "read/coroutines.h"
#include "top.h"

/**
 * struct command - processes of one name
 * @comm: the name
 * @pid: with METRICS_PID, the process; and so on
 * @n: processes
 * @shim: of these, on libshim
 */
struct command {
	char comm[32], pid[16], cgroup[256], unit[128], pod[40];
	unsigned int n, shim;
	uint64_t rss, pmd, allocated, cached, arena;
	struct coroutine_counts co;
	struct gc_inspect gc;
	uint64_t gc_processes, gc_heap, gc_live, gc_total;
};

#define SECONDS		(1 / 1e9)	/* of nanoseconds */

static const char *const states[COROUTINE_STATES] = {
	"new", "suspended", "running", "resuming", "done"
};

static struct command *command_get(struct command *list, size_t *n,
				   const struct sample *s, unsigned int labels)
{
	struct command *c = &list[*n];
	size_t i;

	memset(c, 0, sizeof(*c));
	snprintf(c->comm, sizeof(c->comm), "%s", s->comm);
	if (labels & METRICS_PID)
		snprintf(c->pid, sizeof(c->pid), "%d", s->pid);
	if (labels & METRICS_CGROUP)
		snprintf(c->cgroup, sizeof(c->cgroup), "%s", s->cgroup);
	if (labels & METRICS_UNIT)
		snprintf(c->unit, sizeof(c->unit), "%s", s->unit);
	if (labels & METRICS_POD)
		proc_pod(s->cgroup, c->pod, sizeof(c->pod));
	for (i = 0; i < *n; i++)
		if (!strcmp(list[i].comm, c->comm) &&
		    !strcmp(list[i].pid, c->pid) &&
		    !strcmp(list[i].cgroup, c->cgroup) &&
		    !strcmp(list[i].unit, c->unit) &&
		    !strcmp(list[i].pod, c->pod))
			return &list[i];
	(*n)++;
	return c;
}

/* A sample of it; @state may be NULL. */
static void put(struct metrics *m, const char *name, double value,
		const struct command *c, const char *state)
{
	const char *const all[][2] = {
		{ "command", c->comm }, { "pid", c->pid },
		{ "cgroup", c->cgroup }, { "unit", c->unit },
		{ "pod", c->pod }, { "state", state },
	};
	const char *l[6][2] = { { NULL } };
	size_t i, n = 0;

	/* a label without a value is no label */
	for (i = 0; i < 6; i++) {
		if (!all[i][1] || !*all[i][1])
			continue;
		l[n][0] = all[i][0];
		l[n++][1] = all[i][1];
	}
	metrics_sample(m, name, value, l[0][0], l[0][1], l[1][0], l[1][1],
		       l[2][0], l[2][1], l[3][0], l[3][1], l[4][0], l[4][1],
		       l[5][0], l[5][1], NULL);
}

static void add_collector(struct command *c, pid_t pid)
{
	const struct gc_round *last;
	struct collector gc;
	unsigned int i;

	if (collector_read(&gc, pid))
		return;
	last = &gc.at.round[gc.at.collections % GC_INSPECT_ROUNDS];
	c->gc_processes++;
	c->gc_heap += gc.heap;
	c->gc_total += gc.total;
	c->gc_live += gc.at.collections ? last->live : 0;
	for (i = 0; i < GC_INSPECT_REASONS; i++)
		c->gc.reasons[i] += gc.at.reasons[i];
	c->gc.failed += gc.at.failed;
	c->gc.limited += gc.at.limited;
	c->gc.stops += gc.at.stops;
	c->gc.stop_sum_ns += gc.at.stop_sum_ns;
	if (gc.at.stop_max_ns > c->gc.stop_max_ns)
		c->gc.stop_max_ns = gc.at.stop_max_ns;
	c->gc.scanned += gc.at.scanned;
	c->gc.assisted += gc.at.assisted;
}

static void add(struct command *c, const struct sample *s)
{
	struct coroutine_counts co;
	unsigned int i;

	c->n++;
	c->rss += s->rss;
	c->pmd += s->pmd;
	c->arena += s->arena.resident;
	if (!s->shim_err) {
		c->shim++;
		c->allocated += s->allocated;
		c->cached += s->cached + s->central + s->idle;
	}
	add_collector(c, s->pid);
	if (!coroutines_count(&co, s->pid)) {
		for (i = 0; i < COROUTINE_STATES; i++)
			c->co.state[i] += co.state[i];
		c->co.parked += co.parked;
		c->co.stacks += co.stacks;
		c->co.free += co.free;
		c->co.unguarded += co.unguarded;
	}
}

/* Of commands that ever made a stack of libshim-co. */
static void coroutines(struct metrics *m, const struct command *list, size_t n)
{
	const char *name = "hugearena_command_coroutines";
	size_t i, k;

	metrics_family(m, name, METRICS_GAUGE, NULL,
		       "Coroutines of libshim-co; parked ones are suspended, too.");
	for (i = 0; i < n; i++) {
		for (k = 0; k < COROUTINE_STATES && list[i].co.stacks; k++)
			put(m, name, (double)list[i].co.state[k], &list[i],
			    states[k]);
		if (list[i].co.stacks)
			put(m, name, (double)list[i].co.parked, &list[i],
			    "parked");
	}
	name = "hugearena_command_stacks";
	metrics_family(m, name, METRICS_GAUGE, NULL,
		       "Stacks that libshim-co made; those without a guard are used or free, too.");
	for (i = 0; i < n; i++) {
		const struct coroutine_counts *co = &list[i].co;

		if (!co->stacks)
			continue;
		put(m, name, (double)(co->stacks - co->free), &list[i], "used");
		put(m, name, (double)co->free, &list[i], "free");
		put(m, name, (double)co->unguarded, &list[i], "unguarded");
	}
}

/* One number of each command that has a collector. */
static void collector_family(struct metrics *m, const struct command *list,
			     size_t n, const char *name,
			     enum metrics_type type, const char *unit,
			     const char *help, size_t offset, double scale)
{
	char sample[128];
	size_t i;

	metrics_family(m, name, type, unit, help);
	snprintf(sample, sizeof(sample), "%s%s", name,
		 type == METRICS_COUNTER ? "_total" : "");
	for (i = 0; i < n; i++)
		if (list[i].gc_processes)
			metrics_sample(m, sample, scale *
				       (double)*(const uint64_t *)
				       ((const char *)&list[i] + offset),
				       "command", list[i].comm, NULL);
}

static void collectors(struct metrics *m, const struct command *list, size_t n)
{
	const char *name = "hugearena_command_gc_collections_total";
	unsigned int k;
	size_t i;

	metrics_family(m, "hugearena_command_gc_collections", METRICS_COUNTER,
		       NULL, "Collections of libshim-gc by why they began.");
	for (i = 0; i < n; i++)
		for (k = 0; k < GC_INSPECT_REASONS && list[i].gc_processes; k++)
			metrics_sample(m, name, (double)list[i].gc.reasons[k],
				       "command", list[i].comm, "reason",
				       collector_reason(k), NULL);
#define GC(_name, _type, _unit, _help, _field, _scale)			\
	collector_family(m, list, n, "hugearena_command_gc_" _name, _type, \
			 _unit, _help, offsetof(struct command, _field), _scale)
	GC("failed", METRICS_COUNTER, NULL,
	   "Collections given up: a thread did not stop.", gc.failed, 1);
	GC("limited", METRICS_COUNTER, NULL,
	   "Times that collecting for a limit took more than half of the time.",
	   gc.limited, 1);
	GC("heap_bytes", METRICS_GAUGE, "bytes",
	   "Bytes of spans of collected objects.", gc_heap, 1);
	GC("live_bytes", METRICS_GAUGE, "bytes",
	   "Bytes that the last collection reached.", gc_live, 1);
	GC("allocated_bytes", METRICS_COUNTER, "bytes",
	   "Bytes of collected objects allocated.", gc_total, 1);
	GC("scanned_bytes", METRICS_COUNTER, "bytes",
	   "Bytes that collections looked at.", gc.scanned, 1);
	GC("assisted_bytes", METRICS_COUNTER, "bytes",
	   "Of them, by threads that allocate.", gc.assisted, 1);
	GC("stops", METRICS_COUNTER, NULL,
	   "Times that all threads were stopped.", gc.stops, 1);
	GC("stopped_seconds", METRICS_COUNTER, "seconds",
	   "How long they were, in all.", gc.stop_sum_ns, SECONDS);
	GC("longest_stop_seconds", METRICS_GAUGE, "seconds",
	   "The longest stop of any of the processes.", gc.stop_max_ns, SECONDS);
#undef GC
}

static void family(struct metrics *m, const struct command *list, size_t n,
		   const char *name, const char *unit, const char *help,
		   size_t offset)
{
	size_t i;

	metrics_family(m, name, METRICS_GAUGE, unit, help);
	for (i = 0; i < n; i++)
		put(m, name, (double)*(const uint64_t *)
		    ((const char *)&list[i] + offset), &list[i], NULL);
}

void metrics_procs(struct metrics *m, unsigned int labels)
{
	struct top top = { .ours = true };
	struct command *list;
	size_t n = 0, i;

	if (top_look(&top))
		return;
	/* one more than there are: the last is the one that is looked for */
	list = calloc(top.n + 1, sizeof(*list));
	if (!list) {
		top_free(&top);
		return;
	}
	for (i = 0; i < top.n; i++)
		if (top_shows(&top, &top.v[i]))
			add(command_get(list, &n, &top.v[i].now, labels),
			    &top.v[i].now);
	metrics_family(m, "hugearena_command_processes", METRICS_GAUGE, NULL,
		       "Processes on libshim or with arenas.");
	for (i = 0; i < n; i++)
		put(m, "hugearena_command_processes", list[i].n, &list[i],
		    NULL);
	metrics_family(m, "hugearena_hidden_processes", METRICS_GAUGE, NULL,
		       "Processes that the exporter is not permitted to inspect.");
	metrics_sample(m, "hugearena_hidden_processes", top.hidden, NULL);
	family(m, list, n, "hugearena_command_resident_bytes", "bytes",
	       "Resident memory.", offsetof(struct command, rss));
	family(m, list, n, "hugearena_command_huge_bytes", "bytes",
	       "Resident memory that 2 MiB mappings serve.",
	       offsetof(struct command, pmd));
	family(m, list, n, "hugearena_command_arena_bytes", "bytes",
	       "Resident memory of arenas.", offsetof(struct command, arena));
	family(m, list, n, "hugearena_command_allocated_bytes", "bytes",
	       "Bytes in live objects of processes on libshim.",
	       offsetof(struct command, allocated));
	family(m, list, n, "hugearena_command_free_bytes", "bytes",
	       "Bytes with memory that libshim keeps free: caches, spans, pages.",
	       offsetof(struct command, cached));
	coroutines(m, list, n);
	collectors(m, list, n);
	free(list);
	top_free(&top);
}
