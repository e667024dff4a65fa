// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_own: which CPU has which slab.
 *
 * Keeps true: a slab is attached to at most one CPU; percpu_hot.slab[cpu] is
 * that slab or percpu_none.  An attached slab is changed only by sequences on
 * its CPU.  The percpu lock protects every attach and detach, and a detached
 * slab while it is being changed.  Called by the other files of the cache.
 *
 * The process gets no more slabs than it has had threads running at the same
 * time.  Where the kernel maintains concurrency ids (mm_cid), the highest one
 * seen gives that number; elsewhere the number of threads does.  A thread on a
 * CPU without a slab takes over the slab that has been idle longest on another
 * CPU.  So a process of one thread has one slab whichever CPUs it visits.
 * There are as few caches as if mm_cid were the index, yet the index stays the
 * CPU number, because the kernel sets that to -1 or -2 where a thread has no
 * sequences.
 */
#include <linux/membarrier.h>

#include "base/clock.h"
#include "base/meta.h"
#include "base/sys.h"
#include "percpu_int.h"

/*
 * Steals cost some microseconds.  More than 8 in 10 ms mean that threads move
 * faster than they compute: then one slab more is cheaper.
 */
#define STEAL_WINDOW_NS	10000000u
#define STEAL_MAX	8u

struct percpu_hot percpu_hot SHIM_BSS_HEAD __attribute__((aligned(64)));
struct percpu_slab percpu_none SHIM_BSS_LARGE __attribute__((aligned(64)));
struct percpu percpu = { .lock = SHIM_LOCK_INIT(SHIM_RANK_PERCPU) };

/* glibc 2.32 and later. */
extern char __libc_single_threaded __attribute__((weak));

/* Did this thread go into percpu.threads? */
static __thread bool thread_counted
	__attribute__((tls_model("initial-exec")));

/**
 * own_stamp - note that a slab has missed just now
 * @slab: any slab; racy if it is attached, and only a hint
 *
 * Only an order is needed, so this is a count: a process may forbid the clock.
 */
void own_stamp(struct percpu_slab *slab)
{
	static uint64_t stamps;

	slab->stamp = __atomic_add_fetch(&stamps, 1, __ATOMIC_RELAXED);
}

/*
 * Wait until no sequence that began before is under way on a CPU.  The kernel
 * restarts the one it finds there; pairs with the load of the slab pointer at
 * the start of each sequence.
 */
