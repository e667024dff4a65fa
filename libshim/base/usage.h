/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage: what every layer may ask the page heap.
 *
 * The one window past the layers in between: a cache follows the heap's size,
 * and a request may check the limits, without either of them including the page
 * heap.  'make check-layers' allows no other function to be called past the
 * next layer.  None of these takes a lock; their contracts are in pageheap.h
 * and scavenger.h.
 */
#ifndef SHIM_USAGE_H
#define SHIM_USAGE_H

#include <stdbool.h>
#include <stddef.h>

size_t pageheap_usage(void);
size_t pageheap_spare(void);
unsigned int pageheap_pressure(void);
bool scavenger_has_time(void);
bool scavenger_idle_due(void);
bool scavenger_may_spend(void);
bool scavenger_pass(bool asked);
void scavenger_stir(void);
void scavenger_spend(size_t ns);
bool pageheap_is_due(size_t bytes);
bool pageheap_look(size_t bytes);

#endif /* SHIM_USAGE_H */
