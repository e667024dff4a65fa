/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Patterns in memory, and accesses that may raise a signal.
 */
#ifndef SELFTESTS_LIB_MEMORY_H
#define SELFTESTS_LIB_MEMORY_H

#include <stddef.h>
#include <sys/types.h>

/* Read or write one byte, really, here and now. */
#define byte_read(p)		__atomic_load_n((char *)(p), __ATOMIC_RELAXED)
#define byte_write(p, v)	__atomic_store_n((char *)(p), (v), \
						 __ATOMIC_RELAXED)

/*
 * Write a pattern of @seed and the page's address to both ends and the middle
 * of each OS page of @len bytes at @p.
 */
void pages_fill(void *p, size_t len, unsigned int seed);

/* How many OS pages do not hold what pages_fill() with @seed wrote. */
size_t pages_wrong(const void *p, size_t len, unsigned int seed);

/* How many of @len bytes at @p are not @value. */
size_t bytes_other(const void *p, size_t len, unsigned char value);

/*
 * Read or write the byte at @p.  0 if that worked, else the signal it raised
 * (SIGBUS or SIGSEGV).  Not for threads.
 */
int byte_read_signal(const void *p);
int byte_write_signal(void *p, char value);

/*
 * For child_run(): touch as many MiB of anonymous memory as the long long at
 * @mb says.  If a process is killed for lack of memory, it is this one.
 * Returns 1 if there is no address space for it.
 */
int memory_eat(void *mb);

/*
 * The memory of a process that was killed for lack of it is not free at once;
 * on a debug kernel that takes half a second, and whoever allocates meanwhile
 * has the kernel kill another process.  These sleep, and are there to be that
 * one.  0, or -1 if not all could be started.
 */
#define MEMORY_SPARES	8

int memory_spares_start(pid_t spares[MEMORY_SPARES]);
void memory_spares_end(pid_t spares[MEMORY_SPARES]);

#endif
