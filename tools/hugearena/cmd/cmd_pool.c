// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena pool: show or set the pool of zeroed blocks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "read/kmod.h"
#include "base/out.h"
#include "read/proc.h"
#include "read/sample.h"
#include "show/advice.h"
#include "show/report.h"

#define MIB		((uint64_t)1 << 20)
#define WAIT_MS		50
/* Leave at least this part of what is available to everybody else. */
#define SPARE_PART	10

struct args {
	long long target, floor;	/* in MiB; -1 leaves it as it is */
	bool dry, force, wait, advise;
	double window, seconds;
	char **file;
	int nr_files;
};

static const struct argp_option options[] = {
	{ "target", 't', "SIZE", 0, "Keep so much in the pool (\"512M\")", 0 },
	{ "floor", 'f', "SIZE", 0,
	  "Never shrink it below this under memory pressure", 0 },
	{ "dry-run", 'n', NULL, 0, "Say what it would cost, change nothing",
	  0 },
	{ "wait", 'w', NULL, 0, "Until the pool is as large as asked", 0 },
	{ "advise", 'a', NULL, 0,
	  "Say how large it should be: from recordings, or from what happens now", 0 },
	{ "window", 'W', "SECONDS", 0,
	  "With --advise: until the pool is filled again (default 1)", 0 },
	{ "time", 'T', "SECONDS", 0,
	  "With --advise, without a recording: watch so long (default 10)", 0 },
	{ "force", 'F', NULL, 0, "Even if little memory is left then", 0 },
	{ 0 }
};

static long long mib(const char *arg, struct argp_state *state,
		     const char *what)
{
	unsigned long long bytes = args_bytes(arg, state, what);

	if (bytes % KMOD_BLOCK_SIZE)
		argp_error(state, "%s must be a multiple of 2M, not '%s'",
			   what, arg);
	return (long long)(bytes / MIB);
}

static double seconds(const char *arg, struct argp_state *state)
{
	char *end;
	double value = strtod(arg, &end);

	if (end == arg || *end || !(value >= 0.1) || value > 1e6)
		argp_error(state, "SECONDS is 0.1 and up, not '%s'", arg);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case 't':
		args->target = mib(arg, state, "the target");
		return 0;
	case 'f':
		args->floor = mib(arg, state, "the floor");
		return 0;
	case 'n':
		args->dry = true;
		return 0;
	case 'w':
		args->wait = true;
		return 0;
	case 'F':
		args->force = true;
		return 0;
	case 'a':
		args->advise = true;
		return 0;
	case 'W':
		args->window = seconds(arg, state);
		return 0;
	case 'T':
		args->seconds = seconds(arg, state);
		return 0;
	case ARGP_KEY_ARGS:
		if (!args->advise)
			return ARGP_ERR_UNKNOWN;
		args->file = state->argv + state->next;
		args->nr_files = state->argc - state->next;
		state->next = state->argc;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "\n--advise [RECORDING]...",
	.doc = "Show or set the pool of zeroed blocks.\v"
	       "Blocks in the pool serve first touches without clearing, and "
	       "are nobody's memory until then: outside every cgroup, lost to "
	       "the page cache.",
};

struct pool {
	struct kmod_pool *node;
	size_t n;
	uint64_t clean, dirty, out;
	long long target_mb, floor_mb, available;
};

static int pool_read(struct pool *p)
{
	int err = kmod_pool_read(&p->node, &p->n);
	size_t i;

	if (err)
		return err;
	p->clean = 0;
	p->dirty = 0;
	p->out = 0;
	for (i = 0; i < p->n; i++) {
		p->clean += p->node[i].clean;
		p->dirty += p->node[i].dirty;
		p->out += p->node[i].out;
	}
	p->target_mb = kmod_param_read("pool_target_mb");
	p->floor_mb = kmod_param_read("pool_floor_mb");
	p->available = proc_meminfo("/proc/meminfo", "MemAvailable");
	return 0;
}

static uint64_t held(const struct pool *p)
{
	return (p->clean + p->dirty) * KMOD_BLOCK_SIZE;
}

/* Bytes that the change takes from the rest of the machine; may be < 0. */
static int64_t cost(const struct pool *p, const struct args *args)
{
	return args->target < 0 ? 0 :
	       (int64_t)(args->target * (long long)MIB) - (int64_t)held(p);
}

static void parameter(json_t *obj, const char *key, long long mb)
{
	if (mb >= 0)
		json_put_int(obj, key, (uint64_t)mb * MIB);
	else
		json_put_text(obj, key, NULL);
}

static int show_json(const struct pool *p, const struct args *args)
{
	json_t *root = json_object();

	parameter(root, "target_bytes", p->target_mb);
	parameter(root, "floor_bytes", p->floor_mb);
	json_put_int(root, "held_bytes", held(p));
	json_put_int(root, "out_bytes", p->out * KMOD_BLOCK_SIZE);
	if (args->dry && args->target >= 0)
		json_object_set_new(root, "cost_bytes",
				    json_integer(cost(p, args)));
	json_object_set_new(root, "nodes", kmod_pool_json(p->node, p->n));
	return out_print_json(root);
}

