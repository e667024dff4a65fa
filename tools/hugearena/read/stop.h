/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stop: a process held still, with the registers of its threads.
 */
#ifndef TOOLS_STOP_H
#define TOOLS_STOP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STOP_REGS	36	/* x86-64: 27, AArch64: 34 in struct user_regs_struct */

/**
 * struct stop_thread - a thread that stands
 * @tid: its number
 * @sp: its stack pointer
 * @reg: all its registers
 */
struct stop_thread {
	pid_t tid;
	uint64_t sp;
	uint64_t reg[STOP_REGS];
};

/**
 * struct stop - a process whose threads all stand
 * @v: the threads
 * @n: how many
 */
struct stop {
	struct stop_thread *v;
	size_t n;
};

/**
 * stop_begin - stop all threads of a process
 * @s: filled in; stop_end() lets them go
 * @pid: the process
 *
 * Return: 0 or a negative errno, with nothing stopped; -EBUSY if a thread has
 * not stopped for 5 s.
 */
int stop_begin(struct stop *s, pid_t pid);

/* The same for a child that stopped at its exit: registers only. */
int stop_exiting(struct stop *s, pid_t pid);

/* Let them run on, and keep their registers. */
void stop_resume(const struct stop *s);

/* Let them run on; a child that was traced before stays traced. */
void stop_end(struct stop *s);
void stop_free(struct stop *s);

#endif
