/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * background: the thread that collects beside the program.
 *
 * It is never stopped, blocks every signal and is not a root.  Each process
 * makes it when it is first needed.
 */
#ifndef SHIM_GC_BACKGROUND_H
#define SHIM_GC_BACKGROUND_H

#include <stdbool.h>
#include <stdint.h>

/**
 * background_kick - wake the thread to collect once
 * @work: what it does; the same at every call
 *
 * Does nothing if a collection is under way.
 *
 * Return: 0, or an errno of pthread_create().
 */
int background_kick(void (*work)(void));

/**
 * background_set_wait - do the work now and then, even without a kick
 * @ns: how long after the last time, 0 for never
 */
void background_set_wait(uint64_t ns);

/* Around fork(). */
void background_fork_prepare(void);
void background_fork_parent(void);
void background_fork_child(void);

#endif /* SHIM_GC_BACKGROUND_H */
