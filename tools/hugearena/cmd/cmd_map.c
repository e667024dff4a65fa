// SPDX-License-Identifier: GPL-2.0-only
/*
 * hugearena map: a process's address space, from page 0 to the kernel.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "map.h"
#include "base/out.h"
#include "show/keep.h"

#define USER_END	0x7ffffffff000ULL	/* with four levels of tables */
#define KERNEL_START	0xffff800000000000ULL
#define AROUND_MAX	4096

struct args {
	pid_t pid;
	bool all, blocks, walk;
	uint64_t addr;
	unsigned int around;
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "One line for each mapping, instead of each run", 0 },
	{ "blocks", 'b', NULL, 0, "Draw the heap block by block", 0 },
	{ "walk", 'w', "ADDR", 0,
	  "The page-table path of an address and its physical frame", 0 },
	{ "around", 'n', "N", 0,
	  "With --walk: how many blocks from there on (default 8)", 0 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	char *end;

	switch (key) {
	case 'a':
		args->all = true;
		return 0;
	case 'b':
		args->blocks = true;
		return 0;
	case 'w':
		args->walk = true;
		errno = 0;
		args->addr = strtoull(arg, &end, 16);
		if (errno || *end || end == arg)
			argp_error(state, "ADDR must be hexadecimal, not '%s'", arg);
		return 0;
	case 'n':
		args->around = (unsigned int)args_number(arg, 1, AROUND_MAX,
							state, "N");
		return 0;
	}
	return args_process(key, arg, state, &args->pid);
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "PID",
	.doc = "Show a process's address space: what is reserved, what is "
	       "resident, and in pages of which size.\v"
	       "Reads smaps, which holds the process's mmap_lock for a moment.",
};

static uint64_t small(const struct map *m)
{
	uint64_t huge = m->pmd + m->pud;

	return m->rss > huge ? m->rss - huge : 0;
}

static void add(struct map *sum, const struct map *m)
{
	sum->end += m->end - m->start;
	sum->rss += m->rss;
	sum->pss += m->pss;
	sum->swap += m->swap;
	sum->pmd += m->pmd;
	sum->pud += m->pud;
}

static json_t *map_json(const struct map *m)
{
	json_t *obj = json_object();
	char text[32];

	snprintf(text, sizeof(text), "0x%" PRIx64, m->start);
	json_put_text(obj, "start", text);
	snprintf(text, sizeof(text), "0x%" PRIx64, m->end);
	json_put_text(obj, "end", text);
	json_put_text(obj, "kind", map_kind_name(m->kind));
	json_put_text(obj, "perms", m->perms);
	json_put_text(obj, "name", m->name);
	json_put_int(obj, "reserved_bytes", m->end - m->start);
	json_put_int(obj, "resident_bytes", m->rss);
	json_put_int(obj, "pages_4k_bytes", small(m));
	json_put_int(obj, "pages_2m_bytes", m->pmd);
	json_put_int(obj, "pages_1g_bytes", m->pud);
	json_put_int(obj, "swap_bytes", m->swap);
	if (m->arena)
		json_put_int(obj, "arena", m->arena);
	return obj;
}

static void line_print(const struct map *m, unsigned int n)
{
	char what[320];

	if (n > 1)
		snprintf(what, sizeof(what), "%u mappings", n);
	else
		snprintf(what, sizeof(what), "%s %s", m->perms, m->name);
	printf("  %012" PRIx64 "-%012" PRIx64 " %-12s %9s %9s %9s %9s %9s  %s\n",
	       m->start, m->end, map_kind_name(m->kind),
	       out_bytes(m->end - m->start), out_bytes(m->rss),
	       m->rss ? out_bytes(small(m)) : "-",
	       m->pmd ? out_bytes(m->pmd) : "-",
	       m->pud ? out_bytes(m->pud) : "-", what);
}