static bool fence(unsigned int cpu)
{
	const char *single = &__libc_single_threaded;
	long ret;

	/* one thread, and it is here: a sandbox need not allow the call */
	if (single && *single)
		return true;
	ret = sys_call3(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
			MEMBARRIER_CMD_FLAG_CPU, (long)cpu);
	if (ret)	/* before Linux 5.10: all CPUs */
		ret = sys_call3(SYS_membarrier,
				MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
	return !ret;
}

/**
 * own_take - take a CPU's slab for oneself
 * @cpu: any CPU; the lock is held
 *
 * Return: the slab, which no sequence uses any more, or NULL if there is none or
 * the kernel, which let us register for it at boot, refuses the fence: a sandbox
 * that was entered later.  Then each CPU keeps the slab that it has.
 */
struct percpu_slab *own_take(unsigned int cpu)
{
	struct percpu_slab *slab = percpu_hot.slab[cpu];

	shim_lock_assert(&percpu.lock);
	if (slab == &percpu_none || percpu.no_fence)
		return NULL;
	__atomic_store_n(&percpu_hot.slab[cpu], (void *)&percpu_none,
			 __ATOMIC_RELEASE);
	if (!fence(cpu)) {
		/* nobody else has had it meanwhile: the lock is held */
		percpu.no_fence = true;
		__atomic_store_n(&percpu_hot.slab[cpu], (void *)slab,
				 __ATOMIC_RELEASE);
		return NULL;
	}
	slab->cpu = -1;
	return slab;
}

/**
 * own_give - let a CPU use a slab
 * @slab: a slab the caller has alone; the lock is held
 * @cpu: a CPU that has none
 */
void own_give(struct percpu_slab *slab, unsigned int cpu)
{
	shim_lock_assert(&percpu.lock);
	slab->cpu = (int)cpu;
	/* release order: pairs with the load at the start of each sequence */
	__atomic_store_n(&percpu_hot.slab[cpu], (void *)slab, __ATOMIC_RELEASE);
}

/* How many slabs the process deserves, the lock being held. */
static void own_limit_update(void)
{
	unsigned int want;

	if (percpu.mm_cid) {
		want = rseq_mm_cid(percpu_hot.rseq_off) + 1;
	} else {
		if (!thread_counted) {
			thread_counted = true;
			percpu.threads++;
		}
		want = percpu.threads;
	}
	if (want > percpu.ncpus)
		want = percpu.ncpus;
	if (percpu.limit < want)
		percpu.limit = want;
}

/* Take the slab whose last miss is the longest ago, the lock being held. */
static struct percpu_slab *own_steal(void)
{
	uint64_t now = clock_coarse();
	struct percpu_slab *oldest = NULL;
	unsigned int cpu;

	for (cpu = 0; cpu < percpu.ncpus; cpu++) {
		struct percpu_slab *slab = percpu_hot.slab[cpu];

		if (slab == &percpu_none)
			continue;
		if (!oldest || slab->stamp < oldest->stamp)
			oldest = slab;
	}
	if (!oldest)
		return NULL;
	if (percpu.no_fence) {
		percpu.limit = percpu.ncpus;	/* none can be had: make one */
		return NULL;
	}
	if (now - percpu.steal_window > STEAL_WINDOW_NS) {
		percpu.steal_window = now;
		percpu.steal_count = 0;
	}
	if (++percpu.steal_count > STEAL_MAX && percpu.limit < percpu.ncpus) {
		percpu.limit++;
		percpu.steal_count = 0;
		return NULL;
	}
	percpu.steals++;
	return own_take((unsigned int)oldest->cpu);
}

static struct percpu_slab *own_new(void)
{
	struct percpu_slab *slab;

	if (percpu.nslabs >= percpu.limit)
		return NULL;
	slab = meta_alloc(PERCPU_SLAB_BYTES, 4096);
	if (!slab)
		return NULL;
	slab_init(slab);
	percpu.nslabs++;
	return slab;
}

/* Give this CPU a slab, the lock being held. */
static void own_attach(unsigned int cpu)
{
	struct percpu_slab *slab = percpu.free;

	if (slab) {
		percpu.free = slab->next;
		slab->next = NULL;
	} else {
		slab = own_new();
		if (!slab)
			slab = own_steal();
		if (!slab)
			slab = own_new();
		if (!slab)
			return;
	}
	own_stamp(slab);
	slab->quiet = 0;
	own_give(slab, cpu);
}

/**
 * own_here - this CPU's slab, attached if it had none
 *
 * The thread may be on another CPU when this returns: good for hints only.
 *
 * Return: the slab, or NULL if there is no memory for one.
 */
struct percpu_slab *own_here(void)
{
	unsigned int cpu = (unsigned int)rseq_cpu(percpu_hot.rseq_off);
	struct percpu_slab *slab;

	if (cpu >= percpu.ncpus)
		return NULL;
	slab = __atomic_load_n(&percpu_hot.slab[cpu], __ATOMIC_RELAXED);
	if (__builtin_expect(slab == &percpu_none, 0)) {
		shim_lock_acquire(&percpu.lock);
		own_limit_update();
		if (percpu_hot.slab[cpu] == &percpu_none)
			own_attach(cpu);
		slab = percpu_hot.slab[cpu];
		shim_lock_release(&percpu.lock);
		if (slab == &percpu_none)
			return NULL;
	}
	return slab;
}
