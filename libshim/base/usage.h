/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage: what every layer may ask the page heap for.
 *
 * A side file, so that a cache can follow the heap's size without including the
 * page heap.  None of the functions takes a lock; their contracts are in
 * pageheap.h.
 */
#ifndef SHIM_USAGE_H
#define SHIM_USAGE_H

#include <stdbool.h>
#include <stddef.h>

size_t pageheap_usage(void);
unsigned int pageheap_pressure(void);
bool pageheap_has_time(void);
bool pageheap_idle_due(void);
bool pageheap_is_due(size_t bytes);
bool pageheap_look(size_t bytes);

#endif /* SHIM_USAGE_H */
