// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_near: which CPUs share a last level cache, and so a transfer cache.
 *
 * Domains are numbered in the order in which threads come to them, so that a
 * process that stays on a part of a machine has few.  Keeps true: a CPU's entry
 * is written once, or several times with the same number, and keys[] has no key
 * twice.  There is no lock: all that is stored is atomic.  Called by percpu, when
 * a CPU has missed for the first time since there are several slabs.
 */
#include "base/sys.h"
#include "percpu_int.h"

uint8_t percpu_near[PERCPU_MAX_CPUS] SHIM_BSS_LARGE;

/* Each domain's key and one, 0 where there is none yet. */
static uint64_t keys[TRANSFER_DOMAINS];

/*
 * The domain of a key.  A machine with more of them than there are domains has
 * some that share one.
 */
static unsigned int domain_of(uint32_t key)
{
	const uint64_t mine = (uint64_t)key + 1;
	unsigned int i;
	uint64_t was;

	for (i = 0; i < TRANSFER_DOMAINS; i++) {
		was = 0;
		/* who is faster with the same key has the same domain */
		if (__atomic_compare_exchange_n(&keys[i], &was, mine, false,
						__ATOMIC_RELAXED,
						__ATOMIC_RELAXED) ||
		    was == mine)
			return i;
	}
	return key % TRANSFER_DOMAINS;
}

/**
 * near_learn - find out which domain a CPU is in
 * @cpu: on which this thread was
 *
 * If the thread was moved meanwhile, what it learned is of no use, and the next
 * miss on that CPU asks again.
 *
 * Return: the domain, or the node where it is not known.
 */
static unsigned int near_learn(unsigned int cpu)
{
	unsigned int dom = percpu_node();
	uint32_t key;
	bool known = key_read(&key);

	if (rseq_cpu(percpu_hot.rseq_off) != (int)cpu)
		return percpu_node();
	if (known)
		dom = domain_of(key);
	__atomic_store_n(&percpu_near[cpu], (uint8_t)(dom + 1),
			 __ATOMIC_RELAXED);
	return dom;
}

/**
 * near_domain - percpu_domain() of a process that had two slabs
 *
 * Return: the domain of this CPU; 0 where that is not known.
 */
unsigned int near_domain(void)
{
	unsigned int cpu = (unsigned int)rseq_cpu(percpu_hot.rseq_off), dom;

	if (cpu >= percpu.ncpus)
		return 0;
	dom = __atomic_load_n(&percpu_near[cpu], __ATOMIC_RELAXED);
	return __builtin_expect(dom, 1) ? dom - 1 : near_learn(cpu);
}
