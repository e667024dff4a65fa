/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stop: every other thread of the process stands still.
 *
 * The kernel's list of threads decides, not ours: each is sent a signal that
 * carries its record, writes down where its stack ends, and sleeps until the
 * epoch is over.  A thread in shim_gc_blocked() is left alone; one that is in a
 * store with a barrier stops at the store's end.
 *
 * Whoever stops the world holds the collector's locks, so that no thread
 * stands still with one of them.  It calls nothing that takes a lock until the
 * world is started again.
 */
#ifndef SHIM_STOP_H
#define SHIM_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gcthread.h"

/**
 * stop_init - take the signal
 * @sig: its number, 0 for ours to choose
 * @ms: how long to wait for a thread, 0 for ours to choose
 *
 * Return: 0 or an errno.
 */
int stop_init(int sig, unsigned int ms);

/**
 * stop_signal - the number of the signal; before stop_init() what it would choose
 */
int stop_signal(void);

/**
 * stop_exempt - a thread of the collector's is never stopped
 * @tid: the thread
 * @exempt: from now on; false: no more
 */
void stop_exempt(pid_t tid, bool exempt);

/**
 * stop_world - stop all threads but the caller's and exempt ones
 *
 * The registry's lock is held, and all others that stopped threads must not
 * have.
 *
 * Return: false with the world running if a thread does not answer: it blocks
 * the signal or sleeps where none reaches it.
 */
bool stop_world(void);

/**
 * stop_start - all go on
 */
void stop_start(void);

/**
 * stop_point - the caller may be stopped here
 *
 * Called where a signal found the thread in a store and could not stop it.
 */
void stop_point(void);

/**
 * stop_blocked - call a function while the caller's stack stands still
 * @fn: does not touch the collector, nor pointers into its heap that are on
 *	nobody's list but its own
 * @arg: for it
 *
 * Return: what @fn returned.
 */
void *stop_blocked(void *(*fn)(void *arg), void *arg);

/**
 * stop_active - the opposite: inside of @fn of stop_blocked()
 * @fn: may use the collector
 * @arg: for it
 *
 * Return: what @fn returned.
 */
void *stop_active(void *(*fn)(void *arg), void *arg);

/* Numbers for statistics. */
struct stop_stat {
	uint64_t nr_stops;
	uint64_t nr_failed;
	uint64_t nr_signals;
	uint64_t last_threads;
};

extern struct stop_stat stop_stat __attribute__((visibility("hidden")));

void stop_fork_child(void);

#endif /* SHIM_STOP_H */
