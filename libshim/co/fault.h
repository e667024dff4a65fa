/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fault: a stack that ran into its guard is reported.
 */
#ifndef SHIM_CO_FAULT_H
#define SHIM_CO_FAULT_H

#include <stdint.h>

#include "slot.h"

/*
 * Set by the layer above: the name of a slot that is a coroutine, or NULL.  Called
 * from the handler.
 */
extern const char *(*fault_co_name)(const struct slot *s)
	__attribute__((visibility("hidden")));

/**
 * fault_setup - install the handler of SIGSEGV; called once
 *
 * The previous handler is called after a report, and for every SIGSEGV that did
 * not come from one of our guards.
 */
void fault_setup(void);

/**
 * fault_thread - give the calling thread a signal stack if it has none
 *
 * Return: what fault_thread_end() takes, NULL if the thread had one, or (void
 * *)-1 if there is no memory.
 */
void *fault_thread(void);

/**
 * fault_thread_end - remove the signal stack
 * @signals: from fault_thread()
 */
void fault_thread_end(void *signals);

/**
 * fault_count - how many overflows were reported
 */
uint64_t fault_count(void);

#endif /* SHIM_CO_FAULT_H */