/* Runs of mappings of one kind, with at most a guard page between two. */
static void layout_print(const struct map_job *job, bool all)
{
	const struct maps *maps = &job->maps;
	uint64_t below = maps->n ? maps->v[0].start : 0;
	size_t i = 0;

	printf("  %s%-25s %-12s %9s %9s %9s %9s %9s%s\n", out_style(OUT_BOLD),
	       "ADDRESSES", "WHAT", "RESERVED", "RESIDENT", "4 KiB", "2 MiB",
	       "1 GiB", out_style(OUT_PLAIN));
	out_note("%012x-%012" PRIx64 " unmapped: what a NULL pointer reaches",
		 0, below);
	while (i < maps->n) {
		struct map run = maps->v[i];
		unsigned int n = 1;
		uint64_t end = run.end;

		while (!all && i + n < maps->n &&
		       maps->v[i + n].kind == run.kind &&
		       maps->v[i + n].start - end <= BLOCK_SIZE &&
		       (run.kind != KIND_LIBRARY ||
			!strcmp(maps->v[i + n].name, run.name) ||
			!maps->v[i + n].name[0])) {
			end = maps->v[i + n].end;
			run.rss += maps->v[i + n].rss;
			run.pmd += maps->v[i + n].pmd;
			run.pud += maps->v[i + n].pud;
			n++;
		}
		run.end = end;
		if (run.kind == KIND_LIBRARY || run.kind == KIND_PROGRAM)
			line_print(&run, 1);
		else
			line_print(&run, n);
		i += n;
	}
	out_note("%012llx user space ends (four levels of tables)", USER_END);
	out_note("%llx-%llx kernel, the same in every process", KERNEL_START,
		 ~0ULL);
}

static void kinds_print(const struct map *sums, const struct map *all)
{
	int i;

	printf("\n  %s%-14s %10s %10s %10s %10s %10s %10s%s\n",
	       out_style(OUT_BOLD), "WHAT", "RESERVED", "RESIDENT", "4 KiB",
	       "2 MiB", "1 GiB", "COVERAGE", out_style(OUT_PLAIN));
	for (i = 0; i <= KIND_NR; i++) {
		const struct map *m = i < KIND_NR ? &sums[i] : all;

		if (!m->end)
			continue;
		printf("  %-14s %10s %10s %10s %10s %10s %10s\n",
		       i < KIND_NR ? map_kind_name((enum map_kind)i) : "all",
		       out_bytes(m->end), out_bytes(m->rss),
		       out_bytes(small(m)), out_bytes(m->pmd),
		       out_bytes(m->pud), out_percent(m->pmd + m->pud, m->rss));
	}
}

/* Where the kernel put arguments and environment, above the stack. */
static void args_print(pid_t pid)
{
	uint64_t arg_start, arg_end, env_start, env_end;
	FILE *f = proc_open(pid, "stat");
	char line[2048], *at;
	int i;

	if (!f)
		return;
	at = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
	fclose(f);
	/* fields 48 to 51; the command's name was the second */
	for (i = 2; at && i < 48; i++)
		at = strchr(at + 1, ' ');
	if (at && sscanf(at, " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64,
			 &arg_start, &arg_end, &env_start, &env_end) == 4 &&
	    arg_start)
		out_note("%012" PRIx64 " above the stack: %" PRIu64
			 " bytes of arguments, %" PRIu64 " of environment",
			 arg_start, arg_end - arg_start, env_end - env_start);
}

static void heap_print(const struct map_job *job)
{
	const struct shim_heap *h = &job->heap;
	struct keep keep[KEEP_REASONS];
	int i;

	if (job->shim_err) {
		out_note("heap: %s", shim_strerror(job->shim_err));
		return;
	}
	out_row("allocated", "%s, %s of it in %s large objects",
		out_bytes(h->allocated), out_bytes(h->large),
		out_count(h->nr_large));
	out_row("heap", "%s in spans, %s in free pages, %s of address space",
		out_bytes(h->inuse), out_bytes(h->idle), out_bytes(h->mapped));
	out_row("limit", "%s", h->limit ? out_bytes(h->limit) : "none");
	keep_list(h, keep);
	printf("\n  %s%-14s %10s  %s%s\n", out_style(OUT_BOLD), "KEPT",
	       "BYTES", "UNTIL", out_style(OUT_PLAIN));
	for (i = 0; i < KEEP_REASONS; i++)
		if (keep[i].bytes)
			printf("  %-14s %10s  %s\n", keep[i].name,
			       out_bytes(keep[i].bytes), keep[i].until);
	out_note("it goes in calls that free: a process that makes none keeps "
		 "it");
}

