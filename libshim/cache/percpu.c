// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu: each CPU's stacks of free objects: misses, and which CPU has which
 * slab.
 *
 * Keeps true: a slab is attached to at most one CPU; percpu_hot.slab[cpu] is
 * that slab or percpu_none.  An attached slab is changed only by sequences on
 * its CPU.  The percpu lock protects every attach and detach, and a detached
 * slab while it is being changed.  Called by entry.
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
#include <sched.h>
#include <string.h>

#include "base/error.h"
#include "base/meta.h"
#include "base/pagemap.h"
#include "percpu_int.h"
#include "base/probe.h"
#include "base/clock.h"
#include "base/sys.h"
#include "transfer.h"

/*
 * Steals cost some microseconds.  More than 8 in 10 ms mean that threads move
 * faster than they compute: then one slab more is cheaper.
 */
#define STEAL_WINDOW_NS	10000000u
#define STEAL_MAX	8u

/*
 * Misses between two stamps, between two looks at what this CPU's slab keeps
 * without need, and at what the transfer caches and other CPUs do.
 */
#define STAMP_CHECK	16u
#define TIDY_CHECK	64u
#define IDLE_CHECK	256u

struct percpu_hot percpu_hot SHIM_BSS_HEAD __attribute__((aligned(64)));
struct percpu_slab percpu_none SHIM_BSS_LARGE __attribute__((aligned(64)));
struct percpu percpu = { .lock = SHIM_LOCK_INIT(SHIM_RANK_PERCPU) };

/* glibc 2.32 and later. */
extern char __libc_single_threaded __attribute__((weak));

/* Did this thread go into percpu.threads? */
static __thread bool thread_counted
	__attribute__((tls_model("initial-exec")));

/* An order is all that is asked for: no clock, which a process may forbid. */
static uint64_t stamp_now(void)
{
	static uint64_t stamps;

	return __atomic_add_fetch(&stamps, 1, __ATOMIC_RELAXED);
}

/*
 * Wait until no sequence that began before is under way on a CPU.  The kernel
 * restarts the one it finds there; pairs with the load of the slab pointer at
 * the start of each sequence.
 */
static bool percpu_fence(unsigned int cpu)
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
 * percpu_take - take a CPU's slab for oneself
 * @cpu: any CPU; the lock is held
 *
 * Return: the slab, which no sequence uses any more, or NULL if there is none or
 * the kernel, which let us register for it at boot, refuses the fence: a sandbox
 * that was entered later.  Then each CPU keeps the slab that it has.
 */
struct percpu_slab *percpu_take(unsigned int cpu)
{
	struct percpu_slab *slab = percpu_hot.slab[cpu];

	shim_lock_assert(&percpu.lock);
	if (slab == &percpu_none || percpu.no_fence)
		return NULL;
	__atomic_store_n(&percpu_hot.slab[cpu], (void *)&percpu_none,
			 __ATOMIC_RELEASE);
	if (!percpu_fence(cpu)) {
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
 * percpu_give - let a CPU use a slab
 * @slab: a slab the caller has alone; the lock is held
 * @cpu: a CPU that has none
 */
void percpu_give(struct percpu_slab *slab, unsigned int cpu)
{
	shim_lock_assert(&percpu.lock);
	slab->cpu = (int)cpu;
	/* release order: pairs with the load at the start of each sequence */
	__atomic_store_n(&percpu_hot.slab[cpu], (void *)slab, __ATOMIC_RELEASE);
}

/* How many slabs the process deserves, the lock being held. */
static void limit_update(void)
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
static struct percpu_slab *slab_steal(void)
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
	return percpu_take((unsigned int)oldest->cpu);
}

static struct percpu_slab *slab_new(void)
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
static void slab_attach(unsigned int cpu)
{
	struct percpu_slab *slab = percpu.free;

	if (slab) {
		percpu.free = slab->next;
		slab->next = NULL;
	} else {
		slab = slab_new();
		if (!slab)
			slab = slab_steal();
		if (!slab)
			slab = slab_new();
		if (!slab)
			return;
	}
	slab->stamp = stamp_now();
	slab->quiet = 0;
	percpu_give(slab, cpu);
}

/*
 * This CPU's slab, attached if it had none.  The thread may be elsewhere when
 * this returns: good for hints only.  NULL without memory for one.
 */
static struct percpu_slab *slab_here(void)
{
	unsigned int cpu = (unsigned int)rseq_cpu(percpu_hot.rseq_off);
	struct percpu_slab *slab;

