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

#define MIB		((uint64_t)1 << 20)
#define WAIT_MS		50
/* Leave at least this part of what is available to everybody else. */
#define SPARE_PART	10

struct args {
	long long target, floor;	/* in MiB; -1 leaves it as it is */
	bool dry, force, wait;
};

static const struct argp_option options[] = {
	{ "target", 't', "SIZE", 0, "Keep so much in the pool (\"512M\")", 0 },
	{ "floor", 'f', "SIZE", 0,
	  "Never shrink it below this under memory pressure", 0 },
	{ "dry-run", 'n', NULL, 0, "Say what it would cost, change nothing",
	  0 },
	{ "wait", 'w', NULL, 0, "Until the pool is as large as asked", 0 },
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
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
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

int cmd_pool(int argc, char **argv)
{
	struct args args = { .target = -1, .floor = -1 };
	struct pool p = { 0 };
	int err, ret = CMD_OK;

	args_parse(&argp, "pool", argc, argv, 0, &args);
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
