// SPDX-License-Identifier: GPL-2.0-only
/*
 * coroutines: those of a process on libshim-co, read from outside.
 *
 * libdwfl unwinds: a coroutine is presented to it as a thread whose registers
 * are those that co_switch() has saved on its stack.
 */
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "co/area.h"
#include "co/co.h"

#include "coroutines.h"
#include "proc.h"
#include "symbols.h"

#define RECORDS	1024		/* read at once: 64 KiB */

static int mem_read(int mem, uint64_t addr, void *buf, size_t len)
{
	ssize_t n = pread(mem, buf, len, (off_t)addr);

	if (n == (ssize_t)len)
		return 0;
	return n < 0 ? -errno : -ESRCH;
}

/* The lowest page that has memory, by /proc/PID/pagemap. */
static uint64_t depth_of(int pagemap, uint64_t low, uint64_t top)
{
	uint64_t map[512], at;
	size_t n, i;

	for (at = low; at < top; at += n * SLOT_PAGE) {
		n = (top - at) / SLOT_PAGE;
		if (n > 512)
			n = 512;
		if (pread(pagemap, map, n * 8, (off_t)(at / SLOT_PAGE * 8)) !=
		    (ssize_t)(n * 8))
			return 0;
		for (i = 0; i < n; i++)
			if (map[i] >> 62)
				return top - at - i * SLOT_PAGE;
	}
	return 0;
}

static int add(struct coroutines *c, size_t *room, uint64_t addr,
	       const struct slot *s, int pagemap)
{
	const struct shim_co *r = (const struct shim_co *)s;
	struct coroutine *more, *co;
	struct co_park park;
	struct co_top top;
	uint64_t from;

	if (c->n == *room) {
		*room = *room ? 2 * *room : 256;
		more = reallocarray(c->v, *room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->v = more;
	}
	co = &c->v[c->n];
	memset(co, 0, sizeof(*co));
	co->addr = addr;
	co->state = r->state;
	co->flags = r->flags;
	co->tid = (pid_t)r->tid;
	co->low = (uintptr_t)slot_low(s);
	co->top = (uintptr_t)slot_top(s);
	co->sp = (uintptr_t)r->sp;
	co->depth = depth_of(pagemap, co->low, co->top);
	from = co->top - sizeof(top);
	if (r->flags & CO_PARKED) {
		co->park = (uintptr_t)r->park + sizeof(park);
		if (mem_read(c->mem, (uintptr_t)r->park, &park, sizeof(park)))
			return 0;
		co->live = park.live;
		from = co->park + park.live - sizeof(top);
	}
	/* it may have ended by now: skip it */
	if (mem_read(c->mem, from, &top, sizeof(top)))
		return 0;
	co->fn = (uintptr_t)top.fn;
	memcpy(co->name, top.name, sizeof(co->name));
	co->name[sizeof(co->name) - 1] = '\0';
	c->n++;
	return 0;
}

static void count(struct coroutine_counts *n, const struct slot *s)
{
	const struct shim_co *co = (const struct shim_co *)s;

	n->stacks++;
	n->free += s->state == SLOT_FREE;
	n->unguarded += slot_guard(s) == SHIM_STACK_GUARD_NONE;
	if (s->state == SLOT_CO && co->state < COROUTINE_STATES) {
		n->state[co->state]++;
		n->parked += !!(co->flags & CO_PARKED);
	}
}

/* With @room NULL they are counted, and not added. */
static int area_read(struct coroutines *c, size_t *room, const struct area *a,
		     int pagemap)
{
	struct slot *s = malloc(RECORDS * sizeof(*s));
	uint64_t addr = (uintptr_t)a->records;
	size_t at, n, i;
	int err = 0;

	if (!s)
		return -ENOMEM;
	for (at = 0; at < a->made && !err; at += n) {
		n = a->made - at < RECORDS ? a->made - at : RECORDS;
		err = mem_read(c->mem, addr + at * sizeof(*s), s,
			       n * sizeof(*s));
		for (i = 0; i < n && !err; i++) {
			count(&c->count, &s[i]);
			if (room && s[i].state == SLOT_CO)
				err = add(c, room, addr + (at + i) * sizeof(*s),
					  &s[i], pagemap);
		}
	}
	free(s);
	return err;
}

static int table_read(struct coroutines *c, size_t *room, uint64_t addr,
		      int pagemap)
{
	struct area_table *t = malloc(sizeof(*t));
	struct co_inspect at;
	uint32_t o, i;
	int err;

	if (!t)
		return -ENOMEM;
	err = mem_read(c->mem, addr, &at, sizeof(at));
	if (!err && (memcmp(at.magic, CO_INSPECT_MAGIC, sizeof(at.magic)) ||
		     at.layout != CO_INSPECT_LAYOUT ||
		     at.area_bytes != sizeof(struct area)))
		err = -EPROTO;
	if (!err)
		err = mem_read(c->mem, (uintptr_t)at.areas, t, sizeof(*t));
	for (o = 0; o < SLOT_ORDERS && !err; o++)
		for (i = 0; i < t->nr[o] && i < AREAS && !err; i++)
			err = area_read(c, room, &t->area[o][i], pagemap);
	free(t);
	return err;
}

static int by_stack(const void *a, const void *b)
{
	const struct coroutine *x = a, *y = b;

	return x->low < y->low ? -1 : x->low > y->low;
}

static int begin(struct coroutines *c, pid_t pid, uint64_t *addr)
{
	char path[64];
	int err;

	memset(c, 0, sizeof(*c));
	c->pid = pid;
	c->mem = -1;
	err = symbol_find_in(pid, "libshim-co", "shim_co_inspect", addr);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	c->mem = open(path, O_RDONLY | O_CLOEXEC);
	return c->mem < 0 ? -errno : 0;
}

int coroutines_count(struct coroutine_counts *n, pid_t pid)
{
	struct coroutines c;
	uint64_t addr;
	int err = begin(&c, pid, &addr);

	if (!err)
		err = table_read(&c, NULL, addr, -1);
	*n = err ? (struct coroutine_counts){ .stacks = 0 } : c.count;
	coroutines_free(&c);
	return err;
}

int coroutines_read(struct coroutines *c, pid_t pid)
{
	char path[64];
	size_t room = 0;
	uint64_t addr;
	int err = begin(c, pid, &addr), pagemap;

	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	pagemap = open(path, O_RDONLY | O_CLOEXEC);
	err = table_read(c, &room, addr, pagemap);
	if (pagemap >= 0)
		close(pagemap);
	if (err)
		coroutines_free(c);
	else if (c->n)
		qsort(c->v, c->n, sizeof(*c->v), by_stack);
	return err;
}

void coroutines_free(struct coroutines *c)
{
	if (c->dwfl)
		dwfl_end(c->dwfl);
	if (c->mem >= 0)
		close(c->mem);
	free(c->v);
	c->dwfl = NULL;
	c->mem = -1;
	c->v = NULL;
	c->n = 0;
}

/* libdwfl sees one thread, number 1: the coroutine that is unwound. */
static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread)
{
	(void)dwfl;
	(void)arg;
	(void)thread;
	return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread)
{
	(void)dwfl;
	(void)tid;
	*thread = arg;
	return true;
}