static int layout(const struct map_job *job, const struct args *args)
{
	struct map sums[KIND_NR] = { 0 }, all = { 0 };
	char comm[32];
	size_t i;

	for (i = 0; i < job->maps.n; i++) {
		add(&sums[job->maps.v[i].kind], &job->maps.v[i]);
		add(&all, &job->maps.v[i]);
	}
	proc_comm(job->pid, comm, sizeof(comm));
	if (out_json) {
		json_t *root = json_object(), *list = json_array();
		json_t *kinds = json_object(), *kind;

		json_put_int(root, "pid", (uint64_t)job->pid);
		json_put_text(root, "comm", comm);
		for (i = 0; i < job->maps.n; i++)
			json_array_append_new(list, map_json(&job->maps.v[i]));
		json_object_set_new(root, "mappings", list);
		for (i = 0; i <= KIND_NR; i++) {
			const struct map *m = i < KIND_NR ? &sums[i] : &all;

			kind = json_object();
			json_put_int(kind, "reserved_bytes", m->end);
			json_put_int(kind, "resident_bytes", m->rss);
			json_put_int(kind, "pages_4k_bytes", small(m));
			json_put_int(kind, "pages_2m_bytes", m->pmd);
			json_put_int(kind, "pages_1g_bytes", m->pud);
			json_object_set_new(kinds, i < KIND_NR ?
				map_kind_name((enum map_kind)i) : "all", kind);
		}
		json_object_set_new(root, "kinds", kinds);
		json_put_text(root, "heap_unknown", job->shim_err ?
			      shim_strerror(job->shim_err) : NULL);
		if (!job->shim_err) {
			json_put_int(root, "allocated_bytes",
				     job->heap.allocated);
			json_put_int(root, "cached_bytes", job->heap.cached);
			json_put_int(root, "central_free_bytes",
				     job->heap.central);
			json_put_int(root, "large_bytes", job->heap.large);
			json_put_int(root, "large_objects",
				     job->heap.nr_large);
			json_put_int(root, "inuse_bytes", job->heap.inuse);
			json_put_int(root, "idle_bytes", job->heap.idle);
			json_put_int(root, "limit_bytes", job->heap.limit);
			json_object_set_new(root, "kept",
					    keep_json(&job->heap));
		}
		return out_print_json(root);
	}
	printf("%sProcess %d, %s%s\n", out_style(OUT_BOLD), job->pid, comm,
	       out_style(OUT_PLAIN));
	layout_print(job, args->all);
	args_print(job->pid);
	kinds_print(sums, &all);
	putchar('\n');
	heap_print(job);
	return CMD_OK;
}

int cmd_map(int argc, char **argv)
{
	struct args args = { .around = 8 };
	struct map_job job = { 0 };
	int err, ret;

	args_parse(&argp, "map", argc, argv, 0, &args);
	job.pid = args.pid;
	err = proc_maps(args.pid, &job.maps, true);
	if (err) {
		out_error("cannot read the mappings of %d: %s", args.pid,
			  err == -ENOENT || err == -ESRCH ?
			  "there is no such process" : strerror(-err));
		return exit_errno(err);
	}
	job.shim_err = shim_open(&job.shim, args.pid);
	if (!job.shim_err) {
		job.shim_err = shim_heap_read(&job.shim, &job.heap,
					      SHIM_BLOCKS);
		shim_mark(&job.heap, &job.maps);
	}
	if (args.walk)
		ret = map_walk(&job, args.addr, args.around);
	else if (args.blocks)
		ret = map_blocks(&job);
	else
		ret = layout(&job, &args);
	shim_heap_free(&job.heap);
	shim_close(&job.shim);
	proc_maps_free(&job.maps);
	return ret;
}
