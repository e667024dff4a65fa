/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * maps: the mapping that an address is in, from /proc/self/maps.
 *
 * For threads whose stack the C library does not know.  Called with the world
 * stopped, so it takes no lock and allocates only by mapping.
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
 * The first call after maps_forget() reads the file; later ones use that copy.
 *
 * Return: false if there is no readable mapping.
 */
bool maps_find(uintptr_t p, uintptr_t *low, uintptr_t *high);

/**
 * maps_forget - read the file again next time
 */
void maps_forget(void);

#endif /* SHIM_MAPS_H */
