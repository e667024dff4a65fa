/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * percpu: each CPU's stacks of free objects.
 *
 * The inline functions are the fast path: a restartable sequence, no lock and
 * no atomic instruction.  They miss when the stack is empty or full, when the
 * CPU has no slab yet, when the thread has no rseq, and before boot.  After a
 * miss the caller calls percpu_get() or percpu_put().
 */
#ifndef SHIM_PERCPU_H
#define SHIM_PERCPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "percpu_slab.h"
#if defined(__x86_64__) && !defined(SHIM_NO_RSEQ)
#include "rseq_x86_64.h"
#elif defined(__aarch64__) && !defined(SHIM_NO_RSEQ)
#include "rseq_aarch64.h"
#else
#include "rseq_none.h"
#endif

#define PERCPU_MAX_CPUS	8192	/* NR_CPUS of the largest kernels */

/**
 * struct percpu_hot - what the fast path reads
 * @small_max: requests up to here may use percpu_pop_small(); 0 before boot, and
 *	while every request must be seen (guard, check), or some (@asks)
 * @mid_max: the same for percpu_pop(), in bytes above SIZECLASS_SMALL_MAX
 * @kept_max: the same for percpu_take_kept(), in pages above PERCPU_KEPT_MIN
 * @long_max: the same for percpu_take_long()
 * @rseq_off: offset of the thread's rseq area from the thread pointer; such an
 *	area always exists after the first allocation
 * @deep: some stack has had more than its budget; never reset; atomic
 * @asks: requests are to call percpu_ask(), so @small_max is 0; atomic
 * @none: the slab of CPUs -2 and -1, that is, of threads without rseq
 * @slab: by CPU; &percpu_none for a CPU that has none, &percpu_busy while a
 *	thread that ran there changes the CPU's
 *
 * Written at boot; @asks, @small_max and @slab also with the percpu lock held, and
 * @slab without it from a slab to &percpu_busy and back, by own_begin().
 */
struct percpu_hot {
	size_t small_max;
	size_t mid_max;
	size_t kept_max;
	size_t long_max;
	uintptr_t rseq_off;
	bool deep;
	bool asks;
	void *none[2];
	void *slab[PERCPU_MAX_CPUS];
};

extern struct percpu_hot percpu_hot __attribute__((visibility("hidden")));

bool percpu_here_is_deep(void);		/* for percpu_is_deep() */

/**
 * struct percpu_stat - all CPUs' caches
 * @slabs: slabs made
 * @attached: how many of these are on a CPU
 * @limit: how many slabs there may be, which follows the process's concurrency
 * @cpus: CPUs that the kernel may have
 * @bytes: bytes of free objects in them
 * @capacity: bytes they may hold
 * @underflows: misses of allocation
 * @overflows: misses of free
 * @steals: slabs taken from one CPU for another
 * @drains: slabs emptied because their CPU was idle
 * @sheds: times a surplus was taken out before the heap grew
 * @resizes: stacks that grew
 * @kept: bytes of large spans that CPUs keep, not in @bytes
 * @rseq: 1 if restartable sequences are in use, 0 for locks
 * @mm_cid: 1 if the kernel maintains concurrency ids (mm_cid)
 *
 * The sums over slabs in use are snapshots.
 */
struct percpu_stat {
	size_t slabs;
	size_t attached;
	size_t limit;
	size_t cpus;
	size_t bytes;
	size_t capacity;
	uint64_t underflows;
	uint64_t overflows;
	uint64_t steals;
	uint64_t drains;
	uint64_t sheds;
	uint64_t resizes;
	uint64_t kept;
	uint64_t rseq;
	uint64_t mm_cid;
};

/**
 * percpu_pop_small - the fast path of malloc()
 * @idx: (size - 1) / 16, the size being 1 to percpu_hot.small_max
 *
 * Return: an object, or NULL on a miss.
 */
static inline __attribute__((always_inline)) void *percpu_pop_small(size_t idx)
{
	return rseq_pop_small(percpu_hot.rseq_off, percpu_hot.slab, idx);
}

/**
 * percpu_pop - the same for a class
 * @cls: size class; percpu_hot.mid_max is not 0
 *
 * Return: an object, or NULL on a miss.
 */
static inline void *percpu_pop(unsigned int cls)
{
	return rseq_pop(percpu_hot.rseq_off, percpu_hot.slab, cls);
}

/**
 * percpu_push - the fast path of free()
 * @cls: from pagemap_class(), which may be any byte
 * @p: the object
 *
 * Return: false on a miss; the object is not freed then.
 */
static inline __attribute__((always_inline)) bool percpu_push(size_t cls,
							      void *p)
{
	return rseq_push(percpu_hot.rseq_off, percpu_hot.slab, cls, p);
}

/**
 * percpu_take_kept - take a large object that this CPU keeps
 * @k: pages above PERCPU_KEPT_MIN, less than percpu_hot.kept_max
 * @p: set to an object of that length, which is shown in the page map again
 *
 * One that is shown there has an owner: two threads have freed it at one moment.
 *
 * Return: false if there is none.
 */
static inline __attribute__((always_inline)) bool percpu_take_kept(size_t k, void **p)
{
	size_t class = PERCPU_KEPT_CLASS + k;
	uint8_t *at;

	if (__builtin_expect(!rseq_take(percpu_hot.rseq_off, percpu_hot.slab,
					class, p, &at), 0))
		return false;
	if (__builtin_expect(__atomic_load_n(at, __ATOMIC_RELAXED) !=
			     PAGEMAP_NONE, 0))
		shim_die(SHIM_DIE_DOUBLE, *p, 0);
	__atomic_store_n(at, (uint8_t)class, __ATOMIC_RELAXED);
	return true;
}

