// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena wss: a process's working set, by accessed bits.
 *
 * The processor sets a bit where it translates an address.  All bits of the
 * process are cleared, time passes, the set ones are counted: by the module block
 * by block for arenas, by smaps for all the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "read/kmod.h"
#include "base/out.h"
#include "read/proc.h"
#include "read/shim.h"
#include "show/cost.h"

struct args {
	pid_t pid;
	double seconds;
	long long count;
	bool arenas, snapshot, soft;
};

static const struct argp_option options[] = {
	{ "interval", 'i', "SECONDS", 0, "Time to watch (default 1)", 0 },
	{ "count", 'n', "N", 0, "How many times (default 1)", 0 },
	{ "arenas", 'a', NULL, 0,
	  "Only arenas, through the module; leaves all other bits alone", 0 },
	{ "snapshot", 's', NULL, 0,
	  "What a fork would copy in that time: by accessed and dirty bits", 0 },
	{ "soft-dirty", 'S', NULL, 0,
	  "With --snapshot: of other memory than arenas, too, by soft-dirty bits", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	char *end;

	switch (key) {
	case 'i':
		args->seconds = strtod(arg, &end);
		if (end == arg || *end || !(args->seconds >= 0.01) ||
		    args->seconds > 86400)
			argp_error(state, "SECONDS must be from 0.01 to 86400, not '%s'",
				   arg);
		return 0;
	case 'n':
		args->count = args_number(arg, 1, 1000000, state, "N");
		return 0;
	case 'a':
		args->arenas = true;
		return 0;
	case 's':
		args->snapshot = true;
		return 0;
	case 'S':
		args->soft = true;
		args->snapshot = true;
		return 0;
	}
	return args_process(key, arg, state, &args->pid);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PID",
	.doc = "Show how much of a process's memory was accessed lately.\v"
	       "Memory in 2 MiB pages counts by the whole page.",
};

/**
 * struct set - a working set
 * @accessed: by kind, bytes
 * @resident: by kind, bytes
 * @blocks: of arenas: accessed, of @all_blocks
 * @view_err: why arenas were not inspected by block
 * @shim_err: why libshim's heap is not known, or 0
 * @allocated: bytes that the program has of it
 * @idle: bytes of it that are free pages
 */
struct set {
	uint64_t accessed[KIND_NR], resident[KIND_NR];
	uint64_t blocks, all_blocks;
	int view_err, shim_err;
	uint64_t allocated, idle;
};

static int refs_clear(pid_t pid)
{
	char path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/%d/clear_refs", pid);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "1", 1) != 1)
		err = -errno;
	close(fd);
	return err;
}

/* Look at one mapping's blocks; count if @set, forget if @clear. */
static int arena_look(const struct map *m, struct set *set, bool clear)
{
	struct hugearena_block *vec;
	long got = kmod_blocks_read(m->arena, m->offset, m->end - m->start,
				    clear, &vec), i;

	for (i = 0; set && i < got; i++) {
		uint64_t bytes = (uint64_t)vec[i].pages * 4096;

		if (!vec[i].pages)
			continue;
		set->all_blocks++;
		set->resident[KIND_ARENA] += bytes;
		if (!(vec[i].flags & HUGEARENA_BLOCK_ACCESSED))
			continue;
		set->blocks++;
		set->accessed[KIND_ARENA] += bytes;
	}
	free(vec);
	return got < 0 ? (int)got : 0;
}

static int arenas_look(const struct maps *maps, struct set *set, bool clear)
{
	size_t i;
	int err = -ENOENT, ret = 0;

	for (i = 0; i < maps->n; i++) {
		if (!maps->v[i].arena)
			continue;
		err = arena_look(&maps->v[i], set, clear);
		if (err)
			ret = err;
	}
	return ret ? ret : err;
}

static int begin(const struct args *args, struct set *set)
{
	struct maps maps;
	int err;

	memset(set, 0, sizeof(*set));
	err = proc_maps(args->pid, &maps, false);
	if (err)
		return err;
	set->view_err = arenas_look(&maps, NULL, true);
	proc_maps_free(&maps);
	if (args->arenas)
		return set->view_err;
	return refs_clear(args->pid);
}

/* Which mappings are libshim's heap, and what the program has of it. */
static void heap_mark(pid_t pid, struct maps *maps, struct set *set)
{
	struct shim_heap heap;
	struct shim shim;

	set->shim_err = shim_open(&shim, pid);
	if (set->shim_err)
		return;
	set->shim_err = shim_heap_read(&shim, &heap, SHIM_BLOCKS);
	shim_close(&shim);
	if (set->shim_err)
		return;
	shim_mark(&heap, maps);
	set->allocated = heap.allocated;
	set->idle = heap.idle;
	shim_heap_free(&heap);
}

static int end(const struct args *args, struct set *set)
{
	struct maps maps;
	int err = proc_maps(args->pid, &maps, !args->arenas);
	size_t i;

	if (err)
		return err;
	if (!set->view_err)
		set->view_err = arenas_look(&maps, set, false);
	/* after the bits were read: reading memory sets none of the process's */
	heap_mark(args->pid, &maps, set);
	for (i = 0; i < maps.n && !args->arenas; i++) {
		const struct map *m = &maps.v[i];

		if (m->kind == KIND_ARENA && !set->view_err)
			continue;
		set->resident[m->kind] += m->rss;
		set->accessed[m->kind] += m->referenced;
	}
	proc_maps_free(&maps);
	return args->arenas ? set->view_err : 0;
}

static void sums(const struct set *set, uint64_t *accessed, uint64_t *resident)
{
	int i;

	*accessed = 0;
	*resident = 0;
	for (i = 0; i < KIND_NR; i++) {
		*accessed += set->accessed[i];
		*resident += set->resident[i];
	}
}

static void set_json(const struct args *args, const struct set *set)
{
	json_t *root = json_object(), *kinds = json_object();
	uint64_t accessed, resident;
	int i;

	sums(set, &accessed, &resident);
	json_put_int(root, "pid", (uint64_t)args->pid);
	json_put_real(root, "interval_seconds", args->seconds);
	json_put_int(root, "accessed_bytes", accessed);
	json_put_int(root, "resident_bytes", resident);
	for (i = 0; i < KIND_NR; i++) {
		json_t *obj = json_object();

		json_put_int(obj, "accessed_bytes", set->accessed[i]);
		json_put_int(obj, "resident_bytes", set->resident[i]);
		json_object_set_new(kinds, map_kind_name((enum map_kind)i),
				    obj);
	}
	json_object_set_new(root, "kinds", kinds);
	if (!set->view_err) {
		json_put_int(root, "accessed_blocks", set->blocks);
		json_put_int(root, "blocks", set->all_blocks);
	}
	if (!set->shim_err) {
		json_put_int(root, "allocated_bytes", set->allocated);
		json_put_int(root, "idle_bytes", set->idle);
	}
	json_put_text(root, "heap_unknown", set->shim_err ?
		      shim_strerror(set->shim_err) : NULL);
	out_print_json(root);
}

static void set_print(const struct args *args, const struct set *set)
{
	uint64_t accessed, resident;
	int i;

	sums(set, &accessed, &resident);
	out_heading("Working set");
	out_row("accessed", "%s of %s in %g s, %s", out_bytes(accessed),
		out_bytes(resident), args->seconds,
		out_percent(accessed, resident));
	for (i = 0; i < KIND_NR; i++)
		if (set->resident[i])
			out_row(map_kind_name((enum map_kind)i), "%s of %s",
				out_bytes(set->accessed[i]),
				out_bytes(set->resident[i]));
	if (!set->shim_err)
		out_row("heap of libshim", "%s allocated, %s in free pages",
			out_bytes(set->allocated), out_bytes(set->idle));
	if (!set->view_err)
		out_row("blocks of arenas", "%s of %s",
			out_count(set->blocks), out_count(set->all_blocks));
	else if (set->view_err != -ENOENT)
		out_note("blocks of arenas: cannot look: %s",
			 set->view_err == -EPERM ? proc_lacks() :
			 strerror(-set->view_err));
}

static void pause_for(double seconds)
{
	struct timespec step;
	double left = seconds;

	while (left > 0) {
		double part = left < 0.1 ? left : 0.1;

		step.tv_sec = 0;
		step.tv_nsec = (long)(part * 1e9);
		nanosleep(&step, NULL);
		left -= part;
		if (seconds >= 1)
			out_progress("watching",
				     (uint64_t)((seconds - left) * 1000),
				     (uint64_t)(seconds * 1000));
	}
	out_progress(NULL, 0, 0);
}

/* What a snapshot would copy. */
static int fork_watch(const struct args *args)
{
	struct cost cost;
	int err = cost_begin(&cost, args->pid, args->soft);

	if (err)
		return err;
	pause_for(args->seconds);
	err = cost_end(&cost, args->pid, args->seconds);
	if (!err && out_json)
		out_print_json(cost_json(&cost, args->pid));
	else if (!err)
		cost_print(&cost);
	return err;
}

static int set_watch(const struct args *args)
{
	struct set set;
	int err = begin(args, &set);

	if (err)
		return err;
	pause_for(args->seconds);
	err = end(args, &set);
	if (!err && out_json)
		set_json(args, &set);
	else if (!err)
		set_print(args, &set);
	return err;
}

int cmd_wss(int argc, char **argv)
{
	struct args args = { .seconds = 1, .count = 1 };
	long long i;
	int err;

	args_parse(&argp, "wss", argc, argv, 0, &args);
	if (args.arenas && !kmod_present())
		return kmod_missing();
	for (i = 0; i < args.count; i++) {
		err = args.snapshot ? fork_watch(&args) : set_watch(&args);
		if (err) {
			out_error("cannot watch %d: %s", args.pid,
				  args.arenas && err == -ENOENT ?
				  "it has no arena" :
				  err == -ENOENT || err == -ESRCH ?
				  "there is no such process" :
				  err == -EBUSY ?
				  "libshim-gc may need its soft-dirty bits" :
				  err == -EPERM || err == -EACCES ?
				  "that needs CAP_SYS_PTRACE, or to be its "
				  "owner" : strerror(-err));
			return exit_errno(err);
		}
		fflush(stdout);
	}
	return CMD_OK;
}
