// SPDX-License-Identifier: GPL-2.0-only
/*
 * top_list: the list of processes, kept from one look to the next so that rates
 * can be computed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

/* A process that had no libshim is asked again this often: it may exec. */
#define TRY_EVERY	8u

static const char *const sort_names[TOP_SORTS] = {
	"resident", "allocated", "coverage", "faults", "cow", "cpu",
};

const char *top_sort_name(enum top_sort sort)
{
	return sort_names[sort];
}

int top_sort_parse(const char *name)
{
	int i;

	for (i = 0; i < TOP_SORTS; i++)
		if (!strcmp(name, sort_names[i]))
			return i;
	return -1;
}

bool top_shows(const struct top *top, const struct top_proc *p)
{
	if (top->ours && p->now.shim_err && !p->now.arenas)
		return false;
	return !top->filter[0] || strstr(p->now.comm, top->filter) ||
	       strstr(p->now.cgroup, top->filter);
}

const char *top_group(const struct top_proc *p)
{
	return p->now.unit[0] ? p->now.unit : p->now.cgroup;
}

void top_sum(const struct top *top, struct top_sums *sums)
{
	size_t i;

	memset(sums, 0, sizeof(*sums));
	for (i = 0; i < top->n; i++) {
		const struct top_proc *p = &top->v[i];

		if (!top_shows(top, p))
			continue;
		sums->n++;
		sums->rss += p->now.rss;
		sums->pss += p->now.pss;
		sums->allocated += p->now.allocated;
		sums->faults += p->faults;
		sums->cow += p->cow;
		sums->cpu += p->cpu;
	}
}

static struct top_proc *find(struct top *top, pid_t pid)
{
	struct top_proc *p;
	size_t i;

	for (i = 0; i < top->n; i++)
		if (top->v[i].now.pid == pid)
			return &top->v[i];
	if (top->n == top->room) {
		size_t want = top->room ? 2 * top->room : 256;

		p = realloc(top->v, want * sizeof(*p));
		if (!p)
			return NULL;
		top->v = p;
		top->room = want;
	}
	p = &top->v[top->n++];
	memset(p, 0, sizeof(*p));
	p->now.pid = pid;
	p->shim.mem = -1;
	p->shim_err = -ENOENT;
	p->fresh = true;
	return p;
}

static uint64_t cow_of(const struct sample *s)
{
	return s->arena.cow_pages + 512 * s->arena.cow_blocks;
}

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return seconds > 0 && now > before ?
	       (double)(now - before) / seconds : 0;
}

static void shim_follow(struct top_proc *p, const char *comm)
{
	bool changed = strcmp(p->now.comm, comm);

	if (!p->shim_err && !changed)
		return;
	if (!changed && p->tries++ % TRY_EVERY)
		return;
	if (!p->shim_err)
		shim_close(&p->shim);
	p->shim_err = shim_open(&p->shim, p->now.pid);
}

static void look(struct top *top, pid_t pid, const struct kmod_arena *arenas,
		 size_t n)
{
	struct top_proc *p = find(top, pid);
	struct sample before;
	double seconds;
	char comm[32];

	if (!p)
		return;
	before = p->now;
	proc_comm(pid, comm, sizeof(comm));
	shim_follow(p, comm);
	if (sample_take(&p->now, pid, &p->shim, &p->shim_err, arenas, n,
			SAMPLE_ROLLUP))
		return;
	if (!p->now.rss)	/* a kernel thread, or ending */
		return;
	p->seen = true;
	/* from 7.2 on the one may be read where the other may not */
	top->hidden += p->now.rollup_err == -EACCES ||
		       p->now.rollup_err == -EPERM ||
		       p->now.shim_err == -EACCES;
	seconds = (double)(p->now.when - before.when) / 1e9;
	if (!p->fresh) {
		p->faults = rate(p->now.minor + p->now.major,
				 before.minor + before.major, seconds);
		p->cpu = 100 * rate(p->now.cpu, before.cpu, seconds) / 1e9;
		p->cow = rate(cow_of(&p->now), cow_of(&before), seconds);
	}
	p->fresh = false;
}

static double key(const struct top_proc *p, enum top_sort sort)
{
	switch (sort) {
	case TOP_ALLOCATED:
		return (double)p->now.allocated;
	case TOP_COVERAGE:
		return sample_coverage(&p->now);
	case TOP_FAULTS:
		return p->faults;
	case TOP_COW:
		return p->cow;
	case TOP_CPU:
		return p->cpu;
	default:
		return (double)p->now.rss;
	}
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct top_proc *x = a, *y = b;
	enum top_sort sort = *(enum top_sort *)arg;
	double kx = key(x, sort), ky = key(y, sort);

	if (kx != ky)
		return kx < ky ? 1 : -1;
	if (x->now.rss != y->now.rss)
		return x->now.rss < y->now.rss ? 1 : -1;
	return x->now.pid - y->now.pid;
}

int top_look(struct top *top)
{
	struct kmod_arena *arenas = NULL;
	size_t nr_arenas = 0, i, kept = 0;
	pid_t *pids = proc_list();

	if (!pids)
		return -errno;
	/* without the module there are none */
	kmod_arenas_read(&arenas, &nr_arenas);
	top->hidden = 0;
	for (i = 0; i < top->n; i++)
		top->v[i].seen = false;
	for (i = 0; pids[i]; i++)
		look(top, pids[i], arenas, nr_arenas);
	for (i = 0; i < top->n; i++) {
		if (top->v[i].seen)
			top->v[kept++] = top->v[i];
		else if (!top->v[i].shim_err)
			shim_close(&top->v[i].shim);
	}
	top->n = kept;
	if (kept)
		qsort_r(top->v, kept, sizeof(*top->v), compare, &top->sort);
	free(arenas);
	free(pids);
	return 0;
}

void top_free(struct top *top)
{
	size_t i;

	for (i = 0; i < top->n; i++)
		if (!top->v[i].shim_err)
			shim_close(&top->v[i].shim);
	free(top->v);
}