/**
 * percpu_take_long - take a large span that this CPU keeps
 * @k: pages above PERCPU_KEPT_MIN, from PERCPU_KEPT_EXACT on and less than
 *	percpu_hot.long_max
 *
 * Return: a span of that length, or of a few pages more, for large_retake(), or NULL.
 */
struct span *percpu_take_long(size_t k);

/**
 * percpu_keep - have this CPU keep a large object that was freed
 * @class: as stored in the page map, PAGEMAP_LARGE or more
 * @p: the object; hidden, and hence nobody else's
 * @at: pagemap_class_at() of it
 *
 * Return: false on a miss.
 */
static inline __attribute__((always_inline)) bool percpu_keep(size_t class,
							      void *p, uint8_t *at)
{
	/* in place of PAGEMAP_LARGE itself there is no room on any CPU */
	return rseq_keep(percpu_hot.rseq_off, percpu_hot.slab, class, p, at);
}

/**
 * percpu_keep_new - have this CPU keep a large span after a miss
 * @s: from large_leave()
 *
 * Of those that share a stack, and of a length that is new to this CPU.
 *
 * Return: false if it does not keep it; the caller passes it to large_keep() then.
 */
bool percpu_keep_new(struct span *s);

/**
 * percpu_get - get an object after a miss
 * @cls: size class
 *
 * Return: an object, or NULL if the system has no memory.
 */
void *percpu_get(unsigned int cls);

/**
 * percpu_put - free an object after a miss
 * @cls: size class
 * @p: the object
 *
 * A pointer that has just been freed is reported and the process aborted.
 */
void percpu_put(unsigned int cls, void *p);

/**
 * percpu_get_uncached - get an object, leaving nothing in a cache
 * @cls: size class
 *
 * Return: an object, or NULL if the system has no memory.
 */
void *percpu_get_uncached(unsigned int cls);

/**
 * percpu_put_uncached - give an object straight to its span
 * @cls: size class
 * @p: the object
 *
 * A pointer that is not a live object is reported and the process aborted.
 */
void percpu_put_uncached(unsigned int cls, void *p);

/**
 * percpu_put_mixed - give an object of a mixed span straight to it
 * @p: the object; pagemap_class() is PAGEMAP_COMPOUND
 *
 * A pointer that is not a live object is reported and the process aborted.
 *
 * Return: false if another thread has what it takes; the object is not freed then.
 */
bool percpu_put_mixed(void *p);

/**
 * percpu_boot - choose between sequences and locks
 * @use_rseq: false to use locks whatever the system has
 *
 * Called once, before any other function here.
 */
void percpu_boot(bool use_rseq);

/**
 * percpu_has_rseq - does the process use restartable sequences
 */
bool percpu_has_rseq(void);

/**
 * percpu_open - let requests take the fast path
 * @open: false while every request must be seen
 */
void percpu_open(bool open);

/**
 * percpu_asks - is a request that is not on the fast path to call percpu_ask()
 */
static inline bool percpu_asks(void)
{
	return __atomic_load_n(&percpu_hot.asks, __ATOMIC_RELAXED);
}

/**
 * percpu_tick - look for a tick, and have requests look for the next one
 *
 * In misses.
 */
void percpu_tick(void);

/**
 * percpu_ask - ask whether a tick is due, which is then done
 *
 * Nothing on the fast path could: so that is closed for a while, to small requests,
 * by percpu_tick(), if something has stirred.  Opens it when that is over.  For
 * malloc_usable_size(), too, which asks as a request does.
 */
void percpu_ask(void);

/**
 * percpu_is_deep - does this CPU's slab have room for more than it should keep
 *	while the heap grows
 *
 * A hint, and false for a thread without sequences.
 */
static inline bool percpu_is_deep(void)
{
	return __builtin_expect(__atomic_load_n(&percpu_hot.deep,
						__ATOMIC_RELAXED), 0) &&
	       percpu_here_is_deep();
}

/**
 * percpu_shed - give the layers below what the heap would otherwise grow for
 *
 * Called before the heap grows, where percpu_is_deep() says so: a part of what
 * this CPU's stacks hold goes back to its spans, unless it is little.
 */
void percpu_shed(void);

/**
 * percpu_flush - empty the caches of all CPUs into the layers below
 *
 * Other threads go on and may fill them again.
 */
void percpu_flush(void);

/**
 * percpu_squeeze - the same, and give back the memory of what is free below
 */
void percpu_squeeze(void);

/**
 * percpu_idle - do the work that is due after some time
 *
 * Empties the slabs of idle CPUs and the idle stacks of busy ones, and lets the
 * transfer cache shrink.  Called on misses, and by entry.
 */
void percpu_idle(void);

/**
 * percpu_last_look - report what was freed twice, or inside an object
 *
 * When the process ends: as far as the caches tell, in a process with one thread.
 */
void percpu_last_look(void);

/**
 * percpu_set_budget - bytes of free objects one CPU may keep
 * @bytes: the budget; 0 means to follow the size of the heap
 */
void percpu_set_budget(size_t bytes);

/**
 * percpu_get_stat - take the numbers
 * @st: filled in
 */
void percpu_get_stat(struct percpu_stat *st);

/**
 * percpu_class_bytes - bytes of one class in all CPUs' caches, a snapshot
 * @cls: size class
 */
size_t percpu_class_bytes(unsigned int cls);

void percpu_fork_prepare(void);
void percpu_fork_parent(void);
void percpu_fork_child(void);

#endif /* SHIM_PERCPU_H */
