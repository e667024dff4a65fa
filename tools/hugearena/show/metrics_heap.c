// SPDX-License-Identifier: GPL-2.0-only
/*
 * metrics_heap: heap profiles of processes, served as Go's programs serve theirs.
 *
 * What scrapes "GET /debug/pprof/heap" of a Go program finds the same four values
 * here, of any process on libshim: profile.proto by default, text with debug=1,
 * growth with seconds=N.  Which process is a parameter of the request, and what
 * there is to choose from can be asked for.
 */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "profile.h"
#include "read/unit.h"
#include "top.h"

#define OK		200
#define NOT_FOUND	404
#define CONFLICT	409
#define NOT_ALLOWED	403
#define NO_MEMORY	500

/*
 * Processes in which sampling was switched on by us.  Each stays open: its memory
 * is this very program's, whoever has the number later.
 */
static struct shim *switched;
static size_t nr_switched;

/* The answer is a sentence. */
__attribute__((format(printf, 4, 5)))
static unsigned int say(char **data, size_t *len, unsigned int status,
			const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(data, fmt, ap);
	va_end(ap);
	if (n < 0)
		*data = NULL;
	*len = n < 0 ? 0 : (size_t)n;
	return status;
}

/* The process on libshim that is called so; 0 if none is, -1 if several are. */
static pid_t command_find(const char *command)
{
	pid_t *list = proc_list(), found = 0;
	struct shim shim;
	char comm[32];
	size_t i;

	for (i = 0; list && list[i] && found >= 0; i++) {
		proc_comm(list[i], comm, sizeof(comm));
		if (strcmp(comm, command) || shim_open(&shim, list[i]))
			continue;
		shim_close(&shim);
		found = found ? -1 : list[i];
	}
	free(list);
	return found;
}

/* Which process is meant: OK, or what is wrong. */
static unsigned int find(const struct heap_query *q, pid_t *pid, char **data,
			 size_t *len)
{
	struct unit unit;

	*pid = q->pid;
	if (q->unit)
		*pid = unit_read(&unit, q->unit) ? 0 : unit.pid;
	else if (q->command)
		*pid = command_find(q->command);
	if (*pid < 0)
		return say(data, len, CONFLICT,
			   "several processes on libshim are called %s: say pid=, /targets lists them\n",
			   q->command);
	if (*pid)
		return OK;
	if (q->unit || q->command)
		return say(data, len, NOT_FOUND, "%s does not run here%s\n",
			   q->unit ? q->unit : q->command,
			   q->unit ? "" : " on libshim");
	return say(data, len, NOT_FOUND,
		   "whose? pid=, command= or unit=; /targets lists processes\n");
}

/* See that it is sampled: 0, or a negative errno. */
static int sampling(struct shim *shim, uint64_t rate)
{
	struct shim *list;
	int err = shim_ready(shim);

	if (err <= 0)
		return err ? err : -EAGAIN;
	if (shim->conf.profile)
		return 0;
	if (!rate)
		return -ENODATA;
	list = realloc(switched, (nr_switched + 1) * sizeof(*list));
	if (!list)
		return -ENOMEM;
	switched = list;
	/* one more file of its memory, which the caller does not close */
	err = shim_open(&list[nr_switched], shim->pid);
	if (err)
		return err;
	err = prof_switch(&list[nr_switched], rate);
	if (err)
		shim_close(&list[nr_switched]);
	else
		nr_switched++;
	return err ? err : shim_ready(shim) > 0 ? 0 : -ESRCH;
}

void metrics_heap_end(void)
{
	size_t i;

	for (i = 0; i < nr_switched; i++) {
		prof_switch(&switched[i], 0);
		shim_close(&switched[i]);
	}
	free(switched);
	switched = NULL;
	nr_switched = 0;
}

/* A profile of what was read, in memory. */
static int render(const struct heap_query *q, const struct shim *shim,
		  const struct prof *prof, const struct prof *before,
		  char **data, size_t *len)
{
	struct profile p = {
		.what = q->seconds ? PROFILE_GROWTH : PROFILE_LIVE,
		.prof = prof, .before = before, .go = true,
		.seconds = q->seconds,
	};
	FILE *f = open_memstream(data, len);
	int err;

	if (!f)
		return -ENOMEM;
	err = stacks_open(&p.stacks, shim->pid, shim->path);
	if (!err)
		err = profile_make(&p);
	if (!err)
		err = profile_write(&p, q->text ? PROFILE_HEAP : PROFILE_PROTO, f);
	if (fclose(f) && !err)
		err = -ENOMEM;
	profile_free(&p);
	stacks_close(&p.stacks);
	if (err) {
		free(*data);
		*data = NULL;
	}
	return err;
}

static unsigned int complain(pid_t pid, int err, char **data, size_t *len)
{
	switch (-err) {
	case ENODATA:
		return say(data, len, NOT_FOUND,
			   "process %d is not sampled: start it with SHIM_OPTIONS=profile=512k, or the exporter with --heap=512k\n",
			   pid);
	case EAGAIN:
		return say(data, len, NOT_FOUND,
			   "process %d has not allocated anything yet\n", pid);
	case ENOMEM:
		return say(data, len, NO_MEMORY, "no memory\n");
	}
	return say(data, len, err == -EPERM || err == -EACCES ? NOT_ALLOWED :
		   NOT_FOUND, "process %d: %s\n", pid, shim_strerror(err));
}

unsigned int metrics_heap(const struct heap_query *q, uint64_t rate,
			  void (*wait)(unsigned int), char **data, size_t *len)
{
	struct prof prof = { 0 }, before = { 0 };
	unsigned int status;
	struct shim shim;
	pid_t pid;
	int err;

	status = find(q, &pid, data, len);
	if (status != OK)
		return status;
	err = shim_open(&shim, pid);
	if (err)
		return complain(pid, err, data, len);
	err = sampling(&shim, rate);
	if (!err && q->seconds) {
		err = prof_read(&shim, &before);
		if (!err)
			wait(q->seconds);
	}
	if (!err)
		err = prof_read(&shim, &prof);
	if (!err)
		err = render(q, &shim, &prof, &before, data, len);
	prof_free(&before);
	prof_free(&prof);
	shim_close(&shim);
	return err ? complain(pid, err, data, len) : OK;
}

/* One process, as a target with the parameter that chooses it. */
static json_t *target(const char *host, const struct sample *s)
{
	json_t *labels = json_object();
	char pid[16], pod[40];

	proc_pod(s->cgroup, pod, sizeof(pod));
	snprintf(pid, sizeof(pid), "%d", s->pid);
	json_object_set_new(labels, "__metrics_path__",
			    json_string("/debug/pprof/heap"));
	json_object_set_new(labels, "__param_pid", json_string(pid));
	json_object_set_new(labels, "pid", json_string(pid));
	json_object_set_new(labels, "command", json_string(s->comm));
	if (s->unit[0])
		json_object_set_new(labels, "unit", json_string(s->unit));
	if (pod[0])
		json_object_set_new(labels, "pod", json_string(pod));
	return json_pack("{s:[s], s:o}", "targets", host, "labels", labels);
}

char *metrics_targets(const char *host)
{
	struct top top = { .ours = true };
	json_t *list = json_array();
	char *text;
	size_t i;

	if (!top_look(&top))
		for (i = 0; i < top.n; i++)
			if (!top.v[i].shim_err)
				json_array_append_new(list,
						      target(host,
							     &top.v[i].now));
	top_free(&top);
	text = json_dumps(list, JSON_INDENT(2));
	json_decref(list);
	return text;
}
