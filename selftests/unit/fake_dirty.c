// SPDX-License-Identifier: GPL-2.0-only
/*
 * fake_dirty: nothing is watched.
 */
#include "gc/dirty.h"

void dirty_add(uintptr_t low, uintptr_t high)
{
	(void)low;
	(void)high;
}

void dirty_remove(uintptr_t low, uintptr_t high)
{
	(void)low;
	(void)high;
}
