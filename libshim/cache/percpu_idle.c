// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * percpu_idle: emptying caches, the numbers, boot and fork.
 *
 * Keeps true: only the owner of a slab takes objects out of it.  A slab is
 * detached from its CPU, emptied, and attached again or kept as a free one, all
 * with the percpu lock held.  Called by percpu on misses, by percpu_lock, and
 * by entry where memory is short.
 */
#include <linux/membarrier.h>
#include <sys/auxv.h>
#include <time.h>

#include "percpu_int.h"
#include "base/clock.h"
#include "base/sys.h"
#include "transfer.h"

#define TICK_NS		500000000u	/* between two looks at what is idle */
#define QUIET_TICKS	2u		/* then a CPU is idle: 1 s */

/* Linux 6.3; glibc 2.36's <elf.h> has it not. */
#define AUXV_RSEQ_FEATURE_SIZE	27
#define RSEQ_MM_CID_END		28

/* glibc 2.35 and later; absent, nothing is registered. */
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));

/* What threads without glibc's area show to the fast path: cpu_id is -1. */
static __thread struct {
	uint32_t words[8];
} no_rseq __attribute__((tls_model("initial-exec"), aligned(32))) = {
	{ 0, UINT32_MAX }
};

static uintptr_t thread_pointer(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

static bool fence_register(void)
{
	return sys_call3(SYS_membarrier,
			 MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ,
			 0, 0) == 0;
}

/*
 * The kernel copies as many bytes as its CPU mask has, an upper bound for any
 * CPU number there can be.  The bits in it are the CPUs we may run on now.
 */
static void cpus_count(void)
{
	unsigned long mask[PERCPU_MAX_CPUS / (8 * sizeof(unsigned long))];
	long ret = sys_call3(SYS_sched_getaffinity, 0, sizeof(mask),
			     (long)mask);
	unsigned int i;

	if (sys_failed(ret)) {
		percpu.ncpus = PERCPU_MAX_CPUS;	/* none can have a higher one */
		return;
	}
	percpu.ncpus = (unsigned int)ret * 8;
	for (i = 0; i < (unsigned int)ret / sizeof(mask[0]); i++)
		percpu.nallowed += __builtin_popcountl(mask[i]);
}

void percpu_boot(bool use_rseq)
{
	unsigned int i;

	cpus_count();
	percpu.limit = 1;
	percpu_hot.rseq_off = (uintptr_t)&no_rseq - thread_pointer();
	if (&__rseq_offset && &__rseq_size) {
		uintptr_t off = (uintptr_t)__rseq_offset;

		percpu.rseq = RSEQ_HAVE && use_rseq && rseq_cpu(off) >= 0 &&
			      fence_register();
		if (percpu.rseq)
			percpu_hot.rseq_off = off;
		percpu.mm_cid = percpu.rseq &&
				getauxval(AUXV_RSEQ_FEATURE_SIZE) >=
				RSEQ_MM_CID_END;
	}
	slab_close(&percpu_none);
	percpu_hot.none[0] = &percpu_none;
	percpu_hot.none[1] = &percpu_none;
	for (i = 0; i < percpu.ncpus; i++)
		percpu_hot.slab[i] = &percpu_none;
}

bool percpu_has_rseq(void)
{
	return percpu.rseq;
}

static void slab_empty(struct percpu_slab *slab)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		slab_drain(slab, cls, 0);
}

void percpu_flush(void)
{
	struct percpu_slab *slab;
	unsigned int cpu;

	shim_lock_acquire(&percpu.lock);
	for (cpu = 0; percpu.rseq && cpu < percpu.ncpus; cpu++) {
		slab = percpu_take(cpu);
		if (!slab)
			continue;
		slab_empty(slab);
		percpu_give(slab, cpu);
	}
	shim_lock_release(&percpu.lock);
	locked_flush();
	transfer_flush();
}

void percpu_squeeze(void)
{
	percpu_flush();
	transfer_squeeze();
}

/* A stack that was not touched since the last look keeps a quarter. */
static void slab_trim_idle(struct percpu_slab *slab)
{
	unsigned int cls;

	for (cls = 1; cls <= SIZECLASS_COUNT; cls++) {
		unsigned int have = slab_count(slab, cls);

		if (slab->seen[cls] == slab_top(slab, cls) && have)
			slab_drain(slab, cls, have / 4);
	}
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		slab->seen[cls] = (uint16_t)slab_top(slab, cls);
}

/* Look at one CPU, the lock being held. */
static void cpu_look(unsigned int cpu)
{
	struct percpu_slab *slab = percpu_hot.slab[cpu];
	uint64_t shape;

	if (slab == &percpu_none)
		return;
	shape = slab_shape(slab);
	if (slab->shape != shape) {
		slab->shape = shape;
		slab->quiet = 0;
		return;
	}
	if (++slab->quiet < QUIET_TICKS)
		return;
	slab = percpu_take(cpu);
	if (!slab)
		return;
	slab_empty(slab);
	slab->next = percpu.free;
	percpu.free = slab;
	percpu.drains++;
}

