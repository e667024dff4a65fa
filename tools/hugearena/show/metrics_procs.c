// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics_procs: commands on libshim or with arenas, for Prometheus.
 *
 * Added up by command name: process ids would make a new time series each time
 * a service is restarted.
 */
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "read/coroutines.h"
#include "top.h"

/**
 * struct command - processes of one name
 * @comm: the name
 * @n: processes
 * @shim: of these, on libshim
 */
struct command {
	char comm[32];
	unsigned int n, shim;
	uint64_t rss, pmd, allocated, cached, arena;
	struct coroutine_counts co;
};

static const char *const states[COROUTINE_STATES] = {
	"new", "suspended", "running", "resuming", "done"
};

static struct command *command_get(struct command *list, size_t *n,
				   const char *comm)
{
	size_t i;

	for (i = 0; i < *n; i++)
		if (!strcmp(list[i].comm, comm))
			return &list[i];
	memset(&list[*n], 0, sizeof(list[*n]));
	snprintf(list[*n].comm, sizeof(list[*n].comm), "%s", comm);
	return &list[(*n)++];
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
			metrics_sample(m, name, (double)list[i].co.state[k],
				       "command", list[i].comm,
				       "state", states[k], NULL);
		if (list[i].co.stacks)
			metrics_sample(m, name, (double)list[i].co.parked,
				       "command", list[i].comm,
				       "state", "parked", NULL);
	}
	name = "hugearena_command_stacks";
	metrics_family(m, name, METRICS_GAUGE, NULL,
		       "Stacks that libshim-co made; those without a guard are used or free, too.");
	for (i = 0; i < n; i++) {
		const struct coroutine_counts *co = &list[i].co;

		if (!co->stacks)
			continue;
		metrics_sample(m, name, (double)(co->stacks - co->free),
			       "command", list[i].comm, "state", "used", NULL);
		metrics_sample(m, name, (double)co->free,
			       "command", list[i].comm, "state", "free", NULL);
		metrics_sample(m, name, (double)co->unguarded, "command",
			       list[i].comm, "state", "unguarded", NULL);
	}
}

static void family(struct metrics *m, const struct command *list, size_t n,
		   const char *name, const char *unit, const char *help,
		   size_t offset)
{
	size_t i;

	metrics_family(m, name, METRICS_GAUGE, unit, help);
	for (i = 0; i < n; i++)
		metrics_sample(m, name, (double)*(const uint64_t *)
			       ((const char *)&list[i] + offset),
			       "command", list[i].comm, NULL);
}

void metrics_procs(struct metrics *m)
{
	struct top top = { .ours = true };
	struct command *list;
	size_t n = 0, i;

	if (top_look(&top))
		return;
	list = calloc(top.n ? top.n : 1, sizeof(*list));
	if (!list) {
		top_free(&top);
		return;
	}
	for (i = 0; i < top.n; i++)
		if (top_shows(&top, &top.v[i]))
			add(command_get(list, &n, top.v[i].now.comm),
			    &top.v[i].now);
	metrics_family(m, "hugearena_command_processes", METRICS_GAUGE, NULL,
		       "Processes on libshim or with arenas.");
	for (i = 0; i < n; i++)
		metrics_sample(m, "hugearena_command_processes", list[i].n,
			       "command", list[i].comm, NULL);
	metrics_family(m, "hugearena_hidden_processes", METRICS_GAUGE, NULL,
		       "Processes the exporter has no right to look into.");
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
	free(list);
	top_free(&top);
}
