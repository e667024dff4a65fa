/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * percpu_int: what the files of the percpu layer share.
 *
 *   percpu.c        sequences on attached slabs, and what follows a miss
 *   percpu_boot.c   the choice between sequences and locks, fork
 *   percpu_stat.c   the numbers
 *   percpu_idle.c   emptying caches: idle CPUs, flush
 *   percpu_keep.c   large spans that CPUs keep
 *   percpu_lock.c   the fallback: slabs behind locks, never attached
 *   percpu_own.c    which CPU has which slab
 *   percpu_near.c   which CPUs share a hardware cache
 *   percpu_key.c    the processor's own word on that
 *   percpu_stack.c  how large a stack may be; the caller owns the slab
 *   percpu_slab.c   the slab itself
 *
 * Calls go down this list only.
 */
#ifndef SHIM_PERCPU_INT_H
#define SHIM_PERCPU_INT_H

#include "base/node.h"
#include "percpu.h"
#include "transfer.h"

#define PERCPU_MAX_LOCKED	64	/* slabs of the fallback */

/*
 * Locks for threads that change their CPU's slab.  One for each of 64 CPUs
 * fills 4 KiB.  On larger machines several CPUs share a lock; a thread that
 * finds it taken uses the layer below instead, so more locks would hardly help.
 */
#define PERCPU_OWNERS		64

/**
 * struct percpu - the state of the layer
 * @lock: guards every field that is not atomic, all slabs that are on no CPU,
 *	and every change of percpu_hot.slab[] except those of own_begin()
 * @ncpus: CPUs the kernel may have: entries of percpu_hot.slab[] in use
 * @nallowed: CPUs the process could run on at boot: slabs of the fallback
 * @limit: how many slabs there may be
 * @nslabs: how many slabs there are
 * @free: slabs that are empty and on no CPU
 * @spare: the memory of one that has been replaced by a deeper one
 * @threads: threads seen, where the kernel does not maintain mm_cid
 * @rseq: sequences are in use; written at boot
 * @no_fence: the kernel refuses own_take()'s fence
 * @mm_cid: rseq_mm_cid() is maintained; written at boot
 * @budget: from percpu_set_budget()
 * @steal_window: when @steal_count was last set to 0 because it was high
 * @steal_count: steals since then
 * @tick: when percpu_idle() is due, read without the lock
 * @capacity: bytes that the stacks of all slabs with a CPU, and of those behind
 *	locks, may hold together; atomic
 * @sheds: atomic
 * @resizes: atomic
 * @several: there was more than one slab; atomic, set once
 */
struct percpu {
	struct shim_lock lock;
	uint32_t ncpus;
	uint32_t nallowed;
	uint32_t limit;
	uint32_t nslabs;
	struct percpu_slab *free;
	struct percpu_slab *spare;
	uint32_t threads;
	bool rseq;
	bool no_fence;
	bool mm_cid;
	size_t budget;
	uint64_t steal_window;
	uint32_t steal_count;
	uint64_t tick;
	size_t capacity;
	uint64_t steals;
	uint64_t drains;
	uint64_t sheds;
	uint64_t resizes;
	bool several;
};

extern struct percpu percpu __attribute__((visibility("hidden")));

/*
 * Headers of full and empty stacks, never written after boot: for CPUs that
 * have no slab, and for those whose slab is being changed.
 */
extern struct percpu_slab percpu_none
	__attribute__((visibility("hidden")));
extern struct percpu_slab percpu_busy
	__attribute__((visibility("hidden")));

/* Is a value of percpu_hot.slab[] one of these rather than a slab? */
static inline bool percpu_is_closed(const struct percpu_slab *slab)
{
	return slab == &percpu_none || slab == &percpu_busy;
}

/* The NUMA node of this thread's CPU, as a domain. */
static inline unsigned int percpu_node(void)
{
	return node_of_cpu() % TRANSFER_DOMAINS;
}

/* percpu_near.c: each CPU's domain and one, 0 as long as it is not known */
extern uint8_t percpu_near[PERCPU_MAX_CPUS]
	__attribute__((visibility("hidden")));
unsigned int near_domain(void);

/* percpu_key.c */
bool key_read(uint32_t *key);

