// SPDX-License-Identifier: GPL-2.0-only
/*
 * heaps: every process on this machine that has libshim.
 *
 * Of each process the list of mappings is read, of those with libshim the heap,
 * see shim_heap.c; page tables are not.  Called by cmd_status.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "heaps.h"

/* Of the blocks that are in use, in whose memory objects are put first. */
static const char *backend_name(const struct shim_heap *heap)
{
	static const char *const names[BACKEND_NR] = {
		[BACKEND_KMOD] = "kmod", [BACKEND_THP] = "thp",
	};
	size_t most = 0;
	int i, best = -1;

	for (i = 0; i < BACKEND_NR; i++)
		if (heap->by_backend[i] > most) {
			most = heap->by_backend[i];
			best = i;
		}
	return best < 0 ? "none yet" : names[best];
}

/* 1 if the process has libshim, 0 if not, or a negative errno. */
static int line_read(struct heap_line *line, pid_t pid)
{
	struct shim shim;
	long long rss;
	int err;

	memset(line, 0, sizeof(*line));
	line->pid = pid;
	err = shim_open(&shim, pid);
	if (err && err != -EPROTO)
		return err == -EPERM || err == -EACCES ? err : 0;
	if (!err) {
		err = shim_heap_read(&shim, &line->heap, SHIM_BLOCKS);
		shim_close(&shim);
		/* it may have ended in the meantime */
		if (err && !proc_exists(pid))
			return 0;
	}
	line->err = err;
	proc_comm(pid, line->comm, sizeof(line->comm));
	proc_cgroup(pid, line->cgroup, sizeof(line->cgroup));
	proc_unit(line->cgroup, line->unit, sizeof(line->unit));
	rss = proc_status(pid, "VmRSS");
	line->rss = rss > 0 ? (uint64_t)rss : 0;
	line->backend = err ? NULL : backend_name(&line->heap);
	if (!err)
		shim_heap_free(&line->heap);	/* its lists */
	return 1;
}

static int by_allocated(const void *a, const void *b)
{
	const struct heap_line *x = a, *y = b;

	if (x->heap.allocated != y->heap.allocated)
		return x->heap.allocated < y->heap.allocated ? 1 : -1;
	return x->pid - y->pid;
}

int heaps_read(struct heaps *h)
{
	pid_t *pids = proc_list();
	size_t i, room = 0;

	memset(h, 0, sizeof(*h));
	if (!pids)
		return -errno;
	for (i = 0; pids[i]; i++) {
		struct heap_line *v = h->v;
		int got;

		if (h->n == room) {
			room = room ? 2 * room : 16;
			v = realloc(h->v, room * sizeof(*v));
			if (!v) {
				free(pids);
				heaps_free(h);
				return -ENOMEM;
			}
			h->v = v;
		}
		got = line_read(&v[h->n], pids[i]);
		h->n += got > 0;
		h->hidden += got < 0;
	}
	free(pids);
	if (h->n)
		qsort(h->v, h->n, sizeof(*h->v), by_allocated);
	return 0;
}

void heaps_free(struct heaps *h)
{
	free(h->v);
	h->v = NULL;
	h->n = 0;
}

json_t *heaps_json(const struct heaps *h)
{
	json_t *root = json_object(), *list = json_array();
	size_t i;

	for (i = 0; i < h->n; i++) {
		const struct heap_line *v = &h->v[i];
		json_t *obj = json_object();

		json_put_int(obj, "pid", (uint64_t)v->pid);
		json_put_text(obj, "comm", v->comm);
		json_put_text(obj, "cgroup", v->cgroup);
		json_put_text(obj, "unit", v->unit[0] ? v->unit : NULL);
		json_put_int(obj, "resident_bytes", v->rss);
		json_put_text(obj, "unknown", v->err ? shim_strerror(v->err) :
						       NULL);
		if (!v->err) {
			json_put_text(obj, "backend", v->backend);
			json_put_int(obj, "allocated_bytes", v->heap.allocated);
			json_put_int(obj, "inuse_bytes", v->heap.inuse);
			json_put_int(obj, "idle_bytes", v->heap.idle);
			json_put_int(obj, "mapped_bytes", v->heap.mapped);
			json_put_int(obj, "limit_bytes", v->heap.limit);
		}
		json_array_append_new(list, obj);
	}
	json_object_set_new(root, "processes", list);
	json_put_int(root, "hidden", h->hidden);
	return root;
}

void heaps_print(const struct heaps *h)
{
	size_t i;

	putchar('\n');
	out_heading("libshim");
	if (!h->n)
		out_note("no process %sruns on it", h->hidden ?
			 "that can be looked into " : "");
	else
		printf("  %s%8s %-15s %-8s %10s %10s %10s %10s  %s%s\n",
		       out_style(OUT_BOLD), "PID", "COMMAND", "BACKEND",
		       "ALLOCATED", "FREE", "RESIDENT", "LIMIT",
		       "UNIT OR CGROUP", out_style(OUT_PLAIN));
	for (i = 0; i < h->n; i++) {
		const struct heap_line *v = &h->v[i];
		const char *where = v->unit[0] ? v->unit : v->cgroup;

		if (v->err)
			printf("  %8d %-15s %s\n", v->pid, v->comm,
			       shim_strerror(v->err));
		else
			printf("  %8d %-15s %-8s %10s %10s %10s %10s  %s\n",
			       v->pid, v->comm, v->backend,
			       out_bytes(v->heap.allocated),
			       out_bytes(v->heap.idle), out_bytes(v->rss),
			       v->heap.limit ? out_bytes(v->heap.limit) :
					       "none", where);
	}
	if (h->hidden)
		out_note("%u processes of others: %s", h->hidden, proc_lacks());
}
