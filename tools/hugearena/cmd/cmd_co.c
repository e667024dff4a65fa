// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena co: the coroutines of a process.
 *
 * A million of them wait in a handful of places, so the places are shown,
 * those with most coroutines first.  The process is stopped while it is read.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "base/out.h"
#include "read/coroutines.h"
#include "read/proc.h"
#include "read/stop.h"

struct args {
	pid_t pid;
	bool list;
	size_t max;
};

static const struct argp_option options[] = {
	{ "list", 'l', NULL, 0, "List them one by one instead of grouped by place", 0 },
	{ "max", 'm', "N", 0,
	  "Unwind at most this many stacks (default 10000)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 'l':
		args->list = true;
		return 0;
	case 'm':
		args->max = (size_t)args_number(arg, 0, 100000000, state, "N");
		return 0;
	}
	return args_process(key, arg, state, &args->pid);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PID",
	.doc = "Show the coroutines of a process on libshim-co.",
};

/**
 * struct place - coroutines whose stacks are the same
 * @first: one of them
 * @n: how many
 * @bytes: memory of their stacks
 */
struct place {
	const struct coroutine *first;
	size_t n;
	uint64_t bytes;
};

static int by_frames(const void *a, const void *b)
{
	const struct coroutine *x = *(const struct coroutine *const *)a;
	const struct coroutine *y = *(const struct coroutine *const *)b;

	if (x->frames != y->frames)
		return x->frames < y->frames ? -1 : 1;
	return memcmp(x->frame, y->frame, x->frames * sizeof(x->frame[0]));
}

static int by_number(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return x->n > y->n ? -1 : x->n < y->n;
}

/* The places of those that were unwound; NULL if there is no memory. */
static struct place *places_make(struct coroutines *c, size_t unwound,
				 size_t *nr)
{
	const struct coroutine **v = calloc(unwound + 1, sizeof(*v));
	struct place *p = calloc(unwound + 1, sizeof(*p));
	size_t i, n = 0, k = 0;

	if (!v || !p) {
		free(v);
		free(p);
		return NULL;
	}
	for (i = 0; i < c->n; i++)
		if (c->v[i].frames)
			v[n++] = &c->v[i];
	qsort(v, n, sizeof(*v), by_frames);
	for (i = 0; i < n; i++) {
		if (!i || by_frames(&v[i - 1], &v[i]))
			p[k++].first = v[i];
		p[k - 1].n++;
		p[k - 1].bytes += v[i]->depth;
	}
	free(v);
	qsort(p, k, sizeof(*p), by_number);
	*nr = k;
	return p;
}

static void frames_print(struct coroutines *c, const struct coroutine *co)
{
	char name[256];
	unsigned int i;

	for (i = 0; i < co->frames; i++) {
		coroutines_name(c, co->frame[i], name, sizeof(name));
		printf("      %s\n", name);
	}
}

static json_t *frames_json(struct coroutines *c, const struct coroutine *co)
{
	json_t *list = json_array();
	char name[256];
	unsigned int i;

	for (i = 0; i < co->frames; i++) {
		coroutines_name(c, co->frame[i], name, sizeof(name));
		json_array_append_new(list, json_string(name));
	}
	return list;
}

/* How many of each state; depths and parked bytes. */
struct sums {
	size_t state[8], parked;
	uint64_t depth, live, deepest;
};

static void sums_make(const struct coroutines *c, struct sums *s)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < c->n; i++) {
		const struct coroutine *co = &c->v[i];

		s->state[co->state & 7]++;
		s->parked += co->park != 0;
		s->live += co->live;
		s->depth += co->depth;
		if (co->depth > s->deepest)
			s->deepest = co->depth;
	}
}

static void one_print(struct coroutines *c, const struct coroutine *co)
{
	printf("  0x%" PRIx64 " %-24s %-10s thread %-7d %s of %s\n", co->addr,
	       co->name[0] ? co->name : "-", coroutine_state(co), co->tid,
	       out_bytes(co->park ? co->live : co->depth),
	       out_bytes(co->top - co->low));
	frames_print(c, co);
}

