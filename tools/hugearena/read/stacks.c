// SPDX-License-Identifier: GPL-2.0-only
/*
 * stacks: call stacks of a process, by name.  Called by profile, leak,
 * metrics.
 *
 * Functions are sorted once for each file, as libdwfl looks at every symbol to
 * find one.
 */
#include <dwarf.h>
#include <errno.h>
#include <inttypes.h>
#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#include "base/out.h"
#include "stacks.h"

static char *debug_path;

static const Dwfl_Callbacks files = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debug_path,
};

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
	st->dwfl = dwfl_begin(&files);
	if (!st->loaded || !st->dwfl) {
		stacks_close(st);
		return -ENOMEM;
	}
	/* without it there are addresses and no names */
	dwfl_linux_proc_report(st->dwfl, pid);
	dwfl_report_end(st->dwfl, NULL, NULL);
	return 0;
}

/* The file that has libshim: the library, or the program. */
static const char *own_find(const struct maps *maps)
{
	const char *base;
	size_t i;

	for (i = 0; i < maps->n; i++) {
		base = strrchr(maps->v[i].name, '/');
		if (base && !strncmp(base, "/libshim.so", 11))
			return maps->v[i].name;
	}
	return maps->n ? maps->v[0].name : "";
}

int stacks_load(struct stacks *st, char *text, size_t len)
{
	FILE *f = len ? fmemopen(text, len, "r") : NULL;
	int err;

	memset(st, 0, sizeof(*st));
	if (!f)
		return len ? -errno : -EINVAL;
	err = proc_maps_text(f, &st->maps);
	if (!err) {
		st->skip = own_find(&st->maps);
		st->loaded = calloc(st->maps.n + 1, sizeof(*st->loaded));
		st->dwfl = dwfl_begin(&files);
		if (!st->loaded || !st->dwfl)
			err = -ENOMEM;
	}
	if (!err) {
		rewind(f);
		dwfl_linux_proc_maps_report(st->dwfl, f);
		dwfl_report_end(st->dwfl, NULL, NULL);
	}
	fclose(f);
	if (err)
		stacks_close(st);
	return err;
}

void stacks_close(struct stacks *st)
{
	if (st->dwfl)
		dwfl_end(st->dwfl);
	free(st->fn);
	free(st->loaded);
	proc_maps_free(&st->maps);
	memset(st, 0, sizeof(*st));
}

static void function_add(struct stacks *st, uint64_t addr, uint64_t size,
			 const char *name)
{
	struct function *fn;

	if (st->n == st->room) {
		size_t want = st->room ? 2 * st->room : 1024;

		fn = realloc(st->fn, want * sizeof(*fn));
		if (!fn)
			return;
		st->fn = fn;
		st->room = want;
	}
	fn = &st->fn[st->n++];
	fn->addr = addr;
	fn->size = size;
	fn->name = name;
}

static int by_addr(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	/* of several names take the shortest: "free", not "__libc_free" */
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
	Dwfl_Module *mod;
	const char *name;
	GElf_Addr addr;
	GElf_Sym sym;
	size_t k;
	int i, n;

	if (st->loaded[m - st->maps.v])
		return;
	for (k = 0; k < st->maps.n; k++)
		if (!strcmp(st->maps.v[k].name, m->name))
			st->loaded[k] = true;
	mod = m->name[0] == '/' ? dwfl_addrmodule(st->dwfl, m->start) : NULL;
	n = mod ? dwfl_module_getsymtab(mod) : 0;
	for (i = 0; i < n; i++) {
		name = dwfl_module_getsym_info(mod, i, &sym, &addr, NULL, NULL,
					       NULL);
		if (name && *name && sym.st_shndx != SHN_UNDEF &&
		    (GELF_ST_TYPE(sym.st_info) == STT_FUNC ||
		     GELF_ST_TYPE(sym.st_info) == STT_GNU_IFUNC))
			function_add(st, addr, sym.st_size, name);
	}
	if (st->n)
		qsort(st->fn, st->n, sizeof(*st->fn), by_addr);
}

/* The symbol that an address is in, NULL if there is none. */
static const char *symbol_of(struct stacks *st, const struct map *m,
			     uint64_t addr)
{
	size_t low = 0, high;

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
	return NULL;
}

