/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pacer: how much may be allocated before the next collection.
 */
#ifndef SHIM_GC_PACER_H
#define SHIM_GC_PACER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * pacer_set_percent - growth of the heap between collections
 * @percent: 1 to 10000
 *
 * Return: the former.
 */
unsigned int pacer_set_percent(unsigned int percent);

/**
 * pacer_set_limit - bytes of spans to stay below if that can be had by work
 * @bytes: 0 for none
 *
 * Return: the former.
 */
size_t pacer_set_limit(size_t bytes);

/**
 * pacer_after - a collection has ended
 * @live: bytes of objects that it reached
 * @roots: bytes of roots that it looked at
 */
void pacer_after(size_t live, size_t roots);

/**
 * pacer_marked - how much was allocated and scanned while marking
 * @allocated: bytes
 * @scanned: bytes
 */
void pacer_marked(size_t allocated, size_t scanned);

/**
 * pacer_set_beside - do collections go on beside the program
 * @on: yes: they begin before the goal is reached
 */
void pacer_set_beside(bool on);

/**
 * pacer_trigger - bytes allocated since at which to begin
 */
size_t pacer_trigger(void);

/**
 * pacer_goal - bytes allocated since at which a collection should have ended
 */
size_t pacer_goal(void);

#endif /* SHIM_GC_PACER_H */
