// SPDX-License-Identifier: GPL-2.0-only
/*
 * sample: a process in numbers at one moment.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/out.h"
#include "proc.h"
#include "sample.h"

uint64_t sample_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t sample_cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void arena_add(struct kmod_arena *sum, const struct kmod_arena *a)
{
	sum->size += a->size;
	sum->resident += a->resident;
	sum->blocks += a->blocks;
	sum->split += a->split;
	sum->shared += a->shared;
	sum->lost += a->lost;
	sum->f_reserve += a->f_reserve;
	sum->f_pool += a->f_pool;
	sum->f_demand += a->f_demand;
	sum->f_small += a->f_small;
	sum->f_map += a->f_map;
	sum->cow_pages += a->cow_pages;
	sum->cow_blocks += a->cow_blocks;
	sum->released += a->released;
	sum->joined += a->joined;
	sum->reserve += a->reserve;
	sum->forks += a->forks;
}

static void heap_take(struct sample *out, const struct shim *shim)
{
	struct shim_heap heap;

	out->shim_err = shim_heap_read(shim, &heap, 0);
	if (out->shim_err)
		return;
	out->allocated = heap.allocated;
	out->cached = heap.cached;
	out->central = heap.central;
	out->idle = heap.idle;
	out->mapped = heap.mapped;
	out->inuse = heap.inuse;
	out->released = heap.heap.released;
	shim_heap_free(&heap);
}

int sample_take(struct sample *out, pid_t pid, struct shim *shim,
		int *shim_err, const struct kmod_arena *arenas, size_t n,
		unsigned int flags)
{
	struct rollup r;
	long long rss;
	size_t i;

	memset(out, 0, sizeof(*out));
	out->pid = pid;
	out->when = sample_now();
	proc_comm(pid, out->comm, sizeof(out->comm));
	if (proc_faults(pid, &out->minor, &out->major))
		return -ESRCH;
	out->cpu = proc_cpu(pid);
	proc_cgroup(pid, out->cgroup, sizeof(out->cgroup));
	proc_unit(out->cgroup, out->unit, sizeof(out->unit));
	out->rollup_err = flags & SAMPLE_ROLLUP ? proc_rollup(pid, &r) :
						  -EAGAIN;
	if (!out->rollup_err) {
		out->rss = r.rss;
		out->pss = r.pss;
		out->pmd = r.pmd;
		out->swap = r.swap;
	} else {
		rss = proc_status(pid, "VmRSS");
		out->rss = rss > 0 ? (uint64_t)rss : 0;
	}
	for (i = 0; i < n; i++) {
		if (arenas[i].pid != pid)
			continue;
		out->arenas++;
		arena_add(&out->arena, &arenas[i]);
	}
	out->shim_err = *shim_err;
	if (*shim_err)
		return 0;
	heap_take(out, shim);
	if (out->shim_err == -ESRCH) {
		/*
		 * the memory is gone while the process is there: it has called
		 * execve()
		 */
		shim_close(shim);
		*shim_err = shim_open(shim, pid);
		out->shim_err = *shim_err;
		if (!*shim_err)
			heap_take(out, shim);
	}
	return 0;
}

double sample_coverage(const struct sample *s)
{
	if (s->rollup_err || !s->rss)
		return -1;
	return 100.0 * (double)s->pmd / (double)s->rss;
}

json_t *sample_json(const struct sample *s)
{
	json_t *obj = json_object(), *arena, *heap;

	json_put_int(obj, "pid", (uint64_t)s->pid);
	json_put_text(obj, "comm", s->comm);
	json_put_text(obj, "cgroup", s->cgroup);
	json_put_text(obj, "unit", s->unit[0] ? s->unit : NULL);
	json_put_real(obj, "cpu_seconds", (double)s->cpu / 1e9);
	json_put_int(obj, "resident_bytes", s->rss);
	if (!s->rollup_err) {
		json_put_int(obj, "pss_bytes", s->pss);
		json_put_int(obj, "pages_2m_bytes", s->pmd);
		json_put_int(obj, "swap_bytes", s->swap);
		json_put_real(obj, "coverage_percent",
			      s->rss ? sample_coverage(s) : 0);
	}
	json_put_int(obj, "minor_faults", s->minor);
	json_put_int(obj, "major_faults", s->major);
	if (s->arenas) {
		arena = json_object();
		json_put_int(arena, "arenas", s->arenas);
		kmod_arena_json(&s->arena, arena);
		json_object_set_new(obj, "arena", arena);
	}
	if (s->shim_err) {
		json_put_text(obj, "heap_unknown",
			      shim_strerror(s->shim_err));
		return obj;
	}
	heap = json_object();
	json_put_int(heap, "allocated_bytes", s->allocated);
	json_put_int(heap, "cached_bytes", s->cached);
	json_put_int(heap, "central_free_bytes", s->central);
	json_put_int(heap, "idle_bytes", s->idle);
	json_put_int(heap, "inuse_bytes", s->inuse);
	json_put_int(heap, "mapped_bytes", s->mapped);
	json_put_int(heap, "released_bytes", s->released);
	json_object_set_new(obj, "heap", heap);
	return obj;
}
