/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps: which mapping an address is in, by /proc/self/maps.
 *
 * For threads whose stack the C library does not tell us.  Called with the
 * world stopped: no lock, no allocation but a mapping.
 */
#ifndef SHIM_MAPS_H
#define SHIM_MAPS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * maps_find - the mapping around an address
 * @p: the address
 * @low: out: its first byte
 * @high: out: behind its last
 *
 * The kernel is asked by the first call after maps_forget(); later ones use
 * that answer.
 *
 * Return: false if there is none that can be read.
 */
bool maps_find(uintptr_t p, uintptr_t *low, uintptr_t *high);

/**
 * maps_forget - ask the kernel anew next time
 */
void maps_forget(void);

#endif /* SHIM_MAPS_H */
