// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena leak: objects that nothing points to any more.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "launch.h"
#include "leak.h"
#include "base/out.h"
#include "read/sample.h"
#include "read/shim_prof.h"
#include "read/snapshot.h"
#include "read/stacks.h"

#define DEFAULT_RATE	((uint64_t)64 << 10)
#define DEFAULT_TOP	20
#define EXAMPLES	3
/* Seconds: less than a load balancer or a watchdog waits for most services. */
#define DEFAULT_STOP	2.0

struct args {
	struct args_target target;
	uint64_t rate, min;
	unsigned int top;
	bool snapshot;
	double max_stop;
};

/**
 * struct pause - how long a process stands still
 * @cost: what was expected
 * @began: on sample_now()'s clock
 * @ended: the same
 * @known: this is of a process that runs
 */
struct pause {
	struct leak_cost cost;
	uint64_t began, ended;
	bool known;
};

static const struct argp_option options[] = {
	{ "rate", 'r', "SIZE", 0,
	  "Of COMMAND, remember a stack each SIZE bytes (default 64K); 1 for "
	  "every allocation", 0 },
	{ "min", 'm', "SIZE", 0, "Only groups of at least this many bytes", 0 },
	{ "top", 'n', "N", 0, "At most N groups (default 20)", 0 },
	{ "snapshot", 's', NULL, 0,
	  "Of PID, look at a fork of it: it stands still only for the fork", 0 },
	{ "max-stop", 'S', "SECONDS", 0,
	  "Do not stop PID for longer (default 2)", 0 },
	ARGS_TARGET_OPTIONS,
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	char *end;

	switch (key) {
	case 's':
		args->snapshot = true;
		return 0;
	case 'S':
		args->max_stop = strtod(arg, &end);
		if (end == arg || *end || !(args->max_stop > 0) ||
		    args->max_stop > 1e6)
			argp_error(state, "SECONDS must be a number, not '%s'", arg);
		return 0;
	case 'r':
		args->rate = args_rate(arg, state);
		return 0;
	case 'm':
		args->min = args_bytes(arg, state, "the size");
		return 0;
	case 'n':
		args->top = args_top(arg, state);
		return 0;
	}
	return args_target(key, arg, state, &args->target);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = ARGS_TARGET_DOC,
	.doc = "Show objects that nothing points to any more.\v"
	       "A process stands still while it is looked at, for how long is "
	       "said before; with --snapshot, a fork of it stands. A command "
	       "is looked at when it ends. Exit status 5 if there are any.",
};

/**
 * struct group - lost objects of one stack, or of one size without a stack
 * @stack: the record's address, 0 for none
 * @size: bytes of an object, where @stack is 0
 * @lost: objects that nothing points to
 * @inner: objects that only lost ones point to
 * @bytes: of both
 * @at: some of them
 */
struct group {
	uint64_t stack, size, lost, inner, bytes;
	uint64_t at[EXAMPLES];
};

struct groups {
	struct group *v;
	size_t n, room;
	uint64_t objects, bytes, live;
};

static struct group *group_get(struct groups *g, uint64_t stack, uint64_t size)
{
	struct group *v;
	size_t i;

	if (stack)
		size = 0;
	for (i = 0; i < g->n; i++)
		if (g->v[i].stack == stack && g->v[i].size == size)
			return &g->v[i];
	if (g->n == g->room) {
		size_t want = g->room ? 2 * g->room : 64;

		v = realloc(g->v, want * sizeof(*v));
		if (!v)
			return NULL;
		g->v = v;
		g->room = want;
	}
	v = &g->v[g->n++];
	memset(v, 0, sizeof(*v));
	v->stack = stack;
	v->size = size;
	return v;
}

