// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * limiter: collections caused by a limit take at most half of the time.
 *
 * Changed at the end of a collection, with the cycle's lock held.
 */
#include "limiter.h"

static uint64_t room = LIMITER_NS;
static uint64_t fill;
static uint64_t pause_ns;		/* atomic: 0 while it is not full */
static uint64_t times;			/* atomic */

void limiter_set_processors(unsigned int n)
{
	room = n * LIMITER_NS;
}

void limiter_collected(uint64_t gc_ns, uint64_t program_ns)
{
	uint64_t was = __atomic_load_n(&pause_ns, __ATOMIC_RELAXED), now = 0;

	fill = fill > program_ns ? fill - program_ns : 0;
	fill += gc_ns;
	if (fill >= room) {
		fill = room;
		now = gc_ns;
		if (!was)
			__atomic_add_fetch(&times, 1, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&pause_ns, now, __ATOMIC_RELAXED);
}

bool limiter_is_on(uint64_t program_ns)
{
	return program_ns < __atomic_load_n(&pause_ns, __ATOMIC_RELAXED);
}

uint64_t limiter_count(void)
{
	return __atomic_load_n(&times, __ATOMIC_RELAXED);
}