/*
 * The domain of this thread's CPU, a hint: those CPUs that share its last level
 * cache where the processor says which these are, else its node.  A process that
 * never had two slabs has nobody to share with, and does not ask.
 */
static inline unsigned int percpu_domain(void)
{
	if (!__atomic_load_n(&percpu.several, __ATOMIC_RELAXED))
		return percpu_node();
	return near_domain();
}

/**
 * struct percpu_own - a slab that a thread took from its CPU
 * @slab: the slab
 * @cpu: the CPU that it belongs to
 * @stripe: index of the owner's lock
 */
struct percpu_own {
	struct percpu_slab *slab;
	long cpu;
	unsigned int stripe;
};

/* percpu_lock.c: slabs of threads without sequences; read by inspect.c, too. */
extern struct percpu_slab *percpu_locked[PERCPU_MAX_LOCKED]
	__attribute__((visibility("hidden")));

/* percpu_own.c; the lock is held, except by own_here() and own_stamp(). */
struct percpu_slab *own_take(unsigned int cpu);
void own_give(struct percpu_slab *slab, unsigned int cpu);
struct percpu_slab *own_here(void);
bool own_is_single(void);
void own_stamp(struct percpu_slab *slab);

/* percpu_own.c; the lock is not held, and no thread waits for another. */
bool own_begin(struct percpu_own *own);
void own_end(const struct percpu_own *own);
struct percpu_slab *own_deepen(struct percpu_own *own);
void own_spare(struct percpu_slab *slab);
void own_fork_prepare(void);
void own_fork_parent(void);
void own_fork_child(void);

/* percpu_keep.c; see there. */
#define KEPT_ALL	(((uint64_t)1 << PERCPU_KEPT) - 1)

unsigned int kept_take(struct percpu_slab *slab, uint64_t which,
		       struct span **span);
bool kept_is_deep(const struct percpu_slab *slab);
void kept_empty(struct percpu_slab *slab);
void kept_trim_idle(struct percpu_slab *slab);
unsigned int kept_take_here(struct span **span);

/* percpu_idle.c; no lock is held. */
void percpu_tidy(bool all);
void percpu_recall(unsigned int cls);

/* percpu_stack.c; see there. */
unsigned int stack_missed(struct percpu_slab *slab, unsigned int cls,
			  enum percpu_miss miss);
unsigned int stack_bulk(const struct percpu_slab *slab, unsigned int cls);
bool stack_may_grow(const struct percpu_slab *slab, unsigned int cls,
		    unsigned int cap);
bool stack_grow(struct percpu_slab *slab, unsigned int cls, unsigned int cap);
bool stack_needs_slots(const struct percpu_slab *slab, unsigned int cls,
		       unsigned int cap);
bool stack_is_deep(const struct percpu_slab *slab);
bool stack_has_surplus(const struct percpu_slab *slab);
void stack_shed(struct percpu_slab *slab, unsigned int not);
void stack_drain(struct percpu_slab *slab, unsigned int cls, unsigned int keep);

#define PERCPU_BULK_RUN	16u

/**
 * stack_batch - how many objects should go through the layers below at once
 * @slab: any slab; racy if it is attached, and only a hint
 * @cls: class
 *
 * In a long row of misses more of them follow: a larger batch, of which the locks
 * and the calls are a smaller part, but no more than a stack has room for.
 *
 * Return: 1 to SIZECLASS_BULK_MAX.
 */
static inline unsigned int stack_batch(const struct percpu_slab *slab,
				       unsigned int cls)
{
	if (slab->run[cls] < PERCPU_BULK_RUN)
		return sizeclass_info[cls].batch;
	return stack_bulk(slab, cls);
}

/*
 * percpu_lock.c: percpu_get() and so on for a thread without sequences.  @due
 * is set when enough misses have passed for percpu_idle() to be called.
 */
void *locked_get(unsigned int cls, bool *due);
void locked_put(unsigned int cls, void *p);
void locked_flush(void);
struct percpu_slab *locked_slab(unsigned int i);
void locked_fork_prepare(void);
void locked_fork_parent(void);
void locked_fork_child(void);

#endif /* SHIM_PERCPU_INT_H */
