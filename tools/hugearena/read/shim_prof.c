// SPDX-License-Identifier: GPL-2.0-only
/*
 * shim_prof: the sampled heap profile of another process.  Called by profile,
 * leak, run, metrics.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shim_prof.h"

static int chain_read(const struct shim *s, uint64_t addr, struct prof *prof,
		      size_t room)
{
	int err;

	while (addr && prof->n < room) {
		struct prof_stack *st = &prof->stack[prof->n];

		err = shim_read(s, addr, st, sizeof(*st));
		if (err)
			return err;
		if (st->nframes > PROF_FRAMES)
			return -EPROTO;
		prof->addr[prof->n++] = addr;
		addr = (uintptr_t)st->next;
	}
	return 0;
}

int prof_read(const struct shim *s, struct prof *prof)
{
	uint64_t table[PROF_BUCKETS];
	struct shim_prof head;
	struct shim_conf conf;
	size_t room;
	int err, i;

	memset(prof, 0, sizeof(*prof));
	err = shim_read(s, (uintptr_t)s->at.prof, &head, sizeof(head));
	if (!err)
		err = shim_read(s, (uintptr_t)s->at.conf, &conf, sizeof(conf));
	if (err)
		return err;
	prof->rate = conf.profile;
	prof->samples = head.samples;
	prof->lost = head.lost;
	if (!head.table)
		return prof->rate ? 0 : -ENODATA;
	err = shim_read(s, (uintptr_t)head.table, table, sizeof(table));
	if (err)
		return err;
	/*
	 * records that are made while we read are put in front; these few may
	 * be missed
	 */
	room = head.nstacks + 1024;
	prof->stack = malloc(room * sizeof(*prof->stack));
	prof->addr = malloc(room * sizeof(*prof->addr));
	if (!prof->stack || !prof->addr)
		err = -ENOMEM;
	for (i = 0; i < (int)PROF_BUCKETS && !err; i++)
		err = chain_read(s, table[i], prof, room);
	if (err)
		prof_free(prof);
	return err;
}

void prof_free(struct prof *prof)
{
	free(prof->stack);
	free(prof->addr);
	prof->stack = NULL;
	prof->addr = NULL;
	prof->n = 0;
}

double prof_scale(uint64_t rate, const struct prof_count *c)
{
	double mean;

	if (!c->objects)
		return 0;
	mean = (double)c->bytes / (double)c->objects;
	if (rate < 2 || mean <= 0)
		return 1;
	return 1 / -expm1(-mean / (double)rate);
}

void prof_totals(const struct prof *prof, double *objects, double *bytes)
{
	size_t i;

	*objects = 0;
	*bytes = 0;
	for (i = 0; i < prof->n; i++) {
		const struct prof_count *c = &prof->stack[i].total;
		double scale = prof_scale(prof->rate, c);

		*objects += scale * (double)c->objects;
		*bytes += scale * (double)c->bytes;
	}
}

/* A word of the process's. */
static int word_write(struct shim *s, const void *base, size_t offset,
		      size_t value)
{
	return shim_write(s, (uintptr_t)base + offset, &value, sizeof(value));
}

int prof_switch(struct shim *s, uint64_t rate)
{
	bool alone, open;
	struct percpu pc;
	int err;

	err = shim_ready(s);
	if (err <= 0)
		return err ? err : -EAGAIN;
	/* if every request must be seen, the fast paths stay closed */
	alone = !s->conf.guard && !s->conf.check;
	err = shim_read(s, (uintptr_t)s->at.percpu, &pc, sizeof(pc));
	open = !rate && pc.rseq && alone;
	/* the rate comes first, so that a request that is counted finds it */
	if (!err && rate)
		err = word_write(s, s->at.conf,
				 offsetof(struct shim_conf, profile), rate);
	if (!err)
		err = word_write(s, s->at.prof,
				 offsetof(struct shim_prof, counted_max),
				 rate && alone ? SIZECLASS_MAX : 0);
	if (!err)
		err = word_write(s, s->at.hot,
				 offsetof(struct percpu_hot, mid_max),
				 open ? SIZECLASS_MAX - SIZECLASS_SMALL_MAX : 0);
	if (!err)
		err = word_write(s, s->at.hot,
				 offsetof(struct percpu_hot, small_max),
				 open ? SIZECLASS_SMALL_MAX : 0);
	if (!err && !rate)
		err = word_write(s, s->at.conf,
				 offsetof(struct shim_conf, profile), 0);
	return err;
}