static void show(const struct pool *p)
{
	size_t i;

	out_heading("Pool");
	if (p->target_mb >= 0)
		out_row("target", "%s, not below %s under memory pressure",
			out_bytes((uint64_t)p->target_mb * MIB),
			out_bytes(p->floor_mb < 0 ? 0 :
				  (uint64_t)p->floor_mb * MIB));
	else
		out_note("target: cannot read the module's parameters: %s",
			 strerror((int)-p->target_mb));
	out_row("held", "%s zeroed, %s to be zeroed",
		out_bytes(p->clean * KMOD_BLOCK_SIZE),
		out_bytes(p->dirty * KMOD_BLOCK_SIZE));
	out_row("handed out", "%s", out_bytes(p->out * KMOD_BLOCK_SIZE));
	printf("\n  %s%6s %8s %8s %8s %8s %8s %8s%s\n", out_style(OUT_BOLD),
	       "NODE", "CLEAN", "DIRTY", "TARGET", "FLOOR", "OUT", "FAILED",
	       out_style(OUT_PLAIN));
	for (i = 0; i < p->n; i++)
		printf("  %6d %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
		       " %8" PRIu64 " %8" PRIu64 "\n", p->node[i].node,
		       p->node[i].clean, p->node[i].dirty, p->node[i].target,
		       p->node[i].floor, p->node[i].out, p->node[i].failed);
}

static void cost_print(const struct pool *p, const struct args *args)
{
	int64_t bytes = cost(p, args);

	if (bytes >= 0)
		out_row("cost", "%s more of %s available",
			out_bytes((uint64_t)bytes),
			out_bytes((uint64_t)p->available));
	else
		out_row("gain", "%s go back to the machine",
			out_bytes((uint64_t)-bytes));
}

static int change(const struct pool *p, const struct args *args)
{
	int64_t bytes = cost(p, args);
	int err = 0;

	if (bytes > 0 && p->available > 0 && !args->force &&
	    bytes > p->available - p->available / SPARE_PART) {
		out_error("that takes %s of %s available; --force if you mean "
			  "it", out_bytes((uint64_t)bytes),
			  out_bytes((uint64_t)p->available));
		return CMD_FAILED;
	}
	/* the floor may not be above the target, whichever comes first */
	if (args->floor >= 0 && args->floor <= p->target_mb)
		err = kmod_param_write("pool_floor_mb",
				       (unsigned long long)args->floor);
	if (!err && args->target >= 0)
		err = kmod_param_write("pool_target_mb",
				       (unsigned long long)args->target);
	if (!err && args->floor >= 0 && args->floor > p->target_mb)
		err = kmod_param_write("pool_floor_mb",
				       (unsigned long long)args->floor);
	if (err) {
		out_error("cannot set the pool: %s", err == -EACCES ?
			  "that is for root" : strerror(-err));
		return exit_errno(err);
	}
	return CMD_OK;
}

/* Wait until the pool has what was asked for, or makes no progress for 10 s. */
static int settle(const struct args *args)
{
	struct timespec pause = { .tv_nsec = WAIT_MS * 1000000L };
	uint64_t want = (uint64_t)args->target * MIB / KMOD_BLOCK_SIZE;
	uint64_t last = UINT64_MAX;
	int still = 0;

	while (still < 10000 / WAIT_MS) {
		struct pool p = { 0 };

		if (pool_read(&p))
			return CMD_FAILED;
		free(p.node);
		if (p.clean + p.dirty == want && !p.dirty) {
			out_progress(NULL, 0, 0);
			return CMD_OK;
		}
		out_progress("filling the pool", p.clean, want);
		still = p.clean + p.dirty == last ? still + 1 : 0;
		last = p.clean + p.dirty;
		nanosleep(&pause, NULL);
	}
	out_progress(NULL, 0, 0);
	out_error("the pool has %s of %s: no more free blocks",
		  out_bytes(last * KMOD_BLOCK_SIZE),
		  out_bytes(want * KMOD_BLOCK_SIZE));
	return CMD_FAILED;
}

/* A recording's counters: what its process touched first. */
static int recording_add(struct advice *a, const char *path)
{
	struct advice_point *v;
	struct report r = { 0 };
	FILE *f = fopen(path, "re");
	size_t i;
	int err;

	if (!f)
		return -errno;
	err = report_read(&r, f);
	fclose(f);
	v = calloc(r.n + 1, sizeof(*v));
	if (!err && !v)
		err = -ENOMEM;
	for (i = 0; !err && i < r.n; i++) {
		v[i].t = r.col[COL_TIME][i];
		if (!i)
			continue;
		/* rates, which are not known where there was no arena */
		v[i].touches = v[i - 1].touches + report_count(&r, i, COL_RESERVE) +
			       report_count(&r, i, COL_POOL) +
			       report_count(&r, i, COL_DEMAND);
		v[i].cleared = v[i - 1].cleared + report_count(&r, i, COL_DEMAND);
		v[i].small = v[i - 1].small + report_count(&r, i, COL_SMALL);
	}
	if (!err)
		advice_add(a, v, r.n);
	free(v);
	report_free(&r);
	return err;
}

