// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_gcarena: a machine without the module, so that the collector has no arena.
 */
#include "gc/gcarena.h"

bool gcarena_is_there(void)
{
	return false;
}

bool gcarena_has(uintptr_t p)
{
	(void)p;
	return false;
}

void *gcarena_get(size_t npages, bool *is_zero)
{
	(void)npages;
	*is_zero = false;
	return NULL;
}

void gcarena_put(void *p, size_t npages)
{
	(void)p;
	(void)npages;
}

size_t gcarena_free(void)
{
	return 0;
}

void gcarena_fork_prepare(void)
{
}

void gcarena_fork_done(void)
{
}
