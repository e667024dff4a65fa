// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * entry_align: allocation with an alignment.
 *
 * Called by the application.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "entry.h"

#define OS_PAGE	4096u

static bool is_power_of_two(size_t n)
{
	return n && !(n & (n - 1));
}

static inline __attribute__((always_inline)) void *alloc(size_t size, size_t align)
{
	return align <= 16 ? malloc(size) : entry_alloc_aligned(size, align);
}

SHIM_EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
	void *p;

	if (!is_power_of_two(align) || align % sizeof(void *))
		return EINVAL;
	p = alloc(size, align);
	if (!p)
		return ENOMEM;	/* set errno as well, as glibc does */
	*out = p;
	return 0;
}

SHIM_EXPORT void *aligned_alloc(size_t align, size_t size)
{
	if (!is_power_of_two(align)) {
		errno = EINVAL;
		return NULL;
	}
	return alloc(size, align);
}

/* glibc rounds the alignment up. */
SHIM_EXPORT void *memalign(size_t align, size_t size)
{
	size_t power = 16;

	if (align > SIZE_MAX / 2 + 1) {
		errno = EINVAL;
		return NULL;
	}
	while (power < align)
		power *= 2;
	return alloc(size, power);
}

SHIM_EXPORT void *valloc(size_t size)
{
	return alloc(size, OS_PAGE);
}

SHIM_EXPORT void *pvalloc(size_t size);	/* musl does not declare it */
SHIM_EXPORT void *pvalloc(size_t size)
{
	if (size > ENTRY_MAX - OS_PAGE) {
		errno = ENOMEM;
		return NULL;
	}
	return alloc((size + OS_PAGE - 1) & ~(size_t)(OS_PAGE - 1), OS_PAGE);
}

extern __typeof__(memalign) __libc_memalign ENTRY_ALIAS(memalign);
extern __typeof__(valloc) __libc_valloc ENTRY_ALIAS(valloc);
extern __typeof__(pvalloc) __libc_pvalloc ENTRY_ALIAS(pvalloc);