/* The whole machine, from now on. */
static int machine_add(struct advice *a, double seconds)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	size_t n = 0, room = (size_t)(seconds * 20) + 2;
	struct advice_point *v = calloc(room, sizeof(*v));
	uint64_t began = sample_now();
	struct kmod_stat st;
	int err = v ? 0 : -ENOMEM;

	while (!err && n < room) {
		err = kmod_stat_read(&st);
		if (err)
			break;
		v[n].t = (double)(sample_now() - began) / 1e9;
		v[n].cleared = kmod_stat_get(&st, "FaultDemand");
		v[n].small = kmod_stat_get(&st, "FaultSmall");
		v[n].touches = v[n].cleared +
			       kmod_stat_get(&st, "FaultReserve") +
			       kmod_stat_get(&st, "FaultPool");
		if (v[n++].t >= seconds)
			break;
		out_progress("watching", (uint64_t)(v[n - 1].t * 1000),
			     (uint64_t)(seconds * 1000));
		nanosleep(&pause, NULL);
	}
	out_progress(NULL, 0, 0);
	if (!err)
		advice_add(a, v, n);
	free(v);
	return err;
}

static void advice_print(const struct advice *a)
{
	uint64_t bytes = advice_bytes(a);
	long long left = proc_meminfo("/proc/meminfo", "MemAvailable");

	out_heading("Advice");
	out_row("first touches", "%s of 2 MiB in %.1f s", out_count(a->touches),
		a->seconds);
	out_row("cleared in faults", "%s, %s", out_count(a->cleared),
		out_percent(a->cleared, a->touches));
	if (a->small)
		out_row("faults of 4 KiB", "%s, where no block was to be had",
			out_count(a->small));
	out_row("most in a row", "%s blocks within %g s", out_count(a->peak),
		a->window);
	if (!a->touches) {
		out_note("nothing was touched first: record while services on "
			 "blocks start or grow");
		return;
	}
	out_row("pool", "%s: 'hugearena pool --target %" PRIu64 "M'",
		out_bytes(bytes), bytes / MIB);
	if (left > 0 && bytes > (uint64_t)left - (uint64_t)left / SPARE_PART)
		out_note("that is more than %s of memory that is available "
			 "allow", out_bytes((uint64_t)left));
}

static int advise(const struct args *args)
{
	struct advice a = { .window = args->window };
	json_t *root;
	int i, err;

	for (i = 0; i < args->nr_files; i++) {
		err = recording_add(&a, args->file[i]);
		if (err) {
			out_error("cannot read %s: %s", args->file[i],
				  err == -EINVAL ? "no recording of hugearena "
				  "record" : strerror(-err));
			return CMD_FAILED;
		}
	}
	if (!args->nr_files) {
		if (!kmod_present())
			return kmod_missing();
		err = machine_add(&a, args->seconds);
		if (err) {
			out_error("cannot read the module's reports: %s",
				  strerror(-err));
			return exit_errno(err);
		}
	}
	if (!out_json) {
		advice_print(&a);
		return CMD_OK;
	}
	root = json_object();
	json_put_real(root, "seconds", a.seconds);
	json_put_real(root, "window_seconds", a.window);
	json_put_int(root, "first_touches", a.touches);
	json_put_int(root, "cleared_in_faults", a.cleared);
	json_put_int(root, "small", a.small);
	json_put_int(root, "peak_blocks", a.peak);
	json_put_int(root, "advised_bytes", advice_bytes(&a));
	return out_print_json(root);
}

int cmd_pool(int argc, char **argv)
{
	struct args args = {
		.target = -1, .floor = -1, .window = 1, .seconds = 10,
	};
	struct pool p = { 0 };
	int err, ret = CMD_OK;

	args_parse(&argp, "pool", argc, argv, 0, &args);
	if (args.advise)
		return advise(&args);
	if (!kmod_present())
		return kmod_missing();
	err = pool_read(&p);
	if (err) {
		out_error("cannot read the pool: %s", strerror(-err));
		return exit_errno(err);
	}
	if (!args.dry && (args.target >= 0 || args.floor >= 0)) {
		ret = change(&p, &args);
		if (!ret && args.wait && args.target >= 0)
			ret = settle(&args);
		free(p.node);
		err = pool_read(&p);
		if (err)
			return exit_errno(err);
	}
	if (!ret && out_json) {
		ret = show_json(&p, &args);
	} else if (!ret) {
		show(&p);
		if (args.dry && args.target >= 0)
			cost_print(&p, &args);
	}
	free(p.node);
	return ret;
}