/* A parked stack is read where it was parked. */
static uint64_t where_now(const struct coroutines *c, uint64_t addr)
{
	const struct coroutine *co;
	size_t low = 0, high = c->n, i;

	while (low < high) {
		i = (low + high) / 2;
		co = &c->v[i];
		if (addr >= co->low && addr < co->top)
			return co->park && addr >= co->top - co->live ?
			       co->park + addr - (co->top - co->live) : addr;
		if (addr < co->low)
			high = i;
		else
			low = i + 1;
	}
	return addr;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result,
			void *arg)
{
	struct coroutines *c = arg;
	uint64_t word;

	(void)dwfl;
	if (mem_read(c->mem, where_now(c, addr), &word, sizeof(word)))
		return false;
	*result = word;
	return true;
}

#if defined(__x86_64__)
/* What co_switch() pushed: r15 r14 r13 r12 rbx rbp, return address. */
static bool registers(Dwfl_Thread *thread, struct coroutines *c,
		      const struct coroutine *co)
{
	static const int number[] = { 15, 14, 13, 12, 3, 6 };	/* DWARF's */
	Dwarf_Word pc, rsp = co->sp + 56, reg;
	unsigned int i;

	for (i = 0; i < 6; i++)
		if (!memory_read(NULL, co->sp + 8 * i, &reg, c) ||
		    !dwfl_thread_state_registers(thread, number[i], 1, &reg))
			return false;
	if (!memory_read(NULL, co->sp + 48, &pc, c) ||
	    !dwfl_thread_state_registers(thread, 7, 1, &rsp))
		return false;
	dwfl_thread_state_register_pc(thread, pc);
	return true;
}
#else
/* x19 to x30 at the stack pointer. */
static bool registers(Dwfl_Thread *thread, struct coroutines *c,
		      const struct coroutine *co)
{
	Dwarf_Word reg, sp = co->sp + 176;
	int i;

	for (i = 0; i < 12; i++)
		if (!memory_read(NULL, co->sp + 8 * (unsigned int)i, &reg, c) ||
		    !dwfl_thread_state_registers(thread, 19 + i, 1, &reg))
			return false;
	dwfl_thread_state_register_pc(thread, reg);
	return dwfl_thread_state_registers(thread, 31, 1, &sp);
}
#endif

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	struct coroutines *c = arg;

	return registers(thread, c, &c->v[c->unwound]);
}

