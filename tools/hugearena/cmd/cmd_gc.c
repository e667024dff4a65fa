// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena gc: the collector of a process.
 *
 * What it is doing, what the next collection waits for, and what the last ones
 * have cost.  The process goes on meanwhile.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd.h"
#include "base/out.h"
#include "read/collector.h"
#include "read/proc.h"

struct args {
	pid_t pid;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	return args_process(key, arg, state, &args->pid);
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "PID",
	.doc = "Show the collector of a process on libshim-gc.",
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The oldest that is still known, of those up to the last. */
static uint64_t first_round(const struct gc_inspect *at)
{
	return at->collections > GC_INSPECT_ROUNDS ?
	       at->collections - GC_INSPECT_ROUNDS + 1 : 1;
}

static const struct gc_round *round_of(const struct gc_inspect *at, uint64_t n)
{
	return &at->round[n % GC_INSPECT_ROUNDS];
}

static void rounds_print(const struct gc_inspect *at)
{
	uint64_t n, t = now();

	out_heading("Last collections");
	printf("  %8s %10s %-7s %10s %10s %10s %11s %11s %11s\n", "number",
	       "ago", "by", "took", "stopped", "processor", "scanned",
	       "assisted", "live");
	for (n = first_round(at); n <= at->collections; n++) {
		const struct gc_round *r = round_of(at, n);

		printf("  %8" PRIu64 " %10s %-7s %10s %10s %10s %11s %11s %11s\n",
		       r->number, out_ns(t - r->begun_ns),
		       collector_reason(r->reason), out_ns(r->took_ns),
		       out_ns(r->stop_ns), out_ns(r->cpu_ns),
		       out_bytes(r->scanned), out_bytes(r->assisted),
		       out_bytes(r->live));
	}
}

static void print(const struct collector *c)
{
	const struct gc_inspect *at = &c->at;
	const struct gc_round *last = round_of(at, at->collections);

	out_heading("Collector");
	out_row("mode", "%s", collector_mode(c));
	if (at->dirty)
		out_row("written pages", "%s", collector_dirty(c));
	out_row("phase", "%s", collector_phase(c));
	out_row("heap", "%s of spans, %s live after the last collection",
		out_bytes(c->heap), out_bytes(at->collections ? last->live : 0));
	out_row("allocated", "%s since, %s ever", out_bytes(c->since),
		out_bytes(c->total));
	out_row("next", "begins at %s, should end at %s%s",
		out_bytes(at->trigger), out_bytes(at->goal),
		at->by_limit ? ", by a limit" : "");
	out_row("percent", "%u", at->percent);
	if (at->limit)
		out_row("limit", "%s of spans", out_bytes(at->limit));
	if (at->room_limit)
		out_row("limit of all", "%s, %s left",
			out_bytes(at->room_limit), out_bytes(at->room_left));
	if (at->limited)
		out_row("limiter", "was on %s times%s", out_count(at->limited),
			at->lifted ? ", is on" : "");
	out_row("collections", "%s, %s beside the program, %s given up",
		out_count(at->collections), out_count(at->concurrent),
		out_count(at->failed));
	out_row("begun by", "goal %s, call %s, memory %s, period %s",
		out_count(at->reasons[0]), out_count(at->reasons[1]),
		out_count(at->reasons[2]), out_count(at->reasons[3]));
	out_row("stops", "%s, the longest %s, %s on average",
		out_count(at->stops), out_ns(at->stop_max_ns),
		out_ns(at->stops ? at->stop_sum_ns / at->stops : 0));
	out_row("scanned", "%s, %s of it by threads that allocate",
		out_bytes(at->scanned), out_percent(at->assisted, at->scanned));
	out_row("workers", "%u", at->workers);
	if (at->missed)
		out_row("not marked", "%s objects: see SHIM_GC_VERIFY",
			out_count(at->missed));
	if (at->collections) {
		printf("\n");
		rounds_print(at);
	}
}

static json_t *round_json(const struct gc_round *r)
{
	json_t *obj = json_object();

	json_put_int(obj, "number", r->number);
	json_put_real(obj, "begun_seconds", (double)r->begun_ns / 1e9);
	json_put_text(obj, "reason", collector_reason(r->reason));
	json_put_bool(obj, "beside", r->beside);
	json_put_real(obj, "took_seconds", (double)r->took_ns / 1e9);
	json_put_real(obj, "stopped_seconds", (double)r->stop_ns / 1e9);
	json_put_real(obj, "processor_seconds", (double)r->cpu_ns / 1e9);
	json_put_int(obj, "scanned_bytes", r->scanned);
	json_put_int(obj, "assisted_bytes", r->assisted);
	json_put_int(obj, "allocated_bytes", r->allocated);
	json_put_int(obj, "live_bytes", r->live);
	json_put_int(obj, "heap_bytes", r->heap);
	return obj;
}

static int print_json(const struct collector *c, pid_t pid)
{
	const struct gc_inspect *at = &c->at;
	json_t *root = json_object(), *list = json_array(), *obj;
	unsigned int i;
	uint64_t n;

	json_put_int(root, "pid", (uint64_t)pid);
	json_put_text(root, "mode", collector_mode(c));
	json_put_text(root, "dirty", collector_dirty(c));
	json_put_text(root, "phase", collector_phase(c));
	json_put_int(root, "heap_bytes", c->heap);
	json_put_int(root, "live_bytes", at->collections ?
		     round_of(at, at->collections)->live : 0);
	json_put_int(root, "since_bytes", c->since);
	json_put_int(root, "total_bytes", c->total);
	json_put_int(root, "trigger_bytes", at->trigger);
	json_put_int(root, "goal_bytes", at->goal);
	json_put_bool(root, "by_limit", at->by_limit);
	json_put_int(root, "growth_percent", at->percent);
	json_put_int(root, "limit_bytes", at->limit);
	json_put_int(root, "process_limit_bytes", at->room_limit);
	json_put_int(root, "process_left_bytes",
		     at->room_limit ? at->room_left : 0);
	json_put_bool(root, "limiter", at->lifted);
	json_put_int(root, "limited", at->limited);
	json_put_int(root, "collections", at->collections);
	json_put_int(root, "concurrent", at->concurrent);
	json_put_int(root, "failed", at->failed);
	obj = json_object();
	for (i = 0; i < GC_INSPECT_REASONS; i++)
		json_put_int(obj, collector_reason(i), at->reasons[i]);
	json_object_set_new(root, "reasons", obj);
	json_put_int(root, "stops", at->stops);
	json_put_real(root, "longest_stop_seconds", (double)at->stop_max_ns / 1e9);
	json_put_real(root, "stopped_seconds", (double)at->stop_sum_ns / 1e9);
	json_put_int(root, "scanned_bytes", at->scanned);
	json_put_int(root, "assisted_bytes", at->assisted);
	json_put_int(root, "workers", at->workers);
	json_put_int(root, "missed", at->missed);
	for (n = first_round(at); n <= at->collections; n++)
		json_array_append_new(list, round_json(round_of(at, n)));
	json_object_set_new(root, "last", list);
	return out_print_json(root);
}

static int complain(int err, pid_t pid)
{
	if (err == -ENOENT)
		out_error("process %d has no libshim-gc, or its symbols were stripped",
			  pid);
	else if (err == -EPROTO)
		out_error("process %d has a libshim-gc of another version", pid);
	else
		out_error("process %d: %s", pid, strerror(-err));
	return exit_errno(err);
}

int cmd_gc(int argc, char **argv)
{
	struct args args = { 0 };
	struct collector c;
	int err;

	args_parse(&argp, "gc", argc, argv, 0, &args);
	if (!proc_exists(args.pid))
		return complain(-ESRCH, args.pid);
	err = collector_read(&c, args.pid);
	if (err)
		return complain(err, args.pid);
	if (out_json)
		return print_json(&c, args.pid);
	print(&c);
	return CMD_OK;
}
