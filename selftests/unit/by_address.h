/* SPDX-License-Identifier: GPL-2.0-only */
/* by_address: objects in the order of their addresses, which nobody promises. */
#ifndef UNIT_BY_ADDRESS_H
#define UNIT_BY_ADDRESS_H

#include <stdint.h>
#include <stdlib.h>

static int by_address_compare(const void *a, const void *b)
{
	uintptr_t p = *(const uintptr_t *)a, q = *(const uintptr_t *)b;

	return (p > q) - (p < q);
}

static inline void by_address(void **objs, unsigned int n)
{
	qsort(objs, n, sizeof(*objs), by_address_compare);
}

#endif
