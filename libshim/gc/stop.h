/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stop: stops all other threads of the process.
 *
 * The kernel's list of threads is what counts, not ours.  Each thread is sent a
 * signal that carries its record, notes where its stack ends, and sleeps until
 * the epoch is over.  A thread in shim_gc_blocked() is left alone; one that is
 * in a store with a barrier stops at the end of the store.
 *
 * The stopper holds the collector's locks, so that no stopped thread has one of
 * them.  It calls nothing that takes a lock until the world is started again.
 */
#ifndef SHIM_STOP_H
#define SHIM_STOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gcthread.h"

/**
 * stop_init - install the signal handler
 * @sig: its number, 0 for the default
 * @ms: how long to wait for a thread, 0 for the default
 *
 * Return: 0 or an errno.
 */
int stop_init(int sig, unsigned int ms);

/**
 * stop_signal - the number of the signal; before stop_init(), the default
 */
int stop_signal(void);

/**
 * stop_exempt - never stop a thread of the collector
 * @tid: the thread
 * @exempt: true from now on, false to undo it
 */
void stop_exempt(pid_t tid, bool exempt);

/**
 * stop_world - stop all threads but the caller's and exempt ones
 *
 * The caller holds the registry's lock, and all others that stopped threads
 * must not have.
 *
 * Return: false, with the world running, if a thread does not answer because it
 * blocks the signal or sleeps where none reaches it.
 */
bool stop_world(void);

/**
 * stop_start - let all threads run again
 */
void stop_start(void);

/**
 * stop_point - a point at which the caller may be stopped
 *
 * Called where a signal found the thread in a store and could not stop it.
 */
void stop_point(void);

/**
 * stop_blocked - call a function during which the caller's stack does not
 *	change
 * @fn: must not use the collector, nor hold the only pointer to a collected
 *	object
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
