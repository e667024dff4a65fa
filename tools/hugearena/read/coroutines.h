/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * coroutines: those of a process on libshim-co, read from outside.
 *
 * By the records that libshim-co keeps beside its stacks, through
 * /proc/PID/mem.  The process should be stopped (stop.h): unwinding a stack
 * that runs gives nonsense, but never a crash here.
 */
#ifndef TOOLS_COROUTINES_H
#define TOOLS_COROUTINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define COROUTINE_FRAMES	32
#define COROUTINE_STATES	5

/**
 * struct coroutine - one
 * @addr: its handle in the process
 * @state: enum shim_co_state
 * @flags: CO_* of libshim/co/co.h
 * @tid: its thread, 0 if it never ran
 * @name: what the program calls it, or ""
 * @fn: the function it runs, or will
 * @low: lowest usable byte of its stack
 * @top: behind the highest
 * @sp: its stack pointer while it is suspended
 * @depth: bytes of its stack that have memory, from the lowest such page up
 * @park: where its bytes are while it is parked, else 0
 * @live: how many these are
 * @frame: return addresses, innermost first, once coroutines_unwind() was called
 * @frames: how many
 */
struct coroutine {
	uint64_t addr;
	unsigned int state, flags;
	pid_t tid;
	char name[24];
	uint64_t fn, low, top, sp, depth, park, live;
	uint64_t frame[COROUTINE_FRAMES];
	unsigned int frames;
};

/**
 * struct coroutine_counts - coroutines and stacks of a process, in numbers
 * @state: coroutines by enum shim_co_state
 * @parked: of those that are suspended, parked
 * @stacks: slots made, used or not
 * @free: of them, free
 * @unguarded: of them, without a guard
 */
struct coroutine_counts {
	uint64_t state[COROUTINE_STATES], parked;
	uint64_t stacks, free, unguarded;
};

/**
 * struct coroutines - all of a process
 * @pid: the process
 * @mem: its memory
 * @v: by address of the stack
 * @n: how many
 * @count: how many of each kind
 * @dwfl: libdwfl's session, or NULL
 * @unwound: the one that is being unwound
 */
struct coroutines {
	pid_t pid;
	int mem;
	struct coroutine *v;
	size_t n;
	struct coroutine_counts count;
	struct Dwfl *dwfl;
	size_t unwound;
};

/**
 * coroutines_read - read all coroutines of a process
 * @c: filled in; coroutines_free() it
 * @pid: the process
 *
 * Return: 0; -ENOENT when it has no libshim-co, -EPROTO when it is of another
 * version; -EPERM or -EACCES; -ESRCH; -ENOMEM.
 */
int coroutines_read(struct coroutines *c, pid_t pid);
void coroutines_free(struct coroutines *c);

/**
 * coroutines_count - only count them
 * @n: filled in, zeros on failure
 * @pid: the process, which need not stand: what changes meanwhile is counted
 *	before or after
 *
 * Reads 64 bytes for each stack that was ever made, and nothing else.
 *
 * Return: as coroutines_read().
 */
int coroutines_count(struct coroutine_counts *n, pid_t pid);

/**
 * coroutines_unwind - find where a suspended coroutine is
 * @c: all of them
 * @i: which; its frames are filled in
 *
 * A new one is at the function that it will run.
 *
 * Return: 0 or a negative errno: -EINVAL if it is not suspended.
 */
int coroutines_unwind(struct coroutines *c, size_t i);

/**
 * coroutines_name - a return address by name
 * @c: from which
 * @frame: the address
 * @buf: "function+0x12 (file.c:34)", "?" if it is not known
 * @len: of @buf
 */
void coroutines_name(struct coroutines *c, uint64_t frame, char *buf,
		     size_t len);

/* "suspended" and so on. */
const char *coroutine_state(const struct coroutine *co);

#endif