static const Dwfl_Thread_Callbacks as_threads = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = memory_read,
	.set_initial_registers = set_registers,
};

static char *debug_path;

static const Dwfl_Callbacks files = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debug_path,
};

static int session_begin(struct coroutines *c)
{
	Dwfl *dwfl = dwfl_begin(&files);
	int err;

	if (!dwfl)
		return -ENOMEM;
	err = dwfl_linux_proc_report(dwfl, c->pid);
	if (!err && dwfl_report_end(dwfl, NULL, NULL))
		err = EIO;
	if (!err && !dwfl_attach_state(dwfl, NULL, c->pid, &as_threads, c))
		err = EIO;
	if (err) {
		dwfl_end(dwfl);
		return err < 0 ? -EIO : -err;
	}
	c->dwfl = dwfl;
	return 0;
}

struct walk {
	uint64_t frame[COROUTINE_FRAMES];
	unsigned int n;
};

static int on_frame(Dwfl_Frame *frame, void *arg)
{
	struct walk *w = arg;
	Dwarf_Addr pc;

	if (w->n == COROUTINE_FRAMES || !dwfl_frame_pc(frame, &pc, NULL))
		return DWARF_CB_ABORT;
	w->frame[w->n++] = pc;
	return DWARF_CB_OK;
}

int coroutines_unwind(struct coroutines *c, size_t i)
{
	struct coroutine *co = &c->v[i];
	struct walk w = { .n = 0 };
	int err;

	if (co->state != SHIM_CO_SUSPENDED && co->state != SHIM_CO_NEW)
		return -EINVAL;
	err = c->dwfl ? 0 : session_begin(c);
	if (err)
		return err;
	if (co->state == SHIM_CO_NEW) {
		/* as a return address, see coroutines_name() */
		co->frame[0] = co->fn + 1;
		co->frames = 1;
		return 0;
	}
	c->unwound = i;
	dwfl_getthread_frames(c->dwfl, 1, on_frame, &w);
	memcpy(co->frame, w.frame, sizeof(w.frame));
	co->frames = w.n;
	return 0;
}

void coroutines_name(struct coroutines *c, uint64_t frame, char *buf,
		     size_t len)
{
	Dwfl_Module *m = c->dwfl ? dwfl_addrmodule(c->dwfl, frame) : NULL;
	const char *name, *file = NULL;
	Dwfl_Line *line;
	GElf_Off off = 0;
	GElf_Sym sym;
	int at = 0;
	size_t n;

	/* a return address: the call is before it */
	name = m ? dwfl_module_addrinfo(m, frame - 1, &off, &sym, NULL, NULL,
					NULL) : NULL;
	if (!name) {
		snprintf(buf, len, "0x%llx", (unsigned long long)frame);
		return;
	}
	n = (size_t)snprintf(buf, len, "%s+0x%llx", name,
			     (unsigned long long)off + 1);
	line = dwfl_module_getsrc(m, frame - 1);
	if (line)
		file = dwfl_lineinfo(line, NULL, &at, NULL, NULL, NULL);
	if (file && n < len)
		snprintf(buf + n, len - n, " (%s:%d)",
			 strrchr(file, '/') ? strrchr(file, '/') + 1 : file, at);
}

const char *coroutine_state(const struct coroutine *co)
{
	static const char *const names[] = {
		"new", "suspended", "running", "resuming", "done"
	};

	if (co->flags & CO_PARKED)
		return "parked";
	return co->state < sizeof(names) / sizeof(names[0]) ?
	       names[co->state] : "?";
}
