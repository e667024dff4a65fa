// SPDX-License-Identifier: GPL-2.0-only
/*
 * stacks: call stacks of a process, by name.  Called by profile, leak.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "stacks.h"
#include "symbols.h"

int stacks_open(struct stacks *st, pid_t pid, const char *skip)
{
	int err;

	memset(st, 0, sizeof(*st));
	st->pid = pid;
	st->skip = skip;
	err = proc_maps(pid, &st->maps, false);
	if (err)
		return err;
	st->loaded = calloc(st->maps.n + 1, sizeof(*st->loaded));
	if (!st->loaded) {
		proc_maps_free(&st->maps);
		return -ENOMEM;
	}
	return 0;
}

void stacks_close(struct stacks *st)
{
	size_t i;

	for (i = 0; i < st->n; i++)
		free(st->fn[i].name);
	free(st->fn);
	free(st->loaded);
	proc_maps_free(&st->maps);
}

static void function_add(uint64_t addr, uint64_t size, const char *name,
			 void *arg)
{
	struct stacks *st = arg;
	struct function *fn;

	if (st->n == st->room) {
		size_t want = st->room ? 2 * st->room : 1024;

		fn = realloc(st->fn, want * sizeof(*fn));
		if (!fn)
			return;
		st->fn = fn;
		st->room = want;
	}
	fn = &st->fn[st->n];
	fn->addr = addr;
	fn->size = size;
	fn->name = strdup(name);
	st->n += !!fn->name;
}

static int by_addr(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	/* of several names the shortest: "free", not "__libc_free" */
	return (int)strlen(y->name) - (int)strlen(x->name);
}

static struct map *map_of(struct stacks *st, uint64_t addr)
{
	size_t i;

	for (i = 0; i < st->maps.n; i++)
		if (addr >= st->maps.v[i].start && addr < st->maps.v[i].end)
			return &st->maps.v[i];
	return NULL;
}

/* Where the first byte of a mapping's file is. */
static uint64_t base_of(const struct stacks *st, const struct map *m)
{
	const struct map *first = m;

	while (first > st->maps.v && !strcmp(first[-1].name, m->name))
		first--;
	return first->start - first->offset;
}

static void load(struct stacks *st, const struct map *m)
{
	struct elf elf;
	size_t i;

	if (st->loaded[m - st->maps.v])
		return;
	for (i = 0; i < st->maps.n; i++)
		if (!strcmp(st->maps.v[i].name, m->name))
			st->loaded[i] = true;
	if (m->name[0] != '/' || elf_open(&elf, st->pid, m))
		return;
	elf_functions(&elf, base_of(st, m), function_add, st);
	elf_close(&elf);
	if (st->n)
		qsort(st->fn, st->n, sizeof(*st->fn), by_addr);
}

const char *stacks_name(struct stacks *st, const void *frame)
{
	/* the return address may be the next function's */
	uint64_t addr = (uintptr_t)frame - 1;
	struct map *m = map_of(st, addr);
	size_t low = 0, high;
	static char text[320];
	const char *base;

	if (!m) {
		snprintf(text, sizeof(text), "%#" PRIx64, addr + 1);
		return text;
	}
	load(st, m);
	high = st->n;
	while (low < high) {
		size_t mid = (low + high) / 2;

		if (st->fn[mid].addr <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	if (low && st->fn[low - 1].addr >= base_of(st, m) &&
	    addr < st->fn[low - 1].addr + st->fn[low - 1].size)
		return st->fn[low - 1].name;
	base = strrchr(m->name, '/');
	snprintf(text, sizeof(text), "%s+%#" PRIx64,
		 base ? base + 1 : m->name, addr + 1 - base_of(st, m));
	return text;
}

unsigned int stacks_own(struct stacks *st, void *const *frame,
			unsigned int n)
{
	static const char *const names[] = {
		"malloc", "calloc", "realloc", "reallocarray", "memalign",
		"aligned_alloc", "posix_memalign", "valloc", "pvalloc",
	};
	unsigned int own = 0, i, k;

	for (i = 0; i < n; i++) {
		const struct map *m = map_of(st, (uintptr_t)frame[i] - 1);
		const char *name;

		if (!m || strcmp(m->name, st->skip))
			break;
		if (m->kind != KIND_PROGRAM) {
			own = i + 1;
			continue;
		}
		/* linked in: up to the function that was called */
		name = stacks_name(st, frame[i]);
		for (k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (!strcmp(name, names[k]))
				return i + 1;
		if (!strncmp(name, "_Zn", 3))
			return i + 1;
	}
	return own < n ? own : 0;
}

json_t *stacks_json(struct stacks *st, void *const *frame, unsigned int n)
{
	unsigned int i = stacks_own(st, frame, n);
	json_t *list = json_array();

	for (; i < n; i++) {
		json_t *name = json_string(stacks_name(st, frame[i]));

		json_array_append_new(list, name ? name : json_string("?"));
	}
	return list;
}

void stacks_print(struct stacks *st, void *const *frame, unsigned int n)
{
	unsigned int i = stacks_own(st, frame, n), nr = 0;

	for (; i < n; i++)
		printf("      #%-2u %s\n", nr++, stacks_name(st, frame[i]));
}