/**
 * percpu_tidy - look at what this CPU's slab keeps without need
 * @all: and at the transfer caches, and at the clock
 *
 * Time here is counted in misses: a program that goes from one size to the next
 * leaves caches behind long before a clock would tell.
 */
void percpu_tidy(bool all)
{
	struct percpu_slab *slab;
	long here;

	shim_lock_acquire(&percpu.lock);
	slab = rseq_detach(percpu_hot.rseq_off, percpu_hot.slab, &percpu_none,
			   &here);
	if (slab) {
		slab_trim_idle(slab);
		percpu_give(slab, (unsigned int)here);
	}
	shim_lock_release(&percpu.lock);
	if (all) {
		transfer_plunder();
		percpu_idle();
	}
}

/* Is it time for a look, and nobody else's? */
static bool tick_is_due(void)
{
	uint64_t now = clock_coarse();
	uint64_t due = __atomic_load_n(&percpu.tick, __ATOMIC_RELAXED);

	return now >= due &&
	       __atomic_compare_exchange_n(&percpu.tick, &due, now + TICK_NS,
					   false, __ATOMIC_RELAXED,
					   __ATOMIC_RELAXED) && due;
}

/* What any thread may do, one without sequences as well. */
static void look_around(void)
{
	struct percpu_slab *slab;
	unsigned int cpu;

	if (percpu.rseq) {
		shim_lock_acquire(&percpu.lock);
		for (cpu = 0; cpu < percpu.ncpus; cpu++)
			cpu_look(cpu);
		shim_lock_release(&percpu.lock);
	}
	for (cpu = 0; cpu < PERCPU_MAX_LOCKED; cpu++) {
		slab = locked_slab(cpu);
		if (!slab || !shim_lock_try(&slab->lock))
			continue;
		slab_trim_idle(slab);
		shim_lock_release(&slab->lock);
	}
	transfer_plunder();
}

void percpu_idle(void)
{
	struct percpu_slab *slab;
	long here;

	if (!tick_is_due())
		return;
	if (percpu.rseq) {
		shim_lock_acquire(&percpu.lock);
		slab = rseq_detach(percpu_hot.rseq_off, percpu_hot.slab,
				   &percpu_none, &here);
		if (slab) {
			slab_trim_idle(slab);
			percpu_give(slab, (unsigned int)here);
		}
		shim_lock_release(&percpu.lock);
	}
	look_around();
}

/* Run @fn over every slab, the percpu lock being held. */
static void slabs_each(void (*fn)(const struct percpu_slab *slab, void *arg),
		       void *arg)
{
	unsigned int i;

	for (i = 0; percpu.rseq && i < percpu.ncpus; i++)
		if (percpu_hot.slab[i] != &percpu_none)
			fn(percpu_hot.slab[i], arg);
	for (i = 0; i < PERCPU_MAX_LOCKED; i++)
		if (locked_slab(i))
			fn(locked_slab(i), arg);
}

static void slab_add_stat(const struct percpu_slab *slab, void *arg)
{
	struct percpu_stat *st = arg;
	unsigned int cls;

	st->attached++;
	st->capacity += slab->bytes;
	st->underflows += slab->underflows;
	st->overflows += slab->overflows;
	for (cls = 1; cls <= SIZECLASS_COUNT; cls++)
		st->bytes += (size_t)slab_count(slab, cls) *
			     sizeclass_info[cls].size;
}

void percpu_get_stat(struct percpu_stat *st)
{
	*st = (struct percpu_stat){ 0 };
	shim_lock_acquire(&percpu.lock);
	slabs_each(slab_add_stat, st);
	st->slabs = percpu.nslabs;
	st->limit = percpu.limit;
	st->cpus = percpu.ncpus;
	st->steals = percpu.steals;
	st->drains = percpu.drains;
	st->resizes = percpu.resizes;
	st->rseq = percpu.rseq;
	st->mm_cid = percpu.mm_cid;
	shim_lock_release(&percpu.lock);
}

struct class_sum {
	unsigned int cls;
	size_t bytes;
};

static void slab_add_class(const struct percpu_slab *slab, void *arg)
{
	struct class_sum *sum = arg;

	sum->bytes += (size_t)slab_count(slab, sum->cls) *
		      sizeclass_info[sum->cls].size;
}

size_t percpu_class_bytes(unsigned int cls)
{
	struct class_sum sum = { .cls = cls };

	shim_lock_acquire(&percpu.lock);
	slabs_each(slab_add_class, &sum);
	shim_lock_release(&percpu.lock);
	return sum.bytes;
}

void percpu_fork_prepare(void)
{
	shim_lock_fork_prepare(&percpu.lock);
	locked_fork_prepare();
}

void percpu_fork_parent(void)
{
	locked_fork_parent();
	shim_lock_fork_parent(&percpu.lock);
}

/*
 * Sequences that other threads had under way at the fork do not exist here: what
 * they had not committed was written above cur.  The registration for the fence
 * is the process's own.
 */
void percpu_fork_child(void)
{
	locked_fork_child();
	shim_lock_fork_child(&percpu.lock);
	if (percpu.rseq)
		fence_register();
}