/* As a programmer writes it; cut to fit. */
static void demangle(const char *name, char *buf, size_t len)
{
	char *plain = cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI);

	snprintf(buf, len, "%s", plain ? plain : name);
	free(plain);
}

const char *stacks_name(struct stacks *st, const void *frame)
{
	/* the return address may be the next function's */
	uint64_t addr = (uintptr_t)frame - 1;
	struct map *m = map_of(st, addr);
	static char text[320];
	const char *base, *name;

	if (!m) {
		snprintf(text, sizeof(text), "%#" PRIx64, addr + 1);
		return text;
	}
	name = symbol_of(st, m, addr);
	if (name) {
		demangle(name, text, sizeof(text));
		return text;
	}
	base = strrchr(m->name, '/');
	snprintf(text, sizeof(text), "%s+%#" PRIx64,
		 base ? base + 1 : m->name, addr + 1 - base_of(st, m));
	return text;
}

/* The name of a function that was inlined. */
static void inlined_name(Dwarf_Die *die, struct source *s)
{
	static const unsigned int names[] = {
		DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name
	};
	Dwarf_Attribute attr;
	const char *name;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		name = dwarf_formstring(dwarf_attr_integrate(die, names[i],
							     &attr));
		if (name) {
			demangle(name, s->function, sizeof(s->function));
			return;
		}
	}
	snprintf(s->function, sizeof(s->function), "?");
}

/* Where something was inlined into what is around it. */
static void call_place(Dwarf_Die *cu, Dwarf_Die *die, struct source *s)
{
	Dwarf_Attribute attr;
	Dwarf_Word file = 0, line = 0;
	Dwarf_Files *list;

	s->file = NULL;
	if (!dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attr), &file) &&
	    !dwarf_getsrcfiles(cu, &list, NULL))
		s->file = dwarf_filesrc(list, file, NULL, NULL);
	dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attr), &line);
	s->line = (int)line;
}

unsigned int stacks_source(struct stacks *st, const void *frame,
			   struct source src[STACKS_INLINED])
{
	uint64_t addr = (uintptr_t)frame - 1;
	Dwfl_Module *mod = dwfl_addrmodule(st->dwfl, addr);
	Dwfl_Line *line = mod ? dwfl_module_getsrc(mod, addr) : NULL;
	Dwarf_Die *cu, *scopes = NULL;
	unsigned int n = 0;
	Dwarf_Addr bias;
	int i, nr = 0;

	src[0].file = NULL;
	src[0].line = 0;
	if (line)
		src[0].file = dwfl_lineinfo(line, NULL, &src[0].line, NULL,
					    NULL, NULL);
	cu = line ? dwfl_module_addrdie(mod, addr, &bias) : NULL;
	if (cu)
		nr = dwarf_getscopes(cu, addr - bias, &scopes);
	for (i = 0; i < nr && n + 1 < STACKS_INLINED; i++) {
		if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
			continue;
		inlined_name(&scopes[i], &src[n]);
		call_place(cu, &scopes[i], &src[++n]);
	}
	free(scopes);
	snprintf(src[n].function, sizeof(src[n].function), "%s",
		 stacks_name(st, frame));
	return n + 1;
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
		/* if it is linked in: up to the function that was called */
		name = stacks_name(st, frame[i]);
		for (k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (!strcmp(name, names[k]))
				return i + 1;
		if (!strncmp(name, "operator new", 12))
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

void stacks_print(struct stacks *st, void *const *frame, unsigned int n,
		  FILE *f, bool number)
{
	unsigned int i = stacks_own(st, frame, n), nr = 0, k, in;
	struct source src[STACKS_INLINED];
	const char *base;

	for (; i < n; i++) {
		in = stacks_source(st, frame[i], src);
		for (k = 0; k < in; k++) {
			fputs("      ", f);
			if (number)
				fprintf(f, "#%-2u ", nr++);
			fputs(src[k].function, f);
			base = src[k].file ? strrchr(src[k].file, '/') : NULL;
			if (src[k].file)
				fprintf(f, " (%s:%d)", base ? base + 1 :
					src[k].file, src[k].line);
			fputc('\n', f);
		}
	}
}