static int by_bytes(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static int groups_make(const struct leak *leak, struct groups *g)
{
	size_t i, k;

	for (i = 0; i < leak->heap.nr_objects; i++) {
		const struct shim_object *o = &leak->heap.objects[i];

		for (k = 0; k < o->n; k++) {
			unsigned char mark = leak->mark[leak->first[i] + k];
			struct group *v;
			uint64_t size;

			g->live += mark != LEAK_NONE;
			if (mark != LEAK_LOST && mark != LEAK_INNER)
				continue;
			size = shim_object_size(&leak->heap, o, k);
			v = group_get(g, o->stack, size);
			if (!v)
				return -ENOMEM;
			if (v->lost + v->inner < EXAMPLES)
				v->at[v->lost + v->inner] = o->start +
							    k * o->size;
			v->lost += mark == LEAK_LOST;
			v->inner += mark == LEAK_INNER;
			v->bytes += size;
			g->objects++;
			g->bytes += size;
		}
	}
	if (g->n)
		qsort(g->v, g->n, sizeof(*g->v), by_bytes);
	return 0;
}

static const struct prof_stack *record_find(const struct prof *prof,
					    uint64_t addr)
{
	size_t i;

	for (i = 0; addr && i < prof->n; i++)
		if (prof->addr[i] == addr)
			return &prof->stack[i];
	return NULL;
}

static double seconds(uint64_t from, uint64_t to)
{
	return (double)(to - from) / 1e9;
}

static void groups_json(const struct args *args, const struct groups *g,
			const struct prof *prof, struct stacks *st,
			const struct pause *pause)
{
	json_t *root = json_object(), *list = json_array(), *obj;
	char text[32];
	size_t i;

	json_put_int(root, "pid", (uint64_t)st->pid);
	json_put_int(root, "live_objects", g->live);
	json_put_int(root, "lost_objects", g->objects);
	json_put_int(root, "lost_bytes", g->bytes);
	if (pause->known) {
		json_put_bool(root, "snapshot", args->snapshot);
		json_put_real(root, "estimated_seconds", pause->cost.seconds);
		json_put_real(root, "stopped_seconds",
			      seconds(pause->began, pause->ended));
	}
	for (i = 0; i < g->n && i < args->top; i++) {
		const struct group *v = &g->v[i];
		const struct prof_stack *s = record_find(prof, v->stack);

		if (v->bytes < args->min)
			break;
		obj = json_object();
		json_put_int(obj, "objects", v->lost + v->inner);
		json_put_int(obj, "direct", v->lost);
		json_put_int(obj, "bytes", v->bytes);
		if (v->size)
			json_put_int(obj, "object_bytes", v->size);
		snprintf(text, sizeof(text), "0x%" PRIx64, v->at[0]);
		json_put_text(obj, "example", text);
		json_object_set_new(obj, "stack", s ?
				    stacks_json(st, s->frame, s->nframes) :
				    json_null());
		json_array_append_new(list, obj);
	}
	json_object_set_new(root, "groups", list);
	out_print_json(root);
}

static void groups_print(const struct args *args, const struct groups *g,
			 const struct prof *prof, struct stacks *st)
{
	bool unknown = false;
	size_t i, k;

	printf("%s%s in %s of %s live objects: nothing points to them%s\n",
	       out_style(g->objects ? OUT_BAD : OUT_GOOD), out_bytes(g->bytes),
	       out_count(g->objects), out_count(g->live),
	       out_style(OUT_PLAIN));
	for (i = 0; i < g->n && i < args->top; i++) {
		const struct group *v = &g->v[i];
		const struct prof_stack *s = record_find(prof, v->stack);

		if (v->bytes < args->min)
			break;
		printf("\n  %s in %s objects", out_bytes(v->bytes),
		       out_count(v->lost + v->inner));
		if (v->size)
			printf(" of %" PRIu64 " bytes", v->size);
		if (v->inner)
			printf(", %s of them only from lost ones",
			       out_count(v->inner));
		fputs("; at", stdout);
		for (k = 0; k < EXAMPLES && v->at[k]; k++)
			printf(" %#" PRIx64, v->at[k]);
		putchar('\n');
		if (s)
			stacks_print(st, s->frame, s->nframes, stdout, true);
		unknown |= !s;
	}
	if (i < g->n)
		printf("\n  and %zu groups more\n", g->n - i);
	if (unknown)
		out_note("objects by size were not sampled: who allocated them "
			 "is not known; 'leak --rate 1 -- COMMAND' tells");
}

/**
 * struct find - what was found
 * @leak: marks
 * @prof: the profile, for the stacks
 * @groups: what is lost
 */
struct find {
	struct leak leak;
	struct prof prof;
	struct groups groups;
};

static void find_free(struct find *f)
{
	prof_free(&f->prof);
	free(f->groups.v);
	leak_free(&f->leak);
}

/* Look at memory that stands still. */
static int find(struct find *f, const struct shim *shim,
		const struct stop *stop, uint64_t deadline)
{
	int err;

	f->leak.shim = shim;
	f->leak.stop = stop;
	f->leak.deadline = deadline;
	err = leak_find(&f->leak);
	if (!err) {
		err = prof_read(shim, &f->prof);
		if (err == -ENODATA)
			err = 0;
	}
	return err;
}

static int show(const struct args *args, const struct shim *shim,
		struct find *f, const struct pause *pause, int *ret)
{
	struct stacks st;
	int err = groups_make(&f->leak, &f->groups);

	if (!err)
		err = stacks_open(&st, shim->pid, shim->path);
	if (err)
		return err;
	if (out_json)
		groups_json(args, &f->groups, &f->prof, &st, pause);
	else
		groups_print(args, &f->groups, &f->prof, &st);
	*ret = f->groups.objects ? CMD_FOUND : CMD_OK;
	stacks_close(&st);
	return 0;
}

/* Scan the process while it is stopped. */
static int find_stopped(const struct args *args, const struct shim *shim,
			struct find *f, struct pause *pause)
{
	struct stop stop;
	int err;

	pause->began = sample_now();
	err = stop_begin(&stop, shim->pid);
	if (err)
		return err;
	err = find(f, shim, &stop, pause->began +
		   (uint64_t)(args->max_stop * 1e9));
	stop_end(&stop);
	pause->ended = sample_now();
	return err;
}

/* Writable mappings of a process that its fork has not: madvise(DONTFORK). */
static unsigned int not_forked(const struct maps *of, const struct maps *in)
{
	unsigned int n = 0;
	size_t i, k = 0;

	for (i = 0; i < of->n; i++) {
		while (k < in->n && in->v[k].end <= of->v[i].start)
			k++;
		n += of->v[i].perms[1] == 'w' && of->v[i].kind != KIND_KERNEL &&
		     (k == in->n || in->v[k].start > of->v[i].start);
	}
	return n;
}

/* The process is stopped while it forks; then the fork is scanned. */
static int find_forked(const struct shim *shim, struct find *f,
		       struct pause *pause)
{
	struct maps maps = { 0 };
	struct shim copy;
	struct stop stop;
	unsigned int n;
	pid_t pid;
	int err;

	pause->began = sample_now();
	err = stop_begin(&stop, shim->pid);
	if (err)
		return err;
	err = snapshot_take(&stop, shim->pid, &pid);
	if (!err && proc_maps(shim->pid, &maps, false))
		maps.n = 0;
	stop_resume(&stop);
	pause->ended = sample_now();
	if (!err) {
		err = shim_open(&copy, pid);
		if (!err) {
			err = find(f, &copy, &stop, 0);
			shim_close(&copy);
		}
		snapshot_end(pid);
		n = not_forked(&maps, &f->leak.maps);
		if (!err && n)
			out_error("%u mappings are not inherited by a fork: "
				  "what only they point to is shown as lost",
				  n);
	}
	proc_maps_free(&maps);
	stop_free(&stop);
	return err;
}

/* Say what it will cost; false if that is too much. */
static bool announce(const struct args *args, const struct leak_cost *cost)
{
	const char *no = args->snapshot ? snapshot_refused(args->target.pid) :
					  NULL;

	if (no) {
		out_error("no snapshot of process %d: %s", args->target.pid, no);
		return false;
	}
	out_error("process %d: %s objects, %s to look through, about %.2f s; "
		  "it %s",
		  args->target.pid, out_count(cost->objects),
		  out_bytes(cost->bytes), cost->seconds, args->snapshot ?
		  "stands still only to be forked" : "stands still meanwhile");
	if (args->snapshot || cost->seconds <= args->max_stop)
		return true;
	out_error("that is more than %g s: not stopped; --snapshot does not "
		  "stop it for long, --max-stop allows more",
		  args->max_stop);
	return false;
}

static int leak_pid(const struct args *args, int *ret)
{
	struct pause pause = { .known = true };
	struct find f = { 0 };
	struct shim shim;
	int err;

	err = shim_open(&shim, args->target.pid);
	if (err)
		return err;
	err = leak_estimate(&shim, &pause.cost);
	if (!err && !announce(args, &pause.cost)) {
		*ret = CMD_FAILED;
		shim_close(&shim);
		return 0;
	}
	if (!err)
		err = args->snapshot ? find_forked(&shim, &f, &pause) :
				       find_stopped(args, &shim, &f, &pause);
	if (pause.ended)
		out_error("process %d stood still for %.3f s", shim.pid,
			  seconds(pause.began, pause.ended));
	if (!err)
		err = show(args, &shim, &f, &pause, ret);
	find_free(&f);
	shim_close(&shim);
	return err;
}

static int leak_command(const struct args *args, int *ret)
{
	struct pause pause = { .known = false };
	struct find f = { 0 };
	struct shim shim;
	struct stop stop;
	struct launch l;
	int err;

	*ret = launch_sampled(&l, &args->target, args->rate);
	if (*ret)
		return 0;
	while (!l.stopped && !l.over)
		launch_wait(&l, 1000000);
	err = l.over ? -ESRCH : shim_open(&shim, l.pid);
	if (!err) {
		err = stop_exiting(&stop, l.pid);
		if (!err) {
			err = find(&f, &shim, &stop, 0);
			if (!err)
				err = show(args, &shim, &f, &pause, ret);
			find_free(&f);
			stop_free(&stop);
		}
		shim_close(&shim);
	}
	launch_end(&l);
	return err;
}

int cmd_leak(int argc, char **argv)
{
	struct args args = {
		.rate = DEFAULT_RATE, .top = DEFAULT_TOP,
		.max_stop = DEFAULT_STOP,
	};
	int err, ret = CMD_OK;

	args_parse(&argp, "leak", argc, argv, ARGP_IN_ORDER, &args);
	err = args.target.pid ? leak_pid(&args, &ret) : leak_command(&args, &ret);
	if (err) {
		out_error("cannot look for leaks: %s", err == -ETIME ?
			  "the time it may stand still was over; "
			  "--snapshot does not stop it for long" :
			  err == -EBUSY ?
			  "a thread waits in the kernel and does not stop" :
			  shim_strerror(err));
		return exit_errno(err);
	}
	return ret;
}