static void print(struct coroutines *c, const struct args *args,
		  const struct sums *s, const struct place *p, size_t nr,
		  size_t unwound)
{
	size_t i;

	out_heading("Coroutines");
	out_row("all", "%s", out_count(c->n));
	out_row("suspended", "%s, %s of them parked (%s)",
		out_count(s->state[1]), out_count(s->parked),
		out_bytes(s->live));
	out_row("new", "%s", out_count(s->state[0]));
	out_row("running", "%s", out_count(s->state[2]));
	out_row("done, not freed", "%s", out_count(s->state[4]));
	out_row("stacks have", "%s, the deepest %s", out_bytes(s->depth),
		out_bytes(s->deepest));
	out_row("stacks", "%s made, %s free, %s without a guard",
		out_count(c->count.stacks), out_count(c->count.free),
		out_count(c->count.unguarded));
	if (unwound < s->state[0] + s->state[1])
		out_note("%s of the stacks were unwound: --max",
			 out_count(unwound));
	printf("\n");
	for (i = 0; args->list && i < c->n; i++)
		one_print(c, &c->v[i]);
	for (i = 0; !args->list && i < nr; i++) {
		printf("  %s%s%s %s, %s of stacks, first 0x%" PRIx64 " %s\n",
		       out_style(OUT_BOLD), out_count(p[i].n),
		       out_style(OUT_PLAIN),
		       p[i].first->state ? "suspended" : "new",
		       out_bytes(p[i].bytes), p[i].first->addr,
		       p[i].first->name);
		frames_print(c, p[i].first);
	}
}

static int print_json(struct coroutines *c, const struct args *args,
		      const struct sums *s, const struct place *p, size_t nr)
{
	json_t *root = json_object(), *list = json_array(), *obj;
	char text[32];
	size_t i;

	json_put_int(root, "pid", (uint64_t)c->pid);
	json_put_int(root, "coroutines", c->n);
	json_put_int(root, "suspended", s->state[1]);
	json_put_int(root, "parked", s->parked);
	json_put_int(root, "parked_bytes", s->live);
	json_put_int(root, "new", s->state[0]);
	json_put_int(root, "running", s->state[2]);
	json_put_int(root, "done", s->state[4]);
	json_put_int(root, "stack_bytes", s->depth);
	json_put_int(root, "deepest_bytes", s->deepest);
	json_put_int(root, "stacks", c->count.stacks);
	json_put_int(root, "stacks_free", c->count.free);
	json_put_int(root, "stacks_unguarded", c->count.unguarded);
	for (i = 0; args->list && i < c->n; i++) {
		const struct coroutine *co = &c->v[i];

		obj = json_object();
		snprintf(text, sizeof(text), "0x%" PRIx64, co->addr);
		json_put_text(obj, "address", text);
		json_put_text(obj, "name", co->name);
		json_put_text(obj, "state", coroutine_state(co));
		json_put_int(obj, "thread", (uint64_t)co->tid);
		json_put_int(obj, "depth", co->depth);
		json_put_int(obj, "limit", co->top - co->low);
		json_object_set_new(obj, "stack", frames_json(c, co));
		json_array_append_new(list, obj);
	}
	for (i = 0; !args->list && i < nr; i++) {
		obj = json_object();
		json_put_int(obj, "coroutines", p[i].n);
		json_put_int(obj, "stack_bytes", p[i].bytes);
		json_put_text(obj, "name", p[i].first->name);
		json_object_set_new(obj, "stack",
				    frames_json(c, p[i].first));
		json_array_append_new(list, obj);
	}
	json_object_set_new(root, args->list ? "list" : "places", list);
	return out_print_json(root);
}

static int complain(int err, pid_t pid)
{
	if (err == -ENOENT)
		out_error("process %d has no libshim-co, or its symbols were stripped",
			  pid);
	else if (err == -EPROTO)
		out_error("process %d has another version of libshim-co", pid);
	else
		out_error("process %d: %s", pid, strerror(-err));
	return exit_errno(err);
}

int cmd_co(int argc, char **argv)
{
	struct args args = { .max = 10000 };
	struct coroutines c;
	struct place *p;
	struct sums s;
	struct stop stop;
	size_t i, nr = 0, unwound = 0;
	int err, ret = CMD_OK;

	args_parse(&argp, "co", argc, argv, 0, &args);
	if (!proc_exists(args.pid))
		return complain(-ESRCH, args.pid);
	err = stop_begin(&stop, args.pid);
	if (err)
		return complain(err, args.pid);
	err = coroutines_read(&c, args.pid);
	for (i = 0; !err && i < c.n && unwound < args.max; i++)
		unwound += !coroutines_unwind(&c, i);
	stop_end(&stop);
	stop_free(&stop);
	if (err)
		return complain(err, args.pid);
	sums_make(&c, &s);
	p = places_make(&c, unwound, &nr);
	if (!p)
		ret = complain(-ENOMEM, args.pid);
	else if (out_json)
		ret = print_json(&c, &args, &s, p, nr);
	else
		print(&c, &args, &s, p, nr, unwound);
	free(p);
	coroutines_free(&c);
	return ret;
}
