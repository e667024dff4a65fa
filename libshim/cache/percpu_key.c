// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_key: the processor's own word on what shares its last level cache.
 *
 * Asks the processor, because the kernel's answer is in files, and a process in a
 * sandbox may be killed for opening one.  In a virtual machine each question takes
 * a microsecond or two; a CPU is asked once in a process.  No lock, no state.
 * Called by percpu_near.
 */
#include "percpu_int.h"

#if defined(__x86_64__)
#include <cpuid.h>

#define LEAF_CACHES	4u		/* Intel's */
#define LEAF_IDS	0xbu
#define LEAF_EXTENDED	0x80000000u
#define LEAF_CACHES_AMD	0x8000001du	/* with the same fields */
#define CACHES_MAX	8u		/* there are four or five */

/* How many threads of the processor share the largest cache, 0 if unknown. */
static uint32_t sharers(uint32_t leaf)
{
	uint32_t a, b, c, d, n = 0;
	unsigned int i;

	for (i = 0; i < CACHES_MAX; i++) {
		__cpuid_count(leaf, i, a, b, c, d);
		if (!(a & 0x1f))	/* no further cache */
			break;
		/* those of higher levels come last */
		n = (a >> 14 & 0xfff) + 1;
	}
	return n;
}

/* The highest leaf of a range; clang 14 says int. */
static uint32_t last_leaf(uint32_t range)
{
	return (uint32_t)__get_cpuid_max(range, NULL);
}

/**
 * key_read - what the CPUs that share a last level cache have in common
 * @key: out: a number that is theirs alone
 *
 * The numbers of threads that share something are the same but for their lowest
 * bits: as many as it takes to count the sharers.
 *
 * Return: false if the processor does not say.
 */
bool key_read(uint32_t *key)
{
	uint32_t a, b, c, d, n = 0;

	if (last_leaf(0) < LEAF_IDS)
		return false;
	n = sharers(LEAF_CACHES);
	if (!n && last_leaf(LEAF_EXTENDED) >= LEAF_CACHES_AMD)
		n = sharers(LEAF_CACHES_AMD);
	__cpuid_count(LEAF_IDS, 0, a, b, c, d);
	if (!n || !b)
		return false;
	*key = n > 1 ? d >> (32 - __builtin_clz(n - 1)) : d;
	return true;
}
#else
/* A process may not ask an arm64 processor, where a node is one domain. */
bool key_read(uint32_t *key)
{
	(void)key;
	return false;
}
#endif
