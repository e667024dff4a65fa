/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * usage: the two figures of the page heap that every layer may ask for.
 *
 * A side file, so that a cache can follow the heap's size without including the
 * page heap.  Neither function takes a lock.  pageheap.h has their contracts.
 */
#ifndef SHIM_USAGE_H
#define SHIM_USAGE_H

#include <stddef.h>

size_t pageheap_usage(void);
unsigned int pageheap_pressure(void);

#endif /* SHIM_USAGE_H */