	if (cpu >= percpu.ncpus)
		return NULL;
	slab = __atomic_load_n(&percpu_hot.slab[cpu], __ATOMIC_RELAXED);
	if (__builtin_expect(slab == &percpu_none, 0)) {
		shim_lock_acquire(&percpu.lock);
		limit_update();
		if (percpu_hot.slab[cpu] == &percpu_none)
			slab_attach(cpu);
		slab = percpu_hot.slab[cpu];
		shim_lock_release(&percpu.lock);
		if (slab == &percpu_none)
			return NULL;
	}
	return slab;
}

/* Make this CPU's stack of a class larger, if the budget allows it. */
static void stack_grow(unsigned int cls, unsigned int cap)
{
	struct percpu_slab *slab;
	long cpu;

	shim_lock_acquire(&percpu.lock);
	slab = rseq_detach(percpu_hot.rseq_off, percpu_hot.slab, &percpu_none,
			   &cpu);
	if (slab) {
		slab_grow(slab, cls, cap);
		percpu_give(slab, (unsigned int)cpu);
	}
	shim_lock_release(&percpu.lock);
}

/* Note a miss.  Return the capacity that the stack has about now. */
static unsigned int stack_missed(unsigned int cls, enum percpu_miss miss)
{
	struct percpu_slab *slab = slab_here();
	unsigned int cap;

	if (!slab)
		return 0;
	PROBE(cache_miss, cls, miss);
	cap = slab_missed(slab, cls, miss);
	if (cap > slab->cap[cls] && slab_may_grow(slab, cls, cap))
		stack_grow(cls, cap);
	if (slab_misses(slab) % STAMP_CHECK == 0)
		slab->stamp = stamp_now();
	if (slab_misses(slab) % TIDY_CHECK == 0)
		percpu_tidy(slab_misses(slab) % IDLE_CHECK == 0);
	return slab->cap[cls];
}

static void reverse(void **objs, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n / 2; i++) {
		void *p = objs[i];

		objs[i] = objs[n - 1 - i];
		objs[n - 1 - i] = p;
	}
}

void *percpu_get(unsigned int cls)
{
	void *objs[SIZECLASS_BATCH_MAX];
	unsigned int n, cap, pushed;
	void *p;

	if (!percpu.rseq || rseq_cpu(percpu_hot.rseq_off) < 0)
		return locked_get(cls);
	p = percpu_pop(cls);
	if (p)
		return p;
	cap = stack_missed(cls, PERCPU_UNDERFLOW);
	n = sizeclass_info[cls].batch;
	if (n > cap + 1)
		n = cap + 1;
	n = transfer_get(cls, objs, n);
	if (!n)
		return NULL;
	/* The lowest address now, the others rising from the stack's top. */
	reverse(objs, n);
	if (--n) {
		pushed = rseq_push_batch(percpu_hot.rseq_off, percpu_hot.slab,
					 cls, objs, n);
		if (pushed < n)
			transfer_put(cls, objs + pushed, n - pushed);
	}
	return objs[n];
}

void percpu_put(unsigned int cls, void *p)
{
	void *objs[SIZECLASS_BATCH_MAX];
	unsigned int n, cap;

	if (!percpu.rseq || rseq_cpu(percpu_hot.rseq_off) < 0) {
		locked_put(cls, p);
		return;
	}
	/* A push also fails if the object is what is on top. */
	objs[0] = percpu_pop(cls);
	if (objs[0] == p)
		shim_die(SHIM_DIE_DOUBLE, p, cls);
	if (objs[0] && !percpu_push(cls, objs[0]))
		transfer_put(cls, objs, 1);
	if (percpu_push(cls, p))
		return;
	cap = stack_missed(cls, PERCPU_OVERFLOW);
	if (percpu_push(cls, p))
		return;
	n = sizeclass_info[cls].batch;
	if (n > (cap + 1) / 2)
		n = (cap + 1) / 2;
	if (n)
		n = rseq_pop_batch(percpu_hot.rseq_off, percpu_hot.slab, cls,
				   objs, n);
	if (n)
		transfer_put(cls, objs, n);
	if (!percpu_push(cls, p))
		transfer_put(cls, &p, 1);
}

void *percpu_get_uncached(unsigned int cls)
{
	void *p;

	return transfer_get(cls, &p, 1) ? p : NULL;
}

void percpu_put_uncached(unsigned int cls, void *p)
{
	transfer_put(cls, &p, 1);
}

int percpu_check(unsigned int cls, const void *p)
{
	return transfer_check(cls, p);
}

void percpu_open(bool open)
{
	bool fast = open && percpu.rseq;

	percpu_hot.mid_max = fast ? SIZECLASS_MAX : 0;
	/* last: it says that the rest is there */
	__atomic_store_n(&percpu_hot.small_max, fast ? SIZECLASS_SMALL_MAX : 0,
			 __ATOMIC_RELEASE);
}
